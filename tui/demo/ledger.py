"""The server's books: one account for each key, what it was billed, and what it may still do."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from tui.demo import tokens
from tui.demo.errors import Refusal, refusal
from tui.demo.prices import ZERO, Bill, Counts
from tui.demo.settings import Row, Settings

PREFIX: Final = "sk-or-v1-"
MANAGEMENT: Final = "sk-or-v1-mgmt"
RICH: Final = Decimal(10)
RICH_FREE_PER_DAY: Final = 1000
CACHE_SECONDS: Final = 600.0
CACHE_LEAST: Final = 64
"""Prompt tokens below which nothing is cached."""
KEPT_PREFIXES: Final = 20_000
KEPT_BODIES: Final = 200


@dataclass(slots=True)
class Entry:
    """One request, from its arrival to its bill."""

    id: str
    api: str
    """`completions` or `embeddings`."""
    asked: str
    """The model that was asked for."""
    at: float
    body: Row
    headers: dict[str, str]
    model: str = ""
    slug: str = ""
    provider: str = ""
    status: int = 0
    """HTTP status; 0 while it runs."""
    counts: Counts = Counts(0)
    bill: Bill = Bill(ZERO, ZERO, ZERO)
    cache_discount: Decimal | None = None
    streamed: bool = False
    cancelled: bool = False
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    latency: float = 0.0
    """Seconds to the first token."""
    seconds: float = 0.0
    known_from: float | None = None
    """Monotonic time from which `/generation` answers; None while the request runs."""
    reserved: Decimal = ZERO

    def line(self) -> Row:
        """The request as `/demo/log` tells it."""
        return {
            "time": self.at,
            "id": self.id,
            "api": self.api,
            "asked": self.asked,
            "model": self.model,
            "provider": self.provider,
            "status": self.status,
            "prompt_tokens": self.counts.prompt,
            "completion_tokens": self.counts.completion,
            "reasoning_tokens": self.counts.reasoning,
            "cached_tokens": self.counts.cached,
            "cost": f"{self.bill.cost:f}",
            "streamed": self.streamed,
            "cancelled": self.cancelled,
            "finish_reason": self.finish_reason,
            "headers": self.headers,
            "body": self.body,
        }


@dataclass(slots=True)
class Account:
    """What one key has bought, spent and asked."""

    key: str
    credits: Decimal
    limit: Decimal | None = None
    limit_reset: str | None = None
    past: list[Row] = field(default_factory=list)
    """Invented rows of completed days, as `/activity` tells them, without the model's details."""
    entries: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    spent: dict[date, Decimal] = field(default_factory=dict)
    """USD by UTC day."""
    free_times: deque[float] = field(default_factory=deque)
    free_days: Counter[date] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    prefixes: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The shortened key."""
        return f"{PREFIX}{self.key.removeprefix(PREFIX)[:3]}...{self.key[-3:]}"

    def usage(self, since: date | None = None) -> Decimal:
        """USD spent, from this UTC day on or in all."""
        return sum((amount for day, amount in self.spent.items() if since is None or day >= since), ZERO)

    @property
    def reserved(self) -> Decimal:
        """What running requests may still cost."""
        return sum((entry.reserved for entry in self.running), ZERO)

    @property
    def balance(self) -> Decimal:
        """USD left."""
        return self.credits - self.usage()

    def limit_remaining(self, today: date) -> Decimal | None:
        """USD left of the key's cap in its running period; None without a cap."""
        if self.limit is None:
            return None
        return self.limit - self.usage(period_start(self.limit_reset, today))

    def begin(self, entry: Entry) -> None:
        """Take a request into the books."""
        self.entries.append(entry)
        self.running.append(entry)
        if len(self.entries) > KEPT_BODIES:
            self.entries[-KEPT_BODIES - 1].body = {}

    def settle(self, entry: Entry, status: int, *, known_after: float = 0.0) -> None:
        """Close a request: its bill counts from now on, `/generation` knows it after so many seconds."""
        entry.status, entry.reserved = status, ZERO
        self.running.remove(entry)
        entry.known_from = time.monotonic() + known_after
        self.charge(today_utc(), entry.bill.cost)

    def charge(self, day: date, amount: Decimal) -> None:
        """Add to what was spent on a UTC day."""
        self.spent[day] = self.spent.get(day, ZERO) + amount

    def find(self, generation: str) -> Entry | None:
        """The request of this id once it may be told."""
        for entry in reversed(self.entries):
            if entry.id == generation:
                known = entry.known_from is not None and entry.known_from <= time.monotonic()
                return entry if known and entry.status == 200 else None
        return None

    def check_money(self, worst: Decimal, max_tokens: int, price: Decimal, today: date) -> None:
        """Refuse what the key's cap or the balance cannot pay; `worst` is the most that the request may cost."""
        left = self.limit_remaining(today)
        if left is not None and (left <= 0 or left < worst):
            period = self.limit_reset or "total"
            raise refusal(403, f"Key limit exceeded ({period} limit)", limit_source="openrouter_key_limit")
        if self.balance < 0 or (self.balance <= 0 and worst > 0):
            raise refusal(
                402,
                "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
                limit_source="openrouter_credits",
            )
        if worst > self.balance:
            affordable = max(0, int((self.balance - (worst - price * max_tokens)) / price)) if price else 0
            message = (
                "This request requires more credits, or fewer max_tokens. "
                f"You requested up to {max_tokens} tokens, but can only afford {affordable}."
            )
            raise refusal(402, message, limit_source="openrouter_credits", reason="weight_exceeds_budget")
        if worst > self.balance - self.reserved:
            raise refusal(
                402,
                "Running requests already reserve the balance. Retry when they have ended.",
                headers={"Retry-After": "1"},
                limit_source="openrouter_in_flight_budget",
                reason="in_flight_budget_exhausted",
                retry_after_seconds=1,
            )

    def free_per_day(self, settings: Settings) -> int:
        """The daily allowance of free requests."""
        return settings.free_per_day if self.credits < RICH else max(RICH_FREE_PER_DAY, settings.free_per_day)

    def take_free(self, settings: Settings) -> None:
        """Count a request to a free model, or refuse it as the platform does."""
        now = time.time()
        while self.free_times and self.free_times[0] <= now - 60:
            self.free_times.popleft()
        if len(self.free_times) >= settings.free_per_minute:
            oldest = self.free_times[0] if self.free_times else now
            raise _limited(
                "free-models-per-min", settings.free_per_minute, oldest + 60, now, "openrouter_free_tier_minute"
            )
        per_day = self.free_per_day(settings)
        if self.free_days[today_utc()] >= per_day:
            midnight = datetime.combine(today_utc() + timedelta(days=1), datetime.min.time(), UTC).timestamp()
            name = "free-models-per-day" if self.credits < RICH else "free-models-per-day-high-balance"
            raise _limited(name, per_day, midnight, now, "openrouter_free_tier_daily")
        self.free_times.append(now)
        self.free_days[today_utc()] += 1

    def cached_prefix(self, model: str, messages: list[Row]) -> int:
        """Tokens of the longest beginning of these messages that the model has read lately; remembers them."""
        now, found, total = time.monotonic(), 0, 0
        if len(self.prefixes) > KEPT_PREFIXES:
            self.prefixes.clear()
        running = hashlib.sha256()
        for message in messages:
            running.update(repr((message.get("role"), message.get("content"))).encode("utf-8", "surrogatepass"))
            total += tokens.message_tokens(message)
            place = (model, running.hexdigest())
            seen = self.prefixes.get(place)
            if seen and now - seen[1] < CACHE_SECONDS and seen[0] >= CACHE_LEAST:
                found = seen[0]
            self.prefixes[place] = (total, now)
        return found

    def next_attempt(self, model: str, times: int) -> bool:
        """Whether this attempt should fail: so many in a row do, then one works."""
        self.attempts[model] += 1
        return self.attempts[model] % (times + 1) != 0


