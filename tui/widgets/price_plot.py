"""Points of price and quality; imported only when the plot is opened, because it brings numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10
from typing import ClassVar, Final

from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual_hires_canvas import Canvas
from textual_plot import AxisFormatter, NumericAxisFormatter, PlotWidget
from textual_plot.plot_widget import Legend
from typing_extensions import override

from tui.core.price_quality import Points

_POINT: Final = "•"
_BEST: Final = "◆"
_CURSOR: Final = "◉"
_CURSOR_ON_BEST: Final = "◈"
_FREE_GAP: Final = 0.12
"""How far left of the cheapest price the free models stand, as a part of the whole width."""
_LABEL: Final = 0.1
"""The room of a label, as a part of the whole width."""
_ROOM: Final = 0.06
"""Free at each edge, as a part of the whole."""


class PriceAxis(AxisFormatter):
    """Ticks at 1, 2 and 5 of each power of ten, for positions that are log10 of USD; `free` where that is."""

    def __init__(self, free_at: float | None) -> None:
        self._free_at = free_at

    @override
    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        powers = range(floor(min_), ceil(max_) + 1)
        # A label beside that of the free models would be drawn over it.
        least = min_ if self._free_at is None else self._free_at + (max_ - min_) * _LABEL
        for steps in ((1, 2, 5), (1, 3), (1,)):
            ticks = [power + log10(step) for power in powers for step in steps]
            ticks = [tick for tick in ticks if least < tick < max_]
            if len(ticks) <= max_ticks:
                break
        else:
            ticks = ticks[:: ceil(len(ticks) / max_ticks)]
        return ticks if self._free_at is None else [self._free_at, *ticks]

    @override
    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return ["free" if tick == self._free_at else f"${10**tick:.12g}" for tick in ticks]


class _PlotCanvas(Canvas):
    """A canvas on which a single character can change without all its lines being drawn."""

    def paint(self, at: tuple[int, int], what: tuple[str, str]) -> None:
        """Set the character and the style of one cell."""
        self._refreshes_pending += 1
        try:
            self.set_pixel(*at, *what)
        finally:
            self._refreshes_pending -= 1
        self.refresh(Region(0, at[1], self.size.width, 1))


class PricePlot(PlotWidget, inherit_bindings=False):
    """Models as points, the cheapest of each quality lit, a cursor that goes from one to the next."""

    HELP = f"""A point a model: quality upwards, price to the right, every power of ten as wide as the next.

