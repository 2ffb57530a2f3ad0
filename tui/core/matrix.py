"""The similarity matrix of texts in some order, computed by the tile that is looked at, at any zoom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tui.core.vectors import load_numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui.core.vectors import Rows

_COARSE: Final = 16
"""Texts whose means are kept, so that a cell that stands for hundreds need not read them all again."""


class Matrix:
    """Answers with mean similarities of blocks of texts: the mean of all pairs is the product of two mean vectors."""

    def __init__(self, unit: Rows, rows: NDArray[np.intp]) -> None:
        """`rows` are the rows of the texts in their order; `unit` has NaN in the row -1, for texts without a vector."""
        self._unit = unit
        self._rows = rows
        self._coarse: tuple[Rows, NDArray[np.float32]] | None = None
        """Sums and counts of all blocks of `_COARSE` texts."""

    def __len__(self) -> int:
        return len(self._rows)

    def prepare(self) -> None:
        """Have the sums of coarse blocks ready; takes some 60 ms for 10,000 texts, so it belongs in a thread."""
        if self._coarse is None and len(self._rows) > _COARSE and self._unit.shape[1]:
            self._coarse = self._sums(range(-(-len(self._rows) // _COARSE)), _COARSE)

    def tile(self, down: range, across: range, block: int = 1) -> Rows:
        """`(down, across)` float32 values of blocks of `block` texts; NaN where no text of one has a vector."""
        np = load_numpy()
        if not self._unit.shape[1]:
            return np.full((len(down), len(across)), np.nan, dtype=np.float32)  # type: ignore[no-any-return]
        above = self._means(down, block)
        left = above if across == down else self._means(across, block)
        with np.errstate(all="ignore"):
            return np.clip(above @ left.T, -1.0, 1.0)  # type: ignore[no-any-return]

    def _means(self, blocks: range, block: int) -> Rows:
        np = load_numpy()
        if block == 1:
            return self._unit[self._rows[blocks.start : blocks.stop]]
        if self._coarse is None or block % _COARSE:
            sums, counts = self._sums(blocks, block)
        else:
            at_once = block // _COARSE
            sums, counts = (_by(at_once, part[blocks.start * at_once : blocks.stop * at_once]) for part in self._coarse)
        with np.errstate(all="ignore"):
            return sums / counts[:, None]

    def _sums(self, blocks: range, block: int) -> tuple[Rows, NDArray[np.float32]]:
        """Sums of the unit vectors of each block, and of how many."""
        np = load_numpy()
        sums = np.empty((len(blocks), self._unit.shape[1]), dtype=np.float32)
        counts = np.empty(len(blocks), dtype=np.float32)
        for place, at in enumerate(blocks):
            rows = self._rows[at * block : (at + 1) * block]
            part = self._unit[rows]
            known = ~np.isnan(part[:, 0])
            counts[place] = known.sum()
            sums[place] = part.sum(axis=0) if counts[place] == len(part) else part[known].sum(axis=0)
        return sums, counts


def _by(at_once: int, sums: Rows) -> Rows:
    """The sums of each so many, the last of those that are left."""
    np = load_numpy()
    return sums if at_once == 1 else np.add.reduceat(sums, np.arange(0, len(sums), at_once), axis=0)


def order_by_group(groups: Sequence[str]) -> list[int]:
    """Places of the texts, those of a group together, groups as they first occur, those without one last."""
    first: dict[str, int] = {}
    for group in groups:
        if group:
            first.setdefault(group, len(first))
    return sorted(range(len(groups)), key=lambda at: first.get(groups[at], len(first)))
