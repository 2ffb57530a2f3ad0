"""Pieces of a message with their heights, and which of their drawn lines are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from tui.widgets.markdown_kinds import Unit
from tui.widgets.markdown_page import Line, Page


class Piece:
    """What is drawn and measured on its own."""

    __slots__ = ("draw", "exact", "height", "lights_up", "lines", "passing", "unit")

    def __init__(self, draw: Callable[[Page], list[Line]], unit: Unit | None = None, *, passing: bool = True) -> None:
        self.draw = draw
        self.unit = unit
        """What of the body it is, or None."""
        self.height = 1
        self.exact = False
        """Whether `height` was measured at the present width."""
        self.lines: list[Line] | None = None
        self.passing = passing
        """Whether it will soon be another piece, so that its lines are not worth keeping."""
        self.lights_up = False
        """Whether its dim text is bright while the message is selected: the head and the receipt."""


class DrawnPieces:
    """The drawn lines that are kept: those shown last, up to a number of lines."""

    def __init__(self) -> None:
        self.limit = 1000
        self.lines = 0
        self._pieces: OrderedDict[Piece, int] = OrderedDict()

    def add(self, piece: Piece) -> None:
        """Keep a piece that has just been drawn, and let go of the ones not shown for longest."""
        count = len(piece.lines or ())
        self.lines += count - self._pieces.pop(piece, 0)
        self._pieces[piece] = count
        while self.lines > self.limit and len(self._pieces) > 1:
            oldest, count = self._pieces.popitem(last=False)
            oldest.lines = None
            self.lines -= count

    def touch(self, piece: Piece) -> None:
        """It is being shown."""
        if piece in self._pieces:
            self._pieces.move_to_end(piece)

    def clear(self) -> None:
        self._pieces.clear()
        self.lines = 0
