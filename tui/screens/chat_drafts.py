"""What stands in the composer, kept for each conversation."""

from __future__ import annotations

import asyncio
from typing import Final

from tui.core.commands import Remember, SaveConversation
from tui.core.conversation import Attachment, Conversation
from tui.openrouter.text import clean
from tui.screens.session import Session
from tui.screens.soon import soon
from tui.widgets.composer import Composer

_NEW: Final = "new"
"""The name of the draft that belongs to no conversation yet."""


class Drafts:
    """Saves the draft of the conversation on screen and puts it back, once, when that is shown again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._awaits_conversation = False
        """It was picked from the list, and its messages are not read yet."""
        self._pending = True
        self._kept = ""
        """What is kept of the conversation on screen."""
        self._kept_files: tuple[Attachment, ...] = ()
        self._writing = asyncio.Lock()
        """Files are written one after the other, so that the last word holds."""
        self._turn = 0
        """Counts the conversations on screen: files that were read for an earlier one come too late."""

    def entered(self, *, from_list: bool) -> None:
        """Another conversation is on screen now, one of the list or a new one."""
        self._pending = True
        self._awaits_conversation = from_list
        self._kept = ""
        self._kept_files = ()
        self._turn += 1

    def save(self, conversation: Conversation | None, composer: Composer) -> None:
        """Keep what stands in the composer, if it is not kept yet."""
        draft = composer.draft
        if self._awaits_conversation:
            return
        self._save_files(conversation, composer)
        if draft == self._kept:
            return
        self._kept = draft
        self._pending = False
        if conversation is None:
            self._session.submit(Remember(name="draft", value=draft))
        else:
            self._session.submit(
                SaveConversation(
                    conversation_id=conversation.id,
                    title=conversation.title,
                    settings=conversation.settings,
                    draft=draft,
                    private=conversation.private,
                )
            )

    def sent(self, conversation: Conversation | None, composer: Composer) -> None:
        """The draft became a question; the worker empties it with the turn, but for that of a new conversation."""
        self._session.submit(Remember(name="draft", value=""))
        self._pending = False
        self._kept = ""
        self._save_files(conversation, composer)

    def restore(self, conversation: Conversation | None, composer: Composer) -> None:
        """Put back what is kept, once, and never over what is being written."""
        if not self._pending or (conversation is None and self._awaits_conversation):
            return
        draft: object = conversation.draft if conversation else self._session.state.preferences.get("draft")
        if conversation is None and not self._session.state.preferences:
            return  # not read yet
        self._pending = False
        self._awaits_conversation = False
        self._kept = draft if isinstance(draft, str) else ""
        if self._kept and not composer.text:
            composer.text = clean(self._kept)
            composer.move_cursor(composer.document.end)
        name = _name(conversation)
        soon(composer, lambda: self._restore_files(name, composer), "drafts")

    def _save_files(self, conversation: Conversation | None, composer: Composer) -> None:
        attachments = composer.attachments
        if attachments == self._kept_files or (conversation is not None and conversation.private):
            return
        self._kept_files = attachments
        name = _name(conversation)
        soon(composer, lambda: self._write_files(name, attachments, composer), "drafts")

    async def _write_files(self, name: str, attachments: tuple[Attachment, ...], composer: Composer) -> None:
        from tui.screens.draft_files import keep_attachments

        async with self._writing:
            try:
                await asyncio.to_thread(keep_attachments, self._session.settings.folders.drafts, name, attachments)
            except OSError as error:
                why = clean(error.strerror or "the file cannot be written")
                composer.notify(f"What is attached is not kept across a restart: {why}.", markup=False)

    async def _restore_files(self, name: str, composer: Composer) -> None:
        from tui.screens.draft_files import kept_attachments

        turn = self._turn
        async with self._writing:
            files = await asyncio.to_thread(kept_attachments, self._session.settings.folders.drafts, name)
        if files and turn == self._turn and not composer.attachments:
            self._kept_files = files
            composer.attach(*files)


def _name(conversation: Conversation | None) -> str:
    return _NEW if conversation is None else conversation.id
