"""Embeddings, kept so that nothing is paid for twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tui.core.vectors import RowsBuilder
from tui.database.columns import opaque_in, transaction
from tui.openrouter.text import Opaque

_FLOAT_BYTES: Final = 4
_AT_ONCE: Final = 400
"""Digests in one statement."""


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


def read_vectors(
    connection: sqlite3.Connection, space: VectorSpace, texts: Sequence[str], builder: RowsBuilder
) -> None:
    """Put the vectors that are there for these texts into the builder, those of the width that the first has.

    One statement for each few hundred texts, straight into the rows: 10,000 vectors of 1,536 numbers in some 120 ms.
    """
    number = _space(connection, space)
    if number is None:
        return
    from hashlib import sha256  # as in `text_digest`, of which this is one without calls

    text_of = {sha256(text.encode("utf-8", "surrogatepass")).digest(): text for text in texts}
    digests = list(text_of)
    places: dict[int, str] = {}
    cursor = connection.cursor()
    cursor.row_factory = None
    for start in range(0, len(digests), _AT_ONCE):
        part = digests[start : start + _AT_ONCE]
        marks = ",".join("?" * len(part))
        rows = cursor.execute(
            f"SELECT id, digest FROM vector WHERE space = ? AND digest IN ({marks})",  # noqa: S608 - question marks
            (number, *part),
        )
        places.update((row[0], text_of[row[1]]) for row in rows)
    # In the order in which they lie in the file: reading them by digest takes five times as long.
    ids, size = sorted(places), 0
    for start in range(0, len(ids), _AT_ONCE):
        chosen = ids[start : start + _AT_ONCE]
        marks = ",".join("?" * len(chosen))
        for at, data in cursor.execute(
            f"SELECT id, data FROM vector WHERE id IN ({marks}) ORDER BY id",  # noqa: S608 - question marks
            chosen,
        ):
            if not size and isinstance(data, bytes) and len(data) % _FLOAT_BYTES == 0:
                size = len(data)
            if size and isinstance(data, bytes) and len(data) == size:
                builder.put(places[at], data)


def _space(connection: sqlite3.Connection, space: VectorSpace) -> int | None:
    row = connection.execute(
        "SELECT id FROM vector_space WHERE origin = ? AND model = ? AND dimensions = ? AND input_type = ?", _key(space)
    ).fetchone()
    return None if row is None else int(row[0])


def _key(space: VectorSpace) -> tuple[object, ...]:
    # 0 and "" stand for "none", because NULLs never count as equal.
    return (space.origin, opaque_in(space.model), space.dimensions or 0, space.input_type or "")
