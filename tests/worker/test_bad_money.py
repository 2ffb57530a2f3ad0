"""Usage, costs, clocks and keys as they should not be: an unknown figure is unknown, and no sum is ever wrong."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import pytest
from worker_host import Host, ScriptedServer, chunk, http, stream

from tui.core.commands import PollQuota
from tui.core.conversation import CostKind, MessageState
from tui.database.ledger import AwaitedBill
from tui.openrouter.text import Opaque
from tui.worker.bills import _is_due, pause_s

KEY = "sk-or-v1-aaaa1111"
FINE = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))
MISSING = object()


def answer(usage: object) -> bytes:
    """A reply whose last event has this as its usage, as JSON text."""
    end = chunk(finish="stop") if usage is MISSING else chunk(finish="stop", usage="@")
    return stream(chunk("Fine."), end).replace(b'"@"', str(usage).encode())


@pytest.mark.parametrize(
    ("usage", "billed"),
    [
        (MISSING, None),
        ("null", None),
        ("{}", None),
        ("[]", None),
        ('"much"', None),
        ('{"cost": null, "prompt_tokens": 3}', None),
        ('{"cost": 0, "prompt_tokens": 0, "completion_tokens": 0}', "0"),
        ('{"cost": "0.0042", "prompt_tokens": "3"}', "0.0042"),
        ('{"cost": 0.0042, "prompt_tokens": 3}', "0.0042"),
        ('{"cost": 4.2e-3, "prompt_tokens": 3.0}', "0.0042"),
        ('{"cost": 0.1234567890123456789, "prompt_tokens": 3}', "0.1234567890123456789"),
        ('{"cost": -1, "prompt_tokens": -3}', None),
        ('{"cost": 1e999, "prompt_tokens": 1e99}', None),
        ('{"cost": "NaN", "prompt_tokens": true}', None),
        ('{"cost": {"usd": 1}, "prompt_tokens": 3}', None),
        ('{"cost": true}', None),
    ],
)
async def test_a_cost_that_is_none_is_unknown_and_never_zero(
    usage: object, billed: str | None, start_host: Any
) -> None:
    async with ScriptedServer(answer(usage)) as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        ended = await host.reply(host.ask("some/model"))
        (row,) = await host.requests()
        await host.stop()  # it would go on asking the server for the bill while that is closed
    spent = host.state.spend
    assert spent is not None
    assert ended.state is MessageState.DONE
    assert spent.all_time.requests == 1
    if billed is None:
        assert row["state"] == "awaited"
        assert ended.receipt.cost.kind is not CostKind.BILLED
        assert spent.all_time.billed_usd == 0
        # Its price is not listed either: that is said, instead of a sum that lacks it.
        assert spent.all_time.unknown == 1
    else:
        assert row["state"] == "billed"
        assert ended.receipt.cost.usd == spent.all_time.billed_usd == Decimal(billed)
    assert spent.all_time.prompt_tokens in (0, 3)


async def test_days_go_by_the_server_s_clock(start_host: Any) -> None:
    ahead = time.time() + 3 * 86_400
    dated = FINE.replace(
        b"Connection: close", b"Date: " + formatdate(ahead, usegmt=True).encode() + b"\r\nConnection: close"
    )
    async with ScriptedServer(dated) as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        for _ in range(2):
            await host.reply(host.ask("some/model"))
        first, second = await host.requests()
        days = await host.rows("SELECT day, requests FROM day_total ORDER BY day")
    # Until the first answer nobody knows of it; from then on all days are the server's.
    assert second["created_at"] - first["created_at"] > 2 * 86_400
    assert [row["requests"] for row in days] == [1, 1]
    assert days[1]["day"] == int(ahead // 86_400)
    spent = host.state.spend
    assert spent is not None
    assert spent.today.billed_usd == Decimal("0.001")
    assert spent.all_time.billed_usd == Decimal("0.002")
    assert host.state.free is not None
    # The countdown runs by our clock to the server's midnight.
    assert 0 < host.state.free.resets_at - time.time() <= 86_400


def bill(next_ask_at: float | None) -> AwaitedBill:
    return AwaitedBill(
        request_id="r",
        account="a",
        generation_id=Opaque("gen-1"),
        message_id=None,
        created_at=0,
        asks=3,
        next_ask_at=next_ask_at,
    )


def test_bills_are_asked_for_at_growing_pauses_whatever_the_clock_does() -> None:
    assert [pause_s(asks) for asks in (0, 1, 2, 3, 10, 11, 50, 5_000)] == [1, 2, 4, 8, 1024, 1800, 1800, 1800]
    now = 1_000_000.0
    assert _is_due(bill(None), now)
    assert _is_due(bill(now), now)
    assert not _is_due(bill(now + 1), now)
    assert not _is_due(bill(now + 1800), now)
    # The clock was set back by hours: waiting them out would forget the bill.
    assert _is_due(bill(now + 7200), now)


async def test_the_bill_comes_after_a_restart(start_host: Any) -> None:
    cut = stream(chunk("Half an ans"), done=False)
    server = ScriptedServer(cut)
    async with server as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        ask = host.ask("some/model")
        ended = await host.reply(ask)
        assert ended.state is MessageState.CUT_OFF
        await host.until(lambda: [seen for seen in server.seen if "/generation" in seen.path])
        assert await host.states() == ["awaited"]
        await host.close()
        record = {"data": {"id": "gen-1", "total_cost": 0.0375, "tokens_prompt": 4, "tokens_completion": 5}}
        server.gets["/generation"] = http(200, record)
        again: Host = await start_host(url, KEY, catalogue=False)
        await again.until(lambda: again.state.spend and again.state.spend.all_time.billed_usd == Decimal("0.0375"), 15)
        assert await again.states() == ["billed"]
        assert await again.reserved() == 0
    spent = again.state.spend
    assert spent is not None
    assert (spent.all_time.requests, spent.all_time.wasted) == (1, 1)
    assert spent.all_time.estimated_usd == 0


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"data": null}', b'{"data": {"total_cost": null}}', b"<html>"])
async def test_a_bill_that_cannot_be_read_is_asked_for_again(body: bytes, start_host: Any) -> None:
    server = ScriptedServer(stream(chunk("Half"), done=False), gets={"/generation": http(200, body.decode())})
    async with server as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        await host.reply(host.ask("some/model"))
        await host.until(lambda: len([seen for seen in server.seen if "/generation" in seen.path]) >= 2)
        assert await host.states() == ["awaited"]
        assert host.state.spend is not None
        assert host.state.spend.all_time.billed_usd == 0


async def test_a_key_that_is_revoked_in_mid_stream_loses_no_text_and_no_money(start_host: Any) -> None:
    refusal = {"error": {"code": 401, "message": "User not found."}, **chunk("", finish="error")}
    broken = stream(chunk("Half an answer"), refusal)
    server = ScriptedServer(broken, http(401, {"error": {"code": 401, "message": "User not found."}}))
    async with server as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        ask = host.ask("some/model")
        ended = await host.reply(ask)
        assert ended.state is MessageState.CUT_OFF
        assert host.message(ask).text == "Half an answer"
        assert ended.receipt.cost.kind is not CostKind.BILLED
        after = await host.reply(host.ask("some/model"))
        assert after.failure is not None
        assert after.failure.kind == "bad_key"
    assert await host.states() == ["awaited", "released"]
    assert host.state.keys[0].state.value == "dead"
    assert len(server.posts) == 2


async def test_a_402_in_flight_is_waited_for_and_billed_once(start_host: Any) -> None:
    error = {
        "code": 402,
        "message": "Running requests already reserve the balance.",
        "metadata": {"limit_source": "openrouter_in_flight_budget", "reason": "in_flight_budget_exhausted"},
    }
    busy = http(402, {"error": error}, Retry_After="0")
    async with ScriptedServer(busy, busy, FINE) as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        ended = await host.reply(host.ask("some/model"))
        (row,) = await host.requests()
    assert ended.state is MessageState.DONE
    assert (row["tries"], row["state"], row["cost_usd"]) == (3, "billed", "0.001")
    assert host.state.keys[0].state.value == "ready"


@pytest.mark.parametrize(
    "body", ["", "null", '{"data": []}', '{"data": {"limit": "lots", "limit_remaining": null}}', "<html>down</html>"]
)
async def test_a_key_answer_that_says_nothing_is_unknown(body: str, start_host: Any) -> None:
    async with ScriptedServer(FINE, gets={"/key": http(200, body)}) as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        host.worker.submit(PollQuota())
        await host.until(lambda: host.state.quota is not None)
    quota = host.state.quota
    assert quota is not None
    if quota.key is None:
        assert quota.failure is not None
    else:
        assert (quota.key.limit, quota.key.limit_remaining, quota.key.usage) == (None, None, None)


async def test_a_key_answer_that_fails_for_long_leaves_what_was_known_with_its_age(start_host: Any) -> None:
    told = {"data": {"label": "k", "limit": 10, "limit_remaining": 4}}
    server = ScriptedServer(FINE, gets={"/key": http(200, told)})
    async with server as url:
        host: Host = await start_host(url, KEY, catalogue=False)
        host.worker.submit(PollQuota())
        await host.until(lambda: host.state.quota is not None)
        as_of = host.state.quota.as_of  # type: ignore[union-attr]
        server.gets["/key"] = http(418, json.dumps({"error": {"code": 418, "message": "no"}}))
        for _ in range(3):
            host.worker.submit(PollQuota())
            await host.until(lambda: host.state.quota is not None and host.state.quota.failure is not None)
    quota = host.state.quota
    assert quota is not None
    assert quota.key is not None
    assert (quota.as_of, quota.key.limit_remaining) == (as_of, Decimal(4))
