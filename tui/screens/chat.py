"""Talk to a model: the keys of the chat and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from msgspec.structs import replace
from textual import on
from textual.binding import Binding, BindingType
from typing_extensions import override

from tui.core.chat_turns import (
    answer,
    carry_on,
    delete_from,
    fork,
    mended_settings,
    question_of,
    reply_to,
    send_again,
)
from tui.core.commands import Remember, ShowBranch
from tui.core.conversation import Conversation, ConversationSettings, Message
from tui.core.remedies import Remedy, RemedyKind
from tui.core.requests import budget_sentence
from tui.core.routing import Routing, routed
from tui.core.state import Topic
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat_conversations import ChatConversations
from tui.stylesheets import style_path
from tui.widgets.composer import Composer
from tui.widgets.transcript import Transcript

_ON_MESSAGES: Final = {"edit", "fork", "delete_message", "undelete_message", "branch", "regenerate", "regenerate_with"}


class ChatScreen(ChatConversations):
    """One conversation at a time; others may go on streaming behind it."""

    CSS_PATH = [style_path("chat.tcss"), style_path("dialogs.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", tooltip="Edit the question and send it again.", id="chat.edit"),
        Binding("R", "regenerate", "again", tooltip="Make the selected reply again.", id="chat.regenerate"),
        Binding("M", "regenerate_with", "other model", show=False, tooltip="The selected reply by another model.",
                id="chat.regenerate_with"),
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
        Binding("ctrl+t", "parameters", "parameters", tooltip="System prompt and parameters.", id="chat.parameters"),
        Binding("ctrl+g", "editor", "editor", show=False, tooltip="Write in $EDITOR.", id="chat.editor"),
        Binding("ctrl+r", "remedy('again')", "again", show=False, tooltip="Make the last reply again.",
                id="chat.again"),
        Binding("alt+c", "remedy('continue')", "continue", show=False, tooltip="Carry on a reply that broke off.",
                id="chat.continue"),
        Binding("alt+e", "edit_last", "edit the question", show=False, tooltip="Write the last question anew.",
                id="chat.edit_last"),
        Binding("alt+p", "remedy('paid_twin')", "paid twin", show=False, tooltip="Ask the paid twin.", id="chat.paid"),
        Binding("alt+o", "remedy('other_provider')", "other provider", show=False,
                tooltip="Skip the provider that failed.", id="chat.other_provider"),
        Binding("alt+m", "remedy('fewer_tokens')", "fewer tokens", show=False, tooltip="Ask for half of max_tokens.",
                id="chat.fewer_tokens"),
        Binding("escape", "step_out", "stop", show=False, tooltip="Stop the reply, else step out.", id="chat.step_out"),
    ]  # fmt: skip
    HELP = "Chat: write below, read above. esc stops the reply that streams; what came stays."

    @override
    def catch_up(self, topics: Topic) -> None:
        super().catch_up(topics)
        if topics & Topic.BUDGET:
            self._ask_budget()

    # sending again

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
            self.submit_ask(carry_on(conversation, self.settings, now=self.session.now()))
            return
        self.submit_ask(send_again(conversation, last, mended_settings(self.settings, remedy, last)))

    @property
    def can_continue(self) -> bool:
        """Whether the last reply broke off."""
        return any(one.kind is RemedyKind.CONTINUE for one in self._remedies())

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
                self.submit_ask(replace(send_again(conversation, last, self.settings), over_budget=True))

        detail = budget_sentence(passed.refusal)
        _ = self.app.push_screen(Confirm("Send all the same?", detail, yes="Send", no="Don't send"), answer)

    def stop_stream(self) -> bool:
        """Stop the reply that streams here; False when none does."""
        running = self.running
        if running is None or running.id not in self.session.state.streaming:
            return False
        self.session.cancel(running.id)
        return True

    @on(Composer.Left)
    def leave_composer(self) -> None:
        if self._editing is not None:
            self.stop_editing()
        elif not self.stop_stream():
            self.transcript.focus()

    def action_step_out(self) -> None:
        if not self.stop_stream():
            self.composer.focus()

    # the messages

    def _about(self) -> tuple[Conversation, Message] | None:
        """The conversation and its selected message, or its last; None while nothing in it may be changed."""
        conversation = self.conversation
        if conversation is None or not conversation.messages:
            return None
        if conversation.running is not None:
            self.say_running()
            return None
        return conversation, self.transcript.selected_message or conversation.messages[-1]

    def action_regenerate(self) -> None:
        """Make the selected reply again, be it the last one or not."""
        self._regenerate(self.settings)

    def action_regenerate_with(self) -> None:
        """The same with a model that is picked, which the conversation goes on with."""
        if self._about() is not None:
            self._pick_model(lambda model: self._regenerate(replace(self.settings, model=model)))

    def _regenerate(self, settings: ConversationSettings) -> None:
        if (about := self._about()) is None or settings.model is None:
            return
        conversation, message = about
        if (reply := reply_to(conversation, message)) is not None:
            self.submit_ask(send_again(conversation, reply, settings))
        elif (question := question_of(conversation, message)) is not None:
            self.submit_ask(answer(conversation, question, settings))

    def action_edit(self) -> None:
        """Put the selected question into the composer; what is sent next takes its place."""
        if (about := self._about()) is None or (question := question_of(*about)) is None:
            return
        self.edit_question(question)

    def action_edit_last(self) -> None:
        """The same with the last question, whatever is selected."""
        if (about := self._about()) is not None and (question := question_of(about[0], about[0].messages[-1])):
            self.edit_question(question)

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
        self.use_settings(settings)
        self.session.submit(Remember(name="model", value=model.raw))
        self.composer.focus()

    def action_pick_model(self) -> None:
        self._pick_model(self.take_model)

    def _pick_model(self, use: Callable[[Opaque], None]) -> None:
        from tui.screens.pick import PickScreen
        from tui.screens.pick_items import model_items

        state = self.session.state
        recents = state.picked_first
        current = self.settings.model.raw if self.settings.model else None

        def take(picked: str | None) -> None:
            if picked is not None:
                use(Opaque(picked))

        items = model_items(state.models, state.favourites, embeddings=False)
        pick = PickScreen(
            "model", items, recents=recents, current=current, empty="No catalogue yet: r on Models loads it."
        )
        _ = self.app.push_screen(pick, take)

    def action_parameters(self) -> None:
        from tui.screens.parameters import ParametersDialog

        def take(settings: ConversationSettings | None) -> None:
            if settings is not None:
                self.use_settings(settings)

        _ = self.app.push_screen(ParametersDialog(self.session, self.settings, self.model), take)

    # copying, links

    @on(Transcript.CopyRequested)
    def copy(self, event: Transcript.CopyRequested) -> None:
        self.session.copy(event.text)

    @on(Transcript.LinkActivated)
    def open_link(self, event: Transcript.LinkActivated) -> None:
        if event.url.raw.startswith(("https://", "http://")):
            self.app.open_url(event.url.raw)
