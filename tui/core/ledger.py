"""What is written down about each paid request, and the sums a meter shows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

from tui.core.conversation import Cost, CostKind
from tui.openrouter.chat import Usage
from tui.openrouter.text import Clean, Opaque

ZERO = Decimal(0)
MONEY: Final = Context(prec=60)
"""The arithmetic of every sum: the default 28 digits would round sums of very small and very large amounts."""


class RequestKind(StrEnum):
    CHAT = "chat"
    EMBEDDING = "embedding"


STOPPED = "stopped"
"""What stands in the place of the error's kind for a request that its user stopped."""


class RequestState(StrEnum):
    """Where the money of a request stands."""

    RESERVED = "reserved"
    """Queued, sent or streaming: its reserve counts against the budgets."""
    BILLED = "billed"
    """The server said what it cost."""
    AWAITED = "awaited"
    """Ended without a bill: the estimate stands, the reserve counts, `/generation` is asked."""
    ESTIMATED = "estimated"
    """No bill came within a day: the estimate stays."""
    UNKNOWN = "unknown"
    """Carried out, but neither bill nor price is known."""
    FREE = "released"
    """Nothing was spent: refused, never sent, or failed before anything was billed."""


class NewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request before it is sent. Amounts are USD; times are Unix seconds."""

    id: str
    kind: RequestKind
    origin: str
    created_at: float
    model: Opaque
    conversation_id: str | None = None
    message_id: str | None = None
    reserve_usd: Decimal | None
    """The most it can cost by the price list; None when a price is unknown."""
    estimate_usd: Decimal | None
    """What it will probably cost."""
    prompt_tokens_estimate: int = 0


BudgetName: TypeAlias = Literal["session", "day", "month", "request"]
SummedBudget: TypeAlias = Literal["session", "day", "month"]
"""That add requests up."""


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """The request is written down; `warnings` names budgets that it passes where the action is `warn`."""

    warnings: tuple[Clean, ...] = ()


class OverBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The request was not written: this budget would be passed (or the price is unknown: `limit_usd` is None)."""

    budget: BudgetName
    limit_usd: Decimal | None
    spent_usd: Decimal
    reserved_usd: Decimal
    """Open reserves of all processes."""
    this_usd: Decimal | None
    action: Literal["ask", "block"]
    earlier_unknown: bool = False
    """No budget speaks, but the ledger is new or in memory: what was spent before is not known."""

    @property
    def left_usd(self) -> Decimal | None:
        """What a request may still reserve; None when it is the price that is unknown."""
        if self.limit_usd is None:
            return None
        return max(ZERO, MONEY.subtract(self.limit_usd, MONEY.add(self.spent_usd, self.reserved_usd)))


ReserveOutcome: TypeAlias = Reserved | OverBudget


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one key, per 61 seconds; 0 = none."""

    req_per_min: int = 0
    tokens_per_min: int = 0


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """One try that wants a place in its key's last 61 seconds."""

    request_id: str
    account: str
    key_tail: Clean
    limits: KeyLimits
    tokens: int
    is_free_model: bool = False
    server_offset_s: float = 0.0
    """The server's clock minus ours: its days are what the free-model allowance goes by."""


class Taken(msgspec.Struct, frozen=True):
    """The try is counted; `try_id` names it for the correction by the bill."""

    try_id: int


class NoRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The try must wait: `until` is when there is room (Unix seconds)."""

    until: float
    reason: Clean


class NeverFits(msgspec.Struct, frozen=True, kw_only=True):
    """The request is larger than the whole limit."""

    tokens: int
    limit: int


TakeOutcome: TypeAlias = Taken | NoRoom | NeverFits


class KeyState(StrEnum):
    """Whether a key can serve the next request."""

    READY = "ready"
    RESTING = "resting"
    """After a 429, until a time."""
    DEAD = "dead"
    """Refused with 401 until tested again."""
    EMPTY = "empty"
    """No money left behind it (402)."""


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One key as the limits see it; times are Unix seconds."""

    account: str
    tail: Clean
    state: KeyState = KeyState.READY
    until: float | None = None
    reason: Clean = Clean("")
    failures: int = 0
    """In a row."""
    requests_60s: int = 0
    tokens_60s: int = 0
    limits: KeyLimits = msgspec.field(default_factory=KeyLimits)
    room_at: float | None = None
    """When a limit that is full has room again; None while there is."""


