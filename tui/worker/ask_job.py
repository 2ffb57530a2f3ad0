"""One chat turn, from the question in the database to the bill in the ledger."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.core.billing_on_stop import stop_note
from tui.core.conversation import PART_UNREADABLE, Failure, MessageState, Receipt
from tui.core.events import BillArrived, BudgetPassed, JobState
from tui.core.ledger import OverBudget, RequestKind, RequestState
from tui.core.parameter_fields import taken
from tui.core.requests import (
    UNKNOWN_COMPLETION_TOKENS,
    affordable_tokens,
    budget_sentence,
    dearest,
    image_count,
    most_completion_tokens,
    quote,
)
from tui.core.routing import names_providers, routed_prices
from tui.core.tokens import count_request_tokens
from tui.database import estimates, ledger
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.chat import ChatRequest
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean
from tui.worker.budget_watch import BudgetWatch, stop_failure
from tui.worker.catalogue_job import known_endpoints
from tui.worker.context import failure_of, storage_error, undisturbed
from tui.worker.estimate_job import load_estimate
from tui.worker.paid_request import BudgetRefused, PaidRequest
from tui.worker.reply import GrowingReply
from tui.worker.turn_record import TurnRecord

if TYPE_CHECKING:
    from tui.core.commands import Ask
    from tui.openrouter.catalogue import Pricing
    from tui.worker.context import WorkerContext
    from tui.worker.key_ring import Key

_LEAST_TOKENS: Final = 16
"""Some providers refuse a smaller `max_tokens`."""
_MOST_ROUNDS: Final = 6
"""Of lowering `max_tokens` under a budget: there are four, and other processes spend meanwhile."""


class AskJob:
    """Streams one reply. Whatever happens, it ends with the text kept, the ledger right and a `TurnEnded`."""

    def __init__(self, context: WorkerContext, ask: Ask) -> None:
        assert ask.settings.model is not None
        self._context = context
        self._ask = ask
        self._model = ask.settings.model
        self._parameters = taken(
            ask.settings.parameters,
            context.model(ask.settings.model),
            routed=context.settings.provider.type == "openrouter",
        )
        self._turn = TurnRecord(context, ask, self._model)
        self._paid: PaidRequest | None = None
        self._reply: GrowingReply | None = None
        self._passed: OverBudget | None = None
        """The budget that stopped the running reply."""
        self._prices: tuple[Pricing, ...] = (context.pricing(self._model),)
        """Of whoever may answer, the likeliest first."""

    async def run(self, *, stopped: bool = False) -> None:
        """The whole turn; a cancelled one ends well before `CancelledError` goes on.

        `stopped`: it was stopped before it could begin, so it is only written down.
        """
        self._context.job(self._ask.reply_id, "ask", JobState.QUEUED)
        try:
            await undisturbed(self._turn.begin())
            if not stopped:
                self._paid = await self._reserve()
                await self._paid.send(self._stream)
        except BudgetRefused as refused:
            await undisturbed(self._refuse(refused.refusal))
        except ApiError as error:
            await undisturbed(self._end(error, stopped=False))
        except StorageFailed as error:
            # Nothing is sent that could not be written down first.
            await undisturbed(self._end(storage_error(error), stopped=False))
        except asyncio.CancelledError:
            await undisturbed(self._end(None, stopped=True))
            raise
        except DatabaseClosed:
            raise
        except Exception:
            # A bug goes on to whoever started the worker, but leaves no reply hanging.
            await undisturbed(self._end(_bug(), stopped=False))
            raise
        else:
            ended = self._reply.ended if self._reply is not None else None
            stopped = stopped or self._passed is not None
            await undisturbed(self._end(ended.error if ended else None, stopped=stopped))

    # What it may cost

    async def _reserve(self) -> PaidRequest:
        """The request, written down with what it may cost; raises `BudgetRefused`.

        Where a budget blocks, `max_tokens` is always sent: the user's, else as much as model and budgets allow.
        """
        context, ask = self._context, self._ask
        await self._read_prices()
        counted = await asyncio.to_thread(count_request_tokens, ask.history)
        run, origin = context.database.run, context.origin
        prompt_tokens = max(1, round(counted * await run(estimates.estimator_ratio, origin, self._model)))
        likely = await run(estimates.completion_median, origin, self._model) or UNKNOWN_COMPLETION_TOKENS
        cap = context.settings.provider.limits.max_tokens
        own = self._parameters.max_tokens
        max_tokens = own if cap is None or (own is not None and own <= cap) else cap
        if max_tokens is None and context.settings.budget.action == "block" and _has_budget(context):
            max_tokens = most_completion_tokens(context.model(self._model))
        rounds = 0
        while True:
            rounds += 1
            paid = self._request(counted, prompt_tokens, likely, max_tokens)
            self._paid = paid  # known before it is written down, so that it is released should somebody stop it now
            try:
                warnings = await undisturbed(paid.reserve(allow=ask.over_budget))
            except BudgetRefused as refused:
                self._paid = None
                fewer = None if own is not None else self._affordable(refused.refusal, prompt_tokens)
                if fewer is None or fewer < _LEAST_TOKENS or fewer >= (max_tokens or 0) or rounds == _MOST_ROUNDS:
                    raise
                max_tokens = fewer
                continue
            for warning in warnings:
                context.warn(warning)
            self._parameters = replace(self._parameters, max_tokens=max_tokens)
            return paid

    async def _read_prices(self) -> None:
        """A provider that is asked for has its own price, which need not be the listed one."""
        context, routing = self._context, self._parameters.provider
        prices: tuple[Pricing, ...] = (context.pricing(self._model),)
        if context.settings.provider.type == "openrouter" and names_providers(routing):
            prices = routed_prices(prices[0], routing, await known_endpoints(context, self._model))
        self._prices = (*prices, *(context.pricing(model) for model in self._parameters.fallback_models))

    def _request(self, counted: int, prompt_tokens: int, likely: int, max_tokens: int | None) -> PaidRequest:
        context, ask = self._context, self._ask
        figures = [
            quote(
                pricing,
                prompt_tokens=prompt_tokens,
                likely_tokens=likely,
                most_tokens=max_tokens or max(likely, UNKNOWN_COMPLETION_TOKENS),
                searches=self._searches,
                images=image_count(ask.history),
                now=context.server_now(),
            )
            for pricing in self._prices
        ]
        return PaidRequest(
            context=context,
            job_id=ask.reply_id,
            kind=RequestKind.CHAT,
            model=self._model,
            quote=dearest(figures),
            max_tokens=max_tokens,
            counted_prompt_tokens=counted,
            wait_s=ask.wait_s,
            conversation_id=None if ask.private else ask.conversation_id,
            message_id=None if ask.private else ask.reply_id,
        )

    def _affordable(self, refusal: OverBudget, prompt_tokens: int) -> int | None:
        """How many completion tokens the budget that refused still pays for, whoever answers."""
        left = refusal.left_usd
        if refusal.action != "block" or left is None:
            return None
        fewest: int | None = None
        for pricing in self._prices:
            tokens = affordable_tokens(
                pricing,
                left_usd=left,
                prompt_tokens=prompt_tokens,
                searches=self._searches,
                images=image_count(self._ask.history),
                now=self._context.server_now(),
            )
            if tokens is None:
                return None
            fewest = tokens if fewest is None else min(fewest, tokens)
        return fewest

    @property
    def _searches(self) -> int:
        return 1 if self._parameters.web_search else 0

    async def _refuse(self, refusal: OverBudget) -> None:
        await self._turn.end(MessageState.FAILED, Receipt(tries=0), budget_failure(refusal))
        if refusal.action == "ask":
            self._context.publish(BudgetPassed(self._ask.reply_id, refusal))

    # The reply

    async def _stream(self, key: Key) -> None:
        """One try: raises `ApiError` only while nothing has come."""
        paid, context = self._paid, self._context
        assert paid is not None
        client = await context.connection.client()
        request = ChatRequest(
            model=self._model, messages=self._ask.history, parameters=self._parameters, stream=self._ask.stream
        )
        reply = self._reply = GrowingReply(
            prompt_tokens_estimate=paid.quote.prompt_tokens,
            pricing=self._prices[0],
            sent_at=paid.sending(),
            tries=paid.tries,
            asked=context.model(self._model),
        )
        named = False
        budgets = BudgetWatch(context, paid.id)
        async with client.chat(request, key.secret) as stream:
            context.note_server_date(stream.server_date)
            reply.generation_id = stream.generation_id
            self._name(paid, reply)
            context.keys.note_success_soon(key)
            async for events in stream.batches():
                began, waited = reply.began, reply.comments
                reply.take(events)
                if len(reply.images) > reply.images_told:
                    await self._keep_images(reply)
                if not named and reply.model is not None:
                    named = True
                    self._name(paid, reply)
                if reply.began and not began:
                    stream.space_reads()
                    context.job(self._ask.reply_id, "ask", JobState.STREAMING, tries=paid.tries, key_tail=key.tail)
                elif reply.comments and not waited and not reply.began:
                    context.job(
                        self._ask.reply_id,
                        "ask",
                        JobState.SENT,
                        reason=Clean("the provider is working on it"),
                        tries=paid.tries,
                        key_tail=key.tail,
                    )
                self._turn.grown(reply)
                self._passed = await budgets.passed(reply)
                if self._passed is not None:
                    break  # leaving closes the connection

    async def _keep_images(self, reply: GrowingReply) -> None:
        """Save the pictures that came, and name their files in the text, where they cannot be drawn."""
        from tui.worker.generated_images import keep_image

        folder = None if self._ask.private else self._context.settings.folders.exports
        while reply.images_told < len(reply.images):
            url = reply.images[reply.images_told]
            reply.images_told += 1
            name = f"image-{self._ask.reply_id[:8]}-{reply.images_told}"
            reply.text.append(await asyncio.to_thread(keep_image, url, folder, name))

    def _name(self, paid: PaidRequest, reply: GrowingReply) -> None:
        """Keep the generation's id, so that the bill can be asked for even after a crash; nothing waits for it."""
        if reply.generation_id is not None:
            self._context.database.post(
                ledger.note_answer,
                paid.id,
                generation_id=reply.generation_id,
                model_answered=reply.model,
                provider=reply.provider,
            )

    # The end

    async def _end(self, error: ApiError | None, *, stopped: bool) -> None:
        """Settle the money and close the message, whatever way the reply ended."""
        await self._turn.close()
        context, paid, reply = self._context, self._paid, self._reply
        state = _message_state(reply, error, stopped=stopped)
        failure = failure_of(error) if error is not None else _failure_without_error(state)
        if self._passed is not None and state is MessageState.STOPPED:
            failure = stop_failure(self._passed, reply.provider if reply else None, streamed=self._ask.stream)
            context.warn(failure.message)
        if paid is None or not paid.reserved:
            # It was stopped, or failed, before it was even reserved.
            await self._turn.end(state, Receipt(tries=0), failure)
            return
        money_state = self._money_state(paid, reply)
        cost = await paid.settle(
            money_state,
            usage=reply.usage if reply else None,
            estimate_usd=None if money_state is RequestState.FREE else self._estimate(paid, reply),
            model=reply.model if reply else None,
            provider=reply.provider if reply else (error.provider if error else None),
            generation_id=(reply.generation_id if reply else None) or (error.generation_id if error else None),
            ttft_ms=reply.ttft_ms if reply else None,
            error=error,
            finish_reason=reply.ended.finish_reason if reply and reply.ended else None,
            stopped=state is MessageState.STOPPED,
            failure=failure.kind if failure is not None else None,
        )
        note = None
        if state is MessageState.STOPPED and money_state is RequestState.AWAITED:
            note = stop_note(reply.provider if reply else None, streamed=self._ask.stream)
        if reply and reply.ended and reply.ended.broken_events:
            note = note or PART_UNREADABLE
        receipt = reply.receipt(cost, note) if reply else Receipt(cost=cost, tries=paid.tries)
        receipt = replace(receipt, quoted_usd=paid.quote.likely_usd)
        if receipt.provider is None and error is not None:
            receipt = replace(receipt, provider=error.provider)
        if reply and reply.ended and reply.ended.broken_events:
            context.warn(Clean("A part of this reply could not be read; some of its text may be missing."))
        await self._turn.end(state, receipt, failure)
        learned = load_estimate(context, self._model)
        await context.kept(learned, "What this reply teaches the next quote could not be read")
        if money_state is RequestState.AWAITED:
            shown = BillArrived(
                conversation_id=self._ask.conversation_id, message_id=self._ask.reply_id, receipt=receipt
            )
            context.on_bill_awaited(paid.id, shown)
        if money_state is not RequestState.FREE:
            context.on_spent()

    def _money_state(self, paid: PaidRequest, reply: GrowingReply | None) -> RequestState:
        if reply is not None and reply.usage is not None and reply.usage.cost_usd is not None:
            return RequestState.BILLED
        if not paid.in_flight:
            return RequestState.FREE
        if self._context.settings.provider.type == "openai":
            # There is no bill to wait for.
            return RequestState.ESTIMATED if self._estimate(paid, reply) is not None else RequestState.UNKNOWN
        return RequestState.AWAITED

    def _estimate(self, paid: PaidRequest, reply: GrowingReply | None) -> Decimal | None:
        if reply is not None and (reply.began or reply.usage is not None):
            return reply.estimated_usd()
        return paid.quote.likely_usd


