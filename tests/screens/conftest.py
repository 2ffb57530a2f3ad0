"""What the tests of every screen start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_host import HandWorker, make_settings

from tui.config import Settings


@pytest.fixture
def worker() -> HandWorker:
    return HandWorker()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)
