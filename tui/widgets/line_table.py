"""What tables drawn by the Line API share: ready lines reach the screen as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Region
from textual.strip import Strip
from typing_extensions import override

from tui.widgets.framed_line import Edges, border_line, drawn_edges, framed
from tui.widgets.line_scroll_bar import LineScrolled
from tui.widgets.pieced_strip import PiecedStrip


class LineTable(LineScrolled):
    """A scrolled pane whose `render_line` answers with whole lines; it may have a border, but no outline or tint.

    Textual dresses each line it is given in a new strip, and a new strip has nothing of what the last one had worked
    out: its colours under the theme, its pieces between other panes. Lines that are kept keep that too, so that
    scrolling costs half; and of a pane of which one line has changed, only that line is asked for.
    """

    line_width = 0
    """Cells of a line of the frame that is drawn; the scrollbar's is kept free whether it shows or not."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._ready: dict[int, Strip] = {}
        """The lines of the last frame that nobody has asked to draw again."""
        self._ready_for: tuple[object, ...] = ()
        self._edges: Edges | None = None

    @override
    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if regions:
            above = self.styles.gutter.top
            for region in regions:
                for y in region.line_range:
                    self._ready.pop(y + above, None)
        else:
            self._ready.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ready.clear()
        self._edges = None

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        background = self.background_colors[1]
        filters = self.get_line_filters()
        width, height = self.outer_size
        drawn_for = (width, height, background, *filters)
        if drawn_for != self._ready_for:
            self._ready.clear()
            self._ready_for = drawn_for
            self._edges = None
        ready = self._ready
        if missing := [y for y in crop.line_range if y not in ready]:
            self.line_width = self.scrollable_content_region.width
            base = self.visual_style.rich_style
            gutter = self.styles.gutter
            for y in missing:
                if not gutter:
                    ready[y] = self.finished_line(y, width, base, filters, background)
                elif gutter.top <= y < height - gutter.bottom:
                    if self._edges is None:
                        self._edges = drawn_edges(self)
                    line = self.finished_line(y - gutter.top, self.line_width, base, filters, background)
                    bar = width - gutter.width - self.line_width
                    ready[y] = framed(line._segments, self.line_width, self._edges, bar, base)
                else:
                    ready[y] = border_line(self, y)
        strips = [ready[y] for y in crop.line_range]
        if crop.column_span != (0, width):
            start, end = crop.column_span
            strips = [strip.crop(start, end) for strip in strips]
        return strips

    def finished_line(self, y: int, width: int, base: Style, filters: Sequence[LineFilter], background: Color) -> Strip:
        """A line of the content as it reaches the screen, so many cells wide."""
        beside_bar = min(width, self.line_width)
        strip = self.render_line(y).adjust_cell_length(beside_bar, base)
        for line_filter in filters:
            strip = strip.apply_filter(line_filter, background)
        if beside_bar == width:
            return strip
        return PiecedStrip([strip, Strip.blank(width - beside_bar, base)])
