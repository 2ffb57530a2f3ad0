"""How the texts of the sheet stand: which have vectors of the model, and which would be paid for."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from tui.screens.embedding_runs import same_things

if TYPE_CHECKING:
    from tui.core.sheets import Variant
    from tui.openrouter.text import Clean
    from tui.screens.embedding_runs import EmbedRuns
    from tui.screens.sheet_panes import SheetPanes
    from tui.widgets.sheet_reading import SheetLine

_TEXT_OF = attrgetter("text")
_LINE_OF = attrgetter("line")


class SheetStanding:
    """Worked out when texts or vectors have changed; for 10,000 texts it has to take a few milliseconds, since it is
    done whenever somebody stops typing."""

    def __init__(self) -> None:
        self.lines: list[SheetLine] = []
        self.texts: tuple[Clean, ...] = ()
        """Of the lines."""
        self.characters = 0
        """Of all texts."""
        self.lacking: tuple[Clean, ...] = ()
        """Texts that would be paid for, each once."""
        self.embedded = 0
        """Lines with a vector."""
        self.unusable = 0
        """Lines with one that says nothing."""
        self.stale: tuple[int, ...] = ()
        """Lines without, where others have one."""
        self._taken: tuple[object, ...] = ()
        """What was last looked at."""

    def read(self, lines: list[SheetLine]) -> bool:
        """These are the lines; False when they are what they were."""
        if lines == self.lines:
            return False
        self.lines = lines
        self.texts = tuple(map(_TEXT_OF, lines))
        self.characters = sum(map(len, self.texts))
        return True

    def place_of(self, line: int) -> int | None:
        """Which of the texts stands on this line of the sheet; None on a blank one."""
        at = bisect_left(self.lines, line, key=_LINE_OF)
        return at if at < len(self.lines) and self.lines[at].line == line else None

    def follow(self, variant: Variant, runs: EmbedRuns, panes: SheetPanes) -> bool:
        """Hand lines and vectors to the views if any are others than before."""
        known = runs.spaces.get(variant)
        taken = (variant, known, self.lines)
        if same_things(taken, self._taken):
            return False
        self._taken = taken
        if known is not None and not any(map(known.row_of.__contains__, self.texts)):
            known = None
        changed = panes.take(known, self.lines, self.texts)
        self.lacking = runs.lacking(variant, self.texts)
        if not changed:
            return False
        self.stale = ()
        if known is not None and panes.rows is not None:
            if self.lacking:
                lacking = set(self.lacking)
                self.stale = tuple(one.line for one in self.lines if one.text in lacking)
            self.embedded = int((panes.rows.rows >= 0).sum())
            self.unusable = len(self.lines) - self.embedded - len(self.stale)
        return True
