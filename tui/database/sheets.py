"""Embedding sheets: their texts in order, with labels and groups, and what they are compared with."""

from __future__ import annotations

import sqlite3
from itertools import zip_longest
from typing import Final

from tui.core.sheets import Relevance, Sheet, SheetSummary, Variant
from tui.database.columns import (
    clean_out,
    int_or_none,
    line_or_none,
    line_out,
    opaque_in,
    opaque_out,
    transaction,
)
from tui.openrouter.text import Clean, Opaque, clean, clean_line

_KEPT_DELETED_S: Final = 7 * 86_400.0
"""How long a deleted sheet can be brought back."""


def save_sheet(connection: sqlite3.Connection, sheet: Sheet, now: float) -> None:
    """Keep a sheet as it is now, in place of what was kept under its id; one that was deleted stays so."""
    count = len(sheet.texts)
    rows = zip_longest(sheet.texts, sheet.labels[:count], sheet.groups[:count], fillvalue="")
    more = _more_in(sheet)
    with transaction(connection):
        connection.execute(
            "INSERT INTO sheet (id, name, model, dimensions, input_type, updated_at, used_at, more)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) ON CONFLICT (id) DO UPDATE SET"
            " name = ?2, model = ?3, dimensions = ?4, input_type = ?5, updated_at = ?6, used_at = ?6, more = ?7",
            (sheet.id, sheet.name, opaque_in(sheet.model), sheet.dimensions, sheet.input_type, now, more),
        )
        connection.execute("DELETE FROM sheet_text WHERE sheet_id = ?", (sheet.id,))
        connection.executemany(
            "INSERT INTO sheet_text (sheet_id, position, text, label, group_name) VALUES (?, ?, ?, ?, ?)",
            ((sheet.id, position, *row) for position, row in enumerate(rows)),
        )


def load_sheet(connection: sqlite3.Connection, sheet_id: str) -> Sheet | None:
    """A sheet with its texts in order; None where there is none or it was deleted."""
    row = connection.execute("SELECT * FROM sheet WHERE id = ? AND deleted_at IS NULL", (sheet_id,)).fetchone()
    if row is None:
        return None
    texts, labels, groups = _texts_of(connection, sheet_id)
    others, relevance = _more_out(row["more"])
    return Sheet(
        id=row["id"],
        name=line_out(row["name"]),
        texts=texts,
        labels=labels if any(labels) else (),
        groups=groups if any(groups) else (),
        model=opaque_out(row["model"]),
        dimensions=int_or_none(row["dimensions"]),
        input_type=line_or_none(row["input_type"]),
        others=others,
        relevance=relevance,
    )


def _texts_of(
    connection: sqlite3.Connection, sheet_id: str
) -> tuple[tuple[Clean, ...], tuple[Clean, ...], tuple[Clean, ...]]:
    """Texts, labels and groups in order."""
    cursor = connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(
        "SELECT text, label, group_name FROM sheet_text WHERE sheet_id = ? ORDER BY position", (sheet_id,)
    ).fetchall()
    if not rows:
        return (), (), ()
    texts, labels, groups = zip(*rows, strict=True)
    # Looked at as one, since nearly always all are clean, and marks are few.
    whole = "\n".join(texts) if set(map(type, texts)) == {str} else None
    clean_texts = texts if whole is not None and clean(whole) == whole else tuple(map(clean_out, texts))
    marks = {one: line_out(one) for one in {*labels, *groups}}
    return clean_texts, tuple(map(marks.__getitem__, labels)), tuple(map(marks.__getitem__, groups))


def last_used_sheet(connection: sqlite3.Connection) -> str | None:
    """The sheet that was opened or changed last."""
    row = connection.execute(
        "SELECT id FROM sheet WHERE deleted_at IS NULL ORDER BY coalesce(used_at, updated_at) DESC, id LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])


def note_used(connection: sqlite3.Connection, sheet_id: str, now: float) -> None:
    """It is the one to open at the next start."""
    connection.execute("UPDATE sheet SET used_at = ? WHERE id = ?", (now, sheet_id))


def list_sheets(connection: sqlite3.Connection) -> tuple[SheetSummary, ...]:
    """All sheets but deleted ones, the one changed last first."""
    rows = connection.execute(
        "SELECT id, name, updated_at, (SELECT count(*) FROM sheet_text WHERE sheet_id = sheet.id) AS texts"
        " FROM sheet WHERE deleted_at IS NULL ORDER BY updated_at DESC, id"
    ).fetchall()
    return tuple(
        SheetSummary(id=row["id"], name=line_out(row["name"]), text_count=row["texts"], updated_at=row["updated_at"])
        for row in rows
    )


def rename_sheet(connection: sqlite3.Connection, sheet_id: str, name: str) -> None:
    """Give it another name; its place in the list stays."""
    connection.execute("UPDATE sheet SET name = ? WHERE id = ?", (name, sheet_id))


def delete_sheet(connection: sqlite3.Connection, sheet_id: str, now: float, *, undo: bool = False) -> None:
    """Put a sheet away or bring it back; what was put away long ago is forgotten. Vectors of its texts stay."""
    with transaction(connection):
        connection.execute("UPDATE sheet SET deleted_at = ? WHERE id = ?", (None if undo else now, sheet_id))
        connection.execute("DELETE FROM sheet WHERE deleted_at < ?", (now - _KEPT_DELETED_S,))


def _more_in(sheet: Sheet) -> str:
    """JSON in ASCII: model ids and texts may hold what SQLite takes for no text."""
    import json

    return json.dumps(
        {
            "others": [[one.model.raw, one.dimensions, one.input_type] for one in sheet.others],
            "relevance": [[one.query, list(one.right)] for one in sheet.relevance],
        }
    )


def _more_out(column: object) -> tuple[tuple[Variant, ...], tuple[Relevance, ...]]:
    """What another program has spoilt counts as absent."""
    import json

    try:
        more = json.loads(column) if isinstance(column, str) else {}
        others = tuple(
            Variant(Opaque(str(model)), int(width) if width else None, clean_line(str(kind)) if kind else None)
            for model, width, kind in more.get("others", ())
        )
        relevance = tuple(
            Relevance(clean(str(query)), tuple(clean(str(text)) for text in right))
            for query, right in more.get("relevance", ())
        )
    except (ValueError, TypeError, AttributeError):
        return (), ()
    return others, relevance
