"""The history re-priced by the worker, on models of the embedded server and with a database that fails."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from worker_host import ScriptedServer, chunk, stream

from tui.core.commands import RepriceHistory
from tui.core.events import HistoryRepriced
from tui.core.ledger import RequestKind
from tui.core.prices import Workload, estimate_cost
from tui.core.repricing import Paid
from tui.database.thread import Database, StorageFailed
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.text import Clean, Opaque
from tui.worker.context import WorkerContext


async def test_what_was_asked_is_repriced_on_other_models(start_host: Any) -> None:
    usage = {"prompt_tokens": 2_000, "completion_tokens": 300, "cost": 0.001}
    async with ScriptedServer(stream(chunk("Fine."), chunk(finish="stop", usage=usage))) as url:
        host = await start_host(url, catalogue=False)
        await host.reply(host.ask("some/model"))
        await host.reply(host.ask("some/model"))
        context: WorkerContext = host.worker._context
        cheap, auto = (
            _model("cheap/one", Pricing(prompt=Decimal("0.0000002"), completion=Decimal("0.000001"))),
            _model("router/auto", Pricing(varies=True)),
        )
        context.models = {model.id.raw: model for model in (cheap, auto)}
        asked = (cheap.id, auto.id, Opaque("not/there"))
        assert host.worker.submit(RepriceHistory(models=asked))
        await host.until(lambda: host.state.repriced)
        told = host.state.repriced
        assert isinstance(told, HistoryRepriced)
        assert told.models == asked
        one = estimate_cost(cheap.pricing, now=0, prompt_tokens=2_000, completion_tokens=300)
        assert one is not None
        assert [(row.model, row.cost_usd) for row in told.rows] == [(cheap.id, 2 * one), (auto.id, None)]
        assert told.rows[0].kind is RequestKind.CHAT
        assert told.rows[0].paid == Paid(requests=2, billed_usd=Decimal("0.002"))
        assert told.chat == Workload(prompt_tokens=2_000, completion_tokens=300, requests=2)
        assert told.embedding is None


async def test_a_ledger_that_cannot_be_read_is_told(start_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Database.run

    async def run(self: Database, unit: Any, *args: Any, **more: Any) -> Any:
        if unit.__name__ == "history_part":
            raise StorageFailed(Clean("The database could not be used: the disk is full."), is_damage=False)
        return await real(self, unit, *args, **more)

    async with ScriptedServer(None) as url:
        host = await start_host(url, catalogue=False)
        monkeypatch.setattr(Database, "run", run)
        host.worker.submit(RepriceHistory(models=()))
        await host.until(lambda: host.state.repriced)
        assert "disk is full" in host.state.repriced.failure.message


def _model(slug: str, pricing: Pricing) -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean("a"),
        output_modalities=(Clean("text"),),
        pricing=pricing,
    )
