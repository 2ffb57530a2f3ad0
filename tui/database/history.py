"""The requests of a span of time in sums that price lists can be applied to (`tui.core.repricing`).

A ledger of a million rows takes seconds to read, so it is read in parts, each a unit of its own, and whoever writes
meanwhile gets its turn between them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tui.core.ledger import RequestKind
from tui.core.repricing import Counts, Distinctions, Group, History, Paid
from tui.database.columns import add, day_number, known_word_id, money_out
from tui.database.sums import Share, share_of_request

_ROWS: Final = 5_000
"""Of a part: some tens of milliseconds on a slow machine."""
_HALF: Final = 26
_CARRIED_OUT: Final = "state NOT IN ('reserved', 'released') AND origin = ? AND created_at >= ? AND created_at < ?"
_COUNTED: Final = "prompt_tokens IS NOT NULL AND (completion_tokens IS NOT NULL OR kind = 'embedding')"
_DAY_S: Final = 86_400.0


def last_days(now: float, days: int) -> tuple[float, float]:
    """From the start of the first to the end of the last of that many UTC days, today (the last) included; Unix s."""
    today = day_number(now)
    return (today - days + 1) * _DAY_S, (today + 1) * _DAY_S


def history(connection: sqlite3.Connection, origin: str, since: float, until: float, apart: Distinctions) -> History:
    """All requests of an origin that were carried out, or may have been, from `since` to before `until` (Unix s)."""
    whole = History(apart=apart)
    after: int | None = 0
    while after is not None:
        part, after = history_part(connection, origin, since, until, apart, after)
        whole = whole.plus(part)
    return whole


def history_part(
    connection: sqlite3.Connection, origin: str, since: float, until: float, apart: Distinctions, after: int
) -> tuple[History, int | None]:
    """The same of some of the rows, those behind the row `after`; and behind which to go on, None at the end."""
    first = connection.execute("SELECT min(number) FROM request WHERE number > ?", (after,)).fetchone()[0]
    if first is None:
        return History(apart=apart), None
    last = first + _ROWS - 1
    where = f"number BETWEEN ? AND ? AND {_CARRIED_OUT}"
    values = (first, last, known_word_id(connection, origin), since, until)
    groups = _groups(connection, apart, where, values)
    paid, uncounted = _paid(connection, where, values)
    return History(apart=apart, groups=groups, paid=paid, uncounted=uncounted), last


def _groups(
    connection: sqlite3.Connection, apart: Distinctions, where: str, values: Sequence[object]
) -> dict[Group, Counts]:
    prompt, completion = _count("prompt_tokens"), _count("completion_tokens")
    cached, written = _count("cached_tokens"), _count("cache_write_tokens")
    sums = (
        _sum(prompt),
        _sum(f"max(0, {prompt} - {cached} - {written})"),
        _sum(cached),
        _sum(written),
        _sum(completion),
        _sum(f"min({_count('reasoning_tokens')}, {completion})"),
    )
    length_class = _class(prompt, "<=", apart.prompt_tokens)
    time_class = _class("CAST(created_at / 60 AS INTEGER) % 1440", "<", apart.minutes)
    groups: dict[Group, Counts] = {}
    for kind, length, time, requests, *halves in connection.execute(
        f"SELECT kind, {length_class} AS length_class, {time_class} AS time_class, count(*), {', '.join(sums)}"  # noqa: S608 - names and numbers of our own
        f" FROM request WHERE {where} AND {_COUNTED} GROUP BY 1, 2, 3",
        values,
    ):
        whole = [(high << _HALF) + low for high, low in zip(halves[::2], halves[1::2], strict=True)]
        groups[Group(RequestKind(kind), length, time)] = Counts(requests, *whole)
    return groups


def _count(column: str) -> str:
    """A count that nobody told is 0 here."""
    return f"max(0, coalesce({column}, 0))"


def _sum(value: str) -> str:
    """A sum in two halves, because one number may have 53 bits and a whole sum more than SQLite's 63."""
    return f"sum({value} >> {_HALF}), sum({value} & {(1 << _HALF) - 1})"


def _class(value: str, relation: str, bounds: Sequence[int]) -> str:
    """The number of the first bound that the value stands before."""
    cases = "".join(f" WHEN {value} {relation} {bound} THEN {number}" for number, bound in enumerate(bounds))
    return f"CASE{cases} ELSE {len(bounds)} END" if cases else "0"


def _paid(
    connection: sqlite3.Connection, where: str, values: Sequence[object]
) -> tuple[dict[RequestKind, Paid], dict[RequestKind, Paid]]:
    """What the requests with token counts and those without really cost."""
    shares: dict[tuple[int, str], list[Share]] = {}
    # What is billed without a provider key of one's own is nearly everything: a share for each row would cost thrice
    # the time.
    plainly = "state = 'billed' AND is_byok = 0 AND cost_usd IS NOT NULL"
    bills: dict[tuple[int, str], list[Decimal | None]] = {}
    for counted, kind, cost in connection.execute(
        f"SELECT {_COUNTED}, kind, cost_usd FROM request WHERE {where} AND {plainly}",  # noqa: S608 - names of our own
        values,
    ):
        bills.setdefault((counted, kind), []).append(money_out(cost))
    for key, amounts in bills.items():
        shares[key] = [Share(requests=len(amounts), billed_usd=add(amounts))]
    for row in connection.execute(
        f"SELECT *, {_COUNTED} AS counted FROM request WHERE {where} AND NOT ({plainly})",  # noqa: S608
        values,
    ):
        shares.setdefault((row["counted"], row["kind"]), []).append(share_of_request(row))
    counted, uncounted = (
        {RequestKind(kind): _together(some) for (is_counted, kind), some in shares.items() if is_counted == wanted}
        for wanted in (1, 0)
    )
    return counted, uncounted


def _together(shares: Sequence[Share]) -> Paid:
    return Paid(
        requests=sum(share.requests for share in shares),
        billed_usd=add(share.billed_usd for share in shares),
        estimated_usd=add(share.estimated_usd for share in shares),
        unknown=sum(share.unknown for share in shares),
    )
