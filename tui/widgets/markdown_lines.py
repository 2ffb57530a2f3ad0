"""What a line of Markdown can be: the marks that blocks begin with, list items, the cells of a table's line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

FENCE: Final = re.compile(r"(`{3,}|~{3,})(.*)$")
HEADING: Final = re.compile(r"#{1,6}(?=[ \t]|$)")
RULE: Final = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
ITEM: Final = re.compile(r"([-*+]|\d{1,9}[.)])(?:([ \t]+)(?=\S)|[ \t]*$)")
SETEXT: Final = re.compile(r"(?:=+|-+)[ \t]*$")
DELIMITER: Final = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$")
DEFINITION: Final = re.compile(
    r"\[(?!\^)((?:[^\[\]\\]|\\.)+)\]:[ \t]*<?([^\s<>]+)>?(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*$"
)
TASK: Final = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
UNDECIDED: Final = re.compile(r"(?:[-*+=_#>`~|: \t]+|\d{1,9}[.)]?[ \t]*)?$")
"""A line that, as far as it has come, may still turn out to be a marker."""
CELL_END: Final = re.compile(r"(?<!\\)\|")
BULLETS: Final = "•◦▪"

LONGEST_LINE: Final = 4096
"""Characters; a longer line is cut into several, at a space where there is one."""
LONGEST_UNIT: Final = 8192
"""Characters a redraw may have to parse; a longer block goes on as a unit of its own."""
CODE_PIECE_LINES: Final = 24
PLAIN_PIECE_LINES: Final = 32
MOST_COLUMNS: Final = 64
"""A table with more is drawn as text."""
DEEPEST: Final = 12
"""Lists and quotes nested deeper are drawn as text."""


@dataclass(frozen=True, slots=True)
class Item:
    """A list item that following lines may belong to; columns of the source, except `drawn`."""

    column: int
    content: int
    drawn: int
    """Cells its content is indented by on screen."""
    type: str
    """`-`, `*`, `+`, `.` or `)`."""
    number: int

    def holds(self, indent: int) -> bool:
        """Models indent nested lists by two columns even under `1. `, so two are enough."""
        return indent >= min(self.content, self.column + 2)


def split_cells(line: str) -> list[str]:
    """The cells of a table's line, as source text."""
    line = line.strip()
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in CELL_END.split(line)]


def aligns_of(delimiter: str) -> list[str]:
    """`left`, `right` or `center` for each column of a delimiter row."""
    return [
        "center" if cell[:1] == ":" == cell[-1:] and len(cell) > 1 else "right" if cell[-1:] == ":" else "left"
        for cell in split_cells(delimiter)
    ]


def begins_block(body: str) -> bool:
    """Whether a line without its indentation begins a block of its own, whatever stands before it."""
    first = body[0]
    if first == "#":
        return HEADING.match(body) is not None
    if first in "`~":
        match = FENCE.match(body)
        return match is not None and not (first == "`" and "`" in match.group(2))
    if first == ">":
        return True
    return (first in "-*+_" or first.isdecimal()) and (RULE.match(body) is not None or ITEM.match(body) is not None)
