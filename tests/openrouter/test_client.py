"""The client against scripted answers: what it sends, what it makes of what comes, and where keys never go."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from scripted_streams import DONE, USAGE, WAIT, chunk, ended, says, sse, text
from typing_extensions import override

from tui.openrouter.chat import ChatRequest, EmbeddingRequest, RequestMessage, StreamEvent, TextDelta, Waiting
from tui.openrouter.client import OpenRouterClient
from tui.openrouter.encode import ServerKind
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque
from tui.secret import Secret

KEY = Secret("sk-or-v1-0123456789abcdef")
BASE = "https://openrouter.test/api/v1"
ASK = ChatRequest(model=Opaque("acme/a"), messages=(RequestMessage(role="user", content="Hi"),))
WHOLE = ChatRequest(model=Opaque("acme/a"), messages=ASK.messages, stream=False)

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


# Chat, streamed


async def test_a_streamed_reply_and_what_was_sent() -> None:
    seen: list[httpx.Request] = []
    body = sse(WAIT, says("Hel"), says("lo"), chunk({"content": ""}, finish="stop"), chunk(usage=USAGE), DONE)
    answer = streams(body, **{"X-Generation-Id": "gen-h", "Date": "Tue, 04 Aug 2026 12:00:00 GMT"})
    async with client_of(answer, seen=seen) as client, client.chat(ASK, KEY) as stream:
        assert stream.generation_id == Opaque("gen-h")
        assert stream.server_date == 1785844800
        batches = [batch async for batch in stream.batches()]
    assert len(batches) == 1
    assert text(batches[0]) == "Hello"
    assert ended(batches[0]).complete
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/chat/completions")
    assert request.headers["authorization"] == "Bearer sk-or-v1-0123456789abcdef"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["x-openrouter-title"] == "ortui"
    assert request.headers["http-referer"].startswith("https://")
    assert json.loads(request.content)["stream"] is True


async def test_other_servers_are_not_told_who_asks() -> None:
    seen: list[httpx.Request] = []
    await ask(client_of(streams(sse(says("a"), DONE)), kind="openai", seen=seen))
    assert not {"http-referer", "x-openrouter-title", "x-openrouter-categories"} & seen[0].headers.keys()
    assert json.loads(seen[0].content)["stream_options"] == {"include_usage": True}


async def test_what_one_read_brings_comes_as_one_batch() -> None:
    more = asyncio.Event()
    first, second = [sse(says(letter)) for letter in "abc"], [sse(says(letter)) for letter in "de"]
    async with client_of(streams(*first, more, *second, DONE)) as client, client.chat(ASK, KEY) as stream:
        batches = aiter(stream.batches())
        begun = await anext(batches)
        assert text(begun) == "abc"
        assert sum(isinstance(event, TextDelta) for event in begun) == 1
        more.set()
        assert text(await anext(batches)) == "de"


async def test_the_body_names_the_generation_where_the_header_does_not() -> None:
    async with client_of(streams(sse(says("a"), DONE))) as client, client.chat(ASK, KEY) as stream:
        assert stream.generation_id is None
        assert [batch async for batch in stream.batches()]
        assert stream.generation_id == Opaque("gen-1")


async def test_the_response_is_closed_when_the_reader_leaves() -> None:
    never = asyncio.Event()
    body = Script(sse(says("a")), never)
    client = client_of(lambda _request: httpx.Response(200, stream=body))
    async with client, client.chat(ASK, KEY) as stream:
        assert text(await anext(aiter(stream.batches()))) == "a"
        assert not body.closed
    assert body.closed


async def test_cancelling_closes_the_response() -> None:
    reached, never = asyncio.Event(), asyncio.Event()
    body = Script(sse(says("a")), never)

    async def read() -> None:
        async with client.chat(ASK, KEY) as stream:
            async for _batch in stream.batches():
                reached.set()

    async with client_of(lambda _request: httpx.Response(200, stream=body)) as client:
        task = asyncio.create_task(read())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert body.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_done_ends_the_reply_though_the_connection_stays_open() -> None:
    events = await ask(client_of(streams(sse(says("a"), DONE), asyncio.Event())))
    assert ended(events).complete


async def test_a_much_longer_reply_than_is_read_ahead() -> None:
    pieces = [sse(says("0123456789" * 100))] * 2000
    events = await ask(client_of(streams(*pieces, DONE)))
    assert len(text(events)) == 2_000_000


# Chat, errors


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 524, 529])
async def test_a_refusal_is_raised_before_the_stream(status: int) -> None:
    error = await refusal(client_of(replies({"error": {"code": status, "message": "No."}}, status)))
    assert error.status == status
    assert error.retryable == (status in (408, 429, 500, 502, 503, 529))
    assert error.outcome_unknown == (status in (504, 524))


async def test_a_refusal_whose_body_breaks_off_is_still_one() -> None:
    body = Script(b'{"error":{"mess', httpx.ReadError("gone"))
    assert (await refusal(client_of(lambda _request: httpx.Response(429, stream=body)))).kind is ErrorKind.RATE_LIMITED


FAILURE = {"code": 502, "message": "Down", "metadata": {"error_type": "provider_unavailable"}}


async def test_an_error_as_first_event_is_raised_and_may_be_repeated() -> None:
    error = await refusal(client_of(streams(WAIT, sse(chunk(error=FAILURE)), **{"X-Generation-Id": "gen-h"})))
    assert (error.kind, error.retryable, error.generation_id) == (ErrorKind.PROVIDER_DOWN, True, Opaque("gen-h"))


async def test_an_error_in_the_middle_ends_the_reply() -> None:
    events = await ask(
        client_of(streams(sse(says("Half")), sse(chunk({"content": ""}, finish="error", error=FAILURE))))
    )
    assert text(events) == "Half"
    last = ended(events)
    assert last.error is not None
    assert (last.complete, last.error.kind, last.error.retryable) == (False, ErrorKind.PROVIDER_DOWN, False)


async def test_a_lost_connection_after_the_first_event_keeps_what_came() -> None:
    events = await ask(client_of(streams(sse(says("Half")), httpx.ReadError("gone"))))
    last = ended(events)
    assert text(events) == "Half"
    assert last.error is not None
    assert (last.error.kind, last.error.outcome_unknown) == (ErrorKind.CONNECTION_LOST, True)
    assert not last.complete


async def test_a_connection_lost_after_the_finish_reason_is_no_loss() -> None:
    events = await ask(client_of(streams(sse(chunk({"content": "a"}, finish="stop")), httpx.ReadError("gone"))))
    assert (ended(events).complete, ended(events).error) == (True, None)


async def test_a_connection_lost_before_the_first_event_is_raised() -> None:
    error = await refusal(client_of(streams(WAIT, httpx.RemoteProtocolError("gone"))))
    assert (error.kind, error.retryable, error.outcome_unknown) == (ErrorKind.CONNECTION_LOST, False, True)


async def test_an_end_in_the_middle_is_cut_off() -> None:
    last = ended(await ask(client_of(streams(sse(says("Half")), b'data: {"cho'))))
    assert (last.complete, last.error, last.finish_reason) == (False, None, None)


@pytest.mark.parametrize("body", [b"", WAIT, b"\n\n  \n"])
async def test_an_end_before_anything_is_raised(body: bytes) -> None:
    error = await refusal(client_of(streams(body)))
    assert (error.kind, error.outcome_unknown, error.retryable) == (ErrorKind.CUT_OFF, True, False)


async def test_comments_alone_do_not_keep_a_stuck_model_alive() -> None:
    client = client_of(streams(WAIT, WAIT, asyncio.Event()))
    async with client, client.chat(ASK, KEY, first_event_s=0.05) as stream:
        batches = aiter(stream.batches())
        assert [type(event) for event in await anext(batches)] == [Waiting, Waiting]
        with pytest.raises(ApiError) as caught:
            await anext(batches)
    assert (caught.value.kind, caught.value.outcome_unknown) == (ErrorKind.STALLED, True)


async def test_silence_in_the_middle_ends_the_reply() -> None:
    last = ended(await ask(client_of(streams(sse(says("a")), asyncio.Event())), between_bytes_s=0.05))
    assert last.error is not None
    assert (last.error.kind, last.error.outcome_unknown) == (ErrorKind.STALLED, True)


async def test_no_answer_at_all_is_stalled() -> None:
    async def never(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = OpenRouterClient(BASE, transport=httpx.MockTransport(never))
    assert (await refusal(client, first_event_s=0.05)).kind is ErrorKind.STALLED


async def test_an_endless_event_is_a_sentence() -> None:
    pieces = [b"data: " + b"x" * 1_000_000] + [b"x" * 1_000_000] * 20
    error = await refusal(client_of(streams(*pieces)))
    assert (error.kind, error.outcome_unknown) == (ErrorKind.UNREADABLE, True)
    last = ended(await ask(client_of(streams(sse(says("a")), *pieces))))
    assert last.error is not None
    assert "16 MB" in last.error.message


# Chat, whole


MESSAGE = {"role": "assistant", "content": "Four.", "reasoning": "Two and two."}
REPLY = {"id": "gen-2", "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}], "usage": USAGE}


@pytest.mark.parametrize("start", [b"", b"\n\n   \r\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("request_", [ASK, WHOLE])
async def test_a_whole_reply_comes_through_the_same_door(start: bytes, request_: ChatRequest) -> None:
    body = start + json.dumps(REPLY).encode()
    events = await ask(client_of(streams(*(body[i : i + 5] for i in range(0, len(body), 5)))), request_)
    assert text(events) == "Four."
    assert ended(events).complete


async def test_a_large_whole_reply() -> None:
    message = MESSAGE | {"content": "word " * 200_000}
    events = await ask(client_of(replies(REPLY | {"choices": [{"message": message}]})), WHOLE)
    assert len(text(events)) == 1_000_000
    assert ended(events).complete


async def test_a_200_with_an_error_is_an_error() -> None:
    error = await refusal(client_of(replies({"error": FAILURE})), WHOLE)
    assert (error.kind, error.status, error.retryable) == (ErrorKind.PROVIDER_DOWN, 502, True)


async def test_a_200_with_half_a_reply_keeps_it() -> None:
    choice = {"message": MESSAGE, "finish_reason": "error", "error": FAILURE}
    events = await ask(client_of(replies({"choices": [choice]})), WHOLE)
    assert text(events) == "Four."
    assert ended(events).error is not None
    assert not ended(events).complete


@pytest.mark.parametrize("body", [b"<html>Log in to the network</html>", b"[]", b'{"id": "gen', b'{"a": nope}'])
async def test_a_200_that_is_no_reply(body: bytes) -> None:
    error = await refusal(client_of(replies(body)), WHOLE)
    assert (error.kind, error.outcome_unknown) == (ErrorKind.UNREADABLE, True)


async def test_a_whole_reply_that_is_lost_on_the_way() -> None:
    error = await refusal(client_of(streams(b'{"id": "gen', httpx.ReadError("gone"))), WHOLE)
    assert error.kind is ErrorKind.CONNECTION_LOST


# Network failures


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("failure", "kind", "written", "again"),
    [
        (caused(httpx.ConnectError("x"), socket.gaierror(-2, "x")), ErrorKind.DNS, False, True),
        (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError()), ErrorKind.TLS, False, True),
        (caused(httpx.ConnectError("x"), ssl.SSLError()), ErrorKind.TLS, False, True),
        (
            caused(httpx.ConnectError("x"), ExceptionGroup("x", [ConnectionRefusedError()])),
            ErrorKind.REFUSED,
            False,
            True,
        ),
        (httpx.ConnectError("x"), ErrorKind.REFUSED, False, True),
        (httpx.ConnectTimeout("x"), ErrorKind.CONNECT_TIMEOUT, False, True),
        (httpx.PoolTimeout("x"), ErrorKind.CONNECT_TIMEOUT, False, True),
        (httpx.ProxyError("407"), ErrorKind.PROXY, False, False),
        (httpx.UnsupportedProtocol("x"), ErrorKind.BAD_REQUEST, False, False),
        (httpx.LocalProtocolError("Bearer sk-or-v1-0123456789abcdef"), ErrorKind.BAD_KEY, False, False),
        (httpx.WriteTimeout("x"), ErrorKind.STALLED, True, False),
        (httpx.ReadTimeout("x"), ErrorKind.STALLED, True, False),
        (httpx.WriteError("x"), ErrorKind.CONNECTION_LOST, True, False),
        (httpx.ReadError("x"), ErrorKind.CONNECTION_LOST, True, False),
        (httpx.RemoteProtocolError("x"), ErrorKind.CONNECTION_LOST, True, False),
        (ssl.SSLError("x"), ErrorKind.CONNECTION_LOST, True, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_failures_of_the_network(failure: Exception, kind: ErrorKind, written: bool, again: bool) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise failure

    error = await refusal(client_of(fail))
    assert (error.kind, error.request_written, error.retryable) == (kind, written, again)
    assert error.outcome_unknown == written
    assert "sk-or" not in str(error)
    with pytest.raises(ApiError) as caught:
        await client_of(fail).key_info(KEY)
    assert not caught.value.outcome_unknown
    assert caught.value.retryable == (written or again or kind is ErrorKind.PROXY)


async def test_a_bug_in_the_transport_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await ask(client_of(streams(sse(says("a")), ZeroDivisionError())))


# Where keys go


async def test_redirects_are_not_followed() -> None:
    seen: list[httpx.Request] = []
    answer = replies(b"", 307, {"Location": "https://evil.test/api/v1/chat/completions"})
    error = await refusal(client_of(answer, seen=seen))
    assert len(seen) == 1
    assert "evil.test" in error.message
    with pytest.raises(ApiError):
        await client_of(answer, seen=seen).key_info(KEY)
    with pytest.raises(ApiError):
        await client_of(answer, seen=seen).models(KEY)
    assert {request.url.host for request in seen} == {"openrouter.test"}


@pytest.mark.parametrize("key", ["sk-or-v1-a\nb", "sk-or-v1-ä", "sk or"])
async def test_a_key_that_no_header_can_hold(key: str) -> None:
    client = client_of(replies({}))
    with pytest.raises(ApiError) as caught:
        await client.key_info(Secret(key))
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.BAD_KEY, False)
    assert key not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://openrouter.test/api/v1", "ftp://x", "no url", "https://user:pw@x.test"])
def test_base_urls_that_are_refused(base_url: str) -> None:
    with pytest.raises(ApiError) as caught:
        OpenRouterClient(base_url)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.BAD_REQUEST, False)
    assert "pw" not in str(caught.value)


async def test_plain_http_only_where_it_is_allowed() -> None:
    seen: list[httpx.Request] = []
    OpenRouterClient("http://10.0.0.1/v1", allow_http=True)
    await ask(client_of(streams(sse(says("a"), DONE)), base_url="http://127.0.0.1:9/api/v1/", seen=seen))
    assert str(seen[0].url) == "http://127.0.0.1:9/api/v1/chat/completions"


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def use(value: str) -> None:
        for name in PROXIES:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setenv("ALL_PROXY", value)

    return use


@pytest.mark.parametrize("value", ["nonsense://secret-password@proxy", "http://x:notaport", "socks9://x"])
async def test_a_bad_proxy_variable_is_a_sentence(proxy: Callable[[str], None], value: str) -> None:
    proxy(value)
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient(BASE).key_info(KEY)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.PROXY, False)
    assert "secret" not in str(caught.value)


async def test_loopback_ignores_proxies(proxy: Callable[[str], None], unused_port: int) -> None:
    proxy("nonsense://proxy")
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient(f"http://127.0.0.1:{unused_port}/api/v1").key_info(KEY)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.REFUSED, False)


async def test_a_proxy_is_honoured_elsewhere(proxy: Callable[[str], None], unused_port: int) -> None:
    proxy(f"http://127.0.0.1:{unused_port}")
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient("https://openrouter.test/api/v1").key_info(KEY)
    assert caught.value.kind is ErrorKind.REFUSED


async def test_a_bad_certificate_variable_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient(BASE).key_info(KEY)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.TLS, False)


@pytest.fixture
def unused_port() -> Iterable[int]:
    """A port that nobody listens on: it is bound but does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


