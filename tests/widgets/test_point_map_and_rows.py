"""Points on a plane and lists of rows: exact strips, keys, hostile texts."""

from __future__ import annotations

import math

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget
from typing_extensions import override

from tui.openrouter.text import clean
from tui.widgets.group_marks import group_marks
from tui.widgets.point_map import MapPoint, PointMap
from tui.widgets.row_list import ListRow, RowList

HOSTILE = [
    "[/b]",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;eA==\x1b\\",
    "a\u2028b\nc",
    "👩‍👩‍👧 wide 漢字",
    "x" * 5000,
    "\ttab",
]
MARKS = group_marks(["one", "two"])


class Alone(App[None]):
    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.chosen: list[int] = []
        self.moved: list[int] = []

    @override
    def compose(self) -> ComposeResult:
        yield self.widget

    def on_point_map_chosen(self, event: PointMap.Chosen) -> None:
        self.chosen.append(event.line)

    def on_point_map_moved(self, event: PointMap.Moved) -> None:
        self.moved.append(event.line)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.chosen.append(event.line)


def points(count: int) -> list[MapPoint]:
    return [
        MapPoint(
            number,
            math.cos(number * 2.4) * number if number % 50 != 9 else math.nan,
            math.sin(number * 2.4) * number if number % 50 != 9 else math.nan,
            clean(HOSTILE[number % len(HOSTILE)]),
            clean(HOSTILE[number % 5]) if number % 3 == 0 else clean(""),
            MARKS["one" if number % 2 else "two"],
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
@pytest.mark.parametrize("count", [0, 1, 2, 40, 3_000])
async def test_lines_of_the_map_are_exactly_as_wide_as_it_is(count: int, theme: str) -> None:
    picture = PointMap()
    app = Alone(picture)
    async with app.run_test(size=(61, 19)) as pilot:
        app.theme = theme
        picture.show(points(count))
        picture.focus()
        for key in ("right", "plus", "down", "plus", "left", "minus", "0"):
            await pilot.press(key)
            for y in range(picture.size.height):
                strip = picture.render_line(y)
                assert strip.cell_length == sum(segment.cell_length for segment in strip) == picture.size.width
                assert "\x1b" not in strip.text


async def test_the_cursor_goes_from_point_to_point_and_lines_lead_to_neighbours() -> None:
    picture = PointMap()
    app = Alone(picture)
    names = [clean(name) for name in ("west", "east", "north", "nowhere")]
    at = [(-1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (math.nan, math.nan)]
    async with app.run_test(size=(60, 20)) as pilot:
        picture.show([MapPoint(line, *at[line], name) for line, name in enumerate(names)])
        picture.focus()
        picture.select(0, [2])
        await pilot.pause()
        lines = [picture.render_line(y).text for y in range(20)]
        assert lines[-1].split() == ["1", "west"] and "north" in lines[0] and "east" in lines[17]
        assert sum(any("\u2800" < one <= "\u28ff" for one in line) for line in lines) > 10
        await pilot.press("right", "l", "enter")
        assert app.moved[-1] == 1 and app.chosen == [1]
        await pilot.press("up")
        assert app.moved[-1] == 2
        await pilot.press("plus")
        assert picture.zoom == 2 and "west" not in "".join(picture.render_line(y).text for y in range(18))
        picture.select(3)
        assert picture.cursor is None


async def test_rows_pass_over_headings_and_are_exactly_as_wide_as_the_list() -> None:
    rows = [ListRow([("title", "heading")]), ListRow([])]
    for number, text in enumerate(HOSTILE):
        rows.append(ListRow([("bar", ".83 "), ("group-1", "▲ "), ("rest", clean(text))], number + 10))
        rows.append(ListRow([("dim", "aside")]))
    widget = RowList()
    app = Alone(widget)
    async with app.run_test(size=(40, 8)) as pilot:
        widget.show(rows, "first")
        widget.focus()
        await pilot.pause()
        await pilot.press("enter", "j", "enter", "G", "enter", "k", "enter", "g", "enter")
        assert app.chosen == [10, 11, 16, 15, 10]
        assert widget.scroll_offset.y == 0
        for key in ("down", "pagedown", "pageup"):
            await pilot.press(key)
            for y in range(widget.size.height):
                strip = widget.render_line(y)
                assert strip.cell_length == widget.scrollable_content_region.width
                assert "\x1b" not in strip.text and "\n" not in strip.text
        # The same list anew keeps the place; another begins at the top.
        place = widget.cursor
        widget.show(rows, "first")
        assert widget.cursor == place
        widget.show(rows, "second")
        assert widget.cursor == 2
        widget.show([ListRow([("dim", "nothing")])], "third")
        await pilot.press("enter", "down", "up")
        assert len(app.chosen) == 5
