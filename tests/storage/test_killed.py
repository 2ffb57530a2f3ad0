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
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from worker_host import Host, make_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

LOSS_S = 0.25
CHILD = """
import asyncio, json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from worker_host import Host, make_settings
from tui.core.commands import RefreshCatalogue, Remember
from tui.worker.turn_record import TurnRecord

grown = TurnRecord.grown
def received(self, reply):
    os.write(1, (json.dumps([time.monotonic(), self._ask.reply_id, reply.characters]) + "\\n").encode())
    grown(self, reply)
TurnRecord.grown = received

async def main():
    host = Host(make_settings(Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
    await host.start()
    for n in range(3):
        host.ask("demo/slow", f"Question {n}")
    n = 0
    while True:
        n += 1
        if n % 5 == 0:
            host.worker.submit(Remember(name=f"n{n % 7}", value="x" * 2000))
        if n % 40 == 0:
            host.worker.submit(RefreshCatalogue())
            asyncio.ensure_future(host.embed("demo/embed-plain", [f"text {n} {i}" for i in range(20)]))
            host.ask("demo/plain", "Quickly")
        await asyncio.sleep(0.01)

asyncio.run(main())
"""
Received = tuple[float, str, int]
"""When (monotonic seconds), which reply, and how many characters had come of it by then."""


class Pauses:
    """How long this machine lets a program wait that has nothing to do but to wake up: the killed one is no better off.

    It stands beside the killed process, so that what that itself is slow at is not excused.
    """

    def __init__(self) -> None:
        self._ends = False
        self._late: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._beat)

    def __enter__(self) -> Pauses:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends = True
        self._thread.join()

    def _beat(self) -> None:
        while not self._ends:
            due = time.monotonic() + 0.005
            time.sleep(0.005)
            self._late.append((time.monotonic(), time.monotonic() - due))

    def before(self, at: float) -> float:
        """The sum of what it waited too long in the last half second before."""
        return sum(late for when, late in self._late if at - 0.5 < when < at + 0.02 and late > 0.005)


async def test_killed_at_random_moments(
    start_demo_server: Any, fresh_key: Callable[..., str], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """One database through all of it: four times here, 200 times with `--long`."""
    times = 200 if pytestconfig.getoption("--long") else 4
    base_url, key = start_demo_server("--slow-rate", "200", "--generation-delay", "0.1"), fresh_key()
    when = random.Random(7)
    seen = 0
    lost: list[float] = []
    for _ in range(times):
        with Pauses() as pauses:
            received, killed_at = await asyncio.to_thread(
                _run_and_kill, base_url, key, tmp_path, when.uniform(0.3, 1.5)
            )
        _assert_sound(tmp_path / "ortui.db")
        host = Host(make_settings(tmp_path, base_url, key))
        try:
            await host.start(catalogue=False)
            assert not host.database.in_memory and host.database.notice is None
            waited = pauses.before(killed_at)
            for reply_id, come in _by_reply(received).items():
                [message] = await host.rows("SELECT text, state FROM message WHERE id = ?", reply_id)
                missing = [at for at, characters in come if characters > len(message["text"])]
                lost.append(killed_at - missing[0] if missing else 0.0)
                assert lost[-1] <= LOSS_S + waited, f"{lost[-1] * 1000:.0f} ms, the machine paused {waited * 1000:.0f}"
                wanted = "done" if not missing and message["state"] == "done" else "cut_off"
                assert message["state"] == (wanted if message["text"] else "unknown")
                seen += message["state"] == "cut_off"
            assert "reserved" not in await host.states()
            assert await host.rows("SELECT * FROM reply_part") == []
            assert await host.rows("SELECT id FROM message WHERE state IN ('waiting', 'streaming')") == []
        finally:
            await host.close()
        _assert_sound(tmp_path / "ortui.db")
    assert seen >= times, "nothing had come before it was killed"
    lost.sort()
    print(
        f"{times} kills, {len(lost)} replies: lost {lost[len(lost) // 2] * 1000:.0f} ms, at most {lost[-1] * 1000:.0f}"
    )
    assert not list(tmp_path.glob("*damaged*"))


def _run_and_kill(base_url: str, key: str, root: Path, after_s: float) -> tuple[list[Received], float]:
    """What the process received, and when it was killed (monotonic seconds); the time runs from the first text on."""
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(tests.parent)}
    command = [sys.executable, "-c", CHILD, str(tests / "worker"), str(root), base_url, key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        end = time.monotonic() + after_s
        while time.monotonic() < end:
            lines.append(child.stdout.readline())
        killed = time.monotonic()
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    return [tuple(json.loads(line)) for line in lines if line.endswith("\n")], killed


def _by_reply(received: list[Received]) -> dict[str, list[tuple[float, int]]]:
    found: dict[str, list[tuple[float, int]]] = {}
    for at, reply_id, characters in received:
        found.setdefault(reply_id, []).append((at, characters))
    return found


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
