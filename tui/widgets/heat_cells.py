"""The cells of a heat map as segments: a few runs a line, however many cells there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from tui.widgets.heat_ramp import RAMP, STEPS, UNKNOWN, Ramp, short_value, value_text

if TYPE_CHECKING:
    from tui.widgets.heat_plan import Plan

HALF_STEPS: Final = 21
"""Colours of half-blocks, whose pairs are each a style of their own."""
_KEYS: Final = 100_000
"""More than there are steps, those beyond the ends of the ramp included."""
_UNKNOWN_STEP: Final = 40_000
_NAN: Final = float("nan")


class HeatCells:
    """Draws rows of values at one width in one theme."""

    def __init__(self, ramp: Ramp, base: Style, plan: Plan) -> None:
        self._ramp = ramp
        self._base = base
        self._plan = plan
        self._table = self._cell_table()
        self._halves: dict[int, Style] = {}
        """By the steps of the upper and the lower half."""

    def row(self, values: Sequence[float], low: float, high: float) -> list[Segment]:
        """A line of cells; `low` and `high` are the values at the ends of the ramp."""
        plan, base = self._plan, self._base
        segments: list[Segment] = []
        gap = Segment(" " * (plan.cell - plan.glyphs), base)
        cells = self._table
        to_steps, top = (STEPS - 1) / (high - low), STEPS - 1
        figures = plan.glyphs >= 4
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

    def half_row(self, lines: Sequence[Sequence[float]], low: float, high: float) -> list[Segment]:
        """Two rows in one line: the upper one is the colour of the glyph, the lower one that behind it."""
        upper = lines[0]
        lower = lines[1] if len(lines) > 1 else [_NAN] * len(upper)
        scale = (HALF_STEPS - 1) / (high - low)
        start = 0.5 - low * scale
        try:
            # Up to some 10,000 cells are drawn at once, so this line is all that is done for most of them.
            keys = [
                int(above * scale + start) * _KEYS + int(below * scale + start)
                for above, below in zip(upper, lower, strict=True)
            ]
        except ValueError:
            # Somewhere nothing is known.
            keys = [
                (_UNKNOWN_STEP if above != above else int(above * scale + start)) * _KEYS
                + (_UNKNOWN_STEP if below != below else int(below * scale + start))
                for above, below in zip(upper, lower, strict=True)
            ]
        halves = self._halves
        segments: list[Segment] = []
        run, run_key = 0, None
        for key in keys:
            if key == run_key:
                run += 1
                continue
            if run_key is not None:
                segments.append(Segment("▀" * run, halves[run_key]))
            if key not in halves:
                halves[key] = self._half_style(key)
            run, run_key = 1, key
        if run_key is not None:
            segments.append(Segment("▀" * run, halves[run_key]))
        return segments

    def _half_style(self, key: int) -> Style:
        """Below the last row and where nothing is known there is the background."""
        upper = (key + _KEYS // 2) // _KEYS
        lower = key - upper * _KEYS
        shades = self._ramp.shades
        first, second = (
            self._base.bgcolor
            if step == _UNKNOWN_STEP
            else shades[round(max(0, min(HALF_STEPS - 1, step)) / (HALF_STEPS - 1) * (STEPS - 1))].bgcolor
            for step in (upper, lower)
        )
        return self._base + Style(color=first, bgcolor=second)

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
