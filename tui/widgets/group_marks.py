"""A shape and a colour for each group of texts, the same in the sheet, on the map and in lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

SHAPES: Final = "●▲■◆★✚▼◗"
COLOURS: Final = ("primary", "warning", "success", "error", "accent", "secondary")
"""Variables of the theme."""
NO_GROUP: Final = "•"


class GroupMark(NamedTuple):
    shape: str
    colour: int
    """Place in `COLOURS`; -1: the colour of plain text."""


PLAIN: Final = GroupMark(NO_GROUP, -1)


def group_marks(groups: Iterable[str]) -> dict[str, GroupMark]:
    """Marks of the groups in the order in which they first occur; shapes and colours repeat at different lengths."""
    names = dict.fromkeys(groups)
    names.pop("", None)
    return {name: GroupMark(SHAPES[at % len(SHAPES)], at % len(COLOURS)) for at, name in enumerate(names)}
