"""Rates, projections, what caching saved, and where an account differs from our ledger."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tui.core.events import QuotaRead
from tui.core.ledger import BudgetName, SpendRow, SpendSummary, SummedBudget
from tui.core.spending import account_days, budget_left, burn_per_hour, day_end, month_end, run_out, saved_by_caching
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import ActivityRow, Credits, KeyInfo
from tui.openrouter.text import Clean, Opaque

NOW = 1_786_000_000.0
"""2026-08-06 07:06:40 UTC: 16 h 53 m 20 s before the day's end."""
D = Decimal


def row(billed: str, estimated: str = "0") -> SpendRow:
    return SpendRow(key=Clean("x"), requests=1, billed_usd=D(billed), estimated_usd=D(estimated))


def spend(burn: str = "0", today: str = "1", month: str = "5") -> SpendSummary:
    return SpendSummary(
        day_utc="2026-08-06",
        session=row("0"),
        today=row(today),
        month=row(month),
        all_time=row(month),
        reserved_usd=D(0),
        burn=row(burn, burn),
    )


def quota(left: str | None, credits_left: str | None = None) -> QuotaRead:
    key = KeyInfo(label=Clean("k"), limit=D(10), limit_remaining=None if left is None else D(left))
    balance = None if credits_left is None else Credits(total_credits=D(credits_left) + 3, total_usage=D(3))
    return QuotaRead(as_of=NOW, key=key, credits=balance)


def test_the_rate_counts_estimates_and_leads_to_the_day_s_end() -> None:
    assert burn_per_hour(spend("0.25")) == 2
    hours = (86_400 - NOW % 86_400) / 3600
    assert float(day_end(spend("0.25"), NOW)) == pytest.approx(1 + 2 * hours)
    assert day_end(spend(), NOW) == 1


def test_the_month_s_end_goes_by_the_month_s_mean() -> None:
    gone = 5 * 86_400 + NOW % 86_400
    assert float(month_end(spend(month="5"), NOW)) == pytest.approx(5 * 31 * 86_400 / gone)
    first_minute = NOW // 86_400 * 86_400 - 5 * 86_400 + 60
    assert month_end(spend(month="1"), first_minute) == 31


def test_the_month_does_not_end_below_today() -> None:
    first = spend(today="1", month="1", burn="1")
    assert month_end(first, NOW) == day_end(first, NOW) > 4


@pytest.mark.parametrize(
    ("left", "credits_left", "resets_in_s", "out"),
    [
        ("4", None, None, ("key", 7200)),
        ("4", "1", None, ("credits", 1800)),
        ("4", "90", None, ("key", 7200)),
        ("4", None, 7000, None),  # it starts again before it is empty
        ("0", None, 7000, ("key", 0)),
        ("-1", None, None, ("key", 0)),
        (None, None, None, None),
        (None, "1", None, ("credits", 1800)),
    ],
)
def test_what_is_empty_first(
    left: str | None, credits_left: str | None, resets_in_s: float | None, out: tuple[str, float] | None
) -> None:
    found = run_out(spend("0.25"), quota(left, credits_left), resets_in_s)
    assert (found and (found.what, found.seconds)) == out


def test_without_spending_nothing_runs_out() -> None:
    assert run_out(spend("0"), quota("4"), None) is None
    assert run_out(spend("1"), None, None) is None


def model(slug: str, pricing: Pricing) -> Model:
    return Model(id=Opaque(slug), slug=Clean(slug), name=Clean(slug), author=Clean("a"), pricing=pricing)


def cached(slug: str, read: int, written: int = 0) -> SpendRow:
    return SpendRow(key=Clean(slug), requests=1, cached_tokens=read, cache_write_tokens=written)


def test_caching_saves_the_difference_and_writing_costs_it() -> None:
    priced = Pricing(prompt=D("0.000003"), input_cache_read=D("0.0000003"), input_cache_write=D("0.00000375"))
    models = {"a/b": model("a/b", priced), "a/plain": model("a/plain", Pricing(prompt=D("0.000001")))}
    rows = [cached("a/b", 1000, 100), cached("a/b:nitro", 1000), cached("a/plain", 500), cached("gone/model", 7)]
    saved = saved_by_caching([*rows, cached("a/b", 0)], models, NOW)
    assert saved.usd == 2000 * D("0.0000027") - 100 * D("0.00000075")
    assert (saved.cached_tokens, saved.unpriced_tokens) == (2507, 7)
    only_written = saved_by_caching([cached("a/b", 0, 100)], models, NOW)
    assert only_written.usd < 0


def test_days_of_the_account_beside_ours() -> None:
    rows = [
        ActivityRow(day=Clean(day), model=Clean("m"), usage_usd=D(usd), byok_usd=D(byok), requests=2)
        for day, usd, byok in (("2026-08-05", "0.5", "0"), ("2026-08-04", "1", "0.25"), ("2026-08-05", "0.25", "0"))
    ]
    ours = SpendRow(key=Clean("d"), requests=3, billed_usd=D("0.9"), estimated_usd=D("0.1"), upstream_usd=D("0.25"))
    first, second = account_days(rows, {"2026-08-04": ours})
    assert str(first.day) == "2026-08-04"
    assert [first.account_usd, first.own_usd, first.difference_usd] == [D(1), D("0.75"), D("0.25")]
    assert (first.account_byok_usd, first.own_byok_usd, first.own_requests) == (D("0.25"), D("0.25"), 3)
    assert (second.account_usd, second.account_requests, second.own_usd) == (D("0.75"), 4, D(0))


def limits(**amounts: str) -> dict[BudgetName, Decimal | None]:
    names: tuple[BudgetName, ...] = ("session", "day", "month", "request")
    return {name: D(amounts[name]) if name in amounts else None for name in names}


def test_what_is_left_of_the_tightest_budget_stands_beside_the_quote() -> None:
    held: dict[SummedBudget, Decimal] = {"session": D("0.25"), "day": D("0.25"), "month": D("0.25")}
    now = msgspec.structs.replace(spend(today="1", month="5"), held_usd=held)
    assert budget_left(None, limits(day="5")) is None
    assert budget_left(now, limits()) is None
    left = budget_left(now, limits(day="5", month="50"))
    assert left is not None
    assert left.beside(Clean("~$0.01")) == "~$0.01 · day budget $3.75 left"
    # Little is left of the month: that comes first, though the day leaves less.
    near = budget_left(now, limits(day="2", month="6.5"))
    assert near is not None
    assert near.beside(Clean("~$0.01")) == "month budget $1.25 left · ~$0.01"
    full = budget_left(now, limits(day="1"))
    assert full is not None
    assert full.left_usd == 0
    assert full.is_near
    each = budget_left(now, limits(request="0.5"))
    assert each is not None
    assert each.beside(Clean("")) == "request budget $0.50 left"
