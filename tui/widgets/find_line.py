"""The line in which one writes what to find in the conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static
from typing_extensions import override

from tui.core.formats import count


class FindLine(Horizontal):
    """Posts the words with every key; enter goes on in the conversation, esc ends the search."""

    HELP = """Write what to find in this conversation: hits are lit while you type.

*enter* goes on in the conversation, where `n` and `N` walk through the hits; *esc* ends the search."""
    DEFAULT_CSS = """
    FindLine {
        height: 1;
        padding: 0 1;
        & > Input { width: 1fr; background: $background; }
        & > .find--mark { width: 1; color: $accent; }
        & > .find--count { width: auto; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "end", "end search", id="find.end", tooltip="End the search"),
        Binding("down", "step(1)", "next", show=False, id="find.next", tooltip="The next hit"),
        Binding("up", "step(-1)", "before", show=False, id="find.before", tooltip="The hit before"),
    ]

    @dataclass
    class Changed(Message):
        """Other words are looked for."""

        words: str

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FindLine.Changed)

    @dataclass
    class Stepped(Message):
        """The next hit is wanted (1) or the one before (-1)."""

        step: int

    class Left(Message):
        """Enter: on in the conversation."""

    class Ended(Message):
        """Esc: no search any more."""

    @override
    def compose(self) -> ComposeResult:
        yield Static("/", classes="find--mark", markup=False)
        yield Input(placeholder="find in this conversation", compact=True)
        yield Static("", classes="find--count", markup=False)

    @property
    def words(self) -> str:
        """What is written."""
        return self.query_one(Input).value

    def begin(self, words: str | None = None) -> None:
        """Show the line and write in it; `words` takes the place of what is there."""
        self.display = True
        field = self.query_one(Input)
        if words is not None:
            field.value = words
        field.focus()
        field.select_all()

    def report(self, number: int, total: int) -> None:
        """Say which hit of how many is shown."""
        said = f"{count(number)} of {count(total)}" if total else "not found" if self.words.strip() else ""
        self.query_one(".find--count", Static).update(f" {said}" if said else "")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left() if self.words.strip() else self.Ended())

    def action_end(self) -> None:
        self.post_message(self.Ended())

    def action_step(self, step: int) -> None:
        self.post_message(self.Stepped(step))
