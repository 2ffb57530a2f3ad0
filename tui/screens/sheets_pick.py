"""The sheets of texts as a dialog: open, rename, delete, bring back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from typing_extensions import override

from tui.core import formats
from tui.core.commands import DeleteSheet, ListSheets, RenameSheet
from tui.core.sheets import SheetSummary
from tui.core.state import Topic
from tui.openrouter.text import Clean, clean_line
from tui.screens.pick import PickScreen
from tui.widgets.pick_list import PickItem

if TYPE_CHECKING:
    from tui.screens.session import Session


class SheetsPick(PickScreen):
    """Gives back the id of the sheet to open; the list stays while one renames or deletes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rename", "rename", priority=True, tooltip="Give the lit one another name.",
                id="sheets_dialog.rename"),
        Binding("ctrl+d", "delete", "delete", priority=True, tooltip="Delete the lit one; ctrl+u brings it back.",
                id="sheets_dialog.delete"),
        Binding("ctrl+u", "undo", "undo", priority=True, tooltip="Bring the deleted one back.",
                id="sheets_dialog.undo"),
    ]  # fmt: skip
    HELP = "Type to filter, enter opens the lit one, ctrl+r renames it, ctrl+d deletes it, ctrl+u brings it back."

    def __init__(self, session: Session, current: str | None) -> None:
        """`current` is the id of the sheet on screen."""
        super().__init__("sheets", _items(session), current=current, empty="No sheets yet: esc, and write one.")
        self._session = session
        self._gone: list[str] = []
        """Which were deleted, the last one last."""

    @override
    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self.note_changes, immediate=True)
        self._session.submit(ListSheets())

    def note_changes(self, topics: Topic) -> None:
        """The list is another now."""
        if topics & Topic.EMBEDDINGS:
            self.put(_items(self._session))

    def action_rename(self) -> None:
        from tui.screens.text_dialog import TextDialog

        def take(sheet_id: str, name: str | None) -> None:
            if name:
                self._session.submit(RenameSheet(sheet_id=sheet_id, name=clean_line(name)))

        if (lit := self.rows.lit) is not None:
            _ = self.app.push_screen(TextDialog("name", lit.label), partial(take, lit.key))

    def action_delete(self) -> None:
        lit = self.rows.lit
        if lit is not None and self._session.submit(DeleteSheet(sheet_id=lit.key)):
            self._gone.append(lit.key)
            self.show_count()

    def action_undo(self) -> None:
        if self._gone and self._session.submit(DeleteSheet(sheet_id=self._gone[-1], undo=True)):
            self._gone.pop()
            self.show_count()


def _items(session: Session) -> list[PickItem]:
    return [_item(row, session.now()) for row in session.state.sheets.listed or ()]


def _item(row: SheetSummary, now: float) -> PickItem:
    texts = f"{formats.count(row.text_count)} line{'' if row.text_count == 1 else 's'}"
    return PickItem(row.id, row.name or Clean("(no name)"), Clean(f"{texts}  {formats.age(row.updated_at, now):>4}"))
