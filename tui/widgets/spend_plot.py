"""Spending over time as a plot; imported only when it is opened, because it brings numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual_plot import AxisFormatter, HiResMode, PlotWidget
from typing_extensions import override

from tui.core import formats
from tui.core.ledger import SpendRow
from tui.widgets.bars import short_time

_MOST_TICKS: Final = 7


class _Times(AxisFormatter):
    """Ticks at whole rows, labelled with their day or hour."""

    def __init__(self, rows: Sequence[SpendRow]) -> None:
        self._rows = rows

    @override
    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        step = max(1, -(-len(self._rows) // min(_MOST_TICKS, max_ticks)))
        return [float(place) for place in range(len(self._rows) - 1, -1, -step) if min_ <= place <= max_][::-1]

    @override
    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [short_time(self._rows[round(tick)].key) for tick in ticks]


class _Dollars(AxisFormatter):
    """Round ticks in USD."""

    @override
    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        from math import floor, log10

        if max_ <= 0:
            return [0.0]
        power = 10.0 ** floor(log10(max_))
        step = next(part * power for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if max_ / (part * power) <= 6)
        return [step * place for place in range(int(max_ / step) + 1)]

    @override
    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        from decimal import Decimal

        return [str(formats.money(Decimal(f"{tick:.12g}"))) for tick in ticks]


class SpendPlot(PlotWidget, can_focus=False):
    """A bar a day or an hour, oldest first. It takes no focus: its own keys are for zooming, which it does not do."""

    def show_rows(self, rows: Sequence[SpendRow]) -> None:
        """Draw these, oldest first; floats are good enough for a picture."""
        self.clear()
        if not rows:
            return
        x = [float(place) for place in range(len(rows))]
        y = [float(row.total_usd) for row in rows]
        colour = self.app.theme_variables.get("primary", "blue")
        self.bar(x, y, width=0.8, bar_style=colour, hires_mode=HiResMode.QUADRANT)
        self.set_x_formatter(_Times(rows))
        self.set_y_formatter(_Dollars())
        self.set_xlimits(-0.7, len(rows) - 0.3)
        self.set_ylimits(0.0, max(y) * 1.08 or 1.0)
        self.margin_left = 9
