"""What tables drawn by the Line API share: ready lines reach the screen as they are."""

from __future__ import annotations

from typing import Self

from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override


class LineTable(ScrollView):
    """A scrolled pane without border, padding or outline, whose `render_line` answers with whole lines.

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

    @override
    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if regions:
            for region in regions:
                for y in region.line_range:
                    self._ready.pop(y, None)
        else:
            self._ready.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ready.clear()

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        background = self.background_colors[1]
        filters = self.get_line_filters()
        width, height = self.outer_size
        drawn_for = (width, height, background, *filters)
        if drawn_for != self._ready_for:
            self._ready.clear()
            self._ready_for = drawn_for
        ready = self._ready
        if missing := [y for y in crop.line_range if y not in ready]:
            self.line_width = self.scrollable_content_region.width
            base = self.visual_style.rich_style
            for y in missing:
                strip = self.render_line(y).adjust_cell_length(width, base)
                for line_filter in filters:
                    strip = strip.apply_filter(line_filter, background)
                ready[y] = strip
        strips = [ready[y] for y in crop.line_range]
        if crop.column_span != (0, width):
            start, end = crop.column_span
            strips = [strip.crop(start, end) for strip in strips]
        return strips
