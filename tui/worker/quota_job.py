"""What is left: of the key's limit, of the account's credits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from tui.core.events import JobState, QuotaRead
from tui.database import keys as key_table
from tui.database import limits
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


async def poll_quota(context: WorkerContext) -> None:
    """Ask the server and publish what it says; what it does not say is unknown, never 0."""
    if context.settings.provider.type != "openrouter":
        return
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
