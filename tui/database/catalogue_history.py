"""What changed in the catalogue from one loaded list to the next, by origin, and who has seen it.

A visit is a session of the interface. Each takes the moment up to which earlier ones have seen the list at its start
and keeps it to its end: what came since stays in sight, however often the list is loaded and whoever else runs.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tui.core.catalogue_changes import Changes, Moved, Span, difference, summed
from tui.core.query_context import MONTH_S, WEEK_S
from tui.database.columns import json_out, list_from_json, to_json, transaction
from tui.database.processes import if_dead
from tui.openrouter.text import Opaque, clean_line

_KEPT_S: Final = 36 * 86_400.0
"""Long enough to tell what changed in the last 30 days."""
_MOST_KEPT: Final = 400
"""Differences; of more the oldest two become one."""
_VISITS_KEPT: Final = 20
_LARGEST: Final = 64 * 1024 * 1024


def watch(connection: sqlite3.Connection, origin: str, now: float) -> None:
    """A list was loaded: from the first on, changes are noticed."""
    connection.execute("INSERT OR IGNORE INTO catalogue_watch (origin, since) VALUES (?, ?)", (origin, now))


def add_difference(
    connection: sqlite3.Connection, origin: str, moved: Sequence[Moved], since: float, at: float
) -> None:
    """Keep what differs between the list of `since` and that of `at`; what is too old or too much goes."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO catalogue_difference (origin, since, at, moved) VALUES (?, ?, ?, ?)",
            (origin, since, at, _packed(moved)),
        )
        connection.execute("DELETE FROM catalogue_difference WHERE origin = ? AND at < ?", (origin, at - _KEPT_S))
        (kept,) = connection.execute("SELECT count(*) FROM catalogue_difference WHERE origin = ?", (origin,)).fetchone()
        if kept > _MOST_KEPT:
            _join_oldest(connection, origin)


def read_changes(connection: sqlite3.Connection, origin: str, visited_at: float | None, now: float) -> Changes:
    """What has changed since the last visit, if there was one, and in the last 7 and 30 days."""
    week, month = now - WEEK_S, now - MONTH_S
    visit = now if visited_at is None else visited_at
    rows = connection.execute(
        "SELECT since, at, moved FROM catalogue_difference WHERE origin = ? AND at > ? ORDER BY at, id",
        (origin, min(visit, month)),
    ).fetchall()
    differences = [(row, _unpacked(row["moved"])) for row in rows]
    watched = connection.execute("SELECT since FROM catalogue_watch WHERE origin = ?", (origin,)).fetchone()

    def span(start: float) -> Span:
        within = [(row, moved) for row, moved in differences if row["at"] > start]
        compared_with = within[0][0]["since"] if within else None
        return Span(start=start, moved=summed(moved for _, moved in within), compared_with=compared_with)

    return Changes(
        as_of=now,
        watched_since=None if watched is None else watched["since"],
        visited_at=visited_at,
        since_visit=span(visit),
        week=span(week),
        month=span(month),
    )


def begin_visit(connection: sqlite3.Connection, origin: str, process: str, now: float) -> float | None:
    """The moment up to which earlier visits have seen the list; None when this is the first.

    A process that asks again (its worker was started anew, it came back to this origin) gets the same answer.
    """
    with transaction(connection):
        known = connection.execute(
            "SELECT since FROM catalogue_visit WHERE origin = ? AND process = ?", (origin, process)
        ).fetchone()
        if known is not None:
            return _moment(known["since"])
        since = _seen_at(connection, origin)
        connection.execute(
            "INSERT INTO catalogue_visit (origin, process, since, began_at, seen_at) VALUES (?, ?, ?, ?, ?)",
            (origin, process, since, now, now),
        )
        connection.execute(
            "DELETE FROM catalogue_visit WHERE origin = ?1 AND process NOT IN"
            " (SELECT process FROM catalogue_visit WHERE origin = ?1 ORDER BY began_at DESC LIMIT ?2)",
            (origin, _VISITS_KEPT),
        )
    return since


def current_visit(connection: sqlite3.Connection, origin: str, run_folder: Path | None) -> float | None:
    """The same for somebody who only looks: what the screen shows that runs, else what the next one will show."""
    last = connection.execute(
        "SELECT process, since FROM catalogue_visit WHERE origin = ? ORDER BY began_at DESC LIMIT 1", (origin,)
    ).fetchone()
    if last is not None:
        with if_dead(run_folder, last["process"]) as dead:
            if not dead:
                return _moment(last["since"])
    return _seen_at(connection, origin)


