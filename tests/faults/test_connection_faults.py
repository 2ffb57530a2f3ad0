"""Faults of connecting, of TLS, of proxies and of embeddings; and that the network's return is noticed."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fault_proxy import FaultProxy, Wire, reset
from test_chat_faults import LONGEST_S, PATIENCE
from worker_host import Books, Host, chunk, make_settings

from tui.core.commands import PollQuota, RefreshCatalogue
from tui.core.conversation import MessageState
from tui.core.events import Connection
from tui.openrouter.client import OpenRouterClient
from tui.openrouter.errors import ApiError
from tui.secret import Secret
from tui.worker import network_watch

Ask = Callable[[str], Awaitable[Any]]


@pytest.fixture
async def ask(tmp_path: Path, fresh_key: Callable[..., str]) -> Any:
    """Ask a server once: what the user is told, the ledger's states, and how many seconds that took."""
    hosts: list[Host] = []

    async def once(url: str, **changes: Any) -> tuple[Any, list[str], float]:
        host = Host(make_settings(tmp_path / str(len(hosts)), url, fresh_key(), **changes), patience=PATIENCE)
        hosts.append(host)
        await host.start(catalogue=False)
        began = time.monotonic()
        ended = await host.reply(host.ask("demo/plain", wait_s=3.0), within_s=LONGEST_S * 2)
        return ended, await host.states(), time.monotonic() - began

    yield once
    for host in hosts:
        await host.close()


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


async def test_refused(ask: Any) -> None:
    ended, ledger, took = await ask(f"http://127.0.0.1:{closed_port()}/api/v1")
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "connection_refused")
    assert "127.0.0.1 refused the connection" in ended.failure.message
    assert ended.receipt.tries == 3
    assert ledger == ["released"]
    assert took < LONGEST_S


