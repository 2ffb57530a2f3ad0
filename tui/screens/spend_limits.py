"""What is left and what is used up, as lines of gauges."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from tui.core import formats
from tui.core.events import JobState
from tui.core.ledger import MONEY, KeyState, KeyUse
from tui.core.resets import next_midnight, next_reset
from tui.openrouter.text import Clean, clean_line
from tui.widgets.bars import Gauge, GaugeLine
from tui.widgets.meter_strip import sum_text

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.core.events import QuotaRead
    from tui.core.ledger import SpendRow, SummedBudget
    from tui.core.state import State
    from tui.openrouter.chat import Credits, KeyInfo


def limit_lines(state: State, settings: Settings, now: float) -> list[GaugeLine]:
    """The limits pane: what waits, budgets, what the server says is left, the keys' last minute, the free allowance."""
    lines = [*_waiting_lines(state, now), *_budget_lines(state, settings), *_quota_lines(state, settings, now)]
    lines += [_key_line(key, now) for key in state.keys]
    if (free := state.free) is not None and settings.provider.type == "openrouter":
        least = "≥" if free.at_least and free.day_used else ""
        resets = formats.duration(max(0.0, (free.resets_at or next_midnight(now)) - now))
        day = _count_gauge(free.day_used, free.day_limit, f"{least}{free.day_used}/{free.day_limit} today")
        minute = _count_gauge(free.minute_used, free.minute_limit, f"{free.minute_used}/{free.minute_limit} a minute")
        note = f"resets in {resets}"
        if free.minute_room_at is not None and free.minute_room_at > now:
            note = f"room in {formats.duration(free.minute_room_at - now)}, {note}"
        lines.append(GaugeLine(Clean("free models"), (day, minute), Clean(note)))
    if state.activity is not None:
        lines.append(_activity_line(state, now))
    return lines


def _waiting_lines(state: State, now: float) -> list[GaugeLine]:
    """Jobs that wait, with the reason: which limit, which key, and for how long."""
    lines = []
    for job in state.jobs.values():
        if job.state is JobState.WAITING:
            rest = f"{formats.duration(max(0.0, job.wait_until - now))}: " if job.wait_until is not None else ""
            lines.append(GaugeLine(Clean("↻ waits"), note=clean_line(f"{rest}{job.reason}"), warns=True))
    return lines[:3]


def _count_gauge(used: int, limit: int, words: str, label: str = "") -> Gauge:
    return Gauge(Clean(label), Decimal(used), Decimal(limit), Clean(words))


def _budget_lines(state: State, settings: Settings) -> list[GaugeLine]:
    spend, budget = state.spend, settings.budget
    if spend is None:
        return []
    rows: tuple[tuple[SummedBudget, SpendRow, Decimal | None], ...] = (
        ("day", spend.today, budget.day),
        ("month", spend.month, budget.month),
        ("session", spend.session, budget.session),
    )
    gauges = tuple(
        Gauge(
            Clean(name),
            spend.used_usd(name),
            limit,
            Clean(f"{sum_text(row)}/{formats.money(limit)[1:]}"),
        )
        for name, row, limit in rows
        if limit is not None
    )
    each = f", {formats.money(budget.request)} a request" if budget.request is not None else ""
    if not gauges and not each:
        return []
    note = Clean(f"then {budget.action}{each}")
    if len(gauges) < 3:
        return [GaugeLine(Clean("budget"), gauges, note)]
    # Three beside each other are wider than a small terminal.
    return [GaugeLine(Clean("budget"), gauges[:2]), GaugeLine(Clean(""), gauges[2:], note)]


def _quota_lines(state: State, settings: Settings, now: float) -> list[GaugeLine]:
    quota = state.quota
    if quota is None:
        if not settings.provider.keys:
            return [GaugeLine(Clean("key"), note=Clean("none: set OPENROUTER_API_KEY or list one in config.yaml"))]
        if settings.provider.type != "openrouter":
            return []
        return [GaugeLine(Clean("key"), note=Clean("asking what is left …"))]
    lines = []
    old = ""
    if quota.failure is not None:
        old = f", {formats.duration(max(0.0, now - quota.as_of))} old: {quota.failure.message}"
    if quota.key is not None:
        lines += _key_limit_lines(quota.key, old, now)
    elif quota.failure is not None:
        lines.append(GaugeLine(Clean("key limit"), note=clean_line(f"unknown: {quota.failure.message}"), warns=True))
    if quota.credits is not None:
        lines.append(_credits_line(quota.credits, quota))
    return lines


