"""The sums at the top of Spend, in words."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tui.core import formats
from tui.core.resets import next_reset
from tui.core.spending import burn_per_hour, day_end, month_end, run_out, saved_by_caching
from tui.openrouter.text import Clean
from tui.widgets.meter_strip import sum_text

if TYPE_CHECKING:
    from tui.core.ledger import SpendSummary, SpendView
    from tui.core.state import State


def figures(spend: SpendSummary | None) -> list[tuple[Clean, Clean]]:
    """The sums, most wanted first: a name and an amount."""
    names = ("today", "week", "month", "all", "session", "reserved")
    if spend is None:
        return [(Clean(name), formats.UNKNOWN) for name in names]
    amounts = (
        sum_text(spend.today),
        sum_text(spend.week),
        sum_text(spend.month),
        sum_text(spend.all_time),
        sum_text(spend.session),
        formats.money(spend.reserved_usd),
    )
    pairs = [(Clean(name), amount) for name, amount in zip(names, amounts, strict=True)]
    if unknown := spend.all_time.unknown:
        pairs.append((Clean("cost unknown"), Clean(f"{unknown:,} requests")))
    return pairs


def notes(state: State, now: float) -> list[Clean]:
    """Rates, projections, what caching saved, what was wasted; most wanted first. `now` is Unix seconds."""
    spend = state.spend
    if spend is None:
        return []
    said = [f"burn {_estimate(burn_per_hour(spend))}/h" if spend.burn.total_usd else "burn $0/h"]
    if spend.burn.total_usd:
        said.append(f"day ends ~{_short(day_end(spend, now))}")
    if spend.month.total_usd:
        said.append(f"month ~{_short(month_end(spend, now))}")
    reset = next_reset(state.quota.key.limit_reset, now) if state.quota and state.quota.key else None
    out = run_out(spend, state.quota, None if reset is None else reset - now)
    if out is not None:
        said.append(f"{out.what} empty in {formats.duration(out.seconds)}")
    if (view := state.spend_view) is not None:
        said += [*_cache_note(state, view, now), *_waste_note(view)]
    return [Clean(one) for one in said]


def _cache_note(state: State, view: SpendView, now: float) -> list[str]:
    saved = saved_by_caching(view.by_model, state.model_by_slug, now)
    if not saved.cached_tokens and not saved.usd:
        return []
    if not saved.usd:
        why = "price unknown" if saved.unpriced_tokens else "no cheaper there"
        return [f"{formats.short_count(saved.cached_tokens)} tokens from caches, {why}"]
    if saved.usd < 0:
        return [f"caching cost {_estimate(-saved.usd)}"]
    least = "≥" if saved.unpriced_tokens else ""
    return [f"caching saved {least}{_estimate(saved.usd)}"]


def _waste_note(view: SpendView) -> list[str]:
    wasted, failed = view.total.wasted, view.total.failed
    said = []
    if wasted:
        said.append(f"wasted {_short(view.total.wasted_usd)} on {wasted:,}")
    if failed:
        said.append(f"{failed:,} failed unbilled")
    return said


def _estimate(usd: Decimal) -> str:
    return f"~{_short(usd)}"


def _short(usd: Decimal) -> Clean:
    """No more digits than a projection deserves."""
    if usd >= Decimal("0.01"):
        return Clean(f"${usd:,.2f}") if usd < 1000 else formats.money(usd)
    return formats.money(usd)
