"""The line one filters with: what is typed, what is wrong with it, how much is left."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.highlighter import Highlighter
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, var
from textual.strip import Strip
from textual.visual import VisualType
from textual.widget import Widget
from textual.widgets import Input
from typing_extensions import override

from tui.core.catalogue_filter import FilterMistake
from tui.core.formats import count
from tui.widgets.own_keys import carry_out
from tui.widgets.painted_at_once import paint_at_once

if TYPE_CHECKING:
    from tui.core.filter_completion import Choice, Completion, Vocabulary
    from tui.widgets.completion_list import CompletionList

_SLASH: Final = " / "
_SHORTEST_NOTE: Final = 12
_UNDERLINED: Final = Style(underline=True)
_COUNT_WIDTH: Final = 20
"""The count keeps its place while its digits change."""


class _Underline(Highlighter):
    """Underlines what could not be understood."""

    mistake: FilterMistake | None = None

    @override
    def highlight(self, text: Text) -> None:
        if self.mistake is not None:
            text.stylize("underline", self.mistake.start, self.mistake.end)


class _FilterInput(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "down", "to the list", id="filter.to_list", tooltip="Into the choices, else back to the list"),
        Binding("up", "up", "up", show=False, id="filter.up", tooltip="The choice before"),
        Binding("right", "complete", "complete", id="filter.complete", tooltip="Take the lit or the first choice"),
        Binding(
            "escape",
            "leave",
            "leave",
            id="filter.leave",
            tooltip="Close the choices, else back to the list; there once more it clears the filter",
        ),
    ]

    virtual_size = Reactive(Size(0, 0))
    """As every widget's, but what is typed changes no layout: a keystroke draws this line and no more."""

    class Pressed(Message):
        """One of the keys that are the filter line's business: `down`, `up`, `complete` or `leave`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    note = ""
    """Stands behind what is typed, as far as there is room: what was expected, or that nothing matches exactly."""

    @override
    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y) if y or not self._is_plain else self._plain_line()
        width = self.size.width
        room = width - cell_len(self.value) - 2
        if not self.note or y or room < _SHORTEST_NOTE:
            return strip
        note = self.note if cell_len(self.note) <= room else set_cell_size(self.note, room - 1) + "…"
        assert isinstance(self.parent, FilterLine)
        return Strip([*strip.crop(0, width - cell_len(note)), Segment(note, self.parent.note_style)], width)

    @override
    async def _on_key(self, event: events.Key) -> None:  # Textual calls those of the classes above besides
        await carry_out(self, event)

    @override
    def replace(self, text: str, start: int, end: int) -> None:
        """Every key that changes the text comes here."""
        super().replace(text, start, end)
        paint_at_once(self)

    @property
    def _is_plain(self) -> bool:
        return bool(self.value) and self.value.isprintable() and self.selection.is_empty

    def _plain_line(self) -> Strip:
        """What Textual has Rich draw for twice the price of all else that a key costs here."""
        line, text, at = self.parent, f"{self.value} ", self.cursor_position
        assert isinstance(line, FilterLine)
        base = self.rich_style
        lit = base + self.get_component_rich_style("input--cursor") if self.has_focus and self._cursor_visible else base
        wrong = range(0) if line.mistake is None else range(line.mistake.start, line.mistake.end)
        ends = sorted({0, at, at + 1, wrong.start, wrong.stop, len(text)} & set(range(len(text) + 1)))
        segments = []
        for start, end in pairwise(ends):
            style = lit if start == at else base
            segments.append(Segment(text[start:end], style + _UNDERLINED if start in wrong else style))
        width = self.scrollable_content_region.width + 1
        left = self.scroll_offset.x
        return Strip(segments).crop(left, left + width).extend_cell_length(width, base)

    def action_down(self) -> None:
        """Into the choices, else back to the list."""
        self.post_message(self.Pressed("down"))

    def action_up(self) -> None:
        """The choice before."""
        self.post_message(self.Pressed("up"))

    def action_leave(self) -> None:
        """Go back to the list."""
        self.post_message(self.Pressed("leave"))

    def action_complete(self) -> None:
        """At the end of what is typed take a choice, elsewhere move."""
        if self.cursor_at_end:
            self.post_message(self.Pressed("complete"))
        else:
            self.action_cursor_right()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "complete" and isinstance(self.parent, FilterLine) and not self.parent.choices:
            return None
        return super().check_action(action, parameters)


class FilterLine(Widget):
    """`/ tools ctx>=128k          96 of 421`; the count is always there, a mistake gets one line of help.

    The field to type in is made when it is first wanted: until then the line draws what was typed before.
    """

    HELP = """Words are looked for anywhere in id and name, all of them, in any order; `-word` leaves out.

