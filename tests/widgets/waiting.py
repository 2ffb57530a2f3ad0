"""Waiting for a condition in a test of a widget: `from waiting import until`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot


async def until(pilot: Pilot[Any], condition: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait until the condition holds; fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await pilot.pause(0.005)
