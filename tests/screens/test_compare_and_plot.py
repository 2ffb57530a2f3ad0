"""The comparison, the plot and the export of the models screen, with a worker driven by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from math import log10
from typing import Any

import pytest
from msgspec.structs import asdict
from screen_host import NOW, HandWorker, Host, until
from textual.pilot import Pilot
from textual.widgets import Input, Static
from textual_plot import PlotWidget

from tui.config import Settings
from tui.core.commands import Remember, RepriceHistory
from tui.core.conversation import Failure
from tui.core.events import CatalogueLoaded, HistoryRepriced, PreferencesRead
from tui.core.ledger import RequestKind
from tui.core.prices import Workload
from tui.core.repricing import Paid, Repriced
from tui.openrouter.catalogue import Benchmarks, Model, Pricing
from tui.openrouter.text import Clean, Opaque
from tui.screens.compare_dialog import CompareDialog
from tui.screens.export_dialog import ExportDialog
from tui.screens.models import ModelsScreen
from tui.widgets.compare_table import CompareTable

D = Decimal


def model(slug: str, price: str | None, score: float | None = None, **more: Any) -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(more.pop("name", slug)),
        author=Clean(slug.partition("/")[0]),
        created=int(NOW) - 86_400 * 100,
        context_length=128_000,
        output_modalities=(Clean("text"),),
        pricing=Pricing(prompt=D(price), completion=D(price) * 5) if price else Pricing(varies=True),
        benchmarks=None if score is None else Benchmarks(intelligence_index=score, coding_index=100 - score),
        **more,
    )


MODELS = (
    model("a/dear", "0.000009", 60.0),
    model("a/middle", "0.000002", 50.0),
    model("a/poor", "0.000003", 20.0),
    model("evil/[b]x|y[/b]", "0.000001", 30.0, name="=evil"),
    model("free/one", "0", 10.0),
    model("router/auto", None, 70.0),
    model("un/marked", "0.000001"),
)


@asynccontextmanager
async def models(
    settings: Settings, worker: HandWorker, size: tuple[int, int] = (100, 40), rows: tuple[Model, ...] = MODELS
) -> AsyncIterator[tuple[Pilot[None], ModelsScreen]]:
    worker.state.apply(CatalogueLoaded(models=rows, fetched_at=NOW, from_network=True))
    host = Host(ModelsScreen, settings, worker)
    async with host.run_test(size=size, notifications=True) as pilot:
        screen = host.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: screen.table.has_focus and len(screen.table.result.rows) == len(rows))
        yield pilot, screen


async def mark(pilot: Pilot[None], screen: ModelsScreen, *slugs: str) -> None:
    for slug in slugs:
        assert screen.table.move_to(Opaque(slug))
        await pilot.press("space")
    await until(pilot, lambda: len(screen.table.marked) == len(slugs))


async def compared(pilot: Pilot[None], screen: ModelsScreen, *slugs: str) -> CompareDialog:
    await mark(pilot, screen, *slugs)
    await pilot.press("c")
    await until(pilot, lambda: isinstance(pilot.app.screen, CompareDialog))
    dialog = pilot.app.screen
    assert isinstance(dialog, CompareDialog)
    await until(pilot, lambda: dialog.query_one(CompareTable).has_focus)
    return dialog


def row(dialog: CompareDialog, label: str) -> list[str]:
    lines = ["".join(text for _, text in line) for line in dialog.query_one(CompareTable).build()]
    found = [line for line in lines if line.startswith(f"{label}  ")]
    assert len(found) == 1, lines
    return found[0].removeprefix(label).split()


def told(dialog: Any) -> str:
    return str(dialog.query_one("#told", Static).content)


async def test_the_workload_is_typed_prices_each_model_and_is_remembered(
    settings: Settings, worker: HandWorker
) -> None:
    async with models(settings, worker) as (pilot, screen):
        dialog = await compared(pilot, screen, "a/dear", "a/middle", "router/auto")
        assert row(dialog, "cost a month") == ["~$40.50", "~$9.00◂", "–"]
        await pilot.press("w")
        await until(pilot, lambda: isinstance(dialog.focused, Input))
        await pilot.press("home", "shift+end", "delete", *"4k")
        await until(pilot, lambda: row(dialog, "cost a month") == ["~$58.50", "~$13.00◂", "–"])
        await pilot.press("escape")
        await until(pilot, lambda: dialog.query_one(CompareTable).has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: worker.sent(Remember))
        assert worker.sent(Remember)[-1] == Remember(
            name="compare.workload", value=asdict(Workload(prompt_tokens=4_000))
        )
        worker.publish(
            PreferencesRead(
                values={"compare.workload": asdict(Workload(requests=1))}, favourites=frozenset(), recents=()
            )
        )
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareDialog))
        again = pilot.app.screen
        assert isinstance(again, CompareDialog)
        await until(pilot, lambda: row(again, "cost a month") == ["~$0.0405", "~$0.009◂", "–"])


async def test_a_workload_that_is_none_is_told_and_the_last_good_one_stays(
    settings: Settings, worker: HandWorker
) -> None:
    async with models(settings, worker) as (pilot, screen):
        dialog = await compared(pilot, screen, "a/dear", "a/middle")
        before = row(dialog, "cost a month")
        dialog.query_one("#cached_tokens", Input).value = "3k"
        await until(pilot, lambda: "part of those in" in told(dialog))
        dialog.query_one("#prompt_tokens", Input).value = ""
        await until(pilot, lambda: "whole number" in told(dialog))
        assert row(dialog, "cost a month") == before


async def test_the_own_history_fills_the_workload_and_is_priced_on_each(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen):
        dialog = await compared(pilot, screen, "a/dear", "a/middle", "router/auto")
        await pilot.press("m")
        await until(pilot, lambda: worker.sent(RepriceHistory))
        (asked,) = worker.sent(RepriceHistory)
        assert [one.raw for one in asked.models] == ["a/dear", "a/middle", "router/auto"]
        assert "summing" in told(dialog)
        paid = Paid(requests=214, billed_usd=D("1.23"), estimated_usd=D("0.02"), unknown=3)
        rows = tuple(
            Repriced(model=one, kind=RequestKind.CHAT, cost_usd=cost, paid=paid, uncounted=Paid(requests=2))
            for one, cost in zip(asked.models, (D("2.5"), D("0.75"), None), strict=True)
        )
        mine = Workload(prompt_tokens=1_500, completion_tokens=100, requests=214)
        worker.publish(HistoryRepriced(models=(Opaque("other/one"),), days=30))
        worker.publish(HistoryRepriced(models=asked.models, days=30, rows=rows, chat=mine))
        await until(pilot, lambda: "214 chat requests" in told(dialog))
        assert told(dialog).endswith("paid $1.23, ~$0.02 estimated, 3 unknown (2 more without token counts)")
        assert row(dialog, "my 30 days") == ["~$2.50", "~$0.75◂", "–"]
        assert dialog.query_one("#prompt_tokens", Input).value == "1,500"
        await until(pilot, lambda: row(dialog, "cost a month") == ["~$3.85", "~$0.856◂", "–"])


@pytest.mark.parametrize("failed", [True, False])
async def test_no_history_and_a_failed_one_are_told(settings: Settings, worker: HandWorker, failed: bool) -> None:
    async with models(settings, worker) as (pilot, screen):
        dialog = await compared(pilot, screen, "a/dear", "a/middle")
        await pilot.press("m")
        await until(pilot, lambda: worker.sent(RepriceHistory))
        asked = worker.sent(RepriceHistory)[0].models
        failure = Failure(kind="x", message=Clean("The disk is full."), advice=Clean(""))
        rows = tuple(
            Repriced(model=one, kind=RequestKind.CHAT, cost_usd=D(0), paid=Paid(), uncounted=Paid()) for one in asked
        )
        if failed:
            worker.publish(HistoryRepriced(models=asked, days=30, failure=failure))
            await until(pilot, lambda: told(dialog) == "✕ The disk is full. m tries again.")
        else:
            worker.publish(HistoryRepriced(models=asked, days=30, rows=rows))
            await until(pilot, lambda: told(dialog) == "my 30 days: no chat requests")
            assert row(dialog, "my 30 days") == ["–", "–"]


async def test_a_comparison_is_copied_as_markdown_that_foreign_names_do_not_break(
    settings: Settings, worker: HandWorker
) -> None:
    async with models(settings, worker) as (pilot, screen):
        await compared(pilot, screen, "a/dear", "evil/[b]x|y[/b]")
        await pilot.press("e", "y")
        await until(pilot, lambda: worker.copied)
        lines = worker.copied[0].splitlines()
        assert lines[0] == r"|  | a/dear | evil/\[b\]x\|y\[/b\] |"
        assert lines[1] == "| --- | ---: | ---: |"
        assert "| input $/M | 9.00 | **1.00** |" in lines
        assert not any(line.startswith("| context ") for line in lines)
        assert lines[-1] == "Cost a month: 1,000 requests a month, each 2,000 in, 500 out."


async def test_no_more_than_six_are_compared_and_it_is_said(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen):
        dialog = await compared(pilot, screen, *(one.slug for one in MODELS))
        assert len(dialog.query_one(CompareTable).models) == 6
        assert "Only 6 fit" in told(dialog)


async def test_the_plot_goes_from_point_to_point_and_to_the_table(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen):
        assert screen.table.move_to(Opaque("a/middle"))
        await pilot.press("v")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "PricePlotDialog")
        dialog = pilot.app.screen

        def point() -> str:
            return str(dialog.query_one("#point", Static).content).splitlines()[0]

        def axes() -> str:
            return str(dialog.query_one("#axes", Static).content)

        def title() -> str:
            return str(dialog.query_one(".price-plot").border_title)

        await until(pilot, lambda: point() == "◆ a/middle")
        assert "intelligence index (1 of 2, b)" in axes()
        assert title() == "price against quality: 5 of 7, 1 without a score, 1 without a price"
        for key, expected in (
            ("right", "◉ a/poor"),
            ("right", "◆ a/dear"),
            ("right", "◆ a/dear"),
            ("down", "◆ a/middle"),
            ("down", "◆ evil/[b]x|y[/b] · =evil"),
            ("up", "◆ a/middle"),
            ("n", "◆ a/dear"),
            ("N", "◆ a/middle"),
            ("left", "◆ evil/[b]x|y[/b] · =evil"),
            ("left", "◆ free/one"),
        ):
            await pilot.press(key)
            await until(pilot, lambda expected=expected: point() == expected)  # type: ignore[misc]
        plot = dialog.query_one("#points")
        assert isinstance(plot, PlotWidget)
        x, y = plot.get_pixel_from_coordinate(log10(6), 20.0)
        assert await pilot.click("#plot", offset=(x + 1, y))
        await until(pilot, lambda: point() == "◉ a/poor")
        await pilot.press("b")
        await until(pilot, lambda: "coding index (2 of 2, b)" in axes())
        assert point() == "◉ a/poor"
        await pilot.press("N")
        await until(pilot, lambda: point() == "◆ free/one")
        await pilot.press("right", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: screen.table.model is MODELS[3])


async def test_a_plot_without_benchmarks_says_what_would_be_there(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker, rows=MODELS[6:]) as (pilot, screen):
        await pilot.press("v")
        await until(pilot, lambda: pilot.app.screen.query("#none"))
        assert "none has a benchmark" in str(pilot.app.screen.query_one("#none", Static).content)
        await pilot.press("b", "escape")
        await until(pilot, lambda: pilot.app.screen is screen)


@pytest.mark.parametrize("suffix", ["csv", "json"])
async def test_the_filtered_table_is_exported(settings: Settings, worker: HandWorker, suffix: str) -> None:
    async with models(settings, worker) as (pilot, screen):
        screen.filter_line.put("evil")
        await until(pilot, lambda: len(screen.table.result.rows) == 1)
        screen.table.focus()
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press(suffix[0])
        await until(pilot, lambda: "Written: " in told(pilot.app.screen))
        (file,) = settings.folders.exports.iterdir()
        await pilot.press("y")
        await until(pilot, lambda: worker.copied == [str(file)])
        assert file.name == f"models-20260806-070640.{suffix}"
        if suffix == "csv":
            (only,) = csv.DictReader(file.read_text().splitlines())
            assert (only["name"], only["prompt_price"]) == ("'=evil", "0.000001")
        else:
            (only,) = json.loads(file.read_text())
            assert (only["id"], only["prompt_price"]) == ("evil/[b]x|y[/b]", "0.000001")


async def test_an_export_that_fails_says_why(settings: Settings, worker: HandWorker) -> None:
    settings.folders.exports.parent.mkdir(parents=True, exist_ok=True)
    settings.folders.exports.write_text("in the way")
    async with models(settings, worker) as (pilot, _screen):
        await pilot.press("e", "c")
        await until(pilot, lambda: "✕ Not written" in told(pilot.app.screen))
        assert "a file is in its place. c tries again." in told(pilot.app.screen)
