"""The model lists as the server sent them last, by origin; what they mean is decoded anew at each start."""

from __future__ import annotations

import sqlite3
import zlib
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from tui.database.columns import Row, opaque_in, transaction
from tui.openrouter.errors import ApiError
from tui.openrouter.text import Opaque

if TYPE_CHECKING:
    from tui.core.catalogue_changes import Moved
    from tui.openrouter.catalogue import Model

ListKind: TypeAlias = Literal["models", "embeddings", "providers"]

_LARGEST: Final = 64 * 1024 * 1024


class Snapshot(msgspec.Struct, frozen=True):
    """A body of `/models` or `/embeddings/models`, the last that came. Unix seconds."""

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
    """Keep what the server sent in the place of what it sent before; the answer is whether the two differ."""
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
        if last is not None:
            connection.execute(
                "DELETE FROM snapshot WHERE origin = ? AND kind = ? AND id <= ?", (origin, kind, last["id"])
            )
    return True


def save_lists(
    connection: sqlite3.Connection,
    origin: str,
    models_body: bytes,
    embeddings_body: bytes | None,
    now: float,
    process: str = "",
    decoded: tuple[Model, ...] = (),
) -> bool:
    """Keep the model lists, and what of them is another than before; `process` has seen them then.

    The answer is whether anything that is watched has changed. Where the lists are not the same, the old ones are
    decoded, and the new ones unless they are handed in `decoded`: some tens of milliseconds.
    """
    from tui.core.catalogue_changes import difference  # none of it is for the first screen
    from tui.database import catalogue_history

    with transaction(connection):
        models = last_snapshot(connection, origin, "models")
        embeddings = last_snapshot(connection, origin, "embeddings")
        is_other = save_snapshot(connection, origin, "models", models_body, now)
        if embeddings_body is not None:
            is_other = save_snapshot(connection, origin, "embeddings", embeddings_body, now) or is_other
        moved: tuple[Moved, ...] = ()
        if models is not None and is_other:
            # A list that is not there this time, or was not last time, says nothing of what it would have.
            both = embeddings is not None and embeddings_body is not None
            before = _decoded(models.body, embeddings.body if both and embeddings is not None else None)
            after = decoded if both and decoded else _decoded(models_body, embeddings_body if both else None)
            if before and after:
                moved = difference(before, after)
        catalogue_history.watch(connection, origin, now)
        if moved:
            assert models is not None
            catalogue_history.add_difference(connection, origin, moved, models.fetched_at, now)
        catalogue_history.note_seen(connection, origin, process, now)
    return bool(moved)


def last_snapshot(connection: sqlite3.Connection, origin: str, kind: ListKind) -> Snapshot | None:
    """What the server sent last; None when nothing is kept or it cannot be read."""
    row = _last(connection, origin, kind)
    return None if row is None else _snapshot(row)


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


def _decoded(models_body: bytes, embeddings_body: bytes | None) -> tuple[Model, ...]:
    from tui.openrouter.decode_catalogue import decode_models

    try:
        return decode_models(models_body, embeddings_body).models
    except ApiError:
        return ()


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
