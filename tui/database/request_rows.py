"""Single requests of the ledger, as lists and details show them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from tui.core.conversation import UNKNOWN_COST, Cost, CostKind
from tui.core.ledger import ZERO, LedgerRow, RequestKind, RequestState
from tui.database.columns import (
    Row,
    id_in,
    id_out,
    int_or_none,
    known_word_id,
    line_out,
    money_out,
    opaque_out,
    text_out,
)
from tui.database.sums import spent
from tui.openrouter.text import Clean

SEARCHED: Final = 100_000
"""Among so many of the last requests words are looked for: a tenth of a second on a slow machine."""

_WORDS: Final = ("model", "model_answered", "provider", "key_tail", "error_kind", "finish_reason", "conversation")
"""Columns that hold the number of a string."""


def last_requests(
    connection: sqlite3.Connection, origin: str, limit: int = 50, words: Sequence[str] = ()
) -> tuple[LedgerRow, ...]:
    """The last requests of an origin, newest first; with `words` those of the last 100,000 that have all of them.

    Looked at are model, provider, key, error, finish, kind, state, status and the title of the conversation.
    """
    number = known_word_id(connection, origin)
    values: list[object] = []
    where = "origin = ?"
    for one in words:
        condition, found = _having(connection, one)
        where += f" AND {condition}"
        values += found
    if words:
        where += " AND number > (SELECT max(number) FROM request) - ?"
        values.append(SEARCHED)
    rows = connection.execute(
        f"SELECT * FROM request WHERE {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - names of our own
        (number, *values, limit),
    ).fetchall()
    return _ledger_rows(connection, rows)


def request_row(connection: sqlite3.Connection, request_id: str) -> LedgerRow | None:
    """One request."""
    rows = connection.execute("SELECT * FROM request WHERE id = ?", (id_in(request_id),)).fetchall()
    return _ledger_rows(connection, rows)[0] if rows else None


def all_requests(
    connection: sqlite3.Connection, origin: str, after: int, until: int, limit: int
) -> tuple[tuple[LedgerRow, ...], int | None]:
    """Requests in the order in which they were made, those behind the row `after`; and behind which to go on.

    None at the end. `until` is the last row that is wanted, as `last_number` said it.
    """
    rows = connection.execute(
        "SELECT * FROM request WHERE number > ? AND number <= ? AND origin = ? ORDER BY number LIMIT ?",
        (after, until, known_word_id(connection, origin), limit),
    ).fetchall()
    return _ledger_rows(connection, rows), rows[-1]["number"] if len(rows) == limit else None


def last_number(connection: sqlite3.Connection) -> int:
    """The number of the newest row; 0 without any."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM request").fetchone()[0])


def cost_of(row: Row) -> Cost:
    """What a request cost, and what kind of figure that is."""
    state = RequestState(row["state"])
    if state is RequestState.BILLED:
        return Cost(spent(row), CostKind.BILLED)
    if state is RequestState.FREE:
        return Cost(ZERO, CostKind.BILLED)
    estimate = money_out(row["estimate_usd"])
    if estimate is None or state is RequestState.UNKNOWN:
        return UNKNOWN_COST
    return Cost(estimate, CostKind.ESTIMATED)


def _having(connection: sqlite3.Connection, one: str) -> tuple[str, list[object]]:
    """The condition that a request has this word somewhere, and its values."""
    like = "%" + one.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    by_word = "SELECT id FROM word WHERE text LIKE ? ESCAPE '\\'"
    titled = (
        "SELECT word.id FROM word JOIN conversation ON conversation.id = word.text"
        " WHERE conversation.title LIKE ? ESCAPE '\\'"
    )
    names = ("model", "model_answered", "provider", "key_tail", "error_kind", "finish_reason")
    parts = [f"{name} IN ({by_word})" for name in names]
    parts.append(f"conversation IN ({titled})")
    parts += ["state LIKE ? ESCAPE '\\'", "kind LIKE ? ESCAPE '\\'", "status = ?"]
    return f"({' OR '.join(parts)})", [*[like] * (len(names) + 3), one]


def _ledger_rows(connection: sqlite3.Connection, rows: Sequence[Row]) -> tuple[LedgerRow, ...]:
    words = _texts(connection, {row[name] for row in rows for name in _WORDS if row[name] is not None})
    titles = _titles(connection, {words[row["conversation"]] for row in rows if row["conversation"] is not None})
    # Each string is cleaned once, not in each row.
    lines = {number: line_out(text) for number, text in words.items()}
    return tuple(_ledger_row(row, words, lines, titles) for row in rows)


def _ledger_row(row: Row, words: dict[int, str], lines: dict[int, Clean], titles: dict[str, Clean]) -> LedgerRow:
    conversation = words.get(row["conversation"])
    quoted = money_out(row["quoted_usd"])
    return LedgerRow(
        id=id_out(row["id"]),
        kind=RequestKind(row["kind"]),
        state=RequestState(row["state"]),
        created_at=row["created_at"],
        key_tail=lines.get(row["key_tail"], Clean("")),
        model=lines.get(row["model"], Clean("")),
        model_answered=lines.get(row["model_answered"]),
        provider=lines.get(row["provider"]),
        cost=cost_of(row),
        prompt_tokens=int_or_none(row["prompt_tokens"]),
        completion_tokens=int_or_none(row["completion_tokens"]),
        reasoning_tokens=int_or_none(row["reasoning_tokens"]),
        cached_tokens=int_or_none(row["cached_tokens"]),
        ttft_ms=int_or_none(row["ttft_ms"]),
        duration_ms=int_or_none(row["duration_ms"]),
        tries=row["tries"],
        status=int_or_none(row["status"]),
        error_kind=words.get(row["error_kind"]),
        conversation_id=conversation,
        conversation=titles.get(conversation or ""),
        cache_write_tokens=int_or_none(row["cache_write_tokens"]),
        upstream_usd=money_out(row["upstream_usd"]),
        is_byok=bool(row["is_byok"]),
        quoted_usd=quoted if quoted is not None else money_out(row["estimate_usd"]),
        generation_id=opaque_out(row["generation_id"]),
        finish_reason=lines.get(row["finish_reason"]),
    )


def _texts(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """The strings under these numbers, in one question instead of one for each column of each row."""
    wanted = list(numbers)
    texts: dict[int, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for number, text in connection.execute(f"SELECT id, text FROM word WHERE id IN ({marks})", some):  # noqa: S608
            texts[number] = text_out(text)
    return texts


def _titles(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Clean]:
    wanted = list(ids)
    titles: dict[str, Clean] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        found = connection.execute(f"SELECT id, title FROM conversation WHERE id IN ({marks})", some)  # noqa: S608
        titles.update({text_out(row["id"]): line_out(row["title"]) for row in found})
    return titles


_AT_ONCE: Final = 500
