"""What the chat shows: the frame round the transcript and the composer, and how it follows the state."""

from __future__ import annotations

import asyncio
import uuid
from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace
from rich.cells import cell_len, set_cell_size
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.getters import query_one
from textual.timer import Timer
from textual.widgets import Static
from typing_extensions import override

from tui.core.chat_figures import context_gauge, context_tokens, draft_line, quote_line, running_line
from tui.core.chat_turns import first_settings
from tui.core.commands import DeleteMessages, LoadEstimate
from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.core.default_model import default_model, is_missing
from tui.core.events import EstimateRead
from tui.core.parameter_fields import taken
from tui.core.prices import listed
from tui.core.remedies import Remedy, remedies
from tui.core.routing import names_providers, routed_prices, routing_words
from tui.core.spending import budget_left
from tui.core.state import Topic
from tui.openrouter.catalogue import Model
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat_drafts import Drafts
from tui.screens.chat_words import (
    EDITING_WORDS,
    ELSEWHERE,
    UNANSWERED_WORDS,
    UNDO_WORDS,
    empty_text,
    parameters_text,
    remedies_text,
)
from tui.screens.draft_count import DraftCount
from tui.screens.live_screen import LiveScreen
from tui.screens.soon import soon
from tui.widgets.attachment_row import AttachmentRow
from tui.widgets.composer import Composer
from tui.widgets.conversation_list import ConversationList
from tui.widgets.markdown_inline import make_ready
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.screens.session import Session

LIST_FROM: Final = 120
"""Columns from which the conversations stand at the left."""
_FIGURES_FROM: Final = 160
_FIGURES_EVERY_S: Final = 0.3
"""How often the figures of a reply that streams are shown anew: oftener nobody can read them."""
_FRAME_S: Final = 0.1
"""Within which the next frame of a reply comes that streams."""


