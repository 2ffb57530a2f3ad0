"""When limits start again, and when what the server said of them is too old to pass for the present."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

STALE_S: Final = 900.0
"""A figure from the server older than this says its age."""


def next_reset(period: str | None, now: float) -> float | None:
    """When a key's limit starts again (UTC: midnight, Monday, first of the month), Unix seconds; None for never."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "daily":
            return (today + timedelta(days=1)).timestamp()
        case "weekly":
            return (today + timedelta(days=7 - today.weekday())).timestamp()
        case "monthly":
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()
        case _:
            return None


def next_midnight(now: float) -> float:
    """The next 00:00 UTC, when the free allowance starts again."""
    return (now // 86_400 + 1) * 86_400
