"""Sums that are kept up with each change of a request, so that a ledger of a million rows opens at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from tui.core.ledger import MONEY, ZERO, RequestState, SpendRow
from tui.database.columns import Row, day_number, money_in, money_out, month_start
from tui.openrouter.text import Clean


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one request, or many together, add to a sum. USD."""

    requests: int = 0
    """That were carried out, or may have been."""
    failed: int = 0
    """That cost nothing because nothing came of them."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    billed_usd: Decimal = ZERO
    estimated_usd: Decimal = ZERO
    unknown: int = 0
    cache_write_tokens: int = 0
    wasted: int = 0
    """That cost money, or may, and brought no whole answer: failed, cut off or stopped."""
    wasted_usd: Decimal = ZERO
    upstream_usd: Decimal = ZERO
    """The part of what was billed that providers ask for keys of one's own."""

    def plus(self, other: Share) -> Share:
        """Both together."""
        sums: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        sums |= {name: MONEY.add(getattr(self, name), getattr(other, name)) for name in _MONIES}
        return Share(**sums)

    def minus(self, other: Share) -> Share:
        """What is left when the other is taken out."""
        sums: dict[str, Any] = {name: getattr(self, name) - getattr(other, name) for name in _COUNTS}
        sums |= {name: MONEY.subtract(getattr(self, name), getattr(other, name)) for name in _MONIES}
        return Share(**sums)

    def row(self, key: Clean, title: Clean | None = None) -> SpendRow:
        """As a screen shows it."""
        return SpendRow(
            key=key,
            title=title,
            **{name: getattr(self, name) for name in self.__struct_fields__ if name in SpendRow.__struct_fields__},
        )


NOTHING: Final = Share()
_NAMES: Final = Share.__struct_fields__
"""Not `msgspec.structs.fields`: that compiles the types anew each time, and took most of the time of a sum."""
COLUMNS: Final = ", ".join(_NAMES)
_MONIES: Final = ("billed_usd", "estimated_usd", "wasted_usd", "upstream_usd")
_COUNTS: Final = tuple(name for name in _NAMES if name not in _MONIES)

_TABLES: Final = {
    "day_total": ("origin", "day"),
    "hour_total": ("origin", "hour"),
    "day_sum": ("origin", "day", "account", "key_tail", "model", "provider"),
    "month_sum": ("origin", "month", "account", "key_tail", "model", "provider"),
    "conversation_sum": ("conversation", "origin", "day"),
    "session_sum": ("process", "origin"),
}


def _statements(table: str, keys: tuple[str, ...]) -> tuple[str, str, str]:
    where = " AND ".join(f"{key} = ?" for key in keys)
    marks = ", ".join("?" * (len(keys) + len(_NAMES)))
    return (
        f"SELECT {COLUMNS} FROM {table} WHERE {where}",  # noqa: S608 - names of our own
        f"INSERT OR REPLACE INTO {table} ({', '.join(keys)}, {COLUMNS}) VALUES ({marks})",  # noqa: S608
        f"DELETE FROM {table} WHERE {where}",  # noqa: S608
    )


_SQL: Final = {table: _statements(table, keys) for table, keys in _TABLES.items()}


def share_of_row(row: Row) -> Share:
    """The sums of a row that has the columns `COLUMNS`."""
    sums: dict[str, Any] = {name: int(row[name]) for name in _COUNTS}
    sums |= {name: money_out(row[name]) or ZERO for name in _MONIES}
    return Share(**sums)


def total(rows: Iterable[Row]) -> Share:
    """All of them together."""
    requests = failed = prompt = completion = reasoning = cached = unknown = written = wasted = 0
    billed = estimated = wasted_usd = upstream = ZERO
    plus = MONEY.add
    for row in rows:  # thousands of them: one Share at the end, not one each
        requests += row["requests"]
        failed += row["failed"]
        prompt += row["prompt_tokens"]
        completion += row["completion_tokens"]
        reasoning += row["reasoning_tokens"]
        cached += row["cached_tokens"]
        written += row["cache_write_tokens"]
        unknown += row["unknown"]
        billed = plus(billed, money_out(row["billed_usd"]) or ZERO)
        if row["estimated_usd"] != "0":
            estimated = plus(estimated, money_out(row["estimated_usd"]) or ZERO)
        if row["wasted"]:
            wasted += row["wasted"]
            wasted_usd = plus(wasted_usd, money_out(row["wasted_usd"]) or ZERO)
        if row["upstream_usd"] != "0":
            upstream = plus(upstream, money_out(row["upstream_usd"]) or ZERO)
    return Share(
        requests=requests,
        failed=failed,
        prompt_tokens=prompt,
        completion_tokens=completion,
        reasoning_tokens=reasoning,
        cached_tokens=cached,
        billed_usd=billed,
        estimated_usd=estimated,
        unknown=unknown,
        cache_write_tokens=written,
        wasted=wasted,
        wasted_usd=wasted_usd,
        upstream_usd=upstream,
    )


