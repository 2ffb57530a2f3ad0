"""The table of a model's endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip
from typing_extensions import override
from waiting import until

from tui.openrouter.catalogue import Endpoint, Model, Percentiles, PriceOverride, Pricing, ProviderFacts
from tui.openrouter.text import Clean, Opaque, clean_line
from tui.widgets.endpoint_cells import COLUMNS
from tui.widgets.endpoint_table import EndpointTable

NOW = 1_786_000_000.0
MODEL = Model(
    id=Opaque("a/b"),
    slug=Clean("a/b"),
    name=Clean("B"),
    author=Clean("a"),
    output_modalities=(Clean("text"),),
    pricing=Pricing(prompt=Decimal("0.000001"), completion=Decimal("0.000002")),
)


def endpoint(tag: str, price: str | None = None, p50: float | None = None, **more: Any) -> Endpoint:
    return Endpoint(
        name=clean_line(tag),
        provider=clean_line(tag.partition("/")[0].title()),
        tag=Opaque(tag),
        pricing=Pricing(prompt=None if price is None else Decimal(price), overrides=more.pop("overrides", ())),
        latency_ms=None if p50 is None else Percentiles(p50=p50, p75=p50 * 2, p90=p50 * 3, p99=p50 * 4),
        throughput=None if p50 is None else Percentiles(p50=80.0, p75=70.0, p90=60.0, p99=9.5),
        **more,
    )


ROWS = (
    endpoint("silent"),
    endpoint("dear/fp8", "0.000003", 900.0, status=-2),
    endpoint("cheap", "0.000001", 600.0, status=0, uptime_30m=99.997),
    endpoint("middle", "0.000002", 300.0, overrides=(PriceOverride(min_prompt_tokens=9, prompt=Decimal(1)),)),
)


class Counting(EndpointTable):
    """Counts the lines that it is asked for."""

    lines = 0

    @override
    def render_line(self, y: int) -> Strip:
        self.lines += 1
        return super().render_line(y)


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.table = Counting()
        self.heard: list[str] = []

    @override
    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    @on(EndpointTable.Chosen)
    @on(EndpointTable.MarksChanged)
    def note(self, event: EndpointTable._Told) -> None:
        self.heard.append(type(event).__name__)


@asynccontextmanager
async def table(
    rows: tuple[Endpoint, ...] = ROWS, size: tuple[int, int] = (80, 12), model: Model = MODEL
) -> AsyncIterator[tuple[Pilot[None], Counting]]:
    host = Host()
    async with host.run_test(size=size) as pilot:
        host.table.show(model, rows, {}, now=NOW, empty="Nobody.\nr asks again.")
        await until(pilot, lambda: host.table.lines and host.table.has_focus)
        await pilot.pause()
        yield pilot, host.table


def shown(table: EndpointTable) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


def tags(table: EndpointTable) -> str:
    return " ".join(line[4:].split()[0].casefold() for line in shown(table)[1:] if line.strip())


async def test_sorted_by_any_column_with_the_unknown_last() -> None:
    async with table() as (_pilot, rows):
        assert tags(rows) == "silent dear cheap middle"
        for kind, expected in (
            ("in", "cheap middle dear silent"),
            ("latency99", "middle cheap dear silent"),
            ("provider", "cheap dear middle silent"),
            ("status", "cheap dear silent middle"),
            (None, "silent dear cheap middle"),
        ):
            rows.sort_by(kind)
            assert tags(rows) == expected, kind


async def test_s_sorts_by_the_next_column_and_S_turns_round() -> None:
    async with table() as (pilot, rows):
        await pilot.press("s", "s")
        await until(pilot, lambda: rows.sort_kind == "in")
        assert "In $/M↑" in shown(rows)[0]
        await pilot.press("S")
        await until(pilot, lambda: rows.descending)
        assert tags(rows) == "dear middle cheap silent"
        assert "In $/M↓" in shown(rows)[0]
        kinds = set()
        for _ in range(len(COLUMNS)):
            await pilot.press("s")
            kinds.add(rows.sort_kind)
        assert {None, "speed50", "up30m"} <= kinds
        assert "data" not in kinds


async def test_what_is_best_comes_first_when_a_column_is_chosen() -> None:
    fast = endpoint("fast", uptime_1d=99.0)
    slow = endpoint("slow", uptime_1d=90.0)
    async with table((slow, fast)) as (_pilot, rows):
        rows.sort_by("up1d")
        assert tags(rows) == "fast slow"


async def test_a_click_in_the_head_sorts_and_again_turns_round() -> None:
    async with table() as (pilot, rows):
        at = shown(rows)[0].index("In $/M")
        await pilot.click(rows, offset=(at + 2, 0))
        await until(pilot, lambda: rows.sort_kind == "in" and not rows.descending)
        await pilot.click(rows, offset=(at + 2, 0))
        await until(pilot, lambda: rows.descending)


async def test_the_cursor_stays_with_its_endpoint() -> None:
    async with table() as (pilot, rows):
        await pilot.press("j", "j")
        await until(pilot, lambda: rows.endpoint is ROWS[2])
        rows.sort_by("in")
        assert rows.endpoint is ROWS[2]
        rows.show(MODEL, (ROWS[3], ROWS[2]), {}, now=NOW)
        assert rows.endpoint is ROWS[2]
        await pilot.press("G")
        await until(pilot, lambda: rows.endpoint is ROWS[3])


async def test_marks_keep_the_order_in_which_they_were_made() -> None:
    async with table() as (pilot, rows):
        await pilot.press("G", "space", "g", "space", "j", "space")
        await until(pilot, lambda: len(rows.marked) == 3)
        assert [tag.raw for tag in rows.wanted] == ["middle", "silent", "dear/fp8"]
        assert [line[1:3] for line in shown(rows)[1:5]] == ["✓2", "✓3", "  ", "✓1"]
        await pilot.press("k", "space")
        await until(pilot, lambda: len(rows.marked) == 2)
        assert [line[1:3] for line in shown(rows)[1:5]] == ["  ", "✓2", "  ", "✓1"]
        # one of them is no longer offered
        rows.show(MODEL, ROWS[:3], {}, now=NOW)
        assert [tag.raw for tag in rows.wanted] == ["dear/fp8"]
        await pilot.press("x")
        await until(pilot, lambda: not rows.marked)
        assert [tag.raw for tag in rows.wanted] == ["silent"]


async def test_an_endpoint_without_a_tag_cannot_be_asked_for() -> None:
    async with table((endpoint(""),)) as (pilot, rows):
        await pilot.press("space")
        await pilot.pause()
        assert rows.wanted == rows.marked == ()
        assert rows.check_action("mark", ()) is None


async def test_percentiles_fit_a_wide_screen_and_the_vital_figures_a_narrow_one() -> None:
    async with table(size=(80, 12)) as (_pilot, rows):
        head = shown(rows)[0]
        assert all(
            name in head for name in ("Provider", "In $/M", "Out $/M", "Ctx", "Up 30m", "p50 s", "tok/s", "Status")
        )
        dear = next(line for line in shown(rows) if "Dear" in line)
        assert "3.00" in dear and "0.90" in dear and "demoted" in dear
        assert "2.00*" in next(line for line in shown(rows) if "Middle" in line)
        # not rounded up to what it is not
        assert "99.99" in next(line for line in shown(rows) if "Cheap" in line)
    async with table(size=(200, 12)) as (_pilot, rows):
        head = shown(rows)[0]
        assert [column.head for column in COLUMNS if column.head not in head] == []
        assert "0.90 1.80 2.70 3.60" in " ".join(next(line for line in shown(rows) if "Dear" in line).split())


async def test_where_the_company_sits_is_said_where_it_is_known() -> None:
    async with table(size=(200, 12)) as (_pilot, rows):
        facts = ProviderFacts(
            slug=Clean("dear"), name=Clean("Dear"), headquarters=Clean("IS"), privacy_policy_url=Clean("x")
        )
        rows.show(MODEL, ROWS, {"dear": facts}, now=NOW)
        assert "IS, policy linked" in next(line for line in shown(rows) if "Dear" in line)
        assert "policy linked" not in next(line for line in shown(rows) if "Cheap" in line)


@pytest.mark.parametrize("width", [10, 24, 80, 200])
async def test_hostile_names_and_tags_are_only_text(width: int) -> None:
    hostile = endpoint("[/b]\x1b]52;c;eA==\x1b\\/[@click=app.quit]漢字👩‍👩‍👧" + "x" * 500, "0.5", 1e12, status=-(10**9))
    async with table((hostile, *ROWS), size=(width, 8)) as (_pilot, rows):
        for y in range(8):
            strip = rows.render_line(y)
            assert strip.cell_length == rows.scrollable_content_region.width
            assert "\x1b" not in strip.text


async def test_nothing_says_why_and_prices_of_other_units_have_no_million() -> None:
    async with table(()) as (pilot, rows):
        text = "\n".join(shown(rows))
        assert "Nobody." in text and "r asks again." in text
        await pilot.press("j", "enter", "space", "s")
        assert rows.endpoint is None
    speech = Model(
        id=Opaque("a/s"), slug=Clean("a/s"), name=Clean("S"), author=Clean("a"), output_modalities=(Clean("speech"),)
    )
    async with table(model=speech) as (_pilot, rows):
        assert "$/M" not in shown(rows)[0] and "In $" in shown(rows)[0]
        assert " 0.000003 " in next(line for line in shown(rows) if "Dear" in line)


async def test_a_step_of_the_cursor_draws_the_two_lines_that_changed() -> None:
    many = tuple(endpoint(f"p{number}", "0.000001", 100.0 + number) for number in range(60))
    async with table(many, size=(80, 40)) as (pilot, rows):
        await pilot.press("j")
        await pilot.pause()
        rows.lines = 0
        await pilot.press("j")
        await until(pilot, lambda: rows.cursor == 2 and rows.lines)
        await pilot.pause()
        assert rows.lines == 2
        rows.lines = 0
        await pilot.press("space")
        await until(pilot, lambda: rows.marked and rows.lines)
        await pilot.pause()
        assert rows.lines == 1
