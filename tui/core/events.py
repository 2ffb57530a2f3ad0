"""What the worker says has happened; `State.apply` folds it in."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from tui.core.conversation import (
    Conversation,
    ConversationSettings,
    ConversationSummary,
    Failure,
    Message,
    MessageState,
    Receipt,
    SearchHit,
)
from tui.core.ledger import MONEY, FreeUse, KeyUse, OverBudget, SpendSummary, SpendView
from tui.core.sheets import Sheet, SheetSummary, Variant
from tui.openrouter.catalogue import Endpoint, Model, ProviderFacts
from tui.openrouter.chat import Citation, Credits, KeyInfo, ToolCall, Usage
from tui.openrouter.text import Clean, Opaque

if TYPE_CHECKING:
    from tui.core.catalogue_changes import Changes
    from tui.core.prices import Workload
    from tui.core.repricing import Repriced
    from tui.core.vectors import GivenRows


class JobState(StrEnum):
    QUEUED = "queued"
    WAITING = "waiting"
    """For room under a limit, a key, or the next try; the reason says which and for how long."""
    SENT = "sent"
    STREAMING = "streaming"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the worker does."""

    id: str
    """For a reply, the id of its message."""
    kind: Literal["ask", "embed", "catalogue", "endpoints", "quota"]
    state: JobState
    since: float
    """Monotonic time of the last change of state."""
    reason: Clean = Clean("")
    wait_until: float | None = None
    """Unix seconds, when it waits for a known time."""
    tries: int = 0
    key_tail: Clean = Clean("")


class JobChanged(msgspec.Struct, frozen=True):
    job: Job


class CatalogueLoaded(msgspec.Struct, frozen=True, kw_only=True):
    models: tuple[Model, ...]
    fetched_at: float
    """Unix seconds."""
    from_network: bool
    mended: int = 0
    unreadable: int = 0


class CatalogueFailed(msgspec.Struct, frozen=True):
    failure: Failure


class ChangesRead(msgspec.Struct, frozen=True):
    """What has changed in the catalogue, after it was loaded anew too."""

    changes: Changes


class EndpointsLoaded(msgspec.Struct, frozen=True, kw_only=True):
    model: Opaque
    endpoints: tuple[Endpoint, ...]
    fetched_at: float


class EndpointsFailed(msgspec.Struct, frozen=True):
    model: Opaque
    failure: Failure


class ProvidersListed(msgspec.Struct, frozen=True):
    """What is known of the companies behind the endpoints."""

    providers: tuple[ProviderFacts, ...]


class TurnQueued(msgspec.Struct, frozen=True, kw_only=True):
    """The question and the empty reply are in the database."""

    conversation_id: str
    title: Clean
    settings: ConversationSettings
    private: bool
    question: Message | None
    reply: Message
    replaces: str | None = None
    """The message whose place question or reply take; with all below it, it leaves the branch that is shown."""


class ReplyGrew(msgspec.Struct, frozen=True, kw_only=True):
    """More text, at most 20 times a second for each reply."""

    conversation_id: str
    message_id: str
    text: Clean = Clean("")
    reasoning: Clean = Clean("")
    refusal: Clean = Clean("")
    tool_calls: tuple[ToolCall, ...] | None = None
    citations: tuple[Citation, ...] | None = None
    reasoning_seconds: float | None = None
    receipt: Receipt | None = None
    """The running figures: estimated cost, tokens, speed."""


class TurnEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The reply is over; what it cost is in the ledger already."""

    conversation_id: str
    message_id: str
    state: MessageState
    receipt: Receipt
    finish_reason: Clean | None = None
    failure: Failure | None = None
    reasoning_details: Opaque | None = None


class BillArrived(msgspec.Struct, frozen=True, kw_only=True):
    """The bill of a reply that had ended without one."""

    conversation_id: str
    message_id: str
    receipt: Receipt


class EstimateRead(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's own past says of the next request to it."""

    model: Opaque
    ratio: float
    """Billed prompt tokens divided by our count of them, lately; 1.0 when nothing was billed yet."""
    replies: int
    median_tokens: int | None
    """Of its replies; None when there are none."""
    ninety_percent_tokens: int | None
    """Nine replies of ten were no longer."""


class ConversationsListed(msgspec.Struct, frozen=True):
    rows: tuple[ConversationSummary, ...]
    search: Clean | None = None


class MessagesFound(msgspec.Struct, frozen=True):
    """What a search over all conversations found."""

    words: Clean
    hits: tuple[SearchHit, ...]


class ConversationOpened(msgspec.Struct, frozen=True):
    conversation: Conversation


