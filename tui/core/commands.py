"""What screens and the command line ask of the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tui.core.conversation import ConversationSettings, Message
from tui.openrouter.chat import RequestMessage
from tui.openrouter.text import Clean, Opaque


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCatalogue:
    """Load the model lists from the server; the last snapshot is shown until they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEndpoints:
    """Load the providers of one model, unless they were loaded some minutes ago."""

    model: Opaque
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Send a conversation and stream the reply into it.

    The worker writes `question` (None for a reply that is made again) and an empty reply into the database, reserves
    the money, and then sends `history`.
    """

    conversation_id: str
    reply_id: str
    settings: ConversationSettings
    """Its `model` is set."""
    history: tuple[RequestMessage, ...]
    """The whole request: system prompt, earlier messages, question."""
    question: Message | None
    parent_id: str | None
    """The message the reply answers."""
    title: Clean
    """Of a conversation that is not in the database yet."""
    replaces: str | None = None
    """The reply that is made again; it leaves the shown branch."""
    private: bool = False
    over_budget: bool = False
    """The user has said yes to passing a budget."""
    wait_s: float = 120.0
    """How long to wait for room under the limits."""
    stream: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """Embed texts; those whose vectors are in the database already are not paid for again."""

    job_id: str
    model: Opaque
    texts: tuple[Clean, ...]
    dimensions: int | None = None
    input_type: str | None = None
    user: str | None = None
    over_budget: bool = False
    wait_s: float = 120.0
    batch_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollQuota:
    """Ask the server for what is left of the key's limit and, where the key may, of the credits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpend:
    """Sum the ledger for the Spend screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConversations:
    """Read the list of conversations."""

    search: Clean | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConversation:
    """Read one conversation with its messages."""

    conversation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameConversation:
    conversation_id: str
    title: Clean


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteConversation:
    """Delete it, or bring it back."""

    conversation_id: str
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveConversation:
    """Keep the settings and the draft of a conversation."""

    conversation_id: str
    title: Clean
    settings: ConversationSettings
    draft: Clean
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSheet:
    """Keep the texts of an embedding sheet."""

    sheet_id: str
    name: Clean
    texts: tuple[Clean, ...]
    model: Opaque | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSheet:
    """Read a sheet, or the one used last when `sheet_id` is None."""

    sheet_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Keep a small thing across restarts: filter, sort order, theme, last model."""

    name: str
    value: object
    """Anything JSON can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFavourite:
    model: Opaque
    favourite: bool


Command: TypeAlias = (
    RefreshCatalogue
    | LoadEndpoints
    | Ask
    | Embed
    | PollQuota
    | LoadSpend
    | ListConversations
    | OpenConversation
    | RenameConversation
    | DeleteConversation
    | SaveConversation
    | SaveSheet
    | LoadSheet
    | Remember
    | SetFavourite
)
