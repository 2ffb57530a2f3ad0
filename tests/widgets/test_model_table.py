from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from textual import on
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from typing_extensions import override
from waiting import until

from tui.core.catalogue_filter import Query, QueryContext, SortKey, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex, Result
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.text import Clean, Opaque, clean_line
from tui.widgets.model_table import ModelTable

NOW = 1_800_000_000.0
DAY = 86_400


def model(slug: str, **more: Any) -> Model:
    base = Model(
        id=Opaque(slug),
        slug=clean_line(slug),
        name=clean_line(f"Name of {slug}"),
        author=Clean(slug.split("/")[0]),
        created=int(NOW) - 90 * DAY,
        context_length=200_000,
        input_modalities=(Clean("text"), Clean("image")),
        output_modalities=(Clean("text"),),
        pricing=Pricing(prompt=Decimal("0.000001"), completion=Decimal("0.000005")),
        supported_parameters=frozenset({Clean("tools"), Clean("reasoning")}),
    )
    return replace(base, **more)


HOSTILE = (
    "[/b]/x",
    "a/[@click=app.quit]x[/]",
    "b/\x1b]52;c;eA==\x1b\\",
    "c/ ",
    "d/👩‍👩‍👧 日本語" * 9,
    "e/" + "x" * 5000,
)
MANY = tuple(model(f"maker/model-{number:03}", created=int(NOW) - number * DAY) for number in range(300))


class Host(App[None]):
    def __init__(self, models: tuple[Model, ...] = MANY, context: QueryContext | None = None) -> None:
        super().__init__()
        self.index = CatalogueIndex(models)
        self.context = context or QueryContext(now=NOW)
        self.heard: list[Message] = []

    @override
    def compose(self) -> ComposeResult:
        yield CountingTable()

    def on_mount(self) -> None:
        self.find("")
        self.table.focus()

    @property
    def table(self) -> CountingTable:
        return self.query_one(CountingTable)

    def find(self, text: str, sort: SortOrder | None = None) -> None:
        query = parse(text)
        assert isinstance(query, Query)
        result = self.index.query(query, sort or SortOrder(), self.context)
        self.table.show(self.index, result, context=self.context)

    @on(ModelTable.Chosen)
    @on(ModelTable.Highlighted)
    @on(ModelTable.FavouriteToggled)
    @on(ModelTable.CopyRequested)
    @on(ModelTable.OpenPage)
    @on(ModelTable.MarksChanged)
    @on(ModelTable.SortChanged)
    def hear(self, message: Message) -> None:
        self.heard.append(message)

    def last(self, kind: type[Message]) -> Any:
        return next((message for message in reversed(self.heard) if isinstance(message, kind)), None)


class CountingTable(ModelTable):
    drawn = 0

    @override
    def render_line(self, y: int) -> Strip:
        self.drawn += 1
        return super().render_line(y)


async def settled(pilot: Pilot[Any], app: Host) -> None:
    """Until the table has focus and nothing is left to be drawn; counts from there."""
    await until(pilot, lambda: app.table.has_focus and app.table.drawn >= 24)
    before = -1
    while before != app.table.drawn:
        before = app.table.drawn
        await pilot.pause(0.05)
    app.table.drawn = 0


def lines(table: ModelTable) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


async def test_the_table_looks_at_80x24_as_designed() -> None:
    nothing, text_only = Decimal(0), (Clean("text"),)
    zero = Pricing(prompt=nothing, completion=nothing)
    odd = Pricing(prompt=Decimal("0.0000010375"), completion=Decimal("0.000005125"))
    vectors = Pricing(prompt=Decimal("0.00000002"), completion=nothing)
    models = (
        model("anthropic/claude-haiku", created=int(NOW) - 400 * DAY),
        model("google/gemini", context_length=1_000_000, expiration_date=date(2027, 1, 27), pricing=odd),
        model("meta/llama-3.3-70b:free", pricing=zero, context_length=131_072, input_modalities=text_only),
        model("openrouter/auto", pricing=Pricing(varies=True), supported_parameters=frozenset(), created=None),
        model("paint/er", pricing=zero, output_modalities=(Clean("image"),), context_length=None),
        model("vec/small", pricing=vectors, output_modalities=(Clean("embeddings"),)),
    )  # fmt: skip
    context = QueryContext(
        now=NOW,
        favourites=frozenset({"anthropic/claude-haiku"}),
        new=frozenset({"google/gemini"}),
        changed={"anthropic/claude-haiku": Decimal("-12.4"), "vec/small": Decimal(3), "paint/er": None},
    )
    app = Host(models, context)
    async with app.run_test(size=(80, 24)) as pilot:
        app.find("", SortOrder(SortKey.ID))
        await pilot.press("space")
        await until(pilot, lambda: app.last(ModelTable.MarksChanged))
        shown = [line.rstrip() for line in lines(app.table)]
        assert shown[:7] == [
            "    Model↑                             Ctx In $/M   Out $/M   Can    Age",
            "▌✓★ anthropic/claude-haiku            200k   1.00      5.00   T R V 13mo ▼12%",
            "  ✦ google/gemini                       1M   1.0375    5.125  T R V  2mo ⌛12d",
            "    meta/llama-3.3-70b:free           131k   free      free   T R    2mo",
            "    openrouter/auto                   200k varies    varies       V    –",
            "    paint/er                             –      –         –   →img   2mo",
            "    vec/small                         200k   0.02      0.00   →emb   2mo ▲3%",
        ]


