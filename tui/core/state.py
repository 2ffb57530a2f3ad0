"""The state that screens pull from; events change it, here and nowhere else."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from enum import Flag, auto
from typing import TYPE_CHECKING, Final, assert_never

import msgspec
from msgspec.structs import replace

from tui.core.conversation import Conversation, ConversationSummary, Failure, Message, MessageState, Receipt
from tui.core.events import (
    ActivityRead,
    BillArrived,
    BudgetPassed,
    CatalogueFailed,
    CatalogueLoaded,
    ChangesRead,
    Connection,
    ConnectionChanged,
    ConversationOpened,
    ConversationSaved,
    ConversationsListed,
    EmbedBegan,
    EmbedEnded,
    EmbedProgressed,
    EndpointsFailed,
    EndpointsLoaded,
    EstimateRead,
    Event,
    HistoryRepriced,
    Job,
    JobChanged,
    LimitsRead,
    MessagesFound,
    Noticed,
    PreferencesRead,
    ProvidersListed,
    QuotaRead,
    ReplyGrew,
    SheetLoaded,
    SheetsListed,
    SpendSummed,
    SpendViewed,
    TurnEnded,
    TurnQueued,
    VectorsRead,
)
from tui.core.ledger import FreeUse, KeyUse, SpendSummary, SpendView
from tui.core.sheets import Sheet, SheetSummary
from tui.openrouter.catalogue import Endpoint, Model, ProviderFacts
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.core.catalogue_changes import Changes


class Topic(Flag):
    """Slices of the state; a notice says that one moved, the state says how it stands."""

    NONE = 0
    CATALOGUE = auto()
    ENDPOINTS = auto()
    CHAT = auto()
    """Messages of an open conversation."""
    CONVERSATIONS = auto()
    METER = auto()
    """Spend, what is left, limits, and which replies stream."""
    RUNNING = auto()
    """The figures of the replies that stream."""
    EMBEDDINGS = auto()
    JOBS = auto()
    CONNECTION = auto()
    PREFERENCES = auto()
    NOTICES = auto()
    FOUND = auto()
    """What a search over all messages found."""
    BUDGET = auto()
    SPEND = auto()
    """What the Spend screen shows beyond the meter."""
    REPRICED = auto()
    """What the history would have cost on other models."""


class EndpointsSlice(msgspec.Struct, frozen=True, kw_only=True):
    """The providers of one model, or why they are not there."""

    endpoints: tuple[Endpoint, ...] | None = None
    fetched_at: float | None = None
    failure: Failure | None = None


class Sheets(msgspec.Struct):
    """Embedding sheets: the one opened last, their list, and what embeddings of late came to."""

    opened: Sheet | None = None
    listed: tuple[SheetSummary, ...] | None = None
    """None: not read yet."""
    job_id: str | None = None
    """The embedding that began last."""
    progress: dict[str, tuple[int, int]] = {}
    """Texts done and texts in all, by job, while it runs."""
    results: dict[str, EmbedEnded] = {}
    """By job; the last two, since their vectors are large."""
    found: dict[str, VectorsRead] = {}
    """What the store was asked for, by request; the last few, since several may come within a frame."""


OPEN_AT_MOST: Final = 16
"""Conversations in memory; the worker tells of what others write in fewer."""
_KEPT_NOTICES: Final = 50
_KEPT_RESULTS: Final = 2
_KEPT_FOUND: Final = 8


class State:
    """Everything a screen shows. Read it anywhere; only `apply` changes it."""

    def __init__(self) -> None:
        self.models: tuple[Model, ...] = ()
        self.model_by_slug: dict[str, Model] = {}
        self.catalogue_fetched_at: float | None = None
        self.catalogue_failure: Failure | None = None
        self.catalogue_mended = 0
        self.changes: Changes | None = None
        """What has changed in the catalogue; None until it was read."""
        self.endpoints: dict[str, EndpointsSlice] = {}
        """By slug."""
        self.provider_facts: dict[str, ProviderFacts] = {}
        """By the slug that tags of endpoints begin with."""
        self.conversations: tuple[ConversationSummary, ...] = ()
        self.conversations_search: Clean | None = None
        self.found: MessagesFound | None = None
        """The last search over all messages."""
        self.open: dict[str, Conversation] = {}
        """Open conversations by id, the one that was read or written in last at the end."""
        self.streaming: dict[str, str] = {}
        """Message id → conversation id of the replies that are queued or grow."""
        self.jobs: dict[str, Job] = {}
        """Those that are not over, by id."""
        self.estimates: dict[str, EstimateRead] = {}
        """What the past of models says of the next request, by raw id."""
        self.spend: SpendSummary | None = None
        self.spend_view: SpendView | None = None
        """The last answer to the Spend screen."""
        self.repriced: HistoryRepriced | None = None
        """The last answer: whoever asked looks whether it is about its models."""
        self.quota: QuotaRead | None = None
        self.activity: ActivityRead | None = None
        """Of the account, where a management key is configured."""
        self.keys: tuple[KeyUse, ...] = ()
        self.free: FreeUse | None = None
        self.sheets = Sheets()
        self.budget_passed: BudgetPassed | None = None
        self.connection = Connection.STARTING
        self.preferences: dict[str, object] = {}
        self.favourites: frozenset[str] = frozenset()
        self.recents: tuple[str, ...] = ()
        self.notices: deque[tuple[int, Noticed]] = deque(maxlen=_KEPT_NOTICES)
        """With a running number, so that each is shown once."""
        self.notice_count = 0

    def apply(self, event: Event) -> Topic:
        """Fold one event into the state and say which slices it touched."""
        match event:
            case ReplyGrew():
                return self._grow(event)
            case JobChanged(job):
                if job.state.is_over:
                    self.jobs.pop(job.id, None)
                else:
                    self.jobs[job.id] = job
                return Topic.JOBS | (Topic.CHAT if job.kind == "ask" else Topic.NONE)
            case CatalogueLoaded():
                self.models = event.models
                self.model_by_slug = {model.slug: model for model in event.models}
                self.catalogue_fetched_at = event.fetched_at
                self.catalogue_mended = event.mended + event.unreadable
                if event.from_network:
                    self.catalogue_failure = None
                return Topic.CATALOGUE
            case CatalogueFailed(failure):
                self.catalogue_failure = failure
                return Topic.CATALOGUE
            case ChangesRead(changes):
                self.changes = changes
                return Topic.CATALOGUE
            case EndpointsLoaded():
                self.endpoints[event.model.shown()] = EndpointsSlice(
                    endpoints=event.endpoints, fetched_at=event.fetched_at
                )
                return Topic.ENDPOINTS
            case EndpointsFailed(model, failure):
                known = self.endpoints.get(model.shown(), EndpointsSlice())
                self.endpoints[model.shown()] = replace(known, failure=failure)
                return Topic.ENDPOINTS
            case ProvidersListed(providers):
                self.provider_facts = {facts.slug: facts for facts in providers}
                return Topic.ENDPOINTS
            case TurnQueued():
                return self._queue_turn(event)
            case TurnEnded():
                return self._end_turn(event)
            case BillArrived():
                if message := self._message(event.conversation_id, event.message_id):
                    message.receipt = event.receipt
                    message.version += 1
                return Topic.CHAT | Topic.METER
            case EstimateRead():
                self.estimates[event.model.raw] = event
                return Topic.CHAT
            case ConversationsListed(rows, search):
                self.conversations = rows
                self.conversations_search = search
                return Topic.CONVERSATIONS
            case MessagesFound():
                self.found = event
                return Topic.FOUND
            case ConversationOpened(conversation):
                self._take_read(conversation)
                return Topic.CHAT
            case ConversationSaved(conversation_id, title, settings, draft):
                if saved := self.open.get(conversation_id):
                    saved.title = title
                    saved.settings = settings
                    saved.draft = draft
                return Topic.CHAT | Topic.CONVERSATIONS
            case SpendSummed(summary):
                self.spend = summary
                return Topic.METER
            case SpendViewed(view):
                self.spend_view = view
                return Topic.SPEND
            case HistoryRepriced():
                self.repriced = event
                return Topic.REPRICED
            case QuotaRead():
                if event.failure is not None and self.quota is not None and self.quota.key is not None:
                    # What was known stays, with its age, beside the reason why it is old.
                    self.quota = replace(self.quota, failure=event.failure)
                else:
                    self.quota = event
                return Topic.METER
            case ActivityRead():
                self.activity = event
                return Topic.SPEND
            case LimitsRead(keys=keys, free=free):
                self.keys = keys
                self.free = free
                return Topic.METER
            case EmbedBegan(job_id, total):
                self.sheets.job_id = job_id
                self.sheets.progress[job_id] = (0, total)
                return Topic.EMBEDDINGS
            case EmbedProgressed():
                self.sheets.progress[event.job_id] = (event.done, event.total)
                return Topic.EMBEDDINGS
            case EmbedEnded():
                self.sheets.progress.pop(event.job_id, None)
                results = self.sheets.results
                results[event.job_id] = event
                while len(results) > _KEPT_RESULTS:
                    del results[next(iter(results))]
                return Topic.EMBEDDINGS
            case SheetLoaded(sheet):
                self.sheets.opened = sheet
                return Topic.EMBEDDINGS
            case SheetsListed(sheets):
                self.sheets.listed = sheets
                return Topic.EMBEDDINGS
            case VectorsRead():
                found = self.sheets.found
                found[event.request_id] = event
                while len(found) > _KEPT_FOUND:
                    del found[next(iter(found))]
                return Topic.EMBEDDINGS
            case BudgetPassed():
                self.budget_passed = event
                return Topic.BUDGET
            case PreferencesRead():
                self.preferences = event.values
                self.favourites = event.favourites
                self.recents = event.recents
                return Topic.PREFERENCES
            case ConnectionChanged(connection):
                self.connection = connection
                return Topic.CONNECTION
            case Noticed():
                self.notice_count += 1
                self.notices.append((self.notice_count, event))
                return Topic.NOTICES
            case _:
                assert_never(event)

    @property
    def picked_first(self) -> tuple[str, ...]:
        """Raw ids of the models that come first wherever one is picked: favourites, then those used last."""
        return (*sorted(self.favourites), *self.recents)

    @property
    def running_cost_usd(self) -> Decimal:
        """Estimated cost of all that streams now."""
        total = Decimal(0)
        for receipt in self.running_receipts():
            total += receipt.cost.usd or 0
        return total

    def running_receipts(self) -> list[Receipt]:
        """The running figures of all replies that stream."""
        receipts = []
        for message_id, conversation_id in self.streaming.items():
            message = self._message(conversation_id, message_id)
            if message is not None and message.receipt is not None:
                receipts.append(message.receipt)
        return receipts

    def _message(self, conversation_id: str, message_id: str) -> Message | None:
        conversation = self.open.get(conversation_id)
        return conversation.message(message_id) if conversation else None

    def _queue_turn(self, event: TurnQueued) -> Topic:
        self.streaming[event.reply.id] = event.conversation_id
        conversation = self.open.get(event.conversation_id)
        if conversation is None:
            conversation = Conversation(
                id=event.conversation_id, title=event.title, settings=event.settings, private=event.private
            )
        self._keep_open(conversation)
        conversation.settings = event.settings
        conversation.draft = Clean("")
        if event.replaces is not None:
            place = next((at for at, one in enumerate(conversation.messages) if one.id == event.replaces), None)
            conversation.messages = conversation.messages[:place]
            count = conversation.branches.get(event.replaces, (1, 1))[1] + 1
            conversation.branches[(event.question or event.reply).id] = (count, count)
        for message in (event.question, event.reply):
            if message is not None and conversation.message(message.id) is None:
                conversation.messages.append(message)
        return Topic.CHAT | Topic.METER | Topic.CONVERSATIONS

    def _grow(self, event: ReplyGrew) -> Topic:
        message = self._message(event.conversation_id, event.message_id)
        if message is None:
            return Topic.NONE
        message.state = MessageState.STREAMING
        if event.text:
            message.text = Clean(message.text + event.text)
        if event.reasoning:
            message.reasoning = Clean(message.reasoning + event.reasoning)
        if event.refusal:
            message.refusal = Clean(message.refusal + event.refusal)
        if event.tool_calls is not None:
            message.tool_calls = event.tool_calls
        if event.citations is not None:
            message.citations = event.citations
        if event.reasoning_seconds is not None:
            message.reasoning_seconds = event.reasoning_seconds
        if event.receipt is not None:
            message.receipt = event.receipt
        message.version += 1
        return Topic.CHAT | Topic.RUNNING

    def _end_turn(self, event: TurnEnded) -> Topic:
        self.streaming.pop(event.message_id, None)
        if message := self._message(event.conversation_id, event.message_id):
            message.state = event.state
            message.receipt = event.receipt
            message.finish_reason = event.finish_reason
            message.failure = event.failure
            message.reasoning_details = event.reasoning_details
            message.version += 1
        return Topic.CHAT | Topic.METER | Topic.CONVERSATIONS

    def _take_read(self, read: Conversation) -> None:
        """A conversation was read: one that is open stays the same object, so that views keep their place in it.

        A reply that grows is further in memory than in the database it was read from.
        """
        known = self.open.get(read.id, read)
        self._keep_open(known)
        known.reads += 1
        if known is read:
            return
        known.title, known.settings, known.private = read.title, read.settings, read.private
        known.branches, known.draft = read.branches, read.draft
        before = {message.id: message for message in known.messages}
        messages = [self._as_known(before.pop(message.id, None), message) for message in read.messages]
        messages.extend(message for message in before.values() if message.id in self.streaming)
        known.messages = messages

    def _keep_open(self, conversation: Conversation) -> None:
        """Let go of those that were read and written in longest ago, but for the ones that stream.

        The one on screen is among the last: a view that shows another one asks for it to be read.
        """
        self.open.pop(conversation.id, None)
        self.open[conversation.id] = conversation
        if len(self.open) > OPEN_AT_MOST:
            busy = set(self.streaming.values())
            for old in [old for old in list(self.open)[:-OPEN_AT_MOST] if old not in busy]:
                del self.open[old]

    def _as_known(self, known: Message | None, read: Message) -> Message:
        """The message that is there already, brought to what was read; else the one that was read."""
        if known is None or known.id in self.streaming:
            return known or read
        version, known.version = known.version, read.version
        if known != read:
            for name in read.__struct_fields__:
                setattr(known, name, getattr(read, name))
            version += 1
        known.version = version
        return known
