"""kill -9 at random moments under load: the database opens, nothing is half, and at most 250 ms of text are lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from worker_host import Host, make_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

LOSS_S = 0.25
CHILD = """
import asyncio, json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from worker_host import Host, make_settings
from tui.core.commands import RefreshCatalogue, Remember

async def main():
    host = Host(make_settings(Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
    await host.start()
    asks = [host.ask("demo/slow", f"Question {n}") for n in range(3)]
    await host.until(lambda: all(host.state.open.get(a.conversation_id) and host.message(a).text for a in asks))
    n = 0
    while True:
        n += 1
        if n % 5 == 0:
            host.worker.submit(Remember(name=f"n{n % 7}", value="x" * 2000))
        if n % 40 == 0:
            host.worker.submit(RefreshCatalogue())
            asyncio.ensure_future(host.embed("demo/embed-plain", [f"text {n} {i}" for i in range(20)]))
            host.ask("demo/plain", "Quickly")
        print(json.dumps([time.time(), {a.reply_id: len(host.message(a).text) for a in asks}]), flush=True)
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


async def test_killed_at_random_moments(
    start_demo_server: Any, fresh_key: Callable[..., str], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """One database through all of it: four times here, 200 times with `--long`."""
    times = 200 if pytestconfig.getoption("--long") else 4
    base_url, key = start_demo_server("--slow-rate", "200", "--generation-delay", "0.1"), fresh_key()
    when = random.Random(7)
    seen = 0
    for _ in range(times):
        shown, killed_at = await asyncio.to_thread(_run_and_kill, base_url, key, tmp_path, when.uniform(0.05, 1.2))
        _assert_sound(tmp_path / "ortui.db")
        host = Host(make_settings(tmp_path, base_url, key))
        try:
            await host.start(catalogue=False)
            assert not host.database.in_memory and host.database.notice is None
            for reply_id, length in _surely_kept(shown, killed_at).items():
                [message] = await host.rows("SELECT text, state FROM message WHERE id = ?", reply_id)
                assert len(message["text"]) >= length > 0
                assert message["state"] == "cut_off"
                seen += 1
            assert "reserved" not in await host.states()
            assert await host.rows("SELECT * FROM reply_part") == []
            assert await host.rows("SELECT id FROM message WHERE state IN ('waiting', 'streaming')") == []
        finally:
            await host.close()
        _assert_sound(tmp_path / "ortui.db")
    assert seen >= times, "nothing was shown before it was killed"
    assert not list(tmp_path.glob("*damaged*"))


def _run_and_kill(base_url: str, key: str, root: Path, after_s: float) -> tuple[list[Any], float]:
    """What the process showed and when, and when it was killed (Unix seconds)."""
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(tests.parent)}
    command = [sys.executable, "-c", CHILD, str(tests / "worker"), str(root), base_url, key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        end = time.monotonic() + after_s
        while time.monotonic() < end:
            lines.append(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        killed = time.time()
        lines += child.stdout.readlines()
    return [json.loads(line) for line in lines if line.endswith("\n")], killed


def _surely_kept(shown: list[Any], killed_at: float) -> dict[str, int]:
    """How long each reply was on the screen, so much before the end that it has to be there.

    For as long as the machine let the process wait, it could neither show nor write.
    """
    late = [at for at, _ in shown if at > killed_at - 1.0] + [killed_at]
    held_up = max((after - before for before, after in pairwise(late)), default=0.0)
    kept: dict[str, int] = {}
    for at, lengths in shown:
        if at <= killed_at - LOSS_S - held_up:
            kept = lengths
    return kept


def _assert_sound(path: Path) -> None:
    """Whole by SQLite's own word, every reference kept, the sums those of the rows, the search that of the texts."""
    from tui.database.sums import rebuild

    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO message_search (message_search, rank) VALUES ('integrity-check', 0)")
        found = {row[0] for row in connection.execute("SELECT id FROM message_search_docsize")}
        assert found == {row[0] for row in connection.execute("SELECT number FROM message WHERE text <> ''")}
        # Ids of 32 hexadecimal digits are kept as 16 bytes.
        half = (
            "SELECT count(*) FROM request WHERE lower(hex(message_id)) NOT IN (SELECT id FROM message UNION SELECT '')"
        )
        assert connection.execute(half).fetchone()[0] == 0
        orphan = (
            "SELECT count(*) FROM message WHERE parent_id IS NOT NULL AND parent_id NOT IN (SELECT id FROM message)"
        )
        assert connection.execute(orphan).fetchone()[0] == 0
        tables = ("day_total", "day_sum", "conversation_sum", "session_sum")
        before = {name: _rows(connection, name) for name in tables}
        connection.execute("BEGIN")
        rebuild(connection, tables)
        after = {name: _rows(connection, name) for name in tables}
        connection.execute("ROLLBACK")
        assert before == after
    finally:
        connection.close()


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table of sums, amounts as numbers, sums of nothing left out."""
    found = []
    for row in connection.execute(f"SELECT * FROM {table}"):
        values = {name: row[name] for name in row.keys()}  # noqa: SIM118
        if values["requests"]:
            found.append(tuple(round(float(v), 9) if n.endswith("_usd") else v for n, v in sorted(values.items())))
    return sorted(found, key=repr)
