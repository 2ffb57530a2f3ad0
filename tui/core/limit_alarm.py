"""Tells once when a limit comes near, and again when it is full; not each second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_TOLD: Final = frozenset({"today", "session", "month", "key", "credits", "free"})
"""Limits of a minute come and go; keys in trouble are told of by the request that met it."""


class LimitAlarm:
    """Remembers what was told: a limit is told of anew only when it was far away in between."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def news(self, levels: Mapping[str, int]) -> list[str]:
        """The names of limits that have come nearer than was told: 0 is far, 1 is near (80 %), 2 is full (95 %)."""
        found = []
        for name in _watched(levels):
            level = levels[name]
            if level > self._told.get(name, 0):
                found.append(name)
            self._told[name] = level if level == 0 else max(level, self._told.get(name, 0))
        return found


def _watched(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in _TOLD]
