"""Says once that a budget, a key's limit, the credits or the free allowance come to their end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.core.limit_alarm import LimitAlarm
from tui.openrouter.text import Clean
from tui.widgets.meter_strip import Level, strip_parts

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.core.state import State

_STEP = {Level.FINE: 0, Level.NEAR: 1, Level.FULL: 2}
_BAR = " ▁▂▃▄▅▆▇█"
"""In the strip a budget ends with one of these; in a sentence it says nothing."""
_SAID = {Level.NEAR: "80 % is used", Level.FULL: "95 % is used"}


class LimitToasts:
    """`say` is given a sentence and whether it is the last warning."""

    def __init__(self, say: Callable[[Clean, bool], None]) -> None:
        self._say = say
        self._alarm = LimitAlarm()

    def look(self, state: State, settings: Settings) -> None:
        """Tell what has come nearer since the last look; cheap enough for each change of a figure."""
        parts = {part.name: part for part in strip_parts(state, settings, time.time())}
        for name in self._alarm.news({name: _STEP[part.level] for name, part in parts.items()}):
            part = parts[name]
            then = f", then {settings.budget.action}" if name in ("today", "session", "month") else ""
            left = " left" if name in ("key", "credits") else ""
            self._say(
                Clean(f"{part.text.rstrip(_BAR)}{left}: {_SAID[part.level]}{then}. F5 shows all limits."),
                part.level is Level.FULL,
            )
