"""A similarity matrix as a heat map, drawn by the Line API: only the cells that can be seen are computed and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from typing_extensions import override

from tui.core import formats
from tui.widgets.heat_cells import HeatCells
from tui.widgets.heat_pane import HeatPane, MapRow, Tile
from tui.widgets.heat_ramp import RAMP, STEPS, UNKNOWN, Ramp, make_ramp

if TYPE_CHECKING:
    from textual import events
    from textual.color import Color
    from textual.filter import LineFilter


class HeatMap(HeatPane, can_focus=True):
    """The matrix, its legend, and the pair under the cursor."""

    HELP = (
        "The cosine similarity of each text with each other. Arrows or h j k l move the cursor; the line below says "
        "which pair it is on and how alike they are. + and - zoom: from cells with their values over half-blocks to "
        "cells that are the mean of many texts. s spreads the shades over the values that occur, enter goes to the "
        "text."
    )

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heat-map--low",
        "heat-map--middle",
        "heat-map--high",
        "heat-map--number",
        "heat-map--selected",
        "heat-map--cursor",
        "heat-map--unknown",
    }

    DEFAULT_CSS = """
    HeatMap {
        height: 1fr;
        scrollbar-size: 0 1;
        & > .heat-map--low { color: $surface; }
        & > .heat-map--middle { color: $primary; }
        & > .heat-map--high { color: $foreground; }
        & > .heat-map--number { color: $foreground-muted; }
        & > .heat-map--selected { color: $text-accent; text-style: bold; }
        & > .heat-map--cursor { text-style: reverse bold; }
        & > .heat-map--unknown { color: $foreground-muted; }
        &:ansi {
            & > .heat-map--number { color: ansi_default; text-style: dim; }
            & > .heat-map--unknown { color: ansi_default; text-style: dim; }
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1, 0)", "up", show=False, id="matrix.up", tooltip="To the text above"),
        Binding("down,j", "step(1, 0)", "down", show=False, id="matrix.down", tooltip="To the text below"),
        Binding("left,h", "step(0, -1)", "left", show=False, id="matrix.left", tooltip="To the column before"),
        Binding("right,l", "step(0, 1)", "right", show=False, id="matrix.right", tooltip="To the next column"),
        Binding("g,home", "corner(-1)", "first", show=False, id="matrix.first", tooltip="To the first pair"),
        Binding("G,end", "corner(1)", "last", show=False, id="matrix.last", tooltip="To the last pair"),
        Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, id="matrix.page_down", tooltip="A page down"),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, id="matrix.page_up", tooltip="A page up"),
        Binding("enter", "choose", "go to text", id="matrix.choose", tooltip="Put the cursor on this text"),
        Binding("plus,equals_sign", "zoom(-1)", "larger", key_display="+", id="matrix.larger", tooltip="Larger cells"),
        Binding("minus", "zoom(1)", "smaller", key_display="-", id="matrix.smaller", tooltip="Smaller cells"),
        Binding("s", "toggle_spread", "spread", id="matrix.spread", tooltip="Spread the shades over what occurs"),
    ]

    cursor: reactive[tuple[int, int]] = reactive((0, 0), repaint=False)
    """Row and column of the pair that is told below."""
    selected: reactive[int | None] = reactive(None, repaint=False)
    """Row of the text selected in the sheet."""
    spread_out: reactive[bool] = reactive(False)
    """Whether the shades go over the values that occur instead of 0 to 1."""

    @dataclass
    class Chosen(Message):
        """The user wants to see the text of this row."""

        heat_map: HeatMap
        row: int

        @property
        @override
        def control(self) -> HeatMap:
            return self.heat_map

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(id=id)
        self._range = (0.0, 1.0)
        self._ramp: Ramp | None = None
        self._filters: Sequence[LineFilter] = ()
        self._background: Color | None = None
        self._looks: dict[str, Style] = {}
        """Styles of the parts as they reach the screen; "" is the one of the pane itself."""

    def show(
        self,
        rows: Sequence[MapRow],
        tile: Tile,
        spread: tuple[float, float] | None = None,
        highest: int | None = None,
    ) -> None:
        """Show the matrix of these texts.

        `spread` is the least and greatest value that occurs between them, `highest` their highest number where known.
        """
        self._take(rows, tile, highest)
        self._range = spread if spread is not None and spread[1] - spread[0] > 1e-6 else (0.0, 1.0)
        last = max(0, len(self._rows) - 1)
        self.set_reactive(HeatMap.cursor, (min(self.cursor[0], last), min(self.cursor[1], last)))
        if self.selected is not None and self.selected > last:
            self.set_reactive(HeatMap.selected, None)
        self._arrange()

    @property
    def scale(self) -> tuple[float, float]:
        """The values at the two ends of the ramp."""
        return self._range if self.spread_out else (0.0, 1.0)

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self._keep_in_view()

    def on_show(self) -> None:
        # A hidden widget has no size, and none is told when it comes back at the size it had before.
        self._arrange()
        self._keep_in_view()

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ramp = None
        self._looks.clear()

    # Drawing

    @override
    def finished_line(self, y: int, width: int, base: Style, filters: Sequence[LineFilter], background: Color) -> Strip:
        # The filters have changed the styles already, of which there are some hundred, and not each of the cells.
        if filters != self._filters or background != self._background:
            self._filters, self._background = filters, background
            self._ramp = self._cells = self._drawn = None
            self._looks.clear()
        return self._line(y, width)

    @override
    def render_line(self, y: int) -> Strip:
        return self._line(y, self.size.width)

    def _line(self, y: int, width: int) -> Strip:
        base = self._part("")
        if not self._rows:
            return Strip.blank(width, base)
        footer = self._footer_top()
        if y == 0:
            segments = self._header()
        elif y >= footer:
            segments = self._footer_line(y - footer, base)
        else:
            (rows, columns), values = self._values()
            plan = self._plan
            first = (y - 1) * plan.level.rows_a_line
            if rows.start + first in rows:
                cells = self._cell_line(y - 1, self.scale, self._cell_drawing)
                filled = plan.gutter + len(columns) * plan.cell
                rest = [Segment(" " * (width - filled), base)] if filled < width else []
                strip = Strip([self._gutter(rows.start + first), *cells, *rest], max(width, filled))
                row, column = self.cursor[0] // plan.level.block, self.cursor[1] // plan.level.block
                if first <= row - rows.start < first + plan.level.rows_a_line and column in columns:
                    at = column - columns.start
                    strip = self._with_cursor(strip, at, float(values[row - rows.start][at]))
                return strip if strip.cell_length == width else strip.adjust_cell_length(width, base)
            segments = []
        return Strip(segments).adjust_cell_length(width, base)

    def _part(self, name: str) -> Style:
        look = self._looks.get(name)
        if look is None:
            look = self.get_component_rich_style(f"heat-map--{name}") if name else self.rich_style
            look = self._looks[name] = self._filtered(look)
        return look

    def _filtered(self, style: Style) -> Style:
        if self._background is not None:
            for line_filter in self._filters:
                style = line_filter.apply([Segment(" ", style)], self._background)[0].style or style
        return style

    def _header(self) -> list[Segment]:
        _, columns = self._visible()
        plan = self._plan
        line = [" "] * (plan.gutter + len(columns) * plan.cell)
        cursor_span: tuple[int, int] | None = None
        for place, column in enumerate(columns):
            number = self._rows[column * plan.level.block].number
            is_cursor = column == self.cursor[1] // plan.level.block
            counted = number if plan.level.block == 1 and self._ascends else column
            if counted % plan.label_step and not (is_cursor and plan.label_step == 1):
                continue
            label = str(number)
            end = plan.gutter + place * plan.cell + plan.glyphs
            start = end - len(label)
            if start < 0 or "".join(line[start - 1 if start else 0 : end]).strip():
                continue
            line[start:end] = label
            if is_cursor:
                cursor_span = (start, end)
        text = "".join(line)
        style = self._part("number")
        if cursor_span is None:
            return [Segment(text, style)]
        start, end = cursor_span
        lit = self._part("selected")
        return [Segment(text[:start], style), Segment(text[start:end], lit), Segment(text[end:], style)]

    @property
    def _ascends(self) -> bool:
        """Whether the texts stand in the order of the sheet, as far as their ends show."""
        return self._rows[0].number <= self._rows[-1].number and self._rows[0].number <= 2

    def _gutter(self, row: int) -> Segment:
        """The number of the first text of a line of cells, and the mark of the selected one."""
        plan = self._plan
        texts = range(row * plan.level.block, (row + plan.level.rows_a_line) * plan.level.block)
        is_selected = self.selected is not None and self.selected in texts
        style = self._part("selected" if is_selected or self.cursor[0] in texts else "number")
        at = texts.start
        if plan.level.block == 1:
            # Of the two rows of half-blocks the one that is looked at.
            at = next((one for one in (self.selected, self.cursor[0]) if one is not None and one in texts), at)
        number = str(self._rows[at].number).rjust(plan.gutter - 2)
        return Segment(f"{'▌' if is_selected else ' '}{number} ", style)

    @property
    def _cell_drawing(self) -> HeatCells:
        if self._cells is None:
            self._cells = HeatCells(self._ramp_styles(), self._part(""), self._plan)
        return self._cells

    def _with_cursor(self, strip: Strip, column: int, value: float) -> Strip:
        """The cell under the cursor tells its value as far as there is room, so that it is seen without colour too."""
        width = self._plan.glyphs
        start = self._plan.gutter + column * self._plan.cell
        if isnan(value):
            text = UNKNOWN.center(width)
        elif width >= 4:
            text = strip.crop(start, start + width).text
        elif width == 2:
            hundredths = round(abs(value) * 100)
            text = "1." if hundredths >= 100 else f"{hundredths:02d}"
        else:
            text = "◆"
        cell = Strip([Segment(text, self._part("cursor"))], width)
        return Strip.join([strip.crop(0, start), cell, strip.crop(start + width)])

    def _ramp_styles(self) -> Ramp:
        if self._ramp is None:
            low, middle, high = (
                self.get_component_styles(f"heat-map--{name}").color for name in ("low", "middle", "high")
            )
            mixed = None if self._is_plain else (low, middle, high)
            self._ramp = make_ramp(self._part(""), self._part("unknown"), mixed, self._filtered)
        return self._ramp

    def _footer_line(self, line: int, base: Style) -> list[Segment]:
        if self._plan.footer > 1:
            line -= 1
        row, column = self.cursor
        dim = self._part("number")
        if line == 0:
            value = self.value(row, column)
            pair = f"{self._numbers_of(row)} ↔ {self._numbers_of(column)}  {_figure(value)}"
            if self._plan.level.block > 1:
                pair += " mean"
            lit = self._part("selected")
            return [*self._legend(dim), Segment("   ", base), Segment(pair, lit)]
        if line in (1, 2):
            at = self._rows[row if line == 1 else column]
            number = str(at.number).rjust(self._plan.gutter - 1)
            room = max(1, self._width - self._plan.gutter)
            text = at.text[: room * 4].replace("\t", " ").replace("\n", " ")
            return [Segment(f"{number} ", dim), Segment(set_cell_size(text, room), base)]
        return []

    def _numbers_of(self, text: int) -> str:
        """The number of a text, or those of the first and the last of its cell."""
        block = self._plan.level.block
        first = text // block * block
        last = min(len(self._rows), first + block) - 1
        if first == last or block == 1:
            return str(self._rows[text].number)
        return f"{self._rows[first].number}…{self._rows[last].number}"

    def _legend(self, dim: Style) -> list[Segment]:
        low, high = self.scale
        places = 2 if self.spread_out else 1
        ramp = self._ramp_styles()
        steps = [ramp.glyphs[round(at / (len(RAMP) - 1) * (STEPS - 1))] for at in range(len(RAMP))]
        cells = [Segment(glyph, style) for glyph, style in zip(RAMP, steps, strict=True)]
        return [Segment(f" {low:.{places}f} ", dim), *cells, Segment(f" {high:.{places}f}", dim)]

    # Moving

    def watch_cursor(self, old: tuple[int, int], new: tuple[int, int]) -> None:
        self._redraw_rows(old[0], new[0])
        self._redraw(0)
        if self.size.height:
            # To the bottom: the texts of the pair stand there as far as there is room.
            top = self._footer_top()
            self.refresh(Region(0, top, self.size.width, self.size.height - top))

    def watch_selected(self, old: int | None, new: int | None) -> None:
        self._redraw_rows(*(row for row in (old, new) if row is not None))

    def watch_spread_out(self) -> None:
        self.refresh()

    def select(self, row: int | None) -> None:
        """Mark the row of the text selected in the sheet, and bring it into view."""
        self.selected = row
        if row is not None and row != self.cursor[0]:
            self.move_to(row, self.cursor[1])

    def move_to(self, row: int, column: int) -> None:
        """Put the cursor on a pair and bring it into view."""
        last = len(self._rows) - 1
        if last >= 0:
            self.cursor = (max(0, min(last, row)), max(0, min(last, column)))
            self._keep_in_view()

    def _keep_in_view(self) -> None:
        if not self.size.height:
            return
        level = self._plan.level
        line, column = self.cursor[0] // level.block // level.rows_a_line, self.cursor[1] // level.block
        top, lines = self.scroll_offset.y, self._lines_in_view()
        left, columns = self._first_column(), self._columns_in_view()
        new_top = line if line < top else max(top, line - lines + 1)
        new_left = column if column < left else max(left, column - columns + 1)
        if (new_top, new_left) != (top, left):
            self.scroll_to(new_left * self._plan.cell, new_top, animate=False, force=True)

    def _redraw(self, y: int) -> None:
        self.refresh(Region(0, y, max(1, self.size.width), 1))

    def _redraw_rows(self, *rows: int) -> None:
        level = self._plan.level
        for row in set(rows):
            y = row // level.block // level.rows_a_line - self.scroll_offset.y + 1
            if 1 <= y < self.size.height:
                self._redraw(y)

    def action_step(self, rows: int, columns: int) -> None:
        block = self._plan.level.block
        self.move_to(self.cursor[0] + rows * block, self.cursor[1] + columns * block)

    def action_page(self, direction: int) -> None:
        level = self._plan.level
        page = max(1, self._lines_in_view() - 1) * level.rows_a_line * level.block
        self.move_to(self.cursor[0] + direction * page, self.cursor[1])

    def action_corner(self, direction: int) -> None:
        at = 0 if direction < 0 else len(self._rows) - 1
        self.move_to(at, at)

    def action_choose(self) -> None:
        if self._rows:
            self.post_message(self.Chosen(self, self.cursor[0]))

    def action_zoom(self, change: int) -> None:
        steps = self._levels()
        at = steps.index(self._plan.level) + change if self._plan.level in steps else 0
        if 0 <= at < len(steps):
            self._zoom = steps[at]
            self._arrange()
            self._keep_in_view()

    def action_toggle_spread(self) -> None:
        self.spread_out = not self.spread_out

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self._rows and action in ("choose", "zoom", "toggle_spread"):
            return None
        return True

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        rows, columns = self._visible()
        level = self._plan.level
        row = rows.start + (offset.y - 1) * level.rows_a_line
        column = columns.start + (offset.x - self._plan.gutter) // self._plan.cell
        if row in rows and offset.x >= self._plan.gutter and column in columns and offset.y < self._footer_top():
            self.move_to(row * level.block, column * level.block)


def _figure(value: float) -> str:
    return formats.UNKNOWN if isnan(value) else f"{value:.2f}"
