"""What the embedded server may be told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

Row = dict[str, Any]
"""A JSON object as it goes over the wire."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Pace, limits and delays; times in seconds."""

    seed: int = 0
    speed: float = 1.0
    """Multiplies the pace of replies; 0 answers as fast as it can."""

    free_per_minute: int = 20
    free_per_day: int = 50
    """Requests to free models a day for accounts that bought less than 10 credits; the others have 1,000."""

    generation_delay: float = 2.0
    """How long `/generation` does not know a cancelled reply."""

    pause: float = 60.0
    """How long `demo/pause` says nothing; no speed shortens it."""

    slow_rate: float = 20.0
    """Tokens a second of the `demo/slow…` models; no speed changes it."""

    credits: float = 9.75
    """What a new account has bought; below 10, so that the small allowance of free requests applies."""

    moves_every: float = 60.0
    """How long the moving rows of the catalogue stand still; 0 moves them whenever the list is asked for."""

    open_credits: bool = False
    """Whether `/credits` answers ordinary keys too, as the live service has been seen to do."""

    def dice(self, *names: object) -> Random:
        """Random numbers that depend on the seed and these names, and on nothing else."""
        return Random("/".join(str(name) for name in (self.seed, *names)))
