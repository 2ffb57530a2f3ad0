"""Embeddings, kept so that nothing is paid for twice, and the sheets whose texts they belong to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Final

import msgspec

from tui.core.sheets import Sheet, SheetSummary
from tui.database.columns import (
    clean_out,
    int_or_none,
    line_or_none,
    line_out,
    opaque_in,
    opaque_out,
    transaction,
)
from tui.openrouter.text import Opaque

_FLOAT_BYTES: Final = 4


class VectorSpace(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of different spaces are never compared or mistaken for each other."""

    origin: str
    model: Opaque
    dimensions: int | None = None
    """Asked of the model; None = its own."""
    input_type: str | None = None


def text_digest(text: str) -> bytes:
    """What a text's vector is kept under: SHA-256 of its UTF-8."""
    from hashlib import sha256  # brings OpenSSL along, which the start does without

    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def find_vectors(connection: sqlite3.Connection, space: VectorSpace, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    """The vectors that are there, by the digest of their text: little-endian float32."""
    number = _space(connection, space)
    if number is None:
        return {}
    found: dict[bytes, bytes] = {}
    for digest in digests:
        row = connection.execute("SELECT data FROM vector WHERE space = ? AND digest = ?", (number, digest)).fetchone()
        if row is not None and isinstance(row[0], bytes) and row[0] and len(row[0]) % _FLOAT_BYTES == 0:
            found[digest] = row[0]
    return found


def store_vectors(connection: sqlite3.Connection, space: VectorSpace, vectors: Mapping[bytes, bytes]) -> None:
    """Keep vectors by the digest of their text: little-endian float32."""
    with transaction(connection):
        number = _space(connection, space)
        if number is None:
            number = connection.execute(
                "INSERT INTO vector_space (origin, model, dimensions, input_type) VALUES (?, ?, ?, ?)", _key(space)
            ).lastrowid
        connection.executemany(
            "INSERT OR REPLACE INTO vector (space, digest, data) VALUES (?, ?, ?)",
            ((number, digest, data) for digest, data in vectors.items()),
        )


def count_vectors(connection: sqlite3.Connection, space: VectorSpace) -> int:
    """How many vectors of a space are kept."""
    number = _space(connection, space)
    return int(connection.execute("SELECT count(*) FROM vector WHERE space = ?", (number,)).fetchone()[0])


def save_sheet(connection: sqlite3.Connection, sheet: Sheet, now: float) -> None:
    """Keep a sheet as it is now, in place of what was kept under its id."""
    count = len(sheet.texts)
    rows = zip_longest(sheet.texts, sheet.labels[:count], sheet.groups[:count], fillvalue="")
    with transaction(connection):
        connection.execute(
            "INSERT INTO sheet (id, name, model, dimensions, input_type, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            " ON CONFLICT (id) DO UPDATE SET name = ?2, model = ?3, dimensions = ?4, input_type = ?5, updated_at = ?6",
            (sheet.id, sheet.name, opaque_in(sheet.model), sheet.dimensions, sheet.input_type, now),
        )
        connection.execute("DELETE FROM sheet_text WHERE sheet_id = ?", (sheet.id,))
        connection.executemany(
            "INSERT INTO sheet_text (sheet_id, position, text, label, group_name) VALUES (?, ?, ?, ?, ?)",
            ((sheet.id, position, *row) for position, row in enumerate(rows)),
        )


def load_sheet(connection: sqlite3.Connection, sheet_id: str) -> Sheet | None:
    """A sheet with its texts in order."""
    row = connection.execute("SELECT * FROM sheet WHERE id = ?", (sheet_id,)).fetchone()
    if row is None:
        return None
    texts = connection.execute(
        "SELECT text, label, group_name FROM sheet_text WHERE sheet_id = ? ORDER BY position", (sheet_id,)
    ).fetchall()
    labels = tuple(line_out(one["label"]) for one in texts)
    groups = tuple(line_out(one["group_name"]) for one in texts)
    return Sheet(
        id=row["id"],
        name=line_out(row["name"]),
        texts=tuple(clean_out(one["text"]) for one in texts),
        labels=labels if any(labels) else (),
        groups=groups if any(groups) else (),
        model=opaque_out(row["model"]),
        dimensions=int_or_none(row["dimensions"]),
        input_type=line_or_none(row["input_type"]),
    )


def list_sheets(connection: sqlite3.Connection) -> tuple[SheetSummary, ...]:
    """All sheets, the one changed last first."""
    rows = connection.execute(
        "SELECT id, name, updated_at, (SELECT count(*) FROM sheet_text WHERE sheet_id = sheet.id) AS texts"
        " FROM sheet ORDER BY updated_at DESC, id"
    ).fetchall()
    return tuple(
        SheetSummary(id=row["id"], name=line_out(row["name"]), text_count=row["texts"], updated_at=row["updated_at"])
        for row in rows
    )


def delete_sheet(connection: sqlite3.Connection, sheet_id: str) -> None:
    """Forget a sheet; the vectors of its texts stay."""
    connection.execute("DELETE FROM sheet WHERE id = ?", (sheet_id,))


def _space(connection: sqlite3.Connection, space: VectorSpace) -> int | None:
    row = connection.execute(
        "SELECT id FROM vector_space WHERE origin = ? AND model = ? AND dimensions = ? AND input_type = ?", _key(space)
    ).fetchone()
    return None if row is None else int(row[0])


def _key(space: VectorSpace) -> tuple[object, ...]:
    # 0 and "" stand for "none", because NULLs never count as equal.
    return (space.origin, opaque_in(space.model), space.dimensions or 0, space.input_type or "")
