"""The filtered models by price and quality."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static
from typing_extensions import override

from tui.core.formats import UNKNOWN, count, length, money
from tui.core.listed_prices import price_text
from tui.core.price_quality import BLEND_WORDS, Measure, Point, Points, points_of
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque
from tui.screens.dialog import Dialog
from tui.stylesheets import style_path
from tui.widgets.line_view import Line, LineView
from tui.widgets.model_columns import fit
from tui.widgets.price_plot import PricePlot

_WIDE_FROM: Final = 110
"""Columns from which the frontier stands at the right."""


class PricePlotDialog(Dialog[Opaque | None]):
    """The plot, what the point under the cursor is, and the frontier as a list; gives back the model to go to."""

    CSS_PATH = [style_path("dialogs.tcss"), style_path("comparison.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "leave", "back", tooltip="Back to the table.", id="plot_dialog.leave"),
        Binding("b", "measure(1)", "benchmark", tooltip="Another benchmark.", id="plot_dialog.next_measure"),
        Binding(
            "B", "measure(-1)", "benchmark", show=False, tooltip="The one before.", id="plot_dialog.previous_measure"
        ),
    ]
    HELP = (
        f"The models that the filter shows, price against quality. The price is blended, {BLEND_WORDS}, in USD per "
        "million tokens, without a cache. ◆ is on the frontier: no other is as cheap and as good. ← → go along the "
        "price, ↑ ↓ along the quality, n N along the frontier; b chooses the benchmark; enter goes to the model in the "
        "table."
    )

    def __init__(self, models: Sequence[Model], measures: Sequence[Measure], *, current: Opaque | None = None) -> None:
        """`measures` are those that the models have scores in (`price_quality.measures`).

        `current` is the model under the table's cursor: the plot's starts there if it can.
        """
        super().__init__()
        self._models = models
        self._current = current
        self._measures = measures
        self._chosen = 0
        self._points = Points()
        self._frontier_shown: object = None
        """What the list of the frontier was last made of."""

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="price-plot") as pane:
            pane.border_title = Content("price against quality")
            if not self._measures:
                yield Static(self._why_empty(), id="none", markup=False)
                return
            yield Static("", id="axes", markup=False)
            with Vertical(id="plot-and-frontier"):
                with Vertical(id="plot-and-point"):
                    yield PricePlot(id="points")
                    yield Static("", id="point", markup=False)
                frontier = LineView(id="frontier")
                frontier.can_focus = False
                yield frontier

    def _why_empty(self) -> str:
        if not self._models:
            return "The filter shows no model. Here every model that it shows would be a point; esc goes back."
        return (
            f"Of the {count(len(self._models))} models that the filter shows none has a benchmark in the catalogue.\n\n"
            "Here each would be a point, its price to the right and its score upwards. esc goes back to change the "
            "filter; r there loads the list again."
        )

    def on_mount(self) -> None:
        if self._measures:
            self.query_one(PricePlot).focus()
            self._lay_out(self.app.size.width)
            # The plot draws on canvases that have their size only after the first layout.
            self.call_after_refresh(self._show)

    def on_resize(self, event: Resize) -> None:
        if self._measures:
            self._lay_out(event.size.width)
            self.call_after_refresh(self._show_frontier)

    def _lay_out(self, width: int) -> None:
        self.query_one("#plot-and-frontier").set_class(width >= _WIDE_FROM, "-wide")

    @work(group="points", exclusive=True)
    async def _show(self) -> None:
        measure = self._measures[self._chosen]
        self._points = points = await asyncio.to_thread(points_of, self._models, measure)
        self._frontier_shown = None
        self.query_one("#axes", Static).update(self._axes(measure))
        self.query_one(".price-plot").border_title = Content(self._counted(points))
        cursor = next(
            (at for at, point in enumerate(points.shown) if point.model.id == self._current),
            points.frontier[-1] if points.frontier else 0,
        )
        self.query_one(PricePlot).put(points, cursor=cursor)
        self._show_point()

    def _axes(self, measure: Measure) -> str:
        which = f" ({self._chosen + 1} of {len(self._measures)}, b)" if len(self._measures) > 1 else ""
        return f"↑ {measure.name}{which} · → $ per million tokens, {BLEND_WORDS}"

    def _counted(self, points: Points) -> str:
        """How many are plotted, and why the others are not."""
        lacking = [
            f", {count(number)} without {what}"
            for number, what in ((points.without_score, "a score"), (points.without_price, "a price"))
            if number
        ]
        return f"price against quality: {count(len(points.shown))} of {count(len(self._models))}{''.join(lacking)}"

    @on(PricePlot.Moved)
    def follow(self) -> None:
        self._show_point()

    def _show_point(self) -> None:
        """What stands under the cursor, and where it is in the list."""
        if not self._points.shown:
            self.query_one("#point", Static).update("None of them has both. b chooses another benchmark.")
            self.query_one("#frontier", LineView).set_lines(())
            return
        at = self.query_one(PricePlot).cursor
        point = self._points.shown[at]
        self._current = point.model.id
        words = self._point_words(point, is_best=at in self._points.frontier)
        self.query_one("#point", Static).update(words, layout=False)
        self._show_frontier()

    def _point_words(self, point: Point, *, is_best: bool) -> str:
        model = point.model
        first = f"{'◆' if is_best else '◉'} {model.slug}" + (f" · {model.name}" if model.name != model.slug else "")
        pricing = model.pricing
        figures = (
            f"score {_score(point.quality)}",
            f"blended {_blend(point)}",
            f"in {price_text(model, pricing.prompt)}",
            f"out {price_text(model, pricing.completion)}",
            f"ctx {length(model.context_length)}" if model.context_length else f"ctx {UNKNOWN}",
        )
        return f"{first}\n{' · '.join(figures)}"

    def _show_frontier(self) -> None:
        pane = self.query_one("#frontier", LineView)
        if pane.room <= 0 or not self._points.shown:
            return
        cursor = self.query_one(PricePlot).cursor
        lit = (pane.room, self._points.frontier, cursor if cursor in self._points.frontier else None)
        if lit != self._frontier_shown:
            self._frontier_shown = lit
            self._list_frontier(pane, cursor)
        row = max(0, bisect_right(self._points.frontier, cursor) - 1)
        pane.scroll_to(y=max(0, row - pane.size.height // 2), animate=False)

    def _list_frontier(self, pane: LineView, cursor: int) -> None:
        pane.border_title = Content(f"◆ frontier: {len(self._points.frontier)}")
        lines: list[Line] = []
        for at in self._points.frontier:
            point = self._points.shown[at]
            text = f"{_blend(point):>8} {_score(point.quality):>7}  {point.model.slug}"
            lines.append(
                [("lit" if at == cursor else "plain", fit(f"{'▌' if at == cursor else ' '}{text}", pane.room))]
            )
        pane.set_lines(lines)

    def action_measure(self, step: int) -> None:
        if self._measures:
            self._chosen = (self._chosen + step) % len(self._measures)
            self._show()

    @on(PricePlot.Chosen)
    def choose(self, event: PricePlot.Chosen) -> None:
        _ = self.dismiss(self._points.shown[event.at].model.id)

    def action_leave(self) -> None:
        _ = self.dismiss(None)


def _blend(point: Point) -> str:
    return "free" if not point.price else money(point.price)


def _score(quality: float) -> str:
    return f"{quality:,.0f}" if quality >= 1000 else f"{quality:.1f}"
