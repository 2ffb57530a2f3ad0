"""The conversations of the chat: begin, find, open, rename, pin, delete, write to a file and read from one."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from msgspec.structs import replace
from textual import on
from textual.binding import Binding, BindingType

from tui.core.chat_turns import first_settings
from tui.core.commands import (
    DeleteConversation,
    ExportConversations,
    ImportConversations,
    OpenConversation,
    PinConversation,
    RenameConversation,
    SaveConversation,
)
from tui.core.conversation import SearchHit
from tui.core.parameter_fields import with_written
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, clean_line
from tui.screens.chat_view import LIST_FROM
from tui.screens.chat_writing import ChatWriting
from tui.widgets.conversation_list import ConversationList
from tui.widgets.pick_list import PickItem, PickList

if TYPE_CHECKING:
    from tui.core.prompt_library import Prompt

_PRIVATE_TITLE = Clean("Private conversation")


class ChatConversations(ChatWriting):
    """What the chat does with whole conversations."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "new", "new", tooltip="Begin a new conversation.", id="chat.new"),
        Binding("ctrl+s", "conversations", "chats", tooltip="Open another conversation.", id="chat.conversations"),
        Binding("alt+n", "new_private", "private", show=False,
                tooltip="Begin a conversation of which nothing is stored.", id="chat.new_private"),
        Binding("alt+s", "search", "search", show=False, tooltip="Search all messages of all conversations.",
                id="chat.search"),
        Binding("alt+l", "prompts", "prompts", show=False, tooltip="Take a prompt or a system prompt from the library.",
                id="chat.prompts"),
        Binding("alt+x", "export", "export", show=False, tooltip="Write this conversation to a file.",
                id="chat.export"),
        Binding("alt+i", "import_chats", "import", show=False,
                tooltip="Read conversations from a file: ours, ChatGPT's, OpenRouter's, Markdown.", id="chat.import"),
    ]  # fmt: skip

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

    def action_new_private(self) -> None:
        """Begin a conversation that is kept in memory only; what is being written stays with the one before."""
        settings = replace(first_settings(self.session.settings.chat), model=self.settings.model)
        private = uuid.uuid4().hex
        begun = SaveConversation(
            conversation_id=private, title=_PRIVATE_TITLE, settings=settings, draft=Clean(""), private=True
        )
        if self.session.submit(begun):
            self._go_to(private, from_list=True)
            self.session.submit(OpenConversation(conversation_id=private))
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
        return conversation is None or any(row.id == conversation.id for row in rows)

    @on(PickList.Chosen)
    def open_chosen(self, event: PickList.Chosen) -> None:
        self.open_conversation(event.item.key)

    def open_conversation(self, conversation_id: str, message_id: str | None = None) -> None:
        """Show a conversation of the list, at one of its messages where that is named."""
        if conversation_id != self._conversation_id:
            self._go_to(conversation_id, from_list=True)
        elif message_id is None:
            self.composer.focus()
            return
        self._reveal = message_id
        self.session.submit(OpenConversation(conversation_id=conversation_id, message_id=message_id))
        (self.composer if message_id is None else self.transcript).focus()

    def _go_to(self, conversation_id: str, *, from_list: bool) -> None:
        self.save_now()
        self.stop_editing()
        self._undo = None
        self._reveal = None
        self._conversation_id = conversation_id
        self.composer.clear_sent(self.composer.draft)
        self._drafts.entered(from_list=from_list)
        self._follow()
        if not from_list:
            self._drafts.restore(None, self.composer)
        self._show_frame()
        self._show_rows()
        self._show_running()

    def action_search(self) -> None:
        """Find a message among all, and open its conversation there."""
        from tui.screens.search_dialog import SearchDialog

        def take(hit: SearchHit | None) -> None:
            if hit is not None:
                self.open_conversation(hit.conversation_id, hit.message_id or None)

        _ = self.app.push_screen(SearchDialog(self.session), take)

    @on(ConversationList.RenameWanted)
    def rename(self, event: ConversationList.RenameWanted) -> None:
        from tui.screens.text_dialog import TextDialog

        row = next((row for row in self.session.state.conversations if row.id == event.key), None)
        if row is None:
            return

        def take(conversation_id: str, title: str | None) -> None:
            if title:
                self.session.submit(RenameConversation(conversation_id=conversation_id, title=clean_line(title)))

        _ = self.app.push_screen(TextDialog("title", row.title), partial(take, row.id))

    @on(ConversationList.PinWanted)
    def pin(self, event: ConversationList.PinWanted) -> None:
        row = next((row for row in self.session.state.conversations if row.id == event.key), None)
        if row is not None:
            self.session.submit(PinConversation(conversation_id=row.id, pinned=not row.pinned))

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

    def action_export(self) -> None:
        """Write the conversation on screen, or all, to a new file in the folder for exports."""
        from tui.screens.pick import PickScreen

        conversation = self.conversation
        folder = clean_line(str(self.session.settings.folders.exports))
        items = [
            PickItem("all json", Clean("All conversations as JSON"), Clean("with all branches, can be imported")),
            PickItem("all markdown", Clean("All conversations as Markdown"), Clean("the branches on screen")),
        ]
        if conversation is not None and conversation.messages:
            items[:0] = [
                PickItem("one markdown", Clean("This conversation as Markdown"), Clean("the branch on screen")),
                PickItem("one json", Clean("This conversation as JSON"), Clean("all branches, can be imported")),
            ]

        def take(picked: str | None) -> None:
            if picked is None:
                return
            which, kind = picked.split()
            one = conversation if which == "one" else None
            self.session.submit(
                ExportConversations(
                    conversation_ids=(one.id,) if one is not None else (),
                    kind=cast("Literal['markdown', 'json']", kind),
                    title=one.title if one is not None else Clean("conversations"),
                )
            )

        _ = self.app.push_screen(PickScreen(f"export to {folder}", items), take)

    def action_import_chats(self) -> None:
        """Ask for a file and take over its conversations."""
        from tui.screens.text_dialog import TextDialog

        def take(path: str | None) -> None:
            if path:
                self.session.submit(ImportConversations(path=path))

        _ = self.app.push_screen(TextDialog("path to import: ours, ChatGPT's, OpenRouter's, .md"), take)

    # the library

    def action_prompts(self) -> None:
        """Pick a prompt of the library; what it asks for is asked."""
        from tui.screens.prompts_pick import PromptsPick

        folder = self.session.settings.folders.data / "prompts"
        pick = PromptsPick(folder, draft=self.composer.draft, system=self.settings.system)

        def take(path: str | None) -> None:
            if path is not None:
                self._take_prompt(pick.prompt_of(path))

        _ = self.app.push_screen(pick, take)

    def _take_prompt(self, prompt: Prompt) -> None:
        from tui.core.prompt_library import DRAFT, variables

        if prompt.problem:
            self.notify(f"{prompt.problem} It is not used.", severity="warning", markup=False)
            return
        found = variables(prompt.text)
        draft = self.composer.draft
        takes_draft = prompt.kind == "template" and bool(draft) and any(one.name == DRAFT for one in found)
        given: dict[str, str] = {DRAFT: draft} if takes_draft else {}
        asked = [one for one in found if one.name not in given]
        if not asked:
            self._use_prompt(prompt, given)
            return
        from tui.screens.prompts_pick import VariablesDialog

        def take(values: dict[str, str] | None) -> None:
            if values is not None:
                self._use_prompt(prompt, given | values)

        _ = self.app.push_screen(VariablesDialog(prompt, asked), take)

    def _use_prompt(self, prompt: Prompt, values: dict[str, str]) -> None:
        from tui.core.prompt_library import DRAFT, filled

        text = filled(prompt.text, values)
        if prompt.kind == "system":
            self.use_settings(replace(self.settings, system=text))
        else:
            draft = self.composer.draft
            whole = text if not draft or DRAFT in values else Clean(f"{draft.rstrip()}\n\n{text}")
            self.composer.put(whole, self.composer.attachments)
        self.composer.focus()

    def action_presets(self) -> None:
        """Take the parameters of a preset for this conversation."""
        from tui.screens.presets_pick import PresetsPick

        def take(key: str | None) -> None:
            values = self.session.state.preferences.get(key) if key is not None else None
            if not isinstance(values, dict):
                return
            written = {name: text for name, text in values.items() if isinstance(text, str)}
            kept = ChatParameters(user=self.settings.parameters.user)
            try:
                parameters = with_written(kept, written, self.session.state.model_by_slug)
            except ValueError as error:
                self.notify(f"This preset cannot be used: {error}", severity="warning", markup=False)
                return
            self.use_settings(replace(self.settings, parameters=parameters))

        _ = self.app.push_screen(PresetsPick(self.session), take)
