"""When the server is asked what is left: often while requests run, seldom in between, not when nobody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

_RUNNING_S: Final = 15.0
_IDLE_S: Final = 120.0
_AFTER_SPENDING_S: Final = 2.0
_AWAY_S: Final = 600.0
"""A terminal without focus for so long is one that nobody looks at."""
_LONGEST_S: Final = 900.0


def pause_s(*, running: bool, away_s: float, failures: int) -> float | None:
    """How long to wait after the last answer; None = until somebody looks again. Failures in a row double it."""
    if away_s >= _AWAY_S:
        return None
    return min(_LONGEST_S, (_RUNNING_S if running else _IDLE_S) * 2.0 ** min(failures, 10))


class QuotaWatch:
    """Calls `ask` at the right times, and is told by `note_asked` what came of it. `clock` is monotonic seconds."""

    def __init__(
        self,
        ask: Callable[[], object],
        running: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._running = running
        self._clock = clock
        self._moved = asyncio.Event()
        self._away_since: float | None = None
        self._spent_at: float | None = None
        self._asked_at: float | None = None
        self._failures = 0

    def note_focus(self, focused: bool) -> None:
        """The terminal got or lost the keyboard."""
        self._away_since = None if focused else (self._away_since or self._clock())
        self._moved.set()

    def note_spent(self) -> None:
        """Money was spent: what is left has moved. Several in short order are asked about once."""
        if self._spent_at is None:
            self._spent_at = self._clock()
            self._moved.set()

    def note_running(self) -> None:
        """A request has begun."""
        self._moved.set()

    def note_asked(self, answered: bool) -> None:
        """The server was asked, by whomever."""
        self._asked_at = self._clock()
        self._spent_at = None
        self._failures = 0 if answered else self._failures + 1
        self._moved.set()

    def due_in_s(self) -> float | None:
        """How long until the server is to be asked next; None = not before something happens."""
        now = self._clock()
        away = 0.0 if self._away_since is None else now - self._away_since
        pause = pause_s(running=self._running(), away_s=away, failures=self._failures)
        if pause is None:
            return None
        times = []
        if self._asked_at is not None:  # the first question is the view's, or that of the first money spent
            times.append(self._asked_at + pause)
        if self._spent_at is not None and not self._failures:
            times.append(self._spent_at + _AFTER_SPENDING_S)
        return max(0.0, min(times) - now) if times else None

    async def run(self) -> None:
        """Until cancelled: sleeps between the times."""
        while True:
            self._moved.clear()
            due = self.due_in_s()
            if due is None or due > 0:
                try:
                    async with asyncio.timeout(due):
                        await self._moved.wait()
                except TimeoutError:
                    pass
                continue
            # The answer moves the time on; until then nothing is asked again.
            self._asked_at, self._spent_at = self._clock(), None
            self._ask()