def note_seen(connection: sqlite3.Connection, origin: str, process: str, now: float) -> None:
    """A session shows the list of now; commands, which are no visits, have no row here."""
    connection.execute(
        "UPDATE catalogue_visit SET seen_at = ? WHERE origin = ? AND process = ?", (now, origin, process)
    )


def adopt_snapshots(connection: sqlite3.Connection) -> None:
    """Turn whole lists of several days into differences, one a day, and leave the last list of each kind.

    For the migration of a file that has kept them all. What cannot be read is skipped.
    """
    kinds = connection.execute("SELECT DISTINCT origin, kind FROM snapshot").fetchall()
    for row in kinds:
        origin, kind = row[0], row[1]
        if kind in ("models", "embeddings"):
            _adopt(connection, origin, kind)
        connection.execute(
            "DELETE FROM snapshot WHERE origin = ?1 AND kind = ?2 AND id <"
            " (SELECT max(id) FROM snapshot WHERE origin = ?1 AND kind = ?2)",
            (origin, kind),
        )


def _adopt(connection: sqlite3.Connection, origin: str, kind: str) -> None:
    from tui.openrouter.decode_catalogue import decode_models
    from tui.openrouter.errors import ApiError

    # The last of each day: decoding hundreds would hold up the start for many seconds.
    rows = connection.execute(
        "SELECT max(id), body, fetched_at FROM snapshot WHERE origin = ? AND kind = ?"
        " GROUP BY cast(fetched_at / 86400 AS INTEGER) ORDER BY id",
        (origin, kind),
    ).fetchall()
    (since,) = connection.execute(
        "SELECT min(first_at) FROM snapshot WHERE origin = ? AND kind = ?", (origin, kind)
    ).fetchone()
    if kind == "models":
        watch(connection, origin, since)
    before = None
    for _, packed, at in rows[-40:]:
        body = _inflated(packed)
        try:
            models = decode_models(*((b'{"data":[]}', body) if kind == "embeddings" else (body, None))).models
        except ApiError:
            continue
        if models and before is not None and (moved := difference(before[0], models)):
            add_difference(connection, origin, moved, before[1], at)
        if models:
            before = (models, at)


def _join_oldest(connection: sqlite3.Connection, origin: str) -> None:
    first, second = connection.execute(
        "SELECT * FROM catalogue_difference WHERE origin = ? ORDER BY at, id LIMIT 2", (origin,)
    ).fetchall()
    both = summed((_unpacked(first["moved"]), _unpacked(second["moved"])))
    connection.execute("DELETE FROM catalogue_difference WHERE id = ?", (first["id"],))
    connection.execute(
        "UPDATE catalogue_difference SET since = ?, moved = ? WHERE id = ?",
        (first["since"], _packed(both), second["id"]),
    )


def _seen_at(connection: sqlite3.Connection, origin: str) -> float | None:
    (seen,) = connection.execute("SELECT max(seen_at) FROM catalogue_visit WHERE origin = ?", (origin,)).fetchone()
    return _moment(seen)


def _moment(column: object) -> float | None:
    return float(column) if isinstance(column, int | float) else None


def _packed(moved: Iterable[Moved]) -> bytes:
    return zlib.compress(to_json(list(moved)).encode(), 6)


def _unpacked(packed: object) -> tuple[Moved, ...]:
    """What was kept, cleaned: the file may have been written by another program."""
    body = _inflated(packed)
    try:
        moved = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        moved = list(list_from_json(Moved, json_out(body.decode("utf-8", "replace"))))
    return tuple(
        one if one.name.isprintable() else msgspec.structs.replace(one, name=clean_line(one.name))
        for one in moved
        if _is_sound(one)
    )


def _is_sound(moved: Moved) -> bool:
    """Whether its prices can be compared: `NaN` is a Decimal too."""
    return all(
        price.is_finite()
        for one in (moved.before, moved.after, moved.between)
        if one is not None
        for price in one.prices.values()
    )


def _inflated(packed: object) -> bytes:
    """Nothing when it is no zlib stream, or one that would fill the memory."""
    if not isinstance(packed, bytes):
        return b""
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, _LARGEST)
    except zlib.error:
        return b""
    return body if unpacker.eof else b""


def _opaque(kind: type[Any], value: object) -> object:
    if kind is Opaque and isinstance(value, str):
        return Opaque(value)
    raise TypeError(kind.__name__)


_decode: Final = msgspec.json.Decoder(list[Moved], dec_hook=_opaque).decode
