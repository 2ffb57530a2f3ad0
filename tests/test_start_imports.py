"""Nothing is imported before it is needed: what `sys.modules` holds once the first full screen is drawn."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = (
    "click",
    "hashlib",
    "httpcore",
    "httpx",
    "json",
    "keyring",
    "markdown_it",
    "numpy",
    "pygments",
    "pyperclip",
    "rapidfuzz",
    "starlette",
    "textual_plot",
    "tiktoken",
    "uvicorn",
)

PROGRAM = """
import asyncio, sys
from decimal import Decimal
from pathlib import Path
from tui.config import load
from tui.app import OrtuiApp

class Idle:
    async def run(self): await asyncio.Event().wait()
    def submit(self, command): return True
    def cancel(self, job_id): pass
    def cancel_all(self): pass

settings = load(data_dir=sys.argv[1], environ={})
app = OrtuiApp(settings, lambda publish: Idle())

async def main():
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.pause()
        print(type(app.screen).__name__, *sorted(sys.modules))

asyncio.run(main())
"""


@pytest.mark.skipif(importlib.util.find_spec("tui.screens.models") is None, reason="the first screen is not there yet")
def test_the_first_screen_imports_only_what_it_shows_with(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    screen, *modules = done.stdout.split()
    loaded = set(modules)
    assert screen == "ModelsScreen"
    assert {"textual", "msgspec", "platformdirs"} <= loaded
    assert not loaded & set(FORBIDDEN)
    assert not {"tui.screens.chat", "tui.screens.embeddings", "tui.screens.spend", "tui.screens.help"} & loaded
