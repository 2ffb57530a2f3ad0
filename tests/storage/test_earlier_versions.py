"""Files of every earlier version: they become today's, nothing of them is lost, and a copy of the old one is kept.

Each file in `schemas/` is what that version wrote, as SQL text (`tests/tools/keep_schema.py` adds the missing ones).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tui.core.ledger import SpendQuery
from tui.database import spend
from tui.database.opening import open_database
from tui.database.schema import MIGRATIONS

SCHEMAS = Path(__file__).parent / "schemas"
NOW = 1_790_000_500.0


def write_version(path: Path, version: int) -> dict[str, list[Any]]:
    """Make the file; answers with what stands in the tables that hold what people wrote and paid."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript((SCHEMAS / f"version{version}.sql").read_text(encoding="utf-8"))
    rows = contents(connection)
    connection.close()
    return rows


KEPT = {
    "request": "id, state, cost_usd, estimate_usd, prompt_tokens, completion_tokens, created_at",
    "message": "id, conversation_id, parent_id, role, state, text",
    "conversation": "id, title, head_id, updated_at",
    "sheet": "id, name",
    "sheet_text": "sheet_id, position, text",
    "setting": "key, value",
    "model_mark": "origin, model, is_favourite",
    "word": "id, text",
}


def contents(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    return {
        table: [tuple(row) for row in connection.execute(f"SELECT {columns} FROM {table}")]
        for table, columns in KEPT.items()
    }


def shape(connection: sqlite3.Connection) -> dict[str, Any]:
    """Tables with their columns, indexes and triggers by name."""
    found: dict[str, Any] = {}
    for kind, name in connection.execute("SELECT type, name FROM sqlite_schema").fetchall():
        if kind == "table" and "_search" not in name:
            found[name] = {tuple(row)[1:4] for row in connection.execute(f"PRAGMA table_info({name})")}
        elif not name.startswith("sqlite_"):
            found[name] = kind
    return found


def test_every_earlier_version_is_kept() -> None:
    there = {path.stem for path in SCHEMAS.glob("*.sql")}
    missing = {f"version{version}" for version in range(1, len(MIGRATIONS))} - there
    assert not missing, f"python tests/tools/keep_schema.py {SCHEMAS}"


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_file_of_an_earlier_version(version: int, tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    before = write_version(path, version)
    assert before["message"] and before["request"]
    opened = open_database(path, busy_s=1.0)
    fresh = open_database(tmp_path / "fresh.db", busy_s=1.0)
    try:
        assert not opened.in_memory and opened.notice is None
        assert contents(opened.connection) == before
        assert shape(opened.connection) == shape(fresh.connection)
        assert opened.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert opened.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        hits = opened.connection.execute(
            "SELECT rowid FROM message_search WHERE message_search MATCH 'tall'"
        ).fetchall()
        assert [tuple(row) for row in hits] == [(2,)]
        view = spend.view(opened.connection, "https://openrouter.ai:443", SpendQuery(), NOW)
        assert "0.0031" in repr(view)
    finally:
        for one in (opened, fresh):
            one.connection.close()
            if one.use is not None:
                one.use.release()
    [copy] = tmp_path.glob(f"ortui-version{version}-*.db")
    kept = sqlite3.connect(copy)
    assert contents(kept) == before
    assert kept.execute("PRAGMA user_version").fetchone()[0] == version
    kept.close()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_migration_that_fails_leaves_the_file_as_it_was(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ortui.db"
    before = write_version(path, version)

    def breaks(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM message")
        if not connection.execute("PRAGMA database_list").fetchone()[2]:
            return  # in memory, where it goes on
        raise sqlite3.OperationalError("no room")

    monkeypatch.setattr("tui.database.schema.MIGRATIONS", (*MIGRATIONS[:-1], breaks))
    monkeypatch.setattr("tui.database.schema.migrate.__defaults__", ((*MIGRATIONS[:-1], breaks),))
    opened = open_database(path, busy_s=0.1)
    assert opened.in_memory and opened.notice is not None and "memory only" in opened.notice
    opened.connection.close()
    after = sqlite3.connect(path)
    assert contents(after) == before
    assert after.execute("PRAGMA user_version").fetchone()[0] == version
    after.close()
