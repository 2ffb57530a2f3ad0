"""One chat turn, from the question in the database to the bill in the ledger."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tui.core.billing_on_stop import stop_note
from tui.core.commands import Ask
from tui.core.conversation import Failure, Message, MessageState, Receipt
from tui.core.events import BudgetPassed, JobState, ReplyGrew, TurnEnded, TurnQueued
from tui.core.formats import money
from tui.core.ledger import OverBudget, RequestKind, RequestState
from tui.core.requests import UNKNOWN_COMPLETION_TOKENS, affordable_tokens, most_completion_tokens, quote
from tui.core.tokens import count_request_tokens
from tui.database import chats, estimates, ledger, settings_store, turns
from tui.database.thread import StorageFailed
from tui.openrouter.chat import ChatRequest
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean
from tui.worker.context import failure_of, undisturbed
from tui.worker.key_ring import Key
from tui.worker.paid_request import BudgetRefused, PaidRequest
from tui.worker.reply import GrowingReply

if TYPE_CHECKING:
    from tui.worker.context import WorkerContext

_SHOW_EVERY_S: Final = 1 / 30
_STORE_EVERY_S: Final = 0.1
_LEAST_TOKENS: Final = 16
"""Some providers refuse a smaller `max_tokens`."""


class AskJob:
    """Streams one reply. Whatever happens, it ends with the text kept, the ledger right and a `TurnEnded`."""

    def __init__(self, context: WorkerContext, ask: Ask) -> None:
        assert ask.settings.model is not None
        self._context = context
        self._ask = ask
        self._model = ask.settings.model
        self._paid: PaidRequest | None = None
        self._reply: GrowingReply | None = None
        self._parameters = ask.settings.parameters
        self._message = Message(
            id=ask.reply_id,
            conversation_id=ask.conversation_id,
            parent_id=ask.question.id if ask.question else ask.parent_id,
            role="assistant",
            text=Clean(""),
            created_at=time.time(),
            state=MessageState.WAITING,
            model=self._model.shown(),
        )
        """As it is in the database; the one on the screen belongs to the state."""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._part = 0
        self._unstored: list[chats.Part] = []
        self._shown_at = 0.0
        self._show_handle: asyncio.TimerHandle | None = None
        self._store_task: asyncio.Task[None] | None = None
        self._storing_failed = False
        self._counted = 0
        self._affordable: int | None = None
        self._named = False
        """Whether the ledger knows the generation's id, so that the bill can be asked for even after a crash."""

    async def run(self) -> None:
        """The whole turn; a cancelled one ends well before `CancelledError` goes on."""
        self._context.job(self._ask.reply_id, "ask", JobState.QUEUED)
        await undisturbed(self._write_turn())
        try:
            await self._reserve()
            assert self._paid is not None
            await self._paid.send(self._stream)
        except BudgetRefused as refused:
            await undisturbed(self._refuse(refused.refusal))
        except ApiError as error:
            await undisturbed(self._end(error, stopped=False))
        except asyncio.CancelledError:
            await undisturbed(self._end(None, stopped=True))
            raise
        else:
            ended = self._reply.ended if self._reply is not None else None
            await undisturbed(self._end(ended.error if ended else None, stopped=False))

    async def _write_turn(self) -> None:
        """The question and the empty reply, in the database before anything is sent."""
        ask = self._ask
        await self._context.database.run(
            turns.add_turn,
            conversation_id=ask.conversation_id,
            title=ask.title,
            settings=ask.settings,
            private=ask.private,
            question=ask.question,
            reply=self._message,
            process=self._context.process_id,
            now=time.time(),
        )
        await self._context.database.run(settings_store.note_use, self._context.origin, self._model, time.time())
        self._context.publish(
            TurnQueued(
                conversation_id=ask.conversation_id,
                title=ask.title,
                settings=ask.settings,
                private=ask.private,
                question=ask.question,
                reply=replace(self._message),
                replaces=ask.replaces,
            )
        )

    async def _reserve(self) -> None:
        context, ask = self._context, self._ask
        self._counted = await asyncio.to_thread(count_request_tokens, ask.history)
        ratio = await context.database.run(estimates.estimator_ratio, context.origin, self._model)
        prompt_tokens = max(1, round(self._counted * ratio))
        median = await context.database.run(estimates.completion_median, context.origin, self._model)
        likely = median or UNKNOWN_COMPLETION_TOKENS
        cap = context.settings.provider.limits.max_tokens
        wanted = self._parameters.max_tokens
        if cap is not None and (wanted is None or wanted > cap):
            wanted = cap
        blocks = context.settings.budget.action == "block" and _has_budget(context)
        longest = most_completion_tokens(context.model(self._model))
        if wanted is None and blocks:
            wanted = longest
        for _ in range(2):
            await self._reserve_with(prompt_tokens, likely, wanted)
            if self._paid is not None:
                return
            # Blocked, with no cap of the user's own: ask for only as much as what is left pays for.
            wanted = self._affordable
        raise AssertionError("unreachable: the second round reserves or raises")

    async def _reserve_with(self, prompt_tokens: int, likely: int, max_tokens: int | None) -> None:
        context, ask = self._context, self._ask
        pricing = context.pricing(self._model)
        now = context.server_now()
        searches = 1 if self._parameters.web_search else 0
        figures = quote(
            pricing,
            prompt_tokens=prompt_tokens,
            likely_tokens=likely,
            most_tokens=max_tokens or max(likely, UNKNOWN_COMPLETION_TOKENS),
            searches=searches,
            now=now,
        )
        paid = PaidRequest(
            context=context,
            job_id=ask.reply_id,
            kind=RequestKind.CHAT,
            model=self._model,
            quote=figures,
            max_tokens=max_tokens,
            counted_prompt_tokens=self._counted,
            wait_s=ask.wait_s,
            conversation_id=None if ask.private else ask.conversation_id,
            message_id=None if ask.private else ask.reply_id,
        )
        try:
            warnings = await paid.reserve(allow=ask.over_budget)
        except BudgetRefused as refused:
            left = refused.refusal.left_usd
            if self._parameters.max_tokens is None and refused.refusal.action == "block" and left is not None:
                affordable = affordable_tokens(pricing, left_usd=left, prompt_tokens=prompt_tokens, now=now)
                if affordable is not None and affordable >= _LEAST_TOKENS and affordable < (max_tokens or 0):
                    self._affordable = affordable
                    return
            raise
        self._paid = paid
        self._parameters = replace(self._parameters, max_tokens=max_tokens)
        for warning in warnings:
            context.warn(warning)

    async def _stream(self, key: Key) -> None:
        """One try: raises `ApiError` only while nothing has come."""
        paid = self._paid
        assert paid is not None
        client = await self._context.connection.client()
        request = ChatRequest(
            model=self._model, messages=self._ask.history, parameters=self._parameters, stream=self._ask.stream
        )
        paid.sent_at = time.monotonic()
        reply = self._reply = GrowingReply(
            prompt_tokens_estimate=paid.quote.prompt_tokens,
            pricing=self._context.pricing(self._model),
            sent_at=paid.sent_at,
            tries=paid.tries,
        )
        async with client.chat(request, key.secret) as stream:
            self._context.note_server_date(stream.server_date)
            reply.generation_id = stream.generation_id
            await self._context.keys.note_success(key)
            async for events in stream.batches():
                began = reply.began
                comments = reply.comments
                reply.take(events)
                if reply.began and not began:
                    self._context.job(
                        self._ask.reply_id, "ask", JobState.STREAMING, tries=paid.tries, key_tail=key.tail
                    )
                elif comments == 0 and reply.comments:
                    self._context.job(
                        self._ask.reply_id,
                        "ask",
                        JobState.SENT,
                        reason=Clean("the provider is working on it"),
                        tries=paid.tries,
                        key_tail=key.tail,
                    )
                if not self._named and reply.generation_id is not None:
                    await self._name(paid, reply)
                self._show_soon()

    async def _name(self, paid: PaidRequest, reply: GrowingReply) -> None:
        self._named = True
        await self._context.database.run(
            ledger.note_answer,
            paid.id,
            generation_id=reply.generation_id,
            model_answered=reply.model,
            provider=reply.provider,
        )

    def _show_soon(self) -> None:
        """Show and store what has come, but not more often than anybody can see or a crash may cost."""
        if self._show_handle is not None:
            return
        delay = max(0.0, self._shown_at + _SHOW_EVERY_S - time.monotonic())
        self._show_handle = asyncio.get_running_loop().call_later(delay, self._show)

    def _show(self) -> None:
        self._show_handle = None
        self._shown_at = time.monotonic()
        reply = self._reply
        if reply is None:
            return
        grown = self._take_pieces(reply)
        self._context.publish(replace(grown, receipt=reply.running_receipt()))
        if self._unstored and self._store_task is None and not self._ask.private and not self._storing_failed:
            self._store_task = asyncio.create_task(self._store_soon())

    def _take_pieces(self, reply: GrowingReply) -> ReplyGrew:
        text, reasoning, refusal = "".join(reply.text), "".join(reply.reasoning), "".join(reply.refusal)
        reply.text.clear()
        reply.reasoning.clear()
        reply.refusal.clear()
        self._refusal.append(refusal)
        self._reasoning.append(reasoning)
        self._text.append(text)
        if reasoning:
            self._unstored.append((self._ask.reply_id, self._part, "reasoning", Clean(reasoning)))
            self._part += 1
        if text:
            self._unstored.append((self._ask.reply_id, self._part, "text", Clean(text)))
            self._part += 1
        return ReplyGrew(
            conversation_id=self._ask.conversation_id,
            message_id=self._ask.reply_id,
            text=Clean(text),
            reasoning=Clean(reasoning),
            refusal=Clean(refusal),
            tool_calls=reply.tool_calls,
            citations=reply.citations,
            reasoning_seconds=reply.reasoning_seconds,
        )

    async def _store_soon(self) -> None:
        await asyncio.sleep(_STORE_EVERY_S)
        self._store_task = None
        await self._store()

    async def _store(self) -> None:
        parts, self._unstored = self._unstored, []
        if not parts or self._ask.private:
            return
        try:
            await self._context.database.run(chats.append_parts, parts)
        except StorageFailed as error:
            # The reply goes on on the screen; saying so once is enough.
            self._storing_failed = True
            self._context.warn(Clean(f"This reply is not being saved: {error.message}"))

    async def _refuse(self, refusal: OverBudget) -> None:
        failure = budget_failure(refusal)
        await self._finish(MessageState.FAILED, Receipt(tries=0), failure)
        if refusal.action == "ask":
            self._context.publish(BudgetPassed(self._ask.reply_id, refusal))

    async def _end(self, error: ApiError | None, *, stopped: bool) -> None:
        """Settle the money and close the message, whatever way the reply ended."""
        if self._show_handle is not None:
            self._show_handle.cancel()
            self._show_handle = None
        if self._store_task is not None:
            self._store_task.cancel()
            self._store_task = None
        paid, reply = self._paid, self._reply
        if reply is not None:
            grown = self._take_pieces(reply)
            if grown.text or grown.reasoning or grown.refusal:
                self._context.publish(grown)
            await self._store()
        if paid is None:
            # It was stopped, or failed, before it was even reserved.
            failure = None if error is None else failure_of(error)
            state = MessageState.STOPPED if stopped else MessageState.FAILED
            await self._finish(state, Receipt(tries=0), failure)
            return
        money_state = self._money_state(paid, reply, error, stopped=stopped)
        estimate = self._estimate(paid, reply)
        cost = await paid.settle(
            money_state,
            usage=reply.usage if reply else None,
            estimate_usd=None if money_state is RequestState.FREE else estimate,
            model=reply.model if reply else None,
            provider=reply.provider if reply else (error.provider if error else None),
            generation_id=(reply.generation_id if reply else None) or (error.generation_id if error else None),
            ttft_ms=reply.ttft_ms if reply else None,
            error=error,
            finish_reason=reply.ended.finish_reason if reply and reply.ended else None,
        )
        note = None
        if stopped and money_state is RequestState.AWAITED:
            note = stop_note(reply.provider if reply else None)
        receipt = reply.receipt(cost, note) if reply else Receipt(cost=cost, tries=paid.tries)
        await self._finish(_message_state(reply, error, stopped=stopped), receipt, failure_of(error) if error else None)
        if money_state is RequestState.AWAITED:
            self._context.collect_bills()

    def _money_state(
        self, paid: PaidRequest, reply: GrowingReply | None, error: ApiError | None, *, stopped: bool
    ) -> RequestState:
        if reply is not None and reply.usage is not None and reply.usage.cost_usd is not None:
            return RequestState.BILLED
        if paid.sent_at is None:
            return RequestState.FREE
        answered = reply is not None and (reply.began or reply.ended is not None)
        if error is not None and not answered and not error.outcome_unknown:
            return RequestState.FREE
        if self._context.settings.provider.type == "openai":
            # There is no bill to wait for.
            return RequestState.ESTIMATED if self._estimate(paid, reply) is not None else RequestState.UNKNOWN
        return RequestState.AWAITED

    def _estimate(self, paid: PaidRequest, reply: GrowingReply | None) -> Decimal | None:
        if reply is not None and (reply.began or reply.usage is not None):
            return reply.estimated_usd()
        return paid.quote.likely_usd

    async def _finish(self, state: MessageState, receipt: Receipt, failure: Failure | None) -> None:
        ask, reply = self._ask, self._reply
        ended = reply.ended if reply else None
        message = self._message
        message.state = state
        message.receipt = receipt
        message.failure = failure
        message.text = Clean("".join(self._text))
        message.reasoning = Clean("".join(self._reasoning))
        message.refusal = Clean("".join(self._refusal))
        if reply is not None:
            message.tool_calls = reply.tool_calls or ()
            message.citations = reply.citations or ()
            message.reasoning_seconds = reply.reasoning_seconds
        if ended is not None:
            message.finish_reason = ended.finish_reason
            message.reasoning_details = ended.reasoning_details
        if not ask.private:
            try:
                await self._context.database.run(chats.finish_message, message, now=time.time())
            except StorageFailed as error:
                self._context.warn(Clean(f"The end of this reply was not saved: {error.message}"))
        await self._context.sum_up()
        self._context.publish(
            TurnEnded(
                conversation_id=ask.conversation_id,
                message_id=ask.reply_id,
                state=state,
                receipt=receipt,
                finish_reason=message.finish_reason,
                failure=failure,
                reasoning_details=message.reasoning_details,
            )
        )
        over = {
            MessageState.STOPPED: JobState.CANCELLED,
            MessageState.DONE: JobState.DONE,
        }.get(state, JobState.FAILED)
        self._context.job(ask.reply_id, "ask", over)


