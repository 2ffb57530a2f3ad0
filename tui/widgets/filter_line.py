"""The line one filters with: what is typed, what is wrong with it, how much is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.getters import query_one
from textual.message import Message
from textual.reactive import Reactive, var
from textual.widgets import Input, Static
from typing_extensions import override

from tui.core.catalogue_filter import FilterMistake
from tui.core.formats import count


class _Underline(Highlighter):
    """Underlines what could not be understood."""

    mistake: FilterMistake | None = None

    @override
    def highlight(self, text: Text) -> None:
        if self.mistake is not None:
            text.stylize("underline", self.mistake.start, self.mistake.end)


class _FilterInput(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "leave", "to the list", id="filter.to_list", tooltip="Back to the list"),
        Binding("escape", "leave", "leave", id="filter.leave", tooltip="Back to the list; once more clears the filter"),
    ]

    virtual_size = Reactive(Size(0, 0))
    """As every widget's, but what is typed changes no layout: a keystroke draws this line and no more."""

    class Left(Message):
        """Escape or down: the keyboard goes back to what is filtered."""

    def action_leave(self) -> None:
        """Go back to the list."""
        self.post_message(self.Left())


class FilterLine(Horizontal):
    """`/ tools ctx>=128k          96 of 421`; the count is always there, a mistake gets one line of help."""

    HELP = """Words are looked for anywhere in id and name, all of them, in any order; `-word` leaves out.

`tools` `reasoning` `structured` `vision` `free` `fav` `new` `changed` · `author:anthropic` · `in:image,file` ·
`out:embeddings` · `ctx>=128k` · `in<=1` `out<=5` (USD per million tokens) · `age<90d` `expires<30d` · `sort:-ctx`"""

    DEFAULT_CSS = """
    FilterLine {
        height: 1;
        & > .filter--slash { width: 3; color: $text-muted; }
        &:focus-within > .filter--slash { color: $text-accent; text-style: bold; }
        & > Input { width: 1fr; min-width: 12; height: 1; border: none; padding: 0; background: transparent; }
        & > Input:focus { border: none; }
        & > .filter--hint {
            width: auto; max-width: 70%; height: 1; padding: 0 0 0 2;
            text-wrap: nowrap; text-overflow: ellipsis; color: $text-warning;
        }
        & > .filter--hint.-note { color: $text-muted; }
        & > .filter--count { width: 20; text-align: right; color: $text-muted; padding: 0 1 0 2; }
    }
    """

    text: var[str] = var("")
    """What is typed."""

    field = query_one(_FilterInput)

    @dataclass
    class Changed(Message):
        """Another text; of several in a row only the last matters."""

        line: FilterLine
        text: str

        @property
        @override
        def control(self) -> FilterLine:
            return self.line

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterLine.Changed) and message.line is self.line

    @dataclass
    class Left(Message):
        """Enter, down or escape: the keyboard goes back to what is filtered."""

        line: FilterLine

        @property
        @override
        def control(self) -> FilterLine:
            return self.line

    def __init__(
        self,
        text: str = "",
        *,
        placeholder: str = "words, tools, ctx>=128k, in<=1, free …",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._underline = _Underline()
        self._given = text
        self._placeholder = placeholder
        self.set_reactive(FilterLine.text, text)

    @override
    def compose(self) -> ComposeResult:
        yield Static(" / ", classes="filter--slash", markup=False)
        yield _FilterInput(
            self._given, placeholder=self._placeholder, highlighter=self._underline, compact=True, select_on_focus=False
        )
        yield Static("", classes="filter--hint", markup=False)
        yield Static("", classes="filter--count", markup=False)

    @override
    def focus(self, scroll_visible: bool = True) -> FilterLine:
        """Start typing."""
        self.field.focus(scroll_visible)
        return self

    def put(self, text: str) -> None:
        """Replace what is typed; `Changed` follows."""
        self.field.value = text
        self.field.cursor_position = len(text)

    def report(self, shown: int, total: int, *, fuzzy: bool = False, mistake: FilterMistake | None = None) -> None:
        """Say how many are shown of how many, and how: `fuzzy` nothing matched exactly, `mistake` what was expected."""
        if mistake != self._underline.mistake:
            self._underline.mistake = mistake
            self.field.refresh()
        hint, counter = self.query(Static)[1:3]
        words = (
            f"expected {mistake.expected}" if mistake else "nothing matches exactly, similar names:" if fuzzy else ""
        )
        hint.set_class(mistake is None, "-note")
        _say(hint, words)
        counter.update(Content(f"{'~' if fuzzy else ''}{count(shown)} of {count(total)}"), layout=False)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.text = event.value
        self.post_message(self.Changed(self, event.value))

    @on(Input.Submitted)
    @on(_FilterInput.Left)
    def _done(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Left(self))

    def on_click(self, event: events.Click) -> None:
        """A click anywhere in the line starts typing."""
        event.stop()
        self.field.focus()


def _say(place: Static, words: str) -> None:
    """Update a text; the layout follows only when its width changes, so that a keystroke stays cheap."""
    before = place.content
    content = Content(words)
    if isinstance(before, Content) and before.plain == words:
        return
    place.update(content, layout=not isinstance(before, Content) or before.cell_length != content.cell_length)