class ConversationSaved(msgspec.Struct, frozen=True):
    conversation_id: str
    title: Clean
    settings: ConversationSettings
    draft: Clean = Clean("")


class SpendSummed(msgspec.Struct, frozen=True):
    summary: SpendSummary


class SpendViewed(msgspec.Struct, frozen=True):
    """What the Spend screen asked for."""

    view: SpendView


class HistoryRepriced(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of the last UTC days would have cost on each of the models that were asked about."""

    models: tuple[Opaque, ...]
    """As they were asked for."""
    days: int
    rows: tuple[Repriced, ...] = ()
    """In that order; without models that the catalogue lacks."""
    chat: Workload | None = None
    """The mean chat request, and how many a month; None without any."""
    embedding: Workload | None = None
    failure: Failure | None = None


class QuotaRead(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says is left; None = not told, with `failure` when asking failed."""

    as_of: float
    """Unix seconds."""
    key: KeyInfo | None
    credits: Credits | None
    failure: Failure | None = None


class AccountDay(msgspec.Struct, frozen=True, kw_only=True):
    """A closed UTC day as the account has it and as our ledger has it, USD."""

    day: Clean
    account_usd: Decimal
    account_byok_usd: Decimal
    account_requests: int
    own_usd: Decimal
    """Billed and estimated, without what providers asked for keys of one's own."""
    own_byok_usd: Decimal
    own_requests: int

    @property
    def difference_usd(self) -> Decimal:
        """What the account has and our ledger has not: other programs, other keys; negative for what is late there."""
        return MONEY.subtract(self.account_usd, self.own_usd)


class ActivityRead(msgspec.Struct, frozen=True, kw_only=True):
    """The account's closed days, oldest first; with `failure` what was known before."""

    as_of: float
    """Unix seconds."""
    days: tuple[AccountDay, ...]
    failure: Failure | None = None


class LimitsRead(msgspec.Struct, frozen=True, kw_only=True):
    keys: tuple[KeyUse, ...]
    free: FreeUse


class EmbedBegan(msgspec.Struct, frozen=True):
    job_id: str
    total: int


class EmbedProgressed(msgspec.Struct, frozen=True, kw_only=True):
    job_id: str
    done: int
    total: int


class EmbedEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors of a sheet's texts, those from the store included; None where a text has none."""

    job_id: str
    model: Opaque
    vectors: tuple[bytes | None, ...] = ()
    """Little-endian float32, in the order of the texts; none where rows were asked for."""
    embedded: GivenRows | None = None
    """The same as rows, where those were asked for; None without any."""
    dimensions: int | None
    from_store: int
    receipt: Receipt
    usage: Usage
    failure: Failure | None = None


class SheetLoaded(msgspec.Struct, frozen=True):
    sheet: Sheet


class SheetsListed(msgspec.Struct, frozen=True):
    sheets: tuple[SheetSummary, ...]


class VectorsRead(msgspec.Struct, frozen=True):
    """What the store has for the texts of a `LoadVectors`; None: nothing."""

    request_id: str
    variant: Variant
    embedded: GivenRows | None


class BudgetPassed(msgspec.Struct, frozen=True):
    """A request was not sent because it would pass a budget whose action is `ask`: submit it again to allow it."""

    job_id: str
    refusal: OverBudget


class PreferencesRead(msgspec.Struct, frozen=True, kw_only=True):
    """What was remembered across restarts, by name."""

    values: dict[str, object]
    favourites: frozenset[str]
    recents: tuple[str, ...]


class Connection(StrEnum):
    """What the mark in the header says."""

    STARTING = "starting"
    LIVE = "live"
    CACHED = "cached"
    DOWN = "down"


class ConnectionChanged(msgspec.Struct, frozen=True):
    connection: Connection


class Noticed(msgspec.Struct, frozen=True):
    """Something the user must know and cannot see."""

    text: Clean
    severity: Literal["information", "warning", "error"] = "information"


Event: TypeAlias = (
    JobChanged
    | CatalogueLoaded
    | CatalogueFailed
    | ChangesRead
    | EndpointsLoaded
    | EndpointsFailed
    | ProvidersListed
    | TurnQueued
    | ReplyGrew
    | TurnEnded
    | BillArrived
    | EstimateRead
    | ConversationsListed
    | MessagesFound
    | ConversationOpened
    | ConversationSaved
    | SpendSummed
    | SpendViewed
    | HistoryRepriced
    | QuotaRead
    | LimitsRead
    | ActivityRead
    | EmbedBegan
    | EmbedProgressed
    | EmbedEnded
    | SheetLoaded
    | SheetsListed
    | VectorsRead
    | BudgetPassed
    | PreferencesRead
    | ConnectionChanged
    | Noticed
)