def _message_state(reply: GrowingReply | None, error: ApiError | None, *, stopped: bool) -> MessageState:
    if stopped:
        return MessageState.STOPPED
    began = reply is not None and reply.began
    if error is not None:
        if began:
            return MessageState.CUT_OFF
        return MessageState.UNKNOWN if error.outcome_unknown else MessageState.FAILED
    if reply is None or reply.ended is None or not reply.ended.complete:
        return MessageState.CUT_OFF if began else MessageState.UNKNOWN
    return MessageState.DONE


def _has_budget(context: WorkerContext) -> bool:
    budget = context.settings.budget
    return any(limit is not None for limit in (budget.session, budget.day, budget.month, budget.request))


def budget_failure(refusal: OverBudget) -> Failure:
    """What a request that a budget stopped says."""
    if refusal.limit_usd is None:
        message = Clean("The price of this model is not known, and a budget is set.")
        advice = Clean("Choose a model with a listed price, or give its price in the configuration.")
    else:
        left = f"the {refusal.budget} budget of {money(refusal.limit_usd)} has {money(refusal.left_usd)} left"
        message = Clean(f"This could cost up to {money(refusal.this_usd)}; {left}.")
        advice = Clean("Lower max_tokens, choose a cheaper model, or raise the budget.")
    return Failure(kind=ErrorKind.OWN_BUDGET.value, message=message, advice=advice)