class Books:
    """Every account of this server."""

    def __init__(self, settings: Settings) -> None:
        self.settings: Final = settings
        self.accounts: Final[dict[str, Account]] = {}

    def open(self, key: str) -> Account:
        """The account of a key; a management key sees the account of the inference key with the same ending."""
        if key.startswith(MANAGEMENT) and (rest := key.removeprefix(MANAGEMENT).lstrip("-")):
            key = PREFIX + rest
        if key not in self.accounts:
            self.accounts[key] = self._new(key)
        return self.accounts[key]

    def _new(self, key: str) -> Account:
        bought = _hint(key, "credits")
        account = Account(key, Decimal(str(self.settings.credits)) if bought is None else bought, _hint(key, "limit"))
        if account.limit is not None:
            account.limit_reset = "monthly"
        if key.startswith(f"{PREFIX}demo"):
            account.limit, account.limit_reset = account.limit or Decimal(5), "monthly"
            account.past = _invent_past(self.settings)
            for row in account.past:
                account.charge(date.fromisoformat(row["date"]), row["usage"])
        return account


def _hint(key: str, name: str) -> Decimal | None:
    """A figure that a key carries, as in `sk-or-v1-credits-0.05-x`: how tests make poor accounts."""
    found = re.search(rf"{name}-(\d+(?:\.\d+)?)", key)
    return Decimal(found[1]) if found else None


