"""Server-sent events at a believable pace, and the notice that nobody listens any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.demo.settings import Row

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

COMMENT: Final = b": OPENROUTER PROCESSING\n\n"
DONE: Final = b"data: [DONE]\n\n"
TICK: Final = 0.01
"""Seconds; frames due within one are sent together."""
BURST: Final = 64
"""Frames that go out together when there is no pace."""
COMMENT_EVERY: Final = 0.7
"""Seconds of silence after which a comment says that the server lives."""

_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> bytes:
    """JSON; decimals as exact numbers."""
    return _encoder.encode(value)


@dataclass(frozen=True, slots=True)
class Frame:
    """Some bytes of a stream, and what of the reply they hold."""

    data: bytes
    tokens: int = 0
    reasoning: int = 0
    wait: float = 0.0
    """Seconds of silence before it, which no pace shortens."""
    abort: bool = False
    """Drop the connection here."""


def event(payload: Row) -> bytes:
    """One `data:` event."""
    return b"data: " + encode(payload) + b"\n\n"


class EventStream:
    """The ASGI response that sends frames until they end or the client goes away.

    `ended` is called once with the completion and reasoning tokens sent, the seconds to the first token, and
    whether the client went away before the end.
    """

    def __init__(
        self,
        frames: Iterator[Frame],
        *,
        headers: dict[str, str],
        ttft: float,
        pace: float,
        ended: Callable[[int, int, float, bool], None],
    ) -> None:
        self.frames: Final = frames
        self.headers: Final = {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-cache",
            **headers,
        }
        self.ttft: Final = ttft
        self.pace: Final = pace
        self.ended: Final = ended
        self.tokens = 0
        self.reasoning = 0
        self.first_after = 0.0
        self._finished = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        raw = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        sending = asyncio.create_task(self._send_all(scope, send, raw))
        watching = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, watching):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            with suppress(asyncio.CancelledError):
                await sending
            self.ended(self.tokens, self.reasoning, self.first_after, not self._finished)

    async def _send_all(self, scope: Scope, send: Send, raw: list[tuple[bytes, bytes]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": COMMENT, "more_body": True})
        started = time.monotonic()
        await self._silence(self.ttft, send)
        due, held, held_frames = started + self.ttft, bytearray(), 0
        for frame in self.frames:
            now = time.monotonic()
            if self.pace:
                due += (frame.tokens) / self.pace
            if frame.wait or frame.abort or held_frames >= BURST or (self.pace and due - now > TICK):
                if held:
                    await send({"type": "http.response.body", "body": bytes(held), "more_body": True})
                    held.clear()
                    held_frames = 0
                if frame.abort:
                    self._finished = True
                    # give the socket the time to write what was sent before it is dropped
                    await asyncio.sleep(0.05)
                    scope["demo.abort"]()
                    return
                await self._silence(frame.wait, send)
                due += frame.wait
                await asyncio.sleep(max(0.0, due - time.monotonic()) if self.pace else 0)
            held += frame.data
            held_frames += 1
            if frame.tokens and not self.tokens:
                self.first_after = time.monotonic() - started
            self.tokens += frame.tokens
            self.reasoning += frame.reasoning
        self._finished = True
        await send({"type": "http.response.body", "body": bytes(held), "more_body": False})

    async def _silence(self, seconds: float, send: Send) -> None:
        """Wait, with a comment now and then."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, COMMENT_EVERY))
            if left > COMMENT_EVERY:
                await send({"type": "http.response.body", "body": COMMENT, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
