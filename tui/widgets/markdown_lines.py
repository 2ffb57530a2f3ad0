"""What a line of Markdown can be: the marks that blocks begin with, and the cells of a table's line."""

from __future__ import annotations

import re
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
