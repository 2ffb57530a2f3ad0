"""What the Spend screen asks of the worker: views of the ledger, and its requests as files."""

from __future__ import annotations

import csv
import io
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from worker_host import ScriptedServer, chunk, http, stream

from tui.core.commands import ExportSpend, LoadSpend
from tui.core.events import SpendSummed, SpendViewed
from tui.core.ledger import SpendQuery

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}
FORMULA = stream(chunk("Fine.", model="=1+1"), chunk(finish="stop", usage=USAGE, model="=1+1"))
REFUSED = http(403, {"error": {"code": 403, "message": "No."}})


async def exported(host: Any, kind: Any) -> Path:
    host.worker.submit(ExportSpend(kind=kind))
    await host.until(lambda: any("requests written to" in notice for notice in host.notices()))
    (path,) = host.settings.folders.exports.glob(f"requests-*.{kind}")
    assert str(path.name) in host.notices()[-1]
    return Path(path)


@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_all_requests_are_exported_to_a_private_file(
    kind: str, start_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.worker.spend_files._ROWS", 2)
    async with ScriptedServer(FORMULA, FORMULA, FORMULA, REFUSED) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False)
        for _ in range(4):
            await host.reply(host.ask("some/model"))
        path = await exported(host, kind)
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text("utf-8")
    rows = json.loads(text) if kind == "json" else list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 4
    assert sum(Decimal(row["cost"]) for row in rows) == Decimal("0.003")
    assert {row["key"] for row in rows} == {"…1111"}
    assert rows[0]["generation_id"] == "gen-1"
    # A spreadsheet must not calculate what a server wrote.
    assert rows[0]["model_answered"] == ("'=1+1" if kind == "csv" else "=1+1")
    assert (rows[3]["state"], rows[3]["error_kind"], str(rows[3]["status"])) == ("released", "forbidden", "403")
    assert "aaaa" not in text


async def test_an_empty_ledger_is_an_empty_file(start_host: Any) -> None:
    async with ScriptedServer(FORMULA) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False)
        assert json.loads((await exported(host, "json")).read_text()) == []


async def test_a_folder_that_cannot_be_written_is_a_sentence(start_host: Any) -> None:
    async with ScriptedServer(FORMULA) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False)
        host.settings.folders.exports.rmdir()
        host.settings.folders.exports.write_text("a file in the way")
        host.worker.submit(ExportSpend(kind="csv"))
        await host.until(lambda: any(notice.startswith("Nothing was exported: ") for notice in host.notices()))


async def test_a_view_is_answered_with_its_query(start_host: Any) -> None:
    async with ScriptedServer(FORMULA) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False)
        ask = host.ask("some/model")
        await host.reply(ask)
        queries = [SpendQuery(by="provider"), SpendQuery(by="conversation"), SpendQuery(words="nobody")]
        for query in queries:
            host.worker.submit(LoadSpend(query=query))
        await host.until(lambda: len(host.saw(SpendViewed)) == 3)
    views = {event.view.query: event.view for event in host.saw(SpendViewed)}
    assert [row.key for row in views[queries[0]].parts] == ["Acme"]
    assert [row.key for row in views[queries[1]].parts] == [host.state.open[ask.conversation_id].title]
    assert views[queries[2]].requests == ()
    assert views[queries[0]].requests is None
    assert host.state.spend.last[0].generation_id.raw == "gen-1"


async def test_many_ends_at_once_have_their_sums_in_common(start_host: Any) -> None:
    async with ScriptedServer(FORMULA) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False)
        asks = [host.ask("some/model") for _ in range(20)]
        before = len(host.saw(SpendSummed))
        for ask in asks:
            await host.reply(ask)
    assert len(host.saw(SpendSummed)) - before < 20
    assert host.state.spend.all_time.requests == 20
    assert host.state.spend.all_time.billed_usd == Decimal("0.020")
