"""Opening the database file, and what happens when that cannot be done.

Only a file that SQLite itself calls corrupt or no database is damaged: it is moved aside, never deleted. A file that is
locked, full, read-only or of a later version stays where it is, and this process works in memory.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from tui.database.processes import FileLock
from tui.database.schema import NewerSchema, OtherProgram, migrate
from tui.openrouter.text import Clean, clean_line

_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "another program has locked it",
    sqlite3.SQLITE_LOCKED: "another program has locked it",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it cannot be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
}
_SIDE_FILES: Final = ("", "-wal", "-shm")
_REPLACED_AT: Final = "database_replaced_at"


class Opened(msgspec.Struct, frozen=True):
    """A connection, and what the user must hear about it."""

    connection: sqlite3.Connection
    in_memory: bool
    notice: Clean | None = None
    ask_first: bool = False
    """Earlier spending is not known, so that every paid request is asked about."""
    replaced_at: float | None = None
    """When a damaged file was last replaced by a new one (Unix seconds): what was spent before is not in it."""
    use: FileLock | None = None
    """Held while the file is open, so that nobody moves it away."""


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 1 (generic) when the error did not come from the library."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file's contents are broken."""
    return primary_code(error) in _DAMAGED


def reason_of(error: sqlite3.Error) -> str:
    """Half a sentence for what stands in the way."""
    return _REASONS.get(primary_code(error), str(error))


def check_marker(path: Path) -> Path:
    """Lies beside a file in which damage was met while running: the next start looks through all of it."""
    return path.with_name(path.name + ".check")


def open_database(path: Path | None, *, busy_s: float) -> Opened:
    """Open or make the file, or answer with a database in memory and the sentence that says why."""
    if path is None:
        return Opened(_in_memory(), True, ask_first=True)
    use = FileLock(path.with_name(path.name + ".use"))
    try:
        return _open_or_replace(path, use, busy_s)
    except sqlite3.Error as error:
        reason = reason_of(error)
    except OSError as error:
        reason = f"it cannot be opened ({error.strerror or type(error).__name__})"
    except NewerSchema:
        reason = "a later version of ortui has written it"
    except OtherProgram:
        reason = "it belongs to another program"
    use.release()
    return Opened(
        _in_memory(),
        True,
        clean_line(
            f"The database {path} is not used: {reason}. What happens now is kept in memory only and lost at the end; "
            "earlier spending is not known, so every paid request is asked about first."
        ),
        ask_first=True,
    )


def _open_or_replace(path: Path, use: FileLock, busy_s: float) -> Opened:
    """Open the file while sharing its use; a damaged one is moved away while nobody else uses it, and begun anew."""
    _make_private(path)
    deadline = time.monotonic() + busy_s
    damage: sqlite3.DatabaseError | None = None
    while True:
        if use.take(shared=True, wait_s=busy_s):
            try:
                connection = _open_file(path, busy_s)
                return Opened(connection, False, replaced_at=_replaced_at(connection), use=use)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                damage = error
            use.release()
        if use.take(wait_s=0.05):
            break
        if time.monotonic() >= deadline:
            raise sqlite3.OperationalError("it is damaged, and another ortui still has it open") from damage
    return _replace(path, use, busy_s)


def _replace(path: Path, use: FileLock, busy_s: float) -> Opened:
    notice = None
    try:
        connection = _open_file(path, busy_s)  # perhaps somebody has just replaced it
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = _move_aside(path)
        connection = _open_file(path, busy_s)
        connection.execute(
            "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", (_REPLACED_AT, repr(time.time()))
        )
        notice = clean_line(
            f"The database was damaged and is now kept as {aside}. A new one was begun: earlier conversations and "
            "spending are not in it, so every paid request is asked about first."
        )
    use.release()
    use.take(shared=True, wait_s=busy_s)
    replaced_at = _replaced_at(connection)
    return Opened(connection, False, notice, ask_first=notice is not None, replaced_at=replaced_at, use=use)


def _replaced_at(connection: sqlite3.Connection) -> float | None:
    row = connection.execute("SELECT value FROM setting WHERE key = ?", (_REPLACED_AT,)).fetchone()
    try:
        return None if row is None else float(row[0])
    except (ValueError, TypeError):
        return None


def _open_file(path: Path, busy_s: float) -> sqlite3.Connection:
    _make_private(path)
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, cached_statements=256)
    try:
        _prepare(connection)
        _write_ahead(connection, busy_s)
        if check_marker(path).exists():
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise _damage()
            check_marker(path).unlink(missing_ok=True)
        migrate(connection, path)
        _probe(connection)
    except BaseException as error:
        if isinstance(error, sqlite3.Error) and is_damage(error):
            _keep_side_files(path)
        connection.close()
        raise
    return connection


def _damage() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("quick_check found damage")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    _prepare(connection)
    migrate(connection, None)
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    # Text that is no UTF-8 (another program's doing) must not make a whole conversation unreadable.
    connection.text_factory = _text
    connection.execute("PRAGMA foreign_keys = ON")


def _text(column: bytes) -> str:
    return column.decode("utf-8", "replace")


def _write_ahead(connection: sqlite3.Connection, busy_s: float) -> None:
    """WAL, so that other processes read while one writes.

    `synchronous = NORMAL` leaves out the flush at each commit: nothing that was committed is lost when the process
    dies, whatever kills it. Only when the machine loses power may the last moments be missing, and the file stays
    whole; a flush ten times a second for arriving text would be a high price for that.
    """
    deadline = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:  # changing the mode does not wait for other processes by itself
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 16777216")


def _probe(connection: sqlite3.Connection) -> None:
    """Meet damage and missing rights now rather than in the middle of a reply: read each table's end, take the lock."""
    for table in ("word", "request", "try", "conversation", "message", "snapshot", "vector", "model_mark"):
        connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()  # noqa: S608 - our names
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


def _make_private(path: Path) -> None:
    """0600, in a 0700 folder where we make it; SQLite gives its side files the mode of the file.

    A folder that was there before keeps its mode: it may be shared on purpose or be somebody's home.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if path.stat().st_mode & 0o077:
        with suppress(OSError):
            path.chmod(0o600)


def _keep_side_files(path: Path) -> None:
    """Closing deletes a `-wal`, even one that cannot be read: keep a copy that goes along with the damaged file."""
    for side in _SIDE_FILES[1:]:
        there, kept = path.with_name(path.name + side), _kept_name(path, side)
        if there.exists() and not kept.exists():
            with suppress(OSError):
                os.close(os.open(kept, os.O_CREAT | os.O_RDWR, 0o600))
                shutil.copyfile(there, kept)


def _kept_name(path: Path, side: str) -> Path:
    return path.with_name(f"{path.name}{side}.kept")


def _move_aside(path: Path) -> Path:
    """Rename the file and its side files; the answer is the new name of the first."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        aside = path.with_name(f"{path.stem}-damaged-{stamp}{suffix}{path.suffix}")
        if not aside.exists():
            break
        number += 1
    path.rename(aside)
    for side in _SIDE_FILES[1:]:
        # The copy is older than what closing may have left, and more complete.
        for name in (path.with_name(path.name + side), _kept_name(path, side)):
            with suppress(FileNotFoundError):
                name.replace(aside.with_name(aside.name + side))
    check_marker(path).unlink(missing_ok=True)
    return aside
