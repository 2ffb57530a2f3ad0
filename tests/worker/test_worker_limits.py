"""Requests and tokens a minute, the free-model allowance, budgets."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from worker_host import Books, Host, ScriptedServer, chunk, make_settings, stream

from tui.cli import _worker_makers
from tui.config import Budget, Limits
from tui.core.commands import PollQuota
from tui.core.conversation import CostKind, MessageState
from tui.core.events import BudgetPassed
from tui.core.ledger import KeyState
from tui.database.thread import Database
from tui.openrouter.chat import ChatParameters
from tui.worker.worker import Worker

OK = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))
MODEL = "openai/gpt-4o"
"""2.50 and 10 USD a million tokens."""


async def test_a_job_that_waits_says_why_and_until_when(start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False, limits=Limits(req_per_min=2))
        for _ in range(2):
            await host.reply(host.ask("some/model"))
        third = host.ask("some/model")
        await host.until(lambda: host.waits(third.reply_id))
        [waiting] = host.waits(third.reply_id)
        assert waiting.reason == f"the request limit of key {host.settings.provider.keys[0].secret.tail}"
        assert 55 < waiting.wait_until - time.time() <= 61
        host.worker.cancel(third.reply_id)
        ended = await host.reply(third)
    assert ended.state is MessageState.STOPPED
    assert len(server.posts) == 2
    assert len(await host.rows("SELECT * FROM try")) == 2
    assert await host.states() == ["billed", "billed", "released"]


async def test_the_window_is_kept_by_two_workers_together(start_host: Any, tmp_path: Path) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        key = "sk-or-v1-shared-000000000001"
        hosts = [await start_host(url, key, catalogue=False, limits=Limits(req_per_min=3)) for _ in range(2)]
        asks = [(host, host.ask("some/model", wait_s=0.5)) for host in hosts for _ in range(4)]
        ends = await asyncio.gather(*(host.reply(ask) for host, ask in asks))
    assert [end.state for end in ends].count(MessageState.DONE) == 3 == len(server.posts)
    refused = [end.failure for end in ends if end.failure is not None]
    assert {failure.kind for failure in refused} == {"own_limit"}
    assert all(50 < failure.retry_after_s <= 61 for failure in refused)


async def test_tokens_are_counted_ahead_and_corrected_by_the_bill(start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False, limits=Limits(tokens_per_min=2_500))
        await host.reply(host.ask("some/model", wait_s=0.1))
        # 1,000 tokens were kept free for the reply; the bill says five in all.
        assert [row["tokens"] for row in await host.rows("SELECT tokens FROM try")] == [5]
        wide = ChatParameters(max_tokens=2_000)
        assert (await host.reply(host.ask("some/model", wait_s=0.1, parameters=wide))).state is MessageState.DONE


async def test_the_least_loaded_key_serves_next(start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        keys = [f"sk-or-v1-number-{number}-0000000{number}" for number in range(3)]
        host = await start_host(url, *keys, catalogue=False)
        for _ in range(6):
            await host.reply(host.ask("some/model"))
    used = [seen.headers["authorization"] for seen in server.posts]
    assert sorted(used.count(key) for key in set(used)) == [2, 2, 2]


async def test_the_free_allowance_a_minute_is_learnt_and_kept(start_demo_server: Any, start_host: Any) -> None:
    base_url = start_demo_server("--speed", "0", "--free-per-minute", "2")
    host = await start_host(base_url)
    free = next(model.id.raw for model in host.state.models if model.id.raw.endswith(":free"))
    ends = [await host.reply(host.ask(free, wait_s=1.0)) for _ in range(4)]
    assert [end.state for end in ends] == [MessageState.DONE] * 2 + [MessageState.FAILED] * 2
    assert [end.failure.kind for end in ends[2:]] == ["free_per_minute"] * 2
    assert 40 < ends[3].failure.retry_after_s <= 62
    assert len(await Books(base_url, host.key()).log()) == 3
    assert host.state.keys[0].state is KeyState.READY
    assert (await host.reply(host.ask("demo/plain"))).state is MessageState.DONE


async def test_a_free_minute_that_others_have_used_up_is_full_here_too(
    start_demo_server: Any, start_host: Any, fresh_key: Any, tmp_path: Path
) -> None:
    base_url, key = start_demo_server("--speed", "0", "--free-per-minute", "2"), fresh_key()
    elsewhere, here = [await start_host(base_url, key, root=tmp_path / name) for name in ("elsewhere", "here")]
    free = next(model.id.raw for model in here.state.models if model.id.raw.endswith(":free"))
    for _ in range(2):
        await elsewhere.reply(elsewhere.ask(free))
    ends = [await here.reply(here.ask(free, wait_s=0.5)) for _ in range(2)]
    assert [end.failure.kind for end in ends] == ["free_per_minute"] * 2
    # The second was not even sent: the first refusal has said when there is room.
    assert len(await Books(base_url, here.key()).log()) == 3
    await here.until(lambda: here.state.free.minute_used == 2)
    assert here.state.free.minute_room_at is not None


async def test_the_free_allowance_a_day_is_learnt_and_kept(start_demo_server: Any, start_host: Any) -> None:
    base_url = start_demo_server("--speed", "0", "--free-per-day", "1")
    host = await start_host(base_url)
    free = next(model.id.raw for model in host.state.models if model.id.raw.endswith(":free"))
    ends = [await host.reply(host.ask(free)) for _ in range(3)]
    assert [end.failure and end.failure.kind for end in ends] == [None, "free_per_day", "free_per_day"]
    assert len(await Books(base_url, host.key()).log()) == 2
    assert (host.state.free.day_used, host.state.free.day_limit, host.state.free.at_least) == (1, 1, False)


async def test_what_the_server_says_of_the_allowance_is_taken_over(start_demo_server: Any, start_host: Any) -> None:
    base_url = start_demo_server("--speed", "0", "--free-per-day", "7")
    host = await start_host(base_url)
    host.worker.submit(PollQuota())
    await host.until(lambda: host.state.quota is not None and host.state.free.day_limit == 7)


@pytest.mark.parametrize(("asked", "sent"), [(None, 50), (4_000, 50), (20, 20)])
async def test_the_entry_s_cap_bounds_what_is_asked_for(asked: int | None, sent: int, start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False, limits=Limits(max_tokens=50))
        await host.reply(host.ask("some/model", parameters=ChatParameters(max_tokens=asked)))
    assert server.posts[0].json["max_tokens"] == sent


# Budgets


async def test_ask_asks_and_sends_nothing_until_it_is_allowed(start_host: Any, demo_server: str) -> None:
    host = await start_host(budget=Budget(request=Decimal("0.000001"), action="ask"))
    ask = host.ask(MODEL)
    ended = await host.reply(ask)
    assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "own_budget")
    [passed] = host.saw(BudgetPassed)
    assert (passed.job_id, passed.refusal.budget) == (ask.reply_id, "request")
    assert await Books(demo_server, host.key()).log() == []
    assert await host.requests() == []
    again = host.ask(MODEL, conversation_id=ask.conversation_id, over_budget=True)
    assert (await host.reply(again)).state is MessageState.DONE


async def test_block_sends_what_is_left_as_max_tokens(start_host: Any, demo_server: str) -> None:
    host = await start_host(budget=Budget(day=Decimal("0.005"), action="block"))
    ended = await host.reply(host.ask(MODEL))
    assert ended.state is MessageState.DONE
    [row] = await Books(demo_server, host.key()).log()
    assert 300 < row["body"]["max_tokens"] <= 500
    assert await host.billed() <= Decimal("0.005")


async def test_block_looks_at_all_budgets(start_host: Any, demo_server: str) -> None:
    budget = Budget(
        session=Decimal("0.05"),
        day=Decimal("0.02"),
        month=Decimal("0.01"),
        request=Decimal("0.004"),
        action="block",
    )
    host = await start_host(budget=budget)
    assert (await host.reply(host.ask(MODEL))).state is MessageState.DONE
    [row] = await Books(demo_server, host.key()).log()
    assert 200 < row["body"]["max_tokens"] <= 400


async def test_block_refuses_what_the_user_asks_for_beyond_it(start_host: Any, demo_server: str) -> None:
    host = await start_host(budget=Budget(day=Decimal("0.005"), action="block"))
    ended = await host.reply(host.ask(MODEL, parameters=ChatParameters(max_tokens=4_000), over_budget=True))
    assert ended.failure.kind == "own_budget"
    assert "left" in ended.failure.message
    assert host.saw(BudgetPassed) == []
    assert await Books(demo_server, host.key()).log() == []


@pytest.mark.parametrize("action", ["ask", "block"])
async def test_an_unknown_price_is_not_sent_under_a_budget(action: Any, start_host: Any, demo_server: str) -> None:
    host = await start_host(budget=Budget(day=Decimal(5), action=action))
    ended = await host.reply(host.ask("openrouter/auto"))
    assert "price" in ended.failure.message
    assert len(host.saw(BudgetPassed)) == (action == "ask")
    assert await Books(demo_server, host.key()).log() == []
    if action == "ask":
        allowed = await host.reply(host.ask("openrouter/auto", over_budget=True))
        assert allowed.receipt.cost.kind is CostKind.BILLED


async def test_the_dearest_of_several_models_is_reserved(start_host: Any, demo_server: str) -> None:
    from tui.openrouter.text import Opaque

    host = await start_host(budget=Budget(request=Decimal("0.002"), action="ask"))
    cheap = ChatParameters(max_tokens=100)
    assert (await host.reply(host.ask("demo/plain", parameters=cheap))).state is MessageState.DONE
    dear = ChatParameters(max_tokens=100, fallback_models=(Opaque("anthropic/claude-3-opus"),))
    assert (await host.reply(host.ask("demo/plain", parameters=dear))).failure.kind == "own_budget"


async def test_warn_warns_and_sends(start_host: Any) -> None:
    host = await start_host(budget=Budget(day=Decimal("0.000001"), action="warn"))
    assert (await host.reply(host.ask(MODEL))).state is MessageState.DONE
    assert any("day budget" in notice for notice in host.notices())


async def test_reserves_of_two_workers_count_together(start_demo_server: Any, start_host: Any, fresh_key: Any) -> None:
    base_url, key = start_demo_server("--slow-rate", "50"), fresh_key()
    budget = Budget(day=Decimal("0.003"), action="block")
    wide = ChatParameters(max_tokens=1_200)
    first, second = [await start_host(base_url, key, budget=budget) for _ in range(2)]
    slow = first.ask("demo/slow", parameters=wide)
    await first.until(lambda: first.state.streaming and first.message(slow).text)
    refused = await second.reply(second.ask("demo/slow", parameters=wide))
    assert refused.failure.kind == "own_budget"
    first.worker.cancel(slow.reply_id)
    await first.reply(slow)


async def test_money_that_is_not_known_is_asked_about_first(demo_server: str, fresh_key: Any, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, demo_server, fresh_key())
    host = await Host(settings, database=Database(None)).start()
    try:
        ended = await host.reply(host.ask("demo/plain"))
        assert ended.failure.kind == "own_budget"
        assert "not known" in ended.failure.message
        assert host.saw(BudgetPassed)[0].refusal.earlier_unknown
        free = next(model.id.raw for model in host.state.models if model.id.raw.endswith(":free"))
        assert (await host.reply(host.ask(free))).state is MessageState.DONE
        assert (await host.reply(host.ask("demo/plain", over_budget=True))).state is MessageState.DONE
        refused = await host.embed("demo/embed-plain", ["a", "b"])
        assert refused.failure is not None
        assert refused.failure.kind == "own_budget"
        assert len(host.saw(BudgetPassed)) == 2
        allowed = await host.embed("demo/embed-plain", ["a", "b"], over_budget=True)
        assert all(allowed.vectors)
        assert len(await Books(demo_server, host.key()).log()) == 3
    finally:
        await host.close()


async def test_after_a_damaged_file_too(demo_server: str, fresh_key: Any, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, demo_server, fresh_key())
    settings.folders.database.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    host = await Host(settings).start()
    try:
        assert any("damaged" in notice for notice in host.notices())
        assert (await host.reply(host.ask("demo/plain"))).failure.kind == "own_budget"
    finally:
        await host.close()


async def test_a_refused_key_does_not_hide_what_the_others_have(start_host: Any, fresh_key: Any) -> None:
    good = fresh_key()
    host = await start_host(None, "sk-or-v1-invalid-0001", good)
    host.worker.submit(PollQuota())
    await host.until(lambda: host.state.quota is not None)
    assert host.state.quota.failure is None
    assert host.state.quota.key.label.endswith(good[-3:])
    await host.until(lambda: [use.state for use in host.state.keys] == [KeyState.DEAD, KeyState.READY])


async def test_the_session_goes_on_when_the_provider_changes(demo_server: str, fresh_key: Any, tmp_path: Path) -> None:
    settings = make_settings(
        tmp_path, demo_server, fresh_key(), budget=Budget(session=Decimal("0.00003"), action="block")
    )
    maker_for = _worker_makers()
    states = []
    for parameters in (ChatParameters(max_tokens=8), ChatParameters(max_tokens=8)):
        host = Host(settings)
        worker = maker_for(settings)(host._take)
        assert isinstance(worker, Worker)
        host.worker = worker
        await host.start()
        ended = await host.reply(host.ask("demo/plain", parameters=parameters))
        states.append((ended.state, ended.failure.kind if ended.failure else None))
        await host.close()
    assert states == [(MessageState.DONE, None), (MessageState.FAILED, "own_budget")]
