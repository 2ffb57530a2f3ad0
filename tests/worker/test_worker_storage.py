"""A database that fails, and bugs: nothing hangs, nothing is sent that could not be written down first."""

from __future__ import annotations

from typing import Any

import pytest
from worker_host import Host, ScriptedServer, chunk, http, make_settings, stream

from tui.core.commands import RefreshCatalogue
from tui.core.conversation import MessageState
from tui.core.events import EndpointsLoaded, TurnEnded
from tui.core.ledger import RequestState
from tui.database.thread import Database, StorageFailed
from tui.openrouter.text import Clean
from tui.worker.reply import GrowingReply

OK = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))
VECTORS = http(200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}], "usage": {"prompt_tokens": 1, "cost": 0.001}})


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`fail("reserve")`: from now on units of these names fail, until `fail()`."""
    names: set[str] = set()
    real = Database.run

    async def run(self: Database, unit: Any, *args: Any, **more: Any) -> Any:
        if unit.__name__ in names:
            raise StorageFailed(Clean("The database could not be used: the disk is full."), is_damage=False)
        return await real(self, unit, *args, **more)

    monkeypatch.setattr(Database, "run", run)

    def choose(*chosen: str) -> None:
        names.clear()
        names.update(chosen)

    return choose


@pytest.mark.parametrize(
    "unit",
    [
        "add_turn",
        "note_use",
        "estimator_ratio",
        "completion_median",
        "reserve",
        "key_uses",
        "_take_noting",
        "mark_sent",
    ],
)
async def test_nothing_is_sent_that_could_not_be_written_down(unit: str, start_host: Any, fail: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        fail(unit)
        ask = host.ask("some/model", "Hello")
        ended = await host.reply(ask)
        assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "internal")
        assert "disk is full" in ended.failure.message
        assert not server.posts
        # The question is on the screen, and the next one goes through.
        assert host.state.open[ask.conversation_id].messages[0].text == "Hello"
        fail()
        assert set(await host.states()) <= {"released"}
        assert await host.rows("SELECT * FROM try") == []
        after = host.ask("some/model", "Hello?", conversation_id=ask.conversation_id)
        assert (await host.reply(after)).state is MessageState.DONE


@pytest.mark.parametrize(
    "unit", ["_append_parts", "settle", "correct_take", "learn_ratio", "finish_message", "summary"]
)
async def test_a_reply_goes_on_when_it_cannot_be_stored(unit: str, start_host: Any, fail: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        fail(unit)
        ask = host.ask("some/model")
        ended = await host.reply(ask)
        assert ended.state is MessageState.DONE
        assert host.message(ask).text == "Fine."
        assert len(host.saw(TurnEnded)) == 1
        assert any("disk is full" in notice for notice in host.notices())


@pytest.mark.parametrize("unit", ["find_vectors", "estimator_ratio", "reserve", "_take_noting", "mark_sent"])
async def test_embeddings_end_too_and_are_not_sent(unit: str, start_host: Any, fail: Any) -> None:
    server = ScriptedServer(VECTORS)
    async with server as url:
        host = await start_host(url, catalogue=False)
        fail(unit)
        ended = await host.embed("some/model", ["a"])
        assert ended.failure.kind == "internal"
        assert not server.posts
        fail()
        assert set(await host.states()) <= {"released"}


@pytest.mark.parametrize("unit", ["store_vectors", "settle", "summary"])
async def test_vectors_that_cannot_be_stored_are_shown(unit: str, start_host: Any, fail: Any) -> None:
    async with ScriptedServer(VECTORS) as url:
        host = await start_host(url, catalogue=False)
        fail(unit)
        ended = await host.embed("some/model", ["a"])
        assert ended.failure is None
        assert ended.vectors[0] is not None
        assert host.notices()


async def test_a_refusal_stands_although_it_could_not_be_noted(start_host: Any, fail: Any) -> None:
    async with ScriptedServer(http(401, {"error": {"code": 401, "message": "no"}})) as url:
        host = await start_host(url, catalogue=False)
        fail("mark_dead")
        assert (await host.reply(host.ask("some/model"))).failure.kind == "bad_key"


@pytest.mark.parametrize(
    "unit", ["last_snapshot", "all_remembered", "recover", "summary", "key_uses", "list_conversations"]
)
async def test_the_worker_starts_on_a_database_that_fails(
    unit: str, tmp_path: Any, demo_server: str, fail: Any
) -> None:
    fail(unit)
    host = Host(make_settings(tmp_path, demo_server, "sk-or-v1-start-0000000001"))
    try:
        await host.start()
        assert any("disk is full" in notice for notice in host.notices())
        assert host.state.models
    finally:
        await host.close()


@pytest.mark.parametrize("unit", ["endpoints", "save_endpoints", "save_lists", "begin_visit", "read_changes"])
async def test_lists_are_shown_that_cannot_be_kept(unit: str, start_host: Any, fail: Any) -> None:
    from tui.core.commands import LoadChanges, LoadEndpoints
    from tui.openrouter.text import Opaque

    host = await start_host(catalogue=False)
    fail(unit)
    host.worker.submit(LoadChanges(visit=True))
    host.worker.submit(RefreshCatalogue())
    host.worker.submit(LoadEndpoints(model=Opaque("openai/gpt-4o")))
    await host.until(lambda: host.state.models and host.saw(EndpointsLoaded))


async def test_bills_are_asked_for_again_after_the_database_failed(
    start_host: Any, fail: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.worker.bills._AFTER_FAILURE_S", 0.05)
    bill = http(200, {"data": {"id": "gen-1", "total_cost": 0.004, "model": "m"}})
    server = ScriptedServer(stream(chunk("Hi"), done=False), gets={"/generation": bill})
    async with server as url:
        host = await start_host(url, catalogue=False)
        fail("awaiting")
        await host.reply(host.ask("some/model"))
        await host.until(lambda: host.worker.busy is False)
        fail()
        await host.until(lambda: host.saw("BillArrived"))
    assert await host.states() == [RequestState.BILLED.value]


# Bugs


async def test_a_bug_ends_the_reply_and_the_worker(start_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(OK) as url:
        host = await start_host(url, catalogue=False)

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(GrowingReply, "take", broken)
        ask = host.ask("some/model")
        with pytest.raises(ZeroDivisionError):
            await host.until(lambda: False, within_s=3)
        ended = host.ended(ask)
        assert (ended.state, ended.failure.kind) == (MessageState.FAILED, "internal")
        assert await host.states() == ["awaited"]
        host.task = None


async def test_a_bug_is_told_and_the_worker_goes_on(start_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bugs: list[BaseException] = []
    async with ScriptedServer(OK) as url:
        host = await start_host(url, catalogue=False, host={"on_bug": bugs.append})

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patched:
            patched.setattr(GrowingReply, "running_receipt", broken)
            assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE
        assert [type(bug) for bug in bugs] == [ZeroDivisionError]
        assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE


async def test_whoever_takes_the_events_may_fail(start_host: Any) -> None:
    bugs: list[BaseException] = []
    async with ScriptedServer(OK) as url:
        host = await start_host(url, catalogue=False, host={"on_bug": bugs.append})

        def broken(event: Any) -> None:
            if type(event).__name__ in ("ReplyGrew", "TurnEnded"):
                raise KeyError("state")

        host.on_event = broken
        assert (await host.reply(host.ask("some/model"))).state is MessageState.DONE
    assert {type(bug) for bug in bugs} == {KeyError}
    assert await host.states() == ["billed"]
