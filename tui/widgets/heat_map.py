"""A similarity matrix as a heat map, drawn by the Line API: only the cells that can be seen are computed and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.core import formats
from tui.openrouter.text import Clean
from tui.widgets.heat_ramp import RAMP, STEPS, UNKNOWN, Ramp, make_ramp, short_value, value_text

if TYPE_CHECKING:
    from textual import events

_WIDTHS: Final = (5, 3, 2, 1)
"""Columns a cell may take: with its value, apart, close, dense."""
_VALUES_UP_TO: Final = 30
"""Texts whose cells may show their values where there is room."""
_LABELSTEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_FOOTERS: Final = (4, 1)
"""Lines below the matrix: the pair with its texts, or the pair alone."""

Tile = Callable[[range, range], Sequence[Sequence[float]]]
"""The values of these rows and columns; NaN where unknown."""


class MapRow(Protocol):
    """One text of the matrix: the number it has in the sheet, and itself. Numbers ascend."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> Clean: ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where things stand at this size."""

    gutter: int
    cell: int
    footer: int
    label_step: int


class HeatMap(ScrollView, can_focus=True):
    """The matrix, its legend, and the pair under the cursor."""

    HELP = (
        "The cosine similarity of each text with each other. Arrows or h j k l move the cursor; the line below says "
        "which pair it is on and how alike they are. + and - zoom, s spreads the shades over the values that occur, "
        "enter goes to the text."
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
        self._rows: Sequence[MapRow] = ()
        self._tile: Tile = lambda rows, columns: [[float("nan")] * len(columns) for _ in rows]
        self._range = (0.0, 1.0)
        self._zoom: int | None = None
        self._plan = _Plan(3, 3, 4, 1)
        self._width = 0
        """Columns that can be drawn on."""
        self._held: tuple[tuple[range, range], Sequence[Sequence[float]]] | None = None
        self._ramp: Ramp | None = None
        self._cells: list[tuple[str, Style]] | None = None

    def show(self, rows: Sequence[MapRow], tile: Tile, spread: tuple[float, float] | None = None) -> None:
        """Show the matrix of these texts; `spread` is the least and greatest value that occurs between them."""
        self._rows = rows
        self._tile = tile
        self._range = spread if spread is not None and spread[1] - spread[0] > 1e-6 else (0.0, 1.0)
        self._held = None
        last = max(0, len(self._rows) - 1)
        self.set_reactive(HeatMap.cursor, (min(self.cursor[0], last), min(self.cursor[1], last)))
        if self.selected is not None and self.selected > last:
            self.set_reactive(HeatMap.selected, None)
        self._arrange()

    def value(self, row: int, column: int) -> float:
        """How alike two texts are; NaN when unknown."""
        if self._held is not None:
            (rows, columns), values = self._held
            if row in rows and column in columns:
                return values[row - rows.start][column - columns.start]
        if not self._rows:
            return float("nan")
        return self._tile(range(row, row + 1), range(column, column + 1))[0][0]

    @property
    def cell_width(self) -> int:
        """Columns that each cell takes, the gap included."""
        return self._plan.cell

    @property
    def scale(self) -> tuple[float, float]:
        """The values at the two ends of the ramp."""
        return self._range if self.spread_out else (0.0, 1.0)

    # Layout

    def _arrange(self) -> None:
        """Choose the widths for this size and these texts."""
        count = len(self._rows)
        digits = len(str(self._rows[-1].number)) if self._rows else 1
        gutter = digits + 2
        # The texts of the pair below the matrix, where they leave the rows their place.
        footer = next((lines for lines in _FOOTERS if 1 + count + lines <= self.size.height), 4)
        if self.size.height < 10:
            footer = 1
        # The size counts the scrollbar in; the numbers of the columns stand for the horizontal one.
        self._width = self.size.width - (self.scrollbar_size_vertical if 1 + count + footer > self.size.height else 0)
        room = self._width - gutter
        cell = self._fitting_cell(count, room) if self._zoom is None else _WIDTHS[self._zoom]
        need = 1 if digits < cell else -(-(digits + 1) // cell)
        step = next((step for step in _LABELSTEPS if step >= need), _LABELSTEPS[-1])
        self._plan = _Plan(gutter, cell, footer, step)
        self._held = self._cells = None
        self.virtual_size = Size(gutter + count * cell, 1 + count + footer)
        self.refresh()

    @staticmethod
    def _fitting_cell(count: int, room: int) -> int:
        for cell in _WIDTHS:
            if cell == _WIDTHS[0] and count > _VALUES_UP_TO:
                continue
            if count * cell <= room:
                return cell
        return 2

    def _rows_in_view(self) -> int:
        return max(1, self.size.height - 1 - self._plan.footer)

    def _columns_in_view(self) -> int:
        return max(1, (self._width - self._plan.gutter) // self._plan.cell)

    def _first_column(self) -> int:
        # Whole cells only, rounded up so that the last one can be reached.
        return -(-self.scroll_offset.x // self._plan.cell)

    def _footer_top(self) -> int:
        below = 1 + len(self._rows) - self.scroll_offset.y
        return min(self.size.height - self._plan.footer, below)

    def _visible(self) -> tuple[range, range]:
        top, left = self.scroll_offset.y, self._first_column()
        count = len(self._rows)
        return (
            range(top, max(top, min(count, top + self._rows_in_view()))),
            range(left, max(left, min(count, left + self._columns_in_view()))),
        )

    def _values(self) -> tuple[range, range, Sequence[Sequence[float]]]:
        visible = self._visible()
        if self._held is None or self._held[0] != visible:
            self._held = (visible, self._tile(*visible))
        return (*visible, self._held[1])

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self._keep_in_view()

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ramp = self._cells = None

    # Drawing

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if not self._rows:
            return Strip.blank(width, base)
        footer = self._footer_top()
        if y == 0:
            segments = self._header(base)
        elif y >= footer:
            segments = self._footer_line(y - footer, base)
        else:
            rows, columns, values = self._values()
            row = rows.start + y - 1
            if row in rows:
                strip = Strip(self._row(row, values[y - 1], base))
                if row == self.cursor[0] and self.cursor[1] in columns:
                    at = self.cursor[1] - columns.start
                    strip = self._with_cursor(strip, at, values[y - 1][at])
                return strip.adjust_cell_length(width, base)
            segments = []
        return Strip(segments).adjust_cell_length(width, base)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"heat-map--{name}")

    def _header(self, base: Style) -> list[Segment]:
        _, columns = self._visible()
        plan = self._plan
        line = [" "] * (plan.gutter + len(columns) * plan.cell)
        cursor_span: tuple[int, int] | None = None
        glyphs = self._glyph_count()
        for place, column in enumerate(columns):
            number = self._rows[column].number
            is_cursor = column == self.cursor[1]
            if number % plan.label_step and not (is_cursor and plan.label_step == 1):
                continue
            label = str(number)
            end = plan.gutter + place * plan.cell + glyphs
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

    def _row(self, row: int, values: Sequence[float], base: Style) -> list[Segment]:
        plan = self._plan
        is_selected = row == self.selected
        style = self._part("selected" if is_selected or row == self.cursor[0] else "number")
        number = str(self._rows[row].number).rjust(plan.gutter - 2)
        segments = [Segment(f"{'▌' if is_selected else ' '}{number} ", style)]
        gap = Segment(" " * (plan.cell - self._glyph_count()), base)
        cells = self._cell_table(base)
        low, high = self.scale
        to_steps, top = (STEPS - 1) / (high - low), STEPS - 1
        figures = self._glyph_count() >= 4
        run: list[str] = []
        run_style = base
        # Up to some 8,000 cells are drawn at once: this loop is kept free of calls.
        for value in values:
            if value != value:  # NaN
                text, style = cells[STEPS]
            else:
                step = int((value - low) * to_steps + 0.5)
                text, style = cells[0 if step < 0 else min(step, top)]
                if figures:
                    text = text + short_value(value) if text else value_text(value).rjust(4)
            if gap.text:
                segments.append(Segment(text, style))
                segments.append(gap)
            elif style is run_style:
                run.append(text)
            else:
                if run:
                    segments.append(Segment("".join(run), run_style))
                run, run_style = [text], style
        if run:
            segments.append(Segment("".join(run), run_style))
        return segments

    def _cell_table(self, base: Style) -> list[tuple[str, Style]]:
        """Text and style of a cell at each step, an unknown one at the end; where figures follow, their glyph."""
        if self._cells is None:
            width = self._glyph_count()
            ramp = self._ramp_styles(base)
            styles = ramp.values if width >= 4 and ramp.values is not None else ramp.glyphs
            self._cells = []
            for step, style in enumerate(styles):
                glyph = RAMP[round(step / (STEPS - 1) * (len(RAMP) - 1))]
                text = glyph * width if width < 4 else glyph if ramp.values is None else ""
                self._cells.append((text, style))
            self._cells.append((UNKNOWN.center(width), ramp.unknown))
        return self._cells

    def _with_cursor(self, strip: Strip, column: int, value: float) -> Strip:
        """The cell under the cursor tells its value as far as there is room, so that it is seen without colour too."""
        width = self._glyph_count()
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

    def _glyph_count(self) -> int:
        return self._plan.cell - 1 if self._plan.cell >= 3 else self._plan.cell

    def _ramp_styles(self, base: Style) -> Ramp:
        if self._ramp is None:
            low, middle, high = (
                self.get_component_styles(f"heat-map--{name}").color for name in ("low", "middle", "high")
            )
            mixed = None if self.app.native_ansi_color or low.ansi is not None else (low, middle, high)
            self._ramp = make_ramp(base, self._part("unknown"), mixed)
        return self._ramp

    def _footer_line(self, line: int, base: Style) -> list[Segment]:
        if self._plan.footer > 1:
            line -= 1
        row, column = self.cursor
        dim = self._part("number")
        if line == 0:
            value = self.value(row, column)
            pair = f"{self._rows[row].number} ↔ {self._rows[column].number}  {_figure(value)}"
            lit = self._part("selected")
            return [*self._legend(base, dim), Segment("   ", base), Segment(pair, lit)]
        if line in (1, 2):
            at = self._rows[row if line == 1 else column]
            number = str(at.number).rjust(self._plan.gutter - 1)
            room = max(1, self._width - self._plan.gutter)
            text = at.text[: room * 4].replace("\t", " ").replace("\n", " ")
            return [Segment(f"{number} ", dim), Segment(set_cell_size(text, room), base)]
        return []

    def _legend(self, base: Style, dim: Style) -> list[Segment]:
        low, high = self.scale
        places = 2 if self.spread_out else 1
        ramp = self._ramp_styles(base)
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
        row, column = self.cursor
        top, rows = self.scroll_offset.y, self._rows_in_view()
        left, columns = self._first_column(), self._columns_in_view()
        new_top = row if row < top else max(top, row - rows + 1)
        new_left = column if column < left else max(left, column - columns + 1)
        if (new_top, new_left) != (top, left):
            self.scroll_to(new_left * self._plan.cell, new_top, animate=False, force=True)

    def _redraw(self, y: int) -> None:
        self.refresh(Region(0, y, max(1, self.size.width), 1))

    def _redraw_rows(self, *rows: int) -> None:
        for row in set(rows):
            y = row - self.scroll_offset.y + 1
            if 1 <= y < self.size.height:
                self._redraw(y)

    def action_step(self, rows: int, columns: int) -> None:
        self.move_to(self.cursor[0] + rows, self.cursor[1] + columns)

    def action_page(self, direction: int) -> None:
        self.move_to(self.cursor[0] + direction * max(1, self._rows_in_view() - 1), self.cursor[1])

    def action_corner(self, direction: int) -> None:
        at = 0 if direction < 0 else len(self._rows) - 1
        self.move_to(at, at)

    def action_choose(self) -> None:
        if self._rows:
            self.post_message(self.Chosen(self, self.cursor[0]))

    def action_zoom(self, change: int) -> None:
        at = _WIDTHS.index(self._plan.cell) + change
        if 0 <= at < len(_WIDTHS):
            self._zoom = at
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
        row = rows.start + offset.y - 1
        column = columns.start + (offset.x - self._plan.gutter) // self._plan.cell
        if row in rows and offset.x >= self._plan.gutter and column in columns and offset.y < self._footer_top():
            self.move_to(row, column)


def _figure(value: float) -> str:
    return formats.UNKNOWN if isnan(value) else f"{value:.2f}"