def share_of_request(row: Row) -> Share:
    """What a request adds: nothing while it runs, its estimate until a bill comes, then its bill."""
    state = row["state"]
    if state == RequestState.RESERVED:
        return NOTHING
    if state == RequestState.FREE:
        return Share(failed=1)
    billed = estimated = ZERO
    unknown = 0
    if state == RequestState.BILLED:
        billed = spent(row) or ZERO
    elif state != RequestState.UNKNOWN and (estimate := money_out(row["estimate_usd"])) is not None:
        estimated = estimate
    else:
        unknown = 1
    broken = row["error_kind"] is not None
    return Share(
        requests=1,
        prompt_tokens=row["prompt_tokens"] or 0,
        completion_tokens=row["completion_tokens"] or 0,
        reasoning_tokens=row["reasoning_tokens"] or 0,
        cached_tokens=row["cached_tokens"] or 0,
        billed_usd=billed,
        estimated_usd=estimated,
        unknown=unknown,
        cache_write_tokens=row["cache_write_tokens"] or 0,
        wasted=1 if broken else 0,
        wasted_usd=MONEY.add(billed, estimated) if broken else ZERO,
        upstream_usd=(money_out(row["upstream_usd"]) or ZERO) if row["is_byok"] and billed else ZERO,
    )


def spent(row: Row) -> Decimal | None:
    """Money spent by a billed request: its cost and, with a provider key of one's own, the upstream cost."""
    cost = money_out(row["cost_usd"])
    if cost is None or not row["is_byok"]:
        return cost
    return MONEY.add(cost, money_out(row["upstream_usd"]) or ZERO)


def move(connection: sqlite3.Connection, before: Row, after: Row) -> None:
    """Take a request's old share out of every sum it is in and put its new one in; belongs in the same transaction."""
    out, into = share_of_request(before), share_of_request(after)
    difference = into if out == NOTHING else into.minus(out)
    for table in _TABLES:
        new_key = _key(table, after)
        # Nearly always: nothing was in the sums before, or it was in the same.
        old_key = new_key if out == NOTHING else _key(table, before)
        if old_key == new_key:
            _change(connection, table, new_key, difference)
        else:
            _change(connection, table, old_key, NOTHING.minus(out))
            _change(connection, table, new_key, into)


def _key(table: str, row: Row) -> tuple[int, ...] | None:
    if table == "conversation_sum" and row["conversation"] is None:
        return None
    # 0 stands for "none" because a primary key without rowid cannot hold NULL.
    return tuple(_key_part(key, row) for key in _TABLES[table])


def _key_part(key: str, row: Row) -> int:
    match key:
        case "day":
            return day_number(row["created_at"])
        case "hour":
            return int(row["created_at"] // 3600)
        case "month":
            return month_start(day_number(row["created_at"]))
        case _:
            return row[key] or 0


def _change(connection: sqlite3.Connection, table: str, key: tuple[int, ...] | None, difference: Share) -> None:
    if key is None or difference == NOTHING:
        return
    select, _, delete = _SQL[table]
    row = connection.execute(select, key).fetchone()
    now = difference if row is None else share_of_row(row).plus(difference)
    if now == NOTHING:
        connection.execute(delete, key)
    else:
        _put(connection, table, key, now)


def _put(connection: sqlite3.Connection, table: str, key: tuple[int, ...], share: Share) -> None:
    values = [money_in(getattr(share, name)) if name in _MONIES else getattr(share, name) for name in _NAMES]
    connection.execute(_SQL[table][1], (*key, *values))


READ: Final = (
    "origin, process, created_at, account, key_tail, model, provider, conversation, state, is_byok, error_kind,"
    " cost_usd, upstream_usd, estimate_usd, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens,"
    " cache_write_tokens"
)
"""All that a share and its places depend on: a row of fewer columns is read faster."""


def rebuild(connection: sqlite3.Connection, tables: Sequence[str] = tuple(_TABLES)) -> None:
    """Make these sums anew from the rows; belongs in a transaction. Takes about a minute for a million rows."""
    sums: dict[str, dict[tuple[int, ...], list[Any]]] = {table: {} for table in tables}
    names = (*_COUNTS, *_MONIES)
    counts = len(_COUNTS)
    plus = MONEY.add
    for row in connection.execute(f"SELECT {READ} FROM request"):  # noqa: S608 - names of our own
        share = share_of_request(row)
        if share == NOTHING:
            continue
        values = [getattr(share, name) for name in names]
        for table, kept in sums.items():
            key = _key(table, row)
            if key is None:
                continue
            there = kept.get(key)
            if there is None:
                kept[key] = values.copy()
                continue
            for place, value in enumerate(values):
                if value:
                    there[place] = there[place] + value if place < counts else plus(there[place], value)
    for table, kept in sums.items():
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        for key, values in kept.items():
            _put(connection, table, key, Share(**dict(zip(names, values, strict=True))))