`tools` `reasoning` `structured` `vision` `free` `fav` `new` `changed` · `author:anthropic` · `in:image,file` ·
`out:embeddings` · `ctx>=128k` · `in<=1` `out<=5` (USD per million tokens) · `age<90d` `expires<30d` · `sort:-ctx`

What is typed is completed: → takes the first choice, ↓ moves among them and enter takes the lit one."""

    DEFAULT_CSS = """
    FilterLine {
        layout: horizontal;
        height: 1;
        & > .filter--slash, & > .filter--count, & > .filter--note { color: $text-muted; }
        & > .filter--placeholder { color: $text-disabled; }
        & > .filter--hint { color: $text-warning; }
        &:focus-within > .filter--slash { color: $text-accent; text-style: bold; }
        &:ansi > .filter--count, &:ansi > .filter--note, &:ansi > .filter--placeholder { text-style: dim; }
        & > Input {
            width: 1fr; min-width: 12; height: 1; border: none; padding: 0; margin: 0 20 0 3; background: transparent;
        }
        & > Input:focus { border: none; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"filter--{part}" for part in ("slash", "count", "note", "placeholder", "hint")
    }

    text: var[str] = var("")
    """What is typed."""

    # Written out: a dataclass costs the start a millisecond each.

    class Left(Message):
        """Enter, down or escape: the keyboard goes back to what is filtered."""

        def __init__(self, line: FilterLine) -> None:
            super().__init__()
            self.line = line

        @property
        @override
        def control(self) -> FilterLine:
            return self.line

    class Changed(Message):
        """Another text; of several in a row only the last matters."""

        def __init__(self, line: FilterLine, text: str) -> None:
            super().__init__()
            self.line = line
            self.text = text

        @property
        @override
        def control(self) -> FilterLine:
            return self.line

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterLine.Changed) and message.line is self.line

    def __init__(
        self,
        text: str = "",
        *,
        placeholder: str = "words, tools, ctx>=128k, in<=1, free …",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._underline = _Underline()
        self._placeholder = placeholder
        self._counted = self._drawn_count = ""
        self._said = ""
        """What stands before the count: what was expected, or that these are only similar."""
        self._wrong = False
        self._completion: Completion | None = None
        self._choices: CompletionList | None = None
        self.vocabulary: Vocabulary | None = None
        """The values that completion offers."""
        self.field: _FilterInput | None = None
        """Where one types, once one has begun to."""
        self.set_reactive(FilterLine.text, text)

    # typing

    async def begin(self) -> None:
        """Start typing; when it returns, the keyboard is there."""
        if self.field is None:
            self.field = _FilterInput(
                self.text,
                placeholder=self._placeholder,
                highlighter=self._underline,
                compact=True,
                select_on_focus=False,
            )
            from tui.widgets.completion_list import CompletionList  # not before one types

            self._choices = CompletionList()
            await self.mount(self.field, self._choices)
            # What is typed before the field has its width scrolls it, and back once it has.
            self.watch(self.field, "scroll_x", self._move_choices, init=False)
        # Not `focus()`, which waits until the keys that follow have gone elsewhere.
        self.screen.set_focus(self.field)

    def put(self, text: str) -> None:
        """Replace what is typed; `Changed` follows."""
        if text == self.text:
            return
        self._take(text)
        if self.field is not None:
            self.field.value = text
            self.field.cursor_position = len(text)

    def _take(self, text: str) -> None:
        self.text = text
        self._underline.mistake = None
        self.post_message(self.Changed(self, text))
        if self.field is None:
            self.refresh()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.text:
            self._take(event.value)
            self._offer()

    @on(Input.Blurred)
    def _close_choices(self, event: Input.Blurred) -> None:
        event.stop()
        self._close()

    # completing

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What the term at the cursor can become."""
        return () if self._completion is None else self._completion.choices

    def _offer(self) -> None:
        if self.field is None or self._choices is None:
            return
        from tui.core.filter_completion import Vocabulary, complete

        had = bool(self.choices)
        self._completion = complete(self.text, self.field.cursor_position, self.vocabulary or Vocabulary())
        self._choices.show(self.choices, self._column_of_choices())
        if had is not bool(self.choices):
            self.refresh_bindings()

    def _column_of_choices(self) -> int:
        if self.field is None or self._completion is None:
            return 0
        column = len(_SLASH) + cell_len(self.text[: self._completion.start]) - self.field.scroll_offset.x
        return max(0, column - 1)

    def _move_choices(self) -> None:
        if self._choices is not None and self.choices:
            self._choices.place(self._column_of_choices())

    def _close(self) -> None:
        if self._choices is not None and self.choices:
            self._completion = None
            self._choices.show((), 0)
            self.refresh_bindings()

    def _complete_with(self, choice: Choice) -> None:
        assert self.field is not None
        assert self._completion is not None
        text, cursor = self._completion.applied(self.text, choice)
        self._take(text)
        self.field.value = text
        self.field.cursor_position = cursor
        self._offer()

    @on(_FilterInput.Pressed)
    def _note_key(self, event: _FilterInput.Pressed) -> None:
        event.stop()
        match event.key:
            case "down" if self._choices is not None and self.choices:
                self._choices.move(1)
            case "up":
                if self._choices is not None and self.choices:
                    self._choices.move(-1)
            case "complete":
                if self._choices is not None and self.choices:
                    self._complete_with(self._choices.chosen or self.choices[0])
            case "leave" if self.choices:
                self._close()
            case _:
                self._leave()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        lit = self._choices.chosen if self._choices is not None and self.choices else None
        if lit is not None:
            self._complete_with(lit)
        else:
            self._leave()

    def _leave(self) -> None:
        self._close()
        self.post_message(self.Left(self))

    async def on_click(self, event: events.Click) -> None:
        """A click anywhere in the line starts typing."""
        event.stop()
        await self.begin()

    # saying

    @property
    def mistake(self) -> FilterMistake | None:
        """What of the text could not be understood."""
        return self._underline.mistake

    def report(self, shown: int, total: int, *, fuzzy: bool = False, mistake: FilterMistake | None = None) -> None:
        """Say how many are shown of how many, and how: `fuzzy` nothing matched exactly, `mistake` what was expected."""
        if mistake != self._underline.mistake:
            self._underline.mistake = mistake
            if self.field is not None:
                self.field.refresh()
        self._counted = f"{'~' if fuzzy else ''}{count(shown)} of {count(total)}"
        self._wrong = mistake is not None
        self._said = (
            f"expected {mistake.expected}" if mistake else "nothing matches exactly, similar names:" if fuzzy else ""
        )
        if self.field is None:
            self.refresh()
            return
        note, _ = self._behind()
        if note != self.field.note:
            self.field.note = note
            self.field.refresh()
        if self._counted != self._drawn_count:
            self.refresh(Region(self.size.width - _COUNT_WIDTH, 0, _COUNT_WIDTH, 1))

    @property
    def note_style(self) -> Style:
        """How the words behind what is typed look."""
        return self.get_visual_style("filter--hint" if self._wrong else "filter--note").rich_style

    def _behind(self) -> tuple[str, str]:
        """What stands at the right: words as far as there is room for them, and the count."""
        counted = f" {self._counted} ".rjust(_COUNT_WIDTH)
        room = max(0, self.size.width * 7 // 10 - cell_len(counted))
        words = f"  {self._said}" if self._said else ""
        if cell_len(words) > room:
            words = set_cell_size(words, room - 1) + "…" if room > 8 else ""
        return words, counted

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    @override
    def render(self) -> VisualType:
        words, counted = self._behind()
        self._drawn_count = self._counted
        slash = Content.styled(_SLASH, self.get_visual_style("filter--slash"))
        behind = Content.assemble(
            ("" if self.field else words, self.get_visual_style("filter--hint" if self._wrong else "filter--note")),
            (counted, self.get_visual_style("filter--count")),
        )
        return Content.assemble(
            slash, self._typed_text(self.size.width - slash.cell_length - behind.cell_length), behind
        )

    def _typed_text(self, room: int) -> Content:
        """What the field would show; it lies above this once it is there."""
        if self.field is not None:
            return Content(" " * max(0, room))
        if not self.text:
            placeholder = set_cell_size(self._placeholder, max(0, room))
            return Content.styled(placeholder, self.get_visual_style("filter--placeholder"))
        content = Content(self.text)
        if (mistake := self._underline.mistake) is not None:
            content = content.stylize("underline", mistake.start, mistake.end)
        return content.truncate(max(0, room), ellipsis=True, pad=True)