def _key_limit_lines(key: KeyInfo, old: str, now: float) -> list[GaugeLine]:
    """Used up of a limit is the limit minus what remains of it: `usage` is of all time."""
    gauges: tuple[Gauge, ...] = ()
    parts = []
    if key.limit is None:
        parts.append("no limit")
    elif key.limit_remaining is None:
        parts.append(f"{formats.money(key.limit)}, what is left is unknown")
    else:
        words = Clean(f"{formats.money(key.limit_remaining)} of {formats.money(key.limit)} left")
        used = MONEY.subtract(key.limit, key.limit_remaining)
        # Of a limit of 0 nothing can be spent: full, though there is no share to draw.
        gauges = (
            Gauge(Clean(""), used, key.limit, words) if key.limit else Gauge(Clean(""), Decimal(1), Decimal(1), words),
        )
        reset = next_reset(key.limit_reset, now)
        if reset is None:
            parts.append("never resets")
        else:
            parts.append(f"{key.limit_reset}, resets in {formats.duration(reset - now)}")
    if (expiry := _expiry(key, now)) is not None:
        parts.append(expiry)
    used_words = [
        f"{formats.money(amount)} {name}"
        for name, amount in (("today", key.usage_daily), ("week", key.usage_weekly), ("month", key.usage_monthly))
        if amount is not None
    ]
    note = ", ".join(parts) + old
    lines = [GaugeLine(Clean("key limit"), gauges, clean_line(note), warns=bool(old))]
    byok = f"; own provider keys (BYOK) apart: {formats.money(key.byok_usage)}" if key.byok_usage else ""
    if used_words:
        lines.append(GaugeLine(Clean("key used"), note=clean_line(", ".join(used_words) + byok)))
    return lines


def _expiry(key: KeyInfo, now: float) -> str | None:
    if key.expires_at is None:
        return None
    try:
        at = datetime.fromisoformat(key.expires_at)
    except ValueError:
        return f"expires {key.expires_at}"
    left = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    return "✕ expired" if left <= 0 else f"expires in {formats.duration(left)}"


def _credits_line(balance: Credits, quota: QuotaRead) -> GaugeLine:
    left = MONEY.subtract(balance.total_credits, balance.total_usage)
    words = Clean(f"{formats.money(left)} of {formats.money(balance.total_credits)} left")
    note = "account" if quota.failure is None else "account, old"
    if balance.total_credits <= 0:
        return GaugeLine(Clean("credits"), note=Clean(f"{words}, {note}"), warns=left < 0)
    return GaugeLine(
        Clean("credits"), (Gauge(Clean(""), balance.total_usage, balance.total_credits, words),), Clean(note)
    )


def _key_line(key: KeyUse, now: float) -> GaugeLine:
    def gauge(label: str, used: int, limit: int) -> Gauge:
        words = f"{formats.short_count(used)}/{formats.short_count(limit)}" if limit else formats.short_count(used)
        return _count_gauge(used, limit, words, label)

    gauges = (
        gauge("requests", key.requests_60s, key.limits.req_per_min),
        gauge("tokens", key.tokens_60s, key.limits.tokens_per_min),
    )
    rest = f" {formats.duration(max(0.0, key.until - now))}" if key.until is not None else ""
    reason = f": {key.reason}" if key.reason else ""
    failures = f", {key.failures} failures in a row" if key.failures > 1 else ""
    match key.state:
        case KeyState.READY:
            has_limits = key.limits.req_per_min or key.limits.tokens_per_min
            note = "last minute" if has_limits else "last minute, no limits set"
            if key.room_at is not None and key.room_at > now:
                note = f"room in {formats.duration(key.room_at - now)}"
        case KeyState.RESTING:
            note = f"rests{rest}{failures}{reason}"
        case KeyState.DEAD:
            note = f"✕ refused{reason}"
        case KeyState.EMPTY:
            note = f"✕ empty{reason}"
    return GaugeLine(key.tail, gauges, clean_line(note), warns=key.state is not KeyState.READY)


def _activity_line(state: State, now: float) -> GaugeLine:
    """The account's closed days beside ours, with the difference."""
    activity = state.activity
    assert activity is not None
    if not activity.days:
        why = activity.failure.message if activity.failure is not None else "no closed days yet"
        return GaugeLine(Clean("account"), note=clean_line(why), warns=activity.failure is not None)
    theirs = ours = Decimal(0)
    for day in activity.days:
        theirs = MONEY.add(theirs, day.account_usd)
        ours = MONEY.add(ours, day.own_usd)
    note = (
        f"{len(activity.days)} closed days {formats.money(theirs)}, here {formats.money(ours)}, "
        f"difference {formats.money(MONEY.subtract(theirs, ours))} (a: by day)"
    )
    old = f", {formats.duration(max(0.0, now - activity.as_of))} old" if activity.failure is not None else ""
    return GaugeLine(Clean("account"), note=Clean(note + old), warns=bool(old))
