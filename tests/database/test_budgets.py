"""What a budget lets through: spent, all open reserves and this request together."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Literal

import pytest

from tui.core.ledger import (
    BudgetName,
    NewRequest,
    OverBudget,
    RequestKind,
    RequestState,
    Reserved,
    ReserveOutcome,
    Settlement,
)
from tui.database import ledger
from tui.database.opening import open_database
from tui.database.spend import summary
from tui.openrouter.text import Opaque

ORIGIN = "https://example.test"
NOW = 1_760_000_000.0  # 2025-10-09 08:53 UTC
DAY = 86_400.0


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


_number = iter(range(10**9))


def ask(
    connection: sqlite3.Connection,
    reserve: str | None,
    limits: dict[BudgetName, Decimal | None],
    action: ledger.BudgetAction = "block",
    *,
    allow: bool = False,
    process: str = "p",
    at: float = NOW,
    request_id: str | None = None,
    estimate: str | None = "0.01",
) -> ReserveOutcome:
    new = NewRequest(
        id=request_id or f"r{next(_number)}",
        kind=RequestKind.CHAT,
        origin=ORIGIN,
        created_at=at,
        model=Opaque("a/b"),
        reserve_usd=None if reserve is None else Decimal(reserve),
        estimate_usd=None if estimate is None else Decimal(estimate),
    )
    return ledger.reserve(connection, new, limits=limits, action=action, allow=allow, process=process, now=at)


def settle(connection: sqlite3.Connection, request_id: str, state: RequestState, cost: str | None = None) -> None:
    ledger.settle(
        connection,
        Settlement(request_id=request_id, state=state, ended_at=NOW, cost_usd=None if cost is None else Decimal(cost)),
    )


def test_a_budget_can_be_used_up_to_the_last_digit(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"day": Decimal("0.3")}
    assert ask(connection, "0.1", limits) == Reserved()
    assert ask(connection, "0.2", limits) == Reserved()
    refused = ask(connection, "0.000000000000000000001", limits)
    assert refused == OverBudget(
        budget="day",
        limit_usd=Decimal("0.3"),
        spent_usd=Decimal(0),
        reserved_usd=Decimal("0.3"),
        this_usd=Decimal("1E-21"),
        action="block",
    )
    assert connection.execute("SELECT count(*) FROM request").fetchone()[0] == 2


def test_open_reserves_of_all_processes_count(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"day": Decimal(1)}
    assert ask(connection, "0.7", limits, process="one") == Reserved()
    assert isinstance(ask(connection, "0.7", limits, process="two"), OverBudget)


def test_a_session_is_one_process(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"session": Decimal(1)}
    assert ask(connection, "0.7", limits, process="one") == Reserved()
    assert ask(connection, "0.7", limits, process="two", request_id="x") == Reserved()
    settle(connection, "x", RequestState.BILLED, "0.6")
    assert isinstance(ask(connection, "0.5", limits, process="two"), OverBudget)
    assert isinstance(ask(connection, "0.5", limits, process="one"), OverBudget)
    assert ask(connection, "0.3", limits, process="one") == Reserved()
    assert ask(connection, "0.9", limits, process="three") == Reserved()


def test_the_bill_replaces_the_reserve(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"month": Decimal(1)}
    ask(connection, "0.9", limits, request_id="x")
    settle(connection, "x", RequestState.BILLED, "0.2")
    assert ledger.left(connection, ORIGIN, limits=limits, process="p", now=NOW) == Decimal("0.8")


def test_an_awaited_bill_keeps_its_reserve_and_is_counted_once(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"session": Decimal(1), "day": Decimal(1), "month": Decimal(1)}
    ask(connection, "0.6", limits, request_id="x", estimate="0.3")
    settle(connection, "x", RequestState.AWAITED)
    for standing in ledger.standings(connection, ORIGIN, "p", NOW).values():
        assert (standing.spent_usd, standing.reserved_usd) == (Decimal(0), Decimal("0.6"))
    settle(connection, "x", RequestState.ESTIMATED)
    for standing in ledger.standings(connection, ORIGIN, "p", NOW).values():
        assert (standing.spent_usd, standing.reserved_usd) == (Decimal("0.3"), Decimal(0))


def test_yesterdays_awaited_bill_takes_nothing_from_what_today_spent(connection: sqlite3.Connection) -> None:
    ask(connection, "0.6", {}, request_id="old", at=NOW - DAY, estimate="0.3")
    settle(connection, "old", RequestState.AWAITED)
    ask(connection, "0.2", {}, request_id="new")
    settle(connection, "new", RequestState.BILLED, "0.2")
    standing = ledger.standings(connection, ORIGIN, "p", NOW)
    assert (standing["day"].spent_usd, standing["day"].reserved_usd) == (Decimal("0.2"), Decimal("0.6"))
    assert (standing["month"].spent_usd, standing["month"].reserved_usd) == (Decimal("0.2"), Decimal("0.6"))


def test_what_is_said_to_be_used_is_what_a_budget_is_held_to(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"session": Decimal(5), "day": Decimal(5), "month": Decimal(5)}
    ask(connection, "0.2", limits, request_id="done")
    settle(connection, "done", RequestState.BILLED, "0.1")
    ask(connection, "0.6", limits, request_id="stopped", estimate="0.3")
    settle(connection, "stopped", RequestState.AWAITED)
    ask(connection, "2", limits, process="other")
    said = summary(connection, ORIGIN, "p", NOW)
    for name, standing in ledger.standings(connection, ORIGIN, "p", NOW).items():
        assert said.used_usd(name) == standing.spent_usd + standing.reserved_usd
    # The estimate of what was stopped is in its reserve, and a session is one process.
    assert (said.used_usd("session"), said.used_usd("day")) == (Decimal("0.7"), Decimal("2.7"))
    assert said.reserved_usd == Decimal("2.6")


def test_days_and_months_are_utc(connection: sqlite3.Connection) -> None:
    midnight = NOW - NOW % DAY
    first_of_month = midnight - 8 * DAY
    for request_id, at in (("a", first_of_month - 1), ("b", midnight - 1), ("c", midnight)):
        ask(connection, "0.1", {}, request_id=request_id, at=at)
        settle(connection, request_id, RequestState.BILLED, "0.1")
    standing = ledger.standings(connection, ORIGIN, "p", NOW)
    assert standing["day"].spent_usd == Decimal("0.1")
    assert standing["month"].spent_usd == Decimal("0.2")


def test_asking_lets_through_what_the_user_allows(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"request": Decimal("0.5"), "day": None}
    over = ask(connection, "0.6", limits, "ask")
    assert isinstance(over, OverBudget)
    assert (over.action, over.budget, over.left_usd) == ("ask", "request", Decimal("0.5"))
    outcome = ask(connection, "0.6", limits, "ask", allow=True)
    assert isinstance(outcome, Reserved)
    assert "request budget of $0.5" in outcome.warnings[0]


def test_blocking_listens_to_nobody(connection: sqlite3.Connection) -> None:
    assert isinstance(ask(connection, "0.6", {"request": Decimal("0.5")}, "block", allow=True), OverBudget)


def test_warning_names_every_budget_that_is_passed(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"session": Decimal("0.1"), "day": Decimal("0.2"), "month": Decimal(9)}
    outcome = ask(connection, "0.6", limits, "warn")
    assert isinstance(outcome, Reserved)
    assert len(outcome.warnings) == 2
    assert outcome.warnings[0] == (
        "This passes the session budget of $0.10: $0 spent, $0 reserved, up to $0.60 for this."
    )


@pytest.mark.parametrize(("action", "stops"), [("warn", False), ("ask", True), ("block", True)])
def test_an_unknown_price(connection: sqlite3.Connection, action: Literal["warn", "ask", "block"], stops: bool) -> None:
    outcome = ask(connection, None, {"day": Decimal(5)}, action)
    if stops:
        assert isinstance(outcome, OverBudget)
        assert (outcome.limit_usd, outcome.left_usd, outcome.action) == (None, None, action)
    else:
        assert isinstance(outcome, Reserved)
        assert len(outcome.warnings) == 1
    assert ask(connection, None, {}, action) == Reserved()


def test_what_costs_nothing_passes_no_budget(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"day": Decimal("0.1")}
    ask(connection, "0.1", {}, request_id="x")
    settle(connection, "x", RequestState.BILLED, "0.5")
    assert ask(connection, "0", limits) == Reserved()
    assert isinstance(ask(connection, "0.000001", limits), OverBudget)
    assert ledger.left(connection, ORIGIN, limits=limits, process="p", now=NOW) == 0


def test_a_budget_of_zero_stops_every_price(connection: sqlite3.Connection) -> None:
    assert isinstance(ask(connection, "0.000001", {"month": Decimal(0)}), OverBudget)


def test_what_is_left_is_the_tightest(connection: sqlite3.Connection) -> None:
    limits: dict[BudgetName, Decimal | None] = {"session": Decimal(3), "day": Decimal(2), "request": Decimal("2.5")}
    assert ledger.left(connection, ORIGIN, limits=limits, process="p", now=NOW) == 2
    assert ledger.left(connection, ORIGIN, limits={}, process="p", now=NOW) is None
