"""What is known of each key, by account: whether it can be used, and what the server last said about it."""

from __future__ import annotations

import sqlite3

import msgspec

from tui.core.ledger import KeyState
from tui.openrouter.text import Clean


class QuotaReply(msgspec.Struct, frozen=True):
    """A body that `/key` or `/credits` gave, and when (Unix seconds)."""

    body: bytes
    fetched_at: float


def rest_key(connection: sqlite3.Connection, account: str, *, until: float, reason: Clean, now: float) -> None:
    """After a 429: not to be used before `until`. A longer rest that is already written down stays."""
    _set(connection, account, KeyState.RESTING, until, reason, now)


def mark_dead(connection: sqlite3.Connection, account: str, *, reason: Clean, now: float) -> None:
    """After a 401: not to be used until it is tested again."""
    _set(connection, account, KeyState.DEAD, None, reason, now)


def mark_empty(connection: sqlite3.Connection, account: str, *, reason: Clean, now: float) -> None:
    """After a 402: no money behind it."""
    _set(connection, account, KeyState.EMPTY, None, reason, now)


def mark_ready(connection: sqlite3.Connection, account: str) -> None:
    """A request or a test went well: the key is neither dead nor empty, and its failures in a row are over.

    A rest runs on to its end: what went well now may have been sent before the refusal.
    """
    row = connection.execute("SELECT state, failures FROM key_state WHERE account = ?", (account,)).fetchone()
    if row is None:
        return  # nearly always; reading takes no lock
    if row["state"] != KeyState.RESTING:
        connection.execute("DELETE FROM key_state WHERE account = ?", (account,))
    elif row["failures"]:
        connection.execute("UPDATE key_state SET failures = 0 WHERE account = ?", (account,))


def save_quota_reply(connection: sqlite3.Connection, account: str, name: str, body: bytes, now: float) -> None:
    """Keep what the server said: `name` is the path, such as `key` or `credits`."""
    connection.execute(
        "INSERT OR REPLACE INTO quota_reply (account, name, body, fetched_at) VALUES (?, ?, ?, ?)",
        (account, name, body, now),
    )


def quota_reply(connection: sqlite3.Connection, account: str, name: str) -> QuotaReply | None:
    """What the server last said."""
    row = connection.execute(
        "SELECT body, fetched_at FROM quota_reply WHERE account = ? AND name = ?", (account, name)
    ).fetchone()
    return None if row is None else QuotaReply(bytes(row["body"]), row["fetched_at"])


def _set(
    connection: sqlite3.Connection, account: str, state: KeyState, until: float | None, reason: Clean, now: float
) -> None:
    connection.execute(
        "INSERT INTO key_state (account, state, until, reason, failures, changed_at) VALUES (?1, ?2, ?3, ?4, 1, ?5)"
        " ON CONFLICT (account) DO UPDATE SET failures = failures + 1, changed_at = ?5, reason = ?4,"
        " until = CASE WHEN state = 'resting' AND ?2 = 'resting' THEN max(coalesce(until, 0), ?3) ELSE ?3 END,"
        " state = ?2",
        (account, state.value, until, reason, now),
    )
