"""How a heat map is laid out at some size: how much room a cell takes, and how many texts it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

VALUES_UP_TO: Final = 30
"""Texts whose cells may show their values where there is room."""
LABEL_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_FOOTERS: Final = (4, 1)
"""Lines below the matrix: the pair with its texts, or the pair alone."""
_LARGEST_BLOCK: Final = 4096


class Level(NamedTuple):
    """A step of the zoom."""

    cell: int
    """Columns that a cell takes, the gap included."""
    rows_a_line: int = 1
    """2: half-blocks, the upper half of a line is one row and the lower half the next."""
    block: int = 1
    """Texts that a cell stands for, down and across; it shows their mean."""


WIDE: Final = (Level(5), Level(3), Level(2), Level(1))
"""With the value, apart, close, dense."""


def levels(count: int, *, halves: bool) -> tuple[Level, ...]:
    """From the largest cells to all texts in a few; `halves`: half-blocks can be drawn."""
    rows_a_line = 2 if halves else 1
    found = [*WIDE, *([Level(1, 2)] if halves else [])]
    block = 2
    while block <= _LARGEST_BLOCK and count > 8 * block:
        found.append(Level(1, rows_a_line, block))
        block *= 2
    return tuple(found)


def fitting_level(count: int, room: int, steps: tuple[Level, ...]) -> int:
    """The largest level that shows all texts side by side in so many columns."""
    for at, level in enumerate(steps):
        if level.cell == WIDE[0].cell and count > VALUES_UP_TO:
            continue
        if -(-count // level.block) * level.cell <= room:
            return at
    return len(steps) - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Where things stand at this size."""

    gutter: int
    level: Level
    footer: int
    label_step: int
    """In cells."""
    cells: int
    """Down and across."""
    lines: int
    """That the matrix takes, without header and footer."""

    @property
    def cell(self) -> int:
        return self.level.cell

    @property
    def glyphs(self) -> int:
        """Columns of a cell without its gap."""
        return self.cell - 1 if self.cell >= 3 else self.cell


EMPTY: Final = Plan(3, WIDE[1], 4, 1, 0, 0)


def make_plan(count: int, digits: int, level: Level, height: int) -> Plan:
    """For so many texts with numbers of at most so many digits."""
    cells = -(-count // level.block)
    lines = -(-cells // level.rows_a_line)
    # The texts of the pair below the matrix, where they leave the rows their place.
    footer = next((rows for rows in _FOOTERS if 1 + lines + rows <= height), _FOOTERS[0])
    if height < 10:
        footer = _FOOTERS[-1]
    need = 1 if digits < level.cell else -(-(digits + 1) // level.cell)
    step = next((step for step in LABEL_STEPS if step >= need), LABEL_STEPS[-1])
    return Plan(digits + 2, level, footer, step, cells, lines)
