"""The model lists as the server sent them, by origin; what they mean is decoded anew at each start."""

from __future__ import annotations

import sqlite3
import zlib
from typing import Final, Literal, TypeAlias

import msgspec

from tui.database.columns import Row, opaque_in, transaction
from tui.openrouter.text import Opaque

ListKind: TypeAlias = Literal["models", "embeddings", "providers"]

_KEPT_S: Final = 35 * 86_400.0
"""Long enough to tell what changed in the last 30 days."""
_MOST_KEPT: Final = 400
_LARGEST: Final = 64 * 1024 * 1024


class Snapshot(msgspec.Struct, frozen=True):
    """A body of `/models` or `/embeddings/models`. Unix seconds."""

    id: int
    body: bytes
    first_at: float
    """When the server first sent just this."""
    fetched_at: float
    """When it last did."""


class EndpointsReply(msgspec.Struct, frozen=True):
    """A body of `/models/…/endpoints` and when it came (Unix seconds)."""

    body: bytes
    fetched_at: float


def save_snapshot(connection: sqlite3.Connection, origin: str, kind: ListKind, body: bytes, now: float) -> bool:
    """Keep what the server sent; the answer is whether it differs from what it sent last time."""
    from hashlib import sha256  # brings OpenSSL along, which the start does without

    digest = sha256(body).digest()
    with transaction(connection):
        last = _last(connection, origin, kind)
        if last is not None and last["digest"] == digest:
            connection.execute("UPDATE snapshot SET fetched_at = ? WHERE id = ?", (now, last["id"]))
            return False
        connection.execute(
            "INSERT INTO snapshot (origin, kind, digest, body, first_at, fetched_at) VALUES (?, ?, ?, ?, ?, ?)",
            (origin, kind, digest, zlib.compress(body, 6), now, now),
        )
        connection.execute(
            "DELETE FROM snapshot WHERE origin = ?1 AND kind = ?2 AND (fetched_at < ?3 OR id NOT IN"
            " (SELECT id FROM snapshot WHERE origin = ?1 AND kind = ?2 ORDER BY id DESC LIMIT ?4))",
            (origin, kind, now - _KEPT_S, _MOST_KEPT),
        )
    return True


def last_snapshot(connection: sqlite3.Connection, origin: str, kind: ListKind) -> Snapshot | None:
    """What the server sent last; None when nothing is kept or it cannot be read."""
    row = _last(connection, origin, kind)
    return None if row is None else _snapshot(row)


def snapshot_before(connection: sqlite3.Connection, origin: str, kind: ListKind, when: float) -> Snapshot | None:
    """What stood at a time; where nothing is that old, the oldest that is kept."""
    for query in (
        "SELECT * FROM snapshot WHERE origin = ? AND kind = ? AND first_at <= ? ORDER BY id DESC LIMIT 1",
        "SELECT * FROM snapshot WHERE origin = ? AND kind = ? AND first_at > ? ORDER BY id LIMIT 1",
    ):
        row = connection.execute(query, (origin, kind, when)).fetchone()
        if row is not None:
            return _snapshot(row)
    return None


def save_endpoints(connection: sqlite3.Connection, origin: str, model: Opaque, body: bytes, now: float) -> None:
    """Keep the provider endpoints of a model."""
    connection.execute(
        "INSERT OR REPLACE INTO endpoints_reply (origin, model, body, fetched_at) VALUES (?, ?, ?, ?)",
        (origin, opaque_in(model), zlib.compress(body, 6), now),
    )


def endpoints(connection: sqlite3.Connection, origin: str, model: Opaque) -> EndpointsReply | None:
    """The provider endpoints of a model as they were last sent."""
    row = connection.execute(
        "SELECT body, fetched_at FROM endpoints_reply WHERE origin = ? AND model = ?", (origin, opaque_in(model))
    ).fetchone()
    body = None if row is None else _unpacked(row["body"])
    return None if body is None else EndpointsReply(body, row["fetched_at"])


def _last(connection: sqlite3.Connection, origin: str, kind: ListKind) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM snapshot WHERE origin = ? AND kind = ? ORDER BY id DESC LIMIT 1", (origin, kind)
    ).fetchone()
    return row


def _snapshot(row: Row) -> Snapshot | None:
    body = _unpacked(row["body"])
    return None if body is None else Snapshot(row["id"], body, row["first_at"], row["fetched_at"])


def _unpacked(packed: object) -> bytes | None:
    """None when it is no zlib stream, or one that would fill the memory."""
    if not isinstance(packed, bytes):
        return None
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, _LARGEST)
    except zlib.error:
        return None
    return body if unpacker.eof else None
