"""Sums as bars: days side by side, models below each other, limits as gauges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from typing_extensions import override

from tui.core import formats
from tui.core.ledger import SpendBy, SpendRow
from tui.openrouter.text import Clean
from tui.widgets.meter_strip import Level, level_of, sum_text

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def column_lines(values: Sequence[Decimal], height: int, width: int = 1) -> list[str]:
    """Columns of `width` cells, highest line first; whatever is not 0 is at least an eighth high."""
    top = max(values, default=Decimal(0))
    eighths = []
    for value in values:
        share = round(float(value / top) * height * 8) if top > 0 else 0
        eighths.append(max(share, 1) if value > 0 else 0)
    return [
        "".join(_EIGHTHS[max(0, min(8, eighth - line * 8))] * width for eighth in eighths)
        for line in range(height - 1, -1, -1)
    ]


class SpendBars(Widget):
    """Sums of spending as bars; a subclass draws them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"bars--bar", "bars--dim"}
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "SpendBars { height: 6; }"

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[SpendRow, ...] = ()

    def show_rows(self, rows: tuple[SpendRow, ...]) -> None:
        """Draw these, in this order."""
        if rows != self._rows:
            self._rows = rows
            self.refresh()


class CourseBars(SpendBars):
    """What each of the last days or hours cost, oldest first."""

    @override
    def render(self) -> Content:
        width, height = self.content_size
        bar = self.get_visual_style("bars--bar", partial=True)
        dim = self.get_visual_style("bars--dim", partial=True)
        if height < 2 or width < 10:
            return Content("")
        if not any(row.total_usd for row in self._rows):
            return Content.assemble(("Nothing was spent in this time.", dim))
        cells = max(1, min(4, (width - 1) // max(1, len(self._rows))))
        rows = self._rows[-(width // cells) :]
        lines = column_lines([row.total_usd for row in rows], height - 1, cells)
        dearest = max(rows, key=lambda row: row.total_usd)
        when = "at" if dearest.key.isdecimal() else "on"
        first, last = short_time(rows[0].key), short_time(rows[-1].key)
        across = len(rows) * cells
        short = f"top {sum_text(dearest)}"
        # Where the last is the dearest, its time stands at the end anyway.
        whole = short if dearest is rows[-1] else f"{short} {when} {short_time(dearest.key)}"
        for top in (whole, short, "…"):
            legend = f"{first}{top.center(max(len(top) + 4, across - len(first) - len(last)))}{last}"
            if len(legend) <= width:
                break
        return Content.assemble(*[part for line in lines for part in ((line, bar), "\n")], (legend[:width], dim))


def short_time(key: str) -> str:
    """`2026-08-06` as `6 Aug`, the start of an hour in Unix seconds as `14:00` in local time."""
    if key.isdecimal():
        return formats.clock(float(key))
    try:
        day = date.fromisoformat(key)
    except ValueError:
        return key
    return f"{day.day} {day.strftime('%b')}"


class PartBars(SpendBars):
    """What each model, provider, key or conversation cost, dearest first; what does not fit is counted."""

    def __init__(self) -> None:
        super().__init__()
        self._are_models = True

    def show_parts(self, rows: tuple[SpendRow, ...], by: SpendBy) -> None:
        """Draw these, which are models, providers, keys or conversations."""
        self._are_models = by == "model"
        self.show_rows(rows)

    def _shown(self, row: SpendRow) -> str:
        return _short_model(row.key) if self._are_models else row.key.replace("\n", " ")

    @override
    def render(self) -> Content:
        width, height = self.content_size
        bar = self.get_visual_style("bars--bar", partial=True)
        dim = self.get_visual_style("bars--dim", partial=True)
        if not self._rows:
            return Content.assemble(("Nothing was spent in this time.", dim))
        rows = self._rows if len(self._rows) <= height else self._rows[: max(1, height - 1)]
        name_width = min(max(Content(self._shown(row)).cell_length for row in rows), max(8, width * 2 // 5))
        money_width = max(len(sum_text(row)) for row in rows)
        bar_width = width - name_width - money_width - 2
        top = max((row.total_usd for row in rows), default=Decimal(0))
        parts: list[object] = []
        for row in rows:
            name = Content(self._shown(row)).truncate(name_width, ellipsis=True, pad=True)
            share = float(row.total_usd / top) if top > 0 else 0.0
            drawn = formats.bar(share, bar_width).replace("░", " ") if bar_width >= 3 else ""
            parts += [name, " ", (drawn, bar), f" {sum_text(row):>{money_width}}", "\n"]
        if left_out := self._rows[len(rows) :]:
            estimated = "~" if any(row.estimated_usd for row in left_out) else ""
            rest = f"{estimated}{formats.money(sum((row.total_usd for row in left_out), Decimal(0)))}"
            parts.append((f"{len(left_out)} more, {rest}", dim))
        else:
            parts.pop()
        return Content.assemble(*parts)  # type: ignore[arg-type]


def _short_model(slug: Clean) -> str:
    """A model without its author, who is rarely in doubt."""
    return slug.rpartition("/")[2].replace("\n", " ") or slug


@dataclass(frozen=True, slots=True)
class Gauge:
    """A used part of a limit; `limit` 0 draws no bar."""

    label: Clean
    used: Decimal
    limit: Decimal
    text: Clean
    """The figures in words, after the bar."""

    @property
    def level(self) -> Level:
        return level_of(self.used, self.limit)


@dataclass(frozen=True, slots=True)
class GaugeLine:
    """Gauges beside each other and a note; a warning note is coloured and says so in words."""

    name: Clean
    gauges: tuple[Gauge, ...] = ()
    note: Clean = Clean("")
    warns: bool = False


class Gauges(Widget):
    """Limits and how much of them is used."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"bars--bar", "bars--dim", "bars--near", "bars--full"}
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Gauges { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[GaugeLine] = []

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many as there are; where that is too much, the last line says what is left out."""
        return len(self._lines)

    def show_lines(self, lines: list[GaugeLine]) -> None:
        """Draw these lines; only another number of them moves what stands below."""
        if lines != self._lines:
            layout = len(lines) != len(self._lines)
            self._lines = lines
            self.refresh(layout=layout)

    @override
    def render(self) -> Content:
        dim = self.get_visual_style("bars--dim", partial=True)
        name_width = max((Content(line.name).cell_length for line in self._lines), default=0)
        bar_width = 6 if self.content_size.width < 90 else 10 if self.content_size.width < 140 else 20
        lines, height = self._lines, self.content_size.height
        left_out = len(lines) - max(1, height - 1) if len(lines) > height > 0 else 0
        drawn = []
        for line in lines[: len(lines) - left_out]:
            parts: list[object] = [Content(line.name).truncate(name_width, pad=True)]
            for gauge in line.gauges:
                parts += ["  ", self._gauge(gauge, bar_width)]
            if line.note:
                style = self.get_visual_style("bars--near", partial=True) if line.warns else dim
                parts += ["  ", (line.note, style)]
            drawn.append(Content.assemble(*parts).truncate(self.content_size.width, ellipsis=True))  # type: ignore[arg-type]
        if left_out:
            names = ", ".join(line.name for line in lines[-left_out:] if line.name)
            more = Content.assemble((f"{left_out} more, m shows all: {names}", dim))
            drawn.append(more.truncate(self.content_size.width, ellipsis=True))
        return Content("\n").join(drawn)

    def _gauge(self, gauge: Gauge, width: int) -> Content:
        style = {
            Level.FINE: self.get_visual_style("bars--bar", partial=True),
            Level.NEAR: self.get_visual_style("bars--near", partial=True),
            Level.FULL: self.get_visual_style("bars--full", partial=True),
        }[gauge.level]
        label = f"{gauge.label} " if gauge.label else ""
        if gauge.limit <= 0:
            return Content(f"{label}{gauge.text}")
        bar = formats.bar(float(gauge.used / gauge.limit), width)
        return Content.assemble(label, (bar, style), f" {gauge.text}{gauge.level.value}")
