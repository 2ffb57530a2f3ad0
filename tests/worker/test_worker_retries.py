"""What is sent again, with which key, and what never is."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from worker_host import Books, Host, ScriptedServer, chunk, http, make_settings, stream

from tui.config import Limits, OwnPricing
from tui.core.conversation import CostKind, MessageState
from tui.core.ledger import KeyState
from tui.openrouter.errors import ErrorKind

OUTCOMES: dict[str, tuple[int, str, str | None]] = {
    # model: (requests that the server got, state of the reply, kind of failure)
    "400": (1, "failed", "bad_request"),
    "401": (1, "failed", "bad_key"),
    "402": (1, "failed", "no_credit"),
    "402-in-flight": (3, "done", None),
    "403": (1, "failed", "forbidden"),
    "403-key-limit": (1, "failed", "key_limit"),
    "403-moderation": (1, "failed", "moderated"),
    "404": (1, "failed", "no_endpoints"),
    "408": (3, "failed", "timed_out"),
    "413": (1, "failed", "too_large"),
    "422": (1, "failed", "unprocessable"),
    "429": (3, "failed", "rate_limited"),
    "429-retry-after": (1, "failed", "rate_limited"),
    "500": (3, "failed", "server_error"),
    "502": (3, "failed", "provider_down"),
    "503": (1, "failed", "overloaded"),
    "504": (1, "unknown", "timed_out"),
    "524": (1, "unknown", "timed_out"),
    "529": (3, "failed", "overloaded"),
    "html-502": (3, "failed", "provider_down"),
    "empty-403": (1, "failed", "forbidden"),
    "zod-400": (1, "failed", "bad_request"),
    "hang-up": (1, "unknown", "connection_lost"),
    "flaky-502": (3, "done", None),
    "flaky-429": (3, "done", None),
    "flaky-first-event": (3, "done", None),
    "error-in-200": (3, "failed", "provider_down"),
    "first-event-error": (3, "failed", "provider_down"),
    "mid-stream-error": (1, "cut_off", "provider_down"),
    "cut-off": (1, "cut_off", "cut_off"),
    "connection-lost": (1, "cut_off", "connection_lost"),
}

OK = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))
REFUSED = {401: {"error": {"code": 401, "message": "User not found."}}}


def error(status: int, **headers: str) -> bytes:
    return http(status, {"error": {"code": status, "message": f"status {status}"}}, **headers)


async def test_each_failure_is_repeated_as_often_as_it_may_be(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    async def outcome(name: str) -> tuple[int, str, str | None]:
        host = Host(make_settings(tmp_path / name, demo_server, fresh_key()))
        try:
            await host.start(catalogue=False)
            # Two seconds of waiting: `429-retry-after` and `503` ask for more.
            ended = await host.reply(host.ask(f"demo/{name}", wait_s=2.5), within_s=20)
            posts = len(await Books(demo_server, host.key()).log())
            return posts, ended.state.value, ended.failure.kind if ended.failure else None
        finally:
            await host.close()

    names = list(OUTCOMES)
    found = await asyncio.gather(*map(outcome, names))
    assert dict(zip(names, found, strict=True)) == OUTCOMES


async def test_a_post_is_never_repeated_once_it_was_written(start_host: Any) -> None:
    server = ScriptedServer(None)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        ended = await host.reply(ask)
    assert len(server.posts) == 1
    assert ended.state is MessageState.UNKNOWN
    [row] = await host.requests()
    assert row["state"] == "awaited"


async def test_what_was_not_written_is_repeated_and_takes_no_place(start_host: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1"
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        ended = await host.reply(ask)
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, ErrorKind.REFUSED.value)
    assert ended.receipt.tries == 3
    assert await host.states() == ["released"]
    assert await host.rows("SELECT * FROM try") == []


async def test_retry_after_is_waited_for(start_host: Any) -> None:
    server = ScriptedServer(error(503, Retry_After="1"), OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        assert (await host.reply(ask)).state is MessageState.DONE
    assert server.posts[1].at - server.posts[0].at > 0.95
    [waiting] = host.waits(ask.reply_id)
    assert "Trying again in 1.0 s" in waiting.reason
    assert 0 < waiting.wait_until - time.time() + 2 < 4


async def test_a_reset_is_read_against_the_clock_of_the_server(start_host: Any) -> None:
    long_ago = time.time() - 7 * 86_400
    reset = error(429, Date=formatdate(long_ago, usegmt=True), X_RateLimit_Reset=str(int(long_ago * 1000) + 1400))
    server = ScriptedServer(reset, OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        assert (await host.reply(ask)).state is MessageState.DONE
    assert 0.3 < server.posts[1].at - server.posts[0].at < 3
    assert any("rests" in job.reason for job in host.waits(ask.reply_id))


@pytest.mark.parametrize("status", [401, 402, 429])
async def test_another_key_serves_after(status: int, start_host: Any) -> None:
    server = ScriptedServer(error(status), OK)
    async with server as url:
        host = await start_host(url, "sk-or-v1-first-000000001111", "sk-or-v1-second-00000002222", catalogue=False)
        ask = host.ask("some/model")
        assert (await host.reply(ask)).state is MessageState.DONE
    first, second = (seen.headers["authorization"] for seen in server.posts)
    assert first != second
    assert server.posts[1].at - server.posts[0].at < 0.9
    assert any("another key" in job.reason for job in host.waits(ask.reply_id))


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
async def test_no_other_key_is_tried_after(status: int, start_host: Any) -> None:
    capped = {"error": {"code": status, "message": "no", "metadata": {"limit_source": "openrouter_key_limit"}}}
    server = ScriptedServer(http(status, capped), OK)
    async with server as url:
        host = await start_host(url, "sk-or-v1-first-000000001111", "sk-or-v1-second-00000002222", catalogue=False)
        assert (await host.reply(host.ask("some/model"))).state is MessageState.FAILED
    assert len(server.posts) == 1


async def test_a_resting_key_is_waited_for_rather_than_a_dead_one_tried(start_host: Any) -> None:
    server = ScriptedServer(error(401), OK, error(429, Retry_After="1"), OK)
    async with server as url:
        host = await start_host(url, "sk-or-v1-first-000000001111", "sk-or-v1-second-00000002222", catalogue=False)
        await host.reply(host.ask("some/model"))
        ended = await host.reply(host.ask("some/model"))
    assert ended.state is MessageState.DONE
    keys = [seen.headers["authorization"] for seen in server.posts]
    assert keys[1] == keys[2] == keys[3] != keys[0]


async def test_a_dead_key_is_tested_before_it_is_used_again(start_host: Any) -> None:
    gets = {"/key": http(401, REFUSED[401])}
    server = ScriptedServer(error(401), OK, gets=gets)
    async with server as url:
        host = await start_host(url, catalogue=False)
        assert (await host.reply(host.ask("some/model"))).failure.kind == "bad_key"
        assert host.state.keys[0].state.value == KeyState.DEAD.value
        refused = await host.reply(host.ask("some/model"))
        assert refused.failure.kind == "bad_key"
        assert len(server.posts) == 1
        assert [seen.path for seen in server.seen if seen.method == "GET"] == ["/api/v1/key"]
        gets["/key"] = http(200, {"data": {"label": "mended", "limit": None}})
        assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE
        await host.until(lambda: host.state.keys[0].state is KeyState.READY)


async def test_a_key_never_stands_in_what_is_said(start_host: Any, tmp_path: Path) -> None:
    def told(writer: asyncio.StreamWriter) -> Any:
        async def answer() -> None:
            key = host.key()
            writer.write(http(400, {"error": {"code": 400, "message": f"Bearer {key} {key[9:]} is no good"}}))
            await writer.drain()

        return answer()

    async with ScriptedServer(told) as url:
        host = await start_host(url, "sk-or-v1-hush-0123456789abcdef4f2a", catalogue=False)
        ended = await host.reply(host.ask("some/model"))
    assert "no good" in ended.failure.message
    everything = repr(host.events) + repr(host.worker) + str(vars(host.worker))
    dump = "\n".join(await host.database.run(lambda connection: list(connection.iterdump())))
    assert host.key() not in everything + dump


async def test_a_server_without_keys_gets_none_and_its_price_is_the_configuration_s(start_host: Any) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    server = ScriptedServer(stream(chunk("Hi"), chunk(finish="stop", usage=usage)))
    own = OwnPricing(prompt_usd=Decimal("0.000003"), completion_usd=Decimal("0.000015"))
    async with server as url:
        host = await start_host(url, keyless=True, catalogue=False, type="openai", pricing=own, model="some/model")
        ended = await host.reply(host.ask("some/model"))
    assert ended.state is MessageState.DONE
    assert "authorization" not in server.posts[0].headers
    assert "http-referer" not in server.posts[0].headers
    assert server.posts[0].json["stream_options"] == {"include_usage": True}
    assert ended.receipt.cost.kind is CostKind.ESTIMATED
    assert f"{ended.receipt.cost.usd:f}".rstrip("0") == "0.0045"
    assert await host.states() == ["estimated"]


async def test_without_any_key_sending_says_how_to_give_one(start_host: Any) -> None:
    async with ScriptedServer(OK) as url:
        host = await start_host(url, keyless=True, catalogue=False)
        ended = await host.reply(host.ask("some/model"))
    assert ended.failure.kind == "no_key"
    assert "OPENROUTER_API_KEY" in ended.failure.advice
    assert await host.states() == ["released"]


@pytest.mark.parametrize(
    ("keyring", "said"), [("hangs", "did not answer in time"), ("refuses", "locked"), ("empty", "not there")]
)
async def test_a_key_that_the_keyring_does_not_give_is_named(
    keyring: str, said: str, start_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui import keyring_store
    from tui.config import KeySource

    given = threading.Event()

    def get(name: str, data: Path | None = None) -> None:
        if keyring == "hangs":
            given.wait(10)
        if keyring == "refuses":
            raise keyring_store.KeyStoreError("the keyring is locked")

    monkeypatch.setattr(keyring_store, "get", get)
    monkeypatch.setattr("tui.worker.key_ring._KEYRING_LIMIT_S", 0.1)
    async with ScriptedServer(OK) as url:
        host = await start_host(url, keyless=True, catalogue=False, sources=(KeySource(None, "keyring:work", "work"),))
        ended = await host.reply(host.ask("some/model"))
    given.set()
    assert ended.failure.kind == "no_key"
    assert "keyring:work" in ended.failure.message
    assert said in ended.failure.message


async def test_proxy_variables_do_not_take_the_key_away_from_loopback(
    start_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with ScriptedServer(OK) as url:
        host = await start_host(url, catalogue=False)
        assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE


async def test_waiting_ends_where_the_command_s_patience_does(start_host: Any) -> None:
    server = ScriptedServer(error(429, Retry_After="30"), OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        first = await host.reply(host.ask("some/model", wait_s=1.0))
        second = await host.reply(host.ask("some/model", wait_s=1.0))
    assert first.failure.retry_after_s == 30
    assert second.failure.kind == "rate_limited"
    assert 25 < second.failure.retry_after_s <= 30
    assert "…" in second.failure.message
    assert len(server.posts) == 1


async def test_own_limits_fail_with_both_figures(start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False, limits=Limits(tokens_per_min=500))
        ended = await host.reply(host.ask("some/model"))
    assert ended.failure.kind == "own_limit"
    assert "your limit is 500 a minute" in ended.failure.message
    assert not server.posts
    assert await host.states() == ["released"]