async def test_reset_on_connecting_sends_nothing_twice(ask: Any, demo_server: str) -> None:
    """The client cannot know whether its request was read: it is asked about, not sent again."""

    async def at_connect(writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async with FaultProxy(demo_server, at_connect=at_connect) as proxy:
        ended, ledger, _ = await ask(proxy.url)
        assert proxy.connections == 1
    assert (ended.state, ended.failure.kind) == (MessageState.UNKNOWN, "connection_lost")
    assert "may have been billed" in ended.failure.advice
    assert ledger == ["awaited"]


async def test_a_server_that_takes_no_connection(ask: Any) -> None:
    """A full backlog: the handshake never ends. Nothing was written, so that it is tried again, and then said."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            try:
                one.connect(full.getsockname())
            except BlockingIOError:
                pass
            waiting.append(one)
        ended, ledger, took = await ask(f"http://127.0.0.1:{full.getsockname()[1]}/api/v1")
        for one in waiting:
            one.close()
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "connect_timeout")
    assert "took too long" in ended.failure.message
    assert ledger == ["released"]
    assert took < LONGEST_S


async def test_a_name_that_is_none(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    ended, ledger, _ = await ask("https://server.example/api/v1")
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "dns")
    assert "server.example cannot be found" in ended.failure.message
    assert ledger == ["released"]


async def test_a_server_that_speaks_no_tls(ask: Any, demo_server: str) -> None:
    ended, ledger, took = await ask(demo_server.replace("http://", "https://"))
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "tls")
    assert "No secure connection" in ended.failure.message
    assert ledger == ["released"]
    assert took < LONGEST_S


async def test_a_certificate_that_nobody_vouches_for(ask: Any, tmp_path: Path) -> None:
    certificate, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    line = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {private} -out {certificate}"
    try:
        subprocess.run(line.split(), check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the program openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    read: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.read(100))
        writer.close()

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the handshakes that fail, as they should
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        ended, ledger, _ = await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1")
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "tls")
    assert "certificate of 127.0.0.1 is not trusted" in ended.failure.message
    assert ledger == ["released"]
    assert not any(read), "the request went to a server that nobody vouches for"


async def refusing_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_password(scheme: str, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await asyncio.start_server(refusing_proxy, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://somebody:hidden@127.0.0.1:{port}")
        ended, ledger, _ = await ask(f"{scheme}://server.example/api/v1", allow_http=True)
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "proxy")
    assert "roxy" in ended.failure.message and "hidden" not in str(ended)
    assert ledger == ["released"]


async def test_a_server_that_does_not_read_on(tmp_path: Path) -> None:
    """It takes the connection and reads nothing: a large request is given up after the time-out for writing."""

    from tui.openrouter.chat import EmbeddingRequest
    from tui.openrouter.text import Clean, Opaque

    with socket.socket() as deaf:  # the backlog takes the connection, and nobody reads
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        began = time.monotonic()
        base_url = f"http://127.0.0.1:{deaf.getsockname()[1]}/api/v1"
        async with OpenRouterClient(base_url, patience=PATIENCE) as client:
            request = EmbeddingRequest(model=Opaque("some/model"), input=(Clean("x" * 20_000_000),))
            with pytest.raises(ApiError) as caught:
                await client.embeddings(request, Secret("sk-or-v1-1"))
        assert caught.value.kind == "stalled" and caught.value.outcome_unknown
        assert time.monotonic() - began < LONGEST_S


async def before_anything(wire: Wire) -> None:
    wire.reset()


async def half(wire: Wire) -> None:
    await wire.send(wire.head, b"Content-Length: %d\r\n\r\n" % len(wire.body), wire.body[: len(wire.body) // 2])
    wire.reset()


async def never(wire: Wire) -> None:
    await wire.stall()


async def never_the_rest(wire: Wire) -> None:
    await wire.send(wire.head, b"Content-Length: %d\r\n\r\n" % len(wire.body), wire.body[: len(wire.body) // 2])
    await wire.stall()


async def page(wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>Sign in</html>")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (before_anything, "connection_lost"),
        (half, "connection_lost"),
        (never, "stalled"),
        (never_the_rest, "stalled"),
        (page, "unreadable"),
    ],
)
async def test_embeddings_are_never_sent_twice(
    fault: Any, kind: str, demo_server: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    key = fresh_key()
    async with FaultProxy(demo_server, fault) as proxy:
        host = Host(make_settings(tmp_path, proxy.url, key), patience=PATIENCE)
        try:
            await host.start()
            ended = await host.embed("demo/embed-plain", ["one", "two"])
            assert ended.failure is not None and ended.failure.kind == kind
            assert await host.states() == ["awaited"]
            assert proxy.posts == 1
            assert len(await Books(demo_server, key).log()) == 1
            assert await host.rows("SELECT * FROM vector") == []
        finally:
            await host.close()


class ClosingServer:
    """Keeps its connections open after an answer, and then does with them as servers do that have waited enough."""

    def __init__(self, then: str) -> None:
        self.then = then
        """`close` and `reset`: once the answer is out; `unread`: when the next request has come, which it drops."""
        self.posts: list[int] = []
        """The connection, counted from 1, of each question that was read whole."""
        self.connections = 0
        self.closed = asyncio.Event()
        self._open = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api/v1"

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        while self._open:
            await asyncio.sleep(0.005)
        await self._server.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        number, answered = self.connections, 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next((int(one[15:]) for one in head.lower().split(b"\r\n") if one[:15] == b"content-length:"), 0)
                await reader.readexactly(size)
                self.posts.append(number)
                if answered and self.then == "unread":
                    break
                body = ANSWER
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
                answered += 1
                if self.then in ("close", "reset"):
                    await asyncio.sleep(0.1)  # until the answer is read
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            if self.then == "reset":
                reset(writer)
            writer.close()
            self.closed.set()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._open -= 1


ANSWER = (
    b"".join(
        b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in (
            chunk("Fine."),
            chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}),
        )
    )
    + b"data: [DONE]\n\n"
)


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_connection_that_was_closed_while_it_rested_is_not_used(
    then: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    closing = ClosingServer(then)
    async with closing as url:
        host = Host(make_settings(tmp_path, url, fresh_key()), patience=PATIENCE)
        try:
            await host.start(catalogue=False)
            for number in (1, 2, 3):
                closing.closed.clear()
                ended = await host.reply(host.ask("some/model"))
                assert (ended.state, ended.receipt.tries) == (MessageState.DONE, 1)
                assert closing.posts == list(range(1, number + 1))
                await asyncio.wait_for(closing.closed.wait(), 5)
            assert await host.states() == ["billed"] * 3
        finally:
            await host.close()


async def test_a_connection_that_is_closed_as_the_question_comes_sends_it_once(
    fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    """Nobody but the server knows whether it was read; to send it again may cost it twice, so that is asked."""
    closing = ClosingServer("unread")
    async with closing as url:
        host = Host(make_settings(tmp_path, url, fresh_key()), patience=PATIENCE)
        try:
            await host.start(catalogue=False)
            assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE
            ended = await host.reply(host.ask("some/model"))
            assert (ended.state, ended.failure.kind) == (MessageState.UNKNOWN, "connection_lost")
            assert closing.posts == [1, 1]
            assert await host.states() == ["billed", "awaited"]
            assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE
            assert closing.posts == [1, 1, 2]
        finally:
            await host.close()


async def test_the_network_coming_back_is_noticed(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_watch.NetworkWatch.__init__, "__defaults__", ((0.05, 0.1),))

    async def at_connect(writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async with FaultProxy(demo_server, at_connect=at_connect) as proxy:
        host = Host(make_settings(tmp_path, proxy.url, fresh_key()), patience=PATIENCE, watch=True)
        try:
            await host.start(catalogue=False)
            host.worker.submit(RefreshCatalogue())
            await host.until(lambda: host.state.connection is Connection.DOWN, 15)
            proxy.at_connect = None
            await host.until(lambda: host.state.connection is Connection.LIVE, 15)
            assert host.state.catalogue_fetched_at is not None
        finally:
            await host.close()


async def test_a_failed_question_says_that_the_network_is_gone_and_an_answer_that_it_is_back(
    tmp_path: Path, demo_server: str, fresh_key: Callable[..., str]
) -> None:
    async with FaultProxy(demo_server) as proxy:
        host = Host(make_settings(tmp_path, proxy.url, fresh_key()), patience=PATIENCE, watch=True)
        try:
            await host.start()
            assert host.state.connection.value == "live"
            url = httpx.URL(proxy.url)
            assert proxy._server is not None
            proxy._server.close()
            await proxy._server.wait_closed()
            await host.reply(host.ask("demo/plain", wait_s=3.0), within_s=10)
            await host.until(lambda: host.state.connection is Connection.DOWN)
            proxy._server = await asyncio.start_server(proxy._serve, "127.0.0.1", url.port)
            host.worker.submit(PollQuota())
            await host.until(lambda: host.state.connection is Connection.LIVE, 15)
        finally:
            await host.close()
