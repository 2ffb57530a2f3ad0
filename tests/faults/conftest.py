"""The worker's own host serves these tests too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "worker"))


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """Workers write a log."""
