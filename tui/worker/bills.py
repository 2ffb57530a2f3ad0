"""Collects the bills of replies that ended without one: stopped, cut off, outcome unknown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.core.conversation import PART_UNREADABLE, Receipt
from tui.core.events import BillArrived
from tui.core.ledger import RequestState, Settlement, cost_of
from tui.database import chats, ledger
from tui.database.thread import StorageFailed
from tui.openrouter.errors import ApiError

if TYPE_CHECKING:
    from tui.database.ledger import AwaitedBill
    from tui.openrouter.chat import Generation
    from tui.worker.context import WorkerContext

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 1800.0
_LONGEST_SLEEP_S: Final = 3600.0
_AFTER_FAILURE_S: Final = 30.0


def pause_s(asks: int) -> float:
    """How long to wait after the n-th ask without an answer: 1, 2, 4 s … half an hour; the record appears late."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(asks, 11))


class BillCollector:
    """Asks `/generation` for each open bill, with the key that made the request, also after a restart."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._woken = asyncio.Event()
        self._receipts: dict[str, BillArrived] = {}
        """By request: what this process shows of replies whose bill is awaited."""

    def expect(self, request_id: str, shown: BillArrived | None) -> None:
        """A request has ended without a bill; `shown` is its receipt as it stands."""
        if shown is not None:
            self._receipts[request_id] = shown
        self._woken.set()

    def wake(self) -> None:
        """Another process may have got a bill."""
        if self._receipts:
            self._woken.set()

    async def run(self) -> None:
        """Until cancelled: sleeps while nothing is awaited."""
        while True:
            try:
                next_at = await self._collect()
            except StorageFailed:
                # Locked for long, or full: what is owed is asked for all the same later.
                next_at = time.time() + _AFTER_FAILURE_S
            delay = None if next_at is None else min(max(0.05, next_at - time.time()), _LONGEST_SLEEP_S)
            try:
                async with asyncio.timeout(delay):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()

    async def _collect(self) -> float | None:
        """Ask for those whose time has come; answers with the time of the next (Unix seconds)."""
        context = self._context
        expired = await context.database.run(ledger.expire_awaited, context.server_now())
        for bill in await self._awaited():
            if _is_due(bill, time.time()):
                await self._ask_for(bill)
        awaited = await context.database.run(ledger.awaiting, context.origin)
        await self._show_bills_of_others({bill.request_id for bill in awaited})
        if expired:
            await context.sum_up()
        askable = await self._askable(awaited)
        if not askable:
            return None if not awaited else time.time() + _LONGEST_SLEEP_S
        return min(bill.next_ask_at or time.time() for bill in askable)

    async def _awaited(self) -> list[AwaitedBill]:
        return await self._askable(await self._context.database.run(ledger.awaiting, self._context.origin))

    async def _askable(self, bills: Sequence[AwaitedBill]) -> list[AwaitedBill]:
        """Those that the server named, and whose key is here: others can be asked for by another process only."""
        accounts = {key.account for key in await self._context.keys.keys()}
        return [bill for bill in bills if bill.generation_id is not None and bill.account in accounts]

    async def _ask_for(self, bill: AwaitedBill) -> None:
        context = self._context
        key = await context.keys.of_account(bill.account) if bill.account else None
        if key is None or bill.generation_id is None:
            return
        if not await context.database.run(ledger.claim_bill, bill, time.time() + pause_s(bill.asks)):
            return
        try:
            client = await context.connection.client()
            generation = await client.generation(bill.generation_id, key.secret)
        except ApiError:
            return
        if generation is None or generation.usage.cost_usd is None:
            return
        usage = generation.usage
        await context.database.run(
            ledger.settle,
            Settlement(
                request_id=bill.request_id,
                state=RequestState.BILLED,
                ended_at=context.server_now(),
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
        await self._show(bill, generation)
        await context.sum_up()
        context.on_spent()
        context.on_turn_moved()

    async def _show(self, bill: AwaitedBill, generation: Generation) -> None:
        """Put the bill into the receipt, in the database and on the screen."""
        context, usage = self._context, generation.usage
        shown = self._receipts.pop(bill.request_id, None) or await self._stored_receipt(bill.message_id)
        if shown is None:
            return
        before = shown.receipt
        receipt = replace(
            before,
            cost=cost_of(RequestState.BILLED, usage, None),
            prompt_tokens=_known(usage.prompt_tokens, before.prompt_tokens),
            completion_tokens=_known(usage.completion_tokens, before.completion_tokens),
            reasoning_tokens=_known(usage.reasoning_tokens, before.reasoning_tokens),
            cached_tokens=_known(usage.cached_tokens, before.cached_tokens),
            provider=generation.provider or before.provider,
            model_answered=before.model_answered or generation.model,
            generation_id=bill.generation_id,
            billing_note=before.billing_note if before.billing_note == PART_UNREADABLE else None,
        )
        await context.chats_of(shown.conversation_id).run(chats.update_receipt, shown.message_id, receipt)
        context.publish(replace(shown, receipt=receipt))

    async def _stored_receipt(self, message_id: str | None) -> BillArrived | None:
        """The receipt of a reply that an earlier run, or another process, has asked for."""
        message = await self._context.database.run(chats.message_of, message_id) if message_id else None
        if message is None:
            return None
        return BillArrived(
            conversation_id=message.conversation_id, message_id=message.id, receipt=message.receipt or Receipt()
        )

    async def _show_bills_of_others(self, awaited: set[str]) -> None:
        """What another process has collected of our replies stands in their messages."""
        for request_id in [one for one in self._receipts if one not in awaited]:
            shown = self._receipts.pop(request_id)
            stored = await self._stored_receipt(shown.message_id)
            if stored is not None and stored.receipt != shown.receipt:
                self._context.publish(stored)


def _is_due(bill: AwaitedBill, now: float) -> bool:
    """Whether it may be asked for; a time further away than any pause says that the clock was set back."""
    at = bill.next_ask_at
    return at is None or at <= now or at > now + _LONGEST_PAUSE_S + 1


def _known(billed: int | None, before: int | None) -> int | None:
    return before if billed is None else billed