# Lists and records


async def test_all_models_are_asked_for_in_every_modality() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        name = "vec" if "embeddings" in request.url.path else "chat"
        return httpx.Response(200, json={"data": [{"id": name}]}, headers={"Date": "Tue, 04 Aug 2026 12:00:00 GMT"})

    raw = await client_of(answer, seen=seen).models()
    assert raw.models_body == b'{"data":[{"id":"chat"}]}'
    assert raw.embeddings_body == b'{"data":[{"id":"vec"}]}'
    assert raw.server_date == 1785844800
    assert {str(request.url) for request in seen} == {
        f"{BASE}/models?output_modalities=all",
        f"{BASE}/embeddings/models",
    }
    assert not any("authorization" in request.headers for request in seen)


async def test_other_servers_have_one_list_and_want_a_key_for_it() -> None:
    seen: list[httpx.Request] = []
    raw = await client_of(replies({"data": []}), kind="openai", seen=seen).models(KEY)
    assert [str(request.url) for request in seen] == [f"{BASE}/models"]
    assert "authorization" in seen[0].headers
    assert raw.embeddings_body is None


async def test_a_missing_list_of_embedding_models_is_no_failure() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404 if "embeddings" in request.url.path else 200, json={"data": []})

    assert (await client_of(answer).models()).embeddings_body is None


