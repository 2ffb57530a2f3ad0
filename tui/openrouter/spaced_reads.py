"""Reads of a reply that streams, no oftener than anybody can see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, final

_EVERY_S: Final = 1 / 13
_MUCH: Final = 16 * 1024
"""Bytes; after a read that brought so many the next ones wait there already."""


@final
class SpacedReads:
    """Lets what arrives gather in the system between two reads.

    A token for itself costs the whole way through TLS, HTTP and event loop, and four replies of 100 tokens a second
    would take a third of a slow processor for what is shown 13 times a second.
    """

    def __init__(self, network_stream: Any) -> None:
        """`network_stream` is what httpx names so in a response's extensions; None, or of another kind: left alone."""
        self._wanted = False
        self._read_at = 0.0
        self._rest: asyncio.Future[None] | None = None
        self._stream = network_stream
        self._read: Callable[..., Awaitable[bytes]] | None = getattr(network_stream, "read", None)
        if self._read is not None:
            self._stream.read = self._read_spaced

    def begin(self) -> None:
        """Space reads from now on: the first words, which are waited for, have come."""
        self._wanted = True

    def end(self) -> None:
        """Read at once again, and leave the connection as it was: others will read from it."""
        self._wanted = False
        _wake(self._rest)
        if self._read is not None:
            self._stream.__dict__.pop("read", None)

    async def _read_spaced(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        assert self._read is not None
        loop = asyncio.get_running_loop()
        if self._wanted and (left := self._read_at + _EVERY_S - loop.time()) > 0:
            self._rest = loop.create_future()
            handle = loop.call_later(left, _wake, self._rest)
            try:
                await self._rest
            finally:
                handle.cancel()
        data = await self._read(max_bytes, timeout)
        self._read_at = loop.time() if len(data) < _MUCH else 0.0
        return data


def _wake(rest: asyncio.Future[None] | None) -> None:
    if rest is not None and not rest.done():
        rest.set_result(None)
