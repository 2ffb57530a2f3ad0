"""The conversations as a dialog, where there is no room for their list: open, rename, delete, bring back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from typing_extensions import override

from tui.core.commands import DeleteConversation, PinConversation, RenameConversation
from tui.core.state import Topic
from tui.openrouter.text import clean_line
from tui.screens.pick import PickScreen
from tui.widgets.conversation_list import conversation_item

if TYPE_CHECKING:
    from tui.screens.session import Session


class ConversationsPick(PickScreen):
    """Gives back the id of the conversation to open; the list stays while one renames or deletes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rename", "rename", priority=True, tooltip="Give the lit one another title.",
                id="conversations_dialog.rename"),
        Binding("ctrl+t", "pin", "pin", priority=True, tooltip="Keep the lit one at the top, or no longer.",
                id="conversations_dialog.pin"),
        Binding("ctrl+d", "delete", "delete", priority=True, tooltip="Delete the lit one; ctrl+u brings it back.",
                id="conversations_dialog.delete"),
        Binding("ctrl+u", "undo", "undo", priority=True, tooltip="Bring the deleted one back.",
                id="conversations_dialog.undo"),
    ]  # fmt: skip
    HELP = (
        "Type to filter, enter opens the lit one, ctrl+r renames it, ctrl+t keeps it at the top, ctrl+d deletes it, "
        "ctrl+u brings it back."
    )

    def __init__(self, session: Session, current: str) -> None:
        """`current` is the id of the conversation on screen."""
        items = [conversation_item(row, session.now(), with_model=True) for row in session.state.conversations]
        super().__init__("conversations", items, current=current, empty="No conversations yet.")
        self._session = session
        self._gone: str | None = None
        """Which was deleted last."""

    @override
    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self.note_changes, immediate=True)

    def note_changes(self, topics: Topic) -> None:
        """The list is another now."""
        if topics & Topic.CONVERSATIONS:
            now = self._session.now()
            self.put([conversation_item(row, now, with_model=True) for row in self._session.state.conversations])

    def action_rename(self) -> None:
        from tui.screens.text_dialog import TextDialog

        def take(conversation_id: str, title: str | None) -> None:
            if title:
                self._session.submit(RenameConversation(conversation_id=conversation_id, title=clean_line(title)))

        if (lit := self.rows.lit) is not None:
            _ = self.app.push_screen(TextDialog("title", lit.label), partial(take, lit.key))

    def action_pin(self) -> None:
        lit = self.rows.lit
        row = next((one for one in self._session.state.conversations if lit is not None and one.id == lit.key), None)
        if row is not None:
            self._session.submit(PinConversation(conversation_id=row.id, pinned=not row.pinned))

    def action_delete(self) -> None:
        lit = self.rows.lit
        if lit is not None and self._session.submit(DeleteConversation(conversation_id=lit.key)):
            self._gone = lit.key
            self.show_count()

    def action_undo(self) -> None:
        if self._gone is not None:
            self._session.submit(DeleteConversation(conversation_id=self._gone, undo=True))
            self._gone = None
            self.show_count()
