"""The tables, and how a file of an earlier version gets them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

Migration: TypeAlias = Callable[[sqlite3.Connection], None]

APPLICATION_ID: Final = 0x6F727469  # "orti"


class NewerSchema(Exception):
    """The file was written by a later version of this program."""


class OtherProgram(Exception):
    """The file is a database of some other program."""


_LEDGER: Final = (
    # Strings that return in many requests are kept once: a million rows stay under 250 bytes each.
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text NOT NULL UNIQUE)",
    """
    CREATE TABLE request (
        number INTEGER PRIMARY KEY,
        id NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        origin INTEGER NOT NULL REFERENCES word (id),
        process INTEGER NOT NULL REFERENCES word (id),
        created_at REAL NOT NULL,
        sent_after_ms INTEGER,
        ended_after_ms INTEGER,
        account INTEGER REFERENCES word (id),
        key_tail INTEGER REFERENCES word (id),
        model INTEGER NOT NULL REFERENCES word (id),
        model_answered INTEGER REFERENCES word (id),
        provider INTEGER REFERENCES word (id),
        conversation INTEGER REFERENCES word (id),
        message_id,
        reserve_usd TEXT,
        estimate_usd TEXT,
        cost_usd TEXT,
        upstream_usd TEXT,
        is_byok INTEGER NOT NULL DEFAULT 0,
        prompt_tokens_estimate INTEGER NOT NULL DEFAULT 0,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        reasoning_tokens INTEGER,
        cached_tokens INTEGER,
        cache_write_tokens INTEGER,
        generation_id,
        ttft_ms INTEGER,
        duration_ms INTEGER,
        tries INTEGER NOT NULL DEFAULT 0,
        status INTEGER,
        error_kind INTEGER REFERENCES word (id),
        finish_reason INTEGER REFERENCES word (id),
        bill_asks INTEGER NOT NULL DEFAULT 0,
        next_ask_at REAL
    )
    """,
    "CREATE INDEX request_by_model ON request (model)",
    # The ends of generation ids are as good as the whole, in half the space.
    "CREATE INDEX request_by_generation ON request (substr(generation_id, -8)) WHERE generation_id IS NOT NULL",
    "CREATE INDEX request_open ON request (state) WHERE state IN ('reserved', 'awaited')",
    *(
        f"""
        CREATE TABLE {name} (
            {keys} INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL,
            PRIMARY KEY ({keys.replace(" INTEGER NOT NULL", "")})
        ) WITHOUT ROWID
        """
        for name, keys in (
            ("day_total", " INTEGER NOT NULL, ".join(("origin", "day"))),
            ("day_sum", " INTEGER NOT NULL, ".join(("origin", "day", "account", "key_tail", "model", "provider"))),
            ("conversation_sum", " INTEGER NOT NULL, ".join(("conversation", "origin", "day"))),
            ("session_sum", " INTEGER NOT NULL, ".join(("process", "origin"))),
        )
    ),
    """
    CREATE TABLE try (
        id INTEGER PRIMARY KEY,
        request_id NOT NULL,
        account TEXT NOT NULL,
        taken_at REAL NOT NULL,
        tokens INTEGER NOT NULL,
        is_free_model INTEGER NOT NULL
    )
    """,
    "CREATE INDEX try_by_account ON try (account, taken_at)",
    """
    CREATE TABLE estimator (
        origin TEXT NOT NULL,
        model NOT NULL,
        billed REAL NOT NULL,
        estimated REAL NOT NULL,
        samples INTEGER NOT NULL,
        PRIMARY KEY (origin, model)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE key_state (
        account TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        until REAL,
        reason TEXT NOT NULL,
        failures INTEGER NOT NULL,
        changed_at REAL NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE free_allowance (
        account TEXT PRIMARY KEY,
        day INTEGER NOT NULL,
        day_used INTEGER NOT NULL,
        day_limit INTEGER,
        day_limit_told INTEGER,
        minute_limit INTEGER
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE quota_reply (
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        body BLOB NOT NULL,
        fetched_at REAL NOT NULL,
        PRIMARY KEY (account, name)
    ) WITHOUT ROWID
    """,
)

_CHATS: Final = (
    """
    CREATE TABLE conversation (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL DEFAULT '',
        settings TEXT NOT NULL DEFAULT '{}',
        draft TEXT NOT NULL DEFAULT '',
        head_id TEXT,
        is_pinned INTEGER NOT NULL DEFAULT 0,
        is_private INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        deleted_at REAL
    )
    """,
    "CREATE INDEX conversation_by_age ON conversation (is_pinned, updated_at)",
    """
    CREATE TABLE message (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
        parent_id TEXT,
        role TEXT NOT NULL,
        state TEXT NOT NULL,
        process TEXT,
        created_at REAL NOT NULL,
        model TEXT,
        text TEXT NOT NULL,
        reasoning TEXT NOT NULL DEFAULT '',
        more TEXT NOT NULL DEFAULT '{}',
        deleted_at REAL
    )
    """,
    "CREATE INDEX message_by_conversation ON message (conversation_id)",
    "CREATE INDEX message_open ON message (conversation_id) WHERE state IN ('waiting', 'streaming')",
    """
    CREATE TABLE reply_part (
        message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (message_id, seq)
    ) WITHOUT ROWID
    """,
    # The index keeps no text of its own: it reads the message's, so the triggers must tell it what the old text was.
    """
    CREATE VIRTUAL TABLE message_search
    USING fts5 (text, content = 'message', content_rowid = 'number', tokenize = "unicode61 remove_diacritics 2")
    """,
    """
    CREATE TRIGGER message_search_insert AFTER INSERT ON message WHEN new.text <> '' BEGIN
        INSERT INTO message_search (rowid, text) VALUES (new.number, new.text);
    END
    """,
    """
    CREATE TRIGGER message_search_delete AFTER DELETE ON message WHEN old.text <> '' BEGIN
        INSERT INTO message_search (message_search, rowid, text) VALUES ('delete', old.number, old.text);
    END
    """,
    """
    CREATE TRIGGER message_search_update AFTER UPDATE OF text ON message WHEN old.text IS NOT new.text BEGIN
        INSERT INTO message_search (message_search, rowid, text)
            SELECT 'delete', old.number, old.text WHERE old.text <> '';
        INSERT INTO message_search (rowid, text) SELECT new.number, new.text WHERE new.text <> '';
    END
    """,
)

_THE_REST: Final = (
    """
    CREATE TABLE snapshot (
        id INTEGER PRIMARY KEY,
        origin TEXT NOT NULL,
        kind TEXT NOT NULL,
        digest BLOB NOT NULL,
        body BLOB NOT NULL,
        first_at REAL NOT NULL,
        fetched_at REAL NOT NULL
    )
    """,
    "CREATE INDEX snapshot_by_age ON snapshot (origin, kind, fetched_at)",
    """
    CREATE TABLE endpoints_reply (
        origin TEXT NOT NULL,
        model NOT NULL,
        body BLOB NOT NULL,
        fetched_at REAL NOT NULL,
        PRIMARY KEY (origin, model)
    )
    """,
    """
    CREATE TABLE vector_space (
        id INTEGER PRIMARY KEY,
        origin TEXT NOT NULL,
        model NOT NULL,
        dimensions INTEGER NOT NULL,
        input_type TEXT NOT NULL,
        UNIQUE (origin, model, dimensions, input_type)
    )
    """,
    """
    CREATE TABLE vector (
        id INTEGER PRIMARY KEY,
        space INTEGER NOT NULL REFERENCES vector_space (id) ON DELETE CASCADE,
        digest BLOB NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (space, digest)
    )
    """,
    """
    CREATE TABLE sheet (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        model,
        dimensions INTEGER,
        input_type TEXT,
        updated_at REAL NOT NULL
    )
    """,
    """
    CREATE TABLE sheet_text (
        sheet_id TEXT NOT NULL REFERENCES sheet (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        text TEXT NOT NULL,
        label TEXT NOT NULL,
        group_name TEXT NOT NULL,
        PRIMARY KEY (sheet_id, position)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE model_mark (
        origin TEXT NOT NULL,
        model NOT NULL,
        used_at REAL,
        is_favourite INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (origin, model)
    )
    """,
)


def _create(connection: sqlite3.Connection) -> None:
    for statement in (*_LEDGER, *_CHATS, *_THE_REST):
        connection.execute(statement)


def _more_sums(connection: sqlite3.Connection) -> None:
    """Sums by the hour, and in all sums what was written to caches, wasted and billed by providers themselves."""
    from tui.database.sums import rebuild

    # The estimate at sending, where the one at the end took the place of it in `estimate_usd`.
    connection.execute("ALTER TABLE request ADD COLUMN quoted_usd TEXT")
    connection.execute(f"CREATE TABLE hour_total {_table_text(connection, 'day_total').replace('day', 'hour')}")
    for table in ("day_total", "hour_total", "day_sum", "conversation_sum", "session_sum"):
        for column in ("cache_write_tokens INTEGER NOT NULL DEFAULT 0", "wasted INTEGER NOT NULL DEFAULT 0"):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        for column in ("wasted_usd", "upstream_usd"):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT '0'")
    rebuild(connection, ("day_total", "hour_total", "day_sum", "conversation_sum", "session_sum"))


def _table_text(connection: sqlite3.Connection, table: str) -> str:
    """Columns and options of a table, as it was made."""
    row = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return str(row[0])[str(row[0]).index("(") :]


def _sheet_extras(connection: sqlite3.Connection) -> None:
    """Sheets can be brought back, the one opened last is known, and they keep what belongs to them besides texts."""
    connection.execute("ALTER TABLE sheet ADD COLUMN deleted_at REAL")
    connection.execute("ALTER TABLE sheet ADD COLUMN used_at REAL")
    connection.execute("ALTER TABLE sheet ADD COLUMN more TEXT NOT NULL DEFAULT '{}'")


def _watch_catalogue(connection: sqlite3.Connection) -> None:
    """What changes in the catalogue is kept as differences; of whole lists the last is enough."""
    from tui.database.catalogue_history import adopt_snapshots

    connection.execute("CREATE TABLE catalogue_watch (origin TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID")
    connection.execute(
        "CREATE TABLE catalogue_difference"
        " (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, since REAL NOT NULL, at REAL NOT NULL, moved BLOB NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE catalogue_visit (origin TEXT NOT NULL, process TEXT NOT NULL, since REAL, began_at REAL NOT NULL,"
        " seen_at REAL NOT NULL, PRIMARY KEY (origin, process)) WITHOUT ROWID"
    )
    connection.execute("CREATE INDEX catalogue_difference_by_age ON catalogue_difference (origin, at)")
    adopt_snapshots(connection)


def _month_sums(connection: sqlite3.Connection) -> None:
    """What a long time came to by model, key and provider, from a row a month instead of one a day."""
    from tui.database.sums import rebuild

    connection.execute(f"CREATE TABLE month_sum {_table_text(connection, 'day_sum').replace('day', 'month')}")
    rebuild(connection, ("month_sum",))


def _search_beside(connection: sqlite3.Connection) -> None:
    """Messages are found by their thinking and by what went along, too."""
    from tui.database.search_beside import index_all

    index_all(connection)


def _full_minute(connection: sqlite3.Connection) -> None:
    """Until when the minute of free models is used up, where the server said so: others may share the account."""
    connection.execute("ALTER TABLE free_allowance ADD COLUMN minute_full_until REAL")


MIGRATIONS: Final[tuple[Migration, ...]] = (
    _create,
    _more_sums,
    _sheet_extras,
    _watch_catalogue,
    _month_sums,
    _search_beside,
    _full_minute,
)
"""The n-th takes a file from version n to n + 1; `user_version` says where a file stands."""


def migrate(
    connection: sqlite3.Connection, path: Path | None, migrations: Sequence[Migration] = MIGRATIONS
) -> Path | None:
    """Bring a file to the newest version, all steps in one transaction; the answer is the copy kept of the old one.

    Raises NewerSchema and OtherProgram, with the file untouched.
    """
    version = _version(connection, len(migrations))
    if version == len(migrations):
        return None
    copy = _copy(connection, path, version) if path is not None and version > 0 else None
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been here while we waited for the lock.
        for migration in migrations[_version(connection, len(migrations)) :]:
            migration(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return copy


def _version(connection: sqlite3.Connection, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application != APPLICATION_ID and (version or tables or application):
        raise OtherProgram
    if version > newest:
        raise NewerSchema
    return version


def _copy(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    copy = path.with_name(f"{path.stem}-version{version}-{stamp}{path.suffix}")
    number = 1
    while True:
        try:
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            break
        except FileExistsError:
            number += 1
            copy = path.with_name(f"{path.stem}-version{version}-{stamp}-{number}{path.suffix}")
    target = sqlite3.connect(copy)
    try:
        connection.backup(target)
    finally:
        target.close()
    return copy