async def test_pages_are_joined() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params.get("offset", "0"))
        following = f"/api/v1/models?offset={offset + 1}" if offset < 2 else None
        return httpx.Response(200, json={"data": [{"id": f"m{offset}"}], "links": {"next": following}})

    raw = await client_of(answer, kind="openai").models()
    assert json.loads(raw.models_body) == {"data": [{"id": "m0"}, {"id": "m1"}, {"id": "m2"}]}


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test/api/v1/models?offset=1",
        "//evil.test/x",
        "http://openrouter.test/x",
        "/api/v1/models",
        "http://[",
        7,
    ],
)
async def test_pages_lead_neither_elsewhere_nor_round_in_circles(following: object) -> None:
    seen: list[httpx.Request] = []
    answer = replies({"data": [{"id": "m"}], "links": {"next": following}})
    raw = await client_of(answer, kind="openai", seen=seen).models(KEY)
    assert {request.url.host for request in seen} == {"openrouter.test"}
    assert {request.url.scheme for request in seen} == {"https"}
    assert len(seen) <= 2
    assert b'"id":"m"' in raw.models_body.replace(b" ", b"")


async def test_endpoints_keep_the_slash() -> None:
    seen: list[httpx.Request] = []
    body = await client_of(replies(b"{}"), seen=seen).endpoints(Opaque("acme/a:free"), KEY)
    assert (body, str(seen[0].url)) == (b"{}", f"{BASE}/models/acme/a:free/endpoints")