class FreeUse(msgspec.Struct, frozen=True, kw_only=True):
    """The free-model allowance of an account; resets at 00:00 UTC."""

    minute_used: int = 0
    minute_limit: int = 20
    day_used: int = 0
    day_limit: int = 50
    at_least: bool = True
    """Others may share the account, so that the true count may be higher."""
    resets_at: float = 0.0
    """By our clock."""
    minute_room_at: float | None = None
    """When a full minute has room again; None while it has."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended, for the ledger; None = not known, the old value stays."""

    request_id: str
    state: RequestState
    ended_at: float
    cost_usd: Decimal | None = None
    upstream_usd: Decimal | None = None
    """Counted as spent only with a provider key of one's own."""
    is_byok: bool = False
    estimate_usd: Decimal | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    model_answered: Clean | None = None
    provider: Clean | None = None
    generation_id: Opaque | None = None
    ttft_ms: int | None = None
    duration_ms: int | None = None
    tries: int | None = None
    status: int | None = None
    error_kind: str | None = None
    finish_reason: Clean | None = None


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the list of the last ones shows it."""

    id: str
    kind: RequestKind
    state: RequestState
    created_at: float
    key_tail: Clean
    model: Clean
    model_answered: Clean | None
    provider: Clean | None
    cost: Cost
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int | None
    ttft_ms: int | None
    duration_ms: int | None
    tries: int
    status: int | None
    error_kind: str | None
    conversation_id: str | None
    conversation: Clean | None = None
    """Its title, while it is there."""
    cache_write_tokens: int | None = None
    upstream_usd: Decimal | None = None
    is_byok: bool = False
    quoted_usd: Decimal | None = None
    """The estimate at sending."""
    generation_id: Opaque | None = None
    finish_reason: Clean | None = None


class SpendRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one day, model, key, provider or conversation. USD; `unknown` counts requests without any figure."""

    key: Clean
    title: Clean | None = None
    """What people know it by where `key` is an id: the conversation's title."""
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    billed_usd: Decimal = ZERO
    estimated_usd: Decimal = ZERO
    unknown: int = 0
    failed: int = 0
    """Requests of which nothing came and that cost nothing; they are not in `requests`."""
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    wasted: int = 0
    """Requests that cost money, or may, and brought no whole answer: failed, cut off or stopped."""
    wasted_usd: Decimal = ZERO
    upstream_usd: Decimal = ZERO
    """The part of what was billed that providers ask for keys of one's own."""

    @property
    def total_usd(self) -> Decimal:
        """Billed and estimated together: to be shown with `~` when `estimated_usd` is not 0."""
        return MONEY.add(self.billed_usd, self.estimated_usd)


class SpendSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the meter shows of one origin; days, weeks (from Monday) and months are UTC."""

    day_utc: str
    """`YYYY-MM-DD`, the day that `today` means."""
    session: SpendRow
    today: SpendRow
    month: SpendRow
    all_time: SpendRow
    reserved_usd: Decimal
    """Open reserves of all processes."""
    held_usd: Mapping[SummedBudget, Decimal] = msgspec.field(default_factory=dict)
    """What open requests add to the sums of the budgets `session`, `day` and `month`: the estimate of one whose bill is
    awaited is in the sum and in its reserve, and other processes' requests are in no session."""
    week: SpendRow = SpendRow(key=Clean("week"))
    burn: SpendRow = SpendRow(key=Clean("burn"))
    """The last 15 minutes."""
    by_day: tuple[SpendRow, ...] = ()
    """The last 30 days, oldest first, days without requests included."""
    last: tuple[LedgerRow, ...] = ()
    """The last requests, newest first."""

    def used_usd(self, budget: SummedBudget) -> Decimal:
        """Spent and reserved together, as the budget is held to."""
        spent = {"session": self.session, "day": self.today, "month": self.month}[budget].total_usd
        return MONEY.add(spent, self.held_usd.get(budget, ZERO))


SpendBy: TypeAlias = Literal["day", "model", "key", "provider", "conversation"]
Period: TypeAlias = Literal["today", "week", "month", "30 days", "all"]
"""UTC days up to today."""


class SpendQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the Spend screen wants to see beyond the meter."""

    period: Period = "month"
    by: SpendBy = "model"
    words: str = ""
    """That requests must have, all of them; empty: the last ones."""
    rows: int = 50
    """How many requests."""


class SpendView(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a `SpendQuery`."""

    query: SpendQuery
    total: SpendRow
    parts: tuple[SpendRow, ...]
    """Of the period, dearest first."""
    by_model: tuple[SpendRow, ...]
    """The same by model, whatever the parts are: what caching saved goes by the models' prices."""
    by_hour: tuple[SpendRow, ...]
    """The last 48 hours, oldest first; the key is the start of the hour, Unix seconds."""
    requests: tuple[LedgerRow, ...] | None = None
    """Newest first; None: those of the summary are all that was asked for."""


def cost_of(state: RequestState, usage: Usage, estimate_usd: Decimal | None) -> Cost:
    """The figure that belongs to the state of a request."""
    if state is RequestState.FREE:
        return Cost(ZERO, CostKind.BILLED)
    if state is RequestState.BILLED and usage.spent_usd is not None:
        return Cost(usage.spent_usd, CostKind.BILLED)
    if estimate_usd is None:
        return Cost(None, CostKind.UNKNOWN)
    return Cost(estimate_usd, CostKind.ESTIMATED)
