"""The program in use for a while: nothing is left behind. Longer runs, and their figures: `soak_bench.py`."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def test_nothing_is_left_behind(pytestconfig: pytest.Config) -> None:
    """No task, file, thread or timer more than before another round through all views; with `--long` ten minutes.

    A short run is still filling what is kept for drawing, so its memory has more room than that of a long one. How fast
    it answers and ends is for quiet machines to say, and for the figures.
    """
    from soak_bench import show, soak

    if pytestconfig.getoption("--long"):
        figures, memory = soak(10), 1.05
    else:
        figures, memory = soak(0.05, rate=100, warm_rounds=1, full=False, pause_s=0, hurry=3), 1.15
    show(figures)
    assert figures.replies >= 4
    assert figures.complaints(memory, leaving_s=10) == []
