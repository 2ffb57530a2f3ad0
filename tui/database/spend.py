"""The sums and the last requests, as the Spend screen and `ortui spend` show them."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tui.core.ledger import MONEY, Period, SpendBy, SpendQuery, SpendRow, SpendSummary, SpendView
from tui.database.columns import (
    Row,
    day_name,
    day_number,
    day_of_name,
    known_word_id,
    line_out,
    month_start,
    week_start,
    word,
)
from tui.database.ledger import open_requests
from tui.database.request_rows import last_requests
from tui.database.sums import COLUMNS, NOTHING, READ, Share, share_of_request, share_of_row, total
from tui.openrouter.text import Clean, clean_line

BURN_S: Final = 900.0
"""Over how long the rate of spending is taken."""

_BY: Final[dict[SpendBy, tuple[str, ...]]] = {
    "day": ("day",),
    "model": ("model",),
    "key": ("account", "key_tail"),
    "provider": ("provider",),
    "conversation": ("conversation",),
}
_NONE: Final = Clean("–")
_DAYS_SHOWN: Final = 30
_HOURS_SHOWN: Final = 48
_CONVERSATIONS: Final = 100
_SHORT: Final = 50
"""So many last requests are in every summary."""
_MOST_LATELY: Final = 1_000
_OUT_OF_ORDER: Final = 50


def summary(connection: sqlite3.Connection, origin: str, process: str, now: float, *, last: int = 50) -> SpendSummary:
    """Everything that the meter shows of one origin, and the last requests; days, weeks and months are UTC.

    It is read after each request: its time depends on the number of days, not on the number of requests.
    """
    today = day_number(now)
    days = _rows(connection, "day_total", origin, None)
    by_day = {row["day"]: row for row in days if row["day"] > today - _DAYS_SHOWN}
    session = connection.execute(
        f"SELECT {COLUMNS} FROM session_sum WHERE process = ? AND origin = ?",  # noqa: S608 - names of our own
        (known_word_id(connection, process), known_word_id(connection, origin)),
    ).fetchall()

    held = open_requests(connection, origin, process, now)

    def since(first: int) -> Share:
        return total(row for row in days if first <= row["day"] <= today)

    def of(day: int) -> Share:
        return share_of_row(by_day[day]) if day in by_day else NOTHING

    return SpendSummary(
        day_utc=day_name(today),
        session=total(session).row(Clean("session")),
        today=of(today).row(Clean(day_name(today))),
        week=since(week_start(today)).row(Clean("week")),
        month=since(month_start(today)).row(Clean(day_name(today)[:7])),
        all_time=total(days).row(Clean("all")),
        reserved_usd=held.reserved_usd["day"],
        held_usd=held.added_usd(),
        burn=lately(connection, origin, now).row(Clean("burn")),
        by_day=tuple(of(day).row(Clean(day_name(day))) for day in range(today - _DAYS_SHOWN + 1, today + 1)),
        last=last_requests(connection, origin, last),
    )


def spend_days(connection: sqlite3.Connection, origin: str, days: Sequence[str]) -> dict[str, SpendRow]:
    """The sums of these UTC days (`YYYY-MM-DD`; what is no day is left out)."""
    sums: dict[str, SpendRow] = {}
    number = known_word_id(connection, origin)
    for name in set(days):
        try:
            day = day_of_name(name)
        except ValueError:
            continue
        rows = connection.execute("SELECT * FROM day_total WHERE origin = ? AND day = ?", (number, day))
        sums[name] = total(rows.fetchall()).row(Clean(name))
    return sums


def lately(connection: sqlite3.Connection, origin: str, now: float, seconds: float = BURN_S) -> Share:
    """What the requests of the last seconds came to, newest first until older ones begin.

    Where there are more than a thousand, the thousand newest stand for all, at the rate at which they came.
    """
    shares: list[Share] = []
    older = 0
    rows = connection.execute(
        f"SELECT {READ} FROM request WHERE origin = ? ORDER BY number DESC LIMIT ?",  # noqa: S608 - names of our own
        (known_word_id(connection, origin), _MOST_LATELY),
    ).fetchall()
    oldest = now
    for row in rows:
        if row["created_at"] <= now - seconds:
            older += 1
            # A few may be out of order: other processes write too, and clocks are set.
            if older > _OUT_OF_ORDER:
                break
        elif row["created_at"] <= now + 1:
            shares.append(share_of_request(row))
            oldest = min(oldest, row["created_at"])
    found = _sum(shares)
    span = now - oldest
    if len(rows) < _MOST_LATELY or older > _OUT_OF_ORDER or span < 1:
        return found
    factor = Decimal(round(seconds)) / Decimal(round(span, 3))
    return replace(
        found,
        billed_usd=MONEY.multiply(found.billed_usd, factor),
        estimated_usd=MONEY.multiply(found.estimated_usd, factor),
    )


def view(connection: sqlite3.Connection, origin: str, query: SpendQuery, now: float) -> SpendView:
    """What the Spend screen shows of a period: its parts, its course, its requests."""
    today = day_number(now)
    first = _first_day(query.period, today)
    words = query.words.split()
    sums = _period_sums(connection, origin, first, today)
    by_model = _dearest_first(_named(connection, "model", _grouped(sums, _BY["model"])))
    if query.by == "conversation":
        parts = _conversations(connection, origin, first, today)
    else:
        parts = _dearest_first(_named(connection, query.by, _grouped(sums, _BY[query.by])))
    return SpendView(
        query=query,
        total=total(sums).row(Clean(query.period)),
        parts=parts,
        by_model=by_model,
        by_hour=_hours(connection, origin, now),
        requests=last_requests(connection, origin, query.rows, words) if words or query.rows > _SHORT else None,
    )


def _first_day(period: Period, today: int) -> int:
    match period:
        case "today":
            return today
        case "week":
            return week_start(today)
        case "month":
            return month_start(today)
        case "30 days":
            return today - _DAYS_SHOWN + 1
        case "all":
            return -1_000_000


def _period_sums(connection: sqlite3.Connection, origin: str, first: int, today: int) -> list[Row]:
    """The finest sums of a period; whole months have some of their own, a thirtieth of the rows of their days."""
    table, day = ("month_sum", "month") if first == month_start(first) or first < 0 else ("day_sum", "day")
    return connection.execute(
        f"SELECT * FROM {table} WHERE origin = ? AND {day} BETWEEN ? AND ?",  # noqa: S608 - names of our own
        (known_word_id(connection, origin), first, today),
    ).fetchall()


def _conversations(connection: sqlite3.Connection, origin: str, first: int, today: int) -> tuple[SpendRow, ...]:
    """The hundred dearest; which they are may go by rounded sums, what they cost does not."""
    number = known_word_id(connection, origin)
    dearest = connection.execute(
        "SELECT conversation, sum(CAST(billed_usd AS REAL) + CAST(estimated_usd AS REAL)) AS about"
        " FROM conversation_sum WHERE origin = ? AND day BETWEEN ? AND ? GROUP BY conversation"
        " ORDER BY about DESC LIMIT ?",
        (number, first, today, _CONVERSATIONS),
    ).fetchall()
    found = []
    for row in dearest:
        share = total(
            connection.execute(
                "SELECT * FROM conversation_sum WHERE conversation = ? AND origin = ? AND day BETWEEN ? AND ?",
                (row["conversation"], number, first, today),
            )
        )
        if replace(share, failed=0) != NOTHING:
            found.append(share.row(_title(connection, row["conversation"])))
    return _dearest_first(found)


def _title(connection: sqlite3.Connection, number: int) -> Clean:
    row = connection.execute(
        "SELECT title FROM conversation WHERE id = ?", (word(connection, number) or "",)
    ).fetchone()
    return (line_out(row["title"]) if row is not None else Clean("")) or Clean("a deleted conversation")


def _hours(connection: sqlite3.Connection, origin: str, now: float) -> tuple[SpendRow, ...]:
    """The last two days by the hour, oldest first; the key is the start of the hour, Unix seconds."""
    this = int(now // 3600)
    rows = connection.execute(
        "SELECT * FROM hour_total WHERE origin = ? AND hour BETWEEN ? AND ?",
        (known_word_id(connection, origin), this - _HOURS_SHOWN + 1, this),
    ).fetchall()
    by_hour = {row["hour"]: share_of_row(row) for row in rows}
    return tuple(
        by_hour.get(hour, NOTHING).row(Clean(str(hour * 3600))) for hour in range(this - _HOURS_SHOWN + 1, this + 1)
    )


def spend_rows(
    connection: sqlite3.Connection, origin: str, by: SpendBy = "day", since_day: str | None = None
) -> tuple[SpendRow, tuple[SpendRow, ...]]:
    """The total since a UTC day (`YYYY-MM-DD`; None: ever), and its parts: days in order, else dearest first.

    The `key` of a row is the day, the model, the key's last characters, the provider (`–`: nobody said) or the
    conversation's id (`–`: none); beside the id stands the title. Raises ValueError when `since_day` is no day.
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

    def title(number: int) -> Clean | None:
        return _title(connection, number) if by == "conversation" and number else None

    # Where all that was tried came to nothing there is nothing to list.
    return [
        share.row(name(key[-1]), title(key[-1])) for key, share in groups.items() if replace(share, failed=0) != NOTHING
    ]


def _day(number: int) -> Clean:
    return Clean(day_name(number))


def _dearest_first(rows: Iterable[SpendRow]) -> tuple[SpendRow, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.total_usd, -row.requests, row.key)))
