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
        self._levels: dict[int, tuple[Rows, NDArray[np.float32]]] = {}
        """Sums and counts of all blocks, by their size: of `_COARSE` texts, and of larger ones once they were seen."""

    def __len__(self) -> int:
        return len(self._rows)

    def prepare(self) -> None:
        """Have the sums of coarse blocks ready; takes some 60 ms for 10,000 texts, so it belongs in a thread."""
        if not self._levels and len(self._rows) > _COARSE and self._unit.shape[1]:
            self._levels[_COARSE] = self._sums(range(-(-len(self._rows) // _COARSE)), _COARSE)

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
        if not self._levels or block % _COARSE:
            sums, counts = self._sums(blocks, block)
        else:
            sums, counts = (part[blocks.start : blocks.stop] for part in self._coarser(block))
        with np.errstate(all="ignore"):
            return sums / counts[:, None]

    def _coarser(self, block: int) -> tuple[Rows, NDArray[np.float32]]:
        """Sums and counts of all blocks of so many texts, from those of half as many."""
        if block not in self._levels:
            sums, counts = self._coarser(block // 2)
            self._levels[block] = _by_twos(sums), _by_twos(counts)
        return self._levels[block]

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


def _by_twos(sums: Rows) -> Rows:
    """The sums of each two, the last alone where they are odd."""
    np = load_numpy()
    even = len(sums) // 2 * 2
    pairs = sums[0:even:2] + sums[1:even:2]
    return pairs if even == len(sums) else np.concatenate([pairs, sums[even:]])


def order_by_group(groups: Sequence[str]) -> list[int]:
    """Places of the texts, those of a group together, groups as they first occur, those without one last."""
    first: dict[str, int] = {}
    for group in groups:
        if group:
            first.setdefault(group, len(first))
    return sorted(range(len(groups)), key=lambda at: first.get(groups[at], len(first)))
