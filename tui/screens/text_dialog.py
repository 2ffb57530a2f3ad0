"""One line to write."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input
from typing_extensions import override

from tui.screens.dialog import Dialog


class TextDialog(Dialog[str | None]):
    """Gives back the line on enter, None on esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", tooltip="Change nothing.", id="text_dialog.leave"),
    ]
    HELP = "enter takes the line, esc changes nothing."

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__()
        self._title_text = title
        self._text = text

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="text-dialog") as pane:
            pane.border_title = Content(self._title_text)
            yield Input(self._text, compact=True)

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        _ = self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        _ = self.dismiss(None)
