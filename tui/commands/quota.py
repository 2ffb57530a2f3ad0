"""`ortui quota`: what is left of key limit, credits, free allowance and requests a minute."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tui.commands import clicking
from tui.commands.output import amount, complain, complain_of, say, timestamp, write_json
from tui.commands.running import WorkerRun, run
from tui.core.commands import PollQuota
from tui.core.events import QuotaRead
from tui.core.exit_status import GOOD, of_failure
from tui.core.formats import UNKNOWN, duration, money, short_count, short_duration
from tui.core.ledger import FreeUse, KeyState, KeyUse, SpendRow, SpendSummary
from tui.core.resets import STALE_S, next_reset
from tui.database.limits import free_use
from tui.database.spend import summary
from tui.database.thread import Database
from tui.openrouter.text import Clean
from tui.worker.connection import Connection
from tui.worker.context import WorkerContext
from tui.worker.key_ring import no_key
from tui.worker.quota_job import read_quota

if TYPE_CHECKING:
    from tui.commands.common_options import CommonOptions
    from tui.config import Settings
    from tui.core.conversation import Failure

_SIGNS: Final = {KeyState.READY: "", KeyState.RESTING: "⏸", KeyState.DEAD: "✗", KeyState.EMPTY: "∅"}


class _Standing(msgspec.Struct):
    """What is known of the active provider's keys."""

    quota: QuotaRead | None
    uses: tuple[KeyUse, ...]
    free: FreeUse
    spend: SpendSummary


@clicking.command(name="quota")
@clicking.as_json
@click.option("--line", "as_line", is_flag=True, help="One short line, for tmux and prompts.")
@click.option(
    "--max-age",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Ask the server when what is known is older.",
)
@clicking.given
def command(common: CommonOptions, as_json: bool, as_line: bool, max_age: float) -> int:
    """What is left: of the key's limit, of credits and free allowance, and of the requests and tokens a minute.

    It comes from the database; the network is used only where that is older than --max-age seconds.
    """
    return run(_quota(common.settings(), as_json=as_json, as_line=as_line, max_age=max_age))


async def _quota(settings: Settings, *, as_json: bool, as_line: bool, max_age: float) -> int:
    standing = await _read(settings)
    failure: Failure | None = None
    if not standing.uses:
        failure = _no_key()
    elif settings.provider.type == "openrouter" and _is_old(standing.quota, max_age):
        failure = await _poll(settings)
        standing = await _read(settings)
    now = time.time()
    if as_json:
        write_json(_object(standing, settings, now))
    elif as_line:
        say(_line(standing, settings, now))
    else:
        for line in _lines(standing, settings, now):
            say(line)
    if failure is None:
        return GOOD
    complain_of(failure)
    return of_failure(failure) if standing.quota is None else GOOD


def _is_old(quota: QuotaRead | None, max_age: float) -> bool:
    return quota is None or not 0 <= time.time() - quota.as_of <= max_age


def _no_key() -> Failure:
    from tui.worker.context import failure_of

    return failure_of(no_key(demo=False))


async def _read(settings: Settings) -> _Standing:
    """From the database alone: a status line may ask every few seconds."""
    database = Database(settings.folders.database)
    context = WorkerContext(
        settings=settings,
        database=database,
        connection=Connection(settings),
        publish=lambda _: None,
        process_id="",
    )
    try:
        first = await context.keys.first()
        standing = _Standing(
            quota=await read_quota(context),
            uses=await context.keys.uses(),
            free=await database.run(free_use, first.account if first else "", time.time()),
            spend=await database.run(summary, settings.provider.origin, "", time.time(), last=0),
        )
        if database.notice is not None:
            complain(database.notice)
        return standing
    finally:
        await database.aclose()


async def _poll(settings: Settings) -> Failure | None:
    async with WorkerRun(settings) as worker:
        worker.submit(PollQuota())
        while True:
            event = await worker.next()
            if isinstance(event, QuotaRead) and (event.failure is not None or event.key is not None):
                return event.failure


# JSON


