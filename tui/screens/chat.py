"""Talk to a model: the keys of the chat and what they do."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec.structs import replace
from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer
from typing_extensions import override

from tui.core.chat_turns import (
    answer,
    carry_on,
    delete_from,
    first_settings,
    fork,
    mended_settings,
    question_of,
    reply_to,
    send,
    send_again,
    send_edited,
)
from tui.core.commands import (
    Ask,
    DeleteConversation,
    OpenConversation,
    Remember,
    RenameConversation,
    SaveConversation,
    ShowBranch,
)
from tui.core.conversation import Conversation, ConversationSettings, Message
from tui.core.remedies import Remedy, RemedyKind
from tui.core.requests import budget_sentence
from tui.core.routing import Routing, routed
from tui.core.state import Topic
from tui.openrouter.text import Clean, Opaque, clean
from tui.screens.chat_view import LIST_FROM, ChatView
from tui.stylesheets import style_path
from tui.widgets.composer import Composer
from tui.widgets.conversation_list import ConversationList
from tui.widgets.pick_list import PickList
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.screens.session import Session

_SAVE_AFTER_S: Final = 1.0
_ON_MESSAGES: Final = {"edit", "fork", "delete_message", "undelete_message", "branch", "regenerate"}


class ChatScreen(ChatView):
    """One conversation at a time; others may go on streaming behind it."""

    CSS_PATH = [style_path("chat.tcss"), style_path("dialogs.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", tooltip="Edit the question and send it again.", id="chat.edit"),
        Binding("R", "regenerate", "again", tooltip="Make the selected reply again.", id="chat.regenerate"),
        Binding("F", "fork", "fork", show=False, tooltip="Go on from here in a new conversation.", id="chat.fork"),
        Binding("d", "delete_message", "delete", show=False, tooltip="Delete from here on; u brings it back.",
                id="chat.delete_message"),
        Binding("u", "undelete_message", "undo", show=False, tooltip="Bring back what was deleted.",
                id="chat.undelete_message"),
        Binding("less_than_sign", "branch(-1)", "branch ←", key_display="<", show=False,
                tooltip="The branch before this one.", id="chat.branch_before"),
        Binding("greater_than_sign", "branch(1)", "branch →", key_display=">", show=False,
                tooltip="The branch after this one.", id="chat.branch_after"),
        Binding("ctrl+l", "pick_model", "model", tooltip="Choose the model of this conversation.", id="chat.model"),
        Binding("ctrl+n", "new", "new", tooltip="Begin a new conversation.", id="chat.new"),
        Binding("ctrl+s", "conversations", "chats", tooltip="Open another conversation.", id="chat.conversations"),
        Binding("ctrl+t", "parameters", "parameters", tooltip="System prompt and parameters.", id="chat.parameters"),
        Binding("ctrl+g", "editor", "editor", show=False, tooltip="Write in $EDITOR.", id="chat.editor"),
        Binding("ctrl+r", "remedy('again')", "again", show=False, tooltip="Make the last reply again.",
                id="chat.again"),
        Binding("alt+c", "remedy('continue')", "continue", show=False, tooltip="Carry on a reply that broke off.",
                id="chat.continue"),
        Binding("alt+p", "remedy('paid_twin')", "paid twin", show=False, tooltip="Ask the paid twin.", id="chat.paid"),
        Binding("alt+o", "remedy('other_provider')", "other provider", show=False,
                tooltip="Skip the provider that failed.", id="chat.other_provider"),
        Binding("alt+m", "remedy('fewer_tokens')", "fewer tokens", show=False, tooltip="Ask for half of max_tokens.",
                id="chat.fewer_tokens"),
        Binding("escape", "step_out", "stop", show=False, tooltip="Stop the reply, else step out.", id="chat.step_out"),
    ]  # fmt: skip
    HELP = "Chat: write below, read above. esc stops the reply that streams; what came stays."

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._save_timer: Timer | None = None
        self._stashed: Clean = Clean("")
        """The draft that makes room for a question that is edited."""

    @override
    def on_screen_suspend(self) -> None:
        self._save_draft()

    @override
    def catch_up(self, topics: Topic) -> None:
        super().catch_up(topics)
        if topics & Topic.BUDGET:
            self._ask_budget()

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
        conversation, now = self.conversation, self.session.now()
        edited = conversation.message(self._editing) if conversation and self._editing else None
        if conversation is not None and edited is not None:
            ask = send_edited(conversation, edited, self.settings, event.text, now=now)
        else:
            ask = send(conversation, self._conversation_id, self.settings, event.text, now=now)
        if self._submit_ask(ask):
            self._editing = None
            self.composer.clear_sent()
            self._drafts.sent()
            self._show_remedies()

    def _submit_ask(self, ask: Ask) -> bool:
        if not self.session.submit(ask):
            self.notify("Too much is waiting already: try again in a moment.", severity="warning", markup=False)
            return False
        self._undo = None
        if ask.settings.model is not None:
            self.session.submit(Remember(name="model", value=ask.settings.model.raw))
        return True

    def action_remedy(self, kind: str) -> None:
        """Make the last reply again, as it was or with what the remedy changes."""
        conversation, last = self.conversation, self._last_reply()
        if kind == "again" and conversation is not None and last is None and conversation.messages:
            self.action_regenerate()
            return
        if conversation is None or last is None or last.state.is_open or self.settings.model is None:
            return
        wanted = RemedyKind(kind)
        remedy = next((one for one in self._remedies() if one.kind is wanted), None)
        if remedy is None:
            if wanted is not RemedyKind.AGAIN:
                return
            remedy = Remedy(RemedyKind.AGAIN, Clean("again"))
        if wanted is RemedyKind.CONTINUE:
            self._submit_ask(carry_on(conversation, self.settings, now=self.session.now()))
            return
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

        detail = budget_sentence(passed.refusal)
        _ = self.app.push_screen(Confirm("Send all the same?", detail, yes="Send", no="Don't send"), answer)

    def stop_stream(self) -> bool:
        """Stop the reply that streams here; False when none does."""
        running = self.running
        if running is None:
            return False
        self.session.cancel(running.id)
        return True

    @on(Composer.Left)
    def leave_composer(self) -> None:
        if self._editing is not None:
            self._stop_editing()
        elif not self.stop_stream():
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

    # the messages

    def _about(self) -> tuple[Conversation, Message] | None:
        """The conversation and its selected message, or its last; None while nothing in it may be changed."""
        conversation = self.conversation
        if conversation is None or not conversation.messages:
            return None
        if conversation.running is not None:
            self.notify("A reply is still streaming: esc stops it.", markup=False)
            return None
        return conversation, self.transcript.selected_message or conversation.messages[-1]

    def action_regenerate(self) -> None:
        """Make the selected reply again, be it the last one or not."""
        if (about := self._about()) is None or self.settings.model is None:
            return
        conversation, message = about
        if (reply := reply_to(conversation, message)) is not None:
            self._submit_ask(send_again(conversation, reply, self.settings))
        elif (question := question_of(conversation, message)) is not None:
            self._submit_ask(answer(conversation, question, self.settings))

    def action_edit(self) -> None:
        """Put the selected question into the composer; what is sent next takes its place."""
        if (about := self._about()) is None or (question := question_of(*about)) is None:
            return
        self._save_draft()
        self._stashed = self.composer.draft if self._editing is None else self._stashed
        self._editing = question.id
        self.composer.text = question.text
        self.composer.move_cursor(self.composer.document.end)
        self.composer.focus()
        self._show_remedies()

    def _stop_editing(self) -> None:
        if self._editing is not None:
            self._editing = None
            self.composer.text = self._stashed
            self.composer.move_cursor(self.composer.document.end)
            self._show_remedies()

    def action_fork(self) -> None:
        """Go on in a conversation of its own from the selected message."""
        if (about := self._about()) is not None and self.session.submit(command := fork(*about)):
            self._go_to(command.new_id, from_list=True)
            self.composer.focus()

    def action_delete_message(self) -> None:
        """Delete the selected message and what follows it."""
        if (about := self._about()) is None:
            return
        command = delete_from(*about)
        if self.session.submit(command):
            self._undo = command
            self._select_at = max(0, len(about[0].messages) - len(command.message_ids) - 1)

    def action_undelete_message(self) -> None:
        """Bring back what was deleted last."""
        if self._undo is not None and self._undo.conversation_id == self._conversation_id:
            self._select_at = len(self.conversation.messages) if self.conversation else None
            self.session.submit(replace(self._undo, undo=True))
            self._undo = None

    def action_branch(self, step: int) -> None:
        """Show the branch beside the selected message."""
        if (about := self._about()) is not None:
            conversation, message = about
            self._select_at = next(at for at, one in enumerate(conversation.messages) if one is message)
            self.session.submit(ShowBranch(conversation_id=conversation.id, message_id=message.id, step=step))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _ON_MESSAGES:
            if not self.is_mounted or self.focused is not self.transcript:
                return False
            if action == "undelete_message":
                return True if self._undo is not None else None
            return True if self.conversation is not None and self.conversation.messages else None
        return super().check_action(action, parameters)

    # choosing

    def take_model(self, model: Opaque, routing: Routing | None = None) -> None:
        """Use this model from now on, or in a new conversation where providers are asked for; the composer is next."""
        settings = replace(self.settings, model=model)
        if routing is not None:
            if self.conversation is not None:
                self.action_new()
            parameters = self.settings.parameters
            parameters = replace(parameters, provider=routed(parameters.provider, routing))
            settings = replace(self.settings, model=model, parameters=parameters)
        self._use_settings(settings)
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

        items = model_items(state.models, state.favourites, embeddings=False)
        pick = PickScreen(
            "model", items, recents=recents, current=current, empty="No catalogue yet: r on Models loads it."
        )
        _ = self.app.push_screen(pick, take)

    def action_parameters(self) -> None:
        from tui.screens.parameters import ParametersDialog

        def take(settings: ConversationSettings | None) -> None:
            if settings is not None:
                self._use_settings(settings)

        _ = self.app.push_screen(ParametersDialog(self.session, self.settings, self.model), take)

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
        """Begin a new conversation with the model of this one; what streams goes on."""
        model = self.settings.model
        self._settings = replace(first_settings(self.session.settings.chat), model=model)
        if self.conversation is None:
            # It is new already: what is being written stays.
            self._show_frame()
        else:
            self._go_to(uuid.uuid4().hex, from_list=False)
        self.composer.focus()

    def action_conversations(self) -> None:
        """Show or hide the list where there is room for it; else pick from a dialog."""
        if self.size.width >= LIST_FROM:
            self._list_wanted = not self.rows.display
            self._lay_out()
            (self.rows if self.rows.display else self.composer).focus()
            return
        from tui.screens.conversations_pick import ConversationsPick

        def take(picked: str | None) -> None:
            if picked is not None:
                self.open_conversation(picked)
            elif self._conversation_id in self.session.state.open and not self._is_listed():
                self.action_new()

        _ = self.app.push_screen(ConversationsPick(self.session, self._conversation_id), take)

    def _is_listed(self) -> bool:
        """Whether the conversation on screen is still in the list: it may have been deleted there."""
        conversation = self.conversation
        rows = self.session.state.conversations
        return conversation is None or conversation.private or any(row.id == conversation.id for row in rows)

    @on(PickList.Chosen)
    def open_chosen(self, event: PickList.Chosen) -> None:
        self.open_conversation(event.item.key)

    def open_conversation(self, conversation_id: str) -> None:
        """Show a conversation of the list; its messages are read when they are not there yet."""
        if conversation_id != self._conversation_id:
            self._go_to(conversation_id, from_list=True)
            self.session.submit(OpenConversation(conversation_id=conversation_id))
        self.composer.focus()

    def _go_to(self, conversation_id: str, *, from_list: bool) -> None:
        self._save_draft()
        self._stop_editing()
        self._undo = None
        self._conversation_id = conversation_id
        self.composer.clear_sent()
        self._drafts.entered(from_list=from_list)
        self._follow()
        if not from_list:
            self._drafts.restore(None, self.composer)
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
        self._show_rows()

    @on(ConversationList.UndoWanted)
    def undelete(self) -> None:
        if self._deleted is not None:
            self.session.submit(DeleteConversation(conversation_id=self._deleted, undo=True))
            self._deleted = None
            self._show_rows()

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
        if self._editing is None:
            self._drafts.save(self.conversation, self.composer)