@pytest.mark.parametrize("width", [20, 34, 41, 60, 79, 80, 100, 140, 200])
async def test_every_line_has_exactly_the_width_of_the_screen(width: int) -> None:
    app = Host(tuple(model(clean_line(slug)) for slug in HOSTILE) + MANY[:30])
    async with app.run_test(size=(width, 24)):
        room = app.table.scrollable_content_region.width
        for y in range(24):
            strip = app.table.render_line(y)
            assert strip.cell_length == room
            assert sum(segment.cell_length for segment in strip) == room
        assert "Model" in lines(app.table)[0]


async def test_columns_come_with_the_room() -> None:
    heads = []
    for width in (60, 80, 120, 200):
        app = Host()
        async with app.run_test(size=(width, 10)):
            app.find("", SortOrder(SortKey.ID))
            heads.append(set(lines(app.table)[0].split()))
    assert heads[0] < heads[1] < heads[2] < heads[3]
    assert {"Name", "Cache", "Max", "Expiry"} <= heads[3]


async def test_a_step_of_the_cursor_draws_two_lines() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, app)
        await pilot.press("j")
        await until(pilot, lambda: app.table.drawn >= 2)
        await pilot.pause()
        assert app.table.drawn == 2
        assert app.last(ModelTable.Highlighted).model is MANY[1]


async def test_the_same_result_again_draws_nothing_and_another_what_differs() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, app)
        app.find("maker")
        await pilot.pause()
        assert app.table.drawn == 0
        app.find("-model-020")  # the rows below it move up
        await until(pilot, lambda: app.table.drawn)
        await pilot.pause()
        assert app.table.drawn == 3


async def test_the_cost_of_drawing_does_not_grow_with_the_catalogue() -> None:
    models = tuple(model(f"maker/model-{number}") for number in range(5000))
    app = Host(models)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, app)
        app.find("7")
        await until(pilot, lambda: app.table.drawn)
        await pilot.pause()
        assert app.table.drawn <= 24


async def test_the_cursor_stays_with_its_model() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"jjjjj")
        assert app.table.model is MANY[5]
        app.find("", SortOrder(SortKey.AGE, descending=True))
        assert app.table.model is MANY[5]
        assert "▌" in "".join(lines(app.table))  # in sight
        app.find("model-2")
        assert app.table.model is not MANY[5]
        app.find("")
        assert app.table.model is MANY[5]
        # A refreshed catalogue holds other objects at other places.
        fresh = CatalogueIndex(tuple(replace(m, description=Clean("new")) for m in reversed(MANY)))
        app.table.show(fresh, fresh.query(Query(), SortOrder(SortKey.ID), app.context))
        current = app.table.model
        assert current is not None
        assert current.id == MANY[5].id
        assert current is not MANY[5]


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        ("j", 1), ("down", 1), ("j k", 0), ("k", 0), ("G", 299), ("end", 299), ("G g", 0), ("end home", 0),
        ("G j", 299),         ("pagedown", 23), ("pagedown pageup", 0), ("ctrl+d", 11), ("ctrl+d ctrl+d ctrl+u", 11),
    ],
)  # fmt: skip
async def test_keys_move_the_cursor_and_keep_it_in_sight(keys: str, row: int) -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys.split())
        assert app.table.cursor == row
        assert any(line.startswith("▌") for line in lines(app.table)[1:])


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("enter", ModelTable.Chosen),
        ("f", ModelTable.FavouriteToggled),
        ("y", ModelTable.CopyRequested),
        ("o", ModelTable.OpenPage),
    ],
)
async def test_keys_ask_for_something_to_be_done_with_the_model(key: str, kind: type[Message]) -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", key)
        await until(pilot, lambda: app.last(kind))
        assert app.last(kind).model is MANY[1]
        assert app.last(kind).control is app.table