`{_BEST}` is on the frontier: no other is as cheap and as good. `←` `→` go along the price, `↑` `↓` along the quality, \
`n` `N` along the frontier, enter goes to the model in the table, `b` `B` choose another benchmark."""

    DEFAULT_CSS = """
    PricePlot {
        & > .price-plot--point { color: $text-muted; }
        & > .price-plot--best { color: $text-accent; text-style: bold; }
        & > .price-plot--cursor { color: $block-cursor-foreground; background: $block-cursor-background; }
        & > .plot--axis { color: $border-blurred; }
        &:focus > .plot--axis { color: $border; }
        & > .plot--tick { color: $text-muted; text-style: none; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"price-plot--point", "price-plot--best", "price-plot--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left,h",
            "by_price(-1)",
            "price",
            key_display="←→",
            id="plot.cheaper",
            tooltip="The next cheaper model, or dearer.",
        ),
        Binding("right,l", "by_price(1)", "dearer", show=False, id="plot.dearer", tooltip="The next dearer model."),
        Binding(
            "up,k",
            "by_quality(1)",
            "quality",
            key_display="↑↓",
            id="plot.better",
            tooltip="The next better model, or worse.",
        ),
        Binding("down,j", "by_quality(-1)", "worse", show=False, id="plot.worse", tooltip="The next worse model."),
        Binding("n", "by_frontier(1)", "frontier", id="plot.next_best", tooltip="The next dearer one of the frontier."),
        Binding(
            "N",
            "by_frontier(-1)",
            "back",
            show=False,
            id="plot.previous_best",
            tooltip="The one before on the frontier.",
        ),
        Binding("enter", "choose", "to the table", id="plot.choose", tooltip="Go to that model in the table."),
    ]

    margin_top = reactive(0)
    margin_bottom = reactive(1)
    margin_left = reactive(6)

    @dataclass
    class Moved(Message):
        """The cursor stands on another point."""

        at: int

    @dataclass
    class Chosen(Message):
        """Enter was pressed on a point."""

        at: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, allow_pan_and_zoom=False)
        self._points = Points()
        self._places: list[tuple[float, float]] = []
        self._by_quality: list[int] = []
        self._marked: tuple[tuple[int, int], tuple[str, str], tuple[str, str]] | None = None
        """Where the cursor is painted, as what, and what was there before: characters with their styles."""
        self.cursor = 0

    @override
    def compose(self) -> ComposeResult:
        # As the base composes it, but for the canvas of the points.
        with Grid():
            yield Canvas(1, 1, id="margin-top")
            yield Canvas(1, 1, id="margin-left")
            yield _PlotCanvas(1, 1, id="plot")
            yield Canvas(1, 1, id="margin-bottom")
        yield Legend(id="legend")

    def put(self, points: Points, *, cursor: int = 0) -> None:
        """Plot these."""
        self._points = points
        free_at = _free_at([point.price for point in points.shown])
        self._places = [
            (log10(point.price) if point.price else free_at or 0.0, point.quality) for point in points.shown
        ]
        self._by_quality = sorted(range(len(self._places)), key=lambda at: (points.shown[at].quality, -at))
        self.set_x_formatter(PriceAxis(free_at if any(not point.price for point in points.shown) else None))
        self.set_y_formatter(NumericAxisFormatter())
        self.set_xlimits(*_with_room([x for x, _ in self._places]))
        self.set_ylimits(*_with_room([y for _, y in self._places]))
        self._marked = None
        self._draw()
        self.move_to(cursor)

    def move_to(self, at: int) -> None:
        """Put the cursor on a point."""
        if self._places:
            self.cursor = max(0, min(at, len(self._places) - 1))
            self._move_mark()
            self.post_message(self.Moved(self.cursor))

    def _draw(self) -> None:
        """All points anew; the cursor is painted over them (`render`)."""
        best = set(self._points.frontier)
        rest = [place for at, place in enumerate(self._places) if at not in best]
        self.clear()
        for places, marker, name in (
            (rest, _POINT, "point"),
            ([self._places[at] for at in self._points.frontier], _BEST, "best"),
        ):
            style = str(self.get_component_rich_style(f"price-plot--{name}"))
            self.scatter([x for x, _ in places], [y for _, y in places], marker=marker, marker_style=style)

    @override
    def render(self) -> RenderResult:
        rendered = super().render()
        self._move_mark()
        return rendered

    def _move_mark(self) -> None:
        """Paint the cursor where it is, and what was under it where it was.

        Drawing all points again at each step would take ten times as long.
        """
        canvas = self.query_one("#plot", _PlotCanvas)
        if not self._places or not canvas.size.area:
            return
        style = str(self.get_component_rich_style("price-plot--cursor"))
        mark = _CURSOR_ON_BEST if self.cursor in self._points.frontier else _CURSOR
        place = self.get_pixel_from_coordinate(*self._places[self.cursor])
        if self._marked is not None:
            at, what, under = self._marked
            # A plot that was drawn anew meanwhile has no mark to take away.
            if at[0] < canvas.size.width and at[1] < canvas.size.height and canvas.get_pixel(*at) == what:
                canvas.paint(at, under)
        self._marked = (place, (mark, style), canvas.get_pixel(*place))
        canvas.paint(place, (mark, style))

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._places:
            self._draw()

    # the keys

    def action_by_price(self, step: int) -> None:
        self.move_to(self.cursor + step)

    def action_by_quality(self, step: int) -> None:
        if self._places:
            rank = self._by_quality.index(self.cursor) + step
            self.move_to(self._by_quality[max(0, min(rank, len(self._places) - 1))])

    def action_by_frontier(self, step: int) -> None:
        if step > 0:
            self.move_to(next((at for at in self._points.frontier if at > self.cursor), self.cursor))
        else:
            self.move_to(next((at for at in reversed(self._points.frontier) if at < self.cursor), self.cursor))

    def action_choose(self) -> None:
        if self._places:
            self.post_message(self.Chosen(self.cursor))

    def on_click(self, event: Click) -> None:
        """The nearest point under the mouse."""
        if not self._places:
            return
        canvas = self.query_one("#plot", Canvas)
        at = event.screen_offset - canvas.region.offset
        seen = [self.get_pixel_from_coordinate(x, y) for x, y in self._places]
        # A cell is about twice as high as wide.
        near = [(pixel[0] - at.x) ** 2 + 4 * (pixel[1] - at.y) ** 2 for pixel in seen]
        self.move_to(near.index(min(near)))


def _free_at(prices: Sequence[Decimal]) -> float | None:
    """Where the free models stand on an axis of log10: at the left of all others."""
    paid = [log10(price) for price in prices if price]
    if not paid:
        return 0.0
    return min(paid) - max(0.3, (max(paid) - min(paid)) * _FREE_GAP)


def _with_room(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest, with some space around."""
    if not values:
        return 0.0, 1.0
    least, most = min(values), max(values)
    room = (most - least) * _ROOM or 0.5
    return least - room, most + room
