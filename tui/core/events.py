"""What the worker says has happened; `State.apply` folds it in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from tui.core.conversation import (
    Conversation,
    ConversationSettings,
    ConversationSummary,
    Failure,
    Message,
    MessageState,
    Receipt,
)
from tui.core.ledger import FreeUse, KeyUse, OverBudget, SpendSummary
from tui.openrouter.catalogue import Endpoint, Model
from tui.openrouter.chat import Citation, Credits, KeyInfo, ToolCall, Usage
from tui.openrouter.text import Clean, Opaque


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing the worker does."""

    id: str
    """For a reply, the id of its message."""
    kind: Literal["ask", "embed", "catalogue", "endpoints", "quota"]
    state: JobState
    since: float
    """Monotonic time of the last change of state."""
    reason: Clean = field(default=Clean(""))
    wait_until: float | None = None
    """Unix seconds, when it waits for a known time."""
    tries: int = 0
    key_tail: Clean = field(default=Clean(""))


@dataclass(frozen=True, slots=True)
class JobChanged:
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueLoaded:
    models: tuple[Model, ...]
    fetched_at: float
    """Unix seconds."""
    from_network: bool
    mended: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class CatalogueFailed:
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsLoaded:
    model: Opaque
    endpoints: tuple[Endpoint, ...]
    fetched_at: float


@dataclass(frozen=True, slots=True)
class EndpointsFailed:
    model: Opaque
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnQueued:
    """The question and the empty reply are in the database."""

    conversation_id: str
    title: Clean
    settings: ConversationSettings
    private: bool
    question: Message | None
    reply: Message
    replaces: str | None = None
    """The reply that this one is made again for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyGrew:
    """More text, at most 30 times a second for each reply."""

    conversation_id: str
    message_id: str
    text: Clean = field(default=Clean(""))
    reasoning: Clean = field(default=Clean(""))
    refusal: Clean = field(default=Clean(""))
    tool_calls: tuple[ToolCall, ...] | None = None
    citations: tuple[Citation, ...] | None = None
    reasoning_seconds: float | None = None
    receipt: Receipt | None = None
    """The running figures: estimated cost, tokens, speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """The reply is over; what it cost is in the ledger already."""

    conversation_id: str
    message_id: str
    state: MessageState
    receipt: Receipt
    finish_reason: Clean | None = None
    failure: Failure | None = None
    reasoning_details: Opaque | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillArrived:
    """The bill of a reply that had ended without one."""

    conversation_id: str
    message_id: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ConversationsListed:
    rows: tuple[ConversationSummary, ...]
    search: Clean | None = None


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class ConversationSaved:
    conversation_id: str
    title: Clean
    settings: ConversationSettings


@dataclass(frozen=True, slots=True)
class SpendSummed:
    summary: SpendSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRead:
    """What the server says is left; None = not told, with `failure` when asking failed."""

    as_of: float
    """Unix seconds."""
    key: KeyInfo | None
    credits: Credits | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsRead:
    keys: tuple[KeyUse, ...]
    free: FreeUse


@dataclass(frozen=True, slots=True)
class EmbedBegan:
    job_id: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedProgressed:
    job_id: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedEnded:
    """The vectors of a sheet's texts, those from the store included; None where a text has none."""

    job_id: str
    model: Opaque
    vectors: tuple[bytes | None, ...]
    """Little-endian float32, in the order of the texts."""
    dimensions: int | None
    from_store: int
    receipt: Receipt
    usage: Usage
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class SheetLoaded:
    sheet_id: str
    name: Clean
    texts: tuple[Clean, ...]
    model: Opaque | None


@dataclass(frozen=True, slots=True)
class BudgetPassed:
    """A request was not sent because it would pass a budget whose action is `ask`: submit it again to allow it."""

    job_id: str
    refusal: OverBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesRead:
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


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    connection: Connection


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something the user must know and cannot see."""

    text: Clean
    severity: Literal["information", "warning", "error"] = "information"


Event: TypeAlias = (
    JobChanged
    | CatalogueLoaded
    | CatalogueFailed
    | EndpointsLoaded
    | EndpointsFailed
    | TurnQueued
    | ReplyGrew
    | TurnEnded
    | BillArrived
    | ConversationsListed
    | ConversationOpened
    | ConversationSaved
    | SpendSummed
    | QuotaRead
    | LimitsRead
    | EmbedBegan
    | EmbedProgressed
    | EmbedEnded
    | SheetLoaded
    | BudgetPassed
    | PreferencesRead
    | ConnectionChanged
    | Noticed
)
