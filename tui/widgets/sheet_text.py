"""The texts of an embedding sheet: a line a text, numbered, with a mark at the selected one and at changed ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.document._wrapped_document import WrappedDocument
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Selection
from typing_extensions import override

from tui.openrouter.text import Clean, clean
from tui.widgets.group_marks import COLOURS, GroupMark

SELECTED: Final = "▌"
STALE: Final = "*"
"""The text has no vector, or has changed since it had one."""
BREAK: Final = "␊"
"""Stands for a line break inside a text, which is one line of the sheet."""

_NOTHING: Final = (Clean(""), Clean(""))


class SheetLine(NamedTuple):
    """A text of the sheet and the line it stands on, from 0."""

    line: int
    text: Clean
    label: Clean = Clean("")
    group: Clean = Clean("")

    @property
    def number(self) -> int:
        """The line's number as it is shown, from 1."""
        return self.line + 1


class _UnwrappedDocument(WrappedDocument):
    """Knows its height: the base class counts all lines for it, once for each line that is drawn."""

    @property
    @override
    def height(self) -> int:
        return len(self._wrap_offsets)


class SheetText(TextArea):
    """Lines to embed; blank ones are skipped but numbered."""

    HELP = (
        "A text a line; blank lines are skipped, ␊ stands for a line break inside a text. Paste as many as you like, "
        "or load a file with ctrl+f. ctrl+r embeds them; the cursor's line is the one whose neighbours are shown. "
        "* marks texts that were added or changed since, a shape the group. alt+up and alt+down move lines. tab leaves."
    )

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sheet-text--stale",
        *(f"sheet-text--group-{number}" for number in range(len(COLOURS))),
    }

    DEFAULT_CSS = (
        """
    SheetText {
        & > .sheet-text--stale { color: $text-warning; }
        &:ansi > .sheet-text--stale { color: ansi_yellow; }
    """
        + "".join(f"& > .sheet-text--group-{at} {{ color: $text-{name}; }}\n" for at, name in enumerate(COLOURS))
        + "}"
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+up,ctrl+up", "move_line(-1)", "line up", show=False, id="sheet.line_up",
                tooltip="Put the selected lines above the one before"),
        Binding("alt+down,ctrl+down", "move_line(1)", "line down", show=False, id="sheet.line_down",
                tooltip="Put the selected lines below the one after"),
    ]  # fmt: skip

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
        # Before all else: the base class asks how wide the gutter is.
        self._group_marks: dict[str, GroupMark] = {}
        super().__init__(
            id=id,
            soft_wrap=False,
            show_line_numbers=True,
            tab_behavior="focus",
            placeholder="a text a line",
        )
        self.wrapped_document.__class__ = _UnwrappedDocument
        self._stale: frozenset[int] = frozenset()
        self._line_marks: list[tuple[Clean, Clean]] = [_NOTHING]
        """Label and group of each of `_marked_lines`."""
        self._marked_lines: list[str] = [""]
        """The lines when labels and groups were last brought up to date."""
        self._line_told = 0

    @override
    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document(text, language)
        # The base class makes one of its own class, and everything else that it makes points to it.
        self.wrapped_document.__class__ = _UnwrappedDocument

    @property
    def line(self) -> int:
        """The line that the cursor is on, from 0."""
        return self.cursor_location[0]

    def load(self, texts: Sequence[Clean], labels: Sequence[Clean] = (), groups: Sequence[Clean] = ()) -> None:
        """Show these texts; a line break in one is shown as `␊`."""
        lines = [text.replace("\n", BREAK) for text in texts]
        self._line_marks = [
            (labels[at] if at < len(labels) else Clean(""), groups[at] if at < len(groups) else Clean(""))
            for at in range(len(lines))
        ]
        self._marked_lines = lines or [""]
        self._line_marks = self._line_marks or [_NOTHING]
        self.load_text("\n".join(lines))

    def sheet_lines(self) -> list[SheetLine]:
        """The texts with their labels and groups, without blank lines."""
        self._follow_edits()
        return [
            SheetLine(line, text_of(text), *self._line_marks[line])
            for line, text in enumerate(self._marked_lines)
            if text and not text.isspace()
        ]

    def all_lines(self) -> tuple[tuple[Clean, ...], tuple[Clean, ...], tuple[Clean, ...]]:
        """Every line's text, label and group, blank ones too, but none at the end."""
        self._follow_edits()
        lines, marks = list(self._marked_lines), list(self._line_marks)
        while lines and not lines[-1].strip():
            lines.pop()
            marks.pop()
        texts = tuple(text_of(line) for line in lines)
        return texts, tuple(label for label, _ in marks), tuple(group for _, group in marks)

    def _follow_edits(self) -> None:
        """Labels and groups go where their lines go: what was typed over keeps them, what moved takes them along."""
        lines = list(self.document.lines)
        if lines == self._marked_lines:
            return
        if not any(label or group for label, group in self._line_marks):
            self._line_marks = [_NOTHING] * len(lines)
        else:
            self._line_marks = moved_marks(self._marked_lines, self._line_marks, lines)
        self._marked_lines = lines

    @property
    def lines_selected(self) -> range:
        """The lines that the selection touches, or the one of the cursor."""
        first, last = sorted((self.selection.start, self.selection.end))
        end = last[0] if last[1] == 0 and last[0] > first[0] else last[0] + 1
        return range(first[0], end)

    def mark(self, lines: Iterable[int], *, label: Clean | None = None, group: Clean | None = None) -> None:
        """Give these lines a label, a group, or both."""
        self._follow_edits()
        for line in lines:
            if line < len(self._line_marks):
                old = self._line_marks[line]
                self._line_marks[line] = (old[0] if label is None else label, old[1] if group is None else group)
        self.refresh()

    def marks_of(self, line: int) -> tuple[Clean, Clean]:
        """Label and group of a line."""
        self._follow_edits()
        return self._line_marks[line] if line < len(self._line_marks) else _NOTHING

    def show_groups(self, marks: Mapping[str, GroupMark]) -> None:
        """Draw these marks beside the lines of the groups."""
        if marks != self._group_marks:
            self._group_marks = dict(marks)
            # The gutter may be another now, and with it the room for the text.
            self._refresh_size()
            self.refresh()

    def action_move_line(self, change: int) -> None:
        """Put the selected lines above the one before, or below the one after."""
        self._follow_edits()
        chosen = self.lines_selected
        other = chosen.start - 1 if change < 0 else chosen.stop
        if not 0 <= other < self.document.line_count:
            return
        begin, end = min(chosen.start, other), max(chosen.stop, other + 1)
        lines, marks = self._marked_lines[begin:end], self._line_marks[begin:end]
        turned = slice(1, None), slice(0, 1)
        if change > 0:
            turned = slice(-1, None), slice(0, -1)
        new_lines, new_marks = lines[turned[0]] + lines[turned[1]], marks[turned[0]] + marks[turned[1]]
        selection = self.selection
        self.replace("\n".join(new_lines), (begin, 0), (end - 1, len(lines[-1])), maintain_selection_offset=False)
        self._marked_lines = list(self.document.lines)
        self._line_marks[begin:end] = new_marks
        self.selection = Selection(
            (selection.start[0] + change, selection.start[1]), (selection.end[0] + change, selection.end[1])
        )

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
        return super().gutter_width + (2 if self._group_marks else 1)

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
        style = gutter or self.rich_style
        group = self._group_marks.get(self._line_marks[line][1], None) if line < len(self._line_marks) else None
        drawn = [
            Segment(f"{mark}{line + 1:>{width - (4 if self._group_marks else 3)}}", gutter),
            Segment(stale, style + self.get_component_rich_style("sheet-text--stale", partial=True)),
        ]
        if self._group_marks:
            drawn.append(Segment(group.shape, style + self._group_style(group)) if group else Segment(" ", gutter))
        drawn.append(Segment(" ", gutter))
        return Strip([*drawn, *segments[1:]], strip.cell_length)

    def _group_style(self, mark: GroupMark) -> Style:
        return self.get_component_rich_style(f"sheet-text--group-{mark.colour}", partial=True)

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        line = event.selection.end[0]
        if line != self._line_told:
            self._line_told = line
            self.post_message(self.LineSelected(self, line))


