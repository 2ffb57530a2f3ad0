"""The pane of a heat map: which texts it has, at which zoom they stand, and which of their values can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from textual.geometry import Region, Size
from textual.strip import Strip
from typing_extensions import override

from tui.core.vectors import load_numpy
from tui.openrouter.text import Clean
from tui.widgets.content_size import set_content_size
from tui.widgets.heat_cells import HeatCells
from tui.widgets.heat_plan import EMPTY, Level, Plan, fitting_level, levels, make_plan
from tui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from rich.segment import Segment

    from tui.core.vectors import Rows


class Tile(Protocol):
    """The values of these rows and columns, counted in blocks of so many texts; NaN where unknown."""

    def __call__(self, down: range, across: range, block: int = 1, /) -> Rows | Sequence[Sequence[float]]: ...


class MapRow(Protocol):
    """One text of the matrix: the number it has in the sheet, and itself."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> Clean: ...


class HeatPane(LineTable):
    """Asks for the values of the cells that can be seen, and of no others."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(id=id)
        self._rows: Sequence[MapRow] = ()
        self._digits = 1
        """Of the largest number."""
        self._tile: Tile = lambda down, across, _block=1: [[float("nan")] * len(across) for _ in down]
        self._zoom: Level | None = None
        self._plan = EMPTY
        self._width = 0
        """Columns that can be drawn on."""
        self._held: tuple[tuple[range, range], Rows] | None = None
        self._frame: tuple[tuple[range, range], int] | None = None
        """What can be seen and where the footer begins, while lines are drawn: each of them asks."""
        self._cells: HeatCells | None = None
        self._drawn: tuple[tuple[float, float], list[list[Segment]]] | None = None
        """The cells of `_held` at a scale."""

    def _take(self, rows: Sequence[MapRow], tile: Tile, highest: int | None) -> None:
        self._rows = rows
        self._digits = len(str(highest or max((row.number for row in rows), default=1)))
        self._tile = tile
        self._held = self._drawn = None

    def value(self, row: int, column: int) -> float:
        """How alike the cells of two texts are; NaN when unknown."""
        block = self._plan.level.block
        row, column = row // block, column // block
        if self._held is not None:
            (rows, columns), values = self._held
            if row in rows and column in columns:
                return float(values[row - rows.start][column - columns.start])
        if not self._rows:
            return float("nan")
        return float(self._tile(range(row, row + 1), range(column, column + 1), block)[0][0])

    @property
    def cell_width(self) -> int:
        """Columns that each cell takes, the gap included."""
        return self._plan.cell

    @property
    def texts_a_cell(self) -> int:
        """Texts that each cell stands for, down and across."""
        return self._plan.level.block

    def _levels(self) -> tuple[Level, ...]:
        return levels(len(self._rows), halves=not self._is_plain)

    @property
    def _is_plain(self) -> bool:
        """Whether colours cannot be mixed: then the glyphs tell all, and half-blocks would tell nothing."""
        return self.app.native_ansi_color or self.get_component_styles("heat-map--low").color.ansi is not None

    def _arrange(self) -> None:
        """Choose the widths for this size and these texts."""
        count, height = len(self._rows), self.size.height
        digits = self._digits
        steps = self._levels()
        if self._zoom in steps:
            level = self._zoom
            self._width = self._width_beside(make_plan(count, digits, level, height))
        else:
            # The size counts the scrollbar in; the numbers of the columns stand for the horizontal one.
            level = steps[fitting_level(count, self.size.width - digits - 2, steps)]
            self._width = self._width_beside(make_plan(count, digits, level, height))
            if self._width < self.size.width:
                level = steps[fitting_level(count, self._width - digits - 2, steps)]
        self._plan = make_plan(count, digits, level, height)
        self._held = self._cells = self._drawn = None
        width = self._plan.gutter + self._plan.cells * level.cell
        set_content_size(self, Size(width, 1 + self._plan.lines + self._plan.footer))
        self.refresh()

    def _width_beside(self, plan: Plan) -> int:
        overflows = 1 + plan.lines + plan.footer > self.size.height
        return self.size.width - (self.scrollbar_size_vertical if overflows else 0)

    def _lines_in_view(self) -> int:
        return max(1, self.size.height - 1 - self._plan.footer)

    def _columns_in_view(self) -> int:
        return max(1, (self._width - self._plan.gutter) // self._plan.cell)

    def _first_column(self) -> int:
        # Whole cells only, rounded up so that the last one can be reached.
        return -(-self.scroll_offset.x // self._plan.cell)

    def _footer_top(self) -> int:
        if self._frame is not None:
            return self._frame[1]
        below = 1 + self._plan.lines - self.scroll_offset.y
        return min(self.size.height - self._plan.footer, below)

    def _visible(self) -> tuple[range, range]:
        """Rows and columns."""
        return self._find_visible() if self._frame is None else self._frame[0]

    def _find_visible(self) -> tuple[range, range]:
        top, left = self.scroll_offset.y, self._first_column()
        plan = self._plan
        at_once = plan.level.rows_a_line
        return (
            range(top * at_once, max(top * at_once, min(plan.cells, (top + self._lines_in_view()) * at_once))),
            range(left, max(left, min(plan.cells, left + self._columns_in_view()))),
        )

    def _values(self) -> tuple[tuple[range, range], Rows]:
        """What is seen, and its values."""
        visible = self._visible()
        if self._held is None or self._held[0] != visible:
            np = load_numpy()
            values = np.asarray(self._tile(*visible, self._plan.level.block), dtype=np.float32)
            self._held = (visible, values.reshape(len(visible[0]), len(visible[1])))
            self._drawn = None
        return self._held

    def _cell_line(self, line: int, scale: tuple[float, float], draw: HeatCells) -> list[Segment]:
        """The cells of a line of the matrix, counted from the first that is seen; all of them are drawn at once."""
        _, values = self._values()
        if self._drawn is None or self._drawn[0] != scale:
            self._drawn = (scale, draw.lines(values, *scale))
        return self._drawn[1][line]

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        self._frame = self._visible(), self._footer_top()
        try:
            return super().render_lines(crop)
        finally:
            self._frame = None

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cells = self._drawn = None
        if self._rows and self._plan.level not in self._levels():
            # Half-blocks say nothing where colours cannot be mixed.
            self._arrange()
