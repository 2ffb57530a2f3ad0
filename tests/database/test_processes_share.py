"""Several processes on one file: limits, budgets, and putting right what a killed one left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tui.core.conversation import ConversationSettings, Message, MessageState
from tui.core.ledger import NewRequest, RequestKind, RequestState
from tui.database import chats, ledger
from tui.database.processes import FileLock, Process, if_dead, remove_stale_locks
from tui.database.recovery import recover
from tui.database.request_rows import last_requests
from tui.database.search import search
from tui.database.thread import Database
from tui.openrouter.text import Clean, Opaque

ROOT = Path(__file__).parents[2]
ORIGIN = "https://example.test"
PRELUDE = """
    import sys, time
    from decimal import Decimal
    from pathlib import Path
    from tui.core.conversation import *
    from tui.core.ledger import *
    from tui.database import chats, ledger
    from tui.database.limits import take
    from tui.database.processes import Process
    from tui.database.thread import Database
    from tui.openrouter.text import Clean, Opaque
    folder = Path(sys.argv[1])
    process = Process(folder / "run")
    database = Database(folder / "ortui.db", busy_s=20)
    def request(id, message_id=None):
        return NewRequest(id=id, kind=RequestKind.CHAT, origin="https://example.test", created_at=time.time(),
            model=Opaque("a/b"), message_id=message_id, reserve_usd=Decimal("0.1"), estimate_usd=Decimal("0.05"))
    def reserve(new, limits={}):
        return database.run_sync(
            ledger.reserve, new, limits=limits, action="block", process=process.id, now=time.time())
    """


def start(folder: Path, program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(program), str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def finish(child: subprocess.Popen[str]) -> None:
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0, out


def test_processes_share_limits_and_budgets(tmp_path: Path) -> None:
    program = """
        reserved = taken = 0
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(30):
            new = request(f"{process.id}-{number}")
            reserved += isinstance(reserve(new, {"day": Decimal("2")}), Reserved)
            most = KeyLimits(req_per_min=25)
            place = Take(request_id=new.id, account="a", key_tail=Clean("…"), limits=most, tokens=1)
            taken += isinstance(database.run_sync(take, place, time.time()), Taken)
        print(reserved, taken, flush=True)
        database.close()
        """
    children = [start(tmp_path, program) for _ in range(2)]
    assert [line(child) for child in children] == ["ready"] * 2
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    results = [[int(word) for word in line(child).split()] for child in children]
    for child in children:
        finish(child)
    assert [sum(column) for column in zip(*results, strict=True)] == [20, 25]


KILLED = """
    settings = ConversationSettings(model=Opaque("a/b"))
    def reply(id):
        return Message(id=id, conversation_id="c", parent_id=None, role="assistant", text=Clean(""), created_at=1.0,
            state=MessageState.WAITING)
    database.run_sync(chats.create, "c", title=Clean("t"), settings=settings, now=1.0)
    for name in ("streaming", "sent", "queued"):
        database.run_sync(chats.add_message, reply(name), process=process.id)
        reserve(request("request of " + name, name))
        if name != "queued":
            database.run_sync(ledger.mark_sent, "request of " + name, time.time())
    database.run_sync(ledger.note_answer, "request of streaming", generation_id=Opaque("gen-7"))
    print(process.id, flush=True)
    number = 0
    while True:
        database.run_sync(chats.append_parts, [("streaming", number, "text", Clean(f"word{number} "))])
        number += 1
        print(number, flush=True)
    """


@pytest.mark.parametrize("parts", [1, 17])
def test_what_a_killed_process_left_is_put_right(tmp_path: Path, parts: int) -> None:
    child = start(tmp_path, KILLED)
    process_id = line(child)
    while int(line(child)) < parts:
        pass
    database = Database(tmp_path / "ortui.db")
    run_folder = tmp_path / "run"

    # As long as it lives nobody touches what is its own.
    assert database.run_sync(recover, run_folder, time.time()).messages == 0
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = database.run_sync(recover, run_folder, time.time())
    assert (done.messages, done.requests) == (3, 3)
    assert not (run_folder / f"{process_id}.lock").exists()

    assert child.stdout is not None
    told = [int(one) for one in child.stdout.read().split()] or [parts]
    child.stdout.close()
    assert child.stdin is not None
    child.stdin.close()
    streaming, sent, queued = (database.run_sync(chats.message_of, name) for name in ("streaming", "sent", "queued"))
    assert streaming is not None
    assert sent is not None
    assert queued is not None
    assert streaming.state is MessageState.CUT_OFF
    words = streaming.text.split()
    assert len(words) >= max(told[-1], parts)  # no text that was written down is lost
    assert words == [f"word{number}" for number in range(len(words))]
    assert (sent.state, queued.state) == (MessageState.UNKNOWN, MessageState.FAILED)
    assert queued.failure is not None
    assert database.run_sync(search, "word0")
    states = {row.id: row.state for row in database.run_sync(last_requests, ORIGIN)}
    assert states == {
        "request of streaming": RequestState.AWAITED,
        "request of sent": RequestState.AWAITED,
        "request of queued": RequestState.FREE,
    }
    first = database.run_sync(ledger.awaiting, ORIGIN)[0]
    assert first.generation_id == Opaque("gen-7")
    assert database.run_sync(ledger.open_requests, ORIGIN, "", time.time()).reserved_usd["day"] == Decimal("0.2")
    assert database.run_sync(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"

    # A second time there is nothing left to do.
    assert database.run_sync(recover, run_folder, time.time()).messages == 0
    database.close()


def test_ones_own_rows_are_never_recovered(tmp_path: Path) -> None:
    process = Process(tmp_path / "run")
    database = Database(tmp_path / "ortui.db")
    new = NewRequest(
        id="r",
        kind=RequestKind.CHAT,
        origin=ORIGIN,
        created_at=1.0,
        model=Opaque("m"),
        reserve_usd=Decimal(1),
        estimate_usd=Decimal(1),
    )
    database.run_sync(ledger.reserve, new, limits={}, action="block", process=process.id, now=1.0)
    assert database.run_sync(recover, tmp_path / "run", time.time()).requests == 0
    process.end()
    assert database.run_sync(recover, tmp_path / "run", time.time()).requests == 1
    database.close()


def test_a_message_that_nobody_owns_is_closed(tmp_path: Path) -> None:
    database = Database(tmp_path / "ortui.db")
    database.run_sync(chats.create, "c", title=Clean(""), settings=ConversationSettings(), now=1.0)
    orphan = Message(
        id="m",
        conversation_id="c",
        parent_id=None,
        role="assistant",
        text=Clean("half"),
        created_at=1.0,
        state=MessageState.STREAMING,
    )
    database.run_sync(chats.add_message, orphan)
    (tmp_path / "run").mkdir()
    assert database.run_sync(recover, tmp_path / "run", 2.0).messages == 1
    found = database.run_sync(chats.message_of, "m")
    assert found is not None
    assert found.state is MessageState.CUT_OFF
    database.close()


def test_lock_files_of_ended_processes_are_removed(tmp_path: Path) -> None:
    living = Process(tmp_path)
    (tmp_path / f"{'0' * 32}.lock").touch()
    (tmp_path / "unrelated.lock").touch()
    assert remove_stale_locks(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {f"{living.id}.lock", "unrelated.lock"}
    with if_dead(tmp_path, living.id) as dead:
        assert not dead
    living.end()
    with if_dead(tmp_path, living.id) as dead:
        assert dead
    assert {path.name for path in tmp_path.iterdir()} == {"unrelated.lock"}


def test_a_lock_that_its_holder_removes_is_not_held_by_two(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x"), FileLock(tmp_path / "x")
    assert first.take()
    assert not second.take()
    first.release(remove=True)
    assert second.take()
    assert not FileLock(tmp_path / "x").take()
    second.release()
    assert first.take(shared=True)
    assert second.take(shared=True)
    assert not FileLock(tmp_path / "x").take(wait_s=0.02)
    first.release()
    second.release()


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    process = Process(tmp_path)
    child = subprocess.Popen(["sleep", "30"])
    lock = process._lock
    assert lock is not None
    assert lock._descriptor is not None
    assert not os.get_inheritable(lock._descriptor)
    os.close(lock._descriptor)
    lock._descriptor = None
    with if_dead(tmp_path, process.id) as dead:
        assert dead
    child.kill()
    child.wait()
