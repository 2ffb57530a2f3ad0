from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace
from textual import on
from textual.app import App, ComposeResult
from typing_extensions import override
from waiting import until

from tui.core.conversation import Failure
from tui.core.prices import Workload
from tui.openrouter.catalogue import (
    ArenaScore,
    Benchmarks,
    Endpoint,
    Model,
    Percentiles,
    PriceOverride,
    Pricing,
    ReasoningSupport,
)
from tui.openrouter.text import Clean, Opaque, clean
from tui.widgets.compare_table import CompareTable
from tui.widgets.line_view import LineView, wrap
from tui.widgets.model_columns import Column, fit, place
from tui.widgets.model_details import ModelDetails, ProviderList

NOW = 1_800_000_000.0
D = Decimal
MODEL = Model(
    id=Opaque("maker/large"),
    slug=Clean("maker/large"),
    name=Clean("Maker: Large [/b]"),
    author=Clean("maker"),
    created=1_790_000_000,
    description=Clean("Answers. " * 80),
    context_length=131_072,
    max_completion_tokens=16_384,
    input_modalities=(Clean("text"), Clean("image")),
    output_modalities=(Clean("text"),),
    pricing=Pricing(
        prompt=D("0.000001"),
        completion=D("0.000004"),
        input_cache_read=D("0.0000001"),
        request=D("0.01"),
        overrides=(
            PriceOverride(min_prompt_tokens=64_000, prompt=D("0.000002")),
            PriceOverride(utc_start=990, utc_end=30, completion=D("0.000003")),
        ),
    ),
    supported_parameters=frozenset({Clean("tools"), Clean("max_tokens")}),
    default_parameters=((Clean("temperature"), D("0.6")),),
    expiration_date=date(2027, 1, 20),
    knowledge_cutoff=Clean("2026-03-01"),
    reasoning=ReasoningSupport(supported_efforts=(Clean("high"), Clean("low")), default_effort=Clean("low")),
    benchmarks=Benchmarks(
        intelligence_index=41.26, design_arena=(ArenaScore(arena=Clean("a"), category=Clean("3d"), elo=1204.4, rank=3),)
    ),
)
SMALL = replace(
    MODEL,
    id=Opaque("maker/small"),
    slug=Clean("maker/small"),
    pricing=Pricing(prompt=D("0.0000005"), completion=D("0.000002")),
    context_length=32_768,
    benchmarks=None,
)
AUTO = replace(MODEL, id=Opaque("router/auto"), slug=Clean("router/auto"), pricing=Pricing(varies=True))
ENDPOINT = Endpoint(
    name=Clean("Fast | large"),
    provider=Clean("Fast"),
    tag=Opaque("fast/fp8"),
    context_length=131_072,
    pricing=Pricing(prompt=D("0.000001"), completion=D("0.000004")),
    quantization=Clean("fp8"),
    status=-2,
    uptime_30m=99.44,
    latency_ms=Percentiles(p50=640.0),
    throughput=Percentiles(p50=71.2),
)
NULL_ENDPOINT = Endpoint(name=Clean("x"), provider=Clean("Unknown"), tag=Opaque("unknown"))


class Host(App[None]):
    def __init__(self, pane: LineView) -> None:
        super().__init__()
        self.pane = pane
        self.asked: list[Model] = []

    @override
    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.focus()

    @on(ModelDetails.ProvidersAsked)
    def note(self, event: ModelDetails.ProvidersAsked) -> None:
        self.asked.append(event.model)


def text(pane: LineView) -> str:
    return "\n".join("".join(piece for _, piece in line) for line in pane.build())


async def test_details_tell_all_prices_with_their_conditions() -> None:
    pane = ModelDetails()
    async with Host(pane).run_test(size=(70, 50)):
        pane.show(MODEL, now=NOW)
        words = " ".join(text(pane).split())
        for part in (
            "Maker: Large [/b]", "maker/large", "by maker", "text image → text",
            "⌛ may be gone from 2027-01-20, in 5 d",
            "input 1.00", "output 4.00", "cache read 0.10", "per request $0.01", "prompt > 64,000 input 2.00",
            "16:30–00:30 UTC output 3.00", "context 131,072 tokens",
            "longest reply 16,384 tokens", "knows until 2026-03-01",
            "effort high low, else low", "max_tokens tools", "temperature 0.6",
            "intelligence 41.3", "3d (a) Elo 1,204 · rank 3",
            "p asks who offers it",
        ):  # fmt: skip
            assert part in words


