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

WORKER_PROGRAM = """
import asyncio, sys
from tui.config import load
from tui.core.commands import ListConversations
from tui.core.events import ConversationsListed, PreferencesRead
from tui.database.thread import Database
from tui.worker.worker import Worker

settings = load(data_dir=sys.argv[1], environ={"OPENROUTER_API_KEY": "sk-or-v1-test-000000000000"})

async def main():
    events = asyncio.Queue()
    database = Database(settings.folders.database)
    worker = Worker(settings, database, events.put_nowait, watch=False, for_screen=True)
    run = asyncio.create_task(worker.run())
    while not isinstance(await events.get(), PreferencesRead):
        pass
    print(*sorted(sys.modules))
    worker.submit(ListConversations())
    while not isinstance(await events.get(), ConversationsListed):
        pass
    run.cancel()
    await asyncio.wait([run])
    await database.aclose()

asyncio.run(main())
"""
AFTER_THE_FIRST_SCREEN = (
    "tui.database.chats",
    "tui.database.ledger",
    "tui.database.limits",
    "tui.database.recovery",
    "tui.database.spend",
    "tui.worker.ask_job",
    "tui.worker.bills",
    "tui.worker.catalogue_job",
    "tui.worker.chat_store",
    "tui.worker.key_ring",
    "tui.worker.quota_job",
    "tui.worker.standing_work",
)


def modules_of(program: str, folder: Path) -> list[str]:
    """What the program prints, word by word."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(importlib.util.find_spec("tui.screens.models") is None, reason="the first screen is not there yet")
def test_the_first_screen_imports_only_what_it_shows_with(tmp_path: Path) -> None:
    screen, *modules = modules_of(PROGRAM, tmp_path)
    loaded = set(modules)
    assert screen == "ModelsScreen"
    assert {"textual", "msgspec", "platformdirs"} <= loaded
    assert not loaded & set(FORBIDDEN)
    assert not {"tui.screens.chat", "tui.screens.embeddings", "tui.screens.spend", "tui.screens.help"} & loaded


def test_the_worker_imports_what_is_not_shown_at_first_once_the_screen_is_drawn(tmp_path: Path) -> None:
    loaded = set(modules_of(WORKER_PROGRAM, tmp_path))
    assert {"tui.worker.worker", "tui.database.thread"} <= loaded
    assert not loaded & {*FORBIDDEN, *AFTER_THE_FIRST_SCREEN}