def _limited(name: str, limit: int, reset: float, now: float, source: str) -> Refusal:
    headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(reset * 1000)),
    }
    hint = (
        "Wait a minute."
        if source.endswith("minute")
        else "Wait until 00:00 UTC, or buy 10 credits for 1,000 requests a day."
    )
    metadata = {"error_type": "rate_limit_exceeded", "headers": headers, "limit_source": source, "remedy_hint": hint}
    retry_after = {"Retry-After": str(max(1, int(reset - now) + 1))}
    return Refusal(429, f"Rate limit exceeded: {name}", headers=headers | retry_after, metadata=metadata)


def _invent_past(settings: Settings) -> list[Row]:
    """A month of completed days for the demo's own account; today has no row."""
    dice, rows = settings.dice("past"), []
    models = (
        ("openai/gpt-4o-mini", "OpenAI"),
        ("anthropic/claude-haiku-4.5", "Anthropic"),
        ("google/gemini-2.5-flash", "Google AI Studio"),
    )
    for back in range(30, 0, -1):
        day = today_utc() - timedelta(days=back)
        for model, provider in models:
            if dice.random() < 0.45:
                continue
            requests = dice.randint(1, 40)
            rows.append(
                {
                    "date": day.isoformat(),
                    "model": model,
                    "provider_name": provider,
                    "usage": Decimal(dice.randint(300, 2600) * requests).scaleb(-6),
                    "requests": requests,
                    "prompt_tokens": requests * dice.randint(300, 3000),
                    "completion_tokens": requests * dice.randint(100, 900),
                    "reasoning_tokens": requests * dice.randint(0, 80),
                }
            )
    return rows


def today_utc() -> date:
    """The UTC day."""
    return datetime.now(UTC).date()


def period_start(reset: str | None, today: date) -> date | None:
    """First day of the running period: the day itself, Monday, the first; None for all time."""
    starts = {"daily": today, "weekly": today - timedelta(days=today.weekday()), "monthly": today.replace(day=1)}
    return starts.get(reset or "")


def total(entries: Iterable[Entry]) -> Row:
    """The sums of these requests, as `/demo/ledger` tells them."""
    known = list(entries)
    return {
        "requests": sum(entry.status == 200 for entry in known),
        "refused": sum(entry.status not in {0, 200} for entry in known),
        "running": sum(entry.known_from is None for entry in known),
        "prompt_tokens": sum(entry.counts.prompt for entry in known if entry.status == 200),
        "completion_tokens": sum(entry.counts.completion for entry in known if entry.status == 200),
        "cost": f"{sum((entry.bill.cost for entry in known), ZERO):f}",
    }
