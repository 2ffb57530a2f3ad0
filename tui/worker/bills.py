"""Collects the bills of replies that ended without one: stopped, cut off, outcome unknown."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tui.core.conversation import Receipt
from tui.core.events import BillArrived
from tui.core.ledger import RequestState, Settlement
from tui.database import chats, ledger
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.errors import ApiError
from tui.worker.paid_request import cost_of

if TYPE_CHECKING:
    from tui.database.ledger import AwaitedBill
    from tui.openrouter.chat import Generation
    from tui.worker.context import WorkerContext

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 1800.0


def pause_s(asks: int) -> float:
    """How long to wait after the n-th ask without an answer: 1, 2, 4 s … half an hour; the record appears late."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(asks, 11))


class BillCollector:
    """Asks `/generation` for each open bill, with the key that made the request, also after a restart."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A request has ended without a bill."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled: sleeps while nothing is awaited."""
        while True:
            try:
                next_at = await self._collect()
            except (StorageFailed, DatabaseClosed):
                return
            delay = None if next_at is None else max(0.05, next_at - time.time())
            try:
                async with asyncio.timeout(delay):
                    await self._woken.wait()
                self._woken.clear()
            except TimeoutError:
                continue

    async def _collect(self) -> float | None:
        """Ask for those whose time has come; answers with the time of the next (Unix seconds)."""
        context = self._context
        await context.database.run(ledger.expire_awaited, time.time())
        awaited = await context.database.run(ledger.awaiting, context.origin)
        settled = False
        for bill in awaited:
            if bill.next_ask_at is None or bill.next_ask_at <= time.time():
                settled = await self._ask_for(bill) or settled
        if settled:
            await context.sum_up()
        awaited = await context.database.run(ledger.awaiting, context.origin)
        return min((bill.next_ask_at or time.time() for bill in awaited), default=None)

    async def _ask_for(self, bill: AwaitedBill) -> bool:
        context = self._context
        if not await context.database.run(ledger.claim_bill, bill, time.time() + pause_s(bill.asks)):
            return False
        key = await context.keys.of_account(bill.account) if bill.account else None
        generation: Generation | None = None
        if key is not None and bill.generation_id is not None:
            try:
                client = await context.connection.client()
                generation = await client.generation(bill.generation_id, key.secret)
            except ApiError:
                generation = None
        if generation is None or generation.usage.cost_usd is None:
            return False
        usage = generation.usage
        await context.database.run(
            ledger.settle,
            Settlement(
                request_id=bill.request_id,
                state=RequestState.BILLED,
                ended_at=time.time(),
                cost_usd=usage.cost_usd,
                upstream_usd=usage.upstream_cost_usd,
                is_byok=usage.is_byok,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                reasoning_tokens=usage.reasoning_tokens,
                cached_tokens=usage.cached_tokens,
                model_answered=generation.model,
                provider=generation.provider,
            ),
        )
        message = await context.database.run(chats.message_of, bill.message_id) if bill.message_id else None
        if message is not None:
            receipt = replace(
                message.receipt or Receipt(),
                cost=cost_of(RequestState.BILLED, usage, None),
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                reasoning_tokens=usage.reasoning_tokens,
                cached_tokens=usage.cached_tokens,
                provider=generation.provider,
                model_answered=generation.model,
                generation_id=bill.generation_id,
                billing_note=None,
            )
            await context.database.run(chats.update_receipt, message.id, receipt)
            context.publish(
                BillArrived(conversation_id=message.conversation_id, message_id=message.id, receipt=receipt)
            )
        return True