class ChatView(LiveScreen):
    """One conversation is shown; others may go on streaming behind it."""

    FOLLOWS = Topic.CHAT | Topic.CONVERSATIONS | Topic.JOBS | Topic.CATALOGUE | Topic.PREFERENCES | Topic.BUDGET
    MODE = "chat"

    transcript = query_one("#transcript", Transcript)
    composer = query_one("#composer", Composer)
    rows = query_one("#conversations", ConversationList)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._conversation_id = uuid.uuid4().hex
        self._settings = first_settings(session.settings.chat)
        """Of a conversation that has no message yet."""
        self._chosen: tuple[ConversationSettings, ConversationSettings] | None = None
        """What a conversation had, and what was chosen in its place last."""
        self._shown: Conversation | None = None
        self._list_wanted: bool | None = None
        """What ctrl+s asked for, where there is room."""
        self._deleted: str | None = None
        """The conversation that was deleted last."""
        self._tick: Timer | None = None
        self._warned_model: str | None = None
        self._editing: str | None = None
        """The question that the next one takes the place of."""
        self._select_at: int | None = None
        """Which message gets the cursor once the conversation has been read again."""
        self._reveal: str | None = None
        """The message that gets it, found by a search."""
        self._shown_reads = 0
        self._undo: DeleteMessages | None = None
        """What was deleted last, until something else is done."""
        self._drafts = Drafts(session)
        self.count = DraftCount(self._show_running)
        self._growing: str | None = None
        """The reply whose figures are shown."""
        self._figures_at = 0.0
        """Monotonic time at which they were shown last."""
        self._border: tuple[str, str] | None = None
        """What stands in the composer's border."""
        self._sent: tuple[ChatParameters, Model | None, ChatParameters] | None = None
        """What is sent of parameters to a model, worked out last."""
        self._asked_past_of: Opaque | None = None
        """The model whose past was asked for."""

    @override
    def compose(self) -> ComposeResult:
        with Horizontal(id="chat"):
            rows = ConversationList(id="conversations")
            rows.border_title = Content("conversations")
            yield rows
            with Vertical(id="talk"):
                yield Static("", id="title", markup=False)
                yield Transcript(id="transcript")
                yield Static("", id="empty", markup=False)
                yield Static("", id="remedies", markup=False)
                yield AttachmentRow(id="attached")
                yield Composer(enter_sends=self.session.settings.ui.enter_sends, id="composer")
            figures = Static("", id="figures", markup=False)
            figures.border_title = Content("parameters")
            yield figures

    @override
    def on_mount(self) -> None:
        self._tick = self.set_interval(_FIGURES_EVERY_S, self._tick_figures, pause=True)
        self._lay_out()
        self.composer.focus()
        self.call_after_refresh(soon, self, lambda: asyncio.to_thread(make_ready), "prepare")

    @override
    def on_screen_suspend(self) -> None:
        if self._tick is not None:
            self._tick.pause()

    def on_resize(self, event: Resize) -> None:
        self._lay_out(event.size.width)

    # what is shown

    @property
    def conversation(self) -> Conversation | None:
        """The conversation on screen; None before its first message."""
        return self.session.state.open.get(self._conversation_id)

    @property
    def settings(self) -> ConversationSettings:
        """What the next request of this conversation sends; its model may still be None."""
        conversation = self.conversation
        settings = conversation.settings if conversation else self._settings
        if self._chosen is not None and settings is self._chosen[0]:
            # It is on its way into the state: what is sent at once is sent with it.
            settings = self._chosen[1]
        if settings.model is not None:
            return settings
        state = self.session.state
        last = state.preferences.get("model")
        model = default_model(
            self.session.settings.provider.model, last if isinstance(last, str) else None, state.model_by_slug
        )
        return replace(settings, model=model)

    @property
    def model(self) -> Model | None:
        """The catalogue's row of the chosen model."""
        wanted = self.settings.model
        return None if wanted is None else listed(self.session.state.model_by_slug, wanted)

    @property
    def running(self) -> Message | None:
        """The reply that streams here."""
        return self.conversation.running if self.conversation else None

    @override
    def catch_up(self, topics: Topic) -> None:
        growing = False
        if topics & Topic.CHAT:
            self._follow()
            growing = self._is_growing()
        if topics & Topic.CONVERSATIONS:
            self._show_rows()
        if topics & (Topic.CATALOGUE | Topic.PREFERENCES | Topic.JOBS) or (
            topics & Topic.CHAT and (not growing or self._figures_age() >= _FIGURES_EVERY_S)
        ):
            self._show_running()
        if topics & (Topic.CATALOGUE | Topic.PREFERENCES | Topic.CONVERSATIONS):
            self._show_frame()
        if topics & (Topic.PREFERENCES | Topic.CHAT) and self._editing is None:
            self._drafts.restore(self.conversation, self.composer)
        if growing:
            self.paint_now()

    def _figures_age(self) -> float:
        """Seconds since the figures of the reply were shown."""
        return monotonic() - self._figures_at

    def _tick_figures(self) -> None:
        """Show the seconds that pass while nothing comes; what comes brings its figures along."""
        running = self.running
        if running is None or not _has_begun(running) or self._figures_age() > _FIGURES_EVERY_S + _FRAME_S:
            self._show_running()

    def _is_growing(self) -> bool:
        """Whether the reply here streams as it did when this was asked last: then its figures may wait."""
        running = self.running
        known, self._growing = self._growing, running.id if running is not None else None
        return running is not None and running.id == known and _has_begun(running)

    def _follow(self) -> None:
        conversation = self.conversation
        reads = conversation.reads if conversation is not None else 0
        if conversation is not self._shown:
            self._shown = conversation
            self.transcript.show(conversation)
        else:
            self.transcript.follow()
            if reads == self._shown_reads:
                return
        self._shown_reads = reads
        self._show_frame()
        if conversation is None or not conversation.messages:
            return
        at, self._select_at = self._select_at, None
        if self._reveal is not None and conversation.message(self._reveal) is not None:
            self.transcript.reveal(self._reveal)
            self._reveal = None
        elif at is not None:
            self.transcript.reveal(conversation.messages[min(at, len(conversation.messages) - 1)].id)

    def _show_frame(self) -> None:
        """Title, empty state, parameters: what changes rarely."""
        conversation = self.conversation
        empty = conversation is None or not conversation.messages
        self.query_one("#talk").set_class(empty, "-empty")
        self._show_title()
        if empty:
            self.query_one("#empty", Static).update(empty_text(self.model, self.settings), layout=False)
        if self.size.width >= _FIGURES_FROM:
            self.query_one("#figures", Static).update(self._parameters_text(), layout=False)
        asked = self.settings.model
        if (
            asked is not None
            and asked.raw != self._warned_model
            and is_missing(asked, self.session.state.model_by_slug)
        ):
            self._warned_model = asked.raw
            self.notify(
                f"The catalogue has no model {asked.shown()}. ctrl+l chooses another.", severity="warning", markup=False
            )

    def _parameters_text(self) -> Clean:
        return parameters_text(self.settings, self.model, routed=self.session.settings.provider.type == "openrouter")

    @on(Transcript.Selected)
    def _show_title(self) -> None:
        """The title, and which of several branches is shown at the message under the cursor, or at the last."""
        conversation = self.conversation
        line = self.query_one("#title", Static)
        if conversation is None:
            line.update("New conversation", layout=False)
            return
        messages = conversation.messages
        about = self.transcript.selected_message or (messages[-1] if messages else None)
        place = conversation.branches.get(about.id) if about is not None else None
        more = f"branch {place[0]} of {place[1]} · < >" if place is not None else ""
        more = " · ".join(part for part in ("private, not stored" if conversation.private else "", more) if part)
        room = max(8, line.size.width - 2 - (len(more) + 2 if more else 0))
        title = (
            conversation.title
            if cell_len(conversation.title) <= room
            else f"{set_cell_size(conversation.title, room - 1)}…"
        )
        line.update(f"{set_cell_size(title, room)}  {more}" if more else title, layout=False)

    def say_running(self) -> None:
        """Why nothing can be sent or changed just now."""
        running = self.running
        here = running is not None and running.id in self.session.state.streaming
        how = "A reply is still streaming: esc stops it." if here else ELSEWHERE
        self.notify(how, markup=False)

    def _show_rows(self) -> None:
        if self.rows.display:
            rows, now = self.session.state.conversations, self.session.now()
            self.rows.show(rows, self._conversation_id, now, undo=self._deleted is not None)

    def _show_running(self) -> None:
        """The composer's border and the line of remedies: cheap, since it runs some times a second beside a reply."""
        self._figures_at = monotonic()
        running = self.running
        if self._tick is not None:
            (self._tick.resume if running is not None and self.is_current_view else self._tick.pause)()
        asked = self.settings.model
        name = asked.shown() if asked else Clean("no model: ctrl+l")
        if running is not None:
            job = self.session.state.jobs.get(running.id)
            waited = self.session.now() - running.created_at
            reason = job.reason if job else Clean("")
            if job is not None and job.wait_until is not None and job.wait_until > self.session.now():
                reason = Clean(f"{reason} ({job.wait_until - self.session.now():.0f} s)")
            elsewhere = running.id not in self.session.state.streaming
            self._put_border(name, ELSEWHERE if elsewhere else running_line(running, waited, reason))
        else:
            past = self._past_of(asked)
            draft = self.count.tokens(self.composer)
            tokens = context_tokens(self.conversation, draft, past.ratio if past else 1.0)
            quote = quote_line(tokens, self._priced_model(), self._sent_parameters(), self.session.now(), past)
            budget = self.session.settings.budget
            left = budget_left(
                self.session.state.spend,
                {"day": budget.day, "month": budget.month, "session": budget.session, "request": budget.request},
            )
            draft = 0 if self.composer.has_nothing else draft
            quote = draft_line(draft, tokens, quote, left, self._border_room)
            routing = routing_words(self.settings.parameters.provider)
            via = f" ── {routing}" if routing else ""
            self._put_border(Clean(f"{name} ── {context_gauge(tokens, self.model)}{via}"), quote)
        self._show_remedies()

    def _sent_parameters(self) -> ChatParameters:
        """The parameters without what the model does not take."""
        known, parameters, model = self._sent, self.settings.parameters, self.model
        if known is None or known[0] is not parameters or known[1] is not model:
            routed = self.session.settings.provider.type == "openrouter"
            known = self._sent = parameters, model, taken(parameters, model, routed=routed)
        return known[2]

    def _priced_model(self) -> Model | None:
        """The chosen model at the price of the provider that is asked for first, where that is known."""
        model, routing = self.model, self.settings.parameters.provider
        known = None if model is None else self.session.state.endpoints.get(model.slug)
        if model is None or known is None or known.endpoints is None or not names_providers(routing):
            return model
        return replace(model, pricing=routed_prices(model.pricing, routing, known.endpoints)[0])

    def _past_of(self, model: Opaque | None) -> EstimateRead | None:
        """What the model's own past says; asked for when it is not known yet."""
        if model is None:
            return None
        known = self.session.state.estimates.get(model.raw)
        if known is None and model != self._asked_past_of:
            self._asked_past_of = model
            self.session.submit(LoadEstimate(model=model))
        return known

    @property
    def _border_room(self) -> int:
        """Columns for the words in the composer's border."""
        return max(10, self.composer.size.width - 4)

    def _put_border(self, title: Clean, subtitle: Clean) -> None:
        room = self._border_room
        border = _cut(title, room), _cut(subtitle, room)
        if border != self._border:
            self._border = border
            self.composer.show_border(*border)

    def _show_remedies(self) -> None:
        words = self._words()
        line = self.query_one("#remedies", Static)
        line.display = bool(words)
        if words:
            line.update(words)

    def _words(self) -> Clean:
        messages = self.conversation.messages if self.conversation else ()
        if self._editing is not None:
            return EDITING_WORDS
        if self._undo is not None:
            return UNDO_WORDS
        if messages and messages[-1].role == "user":
            return UNANSWERED_WORDS
        return remedies_text(self._remedies())

    def _remedies(self) -> tuple[Remedy, ...]:
        last = self._last_reply()
        if last is None or last.state.is_open or self.settings.model is None:
            return ()
        more = last.state in (MessageState.STOPPED, MessageState.CUT_OFF) or last.finish_reason == "length"
        return remedies(
            last.failure,
            self.settings.model,
            self.session.state.model_by_slug,
            provider_known=last.receipt is not None and last.receipt.provider is not None,
            outcome_unknown=last.state is MessageState.UNKNOWN,
            broke_off=more and bool(last.text),
        )

    def _last_reply(self) -> Message | None:
        conversation = self.conversation
        last = conversation.messages[-1] if conversation and conversation.messages else None
        return last if last is not None and last.role == "assistant" else None

    def _lay_out(self, width: int | None = None) -> None:
        width = self.size.width if width is None else width
        self.rows.display = width >= LIST_FROM and self._list_wanted is not False
        self.query_one("#figures").display = width >= _FIGURES_FROM
        self._show_rows()
        self._show_frame()
        self.call_after_refresh(self._show_running)


def _has_begun(reply: Message) -> bool:
    return bool(reply.text or reply.reasoning)


def _cut(text: Clean, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"