def _object(standing: _Standing, settings: Settings, now: float) -> dict[str, Any]:
    quota, free = standing.quota, standing.free
    return {
        "as_of": timestamp(quota.as_of) if quota else None,
        "key": _key(quota, now),
        "credits": _credits(quota),
        "free": {
            "minute": {"used": free.minute_used, "limit": free.minute_limit},
            "day": {"used": free.day_used, "limit": free.day_limit, "at_least": free.at_least},
            "resets_at": timestamp(free.resets_at),
        },
        "keys": [
            {
                "id": use.tail,
                "state": use.state.value,
                "until": timestamp(use.until),
                "requests_60s": use.requests_60s,
                "req_per_min": use.limits.req_per_min or None,
                "tokens_60s": use.tokens_60s,
                "tokens_per_min": use.limits.tokens_per_min or None,
            }
            for use in standing.uses
        ],
        "spend": {
            "day_utc": standing.spend.day_utc,
            "reserved": amount(standing.spend.reserved_usd),
            "action": settings.budget.action,
            "today": _spent(standing.spend.today, settings.budget.day),
            "month": _spent(standing.spend.month, settings.budget.month),
        },
    }


def _spent(row: SpendRow, budget: Decimal | None) -> dict[str, Any]:
    return {
        "billed": amount(row.billed_usd),
        "estimated": amount(row.estimated_usd),
        "unknown": row.unknown,
        "budget": amount(budget),
    }


def _key(quota: QuotaRead | None, now: float) -> dict[str, Any] | None:
    info = quota.key if quota else None
    if info is None:
        return None
    return {
        "label": info.label,
        "limit": amount(info.limit),
        "limit_remaining": amount(info.limit_remaining),
        "limit_reset": info.limit_reset,
        "limit_resets_at": None if (at := next_reset(info.limit_reset, now)) is None else timestamp(at),
        "usage": amount(info.usage),
        "usage_daily": amount(info.usage_daily),
        "usage_weekly": amount(info.usage_weekly),
        "usage_monthly": amount(info.usage_monthly),
        "byok_usage": amount(info.byok_usage),
        "is_free_tier": info.is_free_tier,
        "expires_at": info.expires_at,
    }


def _credits(quota: QuotaRead | None) -> dict[str, Any] | None:
    balance = quota.credits if quota else None
    if balance is None:
        return None
    return {
        "total_credits": amount(balance.total_credits),
        "total_usage": amount(balance.total_usage),
        "left": amount(balance.total_credits - balance.total_usage),
    }


# Words


def left_words(quota: QuotaRead | None, now: float) -> str | None:
    """What is left of the key's limit, or else of the credits, with the countdown, and the age of an old figure."""
    if quota is None:
        return None
    old = f" ({short_duration(now - quota.as_of)} old)" if now - quota.as_of > STALE_S else ""
    info, balance = quota.key, quota.credits
    if info is not None and info.limit is not None:
        reset = next_reset(info.limit_reset, now)
        countdown = f" {short_duration(reset - now)}" if reset is not None else ""
        used = info.limit - info.limit_remaining if info.limit_remaining is not None else Decimal(0)
        left = f"{money(info.limit_remaining)}/{money(info.limit)} left{countdown}"
        return f"{left}{old}{_warning(used, info.limit) if info.limit > 0 else ' !!'}"
    if balance is not None:
        left = f"{money(balance.total_credits - balance.total_usage)} left"
        return f"{left}{old}{_warning(balance.total_usage, balance.total_credits)}"
    return None


def free_words(free: FreeUse) -> str:
    """The free-model allowance of the day; that of the minute from 80 % on."""
    least = "≥" if free.at_least and free.day_used else ""
    words = f"free {least}{free.day_used}/{free.day_limit}{_warning(Decimal(free.day_used), Decimal(free.day_limit))}"
    near = _warning(Decimal(free.minute_used), Decimal(free.minute_limit))
    return f"{words} · free {free.minute_used}/{free.minute_limit} this min{near}" if near else words


def _spent_words(row: SpendRow, budget: Decimal | None) -> str:
    if row.unknown and row.unknown == row.requests:
        return UNKNOWN
    text = f"{'~' if row.estimated_usd else ''}{money(row.total_usd)}"
    return text if budget is None else f"{text}/{money(budget)[1:]}"


def _warning(used: Decimal, limit: Decimal | None) -> str:
    """` !` from 80 % and ` !!` from 95 % of a limit, as in the strip."""
    if limit is None or limit <= 0:
        return ""
    return " !!" if used >= limit * 95 / 100 else " !" if used >= limit * 80 / 100 else ""