async def test_a_long_description_is_folded_until_one_asks() -> None:
    app = Host(ModelDetails())
    pane = app.pane
    assert isinstance(pane, ModelDetails)
    async with app.run_test(size=(50, 20)) as pilot:
        pane.show(MODEL, now=NOW)
        short = len(pane.build())
        await pilot.press("m")
        assert len(pane.build()) > short
        await pilot.press("m")
        assert len(pane.build()) == short


async def test_the_state_of_the_providers_is_told() -> None:
    app = Host(ModelDetails())
    pane = app.pane
    assert isinstance(pane, ModelDetails)
    async with app.run_test(size=(110, 60)) as pilot:
        pane.show(MODEL, now=NOW)
        await pilot.press("p")
        await until(pilot, lambda: app.asked == [MODEL])
        pane.show(MODEL, ProviderList(loading_since=time.time() - 12), now=NOW)
        assert "asking for them, 12 s" in text(pane)
        pane.show(MODEL, ProviderList(endpoints=(ENDPOINT, NULL_ENDPOINT), fetched_at=NOW), now=NOW)
        shown = text(pane)
        fast = next(line for line in shown.split("\n") if "Fast fp8" in line).split()
        assert fast == [
            "Fast",
            "fp8",
            "1.00",
            "4.00",
            *["–", "131k", "–", "fp8", "99.44", "–", "0.64", "71", "demoted"],
        ]
        assert "p shows all figures" in shown
        unknown = next(line for line in shown.split("\n") if "Unknown" in line)
        assert set(unknown.split()) == {"Unknown", "–"}
        failure = Failure(kind="x", message=Clean("The server answers 503."), advice=Clean("Wait."))
        pane.show(MODEL, ProviderList(endpoints=(ENDPOINT,), fetched_at=NOW, failure=failure), now=NOW)
        shown = text(pane)
        assert "The server answers 503. Wait." in shown
        assert "p tries again, the old list:" in shown
        assert "Fast fp8" in shown
        pane.show(MODEL, ProviderList(endpoints=(), fetched_at=NOW), now=NOW)
        assert "nobody offers it now" in text(pane)


@pytest.mark.parametrize("width", [12, 30, 46, 80, 160])
async def test_no_line_is_wider_than_the_pane(width: int) -> None:
    hostile = replace(
        MODEL,
        name=clean("\x1b]52;c;eA==\x1b\\[@click=app.quit]x[/]" * 5),
        description=clean("日本語 👩‍👩‍👧 [/b] " * 40 + "x" * 5000),
        created=10**15,
    )
    pane = ModelDetails()
    async with Host(pane).run_test(size=(width, 40)):
        pane.show(hostile, ProviderList(endpoints=(ENDPOINT,), fetched_at=NOW), now=NOW)
        for y in range(40):
            assert pane.render_line(y).cell_length == pane.room
    compare = CompareTable()
    async with Host(compare).run_test(size=(width, 40)):
        compare.show([hostile, SMALL, AUTO], now=NOW)
        for y in range(40):
            assert compare.render_line(y).cell_length == compare.room


async def test_another_model_starts_at_the_top_and_providers_arriving_do_not_move_it() -> None:
    app = Host(ModelDetails())
    pane = app.pane
    assert isinstance(pane, ModelDetails)
    async with app.run_test(size=(50, 12)) as pilot:
        pane.show(MODEL, now=NOW)
        await pilot.press("ctrl+d")
        await until(pilot, lambda: pane.scroll_y == 6)
        pane.show(MODEL, ProviderList(endpoints=(ENDPOINT,), fetched_at=NOW), now=NOW)
        assert pane.scroll_y == 6
        pane.show(SMALL, now=NOW)
        assert pane.scroll_y == 0


async def test_compare_points_at_the_best_and_folds_the_equal() -> None:
    app = Host(CompareTable())
    pane = app.pane
    assert isinstance(pane, CompareTable)
    async with app.run_test(size=(100, 40)) as pilot:
        pane.show(
            [MODEL, SMALL, AUTO], now=NOW, workload=Workload(requests=10, prompt_tokens=1000, completion_tokens=0)
        )
        rows = {line[:14].strip(): line[14:].split() for line in text(pane).split("\n")}
        assert rows["input $/M"] == ["1.00", "0.50◂", "varies"]
        assert rows["context"] == ["131k◂", "33k", "131k◂"]
        assert rows["cost a month"] == ["~$0.11", "~$0.005◂", "–"]
        assert rows["intelligence"] == ["41.3", "–", "41.3"]
        assert rows["tools"] == ["yes", "yes", "yes"]
        await pilot.press("e")
        folded = text(pane)
        assert "Equal, e unfolds: longest reply 16k, tools yes" in folded
        assert "\ntools" not in folded
        pane.show([MODEL], now=NOW)
        assert "two to six" in text(pane)
        pane.show([MODEL] * 9, now=NOW)
        assert len(pane.models) == 6


