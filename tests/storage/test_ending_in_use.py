"""The whole program is ended while two replies stream: they are saved, stopped at the server, and the terminal is as it
was. Ends of every kind with a small app: `tests/test_app_leaving.py`."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminal_app import AUDITED, TerminalApp, pick
from worker_host import Books

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

BREAKS = """
import tui.screens.{module} as module
def breaks(*_):
    raise LookupError("secret prompt of Bearer " + os.environ.get("OPENROUTER_API_KEY", "nobody"))
module.{screen}.on_screen_resume = breaks
sys.exit(main())
"""
SCREENS = {"\x1bOS": ("embeddings", "EmbeddingsScreen"), "\x1b[15~": ("spend", "SpendScreen")}
"""By the key that shows them for the first time."""
ENDS = ["SIGTERM", "exception in spend"]
LONG_ENDS = ["ctrl+q", "SIGHUP", "closed terminal", "exception in embeddings"]
STATUS = {"ctrl+q": 0, "SIGTERM": 143, "SIGHUP": 129, "closed terminal": 129}
LIMIT_S = 4.0
"""A second, on a machine that has nothing else to do."""


def end_it(app: TerminalApp, end: str) -> float:
    """End it that way; answers with how many seconds that took."""
    began = time.monotonic()
    match end:
        case "ctrl+q":
            app.press("\x11")  # it asks, since replies stream
            app.wait_for("still streaming")
            began = time.monotonic()
            app.leave()
        case "closed terminal":
            os.close(app.fd)
            app.fd = -1
            done, status = os.waitpid(app.pid, 0)
            assert done
            app.status = os.waitstatus_to_exitcode(status)
        case "SIGTERM" | "SIGHUP":
            os.kill(app.pid, getattr(signal, end))
            app.wait_for_end()
        case _:
            os.write(app.fd, next(key for key, of in SCREENS.items() if of[0] in end).encode())
            app.wait_for_end()
    return time.monotonic() - began


@pytest.mark.parametrize("end", [*ENDS, *LONG_ENDS])
async def test_replies_are_saved_and_stopped(
    end: str, start_demo_server: Any, fresh_key: Callable[..., str], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    if end in LONG_ENDS and not pytestconfig.getoption("--long"):
        pytest.skip("one of the longest forms")
    base_url, key = start_demo_server("--slow-rate", "60", "--generation-delay", "0.1"), fresh_key()
    app = TerminalApp(tmp_path / "home", {"OPENROUTER_BASE_URL": base_url, "OPENROUTER_API_KEY": key})
    try:
        await asyncio.to_thread(_stream_two, app, end)
        took = await asyncio.to_thread(end_it, app, end)
    finally:
        app.close()
    assert app.status == STATUS.get(end, 1)
    assert took < LIMIT_S
    if end != "closed terminal":
        after = bytes(app.written[app.written.rindex(b"\x1b[?1049l") :])
        assert b"\x1b[?25h" in app.written[app.written.rindex(b"\x1b[?25") :], "the cursor is hidden"
        assert b"\x1b[?2004l" in app.written and b"Traceback" not in after
        assert ("report without keys or messages is in" in after.decode()) is end.startswith("exception")
    for file in (one for one in (tmp_path / "home").rglob("*") if one.is_file()):
        assert key.encode() not in file.read_bytes(), file
        assert file.suffix == ".db" or b"secret prompt" not in file.read_bytes(), file
    connection = sqlite3.connect(tmp_path / "home" / "data" / "ortui.db")
    replies = connection.execute("SELECT state, text FROM message WHERE role = 'assistant'").fetchall()
    requests = connection.execute("SELECT state FROM request").fetchall()
    connection.close()
    assert [state for state, _ in replies] == ["stopped"] * 2
    assert all(len(text) > 20 for _, text in replies)
    assert {state for (state,) in requests} <= {"awaited", "billed"} and len(requests) == 2
    deadline = time.monotonic() + 10
    books = Books(base_url, key)
    while [row["cancelled"] for row in await books.log()] != [True, True]:
        assert time.monotonic() < deadline, await books.log()
        await asyncio.sleep(0.02)


def _stream_two(app: TerminalApp, end: str) -> None:
    """Have two replies stream, one of them on the screen."""
    module, screen = next((of for of in SCREENS.values() if of[0] in end), (None, None))
    app.start(program=AUDITED + (BREAKS.format(module=module, screen=screen) if module else "sys.exit(main())"))
    app.wait_for(r"\d of \d")
    pick(app, "demo/slow")
    app.wait_for("Talk to")
    app.press("Question 1", "\r")
    app.wait_for(r"tok/s")
    app.press("\x0e")
    app.wait_for("Talk to")
    app.press("Question 2", "\r")
    app.wait_for("2× ~")
    # Of the second, too, something has come, and been stored.
    app.wait_for(r"tok/s · \d+(\.\d)? s · esc stop")
    app.settle(0.3, 1.0)
