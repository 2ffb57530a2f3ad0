"""The ledger: what is reserved before a request is sent, and what its end comes to.

A request is written down in the same transaction that checks the budgets. Its bill replaces the reserve; without a bill
the reserve stands while the bill is awaited, for a day at most, and then the estimate.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from tui.core.formats import money
from tui.core.ledger import (
    MONEY,
    ZERO,
    BudgetName,
    NewRequest,
    OverBudget,
    RequestState,
    Reserved,
    ReserveOutcome,
    Settlement,
    SummedBudget,
)
from tui.database.columns import (
    Row,
    add,
    clean_out,
    day_number,
    id_in,
    id_out,
    known_word_id,
    money_in,
    money_out,
    month_start,
    opaque_in,
    opaque_out,
    text_out,
    transaction,
    word,
    word_id,
)
from tui.database.sums import COLUMNS, move, total
from tui.openrouter.text import Clean, Opaque, clean_line

BudgetAction: TypeAlias = Literal["warn", "ask", "block"]

AWAIT_S: Final = 24 * 3600.0
"""How long a bill is waited for."""

_OPEN: Final = "state IN ('reserved', 'awaited')"
_RANK: Final = {
    RequestState.RESERVED: 0,
    RequestState.AWAITED: 1,
    RequestState.ESTIMATED: 2,
    RequestState.UNKNOWN: 2,
    RequestState.FREE: 2,
    RequestState.BILLED: 3,
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where one budget stands. USD."""

    spent_usd: Decimal
    reserved_usd: Decimal

    def left_of(self, limit: Decimal) -> Decimal:
        """What a request may still reserve."""
        return max(ZERO, MONEY.subtract(limit, MONEY.add(self.spent_usd, self.reserved_usd)))


