"""What spending comes to: its rate, where a day and a month end at it, what caching saved, where an account differs."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from tui.core.events import AccountDay, QuotaRead
from tui.core.formats import money
from tui.core.ledger import MONEY, ZERO, BudgetName, SpendRow, SpendSummary
from tui.core.prices import price_at
from tui.openrouter.catalogue import Model
from tui.openrouter.chat import ActivityRow
from tui.openrouter.text import Clean

_BURN_S: Final = 900
_DAY_S: Final = 86_400


def burn_per_hour(spend: SpendSummary) -> Decimal:
    """The rate of the last 15 minutes, USD an hour, estimates included."""
    return MONEY.multiply(spend.burn.total_usd, Decimal(3600 // _BURN_S))


def day_end(spend: SpendSummary, now: float) -> Decimal:
    """What today will have cost at its end (UTC) at the rate of the last 15 minutes. `now` is Unix seconds."""
    hours = Decimal(int(_DAY_S - now % _DAY_S)) / 3600
    return MONEY.add(spend.today.total_usd, MONEY.multiply(burn_per_hour(spend), hours))


def month_end(spend: SpendSummary, now: float) -> Decimal:
    """What the month will have cost at its end (UTC) at its own mean rate so far, and no less than by today's end.

    A quarter of an hour says nothing of weeks; the first day of a month counts as a whole one.
    """
    at = datetime.fromtimestamp(now, UTC)
    whole = calendar.monthrange(at.year, at.month)[1] * _DAY_S
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    gone = max(float(_DAY_S), (at - start).total_seconds())
    by_tonight = MONEY.add(spend.month.total_usd, MONEY.subtract(day_end(spend, now), spend.today.total_usd))
    return max(MONEY.multiply(spend.month.total_usd, Decimal(whole) / Decimal(int(gone))), by_tonight)


class BudgetLeft(msgspec.Struct, frozen=True):
    """The tightest budget and what the next request may still reserve of it, USD."""

    name: Clean
    left_usd: Decimal
    is_near: bool
    """80 % or more of it are used or reserved."""

    def beside(self, quote: Clean) -> Clean:
        """With the quote of the next request: behind it, and before it when little is left."""
        words = f"{self.name} budget {money(self.left_usd)} left"
        return Clean(" · ".join(part for part in ((words, quote) if self.is_near else (quote, words)) if part))


def budget_left(spend: SpendSummary | None, limits: Mapping[BudgetName, Decimal | None]) -> BudgetLeft | None:
    """Of the limits `session`, `day`, `month` and `request`; None without any, or before the ledger was read."""
    if spend is None:
        return None
    found = []
    for name, limit in limits.items():
        if limit is None:
            continue
        # That of a request adds nothing up.
        used = None if name == "request" else spend.used_usd(name)
        left = max(ZERO, MONEY.subtract(limit, used or ZERO))
        found.append(BudgetLeft(Clean(name), left, is_near=used is not None and used * 5 >= limit * 4))
    return min(found, key=lambda one: (not one.is_near, one.left_usd), default=None)


class RunOut(msgspec.Struct, frozen=True):
    """What is empty in how many seconds if money goes on being spent at the rate of the last 15 minutes."""

    what: Clean
    seconds: float


def run_out(spend: SpendSummary, quota: QuotaRead | None, resets_in_s: float | None) -> RunOut | None:
    """The key's limit or the account's credits, whichever is empty first; None where neither will be.

    `resets_in_s` is when the key's limit starts again: what lasts until then is not empty.
    """
    burn = burn_per_hour(spend)
    if burn <= 0 or quota is None:
        return None
    outs = []
    if quota.key is not None and quota.key.limit_remaining is not None:
        seconds = _seconds(quota.key.limit_remaining, burn)
        if resets_in_s is None or seconds < resets_in_s:
            outs.append(RunOut(Clean("key"), seconds))
    if quota.credits is not None:
        left = MONEY.subtract(quota.credits.total_credits, quota.credits.total_usage)
        outs.append(RunOut(Clean("credits"), _seconds(left, burn)))
    return min(outs, key=lambda out: out.seconds, default=None)


def _seconds(left: Decimal, burn: Decimal) -> float:
    return max(0.0, float(left / burn)) * 3600


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What reading prompts from caches saved by the list prices; negative where writing them cost more."""

    usd: Decimal = ZERO
    cached_tokens: int = 0
    unpriced_tokens: int = 0
    """Of the cached ones: their model has no listed price, so that they are not in `usd`."""


def saved_by_caching(by_model: Iterable[SpendRow], models: Mapping[str, Model], now: float) -> Saved:
    """The cached tokens at the price of plain ones, minus what they cost; tokens written to a cache the other way.

    By today's prices for short prompts, hence an estimate.
    """
    usd, cached, unpriced = ZERO, 0, 0
    for row in by_model:
        if not row.cached_tokens and not row.cache_write_tokens:
            continue
        cached += row.cached_tokens
        model = models.get(row.key) or models.get(row.key.partition(":")[0])
        prices = price_at(model.pricing, 0, now) if model is not None else None
        if prices is None or prices.prompt is None or prices.varies:
            unpriced += row.cached_tokens
            continue
        read = prices.prompt if prices.input_cache_read is None else prices.input_cache_read
        write = prices.prompt if prices.input_cache_write is None else prices.input_cache_write
        usd = MONEY.add(usd, MONEY.multiply(Decimal(row.cached_tokens), prices.prompt - read))
        usd = MONEY.subtract(usd, MONEY.multiply(Decimal(row.cache_write_tokens), write - prices.prompt))
    return Saved(usd=usd, cached_tokens=cached, unpriced_tokens=unpriced)


def account_days(rows: Sequence[ActivityRow], own: Mapping[str, SpendRow]) -> tuple[AccountDay, ...]:
    """The account's rows summed by day, oldest first, beside the sums of our ledger for these days."""
    by_day: defaultdict[Clean, list[ActivityRow]] = defaultdict(list)
    for row in rows:
        by_day[row.day].append(row)
    days = []
    for day, some in sorted(by_day.items()):
        ours = own.get(day, SpendRow(key=day))
        days.append(
            AccountDay(
                day=day,
                account_usd=_sum(row.usage_usd for row in some),
                account_byok_usd=_sum(row.byok_usd for row in some),
                account_requests=sum(row.requests for row in some),
                own_usd=MONEY.subtract(ours.total_usd, ours.upstream_usd),
                own_byok_usd=ours.upstream_usd,
                own_requests=ours.requests,
            )
        )
    return tuple(days)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = MONEY.add(total, amount)
    return total
