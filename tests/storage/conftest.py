"""The worker's own host serves these tests too, and the program in a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent.parent / folder) for folder in ("worker", "hostile")]


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """Workers write a log."""
