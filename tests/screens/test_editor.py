"""Writing the draft in `$EDITOR`: a real program in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screen_host import make_settings

from tui.openrouter.text import Clean
from tui.screens.editor import edit_text

APPENDS = """
import os, pathlib, sys
file = pathlib.Path(sys.argv[-1])
file.write_text(file.read_text() + " and another\\x1b[31m\\n")
pathlib.Path({log!r}).write_text(f"{{file}}\\n{{os.environ.get('OPENROUTER_API_KEY', 'no key')}}")
"""


class Terminal:
    """As much of an App as an editor needs."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.suspended = 0

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        self.suspended += 1
        yield

    def notify(self, message: str, **_more: Any) -> None:
        self.notices.append(message)


async def test_what_the_editor_has_written_is_the_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, log = tmp_path / "editor with a space.py", tmp_path / "log"
    script.write_text(APPENDS.format(log=str(log)))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} -S '{script}'")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-planted-0000000000")
    terminal: Any = Terminal()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    edited = await edit_text(terminal, Clean("one thought"), make_settings(tmp_path))
    ticking.cancel()
    assert edited == "one thought and another␛[31m"
    file, key = log.read_text().split("\n")
    assert not Path(file).exists() and key == "no key"
    assert terminal.suspended == 1 and not terminal.notices
    assert ticks > 3, "replies go on while somebody writes"


@pytest.mark.parametrize(
    ("editor", "said"),
    [("false", "ended with status 1"), ("/no/such/editor", "could not be started"), ("'", "could not be started")],
)
async def test_an_editor_that_fails_leaves_the_draft(
    editor: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    terminal: Any = Terminal()
    assert await edit_text(terminal, Clean("kept"), make_settings(tmp_path)) is None
    assert len(terminal.notices) == 1 and said in terminal.notices[0]
