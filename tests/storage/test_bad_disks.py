"""Replies while the disk fills up or the file is locked: it is said, they are shown, and nothing is deleted."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")

TESTS = Path(__file__).parents[1]
CHILD = """
import asyncio, json, os, resource, signal, sqlite3, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tui.database.thread import Database
from worker_host import Host, make_settings

root, how = Path(sys.argv[2]), sys.argv[5]

def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = max(file.stat().st_size for file in root.glob("ortui.db*")) + 3 * 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

async def main():
    settings = make_settings(root, sys.argv[3], sys.argv[4])
    host = Host(settings, database=Database(settings.folders.database, busy_s=0.1))
    await host.start()
    first = await host.reply(host.ask("demo/plain", "Before"))
    other = None
    if how == "full":
        limit()
    elif how == "locked":
        other = sqlite3.connect(root / "ortui.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
    asks = [host.ask("demo/plain", "After " + "x" * 40_000) for _ in range(3)]
    ended = [await host.reply(ask, within_s=60) for ask in asks]
    if other is not None:
        other.execute("ROLLBACK")
        last = await host.reply(host.ask("demo/plain", "Later"), within_s=60)
    else:
        last = first
    print(json.dumps({
        "first": first.state.value,
        "states": [one.state.value for one in ended],
        "said": [str(one.failure.message) for one in ended if one.failure] + host.notices(),
        "last": last.state.value,
    }), flush=True)
    await host.close()

asyncio.run(main())
"""


@pytest.fixture
def run(demo_server: str, fresh_key: Callable[..., str], tmp_path: Path) -> Callable[[str], Any]:
    """Ask one question, spoil the disk, ask three more: what became of them."""

    def once(how: str) -> Any:
        command = [sys.executable, "-c", CHILD, str(TESTS / "worker"), str(tmp_path), demo_server, fresh_key(), how]
        environment = os.environ | {"PYTHONPATH": str(TESTS.parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    return once


def assert_kept(root: Path) -> None:
    """What was written before is there, and the file is whole."""
    connection = sqlite3.connect(root / "ortui.db")
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    texts = [row[0] for row in connection.execute("SELECT text FROM message ORDER BY number")]
    assert texts[0] == "Before" and texts[1]
    assert connection.execute("SELECT state FROM request ORDER BY number LIMIT 1").fetchone()[0] == "billed"
    connection.close()
    assert not list(root.glob("*damaged*"))


def test_a_disk_that_fills_up(run: Callable[[str], Any], tmp_path: Path) -> None:
    found = run("full")
    assert found["first"] == "done"
    assert "failed" in found["states"], "the limit was never met"
    assert any("disk" in said for said in found["said"]), found["said"]
    assert_kept(tmp_path)


def test_a_database_that_another_program_locks(run: Callable[[str], Any], tmp_path: Path) -> None:
    """Nothing is sent that could not be written down; once the lock is gone, it goes on."""
    found = run("locked")
    assert found["states"] == ["failed"] * 3
    assert any("locked" in said for said in found["said"]), found["said"]
    assert found["last"] == "done"
    assert_kept(tmp_path)
