"""What chat and embedding requests share: a reserve, a place under the limits, tries, an entry in the ledger."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from tui.core.conversation import Cost
from tui.core.events import JobState
from tui.core.formats import duration
from tui.core.ledger import (
    STOPPED,
    ZERO,
    NewRequest,
    OverBudget,
    RequestKind,
    RequestState,
    Reserved,
    Settlement,
    Take,
    cost_of,
)
from tui.core.requests import Quote, is_free_id
from tui.database import estimates, ledger, limits
from tui.database.columns import day_number, month_start
from tui.database.thread import StorageFailed
from tui.openrouter.chat import Usage
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean, Opaque
from tui.worker.key_ring import Key
from tui.worker.retry import plan_again

if TYPE_CHECKING:
    from tui.worker.context import WorkerContext

T = TypeVar("T")
_jitter = random.Random()


class BudgetRefused(Exception):
    """A budget would be passed; nothing was written and nothing sent."""

    def __init__(self, refusal: OverBudget) -> None:
        super().__init__(refusal.budget)
        self.refusal = refusal


@dataclass(slots=True)
class PaidRequest:
    """One request from its reserve to its bill; its id is ours, since generation ids may be missing or repeated."""

    context: WorkerContext
    job_id: str
    kind: RequestKind
    model: Opaque
    quote: Quote
    max_tokens: int | None
    counted_prompt_tokens: int
    """By our own count, before what earlier bills taught is applied."""
    wait_s: float
    conversation_id: str | None = None
    message_id: str | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    tries: int = 0
    key: Key | None = None
    sent_at: float | None = None
    """Monotonic time of the latest try that was sent."""
    reserved: bool = False
    """It is written down, so that it has to be settled."""
    in_flight: bool = False
    """The latest try may have reached the server, and no refusal of it has come."""
    _try_id: int | None = None
    _refused: set[str] = field(default_factory=set)
    _wait_left_s: float = 0.0

    async def reserve(self, *, allow: bool) -> tuple[Clean, ...]:
        """Check the budgets and write the request down; answers with warnings, raises `BudgetRefused`.

        Where earlier spending is not known, whatever costs money is asked about first; `allow` is the answer.
        """
        budget = self.context.settings.budget
        if not allow and self.quote.reserve_usd != 0 and self._earlier_unknown():
            raise BudgetRefused(
                OverBudget(
                    budget="session",
                    limit_usd=None,
                    spent_usd=ZERO,
                    reserved_usd=ZERO,
                    this_usd=self.quote.reserve_usd,
                    action="ask",
                    earlier_unknown=True,
                )
            )
        outcome = await self.context.database.run(
            ledger.reserve,
            NewRequest(
                id=self.id,
                kind=self.kind,
                origin=self.context.origin,
                created_at=self.context.server_now(),
                model=self.model,
                conversation_id=self.conversation_id,
                message_id=self.message_id,
                reserve_usd=self.quote.reserve_usd,
                estimate_usd=self.quote.likely_usd,
                prompt_tokens_estimate=self.quote.prompt_tokens,
            ),
            limits={
                "session": budget.session,
                "day": budget.day,
                "month": budget.month,
                "request": budget.request,
            },
            action=budget.action,
            allow=allow,
            process=self.context.process_id,
            now=self.context.server_now(),
        )
        match outcome:
            case Reserved(warnings=warnings):
                self.reserved = True
                return warnings
            case OverBudget():
                raise BudgetRefused(outcome)

    def _earlier_unknown(self) -> bool:
        """Whether a budget cannot be sure: this run found no ledger, or one was lost in a budget's day or month."""
        database, budget = self.context.database, self.context.settings.budget
        if database.ask_first or database.replaced_at is None:
            return database.ask_first
        lost, today = day_number(database.replaced_at), day_number(self.context.server_now())
        in_month = budget.month is not None and month_start(lost) == month_start(today)
        return in_month or (budget.day is not None and lost == today)

    async def send(self, attempt: Callable[[Key], Awaitable[T]]) -> T:
        """Try with one key after the other until an answer comes; raises the last `ApiError` or StorageFailed.

        `attempt` calls `sending()` and raises `ApiError` only while nothing of an answer has come. In all at most
        `wait_s` seconds are spent waiting for room under the limits and between tries.
        """
        self._wait_left_s = self.wait_s
        refusal: ApiError | None = None
        while True:
            key = await self._take_place(refusal)
            self.tries += 1
            self._say(JobState.SENT)
            try:
                await self.context.database.run(ledger.mark_sent, self.id, self.context.server_now())
            except BaseException:
                # Stopped, or it could not be written down: nothing was sent.
                self._give_back()
                raise
            try:
                return await attempt(key)
            except ApiError as error:
                refusal = error
                await self._plan_next(key, error)

    def sending(self) -> float:
        """Called by an attempt right before it sends; answers with the monotonic time."""
        self.in_flight = True
        self.sent_at = time.monotonic()
        return self.sent_at

    async def _take_place(self, refusal: ApiError | None) -> Key:
        """A key with room for one more try; where there is none, what an earlier try's refusal said stands."""
        began = time.monotonic()
        try:
            place = await self.context.keys.take(
                Take(
                    request_id=self.id,
                    account="",
                    key_tail=Clean(""),
                    limits=self.context.keys.limits,
                    tokens=self.quote.prompt_tokens + (self.max_tokens or self.quote.completion_tokens),
                    is_free_model=is_free_id(self.model),
                ),
                refused=self._refused,
                wait_s=self._wait_left_s,
                waits=self._say_waiting,
            )
        except ApiError as error:
            if refusal is not None and error.kind in (ErrorKind.NO_KEY, ErrorKind.BAD_KEY):
                raise refusal from None
            raise
        self._waited(began)
        self.key, self._try_id = place.key, place.try_id
        return place.key

    async def _plan_next(self, key: Key, error: ApiError) -> None:
        """Wait for the next try, or raise the error that stands."""
        if not error.outcome_unknown:
            # Refused: should this process die or the user stop it now, nothing is owed for it.
            self.in_flight = False
            await self.context.kept(
                self.context.database.run(ledger.mark_sent, self.id, None), "A refused request was not noted"
            )
        if not error.request_written:
            self._give_back()
        self.context.note_server_date(error.server_date)
        others = await self._note_failure(key, error)
        again = plan_again(error, self.tries, other_key=others, jitter=_jitter)
        if again is None or again.delay_s > self._wait_left_s:
            raise error
        if again.other_key:
            if error.kind is not ErrorKind.RATE_LIMITED:
                self._refused.add(key.account)
            self._say(JobState.WAITING, Clean(f"↻ {error.message} Trying another key."))
            return
        if error.kind is not ErrorKind.RATE_LIMITED:
            # A key that was rate limited rests, and taking the next place waits for it.
            self._say(
                JobState.WAITING,
                Clean(f"↻ {error.message} Trying again in {duration(again.delay_s)}."),
                time.time() + again.delay_s,
            )
            began = time.monotonic()
            await asyncio.sleep(again.delay_s)
            self._waited(began)

    async def _note_failure(self, key: Key, error: ApiError) -> bool:
        """Hold against the key what the error says of it; answers whether another key might serve instead."""
        try:
            await self.context.keys.note_failure(key, error)
            return await self.context.keys.has_other(key, self._refused, ready=error.kind is ErrorKind.RATE_LIMITED)
        except StorageFailed as failed:
            self.context.warn(Clean(f"What became of key {key.tail} was not noted: {failed.message}"))
            return False

    def _waited(self, began: float) -> None:
        self._wait_left_s = max(0.0, self._wait_left_s - (time.monotonic() - began))

    def _give_back(self) -> None:
        """The try did not reach the server: its place is free again."""
        if self._try_id is not None:
            self.context.database.post(limits.give_back, self._try_id)
            self._try_id = None

    async def settle(
        self,
        state: RequestState,
        *,
        usage: Usage | None = None,
        estimate_usd: Decimal | None = None,
        model: Clean | None = None,
        provider: Clean | None = None,
        generation_id: Opaque | None = None,
        ttft_ms: int | None = None,
        error: ApiError | None = None,
        finish_reason: Clean | None = None,
        stopped: bool = False,
        failure: str | None = None,
    ) -> Cost:
        """Write down how the request ended; the answer is the figure to show. A failure to write is told.

        `failure` is the kind of one that came without an error: the reply simply broke off.
        """
        usage = usage or Usage()
        run = self.context.database.run
        if state is RequestState.FREE and self.sent_at is None:
            self._give_back()
        written = run(
            ledger.settle,
            Settlement(
                request_id=self.id,
                state=state,
                ended_at=self.context.server_now(),
                cost_usd=usage.cost_usd,
                upstream_usd=usage.upstream_cost_usd,
                is_byok=usage.is_byok,
                estimate_usd=estimate_usd,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                reasoning_tokens=usage.reasoning_tokens,
                cached_tokens=usage.cached_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                model_answered=model,
                provider=provider,
                generation_id=generation_id,
                ttft_ms=ttft_ms,
                duration_ms=None if self.sent_at is None else round((time.monotonic() - self.sent_at) * 1000),
                tries=self.tries,
                status=error.status if error else 200,
                error_kind=error.kind.value if error else STOPPED if stopped else failure,
                finish_reason=finish_reason,
            ),
        )
        await self.context.kept(self._settled(written, usage), "What a request cost was not written down")
        return cost_of(state, usage, estimate_usd)

    async def _settled(self, written: Awaitable[None], usage: Usage) -> None:
        run = self.context.database.run
        await written
        if self._try_id is not None and usage.prompt_tokens is not None:
            tokens = usage.prompt_tokens + (usage.completion_tokens or 0)
            await run(limits.correct_take, self._try_id, tokens)
        if usage.prompt_tokens:
            await run(
                estimates.learn_ratio,
                self.context.origin,
                self.model,
                estimated=self.counted_prompt_tokens,
                billed=usage.prompt_tokens,
            )

    def _say(self, state: JobState, reason: Clean | None = None, until: float | None = None) -> None:
        self.context.job(
            self.job_id,
            "ask" if self.kind is RequestKind.CHAT else "embed",
            state,
            reason=reason,
            wait_until=until,
            tries=self.tries,
            key_tail=self.key.tail if self.key else None,
        )

    def _say_waiting(self, reason: Clean, until: float) -> None:
        self._say(JobState.WAITING, reason, until)
