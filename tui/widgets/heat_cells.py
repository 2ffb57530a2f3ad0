"""The cells of a heat map as segments: a few runs a line, however many cells there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from tui.core.vectors import load_numpy
from tui.widgets.heat_ramp import RAMP, STEPS, UNKNOWN, Ramp, short_value, value_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui.core.vectors import Rows
    from tui.widgets.heat_plan import Plan

    Steps = NDArray[np.intp]

HALF_STEPS: Final = 21
"""Colours of half-blocks, whose pairs are each a style of their own."""
_LONGEST: Final = 4096
"""More cells than stand in a line."""


class _Runs(dict[int, Segment]):
    """Segments of so many equal cells, by `look * _LONGEST + cells`; made when first seen and shared by all lines."""

    def __init__(self, look_of: Callable[[int], tuple[str, Style]]) -> None:
        super().__init__()
        self._look_of = look_of

    def __missing__(self, code: int) -> Segment:
        look, cells = divmod(code, _LONGEST)
        text, style = self._look_of(look)
        segment = self[code] = Segment(text * cells, style)
        return segment


class HeatCells:
    """Draws rows of values at one width in one theme."""

    def __init__(self, ramp: Ramp, base: Style, plan: Plan) -> None:
        self._ramp = ramp
        self._base = base
        self._plan = plan
        self._table = self._cell_table()
        self._runs = _Runs(self._half_look if plan.level.rows_a_line > 1 else self._table.__getitem__)

    def lines(self, values: Rows, low: float, high: float) -> list[list[Segment]]:
        """All lines of cells of `(rows, columns)` values; `low` and `high` are the values at the ends of the ramp.

        Up to some 10,000 cells are drawn at once, so nothing is done cell by cell but where figures stand in them.
        """
        plan = self._plan
        if not values.size:
            return [[]] * -(-len(values) // plan.level.rows_a_line)
        if plan.level.rows_a_line > 1:
            return self._equal_runs(self._half_looks(values, low, high))
        looks = _steps(values, low, high, STEPS)
        if plan.glyphs >= 4:
            return [self._figures(*line) for line in zip(looks.tolist(), values.tolist(), strict=True)]
        if plan.cell > plan.glyphs:
            return [self._apart(line) for line in looks.tolist()]
        return self._equal_runs(looks)

    def _equal_runs(self, looks: Steps) -> list[list[Segment]]:
        """Neighbours of one look are one segment."""
        np = load_numpy()
        begins = np.ones(looks.shape, dtype=bool)
        begins[:, 1:] = looks[:, 1:] != looks[:, :-1]
        starts = np.flatnonzero(begins)
        cells = np.diff(starts, append=looks.size)
        segments = list(map(self._runs.__getitem__, (looks.ravel()[starts] * _LONGEST + cells).tolist()))
        ends = np.cumsum(begins.sum(axis=1)).tolist()
        return [segments[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _apart(self, looks: Sequence[int]) -> list[Segment]:
        segments = [Segment(" " * (self._plan.cell - self._plan.glyphs), self._base)] * (2 * len(looks))
        segments[::2] = [self._runs[look * _LONGEST + 1] for look in looks]
        return segments

    def _figures(self, looks: Sequence[int], values: Sequence[float]) -> list[Segment]:
        gap = Segment(" " * (self._plan.cell - self._plan.glyphs), self._base)
        segments = []
        for look, value in zip(looks, values, strict=True):
            text, style = self._table[look]
            if look < STEPS:
                text = text + short_value(value) if text else value_text(value).rjust(4)
            segments += [Segment(text, style), gap]
        return segments

    def _half_looks(self, values: Rows, low: float, high: float) -> Steps:
        """Two rows in one line: the upper one is the colour of the glyph, the lower one that behind it."""
        np = load_numpy()
        steps = _steps(values, low, high, HALF_STEPS)
        if len(steps) % 2:
            steps = np.vstack([steps, np.full((1, steps.shape[1]), HALF_STEPS)])
        return steps[0::2] * (HALF_STEPS + 1) + steps[1::2]

    def _half_look(self, look: int) -> tuple[str, Style]:
        """Below the last row and where nothing is known there is the background."""
        if not self._ramp.shades:
            return "▀", self._base
        first, second = (
            self._base.bgcolor
            if step == HALF_STEPS
            else self._ramp.shades[round(step / (HALF_STEPS - 1) * (STEPS - 1))].bgcolor
            for step in divmod(look, HALF_STEPS + 1)
        )
        return "▀", self._base + Style(color=first, bgcolor=second)

    def _cell_table(self) -> list[tuple[str, Style]]:
        """Text and style of a cell at each step, an unknown one at the end; where figures follow, their glyph."""
        width, ramp = self._plan.glyphs, self._ramp
        styles = ramp.values if width >= 4 and ramp.values is not None else ramp.glyphs
        table = []
        for step, style in enumerate(styles):
            glyph = RAMP[round(step / (STEPS - 1) * (len(RAMP) - 1))]
            text = glyph * width if width < 4 else glyph if ramp.values is None else ""
            table.append((text, style))
        table.append((UNKNOWN.center(width), ramp.unknown))
        return table


def _steps(values: Rows, low: float, high: float, count: int) -> Steps:
    """Which of so many steps from `low` to `high` each value is nearest to; `count` itself where it is unknown."""
    np = load_numpy()
    scaled = (values - low) * ((count - 1) / (high - low)) + 0.5
    steps = np.clip(np.nan_to_num(scaled), 0, count - 1).astype(np.intp)
    steps[np.isnan(values)] = count
    return steps  # type: ignore[no-any-return]