async def test_marks_outlive_the_filter_and_are_cleared_with_x() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "space", "k", "space")
        assert app.table.marked == (MANY[1], MANY[0])
        app.find("model-2")
        assert app.table.marked == (MANY[1], MANY[0])
        app.find("")
        await pilot.press("space")
        assert app.last(ModelTable.MarksChanged).models == (MANY[1],)
        await pilot.press("x")
        await until(pilot, lambda: app.last(ModelTable.MarksChanged).models == ())
        assert "✓" not in "".join(lines(app.table))


async def test_s_sorts_by_the_next_column_and_S_turns_round() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.find("", SortOrder(SortKey.ID))
        await pilot.press("s")
        await until(pilot, lambda: app.last(ModelTable.SortChanged))
        assert app.last(ModelTable.SortChanged).order == SortOrder(SortKey.CONTEXT, descending=True)
        app.find("", SortOrder(SortKey.CONTEXT, descending=True))
        assert "Ctx↓" in lines(app.table)[0]
        app.heard.clear()
        await pilot.press("S")
        await until(pilot, lambda: app.last(ModelTable.SortChanged))
        assert app.last(ModelTable.SortChanged).order == SortOrder(SortKey.CONTEXT)


async def test_an_order_without_a_column_is_named_in_the_head() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)):
        app.find("", SortOrder(SortKey.NAME))
        assert "Model by name↑" in lines(app.table)[0]


async def test_the_mouse_picks_rows_and_sorts_by_heads() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(CountingTable, offset=(10, 4))
        assert app.table.cursor == 3
        await pilot.click(CountingTable, offset=(10, 5), times=2)
        await until(pilot, lambda: app.last(ModelTable.Chosen))
        assert app.last(ModelTable.Chosen).model is MANY[4]
        await pilot.click(CountingTable, offset=(lines(app.table)[0].index("In $/M"), 0))
        await until(pilot, lambda: app.last(ModelTable.SortChanged))
        assert app.last(ModelTable.SortChanged).order == SortOrder(SortKey.PRICE_IN)


async def test_an_empty_table_says_why_and_what_helps() -> None:
    app = Host(())
    async with app.run_test(size=(80, 24)) as pilot:
        assert "r asks for it" in "".join(lines(app.table))
        await pilot.press("j", "enter", "space", "x", "f", "S", "G", "pageup")
        assert app.last(ModelTable.Chosen) is None
        app.table.show(CatalogueIndex(MANY), Result((), len(MANY), SortOrder()))
        assert "No model matches" in "".join(lines(app.table))
        app.table.show(CatalogueIndex(()), Result((), 0, SortOrder()), empty="No connection.\nr tries again")
        assert "No connection." in "".join(lines(app.table))
        assert app.table.model is None


async def test_focus_is_seen_without_colour() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        lit = app.table.render_line(1)
        app.table.blur()
        await until(pilot, lambda: not app.table.has_focus)
        resting = app.table.render_line(1)
        assert lit.text == resting.text
        assert lit.text.startswith("▌")
        assert [s.style for s in lit] != [s.style for s in resting]


async def test_another_theme_and_size_draw_anew() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        before = app.table.render_line(2)
        app.theme = "textual-light"
        await pilot.pause()
        after = app.table.render_line(2)
        assert before.text == after.text
        assert [s.style for s in before] != [s.style for s in after]
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: app.table.size.width == 100)
        assert app.table.render_line(2).cell_length == 99


async def test_the_scroll_bar_looks_as_textuals_own() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, app)
        bar = app.table.vertical_scrollbar
        whole = bar.size.region
        for y in (0, 3, 7, 150, 277):
            app.table.scroll_to(y=y, animate=False, immediate=True)
            assert bar.position == y
            drawn, wanted = bar.render_lines(whole), ScrollBar.render_lines(bar, whole)
            assert [line._segments[0].text for line in drawn] == [line.text for line in wanted]
            for one, other in zip(drawn, wanted, strict=True):
                mine, theirs = one._segments[0].style, other._segments[0].style
                assert mine is not None
                assert theirs is not None
                assert (bool(mine.reverse), mine.meta) == (bool(theirs.reverse), theirs.meta)
                # The colour of an empty cell is the one behind it, or turned round the one before it.
                assert mine.color == theirs.color if mine.reverse or one.text.strip() else True
                assert mine.reverse or mine.bgcolor == theirs.bgcolor
        app.find("model-00")
        await until(pilot, lambda: not bar.render_lines(whole)[0].text.strip())