def _message_state(reply: GrowingReply | None, error: ApiError | None, *, stopped: bool) -> MessageState:
    began = reply is not None and reply.began
    complete = reply is not None and reply.ended is not None and reply.ended.complete
    if stopped and not complete:
        return MessageState.STOPPED
    if error is not None:
        if began:
            return MessageState.CUT_OFF
        return MessageState.UNKNOWN if error.outcome_unknown else MessageState.FAILED
    if complete:
        return MessageState.DONE
    return MessageState.CUT_OFF if began else MessageState.UNKNOWN


def _failure_without_error(state: MessageState) -> Failure | None:
    """What is said of a reply that simply ended, with neither `[DONE]` nor a finish reason."""
    if state not in (MessageState.CUT_OFF, MessageState.UNKNOWN):
        return None
    return Failure(
        kind=ErrorKind.CUT_OFF.value,
        message=Clean("The server ended the reply before it was complete."),
        advice=Clean("Continue it, or send the question again."),
    )


def _bug() -> ApiError:
    return ApiError(
        ErrorKind.INTERNAL,
        Clean("Something in ortui went wrong."),
        advice=Clean("What has come is kept; a report is in the log folder."),
        request_written=False,
    )


def _has_budget(context: WorkerContext) -> bool:
    budget = context.settings.budget
    return any(limit is not None for limit in (budget.session, budget.day, budget.month, budget.request))


ALLOW_AGAIN: Final = Clean("Send it again to allow it.")
"""What helps where earlier spending is not known."""


def budget_failure(refusal: OverBudget) -> Failure:
    """What a request that a budget stopped says."""
    if refusal.earlier_unknown:
        advice = ALLOW_AGAIN
    elif refusal.limit_usd is None:
        advice = Clean("Choose a model with a listed price, or give its price in the configuration.")
    else:
        advice = Clean("Lower max_tokens, choose a cheaper model, or raise the budget.")
    return Failure(kind=ErrorKind.OWN_BUDGET.value, message=budget_sentence(refusal), advice=advice)
