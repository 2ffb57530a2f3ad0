"""A proxy on loopback between the client and the embedded server, which does to a POST what bad networks do."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Wire:
    """One POST and its answer, which the server has given whole; a fault says what of it reaches the client."""

    writer: asyncio.StreamWriter
    head: bytes = b""
    """Status line and header lines of the server, without `Content-Length` and `Transfer-Encoding`."""
    events: list[bytes] = field(default_factory=list)
    """The events of a streamed reply, each with its blank line; of any other answer the body."""

    @property
    def body(self) -> bytes:
        return b"".join(self.events)

    def with_text(self) -> int:
        """The first event that brings text."""
        return next(n for n, event in enumerate(self.events) if _text(event))

    @property
    def texts(self) -> list[str]:
        """The text of each event."""
        return [_text(event) for event in self.events]

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
        await self.writer.drain()

    async def drip(self, data: bytes, every_s: float, most: int | None = None) -> None:
        """A byte at a time; for as long as the client stays."""
        for byte in data[:most]:
            if self.writer.is_closing():
                return
            await self.send(bytes([byte]))
            await asyncio.sleep(every_s)

    def reset(self) -> None:
        """End the connection with a reset instead of in order."""
        reset(self.writer)

    async def stall(self) -> None:
        """Keep the connection, and say nothing until the client gives up."""
        while not self.writer.is_closing():
            await asyncio.sleep(0.005)


Fault = Callable[[Wire], Awaitable[None]]


def reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side reads ECONNRESET."""
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class FaultProxy:
    """Passes GETs on unharmed. Each POST is done `fault`; `at_connect` happens before anything is read.

    `posts` counts what the client wrote whole, whatever became of it.
    """

    def __init__(
        self,
        upstream: str,
        fault: Fault | None = None,
        *,
        at_connect: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None,
    ) -> None:
        address = urlsplit(upstream)
        self._upstream = (address.hostname or "", address.port or 80)
        self._path = address.path
        self.fault = fault
        self.at_connect = at_connect
        self.posts = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        watch: asyncio.Task[bytes] | None = None
        try:
            if self.at_connect is not None:
                await self.at_connect(writer)
                return
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            body = await reader.readexactly(size)
            is_post = head.startswith(b"POST")
            self.posts += is_post
            answer_head, answer = await self._ask(head, body)
            # Reading on is how a hang-up is noticed while nothing is written.
            watch = asyncio.create_task(reader.read(1))
            watch.add_done_callback(lambda _: writer.close())
            if is_post and self.fault is not None:
                events = [event + b"\n\n" for event in answer.split(b"\n\n") if event.strip()]
                streamed = b"text/event-stream" in answer_head.lower()
                await self.fault(Wire(writer, answer_head, events if streamed else [answer]))
            else:
                writer.write(answer_head + b"\r\n" + answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            if watch is not None:
                watch.cancel()
            writer.close()

    async def _ask(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """The server's whole answer: its head without the lines about length, and its body without chunks."""
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
            kept = [line for line in lines if not line.lower().startswith((b"connection:", b"accept-encoding:"))]
            writer.write(b"\r\n".join([*kept, b"Connection: close", b"", b""]) + body)
            await writer.drain()
            answer_head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n").split(b"\r\n")
            rest = await reader.read()
        finally:
            writer.close()
        chunked = any(line.lower().replace(b" ", b"") == b"transfer-encoding:chunked" for line in answer_head)
        about_length = (b"content-length:", b"transfer-encoding:", b"connection:")
        answer_head = [line for line in answer_head if not line.lower().startswith(about_length)]
        return b"\r\n".join([*answer_head, b"Connection: close", b""]), _without_chunks(rest) if chunked else rest


def _without_chunks(data: bytes) -> bytes:
    parts: list[bytes] = []
    while data:
        size_line, _, data = data.partition(b"\r\n")
        size = int(size_line, 16)
        parts.append(data[:size])
        data = data[size + 2 :]
        if size == 0:
            break
    return b"".join(parts)


def _text(event: bytes) -> str:
    try:
        chunk = json.loads(event.removeprefix(b"data: "))
        return str(chunk["choices"][0]["delta"].get("content") or "")
    except (ValueError, LookupError):
        return ""
