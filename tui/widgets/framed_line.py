"""A drawn line with the border and the padding of its pane around it."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.pieced_strip import PiecedStrip

Edges = tuple[Strip, Strip]
"""What stands left and right of each line of a pane."""


def border_line(pane: ScrollView, y: int) -> Strip:
    """A line above or below the content, with the border's titles."""
    return ScrollView.render_lines(pane, Region(0, y, pane.outer_size.width, 1))[0]


def drawn_edges(pane: ScrollView) -> Edges:
    """The same for all lines while the pane keeps its style and width."""
    gutter, width = pane.styles.gutter, pane.outer_size.width
    line = border_line(pane, gutter.top)
    return line.crop(0, gutter.left), line.crop(width - gutter.right, width)


def framed(line: list[Segment], width: int, edges: Edges, bar: int, base: Style) -> Strip:
    """The line, `width` cells of it, between the edges; `bar` cells after it lie below the scrollbar."""
    left, right = edges
    return PiecedStrip([Strip([*left, *line], left.cell_length + width), Strip.blank(bar, base), right])
