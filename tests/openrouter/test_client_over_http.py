"""The client over real sockets: the embedded server, and servers that break the connection in every way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from scripted_streams import ended, says, sse, text, thinking

from tui.openrouter.chat import ChatRequest, EmbeddingRequest, RequestMessage, StreamEvent, TextDelta, UsageArrived
from tui.openrouter.client import OpenRouterClient
from tui.openrouter.decode_catalogue import decode_endpoints, decode_models
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque
from tui.secret import Secret

KEY = Secret("sk-or-v1-0123456789abcdef")


def asking(model: str, *, stream: bool = True) -> ChatRequest:
    return ChatRequest(model=Opaque(model), messages=(RequestMessage(role="user", content="Hi"),), stream=stream)


async def ask(client: OpenRouterClient, request: ChatRequest, key: Secret = KEY) -> list[StreamEvent]:
    async with client.chat(request, key) as stream:
        return [event async for batch in stream.batches() for event in batch]


# The embedded server


@pytest.fixture
async def client(demo_server: str) -> AsyncIterator[OpenRouterClient]:
    async with OpenRouterClient(demo_server) as made:
        yield made


@pytest.fixture
def key(fresh_key: Callable[..., str]) -> Secret:
    return Secret(fresh_key())


async def test_the_whole_catalogue(client: OpenRouterClient, key: Secret) -> None:
    raw = await client.models()
    reply = decode_models(raw.models_body, raw.embeddings_body)
    assert len(reply.models) > 300
    assert (reply.mended, reply.unreadable, reply.duplicates) == (0, 0, 0)
    assert sum(model.is_embedding for model in reply.models) >= 8
    assert raw.server_date is not None
    assert len(decode_endpoints(await client.endpoints(Opaque("openai/gpt-4o-mini"), key))) > 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reply_and_its_bill(client: OpenRouterClient, key: Secret, stream: bool) -> None:
    events = await ask(client, asking("demo/reasoning", stream=stream), key)
    assert ended(events).complete
    assert text(events)
    assert thinking(events)
    assert ended(events).reasoning_details is not None
    usage = next(event.usage for event in events if isinstance(event, UsageArrived))
    assert usage.cost_usd
    info = await client.key_info(key)
    assert info.usage == usage.cost_usd


@pytest.mark.parametrize("model", ["demo/crlf", "demo/split-bytes", "demo/usage-with-choice", "demo/finish-then-null"])
async def test_odd_streams_are_whole(client: OpenRouterClient, key: Secret, model: str) -> None:
    events = await ask(client, asking(model), key)
    last = ended(events)
    assert (last.complete, last.error, last.finish_reason, last.broken_events) == (True, None, "stop", 0)
    assert text(events)


async def test_hostile_text_is_visible(client: OpenRouterClient, key: Secret) -> None:
    reply = text(await ask(client, asking("demo/hostile"), key))
    assert "[/b]" in reply
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", reply)


async def test_twenty_thousand_tokens_come_in_few_events(client: OpenRouterClient, key: Secret) -> None:
    events = await ask(client, asking("demo/flood"), key)
    assert ended(events).complete
    assert len(text(events)) > 60_000
    assert sum(isinstance(event, TextDelta) for event in events) < 2_000


async def test_vectors_in_order(client: OpenRouterClient, key: Secret) -> None:
    texts = ("a cat", "a dog", "the stock market")
    plain = await client.embeddings(EmbeddingRequest(model=Opaque("demo/embed-plain"), input=texts), key)
    assert len(plain.vectors) == 3
    assert plain.usage.cost_usd is not None
    with pytest.raises(ApiError) as caught:
        await client.embeddings(EmbeddingRequest(model=Opaque("demo/embed-error-in-200"), input=texts), key)
    assert caught.value.kind is ErrorKind.PROVIDER_DOWN


async def test_a_management_key_is_needed_for_credits(client: OpenRouterClient, key: Secret) -> None:
    with pytest.raises(ApiError) as caught:
        await client.credits(key)
    assert caught.value.kind is ErrorKind.FORBIDDEN
    assert (await client.credits(Secret("sk-or-v1-mgmt-0123456789"))).total_credits >= 0


async def test_a_refused_key(client: OpenRouterClient) -> None:
    with pytest.raises(ApiError) as caught:
        await client.key_info(Secret("sk-or-v1-invalid-0123456789"))
    assert caught.value.kind is ErrorKind.BAD_KEY


# Servers that break

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[str]:
    """A server that reads one request and then does what `peer` says."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            await peer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"


def chunked(*bodies: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies)


EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def sends(body: bytes, *, abort: bool = False) -> Peer:
    async def peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(body)
        await writer.drain()
        if abort:
            writer.transport.abort()

    return peer


@pytest.mark.parametrize("abort", [False, True])
async def test_a_connection_that_breaks_in_the_middle(abort: bool) -> None:
    async with (
        serving(sends(EVENTS + chunked(sse(says("Half"))), abort=abort)) as url,
        OpenRouterClient(url) as client,
    ):
        events = await ask(client, asking("acme/a"))
    last = ended(events)
    assert text(events) == "Half"
    assert last.error is not None
    assert (last.error.kind, last.error.outcome_unknown) == (ErrorKind.CONNECTION_LOST, True)


@pytest.mark.parametrize("body", [b"", b"HTTP/1.1 200", b"garbage\r\n\r\n", EVENTS])
async def test_a_connection_that_breaks_before_anything(body: bytes) -> None:
    async with serving(sends(body)) as url, OpenRouterClient(url) as client:
        with pytest.raises(ApiError) as caught:
            await ask(client, asking("acme/a"))
    assert (caught.value.kind, caught.value.retryable) == (ErrorKind.CONNECTION_LOST, False)
    assert (caught.value.request_written, caught.value.outcome_unknown) == (True, True)


async def test_a_whole_reply_that_is_torn() -> None:
    body = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choices": ['
    async with serving(sends(body)) as url, OpenRouterClient(url) as client:
        with pytest.raises(ApiError) as caught:
            await ask(client, asking("acme/a", stream=False))
    assert caught.value.kind is ErrorKind.CONNECTION_LOST


async def test_leaving_closes_the_connection_at_once() -> None:
    gone = asyncio.Event()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + chunked(sse(says("a"))))
        await writer.drain()
        assert await reader.read() == b""
        gone.set()

    async with serving(peer) as url, OpenRouterClient(url) as client:
        async with client.chat(asking("acme/a"), KEY) as stream:
            assert text(await anext(aiter(stream.batches()))) == "a"
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_finished_reply_leaves_its_connection_for_the_next() -> None:
    connections = 0
    done = EVENTS + chunked(sse(says("a")) + b"data: [DONE]\n\n") + b"0\r\n\r\n"

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(done)
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(done)

    async with serving(peer) as url, OpenRouterClient(url) as client:
        for _ in range(3):
            assert ended(await ask(client, asking("acme/a"))).complete
    assert connections == 1


async def test_no_secure_connection() -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server, OpenRouterClient(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        with pytest.raises(ApiError) as caught:
            await ask(client, asking("acme/a"))
    assert (caught.value.kind, caught.value.request_written, caught.value.retryable) == (ErrorKind.TLS, False, True)
