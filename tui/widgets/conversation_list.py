"""The conversations at the left of the chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from typing_extensions import override

from tui.core.conversation import ConversationSummary
from tui.core.formats import age, money
from tui.openrouter.text import Clean
from tui.widgets.pick_list import PickItem, PickList


class ConversationList(PickList):
    """Newest first, pinned ones before; enter opens, the keys below work on the lit one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "open", tooltip="Open the conversation.", id="conversations.open"),
        Binding("r", "rename", "rename", tooltip="Give it another title.", id="conversations.rename"),
        Binding("p", "pin", "pin", tooltip="Keep it at the top, or no longer.", id="conversations.pin"),
        Binding("d", "delete", "delete", tooltip="Delete it; u brings it back.", id="conversations.delete"),
        Binding("u", "undo", "undo", tooltip="Bring the deleted one back.", id="conversations.undo"),
    ]
    HELP = "Your conversations. enter opens the lit one, r renames it, p pins it, d deletes it, u brings it back."

    @dataclass
    class _About(Message):
        conversation_list: ConversationList
        key: str

        @property
        @override
        def control(self) -> ConversationList:
            return self.conversation_list

    class RenameWanted(_About):
        """`r`: give it another title."""

    class PinWanted(_About):
        """`p`: keep it at the top of the list, or no longer."""

    class DeleteWanted(_About):
        """`d`: delete it."""

    class UndoWanted(_About):
        """`u`: bring the one deleted last back; `key` is empty."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__([], id=id)
        self._models: dict[str, Clean] = {}
        self._undo = False

    @property
    @override
    def lit_class(self) -> str:
        return "pick-list--lit" if self.has_focus else "pick-list--resting"

    @override
    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self.refresh()
        self._say()

    @override
    def watch_cursor(self, old: int, new: int) -> None:
        super().watch_cursor(old, new)
        self._say()

    def show(self, rows: Sequence[ConversationSummary], current: str | None, now: float, *, undo: bool) -> None:
        """Show these rows; `current` is the one that is open, `undo`: one was deleted and can be brought back."""
        self._models = {row.id: short_model(row) for row in rows}
        self._undo = undo
        self.put([conversation_item(row, now) for row in rows], current=current)
        self._say()

    def _say(self) -> None:
        """In the border: the model of the lit conversation while the keyboard is here, else how many there are."""
        model = self._models.get(self.lit.key, Clean("")) if self.has_focus and self.lit is not None else Clean("")
        undo = "u brings it back · " if self._undo else ""
        self.border_subtitle = Content(f"{undo}{model or f'{len(self.shown):,}'}")

    def action_rename(self) -> None:
        if self.lit is not None:
            self.post_message(self.RenameWanted(self, self.lit.key))

    def action_pin(self) -> None:
        if self.lit is not None:
            self.post_message(self.PinWanted(self, self.lit.key))

    def action_delete(self) -> None:
        if self.lit is not None:
            self.post_message(self.DeleteWanted(self, self.lit.key))

    def action_undo(self) -> None:
        self.post_message(self.UndoWanted(self, ""))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("choose", "rename", "pin", "delete"):
            return True if self.lit is not None else None
        return super().check_action(action, parameters)


def conversation_item(row: ConversationSummary, now: float, *, with_model: bool = False) -> PickItem:
    """A row as it is picked from: title, then the model where there is room for it, cost and age."""
    mark = "●" if row.streaming else "★" if row.pinned else ""
    model = short_model(row) if with_model else Clean("")
    spent = "private" if row.private else money(row.spent_usd) if row.spent_usd else ""
    note = " · ".join(part for part in (model, spent, age(row.updated_at, now)) if part)
    return PickItem(row.id, row.title or Clean("Untitled"), Clean(note), Clean(mark))


def short_model(row: ConversationSummary) -> Clean:
    """The model's name without its author."""
    return Clean((row.model or "").rpartition("/")[2][:28])
