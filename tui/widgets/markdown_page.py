"""Where units are drawn: width, margin and looks of a page, and the lines that come of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.widgets.markdown_kinds import Unit
from tui.widgets.markdown_wrap import cells
from tui.widgets.transcript_look import Look

MARGIN: Final = 2
"""Cells at the left of every line, for the mark of who speaks."""
NARROWEST: Final = 4
"""Cells that content gets even where the pane is narrower; what does not fit is cut."""
_ROOMY: Final = 30
"""Cells; a wider pane leaves one free beside its scroll bar."""


class Line(NamedTuple):
    """One drawn line and what of it can be selected."""

    strip: Strip
    start: int
    """First selectable character of the strip's text."""
    end: int
    at: int = 0
    """Offset in the unit's text that the line begins with, to find the reading place again at another width."""
    glue: str = "\n"
    """What stands between this line and the next in the source: a line break, a space, or nothing."""
    left: str = ""
    """Of a line of code that is cut: what is hidden at its left."""
    right: str = ""


class Page:
    """How wide, in which styles, and behind which mark units are drawn."""

    def __init__(
        self, look: Look, width: int, margin: Segment, references: dict[str, str] | None = None, flags: int = 0
    ) -> None:
        self.look = look
        self.width = width
        self.margin = margin
        self.references = references
        self.flags = flags
        """Flags of `markdown_inline` that all text gets."""
        self.prefix: tuple[Segment, ...] = ()
        """Between the margin and the text: the bars of quotes."""
        self.prefix_cells = 0
        self.depth = 0

    @property
    def room(self) -> int:
        """Cells for content."""
        right = 1 if self.width > _ROOMY else 0
        return max(NARROWEST, self.width - MARGIN - right - self.prefix_cells)

    def blank(self) -> Line:
        """An empty line."""
        segments = [self.margin, *self.prefix]
        used = MARGIN + self.prefix_cells
        start = min(self.width, sum(len(segment.text) for segment in segments))
        return Line(exact(segments, used, self.width, self.look.base), start, start)

    def line(self, segments: Iterable[Segment], used: int, lead: int = 0, at: int = 0, glue: str = "\n") -> Line:
        """A line of these segments, which take `used` cells; the first `lead` characters are ornament."""
        head = [self.margin, *self.prefix]
        start = sum(len(segment.text) for segment in head)
        body = list(segments)
        count = sum(len(segment.text) for segment in body)
        strip = exact(head + body, MARGIN + self.prefix_cells + used, self.width, self.look.base)
        length = len(strip.text) if MARGIN + self.prefix_cells + used > self.width else start + count
        return Line(strip, min(start + lead, length), min(start + max(lead, count), length), at, glue)


def exact(segments: list[Segment], used: int, width: int, base: Style) -> Strip:
    """A strip of exactly `width` cells from segments that take `used`."""
    if used == width:
        return Strip(segments, width)
    if used < width:
        segments.append(Segment(" " * (width - used), base))
        return Strip(segments, width)
    return Strip(segments, used).adjust_cell_length(width, base)


def indent_of(unit: Unit, page: Page) -> int:
    """Cells that lists indent the unit by; never more than half of the room."""
    return min(unit.indent, page.room // 2)


def room_of(unit: Unit, page: Page) -> int:
    return max(NARROWEST, page.room - indent_of(unit, page))


def lead_of(unit: Unit, page: Page, *, first: bool = True) -> list[Segment]:
    """The indentation, with the marker in it on the first line."""
    indent = indent_of(unit, page)
    if not indent:
        return []
    if first and unit.marker:
        mark = unit.marker[: indent - 1]
        pad = indent - 1 - cells(mark)
        lead = [Segment(" " * pad, page.look.base)] if pad else []
        return [*lead, Segment(mark, page.look.mark), page.look.blank(1)]
    return [page.look.blank(indent)]