class OpenRequests(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests that are not settled hold of each budget. USD."""

    reserved_usd: dict[SummedBudget, Decimal]
    """Of all processes; for the session of this one, because a session is one process."""
    counted_usd: dict[SummedBudget, Decimal]
    """What is in the sums already: the estimates of those whose bill is awaited. Their reserve counts in its place."""

    def added_usd(self) -> dict[SummedBudget, Decimal]:
        """What they add to the sums."""
        return {name: MONEY.subtract(reserved, self.counted_usd[name]) for name, reserved in self.reserved_usd.items()}


class AwaitedBill(msgspec.Struct, frozen=True, kw_only=True):
    """A request that ended without a bill; times are Unix seconds."""

    request_id: str
    account: str | None
    """Whose key must ask."""
    generation_id: Opaque | None
    """None: the server never named it, so that nobody can be asked."""
    message_id: str | None
    created_at: float
    asks: int
    """How often it was asked for."""
    next_ask_at: float | None
    """None: at once."""


def reserve(
    connection: sqlite3.Connection,
    request: NewRequest,
    *,
    limits: Mapping[BudgetName, Decimal | None],
    action: BudgetAction,
    allow: bool = False,
    process: str,
    now: float,
) -> ReserveOutcome:
    """Check the budgets and write the request down as reserved, both or neither.

    `allow` is the user's yes to a question; `block` does not listen to it. A request that costs nothing passes no
    budget.
    """
    with transaction(connection):
        over = _over_budgets(connection, request, limits, action, process, now)
        if over and (action == "block" or (action == "ask" and not allow)):
            return over[0]
        connection.execute(
            "INSERT INTO request (id, kind, state, origin, process, created_at, model, conversation, message_id,"
            " reserve_usd, estimate_usd, prompt_tokens_estimate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id_in(request.id),
                request.kind.value,
                RequestState.RESERVED.value,
                word_id(connection, request.origin),
                word_id(connection, process),
                request.created_at,
                word_id(connection, request.model.raw),
                word_id(connection, request.conversation_id),
                None if request.message_id is None else id_in(request.message_id),
                _amount(request.reserve_usd),
                _amount(request.estimate_usd),
                request.prompt_tokens_estimate,
            ),
        )
    return Reserved(warnings=tuple(_warning(one) for one in over))


def standings(connection: sqlite3.Connection, origin: str, process: str, now: float) -> dict[SummedBudget, Standing]:
    """What each budget has spent and reserved.

    Spent is billed and finally estimated money of that time. Reserved counts the open requests of all processes; for
    the session those of this process, because a session is one process.
    """
    today = day_number(now)
    spent: dict[SummedBudget, Decimal] = {
        "session": _summed(
            connection, "session_sum", "origin = ? AND process = ?", origin, known_word_id(connection, process)
        ),
        "day": _summed(connection, "day_total", "origin = ? AND day = ?", origin, today),
        "month": _summed(
            connection, "day_total", "origin = ? AND day BETWEEN ? AND ?", origin, month_start(today), today
        ),
    }
    held = open_requests(connection, origin, process, now)
    return {
        name: Standing(spent_usd=MONEY.subtract(spent[name], held.counted_usd[name]), reserved_usd=reserved)
        for name, reserved in held.reserved_usd.items()
    }


def open_requests(connection: sqlite3.Connection, origin: str, process: str, now: float) -> OpenRequests:
    """What the requests hold that are not settled."""
    today = day_number(now)
    reserved: dict[SummedBudget, Decimal] = {"session": ZERO, "day": ZERO, "month": ZERO}
    counted = reserved.copy()
    number = known_word_id(connection, process)
    for row in _open_rows(connection, origin):
        mine = row["process"] == number
        day = day_number(row["created_at"])
        amount = _reserve_of(row)
        places: tuple[tuple[SummedBudget, bool], ...] = (
            ("session", mine),
            ("day", day == today),
            ("month", month_start(today) <= day <= today),
        )
        for name, in_sums in places:
            if name != "session" or mine:
                reserved[name] = MONEY.add(reserved[name], amount)
            if in_sums and row["state"] == RequestState.AWAITED:
                counted[name] = MONEY.add(counted[name], money_out(row["estimate_usd"]) or ZERO)
    return OpenRequests(reserved_usd=reserved, counted_usd=counted)


def left(
    connection: sqlite3.Connection,
    origin: str,
    *,
    limits: Mapping[BudgetName, Decimal | None],
    process: str,
    now: float,
) -> Decimal | None:
    """What the next request may reserve before it passes the tightest budget, in USD; None without any budget."""
    amounts = [limit for name, limit in limits.items() if name == "request" and limit is not None]
    if any(limit is not None for limit in limits.values()):
        for name, standing in standings(connection, origin, process, now).items():
            limit = limits.get(name)
            if limit is not None:
                amounts.append(standing.left_of(limit))
    return min(amounts) if amounts else None


def mark_sent(connection: sqlite3.Connection, request_id: str, now: float | None) -> None:
    """Note, before it is written, that the server may get the request; None takes it back after a refusal.

    What was never sent is released when its process dies; what was sent has its bill awaited.
    """
    connection.execute(
        "UPDATE request SET sent_after_ms = CAST((? - created_at) * 1000 AS INTEGER)"
        " WHERE id = ? AND state = 'reserved'",
        (now, id_in(request_id)),
    )


def note_answer(
    connection: sqlite3.Connection,
    request_id: str,
    *,
    generation_id: Opaque | None,
    model_answered: Clean | None = None,
    provider: Clean | None = None,
) -> None:
    """Keep who answers as soon as it is known, so that the bill can be asked for even after a crash."""
    with transaction(connection):
        settle(
            connection,
            Settlement(
                request_id=request_id,
                state=RequestState.RESERVED,
                ended_at=0.0,
                generation_id=generation_id,
                model_answered=model_answered,
                provider=provider,
            ),
        )


def settle(connection: sqlite3.Connection, settlement: Settlement) -> None:
    """Book how a request ended. Once, twice or late makes no difference: its old share of every sum is taken out first.

    A bill is never replaced by less than a bill. A bill without an amount is no bill: the estimate stays, or nothing is
    known. Raises LookupError when there is no such request.
    """
    with transaction(connection):
        before = _row(connection, settlement.request_id)
        state = _next_state(before, settlement)
        if state is None:
            return
        is_open = state in (RequestState.RESERVED, RequestState.AWAITED)
        ends = state is not RequestState.RESERVED and before["ended_after_ms"] is None
        # Beside a bill the estimate at sending stays; an estimate of the end takes its place only without one.
        estimate = None if state is RequestState.BILLED else _amount(settlement.estimate_usd)
        values: dict[str, object] = {
            "state": state.value,
            "cost_usd": _amount(settlement.cost_usd),
            "upstream_usd": _amount(settlement.upstream_usd),
            "is_byok": 1 if settlement.is_byok else None,
            "estimate_usd": estimate,
            "quoted_usd": before["estimate_usd"] if estimate is not None and before["quoted_usd"] is None else None,
            "prompt_tokens": settlement.prompt_tokens,
            "completion_tokens": settlement.completion_tokens,
            "reasoning_tokens": settlement.reasoning_tokens,
            "cached_tokens": settlement.cached_tokens,
            "cache_write_tokens": settlement.cache_write_tokens,
            "model_answered": word_id(connection, settlement.model_answered),
            "provider": word_id(connection, settlement.provider),
            "generation_id": opaque_in(settlement.generation_id),
            "ttft_ms": settlement.ttft_ms,
            "duration_ms": settlement.duration_ms,
            "tries": settlement.tries,
            "status": settlement.status,
            "error_kind": word_id(connection, settlement.error_kind),
            "finish_reason": word_id(connection, settlement.finish_reason),
            "ended_after_ms": round((settlement.ended_at - before["created_at"]) * 1000) if ends else None,
        }
        known = {name: value for name, value in values.items() if value is not None}
        assignments = ", ".join(f"{name} = ?" for name in known)
        if not is_open:
            assignments += ", reserve_usd = NULL, next_ask_at = NULL"
        connection.execute(
            f"UPDATE request SET {assignments} WHERE number = ?",  # noqa: S608 - names of our own
            (*known.values(), before["number"]),
        )
        move(connection, before, _row(connection, settlement.request_id))


def awaiting(connection: sqlite3.Connection, origin: str) -> tuple[AwaitedBill, ...]:
    """The requests whose bill is awaited, oldest first."""
    rows = connection.execute(
        f"SELECT * FROM request WHERE {_OPEN} AND state = 'awaited' AND origin = ? ORDER BY number",  # noqa: S608
        (known_word_id(connection, origin),),
    ).fetchall()
    return tuple(
        AwaitedBill(
            request_id=id_out(row["id"]),
            account=word(connection, row["account"]),
            generation_id=opaque_out(row["generation_id"]),
            message_id=None if row["message_id"] is None else id_out(row["message_id"]),
            created_at=row["created_at"],
            asks=row["bill_asks"],
            next_ask_at=row["next_ask_at"],
        )
        for row in rows
    )


def claim_bill(connection: sqlite3.Connection, bill: AwaitedBill, next_ask_at: float) -> bool:
    """Take it upon this process to ask for a bill, and write down when it may be asked for again.

    False when another process has asked meanwhile, or the bill is there.
    """
    changed = connection.execute(
        "UPDATE request SET bill_asks = bill_asks + 1, next_ask_at = ?"
        " WHERE id = ? AND state = 'awaited' AND bill_asks = ?",
        (next_ask_at, id_in(bill.request_id), bill.asks),
    )
    return changed.rowcount == 1


def expire_awaited(connection: sqlite3.Connection, now: float) -> tuple[str, ...]:
    """After a day without a bill the estimate stays, or nothing is known; the answer names the requests."""
    expired: list[str] = []
    with transaction(connection):
        rows = connection.execute(f"SELECT * FROM request WHERE {_OPEN} AND state = 'awaited'").fetchall()  # noqa: S608
        for row in rows:
            if row["created_at"] + (row["ended_after_ms"] or 0) / 1000 <= now - AWAIT_S:
                known = money_out(row["estimate_usd"]) is not None
                settle(
                    connection,
                    Settlement(
                        request_id=id_out(row["id"]),
                        state=RequestState.ESTIMATED if known else RequestState.UNKNOWN,
                        ended_at=now,
                    ),
                )
                expired.append(id_out(row["id"]))
    return tuple(expired)


def settle_abandoned(connection: sqlite3.Connection, process: str, now: float) -> int:
    """Book the reserved requests of a process that died, released when never sent, else awaited; answers how many."""
    number = known_word_id(connection, process)
    rows = connection.execute(
        f"SELECT * FROM request WHERE {_OPEN} AND state = 'reserved' AND process = ?",  # noqa: S608
        (number,),
    ).fetchall()
    for row in rows:
        state = RequestState.FREE if row["sent_after_ms"] is None else RequestState.AWAITED
        settle(connection, Settlement(request_id=id_out(row["id"]), state=state, ended_at=now))
    return len(rows)


def was_sent(connection: sqlite3.Connection, message_id: str) -> bool:
    """Whether a request that fills this message (among the last 100,000) may have reached the server."""
    row = connection.execute(
        "SELECT sent_after_ms FROM (SELECT * FROM request ORDER BY number DESC LIMIT 100000) WHERE message_id = ?"
        " LIMIT 1",
        (id_in(message_id),),
    ).fetchone()
    return row is not None and row[0] is not None


def processes_with_reserves(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The processes that have requests reserved."""
    rows = connection.execute(
        f"SELECT DISTINCT word.text FROM request JOIN word ON word.id = process WHERE {_OPEN} AND state = 'reserved'"  # noqa: S608
    )
    return tuple(text_out(row[0]) for row in rows.fetchall())


def _over_budgets(
    connection: sqlite3.Connection,
    request: NewRequest,
    limits: Mapping[BudgetName, Decimal | None],
    action: BudgetAction,
    process: str,
    now: float,
) -> list[OverBudget]:
    """The budgets that the request would pass, in the order of `limits`."""
    set_limits = {name: limit for name, limit in limits.items() if limit is not None}
    this = money_out(_amount(request.reserve_usd))
    if not set_limits or this == 0:
        return []
    # The outcome has no "warn": with that action it only becomes a sentence.
    stated: Literal["ask", "block"] = "block" if action == "block" else "ask"
    standing = standings(connection, request.origin, process, now)
    if this is None:
        name: BudgetName = next(iter(set_limits))
        at = Standing(spent_usd=ZERO, reserved_usd=ZERO) if name == "request" else standing[name]
        return [
            OverBudget(
                budget=name,
                limit_usd=None,
                spent_usd=at.spent_usd,
                reserved_usd=at.reserved_usd,
                this_usd=None,
                action=stated,
            )
        ]
    over: list[OverBudget] = []
    for name, limit in set_limits.items():
        at = Standing(spent_usd=ZERO, reserved_usd=ZERO) if name == "request" else standing[name]
        if add((at.spent_usd, at.reserved_usd, this)) > limit:
            over.append(
                OverBudget(
                    budget=name,
                    limit_usd=limit,
                    spent_usd=at.spent_usd,
                    reserved_usd=at.reserved_usd,
                    this_usd=this,
                    action=stated,
                )
            )
    return over


def _warning(over: OverBudget) -> Clean:
    if over.limit_usd is None:
        return clean_line("The price of this request is unknown, so no budget can hold it.")
    return clean_line(
        f"This passes the {over.budget} budget of {money(over.limit_usd)}: {money(over.spent_usd)} spent, "
        f"{money(over.reserved_usd)} reserved, up to {money(over.this_usd or ZERO)} for this."
    )


def _summed(connection: sqlite3.Connection, table: str, where: str, origin: str, *more: int | None) -> Decimal:
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM {table} WHERE {where}",  # noqa: S608 - names of our own
        (known_word_id(connection, origin), *more),
    )
    share = total(rows.fetchall())
    return MONEY.add(share.billed_usd, share.estimated_usd)


