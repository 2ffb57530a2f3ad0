"""What a message's text is cut into."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto


class Kind(Enum):
    """What a unit is drawn as."""

    PARAGRAPH = auto()
    HEADING = auto()
    CODE = auto()
    TABLE_HEAD = auto()
    TABLE_ROW = auto()
    RULE = auto()
    QUOTE = auto()
    DEFINITION = auto()
    PLAIN = auto()


@dataclass(eq=False, slots=True)
class Fence:
    """A code block, drawn in several pieces."""

    language: str
    start: int = 0
    end: int = 0
    """Source offsets of the code between the fence lines."""
    pieces: list[str] = field(default_factory=list)
    """The code of the pieces that are final."""
    states: list[object] = field(default_factory=list)
    """The highlighter's state at the end of each piece, kept by the drawing side."""


@dataclass(eq=False, slots=True)
class Table:
    """The rows of a table, which share their column widths."""

    aligns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    """Cells as source text; row 0 is the head."""
    closed: bool = False
    layouts: dict[int, object] = field(default_factory=dict)
    """Column widths by pane width, kept by the drawing side."""


@dataclass(eq=False, slots=True)
class Unit:
    """One piece of a message that is drawn, measured and thrown away on its own."""

    kind: Kind
    start: int
    """Offset of its source in the text, inclusive."""
    end: int
    """Offset, exclusive, without the last line break."""
    text: str
    """Its source without the indentation and markers of the lists around it."""
    gap: int = 0
    """Empty lines above it."""
    indent: int = 0
    """Cells to the right of the margin, from the lists it stands in."""
    marker: str = ""
    """What stands left of its first line: a bullet, a number, a box."""
    level: int = 0
    """Of a heading, 1 to 6."""
    fence: Fence | None = None
    piece: int = 0
    """Which piece of the fence this is, from 0."""
    lines: int = 0
    """Of code in this piece."""
    closes: bool = False
    """Whether the bottom of the code's box belongs to this piece."""
    table: Table | None = None
    row: int = 0

    def same_source(self, other: Unit) -> bool:
        """Whether both would be drawn alike (tests, and to see what a redraw can keep)."""
        return (
            (self.kind, self.start, self.end, self.text, self.gap, self.indent, self.marker, self.level)
            == (other.kind, other.start, other.end, other.text, other.gap, other.indent, other.marker, other.level)
            and (self.piece, self.lines, self.closes, self.row) == (other.piece, other.lines, other.closes, other.row)
            and (self.fence.language if self.fence else "") == (other.fence.language if other.fence else "")
            and (self.table.aligns if self.table else None) == (other.table.aligns if other.table else None)
        )
