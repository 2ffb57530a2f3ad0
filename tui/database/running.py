"""What running replies have cost so far, in all processes, against budgets that block."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal

from tui.core.ledger import MONEY, ZERO, BudgetName, OverBudget
from tui.database.columns import day_number, id_in, known_word_id, money_in, money_out, month_start, transaction, word
from tui.database.sums import COLUMNS, total


def note_running(connection: sqlite3.Connection, request_id: str, so_far_usd: Decimal) -> None:
    """Keep what a running reply has cost by our estimate, for the other processes and should this one die."""
    connection.execute(
        "UPDATE request SET quoted_usd = coalesce(quoted_usd, estimate_usd, ?2), estimate_usd = ?2"
        " WHERE id = ?1 AND state = 'reserved'",
        (id_in(request_id), money_in(max(ZERO, so_far_usd))),
    )


def crossed(
    connection: sqlite3.Connection,
    request_id: str,
    so_far_usd: Decimal,
    *,
    origin: str,
    process: str,
    limits: Mapping[BudgetName, Decimal | None],
    now: float,
) -> OverBudget | None:
    """Note what a running reply has cost so far, and say which blocking budget is passed by what was spent.

    What is spent are bills, estimates without a bill, and what all running replies have cost so far; not what is
    reserved for the rest of them.
    """
    with transaction(connection):
        note_running(connection, request_id, so_far_usd)
        spent = _spent(connection, origin, process, now) | {"request": so_far_usd}
    for name, limit in limits.items():
        if limit is not None and spent[name] > limit:
            return OverBudget(
                budget=name,
                limit_usd=limit,
                spent_usd=spent[name],
                reserved_usd=ZERO,
                this_usd=so_far_usd,
                action="block",
            )
    return None


def _spent(connection: sqlite3.Connection, origin: str, process: str, now: float) -> dict[BudgetName, Decimal]:
    number, today = known_word_id(connection, origin), day_number(now)
    first = month_start(today)
    days = connection.execute(
        f"SELECT day, {COLUMNS} FROM day_total WHERE origin = ? AND day BETWEEN ? AND ?",  # noqa: S608 - names of our own
        (number, first, today),
    ).fetchall()
    session = connection.execute(
        f"SELECT {COLUMNS} FROM session_sum WHERE origin = ? AND process = ?",  # noqa: S608
        (number, known_word_id(connection, process)),
    ).fetchall()
    sums = {
        "session": total(session),
        "day": total(row for row in days if row["day"] == today),
        "month": total(days),
    }
    spent: dict[BudgetName, Decimal] = {
        name: MONEY.add(share.billed_usd, share.estimated_usd)  # type: ignore[misc]
        for name, share in sums.items()
    }
    running = connection.execute(
        # Only those that have begun to come have the estimate at sending apart from what they cost so far.
        "SELECT estimate_usd, process, created_at FROM request"
        " WHERE state IN ('reserved', 'awaited') AND state = 'reserved' AND origin = ? AND quoted_usd IS NOT NULL",
        (number,),
    )
    for row in running.fetchall():
        amount, day = money_out(row["estimate_usd"]) or ZERO, day_number(row["created_at"])
        if word(connection, row["process"]) == process:
            spent["session"] = MONEY.add(spent["session"], amount)
        if day == today:
            spent["day"] = MONEY.add(spent["day"], amount)
        if first <= day <= today:
            spent["month"] = MONEY.add(spent["month"], amount)
    return spent