def _open_rows(connection: sqlite3.Connection, origin: str) -> list[Row]:
    return connection.execute(
        f"SELECT * FROM request WHERE {_OPEN} AND origin = ?",  # noqa: S608 - the words of the partial index
        (known_word_id(connection, origin),),
    ).fetchall()


def _reserve_of(row: Row) -> Decimal:
    reserve = money_out(row["reserve_usd"])
    return reserve if reserve is not None else money_out(row["estimate_usd"]) or ZERO


def _row(connection: sqlite3.Connection, request_id: str) -> Row:
    row: Row | None = connection.execute("SELECT * FROM request WHERE id = ?", (id_in(request_id),)).fetchone()
    if row is None:
        raise LookupError(f"no request {clean_out(request_id)}")
    return row


def _next_state(before: Row, settlement: Settlement) -> RequestState | None:
    """The state that the settlement leads to; None when it would take back what is known."""
    now, then = RequestState(before["state"]), settlement.state
    if then is RequestState.BILLED and _amount(settlement.cost_usd) is None and money_out(before["cost_usd"]) is None:
        has_estimate = settlement.estimate_usd is not None or money_out(before["estimate_usd"]) is not None
        then = RequestState.ESTIMATED if has_estimate else RequestState.UNKNOWN
    return then if _RANK[then] >= _RANK[now] else None


def _amount(amount: Decimal | None) -> str | None:
    """The column of an amount that nobody promised to be one: negative and absurd ones are unknown."""
    if amount is None or not amount.is_finite() or amount < 0:
        return None
    return money_in(amount)
