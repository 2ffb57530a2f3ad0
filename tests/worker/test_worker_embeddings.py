"""Embeddings: batches, what is in the store already, what fails in the middle."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from worker_host import Books, ScriptedServer, http

from tui.config import Limits
from tui.core.commands import DeleteSheet, LoadSheet, LoadVectors, RenameSheet, SaveSheet
from tui.core.conversation import CostKind
from tui.core.events import EmbedProgressed, JobState
from tui.core.sheets import Sheet, Variant
from tui.openrouter.text import Clean, Opaque

REFUSED = http(500, {"error": {"code": 500, "message": "down"}})


def vectors(*numbers: float, **usage: Any) -> bytes:
    rows = [{"index": place, "embedding": [number, 1.0]} for place, number in enumerate(numbers)]
    counts: dict[str, Any] = {"prompt_tokens": 2, **usage}
    return http(200, {"id": "gen-e", "data": rows, "model": "m", "usage": counts})


async def test_each_text_is_paid_for_once(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    texts = ["a cat", "a dog", "", "a cat", "tax"]
    first = await host.embed("demo/embed-plain", texts)
    assert [bool(vector) for vector in first.vectors] == [True, True, False, True, True]
    assert first.vectors[0] == first.vectors[3]
    assert first.receipt.cost.kind is CostKind.BILLED
    assert first.receipt.cost.usd == await Books(demo_server, host.key()).cost() == await host.billed() > 0
    again = await host.embed("demo/embed-plain", [*texts, "a horse"])
    assert (again.from_store, len(again.vectors)) == (3, 6)
    log = await Books(demo_server, host.key()).log()
    assert [row["body"]["input"] for row in log] == [["a cat", "a dog", "tax"], ["a horse"]]
    third = await host.embed("demo/embed-plain", texts)
    assert third.vectors == first.vectors
    assert third.receipt.cost.usd == 0
    assert len(await Books(demo_server, host.key()).log()) == 2


async def test_a_batch_that_is_too_large_is_halved_until_it_fits_and_once_for_all(
    start_host: Any, demo_server: str
) -> None:
    host = await start_host()
    ended = await host.embed("demo/embed-limit-10", [f"text {number}" for number in range(200)])
    assert all(ended.vectors)
    statuses = [row["status"] for row in await Books(demo_server, host.key()).log()]
    assert statuses.count(413) <= 8
    assert ended.receipt.cost.usd == await Books(demo_server, host.key()).cost() == await host.billed()
    assert await host.reserved() == 0


async def test_batches_fit_under_the_token_limit(start_host: Any, demo_server: str) -> None:
    host = await start_host(limits=Limits(tokens_per_min=400))
    ended = await host.embed("demo/embed-plain", ["word " * 100 for _ in range(3)] + ["other " * 100], wait_s=0.2)
    # Two texts are the same; the third of the different ones no longer fits into this minute.
    assert ended.failure is None or ended.failure.kind == "own_limit"
    assert any(ended.vectors)
    for row in await Books(demo_server, host.key()).log():
        assert row["prompt_tokens"] <= 400


async def test_what_came_before_a_failure_is_kept(start_host: Any) -> None:
    refused = http(400, {"error": {"code": 400, "message": "no"}})
    server = ScriptedServer(vectors(1.0, cost=0.001), vectors(2.0, cost=0.001), refused)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ended = await host.embed("some/model", list("abcdefgh"), batch_size=1)
        assert ended.failure is not None
        assert [bool(vector) for vector in ended.vectors].count(True) == 2
        assert ended.receipt.cost.usd == Decimal("0.002")
        assert host.jobs(ended.job_id)[-1].state is JobState.FAILED
        server.answers = [vectors(3.0, cost=0.001)]
        again = await host.embed("some/model", list("abcdefgh"), batch_size=1)
        assert again.from_store == 2
        assert all(again.vectors)
    assert await host.reserved() == 0


async def test_an_unknown_outcome_is_not_repeated(start_host: Any) -> None:
    server = ScriptedServer(None)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ended = await host.embed("some/model", ["a"])
    assert len(server.posts) == 1
    assert ended.failure.kind == "connection_lost"
    assert ended.receipt.cost.kind is CostKind.UNKNOWN


async def test_a_missing_bill_is_asked_for(start_host: Any) -> None:
    bill = {"data": {"id": "gen-e", "total_cost": 0.004, "native_tokens_prompt": 2, "model": "m"}}
    server = ScriptedServer(vectors(1.0), gets={"/generation": http(200, bill)})
    async with server as url:
        host = await start_host(url, catalogue=False)
        await host.embed("some/model", ["a"])
        await host.until(lambda: host.state.spend.today.billed_usd == Decimal("0.004"))
    assert await host.states() == ["billed"]


async def test_a_chat_model_is_refused_before_anything_is_sent(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    ended = await host.embed("demo/plain", ["a"])
    assert ended.failure.kind == "bad_request"
    assert await Books(demo_server, host.key()).log() == []


async def test_flaky_embeddings_are_repeated(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    ended = await host.embed("demo/embed-flaky", ["a"])
    assert ended.failure is None
    assert len(await Books(demo_server, host.key()).log()) == 3 == ended.receipt.tries
    failed = await host.embed("demo/embed-502", ["a"])
    assert failed.failure.kind == "provider_down"
    assert await host.states() == ["billed", "released"]


async def test_progress_is_told_and_eight_batches_fly_at_once(start_host: Any) -> None:
    at_once = 0
    most = 0

    async def answer(writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.03)
        at_once -= 1
        writer.write(vectors(1.0, cost=0.001))
        await writer.drain()

    async with ScriptedServer(answer) as url:
        host = await start_host(url, catalogue=False)
        ended = await host.embed("some/model", [f"t{number}" for number in range(25)], batch_size=1)
    assert all(ended.vectors)
    assert most == 8
    done = [event.done for event in host.saw(EmbedProgressed)]
    assert done[0] == 0
    assert done == sorted(done)
    assert done[-1] == 25


async def test_rows_come_in_one_block_and_again_from_the_store(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    texts = ["a cat", "a dog", "", "a cat", "tax"]
    ended = await host.embed("demo/embed-plain", texts, as_rows=True)
    assert ended.vectors == ()
    assert set(ended.embedded.rows.row_of) == {"a cat", "a dog", "tax"}
    single = await host.embed("demo/embed-plain", texts)
    for text, vector in zip(texts, single.vectors, strict=True):
        kept = ended.embedded.rows.vector(text)
        assert (kept is None and vector is None) or kept.tobytes() == vector
    variant = Variant(Opaque("demo/embed-plain"))
    host.worker.submit(LoadVectors(request_id="r", variant=variant, texts=(*map(Clean, texts), Clean("new"))))
    await host.until(lambda: host.state.sheets.found)
    (read,) = host.state.sheets.found.values()
    found = read.embedded.take()
    # Whoever took the rows has them alone.
    assert read.embedded.rows is None
    assert set(found.row_of) == {"a cat", "a dog", "tax"}
    assert found.vector("tax").tobytes() == single.vectors[4]
    other = Variant(Opaque("demo/embed-plain"), 64)
    host.worker.submit(LoadVectors(request_id="s", variant=other, texts=(Clean("tax"),)))
    await host.until(lambda: "s" in host.state.sheets.found)
    assert host.state.sheets.found["s"].embedded is None


async def test_sheets_are_listed_renamed_deleted_and_brought_back(start_host: Any) -> None:
    host = await start_host()
    sheet = Sheet(id="one", name=Clean("One"), texts=(Clean("a"), Clean("b\nc")), groups=(Clean("x"), Clean("")))
    for command in (
        SaveSheet(sheet=sheet),
        SaveSheet(sheet=Sheet(id="two", name=Clean("Two"))),
        RenameSheet(sheet_id="two", name=Clean("2")),
    ):
        host.worker.submit(command)
    await host.until(lambda: [row.name for row in host.state.sheets.listed or ()] == ["2", "One"])
    host.worker.submit(LoadSheet(sheet_id="one"))
    await host.until(lambda: host.state.sheets.opened == sheet)
    host.worker.submit(DeleteSheet(sheet_id="one"))
    await host.until(lambda: len(host.state.sheets.listed) == 1)
    host.worker.submit(DeleteSheet(sheet_id="one", undo=True))
    await host.until(lambda: len(host.state.sheets.listed) == 2)


async def test_a_stopped_embedding_goes_on_where_it_was(start_host: Any, start_demo_server: Any) -> None:
    base_url = start_demo_server("--speed", "2")
    host = await start_host(base_url)
    texts = [f"text {number}" for number in range(60)]
    running = asyncio.create_task(host.embed("demo/embed-plain", texts, batch_size=1, as_rows=True))
    await host.until(lambda: any(event.done >= 3 for event in host.saw(EmbedProgressed)))
    host.worker.cancel(host.state.sheets.job_id)
    stopped = await running
    came = len(stopped.embedded.rows.row_of)
    assert 3 <= came < 60
    again = await host.embed("demo/embed-plain", texts, as_rows=True)
    assert again.from_store >= came and len(again.embedded.rows.row_of) == 60
    log = await Books(base_url, host.key()).log()
    sent = [text for row in log if row["status"] == 200 for text in row["body"]["input"]]
    # Requests that were cancelled in flight are the only ones that may be paid for twice.
    assert len(sent) - len(set(sent)) <= 8


async def test_vectors_of_another_width_are_a_sentence_and_the_earlier_ones_stay(start_host: Any) -> None:
    wide = http(200, {"id": "g", "model": "m", "data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]})
    mixed = http(
        200,
        {"id": "g", "data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}], "model": "m"},
    )
    for second, words in ((wide, "Vectors of 3 and of 2 numbers"), (mixed, "different lengths")):
        async with ScriptedServer(vectors(1.0, cost=0.001), second) as url:
            host = await start_host(url, catalogue=False)
            first = await host.embed("some/model", ["a"], as_rows=True)
            assert first.failure is None
            texts = ["a", "b"] if second is wide else ["a", "b", "c"]
            ended = await host.embed("some/model", texts, as_rows=True)
            assert words in ended.failure.message
            assert set(ended.embedded.rows.row_of) == {"a"}
