"""Conversations, their messages and the replies that grow in them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

import msgspec

from tui.openrouter.chat import ChatParameters, Citation, Role, ToolCall
from tui.openrouter.text import Clean, Opaque


class MessageState(StrEnum):
    """Where a message stands; the values are what `ortui chats show --json` prints."""

    WAITING = "waiting"
    """In the database, its request queued or sent, nothing received."""
    STREAMING = "streaming"
    DONE = "done"
    STOPPED = "stopped"
    """By the user; the text so far is kept."""
    CUT_OFF = "cut_off"
    """The connection or the program ended in the middle."""
    FAILED = "failed"
    """Nothing usable came."""
    UNKNOWN = "unknown"
    """Sent, perhaps carried out and billed, but no answer came."""

    @property
    def is_open(self) -> bool:
        """Whether more may still arrive."""
        return self in (MessageState.WAITING, MessageState.STREAMING)


class CostKind(StrEnum):
    """What a figure is."""

    BILLED = "billed"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


class Cost(msgspec.Struct, frozen=True):
    """An amount in USD and what kind of figure it is; `usd` is None only when unknown."""

    usd: Decimal | None
    kind: CostKind


UNKNOWN_COST = Cost(None, CostKind.UNKNOWN)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one request came to; counts are None where nobody reported them."""

    cost: Cost = UNKNOWN_COST
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    ttft_ms: int | None = None
    """From sending the successful try to the first content or reasoning."""
    duration_ms: int | None = None
    tokens_per_second: float | None = None
    """Completion tokens divided by the time from the first to the last content."""
    provider: Clean | None = None
    model_answered: Clean | None = None
    generation_id: Opaque | None = None
    tries: int = 1
    quoted_usd: Decimal | None = None
    """What sending was said to come to, with a reply of the usual length."""
    cache_saved_usd: Decimal | None = None
    """What reading from the cache saved, less what writing to it cost more, by the price list."""
    billing_note: Clean | None = None
    """For a stopped reply: whether the provider stops billing or bills on; or `PART_UNREADABLE`."""


PART_UNREADABLE: Final = Clean("a part could not be read")
"""Marks a reply that went on after an event that is no JSON."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong with a request, as it is shown and stored."""

    kind: str
    """An `ErrorKind` value."""
    message: Clean
    advice: Clean
    status: int | None = None
    retry_after_s: float | None = None
    fallback_models: tuple[Opaque, ...] = ()


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes with a question, whole: the file itself may change or go."""

    kind: Literal["text", "image", "pdf"]
    name: Clean
    content: Opaque
    """Of a text the text; of an image or a PDF its data URL."""
    size: int
    """Bytes of the file."""


class Message(msgspec.Struct, kw_only=True):
    """One message of a conversation; a reply's `text` and `reasoning` grow while it streams.

    Only `State.apply` changes it; `version` counts the changes so that a view can tell whether it is behind.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    text: Clean
    created_at: float
    """Unix seconds."""
    state: MessageState = MessageState.DONE
    model: Clean | None = None
    """The model asked."""
    reasoning: Clean = Clean("")
    reasoning_seconds: float | None = None
    refusal: Clean = Clean("")
    tool_calls: tuple[ToolCall, ...] = ()
    citations: tuple[Citation, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    reasoning_details: Opaque | None = None
    """The JSON array as it came, to be sent back untouched."""
    finish_reason: Clean | None = None
    failure: Failure | None = None
    receipt: Receipt | None = None
    version: int = 0


class ConversationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation sends with each request."""

    model: Opaque | None = None
    system: Clean = Clean("")
    parameters: ChatParameters = msgspec.field(default_factory=ChatParameters)


class ConversationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list of conversations."""

    id: str
    title: Clean
    model: Clean | None
    updated_at: float
    message_count: int
    spent_usd: Decimal
    """Billed; requests whose bill is awaited are not in it."""
    pinned: bool = False
    streaming: bool = False
    private: bool = False
    """It is kept in memory only, and ends with the program."""


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a search over all conversations found."""

    conversation_id: str
    message_id: str
    title: Clean
    """Of the conversation."""
    role: Clean
    created_at: float
    snippet: Clean
    """One line round the first words found."""
    marks: tuple[tuple[int, int], ...] = ()
    """Where the found words begin and end in the snippet."""


class Conversation(msgspec.Struct, kw_only=True):
    """An open conversation: the messages of the branch that is shown, oldest first."""

    id: str
    title: Clean
    settings: ConversationSettings
    messages: list[Message] = msgspec.field(default_factory=list)
    draft: Clean = Clean("")
    private: bool = False
    """Nothing of it is written to a disk."""
    branches: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """Messages of which there are several in their place: which of them is shown, counted from 1, and how many."""
    reads: int = 0
    """How often it was read since it was opened."""

    def message(self, message_id: str) -> Message | None:
        """The message of that id, searched from the end, where it nearly always is."""
        return next((m for m in reversed(self.messages) if m.id == message_id), None)

    @property
    def running(self) -> Message | None:
        """The reply that still grows, or None."""
        return next((m for m in reversed(self.messages) if m.state.is_open), None)
