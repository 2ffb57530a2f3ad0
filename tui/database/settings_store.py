"""What the interface remembers by itself: small values by name, and the models that somebody used or marked."""

from __future__ import annotations

import sqlite3
from typing import Any

from tui.database.columns import clean_out, json_out, opaque_in, opaque_out, to_json
from tui.openrouter.text import Opaque


def remember(connection: sqlite3.Connection, key: str, value: object) -> None:
    """Keep a value that JSON can hold (a filter, a sort order, a theme); None forgets it."""
    if value is None:
        connection.execute("DELETE FROM setting WHERE key = ?", (key,))
        return
    connection.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", (key, to_json(value)))


def all_remembered(connection: sqlite3.Connection) -> dict[str, object]:
    """All that is kept, by name; types are to be checked, because another version may have written them."""
    rows = connection.execute("SELECT key, value FROM setting").fetchall()
    return {clean_out(row["key"]): json_out(row["value"]) for row in rows}


def remembered(connection: sqlite3.Connection, key: str) -> Any:
    """The value kept under a name, or None; its type is to be checked: another version may have written it."""
    row = connection.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
    return None if row is None else json_out(row[0])


def remembered_text(connection: sqlite3.Connection, key: str, default: str = "") -> str:
    """The same where only text will do."""
    value = remembered(connection, key)
    return value if isinstance(value, str) else default


def note_use(connection: sqlite3.Connection, origin: str, model: Opaque, now: float) -> None:
    """A request was sent to this model."""
    connection.execute(
        "INSERT INTO model_mark (origin, model, used_at) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (origin, model) DO UPDATE SET used_at = ?3",
        (origin, opaque_in(model), now),
    )


def set_favourite(connection: sqlite3.Connection, origin: str, model: Opaque, favourite: bool) -> None:
    """Mark a model as a favourite, or no longer."""
    connection.execute(
        "INSERT INTO model_mark (origin, model, is_favourite) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (origin, model) DO UPDATE SET is_favourite = ?3",
        (origin, opaque_in(model), favourite),
    )


def recents(connection: sqlite3.Connection, origin: str, limit: int = 20) -> tuple[Opaque, ...]:
    """The models used last, newest first."""
    rows = connection.execute(
        "SELECT model FROM model_mark WHERE origin = ? AND used_at IS NOT NULL ORDER BY used_at DESC LIMIT ?",
        (origin, limit),
    ).fetchall()
    return tuple(model for row in rows if (model := opaque_out(row[0])) is not None)


def favourites(connection: sqlite3.Connection, origin: str) -> frozenset[Opaque]:
    """The models marked as favourites."""
    rows = connection.execute("SELECT model FROM model_mark WHERE origin = ? AND is_favourite", (origin,)).fetchall()
    return frozenset(model for row in rows if (model := opaque_out(row[0])) is not None)
