"""What is written in the chat: the draft with its files, its commands and its count, and how it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from textual import on
from textual.timer import Timer
from typing_extensions import override

from tui.core.attachments import AttachmentRefused, missing_modality, text_attachment
from tui.core.chat_turns import send, send_edited
from tui.core.commands import Ask, Remember, SaveConversation
from tui.core.conversation import Attachment, ConversationSettings, Message
from tui.openrouter.text import Clean
from tui.screens.attach_files import as_named, named_paths, read_attachment
from tui.screens.chat_reading import ChatReading
from tui.screens.soon import soon
from tui.widgets.attachment_row import AttachmentRow
from tui.widgets.composer import Composer

if TYPE_CHECKING:
    from tui.screens.chat import ChatScreen
    from tui.screens.draft_completion import DraftCompletion
    from tui.screens.session import Session

_SAVE_AFTER_S: Final = 1.0
_MOST_PAST: Final = 200
_AS_TEXT: Final = "Enter once more sends it as it stands."


class ChatWriting(ChatReading):
    """The half of the chat in which one writes."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._save_timer: Timer | None = None
        self._stashed: tuple[Clean, tuple[Attachment, ...]] = (Clean(""), ())
        """The draft that makes room for a question that is edited."""
        self._sent_here: list[Clean] = []
        """Questions sent since the start, in whichever conversation."""
        self._as_it_stands: Clean | None = None
        """A draft that names a file or a command that is not there: sent a second time, it is text."""
        self._pastes = 0
        self._completion: DraftCompletion | None = None

    @property
    def _whole(self) -> ChatScreen:
        """This class is never but the half of that one."""
        return cast("ChatScreen", self)

    @override
    def on_mount(self) -> None:
        self.composer.past = self.past_questions

    def past_questions(self) -> Sequence[Clean]:
        """What up and down walk through: what was sent elsewhere since the start, then this conversation's."""
        messages = self.conversation.messages if self.conversation else ()
        here = [message.text for message in messages if message.role == "user" and message.text]
        elsewhere = [text for text in self._sent_here if text not in set(here)]
        return [*elsewhere, *here][-_MOST_PAST:]

    @override
    def on_screen_suspend(self) -> None:
        self.save_now()

    # the draft

    @on(Composer.Edited)
    def note_edit(self) -> None:
        """The draft has changed: count it, complete it, keep it soon."""
        composer = self.composer
        if "@" in composer.text or composer.text.startswith("/") or composer.is_offering:
            if self._completion is None:
                from tui.screens.draft_completion import DraftCompletion  # not before somebody writes @ or /

                self._completion = DraftCompletion(self._whole)
            self._completion.offer()
        self.count.note_edit(composer)
        self.show_attached()
        self._show_running()
        if self._save_timer is not None:
            self._save_timer.stop()
        self._save_timer = self.set_timer(_SAVE_AFTER_S, self.save_now)

    @on(Composer.Completed)
    def complete(self, event: Composer.Completed) -> None:
        if self._completion is not None:
            self._completion.take(event.choice)

    @override
    def save_now(self) -> None:
        """Keep what stands in the composer; a question that is edited is not a draft."""
        if self._save_timer is not None:
            self._save_timer.stop()
            self._save_timer = None
        if self._editing is None:
            self._drafts.save(self.conversation, self.composer)

    async def action_editor(self) -> None:
        """Write the draft in `$EDITOR`; replies go on streaming meanwhile."""
        from tui.screens.editor import edit_text

        if self.conversation is not None and self.conversation.private:
            self.notify("A private draft is not written into a file for an editor.", severity="warning", markup=False)
            return
        edited = await edit_text(self.app, self.composer.draft, self.session.settings)
        if edited is not None:
            self.composer.put(edited, self.composer.attachments)
        self.composer.focus()

    def use_settings(self, settings: ConversationSettings) -> None:
        """Send these from now on, and keep them with the conversation."""
        self._settings = settings
        conversation = self.conversation
        if conversation is not None:
            self._chosen = conversation.settings, settings
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
        self.show_attached()

    # files

    def show_attached(self) -> None:
        """The files above the composer, and whether the model takes them."""
        missing = missing_modality(self.composer.attachments, self.model.input_modalities if self.model else ())
        warning = f"{self.settings.model.shown()} takes no {missing}" if missing and self.settings.model else ""
        self.query_one("#attached", AttachmentRow).show(self.composer.attachments, warning)

    @on(AttachmentRow.TakenOff)
    def take_off(self, event: AttachmentRow.TakenOff) -> None:
        self.composer.detach(event.index)

    @on(Composer.PastedLong)
    def attach_paste(self, event: Composer.PastedLong) -> None:
        """A long paste is attached instead of written into the draft."""
        self._pastes += 1
        name = Clean(f"pasted text {self._pastes}")
        try:
            self.composer.attach(text_attachment(name, event.text, self.session.settings.secrets()))
        except AttachmentRefused as refused:
            self.notify(refused.sentence, severity="warning", markup=False)

    def attach_path(self, path: str, *, named_at: tuple[int, int, int] | None = None) -> None:
        """Read a file and attach it; `named_at` is where the draft names it (row, first and last column)."""
        soon(self, lambda: self._attach_path(path, named_at), "attach")

    async def _attach_path(self, path: str, named_at: tuple[int, int, int] | None) -> None:
        composer = self.composer
        named = None if named_at is None else composer.document.get_line(named_at[0])[named_at[1] : named_at[2]]
        attachment = await self._read(path)
        if attachment is None:
            if named_at is not None and named is not None:
                self._replace(named_at, named, as_named(path))
            return
        composer.attach(attachment)
        if named_at is not None and named is not None:
            self._replace(named_at, named, "")

    def _replace(self, place: tuple[int, int, int], named: str, text: str) -> None:
        """Put a text in the place of the path that is named there, if it still stands there."""
        row, start, end = place
        document = self.composer.document
        if row < document.line_count and document.get_line(row)[start:end] == named:
            self.composer.replace(text, (row, start), (row, end), maintain_selection_offset=False)

    async def _read(self, path: str, more: str = "") -> Attachment | None:
        """Read a file; None when it cannot go, with a sentence on screen."""
        try:
            return await asyncio.to_thread(read_attachment, path, self.session.settings.secrets())
        except AttachmentRefused as refused:
            self.notify(f"{refused.sentence} {more}".rstrip(), severity="warning", markup=False)
            return None

    # sending

    @on(Composer.Sent)
    def send_draft(self, event: Composer.Sent) -> None:
        """Carry a command out, or attach the files that the draft names and send it."""
        text = event.text
        if self.composer.has_nothing or not self.composer.draft.startswith(text):
            return  # enter was pressed twice before the first was seen here
        if text != self._as_it_stands:
            from tui.screens.slash_commands import written_command

            if (command := written_command(text)) is not None:
                self._run_command(text, *command)
                return
        if self.running is not None:
            self.say_running()
        elif self.settings.model is None:
            self._whole.action_pick_model()
        elif "@" in text and text != self._as_it_stands:
            soon(self, lambda: self._send_with_named(text), "send", latest=True)
        else:
            self._send(text, self.composer.attachments)

    def _run_command(self, text: Clean, name: str, argument: str) -> None:
        from tui.screens.slash_commands import commands_of, run_command

        known = any(one.name == name for one in commands_of(self._whole))
        if known:
            # Taken out first: the command may open another conversation or put a text of its own here.
            self.composer.clear_sent(text, keep_attachments=True)
        sentence = run_command(self._whole, name, argument)
        if sentence is None:
            return
        if not known:
            self._as_it_stands = text
            sentence = f"{sentence} {_AS_TEXT}"
        else:
            self.composer.put(text, self.composer.attachments)
        self.notify(sentence, severity="warning", markup=False)

    async def _send_with_named(self, text: Clean) -> None:
        files = list(self.composer.attachments)
        for path in await asyncio.to_thread(named_paths, text):
            attachment = await self._read(path, _AS_TEXT)
            if attachment is None:
                self._as_it_stands = text
                return
            files.append(attachment)
        if self.running is None and self.composer.draft == text:
            self._send(text, tuple(files))

    def _send(self, text: Clean, attachments: tuple[Attachment, ...]) -> None:
        conversation, now = self.conversation, self.session.now()
        edited = conversation.message(self._editing) if conversation and self._editing else None
        if conversation is not None and edited is not None:
            ask = send_edited(conversation, edited, self.settings, text, now=now, attachments=attachments)
        else:
            ask = self.question(text, attachments)
        if self.submit_ask(ask):
            self._as_it_stands = None
            self._editing = None
            self._sent_here = [*self._sent_here, text][-_MOST_PAST:] if text else self._sent_here
            self.composer.clear_sent(text)
            self._drafts.sent(conversation, self.composer)
            self._show_remedies()

    def question(self, text: Clean, attachments: tuple[Attachment, ...]) -> Ask:
        """A new question at the end of the conversation on screen."""
        return send(
            self.conversation,
            self._conversation_id,
            self.settings,
            text,
            now=self.session.now(),
            attachments=attachments,
        )

    def submit_ask(self, ask: Ask) -> bool:
        """Hand a request in; False, with a sentence on screen, where too much is waiting."""
        if not self.session.submit(ask):
            self.notify("Too much is waiting already: try again in a moment.", severity="warning", markup=False)
            return False
        self._undo = None
        if ask.settings.model is not None:
            self.session.submit(Remember(name="model", value=ask.settings.model.raw))
        return True

    # editing a question

    def edit_question(self, question: Message) -> None:
        """Put an earlier question into the composer; what is sent next takes its place."""
        self.save_now()
        if self._editing is None:
            self._stashed = self.composer.draft, self.composer.attachments
        self._editing = question.id
        self.composer.put(question.text, question.attachments)
        self.composer.focus()
        self._show_remedies()

    def stop_editing(self) -> None:
        """Leave the earlier question as it is; the draft comes back."""
        if self._editing is not None:
            self._editing = None
            self.composer.put(*self._stashed)
            self._show_remedies()
