"""Column widths of a table in a pane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui.widgets.markdown_inline import parse_inline
from tui.widgets.markdown_kinds import Table
from tui.widgets.markdown_wrap import cells

ROWS_MEASURED_WHILE_GROWING: Final = 20
"""After this many rows a growing table's columns keep their width until it ends."""
ROWS_MEASURED_AT_THE_END: Final = 500
"""A longer table keeps the widths of its first rows for good."""
_SEPARATOR = 3
_NARROWEST_COLUMN = 5
_WORD_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells for each column; `records` where a table does not fit even wrapped and its rows are drawn as lists."""

    widths: tuple[int, ...]
    records: bool = False


@dataclass(slots=True)
class _Measured:
    """How wide the columns want to be, as far as rows have been looked at."""

    rows: int
    widest: list[int]
    longest_word: list[int]


def rows_that_count(table: Table) -> int:
    """How many rows, with the head, decide on the widths now."""
    count = len(table.rows)
    if count <= ROWS_MEASURED_WHILE_GROWING + 1 or (table.closed and count <= ROWS_MEASURED_AT_THE_END + 1):
        return count
    return ROWS_MEASURED_WHILE_GROWING + 1


def columns_of(table: Table, room: int, references: dict[str, str] | None) -> Columns:
    """The widths in `room` cells; the same for all rows until another row counts."""
    count = rows_that_count(table)
    known = table.layouts.get(room)
    if isinstance(known, tuple) and known[0] == count:
        columns = known[1]
        assert isinstance(columns, Columns)
        return columns
    columns = _fit(_measured(table, count, references), room)
    table.layouts[room] = (count, columns)
    return columns


def _measured(table: Table, count: int, references: dict[str, str] | None) -> _Measured:
    """Natural widths of the first `count` rows; goes on where it stopped last time."""
    measured = table.layouts.get(0)
    if not isinstance(measured, _Measured) or measured.rows > count:
        measured = _Measured(0, [1] * len(table.aligns), [1] * len(table.aligns))
        table.layouts[0] = measured
    for row in table.rows[measured.rows : count]:
        for column, source in enumerate(row):
            text = parse_inline(source, references).text
            for part in text.split("\n"):
                measured.widest[column] = max(measured.widest[column], cells(part))
            for word in text.split():
                measured.longest_word[column] = max(measured.longest_word[column], min(_WORD_LIMIT, cells(word)))
    measured.rows = count
    return measured


def _fit(measured: _Measured, room: int) -> Columns:
    """Widths that fit: narrow columns get all they want, the others share the rest by their size."""
    count = len(measured.widest)
    space = room - _SEPARATOR * (count - 1)
    if sum(measured.widest) <= space:
        return Columns(tuple(measured.widest))
    least = [
        min(wide, max(_NARROWEST_COLUMN, word))
        for wide, word in zip(measured.widest, measured.longest_word, strict=True)
    ]
    if sum(least) > space:
        least = [min(wide, _NARROWEST_COLUMN) for wide in measured.widest]
    if sum(least) > space:
        return Columns((room,) * count, records=True)
    widths = least.copy()
    spare = space - sum(widths)
    wanting = [index for index in range(count) if widths[index] < measured.widest[index]]
    while spare > 0 and wanting:
        share = max(1, spare // len(wanting))
        for index in wanting:
            more = min(share, measured.widest[index] - widths[index], spare)
            widths[index] += more
            spare -= more
        wanting = [index for index in wanting if widths[index] < measured.widest[index]]
    return Columns(tuple(widths))
