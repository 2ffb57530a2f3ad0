"""One turn as it is written down: the question, the reply while it grows, how it ended."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.core.conversation import Message, MessageState
from tui.core.events import JobState, ReplyGrew, TurnEnded, TurnQueued
from tui.database import chats, settings_store, turns
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.core.commands import Ask
    from tui.core.conversation import Failure, Receipt
    from tui.openrouter.text import Opaque
    from tui.worker.context import WorkerContext
    from tui.worker.reply import GrowingReply

_SHOW_EVERY_S: Final = 1 / 20
"""Text that appears in 20 steps a second flows; each step costs the screen a painting."""
_STORE_EVERY_S: Final = 0.1
_JOB_STATES: Final = {MessageState.STOPPED: JobState.CANCELLED, MessageState.DONE: JobState.DONE}


class TurnRecord:
    """Keeps a turn in the database and shows it, both no oftener than anybody can see or a crash may cost."""

    def __init__(self, context: WorkerContext, ask: Ask, model: Opaque) -> None:
        self._context = context
        self._ask = ask
        self._model = model
        self._message = Message(
            id=ask.reply_id,
            conversation_id=ask.conversation_id,
            parent_id=ask.question.id if ask.question else ask.parent_id,
            role="assistant",
            text=Clean(""),
            created_at=time.time(),
            state=MessageState.WAITING,
            model=model.shown(),
        )
        """As it is in the database; the one on the screen belongs to the state."""
        self._reply: GrowingReply | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._part = 0
        self._unstored: list[chats.Part] = []
        if ask.private:
            context.private_ids.add(ask.conversation_id)
        self._database = context.chats_of(ask.conversation_id)
        self._stores = True
        self._shown_at = 0.0
        self._show_handle: asyncio.TimerHandle | None = None
        self._store_task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """The question and the empty reply, in the database before anything is sent; raises StorageFailed.

        They are shown also when they could not be written.
        """
        ask = self._ask
        try:
            await self._database.run(
                turns.add_turn,
                conversation_id=ask.conversation_id,
                title=ask.title,
                settings=ask.settings,
                question=ask.question,
                reply=self._message,
                process=self._context.process_id,
                now=time.time(),
            )
            await self._context.database.run(settings_store.note_use, self._context.origin, self._model, time.time())
        except StorageFailed:
            self._stores = False
            raise
        finally:
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
            self._context.on_turn_moved()

    def grown(self, reply: GrowingReply) -> None:
        """More has come: show and store it soon."""
        self._reply = reply
        if self._show_handle is None:
            delay = max(0.0, self._shown_at + _SHOW_EVERY_S - time.monotonic())
            self._show_handle = asyncio.get_running_loop().call_later(delay, self._show)

    async def close(self) -> None:
        """Show and store what has come since."""
        if self._show_handle is not None:
            self._show_handle.cancel()
            self._show_handle = None
        if self._reply is not None:
            # Also when no text came: tool calls and citations are in it.
            self._context.publish(self._take_pieces(self._reply))
        if self._store_task is not None:
            # What it has handed to the database already is stored before the rest.
            self._store_task.cancel()
            await asyncio.wait([self._store_task])
            self._store_task = None
        await self._store()

    async def end(self, state: MessageState, receipt: Receipt, failure: Failure | None) -> None:
        """The message as it stays, then the event; whatever cannot be written down is told."""
        ask, reply, message, context = self._ask, self._reply, self._message, self._context
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
            if reply.ended is not None:
                message.finish_reason = reply.ended.finish_reason
                message.reasoning_details = reply.ended.reasoning_details
        written = self._database.run(chats.finish_message, message, now=time.time())
        await context.kept(written, "The end of this reply was not saved")
        await context.kept(context.sum_up(), "What was spent could not be summed up")
        context.publish(
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
        context.job(ask.reply_id, "ask", _JOB_STATES.get(state, JobState.FAILED))
        context.on_turn_moved()

    def _show(self) -> None:
        self._show_handle = None
        self._shown_at = time.monotonic()
        reply = self._reply
        assert reply is not None
        try:
            grown = self._take_pieces(reply)
            self._context.publish(replace(grown, receipt=reply.running_receipt()))
        except Exception as bug:  # noqa: BLE001 - called by a timer: nobody else would hear of it
            self._context.on_bug(bug)
        if self._unstored and self._store_task is None:
            self._store_task = asyncio.create_task(self._store_soon())
            self._store_task.add_done_callback(self._stored)

    def _take_pieces(self, reply: GrowingReply) -> ReplyGrew:
        text, reasoning, refusal = "".join(reply.text), "".join(reply.reasoning), "".join(reply.refusal)
        reply.text.clear()
        reply.reasoning.clear()
        reply.refusal.clear()
        self._refusal.append(refusal)
        self._note_part("reasoning", reasoning, self._reasoning)
        self._note_part("text", text, self._text)
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

    def _note_part(self, kind: chats.PartKind, piece: str, pieces: list[str]) -> None:
        if not piece:
            return
        pieces.append(piece)
        if self._stores:
            self._unstored.append((self._ask.reply_id, self._part, kind, Clean(piece)))
            self._part += 1

    async def _store_soon(self) -> None:
        while self._unstored:
            await asyncio.sleep(_STORE_EVERY_S)
            await self._store()
        self._store_task = None

    def _stored(self, task: asyncio.Task[None]) -> None:
        bug = None if task.cancelled() else task.exception()
        if bug is not None and not isinstance(bug, DatabaseClosed):
            self._context.on_bug(bug)

    async def _store(self) -> None:
        parts, self._unstored = self._unstored, []
        if not parts or not self._stores:
            return
        written = self._database.run(chats.append_parts, parts)
        # The reply goes on on the screen; saying so once is enough.
        self._stores = await self._context.kept(written, "This reply is not being saved")
