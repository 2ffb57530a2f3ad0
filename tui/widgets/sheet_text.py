"""The texts of an embedding sheet: a line a text, numbered, with a mark at the selected one and at changed ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from typing_extensions import override

from tui.openrouter.text import Clean, clean

SELECTED: Final = "▌"
STALE: Final = "*"
"""The text has no vector, or has changed since it had one."""


class SheetLine(NamedTuple):
    """A text of the sheet and the line it stands on, from 0."""

    line: int
    text: Clean

    @property
    def number(self) -> int:
        """The line's number as it is shown, from 1."""
        return self.line + 1


class SheetText(TextArea):
    """Lines to embed; blank ones are skipped but numbered."""

    HELP = (
        "A text a line; blank lines are skipped. Paste as many as you like. ctrl+r embeds them; the cursor's line "
        "is the one whose neighbours are shown. * marks texts that were added or changed since. tab leaves."
    )

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sheet-text--stale"}

    DEFAULT_CSS = """
    SheetText {
        & > .sheet-text--stale { color: $text-warning; }
        &:ansi > .sheet-text--stale { color: ansi_yellow; }
    }
    """

    @dataclass
    class LineSelected(Message):
        """The cursor went to another line."""

        sheet_text: SheetText
        line: int

        @property
        @override
        def control(self) -> SheetText:
            return self.sheet_text

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, SheetText.LineSelected)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(
            id=id,
            soft_wrap=False,
            show_line_numbers=True,
            tab_behavior="focus",
            placeholder="a text a line",
        )
        self._stale: frozenset[int] = frozenset()
        self._line_told = 0

    @property
    def line(self) -> int:
        """The line that the cursor is on, from 0."""
        return self.cursor_location[0]

    def sheet_lines(self) -> list[SheetLine]:
        """The texts, without blank lines."""
        return [
            SheetLine(line, clean(text)) for line, text in enumerate(self.document.lines) if text and not text.isspace()
        ]

    def all_lines(self) -> tuple[Clean, ...]:
        """Every line, blank ones too, but none at the end."""
        lines = [clean(text) for text in self.document.lines]
        while lines and not lines[-1].strip():
            lines.pop()
        return tuple(lines)

    def mark_stale(self, lines: Collection[int]) -> None:
        """Mark these lines as without a vector."""
        stale = frozenset(lines)
        if stale != self._stale:
            self._stale = stale
            self.refresh()

    def go_to(self, line: int) -> None:
        """Put the cursor at the start of a line."""
        self.move_cursor((min(line, self.document.line_count - 1), 0), center=True)

    # What enters by pasting is foreign

    def on_paste(self, event: events.Paste) -> None:
        # Textual calls the TextArea's own handler next, with the same event.
        event.text = clean(event.text).replace("\r", "\n")

    @override
    def action_paste(self) -> None:
        if not self.read_only and (text := self.app.clipboard):
            result = self._replace_via_keyboard(clean(text), *self.selection)
            if result is not None:
                self.move_cursor(result.end_location)

    # The gutter

    @property
    @override
    def gutter_width(self) -> int:
        return super().gutter_width + 1

    @override
    def render_line(self, y: int) -> Strip:
        # The base class joins the whole text to draw a line, in case there is a placeholder to draw.
        strip = super().render_line(y) if self.document.line_count == 1 else self._render_line(y)
        line = y + self.scroll_offset.y
        if line >= self.document.line_count or (self.document.line_count == 1 and not self.text):
            return strip
        width = self.gutter_width
        segments = list(strip)
        if not segments or segments[0].cell_length != width:
            return strip
        gutter = segments[0].style
        mark = SELECTED if line == self.line else " "
        stale = STALE if line in self._stale else " "
        drawn = [
            Segment(f"{mark}{line + 1:>{width - 3}}", gutter),
            Segment(
                stale, (gutter or self.rich_style) + self.get_component_rich_style("sheet-text--stale", partial=True)
            ),
            Segment(" ", gutter),
        ]
        return Strip([*drawn, *segments[1:]], strip.cell_length)

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        line = event.selection.end[0]
        if line != self._line_told:
            self._line_told = line
            self.post_message(self.LineSelected(self, line))
