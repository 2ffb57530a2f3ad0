"""What stands in the composer, kept for each conversation."""

from __future__ import annotations

from tui.core.commands import Remember, SaveConversation
from tui.core.conversation import Conversation
from tui.openrouter.text import clean
from tui.screens.session import Session
from tui.widgets.composer import Composer


class Drafts:
    """Saves the draft of the conversation on screen and puts it back, once, when that is shown again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._awaits_conversation = False
        """It was picked from the list, and its messages are not read yet."""
        self._pending = True
        self._kept = ""
        """What is kept of the conversation on screen."""

    def entered(self, *, from_list: bool) -> None:
        """Another conversation is on screen now, one of the list or a new one."""
        self._pending = True
        self._awaits_conversation = from_list
        self._kept = ""

    def save(self, conversation: Conversation | None, composer: Composer) -> None:
        """Keep what stands in the composer, if it is not kept yet."""
        draft = composer.draft
        if draft == self._kept or self._awaits_conversation:
            return
        self._kept = draft
        self._pending = False
        if conversation is None:
            self._session.submit(Remember(name="draft", value=draft))
        elif not conversation.private:
            self._session.submit(
                SaveConversation(
                    conversation_id=conversation.id,
                    title=conversation.title,
                    settings=conversation.settings,
                    draft=draft,
                )
            )

    def sent(self) -> None:
        """The draft became a question; the worker empties it with the turn, but for that of a new conversation."""
        self._session.submit(Remember(name="draft", value=""))
        self._pending = False
        self._kept = ""

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
