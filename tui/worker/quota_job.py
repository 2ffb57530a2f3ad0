"""What is left: of the key's limit, of the account's credits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from tui.core.events import ActivityRead, JobState, QuotaRead
from tui.database import keys as key_table
from tui.database import limits
from tui.database.spend import spend_days
from tui.database.thread import StorageFailed
from tui.openrouter.chat import Credits, KeyInfo
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean
from tui.worker.context import failure_of
from tui.worker.key_ring import no_key
from tui.worker.retry import repeat_get

if TYPE_CHECKING:
    from tui.core.conversation import Failure
    from tui.openrouter.client import OpenRouterClient
    from tui.worker.context import WorkerContext
    from tui.worker.key_ring import Key


_ACTIVITY_S: Final = 3600.0
"""Closed days do not change, but for late bills."""


async def poll_quota(context: WorkerContext) -> bool:
    """Ask the server and publish what it says; what it does not say is unknown, never 0.

    Answers whether it answered.
    """
    if context.settings.provider.type != "openrouter":
        return True
    context.job("quota", "quota", JobState.SENT)
    info: KeyInfo | None = None
    balance: Credits | None = None
    failure: Failure | None = None
    try:
        key = await context.keys.first()
        if key is None:
            raise no_key(context.settings.demo)
        client = await context.connection.client()
        info, key = await _key_info(context, client, key)
        # A key that answers works again, whatever was held against it; only a rest after a 429 runs on.
        await context.keys.note_answer(key)
        balance = await _credits(context, client, key)
        await save_quota(context, key, info, balance)
        await context.read_limits()
    except ApiError as error:
        failure = failure_of(error)
    except StorageFailed as error:
        context.warn(Clean(f"What is left was not kept: {error.message}"))
    finally:
        context.publish(QuotaRead(as_of=time.time(), key=info, credits=balance, failure=failure))
        context.job("quota", "quota", JobState.DONE if failure is None else JobState.FAILED)
    return failure is None


async def read_activity(context: WorkerContext) -> None:
    """Publish the account's closed days beside ours: asked once an hour, with the management key where there is one."""
    management = await context.keys.management()
    if management is None or context.settings.provider.type != "openrouter":
        return
    # Not before there is a management key: the first screen does not need them.
    from tui.core.spending import account_days
    from tui.openrouter.decode_account import activity_from
    from tui.openrouter.lenient import NotJson

    kept = await context.database.run(key_table.quota_reply, management.account, "activity")
    now, body, failure = time.time(), None, None
    if kept is not None and 0 <= now - kept.fetched_at < _ACTIVITY_S:
        body, now = kept.body, kept.fetched_at
    else:
        try:
            client = await context.connection.client()
            body = await repeat_get(lambda: client.activity(management.secret))
            _ = activity_from(body)
            await context.database.run(key_table.save_quota_reply, management.account, "activity", body, now)
        except (ApiError, NotJson) as error:
            failure = failure_of(error if isinstance(error, ApiError) else _unreadable_activity())
            body, now = (None, now) if kept is None else (kept.body, kept.fetched_at)
    days = activity_from(body) if body is not None else ()
    own = await context.database.run(spend_days, context.origin, [day.day for day in days])
    context.publish(ActivityRead(as_of=now, days=account_days(days, own), failure=failure))


def _unreadable_activity() -> ApiError:
    return ApiError(
        ErrorKind.UNREADABLE, Clean("The account's activity cannot be read."), advice=Clean("Try again later.")
    )


async def _key_info(context: WorkerContext, client: OpenRouterClient, key: Key) -> tuple[KeyInfo, Key]:
    """What the server says of the first key that it does not refuse; raises `ApiError` when it refuses all."""
    asked: set[str] = set()
    while True:
        asked.add(key.account)
        try:
            return await repeat_get(lambda secret=key.secret: client.key_info(secret)), key  # type: ignore[misc]
        except ApiError as error:
            if error.kind is not ErrorKind.BAD_KEY:
                raise
            await context.keys.note_failure(key, error)
            other = await context.keys.first()
            if other is None or other.account in asked:
                raise
            key = other


async def save_quota(context: WorkerContext, key: Key, info: KeyInfo, balance: Credits | None) -> None:
    """Keep what the server said, for `ortui quota` and the next start."""
    now = time.time()
    run = context.database.run
    await run(key_table.save_quota_reply, key.account, "key", msgspec.json.encode(info, enc_hook=str), now)
    if info.free_daily is not None:
        used, most = info.free_daily.used, info.free_daily.limit
        await run(limits.correct_free, key.account, context.server_now(), day_used=used, day_limit=most)
    if balance is not None:
        await run(key_table.save_quota_reply, key.account, "credits", msgspec.json.encode(balance), now)


async def read_quota(context: WorkerContext) -> QuotaRead | None:
    """What the server said last, with its time; None when it never did."""
    key = await context.keys.first()
    if key is None:
        return None
    kept = await context.database.run(key_table.quota_reply, key.account, "key")
    if kept is None:
        return None
    credits_kept = await context.database.run(key_table.quota_reply, key.account, "credits")
    try:
        info = msgspec.json.decode(kept.body, type=KeyInfo)
        balance = msgspec.json.decode(credits_kept.body, type=Credits) if credits_kept else None
    except msgspec.MsgspecError:
        return None
    return QuotaRead(as_of=kept.fetched_at, key=info, credits=balance)


async def _credits(context: WorkerContext, client: OpenRouterClient, key: Key) -> Credits | None:
    """The balance, where a key may read it; a refusal means that it is unknown, not that the key is broken."""
    management = await context.keys.management()
    try:
        return await client.credits((management or key).secret)
    except ApiError:
        return None
