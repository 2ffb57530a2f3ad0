"""One streamed reply on its way: reads ahead, and hands out what each network read meant."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Final, final

from tui.openrouter.decode_error import epoch_of_date
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.lenient import as_line, as_opaque
from tui.openrouter.network_error import stalled
from tui.openrouter.spaced_reads import SpacedReads
from tui.openrouter.sse import EventTooLarge, SseDecoder
from tui.openrouter.stream import ReplyDecoder
from tui.openrouter.text import Clean, Opaque

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.openrouter.chat import StreamEvent
    from tui.secret import Secret

_DRAIN_S: Final = 0.25
_READ_AHEAD: Final = 256 * 1024
_BUSY_ABOVE: Final = 128 * 1024
"""Bytes of events above which reading them takes long enough to be done in a thread."""
_LARGEST_WHOLE: Final = 64 * 1024 * 1024
_BLANK: Final = b" \t\r\n"
_NOT_OURS: Final = "The answer is no reply of this API"
_BEGINS_STREAM: Final = re.compile(rb"$|:|(d|da|dat|e|ev|eve|even|i|r|re|ret|retr)$|data|event|id|retry")
_SIGN_OF_LIFE: Final = 4096
"""Bytes of an event that is not complete yet: so many are as good as a whole one, fewer are a server that drips."""


class _EndedEarly(Exception):
    """The connection failed; holds what is said about it."""

    def __init__(self, error: ApiError) -> None:
        self.error = error


@final
class ChatStream:
    """A reply whose status was 200. Iterate `batches()` once, inside the client's `chat()` context."""

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        headers: Mapping[str, str],
        *,
        first_event_by: float,
        between_bytes_s: float,
        after_error_s: float,
        failure: Callable[[BaseException], ApiError | None],
        key: Secret | None,
        network_stream: object = None,
    ) -> None:
        """`first_event_by` is in the event loop's time; `failure` says what an exception means, None for a bug;
        `network_stream` is what the pieces come from."""
        self.server_date = epoch_of_date(headers.get("date"))
        """The response's `Date` in epoch seconds."""
        self.cache_status = as_line(headers.get("x-openrouter-cache-status"))
        self._decoder = ReplyDecoder(generation_id=as_opaque(headers.get("x-generation-id")), key=key)
        self._source = pieces
        self._first_event_by = first_event_by
        self._between_bytes_s = between_bytes_s
        self._after_error_s = after_error_s
        self._alive_at = 0.0
        """When the last sign of life came, in the event loop's time."""
        self._since_alive = 0
        """Bytes that came since, of an event that is not complete."""
        self._failure = failure
        self._pieces: list[bytes] = []
        self._held = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._at_end = False
        self._lost: BaseException | None = None
        self._reads = SpacedReads(network_stream)
        self._reader = asyncio.create_task(self._read(), name="reply reader")

    @property
    def generation_id(self) -> Opaque | None:
        """Of the header, else of the first event."""
        return self._decoder.generation_id

    async def batches(self) -> AsyncIterator[list[StreamEvent]]:
        """What each network read meant, the last of it `Ended`.

        Raises `ApiError` when there is an error before anything else: as the first event, or because the connection
        or the answer itself is no good. Once an event came, failures are told by `Ended.error`.
        """
        decoder = self._decoder
        try:
            start = await self._first_bytes()
            if start[:1] in (b"{", b"[", b"<"):
                yield await self._whole(start)
                return
            sse = SseDecoder()
            data = start
            while data:
                items = sse.feed(data)
                self._note_life(len(data), whole=bool(items))
                if sum(len(item) for item in items if isinstance(item, bytes)) > _BUSY_ABOVE:
                    events = await asyncio.to_thread(decoder.feed, items)
                else:
                    events = decoder.feed(items)
                if decoder.first_was_error:
                    break
                if decoder.done:
                    yield [*events, *decoder.finish()]
                    return
                if events:
                    yield events
                data = await self._next_bytes()
            events = decoder.finish(sse.finish())
        except EventTooLarge:
            events = self._end_with(_unreadable("The server sent one event of more than 16 MB"))
        except _EndedEarly as early:
            events = self._end_with(early.error)
        if decoder.first_was_error and decoder.error is not None:
            raise decoder.error
        if not (decoder.json_events or decoder.broken_events or decoder.done):
            # Neither an event nor the beginning of one: something else than the API has answered.
            raise _cut_off(decoder.generation_id) if _BEGINS_STREAM.match(start) else _unreadable(_NOT_OURS)
        yield events

    def space_reads(self) -> None:
        """Let several tokens come together from now on: the first words are on the screen."""
        self._reads.begin()

    async def close(self) -> None:
        """Stop reading. A reply that has ended gets a moment to leave its connection in order for the next one."""
        self._reads.end()
        if self._decoder.done and not self._reader.done():
            await asyncio.wait([self._reader], timeout=_DRAIN_S)
        self._reader.cancel()
        await asyncio.wait([self._reader])

    def _end_with(self, error: ApiError) -> list[StreamEvent]:
        if not (self._decoder.json_events or self._decoder.done):
            raise error
        return self._decoder.finish(lost=error)

    async def _whole(self, start: bytes) -> list[StreamEvent]:
        """A reply that comes as one JSON object."""
        parts, size = [start], len(start)
        while more := await self._next_bytes():
            parts.append(more)
            size += len(more)
            if size > _LARGEST_WHOLE:
                raise _unreadable("The answer is larger than 64 MB")
        body = b"".join(parts)
        decoder = self._decoder
        if size > _READ_AHEAD:
            events = await asyncio.to_thread(decoder.feed_whole, body)
        else:
            events = decoder.feed_whole(body)
        if decoder.first_was_error and decoder.error is not None:
            raise decoder.error
        if not decoder.json_events:
            torn = start[:1] == b"{"
            raise _unreadable("The answer broke off or is no JSON" if torn else _NOT_OURS)
        return [*events, *decoder.finish()]

    async def _first_bytes(self) -> bytes:
        """The first bytes that are not blank: slow servers send blank lines to keep the connection alive."""
        start = b""
        while more := await self._next_bytes():
            start = (start + more).lstrip(_BLANK)
            if len(start.removeprefix(b"\xef\xbb\xbf")) > 0 and not b"\xef\xbb\xbf".startswith(start):
                break
        return start.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)

    async def _next_bytes(self) -> bytes:
        """All that has been read since; empty at the end. Raises `_EndedEarly`."""
        if not self._pieces and not self._at_end:
            try:
                async with asyncio.timeout(self._patience()):
                    await self._arrived.wait()
            except TimeoutError:
                if self._decoder.error is not None:
                    return b""
                raise _EndedEarly(self._too_slow()) from None
        if self._pieces:
            pieces, self._pieces, self._held = self._pieces, [], 0
            if not self._at_end:
                self._arrived.clear()
            self._room.set()
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._lost is not None:
            error = self._failure(self._lost)
            if error is None:
                raise self._lost
            raise _EndedEarly(error)
        return b""

    def _patience(self) -> float:
        if self._decoder.error is not None:
            return self._after_error_s
        until = self._alive_at + self._between_bytes_s if self._decoder.json_events else self._first_event_by
        return max(0.0, until - asyncio.get_running_loop().time())

    def _note_life(self, size: int, *, whole: bool) -> None:
        """An event or a comment came, or a good piece of one; a byte now and then is no life."""
        self._since_alive += size
        if whole or self._since_alive >= _SIGN_OF_LIFE:
            self._alive_at, self._since_alive = asyncio.get_running_loop().time(), 0

    def _too_slow(self) -> ApiError:
        if self._decoder.json_events:
            return stalled("The server stopped in the middle of the reply")
        return stalled("The reply did not begin in time")

    async def _read(self) -> None:
        """Runs beside, so that what one network read brought is decoded at once and not piece by piece."""
        try:
            async for piece in self._source:
                if not piece:
                    continue
                self._pieces.append(piece)
                self._held += len(piece)
                self._arrived.set()
                if self._held > _READ_AHEAD:
                    self._room.clear()
                    await self._room.wait()
        except Exception as failure:  # noqa: BLE001 - kept for whoever reads the batches, who knows what it means
            self._lost = failure
        finally:
            self._at_end = True
            self._arrived.set()


def _unreadable(sentence: str) -> ApiError:
    return ApiError(
        ErrorKind.UNREADABLE,
        Clean(f"{sentence}."),
        advice=Clean("Check the base URL; it may have been billed."),
        outcome_unknown=True,
    )


def _cut_off(generation_id: Opaque | None) -> ApiError:
    return ApiError(
        ErrorKind.CUT_OFF,
        Clean("The connection ended before the reply began."),
        advice=Clean("It may have been billed: look before sending again."),
        outcome_unknown=True,
        generation_id=generation_id,
    )
