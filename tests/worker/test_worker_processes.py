"""Several workers on one database, one that is killed, origins side by side, and a worker that has nothing to do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from worker_host import Books, Host, ScriptedServer, chunk, make_settings, stream

from tui.core.commands import ListConversations, OpenConversation
from tui.core.conversation import CostKind, MessageState
from tui.core.events import BillArrived, ReplyGrew
from tui.core.ledger import KeyState
from tui.openrouter.text import Clean

OK = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))

CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from worker_host import Host, make_settings

async def main():
    host = Host(make_settings(Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
    await host.start()
    ask = host.ask("demo/slow", "Tell me all")
    await host.until(lambda: host.state.streaming and host.message(ask).text)
    print(ask.conversation_id, ask.reply_id, flush=True)
    while True:
        await asyncio.sleep(0.01)
        print(len(host.message(ask).text), flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_loses_a_quarter_of_a_second_at_most(
    start_demo_server: Any, start_host: Any, tmp_path: Path, fresh_key: Any
) -> None:
    base_url, key = start_demo_server("--slow-rate", "120", "--generation-delay", "0.2"), fresh_key()
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path), base_url, key]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        conversation_id, reply_id = (await asyncio.to_thread(child.stdout.readline)).split()
        lengths: list[tuple[float, int]] = []
        while len(lengths) < 90:
            lengths.append((time.monotonic(), int(await asyncio.to_thread(child.stdout.readline))))
        child.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        lengths += [(killed, int(line)) for line in child.stdout if line.strip()]
    host = await start_host(base_url, key, root=tmp_path)
    host.worker.submit(OpenConversation(conversation_id=conversation_id))
    await host.until(lambda: conversation_id in host.state.open)
    message = host.state.open[conversation_id].message(reply_id)
    assert message.state is MessageState.CUT_OFF
    shown_before = max(length for at, length in lengths if at <= killed - 0.25)
    assert len(message.text) >= shown_before > 0
    arrived = await host.until(lambda: host.saw(BillArrived))
    assert arrived[0].message_id == reply_id
    assert await host.billed() == await Books(base_url, key).cost() > 0
    assert await host.reserved() == 0


async def test_the_open_reply_of_a_living_process_is_left_alone(
    start_demo_server: Any, start_host: Any, fresh_key: Any
) -> None:
    base_url, key = start_demo_server("--slow-rate", "60"), fresh_key()
    first = await start_host(base_url, key)
    ask = first.ask("demo/slow")
    await first.until(lambda: len(first.saw(ReplyGrew)) > 3)
    second = await start_host(base_url, key)
    rows = await second.rows("SELECT state FROM message WHERE id = ?", ask.reply_id)
    assert rows[0]["state"] in ("waiting", "streaming")
    assert await second.states() == ["reserved"]
    second.worker.submit(OpenConversation(conversation_id=ask.conversation_id))
    await second.until(lambda: second.state.open)
    await second.stop()
    first.worker.cancel(ask.reply_id)
    assert (await first.reply(ask)).state is MessageState.STOPPED


async def test_what_another_process_writes_is_seen(
    demo_server: str, start_host: Any, fresh_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.worker.standing_work._WATCH_S", 0.05)
    key = fresh_key()
    first = await start_host(demo_server, key, host={"watch": True})
    second = await start_host(demo_server, key)
    ask = second.ask("demo/plain", "Seen from afar")
    await second.reply(ask)
    cost = second.message(ask).receipt.cost.usd
    await first.until(lambda: [row.title for row in first.state.conversations] == ["Seen from afar"])
    await first.until(lambda: first.state.spend.today.billed_usd == cost)
    assert first.state.spend.session.billed_usd == 0


async def test_a_search_stays_while_others_write(
    demo_server: str, start_host: Any, fresh_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.worker.standing_work._WATCH_S", 0.05)
    key = fresh_key()
    first = await start_host(demo_server, key, host={"watch": True})
    await first.reply(first.ask("demo/echo", "about zebras"))
    first.worker.submit(ListConversations(search=Clean("zebras")))
    first.worker.submit(ListConversations(search=Clean("zebr")))
    await first.until(lambda: first.state.conversations_search == "zebr")
    second = await start_host(demo_server, key)
    await second.reply(second.ask("demo/echo", "about lions"))
    before = len(first.saw("SpendSummed"))
    await second.reply(second.ask("demo/echo", "about bears"))
    await first.until(lambda: len(first.saw("SpendSummed")) > before)
    assert first.state.conversations_search == "zebr"
    assert [row.title for row in first.state.conversations] == ["about zebras"]


async def test_origins_do_not_mix(start_host: Any, demo_server: str, fresh_key: Any) -> None:
    key = fresh_key()
    here = await start_host(demo_server, key)
    await here.reply(here.ask("demo/401"))
    await here.reply(here.ask("demo/plain"))
    spent = here.state.spend.all_time.billed_usd
    async with ScriptedServer(OK) as url:
        there = await start_host(url, key, catalogue=False)
        assert there.state.spend.all_time.requests == 0
        assert there.state.keys[0].state is KeyState.READY
        assert there.state.keys[0].requests_60s == 0
        assert there.state.recents == ()
        assert there.state.models == ()
        await there.reply(there.ask("some/model"))
    assert there.state.spend.all_time.billed_usd != spent
    again = await start_host(demo_server, key, catalogue=False)
    assert again.state.spend.all_time.billed_usd == spent
    assert again.state.models != ()


async def test_a_worker_with_nothing_to_do_wakes_at_most_once_a_second(start_host: Any) -> None:
    host = await start_host(host={"watch": True})
    await host.reply(host.ask("demo/plain"))
    await host.until(lambda: host.state.quota is not None)  # asked some seconds after money was spent
    loop = asyncio.get_running_loop()
    units: list[str] = []
    selector = loop._selector  # type: ignore[attr-defined]
    wakes = 0
    real_select, real_run = selector.select, host.database.run

    def select(timeout: float | None = None) -> Any:
        nonlocal wakes
        wakes += 1
        return real_select(timeout)

    async def run(unit: Any, *args: Any, **more: Any) -> Any:
        units.append(unit.__name__)
        return await real_run(unit, *args, **more)

    selector.select = select
    object.__setattr__(host.database, "run", run)
    try:
        await asyncio.sleep(2.1)
    finally:
        selector.select = real_select
        object.__delattr__(host.database, "run")
    assert len(units) <= 2, units
    # The timer, the answer of the database's thread, and this test's own sleep.
    assert wakes <= 9


async def test_everything_that_fails_at_once_is_billed_to_the_cent(
    start_demo_server: Any, tmp_path: Path, fresh_key: Any
) -> None:
    from test_worker_retries import OUTCOMES

    base_url = start_demo_server("--speed", "0", "--generation-delay", "0.2", "--slow-rate", "300")
    host = await Host(make_settings(tmp_path, base_url, fresh_key(), fresh_key())).start()
    # Last the one that lets its key rest for seven seconds.
    names = [name for name in OUTCOMES if name != "429-retry-after"]
    names += ("plain", "echo", "no-usage", "length", "empty", "crlf", "split-bytes", "reasoning") * 3
    names += ["slow", "slow-billed"] * 2 + ["429-retry-after"]
    ten = asyncio.Semaphore(10)

    def begun(ask: Any) -> bool:
        return ask.conversation_id in host.state.open and bool(host.message(ask).text)

    async def one(name: str) -> Any:
        async with ten:
            ask = host.ask(f"demo/{name}", wait_s=4.0)
            if name.startswith("slow"):
                await host.until(lambda: host.ended(ask) or begun(ask), 15)
                host.worker.cancel(ask.reply_id)
            return await host.reply(ask, within_s=30)

    try:
        ends = await asyncio.gather(*map(one, names))
        embedded = await host.embed("demo/embed-plain", [f"text {number}" for number in range(300)])
        assert embedded.failure is None
        assert len(ends) == len(names)
        assert not host.state.streaming
        # Only what the server never named stays open: gateway time-outs and a connection that broke off.
        unnamed = {"demo/504", "demo/524", "demo/hang-up"}

        async def collected() -> bool:
            sql = "SELECT word.text AS model FROM request JOIN word ON word.id = model WHERE state = ?"
            if await host.rows(sql, "reserved"):
                return False
            return {row["model"] for row in await host.rows(sql, "awaited")} <= unnamed

        deadline = time.monotonic() + 30
        while not await collected():
            assert time.monotonic() < deadline, await host.requests()
            await asyncio.sleep(0.05)
        costs = [await Books(base_url, host.key(number)).cost() for number in range(2)]
        assert await host.billed() == sum(costs) > 0
        assert host.state.spend is not None
        assert host.state.spend.all_time.billed_usd == sum(costs)
        assert len(await host.requests()) == len(names) + 3
        billed = {e.message_id: e.receipt.cost.usd for e in host.saw(BillArrived)}
        shown = [billed.get(end.message_id, end.receipt.cost.usd) for end in ends]
        kinds = [end.receipt.cost.kind for end in ends if end.message_id not in billed]
        assert kinds.count(CostKind.ESTIMATED) <= 3
        estimated = sum(
            e.receipt.cost.usd for e in ends if e.message_id not in billed and e.receipt.cost.kind is CostKind.ESTIMATED
        )
        assert sum(shown) - estimated + embedded.receipt.cost.usd == sum(costs)
    finally:
        await host.close()
