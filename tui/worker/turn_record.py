"""One turn as it is written down: the question, the reply while it grows, how it ended."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.core.conversation import Message, MessageState
from tui.core.events import JobState, ReplyGrew, TurnEnded, TurnQueued
from tui.database import chats, settings_store, turns
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    import sqlite3
    from concurrent.futures import Future

    from tui.core.commands import Ask
    from tui.core.conversation import Failure, Receipt
    from tui.openrouter.text import Opaque
    from tui.worker.context import WorkerContext
    from tui.worker.reply import GrowingReply

_SHOW_EVERY_S: Final = 1 / 16
"""Text that appears in so many steps a second flows; each step costs the screen a painting."""
_STORE_EVERY_S: Final = 0.1
_NOT_SAVED: Final = "This reply is not being saved"
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
        self._noted = [0, 0, 0]
        """How many pieces of the reply's thinking, text and refusal are parts already."""
        self._unstored: deque[chats.Part] = deque()
        """Filled by the event loop, emptied by the database's thread."""
        self._storing = False
        """Whether the database's thread is going to."""
        if ask.private:
            context.private_ids.add(ask.conversation_id)
        self._database = context.chats_of(ask.conversation_id)
        self._stores = True
        self._shown_at = 0.0
        self._show_handle: asyncio.TimerHandle | None = None

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
        self._note_arrived(reply)
        if self._show_handle is None:
            delay = self._shown_at + _SHOW_EVERY_S - time.monotonic()
            if delay <= 0:
                self._show()
            else:
                self._show_handle = asyncio.get_running_loop().call_later(delay, self._show)

    async def close(self) -> None:
        """Show and store what has come since."""
        if self._show_handle is not None:
            self._show_handle.cancel()
            self._show_handle = None
        if self._reply is not None:
            # Also when no text came: tool calls and citations are in it.
            self._context.publish(self._take_pieces(self._reply))
        if self._stores and self._unstored:
            # The reply goes on on the screen; saying so once is enough.
            self._stores = await self._context.kept(self._database.run(self._append_parts), _NOT_SAVED)

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

    def _take_pieces(self, reply: GrowingReply) -> ReplyGrew:
        self._note_arrived(reply)
        text, reasoning, refusal = "".join(reply.text), "".join(reply.reasoning), "".join(reply.refusal)
        reply.text.clear()
        reply.reasoning.clear()
        reply.refusal.clear()
        self._noted = [0, 0, 0]
        self._text.append(text)
        self._reasoning.append(reasoning)
        self._refusal.append(refusal)
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

    def _note_arrived(self, reply: GrowingReply) -> None:
        """Have what is new stored within `_STORE_EVERY_S`, by the database's thread itself: the loop may be busy."""
        if not self._stores:
            return
        for place, (kind, pieces) in enumerate(_parts_of(reply)):
            if piece := "".join(pieces[self._noted[place] :]):
                self._noted[place] = len(pieces)
                self._unstored.append((self._ask.reply_id, self._part, kind, Clean(piece)))
                self._part += 1
        if self._unstored and not self._storing:
            try:
                self._storing = True
                stored = self._database.post_later(_STORE_EVERY_S, self._append_parts)
            except DatabaseClosed:
                self._stores = False
                return
            stored.add_done_callback(partial(self._tell_failure, asyncio.get_running_loop()))

    def _append_parts(self, connection: sqlite3.Connection) -> None:
        """Runs in the database's thread. What arrives from now on is for the next time."""
        self._storing = False
        parts: list[chats.Part] = []
        while self._unstored:
            part = self._unstored.popleft()
            if parts and parts[-1][2] == part[2]:
                message_id, number, kind, text = parts[-1]
                parts[-1] = (message_id, number, kind, Clean(text + part[3]))
            else:
                parts.append(part)
        if parts:
            chats.append_parts(connection, parts)

    def _tell_failure(self, loop: asyncio.AbstractEventLoop, stored: Future[object]) -> None:
        """Called by the database's thread."""
        error = stored.exception()
        if error is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._stop_storing, error)

    def _stop_storing(self, error: BaseException) -> None:
        if not isinstance(error, StorageFailed):
            self._context.on_bug(error)
        elif self._stores:
            self._context.warn(Clean(f"{_NOT_SAVED}: {error.message}"))
        self._stores = False


def _parts_of(reply: GrowingReply) -> tuple[tuple[chats.PartKind, list[str]], ...]:
    return ("reasoning", reply.reasoning), ("text", reply.text), ("refusal", reply.refusal)