async def test_compressed_lists() -> None:
    body = json.dumps({"data": {"label": "x", "limit": None}}).encode()
    good = replies(gzip.compress(body), 200, {"Content-Encoding": "gzip"})
    assert (await client_of(good).key_info(KEY)).label == "x"
    with pytest.raises(ApiError) as caught:
        await client_of(streams(b"broken", **{"Content-Encoding": "gzip"})).key_info(KEY)
    assert caught.value.kind is ErrorKind.UNREADABLE


async def test_key_credits_bills_and_activity() -> None:
    seen: list[httpx.Request] = []
    answers = {
        "/api/v1/key": {"data": {"label": "k", "usage": 3.1}},
        "/api/v1/credits": {"data": {"total_credits": 20, "total_usage": 13.37}},
        "/api/v1/generation": {"data": {"id": "gen-1", "total_cost": 0.5}},
        "/api/v1/activity": {"data": []},
    }
    client = client_of(lambda request: httpx.Response(200, json=answers[request.url.path]), seen=seen)
    assert (await client.key_info(KEY)).usage == Decimal("3.1")
    assert (await client.credits(KEY)).total_usage == Decimal("13.37")
    bill = await client.generation(Opaque("gen-1&x=\u00e4"), KEY)
    assert bill is not None
    assert bill.usage.cost_usd == Decimal("0.5")
    assert json.loads(await client.activity(KEY)) == {"data": []}
    assert seen[2].url.params["id"] == "gen-1&x=\u00e4"
    assert all(request.headers["authorization"] for request in seen)


