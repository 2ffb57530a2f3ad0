"""The heat map: exact strips, only what is seen is computed, glyphs that tell values without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from typing_extensions import override

from tui.openrouter.text import Clean, clean
from tui.widgets.heat_map import HeatMap
from tui.widgets.heat_ramp import short_value, value_text

HOSTILE = [
    "[/b]",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;eA==\x1b\\",
    "a\u2028b",
    "👩‍👩‍👧 wide 漢字",
    "x" * 5000,
    "tab\tin it",
]


class Row(NamedTuple):
    number: int
    text: Clean


class MapHost(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.heat_map = HeatMap()
        self.chosen: list[int] = []

    @override
    def compose(self) -> ComposeResult:
        yield self.heat_map

    def on_heat_map_chosen(self, event: HeatMap.Chosen) -> None:
        self.chosen.append(event.row)


class Tiles:
    """A matrix that counts what is asked of it."""

    def __init__(self, value: Any = None) -> None:
        self.asked: list[tuple[range, range]] = []
        self.value = value or (lambda row, column: 1.0 if row == column else ((row * 7 + column * 7) % 10) / 10)

    def __call__(self, rows: range, columns: range, block: int = 1) -> Sequence[Sequence[float]]:
        self.asked.append((rows, columns))
        return [[self.value(row * block, column * block) for column in columns] for row in rows]


def rows(count: int) -> list[Row]:
    return [Row(number + 1, clean(HOSTILE[number % len(HOSTILE)])) for number in range(count)]


def drawn(heat_map: HeatMap) -> list[str]:
    return [heat_map.render_line(y).text for y in range(heat_map.size.height)]


async def shown(pilot: Pilot[None], heat_map: HeatMap, count: int, tiles: Tiles, **more: Any) -> list[str]:
    heat_map.show(rows(count), tiles, **more)
    heat_map.focus()
    await pilot.pause()
    return drawn(heat_map)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
@pytest.mark.parametrize("count", [0, 1, 5, 40, 300])
async def test_every_line_is_exactly_as_wide_as_the_widget(count: int, theme: str) -> None:
    app = MapHost()
    async with app.run_test(size=(61, 19)) as pilot:
        app.theme = theme
        await shown(pilot, app.heat_map, count, Tiles())
        for _ in range(6):
            for y in range(app.heat_map.size.height):
                strip = app.heat_map.render_line(y)
                assert strip.cell_length == sum(segment.cell_length for segment in strip) == app.heat_map.size.width
            await pilot.press("minus", "down", "right")


async def test_glyphs_alone_tell_the_values() -> None:
    values = [[1.0, 0.34, 0.0, math.nan], [0.34, 1.0, 0.6, -0.5], [0.0, 0.6, 1.0, 0.9], [math.nan, -0.5, 0.9, 1.0]]
    app = MapHost()
    async with app.run_test(size=(30, 12)) as pilot:
        app.heat_map.move_to(9, 9)
        lines = await shown(pilot, app.heat_map, 4, Tiles(lambda row, column: values[row][column]))
        await pilot.press("minus", "G")
        assert app.heat_map.cell_width == 3
        lines = drawn(app.heat_map)
    assert lines[0].rstrip() == "    1  2  3  4"
    assert lines[1].rstrip() == " 1 ██ ▒▒ ░░ ·"
    assert lines[2].rstrip() == " 2 ▒▒ ██ ▓▓ ░░"
    assert lines[3].rstrip() == " 3 ░░ ▓▓ ██ ██"
    assert lines[4].rstrip() == " 4 ·  ░░ ██ 1."
    assert lines[6].rstrip() == " 0.0 ░▒▓█ 1.0   4 ↔ 4  1.00"


async def test_small_sheets_have_their_values_in_the_cells() -> None:
    app = MapHost()
    async with app.run_test(size=(40, 12)) as pilot:
        lines = await shown(pilot, app.heat_map, 3, Tiles(lambda row, column: 1.0 if row == column else 0.834))
    assert app.heat_map.cell_width == 5
    assert lines[1].rstrip() == " 1 1.00  .83  .83"


async def test_the_cursor_says_which_pair_and_how_alike() -> None:
    app = MapHost()
    async with app.run_test(size=(60, 20)) as pilot:
        await shown(pilot, app.heat_map, 5, Tiles(lambda row, column: math.nan if column == 4 else 0.83))
        await pilot.press("down", "j", "l")
        text = "\n".join(drawn(app.heat_map))
        assert "3 ↔ 2  0.83" in text
        await pilot.press("k", "right", "l", "l", "l", "l")
        assert "2 ↔ 5  –" in "\n".join(drawn(app.heat_map))
        await pilot.press("enter")
        assert app.chosen == [1]


async def test_only_the_visible_tile_is_computed_and_once() -> None:
    tiles = Tiles()
    app = MapHost()
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, app.heat_map, 2000, tiles)
        assert max(len(down) * len(across) for down, across in tiles.asked) <= 2 * 24 * 80
        tiles.asked.clear()
        for _ in range(3):
            drawn(app.heat_map)
        await pilot.press("j", "l")
        assert len(tiles.asked) <= 1
        assert app.heat_map.texts_a_cell == 32
        await pilot.press("G")
        assert "1985…2000 ↔ 1985…2000  1.00 mean" in "\n".join(drawn(app.heat_map))
        while app.heat_map.cell_width < 3:
            await pilot.press("plus")
        text = drawn(app.heat_map)
        assert "2000 ↔ 2000  1.00" in "\n".join(text)
        assert any(line.startswith(" 2000 ") for line in text)
        assert max(len(down) * len(across) for down, across in tiles.asked) <= 2 * 24 * 80


async def test_half_blocks_show_two_rows_in_a_line() -> None:
    app = MapHost()
    async with app.run_test(size=(40, 30)) as pilot:
        await shown(pilot, app.heat_map, 33, Tiles(lambda row, column: row / 32 if column else math.nan))
        while app.heat_map.cell_width > 1:
            await pilot.press("minus")
        await pilot.press("minus")
        heat_map = app.heat_map
        assert (heat_map.cell_width, heat_map.texts_a_cell) == (1, 1)
        heat_map.move_to(32, 32)
        await pilot.pause()
        lines = [heat_map.render_line(y) for y in range(heat_map.size.height)]
        cells = [line for line in lines if "▀" in line.text]
        assert len(cells) == 17
        first, last = (list(cells[at])[-2] for at in (0, 15))
        assert first.style is not None and first.style.color != first.style.bgcolor
        assert last.style is not None and first.style.color != last.style.color
        # The numbers of every second row, and of the cursor's.
        assert [int(line.text[:5].split()[0]) for line in cells[:3]] == [1, 3, 5]
        assert cells[16].text.split()[0] == "33"
        assert "33 ↔ 33  1.00" in "\n".join(line.text for line in lines)


async def test_a_step_of_the_cursor_draws_a_few_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    app = MapHost()
    async with app.run_test(size=(80, 40)) as pilot:
        await shown(pilot, app.heat_map, 30, Tiles())
        await pilot.pause()
        asked: list[int] = []
        plain = HeatMap.finished_line

        def counted(self: HeatMap, y: int, *more: Any) -> Any:
            asked.append(y)
            return plain(self, y, *more)

        monkeypatch.setattr(HeatMap, "finished_line", counted)
        await pilot.press("right")
        await pilot.pause()
        # Of 30 rows only the cursor's; besides it the header and what stands below.
        assert 0 in asked and sum(1 <= y <= 30 for y in asked) == 1


async def test_the_selected_text_is_marked_and_brought_into_view() -> None:
    app = MapHost()
    async with app.run_test(size=(60, 20)) as pilot:
        await shown(pilot, app.heat_map, 200, Tiles())
        while app.heat_map.cell_width < 2:
            await pilot.press("plus")
        app.heat_map.select(150)
        await pilot.pause()
        lines = drawn(app.heat_map)
        assert any(line.startswith("▌151 ") for line in lines)
        app.heat_map.select(None)
        await pilot.pause()
        assert not any("▌" in line for line in drawn(app.heat_map))


async def test_a_shorter_sheet_keeps_the_cursor_inside() -> None:
    app = MapHost()
    async with app.run_test(size=(60, 20)) as pilot:
        await shown(pilot, app.heat_map, 50, Tiles())
        await pilot.press("G")
        lines = await shown(pilot, app.heat_map, 2, Tiles())
        assert app.heat_map.cursor == (1, 1)
        assert "2 ↔ 2  1.00" in "\n".join(lines)


async def test_another_sheet_lays_out_nothing_but_a_bar_that_comes() -> None:
    app = MapHost()
    async with app.run_test(size=(60, 14)) as pilot:
        heat_map, tiles = app.heat_map, Tiles()
        await shown(pilot, heat_map, 3, tiles)
        with heat_map._context():
            heat_map.show(rows(5), tiles)
        assert not heat_map._layout_required
        assert not heat_map.show_vertical_scrollbar
        await shown(pilot, heat_map, 60, tiles)
        assert heat_map.show_vertical_scrollbar
        assert heat_map.max_scroll_y > 0


async def test_the_shades_can_be_spread_over_what_occurs() -> None:
    app = MapHost()
    async with app.run_test(size=(40, 14)) as pilot:
        tiles = Tiles(lambda row, column: 1.0 if row == column else 0.70 + 0.1 * abs(row - column))
        await shown(pilot, app.heat_map, 3, tiles, spread=(0.8, 0.9))
        await pilot.press("minus", "G")
        before = drawn(app.heat_map)
        await pilot.press("s")
        after = drawn(app.heat_map)
    assert before[1].rstrip() == " 1 ██ ▓▓ ██"
    assert after[1].rstrip() == " 1 ██ ░░ ██"
    assert "0.80 ░▒▓█ 0.90" in "\n".join(after)


@pytest.mark.parametrize(
    ("value", "short", "long"),
    [
        (1.0, "1.0", "1.00"),
        (0.834, ".83", ".83"),
        (0.0, ".00", ".00"),
        (-0.2, "-.2", "-.20"),
        (-1.0, "-1.", "-1.0"),
        (0.999, "1.0", "1.00"),
        (-0.999, "-1.", "-1.0"),
    ],
)
def test_values_fit_their_cells(value: float, short: str, long: str) -> None:
    assert short_value(value) == short
    assert value_text(value) == long
