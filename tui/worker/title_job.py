"""A title by a model for a conversation whose first question was answered: wanted by `chat.title_model`, and paid."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tui.core.conversation import MessageState
from tui.core.events import JobState
from tui.core.ledger import RequestKind, RequestState
from tui.core.requests import quote, title_from
from tui.core.tokens import count_request_tokens
from tui.database import chats, estimates
from tui.database.thread import StorageFailed
from tui.openrouter.chat import ChatParameters, ChatRequest, RequestMessage
from tui.openrouter.errors import ApiError
from tui.openrouter.text import Clean, Opaque, clean_line
from tui.worker.context import undisturbed
from tui.worker.paid_request import BudgetRefused, PaidRequest
from tui.worker.reply import GrowingReply

if TYPE_CHECKING:
    from tui.core.commands import Ask
    from tui.worker.context import WorkerContext
    from tui.worker.key_ring import Key

_MOST_TOKENS: Final = 200
"""A title takes 10; models that think first need the rest."""
_LIKELY_TOKENS: Final = 12
_WAIT_S: Final = 10.0
_LONGEST: Final = 80
_SHOWN: Final = 1_500
"""Characters of question and reply that the model gets to see."""
_ASKED: Final = (
    "Give this conversation a title of two to six words, in its own language, without quotes and without a full stop. "
    "Answer with the title alone.\n\nQuestion:\n{question}\n\nAnswer:\n{answer}"
)


class TitleJob:
    """One request. A title that is not to be had leaves the first words; what it cost is in the ledger all the same."""

    def __init__(self, context: WorkerContext, ask: Ask, model: Opaque) -> None:
        self._context = context
        self._ask = ask
        self._model = model
        self._reply: GrowingReply | None = None

    async def run(self) -> bool:
        """Whether the conversation has a title by the model now."""
        if (messages := await self._messages()) is None:
            return False
        context = self._context
        counted = await asyncio.to_thread(count_request_tokens, messages)
        ratio = await context.database.run(estimates.estimator_ratio, context.origin, self._model)
        paid = PaidRequest(
            context=context,
            job_id=f"title:{self._ask.reply_id}",
            kind=RequestKind.CHAT,
            model=self._model,
            quote=quote(
                context.pricing(self._model),
                prompt_tokens=max(1, round(counted * ratio)),
                likely_tokens=_LIKELY_TOKENS,
                most_tokens=_MOST_TOKENS,
                searches=0,
                now=context.server_now(),
            ),
            max_tokens=_MOST_TOKENS,
            counted_prompt_tokens=counted,
            wait_s=_WAIT_S,
            conversation_id=self._ask.conversation_id,
        )
        request = ChatRequest(
            model=self._model, messages=messages, parameters=ChatParameters(max_tokens=_MOST_TOKENS), stream=False
        )

        async def attempt(key: Key) -> None:
            client = await context.connection.client()
            reply = self._reply = GrowingReply(
                prompt_tokens_estimate=paid.quote.prompt_tokens,
                pricing=context.pricing(self._model),
                sent_at=paid.sending(),
                tries=paid.tries,
            )
            async with client.chat(request, key.secret) as stream:
                reply.generation_id = stream.generation_id
                context.keys.note_success_soon(key)
                async for events in stream.batches():
                    reply.take(events)

        error: ApiError | None = None
        try:
            await undisturbed(paid.reserve(allow=False))
            await paid.send(attempt)
        except BudgetRefused:
            return False
        except ApiError as failed:
            error = failed
        except (StorageFailed, asyncio.CancelledError):
            await undisturbed(self._settle(paid, None))
            raise
        await undisturbed(self._settle(paid, error))
        return error is None and await self._rename()

    async def _messages(self) -> tuple[RequestMessage, ...] | None:
        """What is asked; None where there is no whole reply, or the title is not from the first words any more."""
        ask, database = self._ask, self._context.database
        answer = await database.run(chats.message_of, ask.reply_id)
        titles = await database.run(chats.titles, [ask.conversation_id])
        question = ask.question.text if ask.question is not None else Clean("")
        if answer is None or answer.state is not MessageState.DONE or not (answer.text and question):
            return None
        if titles.get(ask.conversation_id) != title_from(question):
            return None
        text = _ASKED.format(question=question[:_SHOWN], answer=answer.text[:_SHOWN])
        return (RequestMessage(role="user", content=text),)

    async def _settle(self, paid: PaidRequest, error: ApiError | None) -> None:
        context, reply = self._context, self._reply
        if not paid.reserved:
            return
        usage = reply.usage if reply is not None else None
        state = RequestState.AWAITED
        if usage is not None and usage.cost_usd is not None:
            state = RequestState.BILLED
        elif not paid.in_flight:
            state = RequestState.FREE
        elif context.settings.provider.type == "openai":
            state = RequestState.ESTIMATED if paid.quote.likely_usd is not None else RequestState.UNKNOWN
        await paid.settle(
            state,
            usage=usage,
            estimate_usd=None if state is RequestState.FREE else paid.quote.likely_usd,
            model=reply.model if reply else None,
            provider=reply.provider if reply else None,
            generation_id=reply.generation_id if reply else None,
            error=error,
        )
        if state is RequestState.AWAITED:
            context.on_bill_awaited(paid.id, None)
        context.job(paid.job_id, "ask", JobState.FAILED if error else JobState.DONE)
        await context.kept(context.sum_up(), "What was spent could not be summed up")

    async def _rename(self) -> bool:
        text = "".join(self._reply.text) if self._reply is not None else ""
        first = next((line for line in clean_line(text).split("  ") if line.strip()), "")
        title = clean_line(first.strip().strip("\"'“”«»*#. ")[:_LONGEST])
        if not title:
            return False
        await self._context.database.run(chats.rename, self._ask.conversation_id, title)
        return True


def wants_title(ask: Ask, title_model: str | None) -> bool:
    """Whether this was the first question of a conversation that is stored, and the user wants such titles."""
    said = [message for message in ask.history if message.role != "system"]
    return title_model is not None and not ask.private and ask.question is not None and len(said) == 1