async def test_a_bill_that_is_not_there_yet() -> None:
    missing = replies({"error": {"code": 404, "message": "Generation not found"}}, 404)
    assert await client_of(missing).generation(Opaque("gen-1"), KEY) is None
    with pytest.raises(ApiError):
        await client_of(replies({"error": {"code": 500}}, 500)).generation(Opaque("gen-1"), KEY)


async def test_a_200_without_a_record_is_told() -> None:
    with pytest.raises(ApiError) as caught:
        await client_of(replies(b"<html>")).credits(KEY)
    assert caught.value.kind is ErrorKind.UNREADABLE
    with pytest.raises(ApiError) as caught:
        await client_of(replies({"error": {"code": 401, "message": "No"}})).key_info(KEY)
    assert caught.value.kind is ErrorKind.BAD_KEY


# Embeddings


async def test_embeddings() -> None:
    seen: list[httpx.Request] = []
    body = {"data": [{"embedding": [2.0], "index": 1}, {"embedding": [1.0], "index": 0}], "usage": {"cost": 1e-7}}
    client = client_of(replies(body, 200, {"X-Generation-Id": "gen-emb"}), seen=seen)
    reply = await client.embeddings(EmbeddingRequest(model=Opaque("m"), input=("a", "b")), KEY)
    assert reply.vectors == (b"\x00\x00\x80?", b"\x00\x00\x00@")
    assert (reply.dimensions, reply.generation_id, reply.usage.cost_usd) == (1, Opaque("gen-emb"), Decimal("1E-7"))
    assert str(seen[0].url) == f"{BASE}/embeddings"


async def test_many_vectors_are_decoded_beside_the_loop() -> None:
    body = {"data": [{"embedding": [0.25] * 3000} for _ in range(20)]}
    reply = await client_of(replies(body)).embeddings(EmbeddingRequest(model=Opaque("m"), input=("x",) * 20), KEY)
    assert (len(reply.vectors), reply.dimensions) == (20, 3000)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"data": [{"embedding": [1.0]}]}, ErrorKind.UNREADABLE),
        ({"error": FAILURE}, ErrorKind.PROVIDER_DOWN),
        (b"<html>", ErrorKind.UNREADABLE),
    ],
)
async def test_embeddings_that_are_no_good(body: object, kind: ErrorKind) -> None:
    with pytest.raises(ApiError) as caught:
        await client_of(replies(body)).embeddings(EmbeddingRequest(model=Opaque("m"), input=("a", "b")), KEY)
    assert caught.value.kind is kind
    assert caught.value.retryable == (kind is ErrorKind.PROVIDER_DOWN)
