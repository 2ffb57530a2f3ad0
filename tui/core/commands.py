"""What screens and the command line ask of the worker."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from tui.core.conversation import ConversationSettings, Message
from tui.core.ledger import SpendQuery
from tui.core.sheets import Sheet, Variant
from tui.openrouter.chat import RequestMessage
from tui.openrouter.text import Clean, Opaque


class RefreshCatalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Load the model lists from the server; the last snapshot is shown until they come."""


class LoadChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Read what has changed in the catalogue; said again whenever the lists are loaded."""

    visit: bool = False
    """Somebody looks at the catalogue from now on: the next visit is told what changes after this one."""


class LoadEndpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Load the providers of one model, unless they were loaded some minutes ago."""

    model: Opaque
    force: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
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
    """The reply that is made again or the question that is written anew: with all below it leaves the shown branch."""
    private: bool = False
    over_budget: bool = False
    """The user has said yes to passing a budget."""
    wait_s: float = 120.0
    """How long to wait for room under the limits."""
    stream: bool = True


class Embed(msgspec.Struct, frozen=True, kw_only=True):
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
    first_alone: bool = True
    """One request goes before all others, so that a wrong model fails once; not where it has answered just now."""
    as_rows: bool = False
    """The answer holds them as rows of length 1 in one block, ready to be compared, and not one by one."""


class PollQuota(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the server for what is left of the key's limit and, where the key may, of the credits."""


class NoteFocus(msgspec.Struct, frozen=True, kw_only=True):
    """The terminal got or lost the keyboard: nobody's limits are asked about while nobody looks for long."""

    focused: bool


class LoadSpend(msgspec.Struct, frozen=True, kw_only=True):
    """Sum the ledger for the meter and, with a query, for the Spend screen."""

    query: SpendQuery | None = None


class ExportSpend(msgspec.Struct, frozen=True, kw_only=True):
    """Write all requests of the ledger into a new file in the folder for exports; where it is comes as a notice."""

    kind: Literal["csv", "json"]


class RepriceHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Say what the requests of the last UTC days, today included, would have cost on each of these models."""

    models: tuple[Opaque, ...]
    days: int = 30


class LoadEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Read what a model's own past says of the next request to it, for the quote."""

    model: Opaque


class ListConversations(msgspec.Struct, frozen=True, kw_only=True):
    """Read the list of conversations."""

    search: Clean | None = None


class OpenConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Read one conversation with its messages."""

    conversation_id: str
    message_id: str | None = None
    """Show the branch that this message is in."""


class SearchMessages(msgspec.Struct, frozen=True, kw_only=True):
    """Find the messages of all conversations that have these words."""

    words: Clean


class ShowBranch(msgspec.Struct, frozen=True, kw_only=True):
    """Show the branch beside this message: the next one (`step` 1) or the one before (-1) in the same place."""

    conversation_id: str
    message_id: str
    step: int


class DeleteMessages(msgspec.Struct, frozen=True, kw_only=True):
    """Delete the end of the branch that is shown, or bring it back."""

    conversation_id: str
    message_ids: tuple[str, ...]
    """Oldest first, down to the last that is shown."""
    parent_id: str | None
    """The message above them."""
    undo: bool = False


class ForkConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a conversation with copies of these messages."""

    new_id: str
    title: Clean
    settings: ConversationSettings
    messages: tuple[Message, ...]
    """Oldest first; the copies get ids of their own."""
    private: bool = False


class RenameConversation(msgspec.Struct, frozen=True, kw_only=True):
    conversation_id: str
    title: Clean


class PinConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Keep it at the top of the list, or no longer."""

    conversation_id: str
    pinned: bool


class ExportConversations(msgspec.Struct, frozen=True, kw_only=True):
    """Write conversations into a new file; where that is comes as a notice."""

    conversation_ids: tuple[str, ...]
    """None named: all of them."""
    kind: Literal["markdown", "json"]
    title: Clean = Clean("conversations")
    """What the file is named after."""
    path: str | None = None
    """None: a new file in the folder for exports."""


class ImportConversations(msgspec.Struct, frozen=True, kw_only=True):
    """Take over the conversations of a file; how many came, or why none did, comes as a notice."""

    path: str


class DeleteConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Delete it, or bring it back."""

    conversation_id: str
    undo: bool = False


class SaveConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Keep the settings and the draft of a conversation."""

    conversation_id: str
    title: Clean
    settings: ConversationSettings
    draft: Clean
    private: bool = False


class SaveSheet(msgspec.Struct, frozen=True, kw_only=True):
    """Keep an embedding sheet as it is now."""

    sheet: Sheet


class LoadSheet(msgspec.Struct, frozen=True, kw_only=True):
    """Read a sheet, or the one used last when `sheet_id` is None."""

    sheet_id: str | None = None


class ListSheets(msgspec.Struct, frozen=True, kw_only=True):
    """Read the names of all sheets."""


class RenameSheet(msgspec.Struct, frozen=True, kw_only=True):
    sheet_id: str
    name: Clean


class DeleteSheet(msgspec.Struct, frozen=True, kw_only=True):
    """Put a sheet away, or bring it back."""

    sheet_id: str
    undo: bool = False


class LoadVectors(msgspec.Struct, frozen=True, kw_only=True):
    """Read the vectors that the store has for these texts; nothing is paid."""

    request_id: str
    variant: Variant
    texts: tuple[Clean, ...]


class Remember(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a small thing across restarts: filter, sort order, theme, last model."""

    name: str
    value: object
    """Anything JSON can hold."""


class SetFavourite(msgspec.Struct, frozen=True, kw_only=True):
    model: Opaque
    favourite: bool


Command: TypeAlias = (
    RefreshCatalogue
    | LoadChanges
    | LoadEndpoints
    | Ask
    | Embed
    | PollQuota
    | NoteFocus
    | LoadSpend
    | ExportSpend
    | RepriceHistory
    | LoadEstimate
    | ListConversations
    | OpenConversation
    | SearchMessages
    | ShowBranch
    | DeleteMessages
    | ForkConversation
    | RenameConversation
    | PinConversation
    | ExportConversations
    | ImportConversations
    | DeleteConversation
    | SaveConversation
    | SaveSheet
    | LoadSheet
    | ListSheets
    | RenameSheet
    | DeleteSheet
    | LoadVectors
    | Remember
    | SetFavourite
)