@pytest.mark.parametrize(
    ("width", "expected"), [(100, "~$0.000456"), (74, "~$0.00046"), (69, "~$0.0005"), (60, "<$0.01")]
)
async def test_small_costs_are_rounded_to_the_room_and_never_cut(width: int, expected: str) -> None:
    pane = CompareTable()
    async with Host(pane).run_test(size=(width, 30)):
        work = Workload(requests=1, prompt_tokens=913, completion_tokens=0)
        pane.show([SMALL] * 5, now=NOW, workload=work)
        (costs,) = [line.split()[-5:] for line in text(pane).split("\n") if line.startswith("cost a")]
        assert costs == [expected] * 5


async def test_modalities_are_never_cut_however_narrow() -> None:
    pane = CompareTable()
    kinds = tuple(Clean(kind) for kind in ("text", "image", "file", "audio", "video"))
    models = [replace(SMALL, input_modalities=kinds[: 2 + at]) for at in range(4)]
    async with Host(pane).run_test(size=(78, 60)):
        pane.show(models, now=NOW)
        lines = text(pane).split("\n")
        start = next(at for at, line in enumerate(lines) if line.startswith("takes"))
        end = next(at for at, line in enumerate(lines) if line.startswith("gives"))
        told = " ".join(lines[start:end]).split()
        assert sorted(told) == sorted(["takes", *(kind for model in models for kind in model.input_modalities)])
        assert end - start > 1


async def test_the_names_stay_over_their_columns_and_a_shared_author_is_told_once() -> None:
    pane = CompareTable()
    models = [replace(SMALL, slug=Clean(f"maker/model-{at}"), knowledge_cutoff=Clean("2025-04-01")) for at in range(6)]
    async with Host(pane).run_test(size=(78, 12)) as pilot:
        pane.show(models, now=NOW)
        assert text(pane).count("maker/") == 1
        assert "2025-04…" not in text(pane)
        assert text(pane).count("2025-04") == 6
        pane.scroll_end(animate=False, immediate=True)
        await pilot.pause()
        shown = _screen(pilot.app).split("\n")
        assert shown[0].split()[1:] == [f"model-{at}" for at in range(6)]
        assert "parameters" in shown[-1]
        assert "cost a month" not in "".join(shown)


def _screen(app: App[None]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def test_columns_share_the_width_by_priority() -> None:
    columns = (Column("a", "A", 5, 1), Column("b", "B", 10, 0, grow=20), Column("c", "C", 5, 2))
    assert [(p.column.kind, p.start, p.width) for p in place(columns, 30)] == [("a", 0, 5), ("b", 6, 18), ("c", 25, 5)]
    assert [p.column.kind for p in place(columns, 16)] == ["a", "b"]
    assert [(p.column.kind, p.width) for p in place(columns, 7)] == [("b", 7)]


@pytest.mark.parametrize(
    ("given", "width", "right", "shown"),
    [
        ("abc", 5, False, "abc  "),
        ("abc", 5, True, "  abc"),
        ("abcdef", 4, False, "abc…"),
        ("a\nb", 3, False, "a b"),
        ("日本語", 5, False, "日本…"),
        ("日本語", 4, False, "日 …"),
        ("日本", 6, True, "  日本"),
        ("abc", 1, False, "…"),
        ("abc", 0, False, ""),
    ],
)
def test_text_fits_its_cells(given: str, width: int, right: bool, shown: str) -> None:
    assert fit(given, width, right=right) == shown


def test_text_is_wrapped_at_spaces_by_cells() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one\n\ntwo", 7) == ["one", "", "two"]
    assert wrap("x" * 10, 4) == ["xxxx", "xxxx", "xx"]
    assert wrap("日本語 日本", 6) == ["日本語", "日本"]
    assert wrap("", 6) == [""]


async def test_links_of_a_description_are_readable() -> None:
    pane = ModelDetails()
    linked = replace(MODEL, description=Clean("See [its page](https://example.test/x) and [1] or [b](nothing)."))
    async with Host(pane).run_test(size=(90, 30)):
        pane.show(linked, now=NOW)
        assert "See its page (https://example.test/x) and [1] or [b](nothing)." in text(pane)
