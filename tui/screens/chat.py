"""Talk to a model: conversations, the transcript, the composer."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.getters import query_one
from textual.timer import Timer
from textual.widgets import Static
from typing_extensions import override

from tui.core.chat_figures import context_gauge, context_tokens, quote_line, running_line
from tui.core.chat_turns import first_settings, mended_settings, send, send_again
from tui.core.commands import Ask, DeleteConversation, OpenConversation, Remember, RenameConversation, SaveConversation
from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.core.default_model import default_model, is_missing
from tui.core.formats import money
from tui.core.prices import strip_variant
from tui.core.remedies import Remedy, RemedyKind, remedies
from tui.core.state import Topic
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean, Opaque, clean
from tui.screens.live_screen import LiveScreen
from tui.stylesheets import style_path
from tui.widgets.composer import Composer
from tui.widgets.conversation_list import ConversationList, conversation_item
from tui.widgets.pick_list import PickList
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.screens.session import Session

_LIST_FROM: Final = 120
"""Columns from which the conversations stand at the left."""
_FIGURES_FROM: Final = 160
_SAVE_AFTER_S: Final = 1.0
_TICK_S: Final = 0.5
_REMEDY_KEYS: Final = {
    RemedyKind.AGAIN: "ctrl+r",
    RemedyKind.PAID_TWIN: "alt+p",
    RemedyKind.OTHER_PROVIDER: "alt+o",
    RemedyKind.FEWER_TOKENS: "alt+m",
    RemedyKind.OTHER_MODEL: "ctrl+l",
}


class ChatScreen(LiveScreen):
    """One conversation is shown; others may go on streaming behind it."""

    FOLLOWS = Topic.CHAT | Topic.CONVERSATIONS | Topic.JOBS | Topic.CATALOGUE | Topic.PREFERENCES | Topic.BUDGET
    MODE = "chat"
    CSS_PATH = [style_path("chat.tcss"), style_path("dialogs.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "pick_model", "model", tooltip="Choose the model of this conversation.", id="chat.model"),
        Binding("ctrl+n", "new", "new", tooltip="Begin a new conversation.", id="chat.new"),
        Binding("ctrl+s", "conversations", "chats", tooltip="Open another conversation.", id="chat.conversations"),
        Binding("ctrl+t", "parameters", "parameters", tooltip="System prompt and parameters.", id="chat.parameters"),
        Binding("ctrl+g", "editor", "editor", show=False, tooltip="Write in $EDITOR.", id="chat.editor"),
        Binding("ctrl+r,R", "remedy('again')", "again", show=False, tooltip="Make the reply again.", id="chat.again"),
        Binding("alt+p", "remedy('paid_twin')", "paid twin", show=False, tooltip="Ask the paid twin.", id="chat.paid"),
        Binding(
            "alt+o", "remedy('other_provider')", "other provider", show=False, tooltip="Skip the provider that failed.",
            id="chat.other_provider",
        ),
        Binding(
            "alt+m", "remedy('fewer_tokens')", "fewer tokens", show=False, tooltip="Ask for half of max_tokens.",
            id="chat.fewer_tokens",
        ),
        Binding("escape", "step_out", "stop", show=False, tooltip="Stop the reply, else step out.", id="chat.step_out"),
    ]  # fmt: skip
    HELP = "Chat: write below, read above. esc stops the reply that streams; what came stays."

    transcript = query_one("#transcript", Transcript)
    composer = query_one("#composer", Composer)
    rows = query_one("#conversations", ConversationList)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._conversation_id = uuid.uuid4().hex
        self._settings = first_settings(session.settings.chat)
        """Of a conversation that has no message yet."""
        self._shown: Conversation | None = None
        self._list_wanted: bool | None = None
        """What ctrl+s asked for; None = by the width."""
        self._save_timer: Timer | None = None
        self._tick: Timer | None = None
        self._deleted: str | None = None
        self._warned_model: str | None = None
        self._draft_restored = False

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
                yield Composer(enter_sends=self.session.settings.ui.enter_sends, id="composer")
            figures = Static("", id="figures", markup=False)
            figures.border_title = Content("parameters")
            yield figures

    @override
    def on_mount(self) -> None:
        self._tick = self.set_interval(_TICK_S, self._show_running, pause=True)
        self._lay_out()
        self.composer.focus()

    @override
    def on_screen_suspend(self) -> None:
        self._save_draft()
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
        if wanted is None:
            return None
        known = self.session.state.model_by_slug
        return known.get(wanted.raw) or known.get(strip_variant(wanted.raw))

    @property
    def running(self) -> Message | None:
        """The reply that streams here."""
        return self.conversation.running if self.conversation else None

    @override
    def catch_up(self, topics: Topic) -> None:
        if topics & Topic.CHAT:
            self._follow()
        if topics & Topic.CONVERSATIONS:
            self._show_rows()
        if topics & (Topic.CHAT | Topic.CATALOGUE | Topic.PREFERENCES | Topic.JOBS):
            self._show_running()
        if topics & (Topic.CATALOGUE | Topic.PREFERENCES | Topic.CONVERSATIONS):
            self._show_frame()
        if topics & Topic.PREFERENCES:
            self._restore_draft()
        if topics & Topic.BUDGET:
            self._ask_budget()

    def _follow(self) -> None:
        conversation = self.conversation
        if conversation is not self._shown:
            self._shown = conversation
            self.transcript.show(conversation)
            self._show_frame()
        else:
            self.transcript.follow()

    def _show_frame(self) -> None:
        """Title, empty state, parameters: what changes rarely."""
        conversation = self.conversation
        empty = conversation is None or not conversation.messages
        self.query_one("#talk").set_class(empty, "-empty")
        title = conversation.title if conversation else Clean("New conversation")
        self.query_one("#title", Static).update(title, layout=False)
        if empty:
            self.query_one("#empty", Static).update(self._empty_text(), layout=False)
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

    def _empty_text(self) -> Clean:
        model = self.model
        who = model.name if model else self.settings.model.shown() if self.settings.model else Clean("no model yet")
        return Clean(
            f"Talk to {who}.\n\nWrite below, enter sends, ctrl+j breaks the line.\n"
            "ctrl+l chooses the model, ctrl+t the parameters, ctrl+s opens an earlier conversation."
        )

    def _parameters_text(self) -> Clean:
        settings, parameters = self.settings, self.settings.parameters
        lines = [f"model\n  {settings.model.shown() if settings.model else '–'}"]
        shown = {
            "temperature": parameters.temperature,
            "top_p": parameters.top_p,
            "max_tokens": parameters.max_tokens,
            "stop": " | ".join(parameters.stop) or None,
            "seed": parameters.seed,
            "reasoning": parameters.reasoning_effort,
            "routing": parameters.provider,
        }
        lines += [f"{name}\n  {clean(str(value))}" for name, value in shown.items() if value is not None]
        if settings.system:
            lines.append(f"system prompt\n  {settings.system[:300]}")
        lines.append("ctrl+t changes them;\nwhat is not set is\nthe provider's default")
        return Clean("\n\n".join(lines))

    def _show_rows(self) -> None:
        if self.rows.display:
            self.rows.show(self.session.state.conversations, self._conversation_id, self.session.now())
            self.rows.border_subtitle = f"{len(self.session.state.conversations):,}"

    def _show_running(self) -> None:
        """The composer's border and the line of remedies: cheap, since it runs with every frame of a reply."""
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
            self._put_border(name, running_line(running, waited, reason))
        else:
            tokens = context_tokens(self.conversation, len(self.composer.text))
            quote = quote_line(tokens, self.model, self.settings.parameters.max_tokens, self.session.now())
            self._put_border(Clean(f"{name} ── {context_gauge(tokens, self.model)}"), quote)
        self._show_remedies()

    def _put_border(self, title: Clean, subtitle: Clean) -> None:
        room = max(10, self.composer.size.width - 4)
        self.composer.border_title = Content(title if len(title) <= room else f"{title[: room - 1]}…")
        self.composer.border_subtitle = Content(subtitle if len(subtitle) <= room else f"{subtitle[: room - 1]}…")

    def _show_remedies(self) -> None:
        offered = self._remedies()
        line = self.query_one("#remedies", Static)
        line.display = bool(offered)
        if offered:
            line.update(Clean(" · ".join(f"{_REMEDY_KEYS[one.kind]} {one.label}" for one in offered)))

    def _remedies(self) -> tuple[Remedy, ...]:
        last = self._last_reply()
        if last is None or last.failure is None or last.state.is_open or self.settings.model is None:
            return ()
        return remedies(
            last.failure,
            self.settings.model,
            self.session.state.model_by_slug,
            provider_known=last.receipt is not None and last.receipt.provider is not None,
            outcome_unknown=last.state is MessageState.UNKNOWN,
        )

    def _last_reply(self) -> Message | None:
        conversation = self.conversation
        last = conversation.messages[-1] if conversation and conversation.messages else None
        return last if last is not None and last.role == "assistant" else None

    def _lay_out(self, width: int | None = None) -> None:
        width = self.size.width if width is None else width
        self.rows.display = self._list_wanted if self._list_wanted is not None else width >= _LIST_FROM
        self.query_one("#figures").display = width >= _FIGURES_FROM
        self._show_rows()
        self._show_frame()
        self.call_after_refresh(self._show_running)

    # writing and sending

    @on(Composer.Edited)
    def note_edit(self) -> None:
        self._show_running()
        if self._save_timer is not None:
            self._save_timer.stop()
        self._save_timer = self.set_timer(_SAVE_AFTER_S, self._save_draft)

    @on(Composer.Sent)
    def send_draft(self, event: Composer.Sent) -> None:
        if self.running is not None:
            self.notify("A reply is still streaming: esc stops it.", markup=False)
            return
        if self.settings.model is None:
            self.action_pick_model()
            return
        ask = send(self.conversation, self._conversation_id, self.settings, event.text, now=self.session.now())
        if self._submit_ask(ask):
            self.composer.clear_sent()
            self._save_draft()

    def _submit_ask(self, ask: Ask) -> bool:
        if not self.session.submit(ask):
            self.notify("Too much is waiting already: try again in a moment.", severity="warning", markup=False)
            return False
        if ask.settings.model is not None:
            self.session.submit(Remember(name="model", value=ask.settings.model.raw))
        return True

    def action_remedy(self, kind: str) -> None:
        """Make the last reply again, as it was or with what the remedy changes."""
        conversation, last = self.conversation, self._last_reply()
        if conversation is None or last is None or last.state.is_open or self.settings.model is None:
            return
        wanted = RemedyKind(kind)
        remedy = next((one for one in self._remedies() if one.kind is wanted), None)
        if remedy is None:
            if wanted is not RemedyKind.AGAIN:
                return
            remedy = Remedy(RemedyKind.AGAIN, Clean("again"))
        self._submit_ask(send_again(conversation, last, mended_settings(self.settings, remedy, last)))

    def _ask_budget(self) -> None:
        """A request would pass a budget: ask, and send it again if the answer is yes."""
        passed = self.session.state.budget_passed
        last = self._last_reply()
        conversation = self.conversation
        if passed is None or last is None or conversation is None or passed.job_id != last.id:
            return
        from tui.screens.confirm import Confirm

        def answer(yes: bool | None) -> None:
            if yes:
                self._submit_ask(replace(send_again(conversation, last, self.settings), over_budget=True))

        refusal = passed.refusal
        if refusal.limit_usd is None:
            question = "The price of this model is unknown, and a budget is set. Send all the same?"
            detail = ""
        else:
            question = f"This may pass the {refusal.budget} budget of {money(refusal.limit_usd)}. Send all the same?"
            detail = f"It can cost up to {money(refusal.this_usd)}; {money(refusal.left_usd)} is left."
        _ = self.app.push_screen(Confirm(question, detail, yes="Send", no="Don't send"), answer)

    def stop_stream(self) -> bool:
        """Stop the reply that streams here; False when none does."""
        running = self.running
        if running is None:
            return False
        self.session.cancel(running.id)
        return True

    @on(Composer.Left)
    def leave_composer(self) -> None:
        if not self.stop_stream():
            self.transcript.focus()

    def action_step_out(self) -> None:
        if not self.stop_stream():
            self.composer.focus()

    async def action_editor(self) -> None:
        """Write the draft in `$EDITOR`; replies go on streaming meanwhile."""
        from tui.screens.editor import edit_text

        edited = await edit_text(self.app, self.composer.draft, self.session.settings)
        if edited is not None:
            self.composer.text = edited
            self.composer.move_cursor(self.composer.document.end)
        self.composer.focus()

    # choosing

    def take_model(self, model: Opaque) -> None:
        """Use this model from now on; the composer gets the focus."""
        self._use_settings(replace(self.settings, model=model))
        self.session.submit(Remember(name="model", value=model.raw))
        self.composer.focus()

    def action_pick_model(self) -> None:
        from tui.screens.pick import PickScreen
        from tui.screens.pick_items import model_items

        state = self.session.state
        recents = (*sorted(state.favourites), *state.recents)
        current = self.settings.model.raw if self.settings.model else None

        def take(picked: str | None) -> None:
            if picked is not None:
                self.take_model(Opaque(picked))

        items = model_items(state.models, embeddings=False)
        pick = PickScreen(
            "model", items, recents=recents, current=current, empty="No catalogue yet: r on Models loads it."
        )
        _ = self.app.push_screen(pick, take)

    def action_parameters(self) -> None:
        from tui.screens.parameters import ParametersDialog

        def take(settings: ConversationSettings | None) -> None:
            if settings is not None:
                self._use_settings(settings)

        _ = self.app.push_screen(ParametersDialog(self.settings, self.model), take)

    def _use_settings(self, settings: ConversationSettings) -> None:
        self._settings = settings
        conversation = self.conversation
        if conversation is not None:
            self.session.submit(
                SaveConversation(
                    conversation_id=conversation.id,
                    title=conversation.title,
                    settings=settings,
                    draft=self.composer.draft,
                    private=conversation.private,
                )
            )
        self._show_frame()
        self._show_running()

    def action_new(self) -> None:
        """Begin a new conversation with the settings of this one; what streams goes on."""
        self._save_draft()
        model = self.settings.model
        self._settings = replace(first_settings(self.session.settings.chat), model=model)
        self._go_to(uuid.uuid4().hex)
        self.composer.clear_sent()
        self.composer.focus()

    def action_conversations(self) -> None:
        """Show or hide the list where there is room for it; else pick from a dialog."""
        if self.size.width >= _LIST_FROM:
            self._list_wanted = not self.rows.display
            self._lay_out()
            (self.rows if self.rows.display else self.composer).focus()
            return
        from tui.screens.pick import PickScreen

        items = [conversation_item(row, self.session.now()) for row in self.session.state.conversations]

        def take(picked: str | None) -> None:
            if picked is not None:
                self.open_conversation(picked)

        empty = "No conversations yet."
        _ = self.app.push_screen(PickScreen("conversations", items, current=self._conversation_id, empty=empty), take)

    @on(PickList.Chosen)
    def open_chosen(self, event: PickList.Chosen) -> None:
        self.open_conversation(event.item.key)

    def open_conversation(self, conversation_id: str) -> None:
        """Show a conversation of the list; its messages are read when they are not there yet."""
        self._save_draft()
        self._go_to(conversation_id)
        self.composer.clear_sent()
        self.session.submit(OpenConversation(conversation_id=conversation_id))
        self._draft_restored = False
        self.composer.focus()

    def _go_to(self, conversation_id: str) -> None:
        self._conversation_id = conversation_id
        self._follow()
        self._show_frame()
        self._show_rows()
        self._show_running()

    @on(ConversationList.RenameWanted)
    def rename(self, event: ConversationList.RenameWanted) -> None:
        from tui.screens.text_dialog import TextDialog

        row = next((row for row in self.session.state.conversations if row.id == event.key), None)
        if row is None:
            return

        def take(conversation_id: str, title: str | None) -> None:
            if title:
                self.session.submit(RenameConversation(conversation_id=conversation_id, title=clean(title)))

        _ = self.app.push_screen(TextDialog("title", row.title), partial(take, row.id))

    @on(ConversationList.DeleteWanted)
    def delete(self, event: ConversationList.DeleteWanted) -> None:
        self._deleted = event.key
        self.session.submit(DeleteConversation(conversation_id=event.key))
        if event.key == self._conversation_id:
            self.action_new()
        self.notify("Deleted. u brings it back.", markup=False)

    @on(ConversationList.UndoWanted)
    def undelete(self) -> None:
        if self._deleted is not None:
            self.session.submit(DeleteConversation(conversation_id=self._deleted, undo=True))
            self._deleted = None

    # copying, links, drafts

    @on(Transcript.CopyRequested)
    def copy(self, event: Transcript.CopyRequested) -> None:
        self.session.copy(event.text)

    @on(Transcript.LinkActivated)
    def open_link(self, event: Transcript.LinkActivated) -> None:
        if event.url.raw.startswith(("https://", "http://")):
            self.app.open_url(event.url.raw)

    def _save_draft(self) -> None:
        if self._save_timer is not None:
            self._save_timer.stop()
            self._save_timer = None
        conversation, draft = self.conversation, self.composer.draft
        if conversation is None:
            self.session.submit(Remember(name="draft", value=draft))
        elif not conversation.private and draft != conversation.draft:
            self.session.submit(
                SaveConversation(
                    conversation_id=conversation.id,
                    title=conversation.title,
                    settings=conversation.settings,
                    draft=draft,
                )
            )

    def _restore_draft(self) -> None:
        """The draft of before the restart, once, and never over what is being written."""
        draft = self.session.state.preferences.get("draft")
        if not self._draft_restored and self.conversation is None:
            self._draft_restored = True
            if isinstance(draft, str) and draft and not self.composer.text:
                self.composer.text = clean(draft)
                self.composer.move_cursor(self.composer.document.end)
