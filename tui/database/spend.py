"""The sums and the last requests, as the Spend screen and `ortui spend` show them."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from tui.core.conversation import UNKNOWN_COST, Cost, CostKind
from tui.core.ledger import LedgerRow, RequestKind, RequestState, SpendRow, SpendSummary
from tui.database.columns import (
    Row,
    day_name,
    day_number,
    day_of_name,
    id_in,
    id_out,
    int_or_none,
    known_word_id,
    line_or_none,
    line_out,
    money_out,
    month_start,
    word,
)
from tui.database.ledger import open_reserves
from tui.database.sums import COLUMNS, NOTHING, Share, spent, total
from tui.openrouter.text import Clean, clean_line

SpendBy: TypeAlias = Literal["day", "model", "key", "provider", "conversation"]

_BY: Final[dict[SpendBy, tuple[str, ...]]] = {
    "day": ("day",),
    "model": ("model",),
    "key": ("account", "key_tail"),
    "provider": ("provider",),
    "conversation": ("conversation",),
}
_NONE: Final = Clean("–")
_DAYS_SHOWN: Final = 30


def summary(connection: sqlite3.Connection, origin: str, process: str, now: float, *, last: int = 50) -> SpendSummary:
    """Everything that the meter and the Spend screen show of one origin; days and months are UTC."""
    today = day_number(now)
    days = _grouped(_rows(connection, "day_total", origin, None), ("day",))
    session = connection.execute(
        f"SELECT {COLUMNS} FROM session_sum WHERE process = ? AND origin = ?",  # noqa: S608 - names of our own
        (known_word_id(connection, process), known_word_id(connection, origin)),
    ).fetchall()
    first = month_start(today)
    month = [row for row in _rows(connection, "day_sum", origin, first) if row["day"] <= today]
    return SpendSummary(
        day_utc=day_name(today),
        session=total(session).row(Clean("session")),
        today=days.get((today,), NOTHING).row(Clean(day_name(today))),
        month=_sum(share for (day,), share in days.items() if first <= day <= today).row(Clean(day_name(today)[:7])),
        all_time=_sum(days.values()).row(Clean("all")),
        reserved_usd=open_reserves(connection, origin),
        by_model=_dearest_first(_named(connection, "model", _grouped(month, ("model",)))),
        by_day=tuple(
            days.get((day,), NOTHING).row(Clean(day_name(day))) for day in range(today - _DAYS_SHOWN + 1, today + 1)
        ),
        last=last_requests(connection, origin, last),
    )


def spend_rows(
    connection: sqlite3.Connection, origin: str, by: SpendBy = "day", since_day: str | None = None
) -> tuple[SpendRow, tuple[SpendRow, ...]]:
    """The total since a UTC day (`YYYY-MM-DD`; None: ever), and its parts: days in order, else dearest first.

    The `key` of a row is the day, the model, the key's last characters, the provider (`–`: nobody said) or the
    conversation's id (`–`: none). Raises ValueError when `since_day` is no day.
    """
    since = None if since_day is None else day_of_name(since_day)
    days = _rows(connection, "day_total", origin, since)
    whole = total(days)
    if by == "day":
        groups = _grouped(days, ("day",))
    elif by == "conversation":
        groups = _grouped(_rows(connection, "conversation_sum", origin, since), ("conversation",))
        elsewhere = whole.minus(_sum(groups.values()))
        if elsewhere != NOTHING:
            groups[(0,)] = elsewhere
    else:
        groups = _grouped(_rows(connection, "day_sum", origin, since), _BY[by])
    named = _named(connection, by, groups)
    ordered = tuple(sorted(named, key=lambda row: row.key)) if by == "day" else _dearest_first(named)
    return whole.row(Clean("total")), ordered


def last_requests(connection: sqlite3.Connection, origin: str, limit: int = 50) -> tuple[LedgerRow, ...]:
    """The last requests of an origin, newest first."""
    rows = connection.execute(
        "SELECT * FROM request WHERE origin = ? ORDER BY number DESC LIMIT ?",
        (known_word_id(connection, origin), limit),
    ).fetchall()
    return tuple(ledger_row(connection, row) for row in rows)


def request_row(connection: sqlite3.Connection, request_id: str) -> LedgerRow | None:
    """One request."""
    row = connection.execute("SELECT * FROM request WHERE id = ?", (id_in(request_id),)).fetchone()
    return None if row is None else ledger_row(connection, row)


def ledger_row(connection: sqlite3.Connection, row: Row) -> LedgerRow:
    """A request as the list of the last ones shows it."""
    return LedgerRow(
        id=id_out(row["id"]),
        kind=RequestKind(row["kind"]),
        state=RequestState(row["state"]),
        created_at=row["created_at"],
        key_tail=line_out(word(connection, row["key_tail"])),
        model=line_out(word(connection, row["model"])),
        model_answered=line_or_none(word(connection, row["model_answered"])),
        provider=line_or_none(word(connection, row["provider"])),
        cost=cost_of(row),
        prompt_tokens=int_or_none(row["prompt_tokens"]),
        completion_tokens=int_or_none(row["completion_tokens"]),
        reasoning_tokens=int_or_none(row["reasoning_tokens"]),
        cached_tokens=int_or_none(row["cached_tokens"]),
        ttft_ms=int_or_none(row["ttft_ms"]),
        duration_ms=int_or_none(row["duration_ms"]),
        tries=row["tries"],
        status=int_or_none(row["status"]),
        error_kind=word(connection, row["error_kind"]),
        conversation_id=word(connection, row["conversation"]),
    )


def cost_of(row: Row) -> Cost:
    """What a request cost, and what kind of figure that is."""
    state = RequestState(row["state"])
    if state is RequestState.BILLED:
        return Cost(spent(row), CostKind.BILLED)
    if state is RequestState.FREE:
        return Cost(NOTHING.billed_usd, CostKind.BILLED)
    estimate = money_out(row["estimate_usd"])
    if estimate is None or state is RequestState.UNKNOWN:
        return UNKNOWN_COST
    return Cost(estimate, CostKind.ESTIMATED)


def _rows(connection: sqlite3.Connection, table: str, origin: str, since: int | None) -> list[Row]:
    return connection.execute(
        f"SELECT * FROM {table} WHERE origin = ? AND day >= ?",  # noqa: S608 - names of our own
        (known_word_id(connection, origin), since if since is not None else -1_000_000),
    ).fetchall()


def _grouped(rows: Iterable[Row], keys: tuple[str, ...]) -> dict[tuple[int, ...], Share]:
    parts: defaultdict[tuple[int, ...], list[Row]] = defaultdict(list)
    for row in rows:
        parts[tuple(row[key] for key in keys)].append(row)
    return {key: total(group) for key, group in parts.items()}


def _sum(shares: Iterable[Share]) -> Share:
    whole = NOTHING
    for share in shares:
        whole = whole.plus(share)
    return whole


def _named(connection: sqlite3.Connection, by: SpendBy, groups: dict[tuple[int, ...], Share]) -> list[SpendRow]:
    name: Callable[[int], Clean]
    if by == "day":
        name = _day
    else:

        def name(number: int) -> Clean:
            return clean_line(word(connection, number) or "") or _NONE

    # Where all that was tried came to nothing there is nothing to list.
    return [share.row(name(key[-1])) for key, share in groups.items() if replace(share, failed=0) != NOTHING]


def _day(number: int) -> Clean:
    return Clean(day_name(number))


def _dearest_first(rows: Iterable[SpendRow]) -> tuple[SpendRow, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.total_usd, -row.requests, row.key)))
