"""Picking one of many: a filter line and a list, the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Input, Static
from typing_extensions import override

from tui.screens.dialog import Dialog
from tui.widgets.pick_list import PickItem, PickList

__all__ = ["Pick", "PickItem", "PickScreen"]


class PickScreen(Dialog[str | None]):
    """Gives back the key of what was picked, None for esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "choose", priority=True, tooltip="Take the lit row.", id="pick_dialog.choose"),
        Binding("escape", "leave", "leave", tooltip="Pick nothing.", id="pick_dialog.leave"),
        Binding("up", "move(-1)", "up", show=False, priority=True, tooltip="One row up.", id="pick_dialog.up"),
        Binding("down", "move(1)", "down", show=False, priority=True, tooltip="One row down.", id="pick_dialog.down"),
        Binding(
            "pageup", "page(-1)", "page up", show=False, priority=True, tooltip="A page up.", id="pick_dialog.page_up"
        ),
        Binding(
            "pagedown",
            "page(1)",
            "page down",
            show=False,
            priority=True,
            tooltip="A page down.",
            id="pick_dialog.page_down",
        ),
    ]
    HELP = "Type to filter, arrows move, enter takes the lit row, esc leaves."

    filter_line = query_one("#filter", Input)
    rows = query_one(PickList)

    def __init__(
        self,
        title: str,
        items: Sequence[PickItem],
        *,
        recents: Sequence[str] = (),
        current: str | None = None,
        empty: str = "Nothing to pick from yet.",
    ) -> None:
        """`recents` are keys that come first; `current` is the key that is marked; `empty` is said of no items."""
        super().__init__()
        self._title_text = title
        self._items = items
        self._recents = recents
        self._current = current
        self._empty = empty
        self._narrowed_to = ""

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="pick") as pane:
            pane.border_title = Content(self._title_text)
            yield Input(placeholder="type to filter", id="filter", compact=True)
            yield PickList(self._items, recents=self._recents, current=self._current)
            yield Static("", id="none", markup=False)

    def on_mount(self) -> None:
        self.rows.can_focus = False
        self.filter_line.focus()
        self.show_count()

    @on(Input.Changed, "#filter")
    def narrow(self) -> None:
        """Leave the rows that have what stands in the filter; the first is lit where that has changed."""
        if self.filter_line.value != self._narrowed_to:
            self._narrowed_to = self.filter_line.value
            self.rows.filter(self._narrowed_to)
            self.show_count()

    def _after_letters(self, act: Callable[[], None]) -> None:
        """The keys of the rows come by way of the App and overtake letters that are still on their way here."""

        def narrow_first() -> None:
            self.narrow()
            act()

        self.filter_line.call_later(narrow_first)

    def put(self, items: Sequence[PickItem]) -> None:
        """Show other items under the same filter."""
        self._items = items
        if self.is_mounted:
            self.rows.put(items, current=self._current)
            self.rows.filter(self.filter_line.value, keep_lit=True)
            self.show_count()

    def show_count(self) -> None:
        """Say how many there are."""
        shown, total = len(self.rows.shown), len(self._items)
        pane = self.query_one(".pick")
        pane.border_subtitle = Content(f"{shown:,} of {total:,}" if shown != total else f"{total:,}")
        note = self.query_one("#none", Static)
        note.display = not shown
        if not shown:
            note.update(self._empty if not total else "Nothing has all of these words.")

    @on(PickList.Chosen)
    def take(self, event: PickList.Chosen) -> None:
        _ = self.dismiss(event.item.key)

    def action_choose(self) -> None:
        self._after_letters(self.rows.action_choose)

    def action_move(self, rows: int) -> None:
        self._after_letters(lambda: self.rows.action_move(rows))

    def action_page(self, pages: int) -> None:
        self._after_letters(lambda: self.rows.action_page(pages))

    def action_leave(self) -> None:
        _ = self.dismiss(None)


Pick = PickScreen
