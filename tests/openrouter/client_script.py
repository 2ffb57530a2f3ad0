"""The client with answers that are scripted, without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from typing_extensions import override

from tui.openrouter.chat import ChatRequest, RequestMessage, StreamEvent
from tui.openrouter.client import OpenRouterClient
from tui.openrouter.encode import ServerKind
from tui.openrouter.errors import ApiError
from tui.openrouter.text import Opaque
from tui.secret import Secret

KEY = Secret("sk-or-v1-0123456789abcdef")
BASE = "https://openrouter.test/api/v1"
ASK = ChatRequest(model=Opaque("acme/a"), messages=(RequestMessage(role="user", content="Hi"),))
WHOLE = ChatRequest(model=Opaque("acme/a"), messages=ASK.messages, stream=False)
FAILURE = {"code": 502, "message": "Down", "metadata": {"error_type": "provider_unavailable"}}

Answer = Callable[[httpx.Request], httpx.Response]


class Script(httpx.AsyncByteStream):
    """A body that comes in these pieces; an exception among them is raised, an event is waited for."""

    def __init__(self, *pieces: bytes | Exception | asyncio.Event) -> None:
        self.pieces = pieces
        self.closed = False

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece

    @override
    async def aclose(self) -> None:
        self.closed = True


def client_of(
    answer: Answer, *, base_url: str = BASE, kind: ServerKind = "openrouter", seen: list[httpx.Request] | None = None
) -> OpenRouterClient:
    def respond(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return answer(request)

    return OpenRouterClient(base_url, kind=kind, transport=httpx.MockTransport(respond))


def streams(*pieces: bytes | Exception | asyncio.Event, **headers: str) -> Answer:
    headers.setdefault("Content-Type", "text/event-stream")
    return lambda _request: httpx.Response(200, stream=Script(*pieces), headers=headers)


def replies(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _request: httpx.Response(status, content=content, headers=headers)


async def ask(client: OpenRouterClient, request: ChatRequest = ASK, **options: Any) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    async with client, client.chat(request, KEY, **options) as stream:
        async for batch in stream.batches():
            assert batch
            events += batch
    return events


async def refusal(client: OpenRouterClient, request: ChatRequest = ASK, **options: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await ask(client, request, **options)
    return caught.value
