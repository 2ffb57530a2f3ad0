"""One question, the safe answer focused."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static
from typing_extensions import override

from tui.screens.dialog import Dialog


class Confirm(Dialog[bool]):
    """Asks a question; answers True only for a clear yes, False for no and esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "no", tooltip="Leave everything as it is.", id="confirm.no"),
        Binding("y", "answer(True)", "yes", tooltip="Do it.", id="confirm.yes"),
        Binding(
            "left",
            "app.focus_previous",
            "other answer",
            show=False,
            tooltip="To the other answer.",
            id="confirm.previous",
        ),
        Binding(
            "right", "app.focus_next", "other answer", show=False, tooltip="To the other answer.", id="confirm.next"
        ),
    ]
    HELP = "A question. enter takes the lit answer, y says yes, n and esc say no."

    def __init__(self, question: str, detail: str = "", *, yes: str = "Yes", no: str = "No") -> None:
        """`question` and `detail` are drawn as they are, never as markup; what is foreign in them is `Clean`."""
        super().__init__()
        self._question = question
        self._detail = detail
        self._yes = yes
        self._no = no

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, classes="dialog--question", markup=False)
            if self._detail:
                yield Static(self._detail, classes="dialog--detail", markup=False)
            with Horizontal(classes="dialog--answers"):
                yield Button(Content(self._no), id="no", compact=True)
                yield Button(Content(self._yes), id="yes", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    @on(Button.Pressed)
    def take_button(self, event: Button.Pressed) -> None:
        _ = self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        _ = self.dismiss(yes)
