"""Stopping at any moment: what is kept, what is owed, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from worker_host import Books, Host, ScriptedServer, chunk, http, make_settings, silent, stream

from tui.config import load
from tui.core.conversation import CostKind, MessageState
from tui.core.events import BillArrived, JobState, ReplyGrew, TurnEnded
from tui.core.ledger import STOPPED, RequestState
from tui.database import limits
from tui.database.thread import Database

OK = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))


async def test_a_reply_that_is_stopped_before_it_begins_is_written_down_and_not_sent(start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model", "Keep me")
        host.worker.cancel(ask.reply_id)
        host.worker.cancel(ask.reply_id)
        ended = await host.reply(ask)
        assert (ended.state, ended.receipt.cost.usd, ended.receipt.tries) == (MessageState.STOPPED, None, 0)
        assert not server.posts
        rows = await host.rows("SELECT text, state FROM message ORDER BY number")
        assert rows == [{"text": "Keep me", "state": "done"}, {"text": "", "state": "stopped"}]
        # The conversation goes on.
        after = host.ask("some/model", conversation_id=ask.conversation_id)
        assert (await host.reply(after)).state is MessageState.DONE


@pytest.mark.parametrize("place", range(12))
async def test_a_stop_after_any_event_ends_the_reply_once_and_leaves_nothing_reserved(
    place: int, start_host: Any
) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        seen: list[Any] = []

        def stop_there(event: Any) -> None:
            seen.append(event)
            if len(seen) == place + 1:
                host.worker.cancel(ask.reply_id)

        host.on_event = stop_there
        ask = host.ask("some/model")
        await host.reply(ask)
        assert len(host.saw(TurnEnded)) == 1
        ended = host.ended(ask)
        assert ended.state in (MessageState.STOPPED, MessageState.DONE)
        assert (await host.rows("SELECT state FROM message WHERE id = ?", ask.reply_id))[0]["state"] == ended.state
        for row in await host.requests():
            sent = bool(server.posts)
            assert row["state"] in (("billed", "awaited") if sent else ("released",))
        if not server.posts:
            assert await host.rows("SELECT * FROM try") == []
            assert await host.reserved() == 0


async def test_a_place_that_was_counted_while_the_stop_came_is_given_back(
    start_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = limits.take
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        loop = asyncio.get_running_loop()

        def take(*args: Any) -> Any:
            loop.call_soon_threadsafe(host.worker.cancel, ask.reply_id)
            time.sleep(0.05)
            return real(*args)

        monkeypatch.setattr(limits, "take", take)
        ask = host.ask("some/model")
        ended = await host.reply(ask)
    assert ended.state is MessageState.STOPPED
    assert not server.posts
    assert await host.rows("SELECT * FROM try") == []
    assert await host.states() == ["released"]


async def test_a_reserve_that_was_written_while_the_stop_came_is_released(
    start_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.database import ledger

    real = ledger.reserve
    async with ScriptedServer(OK) as url:
        host = await start_host(url, catalogue=False)
        loop = asyncio.get_running_loop()

        def reserve(*args: Any, **more: Any) -> Any:
            loop.call_soon_threadsafe(host.worker.cancel, ask.reply_id)
            time.sleep(0.05)
            return real(*args, **more)

        monkeypatch.setattr(ledger, "reserve", reserve)
        ask = host.ask("some/model")
        assert (await host.reply(ask)).state is MessageState.STOPPED
    assert await host.states() == ["released"]


async def test_a_stop_between_two_tries_owes_nothing(start_host: Any) -> None:
    server = ScriptedServer(http(503, {"error": {"code": 503, "message": "full"}}, Retry_After="20"), OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        await host.until(lambda: host.waits(ask.reply_id))
        host.worker.cancel(ask.reply_id)
        ended = await host.reply(ask)
    assert ended.state is MessageState.STOPPED
    assert ended.receipt.cost.usd == 0
    assert ended.receipt.billing_note is None
    assert await host.states() == ["released"]
    assert len(server.posts) == 1


async def test_a_stop_before_the_first_byte_is_booked_as_an_estimate(start_host: Any, demo_server: str) -> None:
    server = ScriptedServer(silent)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        await host.until(lambda: server.posts)
        began = time.monotonic()
        host.worker.cancel(ask.reply_id)
        ended = await host.reply(ask)
        assert time.monotonic() - began < 0.5
    assert ended.state is MessageState.STOPPED
    assert "awaited" in ended.receipt.billing_note
    assert await host.states() == ["awaited"]


@pytest.mark.parametrize("model", ["demo/slow", "demo/slow-billed"])
async def test_the_bill_of_a_stopped_reply_comes_later(model: str, start_demo_server: Any, start_host: Any) -> None:
    base_url = start_demo_server("--slow-rate", "150", "--generation-delay", "0.3")
    host = await start_host(base_url)
    ask = host.ask(model)
    await host.until(lambda: len(host.saw(ReplyGrew)) > 5)
    host.worker.cancel(ask.reply_id)
    ended = await host.reply(ask)
    assert (ended.state, ended.receipt.cost.kind) == (MessageState.STOPPED, CostKind.ESTIMATED)
    provider, told = (
        ("Google AI Studio", "bills the whole") if model.endswith("billed") else ("FakeProvider", "may bill")
    )
    assert ended.receipt.billing_note.startswith(f"{provider} {told}")
    assert await host.reserved() > 0
    arrived = await host.until(lambda: host.saw(BillArrived))
    receipt = host.message(ask).receipt
    assert receipt == arrived[0].receipt
    assert receipt.billing_note is None
    assert receipt.cost.kind is CostKind.BILLED
    assert receipt.cost.usd == await host.billed() == await Books(base_url, host.key()).cost() > 0
    assert await host.reserved() == 0
    assert host.message(ask).state is MessageState.STOPPED
    [stored] = await host.rows("SELECT text FROM message WHERE id = ?", ask.reply_id)
    assert stored["text"] == host.message(ask).text != ""


async def test_all_replies_and_embeddings_stop_at_once(start_demo_server: Any, start_host: Any) -> None:
    base_url = start_demo_server("--slow-rate", "50", "--speed", "0.02")
    host = await start_host(base_url)
    asks = [host.ask("demo/slow") for _ in range(4)]
    await host.until(lambda: all(host.state.open.get(a.conversation_id) and host.message(a).text for a in asks))
    embedding = asyncio.create_task(host.embed("demo/embed-plain", ["a", "b"]))
    await host.until(
        lambda: host.state.sheets.job_id and host.jobs(host.state.sheets.job_id)[-1].state is JobState.SENT
    )
    late = host.ask("demo/slow")
    host.worker.cancel_all()
    ends = [await host.reply(ask) for ask in (*asks, late)]
    assert {end.state for end in ends} == {MessageState.STOPPED}
    embedded = await embedding
    assert embedded.vectors == (None, None)
    assert host.jobs(embedded.job_id)[-1].state is JobState.CANCELLED
    assert set(await host.states()) <= {"awaited", "released"}
    await host.until(lambda: not host.worker.busy)


async def test_a_whole_embedding_stops_with_every_batch_written_down(start_host: Any) -> None:
    answers = http(200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}], "usage": {"prompt_tokens": 1, "cost": 0.001}})
    server = ScriptedServer(answers, silent)
    async with server as url:
        host = await start_host(url, catalogue=False)
        embedding = asyncio.create_task(host.embed("some/model", list("abcdefghijkl"), batch_size=1))
        # The first goes alone; then eight are under way.
        await host.until(lambda: len(server.posts) == 9)
        host.worker.cancel_all()
        ended = await embedding
    assert [bool(vector) for vector in ended.vectors] == [True] + [False] * 11
    assert await host.states() == ["billed", *["unknown"] * 8]
    assert ended.receipt.cost.kind is CostKind.UNKNOWN


async def test_quitting_keeps_what_came_and_takes_less_than_a_second(start_demo_server: Any, start_host: Any) -> None:
    base_url = start_demo_server("--slow-rate", "100", "--generation-delay", "0.2")
    host = await start_host(base_url)
    asks = [host.ask("demo/slow") for _ in range(5)]
    await host.until(lambda: all(host.state.open.get(a.conversation_id) and host.message(a).text for a in asks))
    queued = host.ask("demo/slow", "Typed at the last moment")
    assert await host.stop() < 1.0
    rows = await host.rows("SELECT id, state, text FROM message WHERE role = 'assistant'")
    assert {row["state"] for row in rows} == {"stopped"}
    assert {row["text"] for row in rows} == {host.message(ask).text for ask in (*asks, queued)}
    assert {"text": "Typed at the last moment"} in await host.rows("SELECT text FROM message WHERE role = 'user'")
    assert sorted(await host.states()) == ["awaited"] * 5
    # The next start collects what is owed.
    again = await start_host(base_url, host.key(), host={"database": host.database}, catalogue=False)
    await again.until(lambda: len(again.saw(BillArrived)) == 5)
    assert await again.reserved() == 0
    assert await again.billed() == await Books(base_url, host.key()).cost() > 0
    assert {event.message_id for event in again.saw(BillArrived)} == {ask.reply_id for ask in asks}
    more = await again.rows("SELECT more FROM message WHERE id = ?", asks[0].reply_id)
    assert '"billed"' in more[0]["more"]


async def test_what_was_handed_in_last_is_still_written(start_host: Any, demo_server: str) -> None:
    from tui.core.commands import Remember, SaveConversation
    from tui.core.conversation import ConversationSettings
    from tui.openrouter.text import Clean

    host = await start_host(catalogue=False)
    draft = SaveConversation(
        conversation_id="c1", title=Clean("T"), settings=ConversationSettings(), draft=Clean("half a thought")
    )
    host.worker.submit(draft)
    host.worker.submit(Remember(name="theme", value="nord"))
    await host.stop()
    assert await host.rows("SELECT draft FROM conversation") == [{"draft": "half a thought"}]
    assert await host.rows("SELECT value FROM setting") == [{"value": '"nord"'}]


async def test_the_demo_s_server_ends_with_the_worker(tmp_path: Path) -> None:
    settings = load(demo=True, data_dir=tmp_path, environ={})
    host = await Host(settings).start()
    pid = host.worker._context.connection._demo.pid  # type: ignore[union-attr]
    assert pid is not None
    assert await host.stop() < 1.0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await host.close()


async def test_stopping_while_the_demo_s_server_starts_leaves_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.demo.launch import DemoProcess

    started: list[DemoProcess] = []
    real = DemoProcess.launch

    def launch(self: DemoProcess) -> None:
        started.append(self)
        real(self)

    monkeypatch.setattr(DemoProcess, "launch", launch)
    host = Host(load(demo=True, data_dir=tmp_path, environ={}))
    await host.start(catalogue=False)
    ask = host.ask("demo/plain", over_budget=True)
    await host.until(lambda: started)
    host.worker.cancel(ask.reply_id)
    ended = await host.reply(ask)
    assert ended.state is MessageState.STOPPED
    await host.close()
    assert not started[0].running


async def test_a_demo_server_that_does_not_start_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.demo import launch

    def fail(_: object) -> str:
        raise launch.DemoFailed("no")

    monkeypatch.setattr(launch.DemoProcess, "start", fail)
    host = Host(load(demo=True, data_dir=tmp_path, environ={}))
    await host.start(catalogue=False)
    ended = await host.reply(host.ask("demo/plain", wait_s=0.0))
    assert "demo server did not start" in ended.failure.message
    await host.close()


async def test_bills_without_a_name_are_not_asked_for(start_host: Any) -> None:
    server = ScriptedServer(None)
    async with server as url:
        host = await start_host(url, catalogue=False)
        for _ in range(3):
            await host.reply(host.ask("some/model"))
        await asyncio.sleep(0.2)
    assert [seen.path for seen in server.seen if seen.method == "GET"] == []
    rows = await host.requests()
    assert [(row["state"], row["bill_asks"]) for row in rows] == [(RequestState.AWAITED.value, 0)] * 3


async def test_another_process_s_bill_reaches_the_screen(
    start_demo_server: Any, start_host: Any, monkeypatch: pytest.MonkeyPatch, fresh_key: Any
) -> None:
    monkeypatch.setattr("tui.worker.standing_work._WATCH_S", 0.05)
    base_url, key = start_demo_server("--slow-rate", "150", "--generation-delay", "1.2"), fresh_key()
    first = await start_host(base_url, key, host={"watch": True})
    ask = first.ask("demo/slow")
    await first.until(lambda: len(first.saw(ReplyGrew)) > 5)
    first.worker.cancel(ask.reply_id)
    await first.reply(ask)
    second = Database(first.settings.folders.database)
    other = await Host(make_settings(first.settings.folders.data, base_url, key), database=second).start()
    await other.until(lambda: other.saw(BillArrived) or first.saw(BillArrived))
    await first.until(lambda: first.saw(BillArrived))
    assert first.message(ask).receipt.cost.kind is CostKind.BILLED
    assert first.message(ask).receipt.cost.usd == await Books(base_url, key).cost()
    assert len(first.saw(BillArrived)) == 1
    await other.close()


async def test_an_unknown_outcome_is_an_estimate_that_is_awaited(start_host: Any) -> None:
    host = await start_host()
    ended = await host.reply(host.ask("demo/504"))
    assert ended.state is MessageState.UNKNOWN
    assert ended.receipt.cost.kind is CostKind.ESTIMATED
    assert ended.receipt.cost.usd > Decimal(0)
    assert await host.states() == ["awaited"]
    assert host.state.spend.today.estimated_usd == ended.receipt.cost.usd


async def test_the_ledger_says_that_a_reply_was_stopped(start_host: Any, demo_server: str) -> None:
    host = await start_host(demo_server)
    ask = host.ask("demo/slow")
    await host.until(lambda: host.saw(ReplyGrew))
    host.worker.cancel(ask.reply_id)
    await host.reply(ask)
    rows = await host.rows("SELECT word.text FROM request JOIN word ON word.id = request.error_kind")
    assert rows == [{"text": STOPPED}]