def _line(standing: _Standing, settings: Settings, now: float) -> Clean:
    spend, budget = standing.spend, settings.budget
    parts = [f"today {_spent_words(spend.today, budget.day)}{_warning(spend.used_usd('day'), budget.day)}"]
    if budget.month is not None:
        month = spend.used_usd("month")
        parts.append(f"month {_spent_words(spend.month, budget.month)}{_warning(month, budget.month)}")
    if (left := left_words(standing.quota, now)) is not None:
        parts.append(left)
    elif settings.provider.type == "openrouter" and (standing.quota is None or standing.quota.key is None):
        parts.append(f"key {UNKNOWN}")
    if settings.provider.type == "openrouter":
        parts.append(free_words(standing.free))
    for use in standing.uses:
        wait = f" {short_duration(use.until - now)}" if use.until is not None else ""
        if use.state is not KeyState.READY:
            parts.append(f"{_SIGNS[use.state]}{use.tail}{wait}")
            continue
        for unit, used, limit in (
            ("rpm", use.requests_60s, use.limits.req_per_min),
            ("tpm", use.tokens_60s, use.limits.tokens_per_min),
        ):
            if limit:
                near = _warning(Decimal(used), Decimal(limit))
                whose = f"{use.tail} " if len(standing.uses) > 1 and unit == "rpm" else ""
                parts.append(f"{whose}{short_count(used)}/{short_count(limit)} {unit}{near}")
    return Clean(" · ".join(parts))


def _lines(standing: _Standing, settings: Settings, now: float) -> list[Clean]:
    quota, free = standing.quota, standing.free
    spend, budget = standing.spend, settings.budget
    reserved = f", {money(spend.reserved_usd)} reserved" if spend.reserved_usd else ""
    spent = (
        f"{_spent_words(spend.today, budget.day)} today, {_spent_words(spend.week, None)} this week, "
        f"{_spent_words(spend.month, budget.month)} this month (UTC){reserved}"
    )
    rows: list[tuple[str, str]] = [("spent", spent)]
    info = quota.key if quota else None
    if info is not None:
        if info.limit is None:
            rows.append(("key limit", "none"))
        else:
            at = next_reset(info.limit_reset, now)
            countdown = f" in {duration(at - now)}" if at is not None else ""
            reset = f", resets {info.limit_reset}{countdown and ','}{countdown}" if info.limit_reset else ""
            rows.append(("key limit", f"{money(info.limit_remaining)} of {money(info.limit)} left{reset}"))
        used = f"{money(info.usage_daily)} today, {money(info.usage_weekly)} this week, "
        rows.append(("key used", f"{used}{money(info.usage_monthly)} this month (UTC)"))
        if info.expires_at:
            rows.append(("expires", info.expires_at))
    elif settings.provider.type == "openrouter":
        rows.append(("key limit", UNKNOWN))
    balance = quota.credits if quota else None
    if balance is not None:
        left = money(balance.total_credits - balance.total_usage)
        rows.append(("credits", f"{left} of {money(balance.total_credits)} left"))
    elif settings.provider.type == "openrouter":
        why = "" if settings.provider.management_key is not None else " (needs a management key)"
        rows.append(("credits", f"{UNKNOWN}{why}"))
    if settings.provider.type == "openrouter":
        minute = f"{free.minute_used} of {free.minute_limit} this minute"
        today = f"{'at least ' if free.at_least else ''}{free.day_used} of {free.day_limit} today"
        rows.append(("free models", f"{minute}, {today}, resets in {duration(max(0.0, free.resets_at - now))}"))
    else:
        rows.append(("credits", "this kind of server does not tell"))
    for use in standing.uses:
        wait = f" for {duration(max(0.0, use.until - now))}" if use.until is not None else ""
        why = f" ({use.reason})" if use.reason else ""
        most_requests = f" of {use.limits.req_per_min}" if use.limits.req_per_min else ""
        most_tokens = f" of {use.limits.tokens_per_min:,}" if use.limits.tokens_per_min else ""
        minute = f"last minute requests {use.requests_60s}{most_requests}, tokens {use.tokens_60s:,}{most_tokens}"
        rows.append((f"key {use.tail}", f"{use.state.value}{wait}{why}; {minute}"))
    if quota is not None:
        rows.append(("as of", f"{timestamp(quota.as_of)} ({duration(max(0.0, now - quota.as_of))} ago)"))
    width = max(len(name) for name, _ in rows)
    return [Clean(f"{name:<{width}}  {words}") for name, words in rows]
