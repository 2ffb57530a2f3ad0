"""How tables drawn line by line share their width: columns that come and go by priority, text cut to cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec
from rich.cells import cell_len, set_cell_size

KindT = TypeVar("KindT")


class Column(msgspec.Struct, Generic[KindT], frozen=True):
    """A column as it may be shown; widths are cells."""

    kind: KindT
    head: str
    width: int
    """At least; columns with `grow` take more where there is room."""
    priority: int
    """The lowest stays longest."""
    grow: int = 0
    """Up to this width."""
    right: bool = True
    """Aligned right, as figures are."""
    tail: int = 0
    """Cells at the right for what stands behind the second decimal, so that points stand below each other."""


class Placed(msgspec.Struct, Generic[KindT], frozen=True):
    """A column with the place that it got."""

    column: Column[KindT]
    start: int
    width: int


def place(columns: Sequence[Column[KindT]], width: int, *, start: int = 0, gap: int = 1) -> tuple[Placed[KindT], ...]:
    """The columns that fit into `width` cells, in their given order; the first by priority is always there."""
    chosen: list[Column[KindT]] = []
    left = width - start
    for column in sorted(columns, key=lambda column: column.priority):
        need = column.width + (gap if chosen else 0)
        if chosen and need > left:
            continue  # a narrower one may still fit
        chosen.append(column)
        left -= need
    widths = {column.head: column.width for column in chosen}
    for column in chosen:
        more = max(0, min(column.grow - column.width, left))
        widths[column.head] += more
        left -= more
    if left < 0:
        widths[chosen[0].head] = max(1, chosen[0].width + left)
    placed: list[Placed[KindT]] = []
    at = start
    for column in columns:
        if column in chosen:
            placed.append(Placed(column, at, widths[column.head]))
            at += widths[column.head] + gap
    return tuple(placed)


def head_cell(column: Column[KindT], head: str, width: int) -> str:
    """The column's head over its figures, in exactly `width` cells."""
    tail = column.tail if len(head) + column.tail <= width else 0
    return fit(head, width - tail, right=column.right) + " " * tail


def point_aligned(text: str, tail: int, width: int) -> str:
    """The text with the space behind it that up to `tail` decimals more than two would take, if there is room."""
    _, _, decimals = text.partition(".")
    free = max(0, tail - max(0, len(decimals) - 2))
    return text + " " * min(free, max(0, width - len(text)))


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells: padded, or cut with `…`; newlines and tabs become spaces."""
    if not text.isascii() or not text.isprintable():
        text = text.replace("\n", " ").replace("\t", " ")
        size = cell_len(text)
        if size > width:
            return set_cell_size(text, width - 1) + "…" if width > 0 else ""
        padding = " " * (width - size)
        return padding + text if right else text + padding
    if len(text) > width:
        return text[: width - 1] + "…" if width > 0 else ""
    return text.rjust(width) if right else text.ljust(width)
