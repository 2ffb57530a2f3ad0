"""A line put together of pieces that the screen will take apart again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from rich.segment import Segment
from textual.strip import Strip
from typing_extensions import override


class PiecedStrip(Strip):
    """Cut where its pieces meet it gives them back as they are, with all that each has worked out so far; any other
    cut goes through all its segments."""

    __slots__ = ("_ends", "_pieces")

    def __init__(self, pieces: Sequence[Strip]) -> None:
        self._pieces = [piece for piece in pieces if piece.cell_length]
        self._ends = list(accumulate(piece.cell_length for piece in self._pieces))
        segments: list[Segment] = []
        for piece in self._pieces:
            segments += piece._segments
        super().__init__(segments, self._ends[-1] if self._ends else 0)

    @override
    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        cuts = list(cuts)
        return self._pieces if cuts == self._ends else super().divide(cuts)