def text_of(line: str) -> Clean:
    """The text that a line of the sheet stands for."""
    return Clean(clean(line).replace(BREAK, "\n"))


def moved_marks(
    before: Sequence[str], marks: Sequence[tuple[Clean, Clean]], after: Sequence[str]
) -> list[tuple[Clean, Clean]]:
    """Labels and groups of lines after an edit: by text where a line moved, by place where it was typed over."""
    start, least = 0, min(len(before), len(after))
    while start < least and before[start] == after[start]:
        start += 1
    end = 0
    while end < least - start and before[-1 - end] == after[-1 - end]:
        end += 1
    gone: dict[str, list[int]] = {}
    for at in range(start, len(before) - end):
        gone.setdefault(before[at], []).append(at)
    middle: list[tuple[Clean, Clean] | None] = []
    for line in after[start : len(after) - end]:
        places = gone.get(line)
        middle.append(marks[places.pop(0)] if places else None)
    left = sorted(at for places in gone.values() for at in places)
    fresh = [place for place, mark in enumerate(middle) if mark is None]
    if len(left) == len(fresh):
        for place, at in zip(fresh, left, strict=True):
            middle[place] = marks[at]
    return [*marks[:start], *(mark or _NOTHING for mark in middle), *marks[len(marks) - end :]]
