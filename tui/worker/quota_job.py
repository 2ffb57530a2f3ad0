"""What is left: of the key's limit, of the account's credits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui.core.events import JobState, QuotaRead
from tui.database import keys as key_table
from tui.database.thread import StorageFailed
from tui.openrouter.errors import ApiError
from tui.openrouter.text import Clean
from tui.worker.context import failure_of
from tui.worker.key_ring import no_key
from tui.worker.retry import repeat_get

if TYPE_CHECKING:
    from tui.core.conversation import Failure
    from tui.openrouter.chat import Credits, KeyInfo
    from tui.openrouter.client import OpenRouterClient
    from tui.worker.context import WorkerContext
    from tui.worker.key_ring import Key


async def poll_quota(context: WorkerContext) -> None:
    """Ask the server and publish what it says; what it does not say is unknown, never 0."""
    if context.settings.provider.type != "openrouter":
        return
    context.job("quota", "quota", JobState.SENT)
    info: KeyInfo | None = None
    credits: Credits | None = None
    failure: Failure | None = None
    try:
        key = await context.keys.first()
        if key is None:
            raise no_key(context.settings.demo)
        client = await context.connection.client()
        info = await repeat_get(lambda: client.key_info(key.secret))
        # A key that answers works again, whatever was held against it; only a rest after a 429 runs on.
        await context.database.run(key_table.mark_working, key.account)
        credits = await _credits(context, client, key)
        await context.database.run(key_table.save_quota, key.account, info, credits, time.time())
    except ApiError as error:
        failure = failure_of(error)
    except StorageFailed as error:
        context.warn(Clean(f"What is left was not kept: {error.message}"))
    finally:
        context.publish(QuotaRead(as_of=time.time(), key=info, credits=credits, failure=failure))
        context.job("quota", "quota", JobState.DONE if failure is None else JobState.FAILED)


async def _credits(context: WorkerContext, client: OpenRouterClient, key: Key) -> Credits | None:
    """The balance, where a key may read it; a refusal means that it is unknown, not that the key is broken."""
    management = await context.keys.management()
    try:
        return await client.credits((management or key).secret)
    except ApiError:
        return None
