"""Chat against scripted answers: what is sent, and what is made of what comes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl

import httpx
import pytest
from client_script import ASK, BASE, FAILURE, KEY, WHOLE, Script, ask, client_of, refusal, replies, streams
from scripted_streams import DONE, USAGE, WAIT, chunk, ended, says, sse, text

from tui.openrouter.chat import ChatRequest, TextDelta, Waiting
from tui.openrouter.client import OpenRouterClient
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque

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
