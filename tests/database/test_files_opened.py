"""Opening: new, damaged, locked, read-only, full and foreign files."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.database import settings_store
from tui.database.columns import data_version, file_marks, transaction
from tui.database.opening import check_marker
from tui.database.schema import APPLICATION_ID, MIGRATIONS, NewerSchema, migrate
from tui.database.thread import Database, DatabaseClosed, StorageFailed

ROOT = Path(__file__).parents[2]


def remember(database: Database, value: object) -> None:
    database.run_sync(settings_store.remember, "k", value)


def kept(path: Path) -> object:
    database = Database(path)
    try:
        return database.run_sync(settings_store.remembered, "k")
    finally:
        database.close()


def make(path: Path, value: object = 1) -> None:
    database = Database(path)
    remember(database, value)
    database.close()


def aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("ortui-damaged-*"))


def test_a_new_file_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "ortui.db"
    database = Database(path)
    remember(database, 1)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert set(modes) == {"ortui.db", "ortui.db-wal", "ortui.db-shm", "ortui.db.use"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (database.notice, database.ask_first, database.in_memory) == (None, False, False)
    database.close()
    path.chmod(0o644)
    assert kept(path) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make(tmp_path / "ortui.db")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_how_it_is_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "ortui.db")
    pragmas = database.run_sync(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "user_version", "application_id")
        ]
    )
    assert pragmas == ["wal", 1, 1, len(MIGRATIONS), APPLICATION_ID]
    database.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"this is no database at all" * 400,
        lambda whole: whole[:100] + os.urandom(len(whole) - 100),
        lambda whole: b"\xff" * 4096 + whole[4096:],
    ],
    ids=["text", "noise after the header", "first page gone"],
)
def test_a_damaged_file_is_moved_aside_and_said_so(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "ortui.db"
    make(path)
    broken = damage(path.read_bytes())
    path.write_bytes(broken)
    database = Database(path)
    database.open_sync()
    (moved,) = [one for one in aside(tmp_path) if one.suffix == ".db"]
    assert moved.read_bytes() == broken
    assert database.notice is not None
    assert str(moved) in database.notice
    assert database.ask_first
    assert not database.in_memory
    remember(database, 2)
    database.close()
    assert kept(path) == 2
    assert len([one for one in aside(tmp_path) if one.suffix == ".db"]) == 1


def test_side_files_go_along_with_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    path.write_bytes(b"no database" * 1000)
    (tmp_path / "ortui.db-wal").write_bytes(b"wal")
    (tmp_path / "ortui.db-shm").write_bytes(b"shm")
    database = Database(path)
    database.open_sync()
    assert len(aside(tmp_path)) == 3
    assert next(one for one in aside(tmp_path) if one.name.endswith("-wal")).read_bytes() == b"wal"
    assert not list(tmp_path.glob("*.kept"))
    database.close()


def test_a_damaged_file_that_another_process_uses_stays(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    first = Database(path)
    remember(first, 1)
    first.run_sync(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    second = Database(path, busy_s=0.05)
    with path.open("r+b") as file:
        file.write(b"\0" * 100)
    second.open_sync()
    assert second.in_memory
    assert second.ask_first
    assert second.notice is not None
    assert "damaged" in second.notice
    assert aside(tmp_path) == []
    second.close()
    first.close()


def test_damage_found_while_running_is_looked_for_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    database = Database(path)

    def meets_damage(connection: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with pytest.raises(StorageFailed) as failed:
        database.run_sync(meets_damage)
    assert failed.value.is_damage
    assert check_marker(path).exists()
    database.close()
    database = Database(path)
    database.open_sync()
    assert database.notice is None
    assert not check_marker(path).exists()
    database.close()


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    path.touch()
    make(path, 3)
    assert kept(path) == 3
    assert aside(tmp_path) == []


def test_a_locked_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    make(path)
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("PRAGMA locking_mode = EXCLUSIVE")
    locker.execute("BEGIN EXCLUSIVE")
    database = Database(path, busy_s=0.05)
    database.open_sync()
    assert database.notice is not None
    assert "locked" in database.notice
    assert database.in_memory
    assert database.ask_first
    remember(database, 9)
    database.close()
    locker.execute("ROLLBACK")
    locker.close()
    assert kept(path) == 1
    assert aside(tmp_path) == []


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    make(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    database = Database(path)
    database.open_sync()
    assert database.notice is not None
    assert "later version" in database.notice
    assert database.in_memory
    database.close()
    assert path.read_bytes() == before


def test_the_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    database = Database(path)
    database.open_sync()
    assert database.notice is not None
    assert "another program" in database.notice
    database.close()
    connection = sqlite3.connect(path)
    assert [row[0] for row in connection.execute("SELECT name FROM sqlite_schema")] == ["theirs"]
    connection.close()


def test_a_folder_that_cannot_be_made_means_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = Database(tmp_path / "file" / "ortui.db")
    database.open_sync()
    assert database.in_memory
    assert database.notice is not None
    database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
@pytest.mark.parametrize("mode", [(0o500, 0o400), (0o500, 0o600), (0o000, 0o600)])
def test_a_read_only_place_means_memory(tmp_path: Path, mode: tuple[int, int]) -> None:
    path = tmp_path / "data" / "ortui.db"
    make(path)
    program = f"""
        import os
        from pathlib import Path
        from tui.database.thread import Database
        from tui.database import settings_store
        # Everything is imported before: that other user may not be able to read the folders of programs.
        before = Database(None)
        before.run_sync(settings_store.remember, "k", 5)
        before.close()
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        database = Database(Path({str(path)!r}), busy_s=0.05)
        database.open_sync()
        database.run_sync(settings_store.remember, "k", 5)
        print(database.in_memory, database.ask_first, database.notice)
        database.close()
        """
    if os.geteuid() == 0:
        for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
            folder.chmod(0o755)
        for one in (path.parent, *path.parent.iterdir()):
            os.chown(one, 65534, 65534)
    before = path.read_bytes()
    path.chmod(mode[1])
    path.parent.chmod(mode[0])
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=30,
            check=False,
        )
    finally:
        path.parent.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True True The database"), done.stdout
    assert path.read_bytes() == before


def test_a_full_disk_is_said_and_leaves_no_half(tmp_path: Path) -> None:
    database = Database(tmp_path / "ortui.db")
    remember(database, "before")
    database.run_sync(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())

    def write_much(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            settings_store.remember(connection, "k", "after")
            settings_store.remember(connection, "big", "x" * 2_000_000)

    with pytest.raises(StorageFailed, match="disk is full"):
        database.run_sync(write_much)
    assert database.run_sync(settings_store.remembered, "k") == "before"
    database.close()


def test_memory_only_asks_first() -> None:
    database = Database(None)
    database.open_sync()
    assert (database.in_memory, database.ask_first, database.notice) == (True, True, None)
    database.close()


def test_a_migration_keeps_a_copy_and_is_one_step(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    make(path, "old")

    def breaks(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        raise RuntimeError

    def works(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE added (x)")

    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(RuntimeError):
        migrate(connection, path, (*MIGRATIONS, works, breaks))
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    assert not names & {"half", "added"}
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    copy = migrate(connection, path, (*MIGRATIONS, works))
    assert copy is not None
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
    with pytest.raises(NewerSchema):
        migrate(connection, path)
    connection.close()
    assert kept(copy) == "old"


def test_two_processes_may_begin_the_file_together(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    databases = [Database(path) for _ in range(6)]
    threads = [threading.Thread(target=database.open_sync) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [database.notice for database in databases] == [None] * 6
    seen = databases[1].run_sync(data_version)
    marks = file_marks(path)
    databases[0].run_sync(settings_store.remembered, "k")
    assert file_marks(path) == marks, "nobody has written"
    remember(databases[0], 4)
    assert file_marks(path) != marks
    assert databases[1].run_sync(data_version) != seen
    assert databases[1].run_sync(settings_store.remembered, "k") == 4
    for database in databases:
        database.close()


async def test_units_run_in_order_and_close_waits_for_them(tmp_path: Path) -> None:
    database = Database(tmp_path / "ortui.db")
    done: list[int] = []
    for number in range(20):
        database.post(lambda connection, number: done.append(number), number)
    await database.aclose()
    assert done == list(range(20))
    database.close()
    with pytest.raises(DatabaseClosed):
        await database.open()


async def test_a_cancelled_caller_stops_no_unit(tmp_path: Path) -> None:
    import asyncio

    database = Database(tmp_path / "ortui.db")
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def block(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(5)

    first = asyncio.create_task(database.run(block))
    await begun.wait()
    second = asyncio.create_task(database.run(settings_store.remember, "k", "written"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    assert await database.run(settings_store.remembered, "k") == "written"
    await database.aclose()


def test_a_unit_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    database = Database(tmp_path / "ortui.db")

    def forgets(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        settings_store.remember(connection, "k", "half")
        raise KeyError("k")

    with pytest.raises(KeyError):
        database.run_sync(forgets)
    assert database.run_sync(settings_store.remembered, "k") is None
    remember(database, "whole")
    database.close()


def test_what_is_due_later_waits_for_no_event_loop_and_for_no_queue() -> None:
    database = Database(None)
    database.open_sync()
    order: list[str] = []
    later = database.post_later(0.05, lambda _: order.append("later"))

    def queued(_: sqlite3.Connection) -> None:
        time.sleep(0.01)
        order.append("queued")

    for _ in range(40):
        database.post(queued)
    later.result(timeout=5)  # nobody runs a loop here
    assert 0 < order.index("later") < 40
    database.post_later(60.0, lambda _: order.append("at the end"))
    database.post_later(50.0, lambda _: order.append("before that"))
    began = time.monotonic()
    database.close()
    assert time.monotonic() - began < 10
    assert order[-2:] == ["before that", "at the end"]
    with pytest.raises(DatabaseClosed):
        database.post_later(0.0, lambda _: None)
