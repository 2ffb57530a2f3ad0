"""Choosing the columns of the models; the table behind it follows each key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from typing_extensions import override

from tui.screens.dialog import Dialog
from tui.widgets.column_list import ColumnList


class ColumnsDialog(Dialog[None]):
    """space shows or hides, K and J move; esc leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,t,q", "leave", "done", tooltip="Back to the table.", id="columns_dialog.leave"),
    ]
    HELP = "The columns of the table, from left to right. Where there is no room for all, the last ones give way."

    def __init__(self, shown: Sequence[str] | None, change: Callable[[Sequence[str] | None], None]) -> None:
        """`change` is told each new choice; None stands for the usual columns."""
        super().__init__()
        self._shown = shown
        self._change = change

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="columns", can_focus=False) as pane:
            pane.border_title = "columns"
            yield ColumnList(self._shown)

    def on_mount(self) -> None:
        self.query_one(ColumnList).focus()

    @on(ColumnList.Changed)
    def follow(self, event: ColumnList.Changed) -> None:
        self._change(event.kinds)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
