"""The texts of an embedding sheet: a line a text, numbered, with a mark at the selected one and at changed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult, Selection
from typing_extensions import override

from tui.openrouter.text import Clean, clean
from tui.widgets.group_marks import COLOURS
from tui.widgets.sheet_paint import PaintedSheet
from tui.widgets.sheet_reading import BREAK, NOTHING, Marks, ReadSheet, SheetLine, moved_marks, paragraphs


class SheetText(PaintedSheet):
    """Lines to embed; blank ones are skipped but numbered."""

    HELP = (
        "A text a line; blank lines are skipped, ␊ stands for a line break inside a text. Paste as many as you like, "
        "or load a file with ctrl+f; alt+p makes one text of each paragraph that was pasted or is selected. ctrl+r "
        "embeds them; the cursor's line is the one whose neighbours are shown. * marks texts that were added or "
        "changed since, a shape the group. alt+up and alt+down move lines. tab leaves."
    )

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sheet-text--stale",
        *(f"sheet-text--group-{number}" for number in range(len(COLOURS))),
    }

    DEFAULT_CSS = (
        """
    SheetText {
        scrollbar-size: 0 1;
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
        Binding("alt+p", "join_paragraphs", "paragraphs", show=False, id="sheet.paragraphs",
                tooltip="What stands between blank lines becomes one text: what is selected, or was just pasted"),
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

    @dataclass
    class ParagraphsPasted(Message):
        """What was pasted has paragraphs of several lines, so that each may be meant to be one text."""

        sheet_text: SheetText
        lines: int
        paragraphs: int

        @property
        @override
        def control(self) -> SheetText:
            return self.sheet_text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        # Before all else: the base class asks for the marks of a line.
        self._line_marks: list[Marks] = [NOTHING]
        """Label and group of each of `_marked_lines`."""
        super().__init__(
            id=id,
            soft_wrap=False,
            show_line_numbers=True,
            tab_behavior="focus",
            placeholder="a text a line",
        )
        self._marked_lines: list[str] = [""]
        """The lines when labels and groups were last brought up to date."""
        self._line_told = 0
        self._pasted: range | None = None
        """Lines that came with the last edit, where it brought several."""
        self._read = ReadSheet()

    @property
    def line(self) -> int:
        """The line that the cursor is on, from 0."""
        return self.cursor_location[0]

    def load(self, texts: Sequence[Clean], labels: Sequence[Clean] = (), groups: Sequence[Clean] = ()) -> None:
        """Show these texts; a line break in one is shown as `␊`."""
        more = len(texts)
        marks = zip([*labels, *[Clean("")] * more][:more], [*groups, *[Clean("")] * more][:more], strict=True)
        self._line_marks = list(marks) or [NOTHING]
        text = "\n".join(texts)
        if text.count("\n") >= more > 0:
            text = "\n".join([text.replace("\n", BREAK) for text in texts])
        self.load_text(text)
        self._marked_lines = list(self.document.lines)
        self._read.begin(self._marked_lines, self._line_marks, texts or [Clean("")])

    def sheet_lines(self) -> list[SheetLine]:
        """The texts with their labels and groups, without blank lines."""
        self._follow_edits()
        return self._read.lines(self._marked_lines, self._line_marks)

    def all_lines(self) -> tuple[tuple[Clean, ...], tuple[Clean, ...], tuple[Clean, ...]]:
        """Every line's text, label and group, blank ones too, but none at the end."""
        self._follow_edits()
        lines, marks = self._marked_lines, self._line_marks
        count = len(lines)
        while count and not lines[count - 1].strip():
            count -= 1
        texts = self._read.texts(lines, marks)[:count]
        labels, groups = zip(*marks[:count], strict=True) if count else ((), ())
        return tuple(texts), labels, groups

    def _follow_edits(self) -> None:
        """Labels and groups go where their lines go: what was typed over keeps them, what moved takes them along."""
        lines = list(self.document.lines)
        if lines == self._marked_lines:
            return
        if self._line_marks.count(NOTHING) == len(self._line_marks):
            self._line_marks = [NOTHING] * len(lines)
        else:
            self._line_marks = moved_marks(self._marked_lines, self._line_marks, lines)
        self._marked_lines = lines

    @override
    def marks_at(self, line: int) -> Marks:
        return self._line_marks[line] if line < len(self._line_marks) else NOTHING

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

    def marks_of(self, line: int) -> Marks:
        """Label and group of a line."""
        self._follow_edits()
        return self.marks_at(line)

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

    @override
    def edit(self, edit: Edit) -> EditResult:
        result = super().edit(edit)
        self._pasted = None
        if "\n" in edit.text.strip():
            self._pasted = range(edit.top[0], result.end_location[0] + 1)
            lines = [self.document[line] for line in self._pasted]
            found = paragraphs(lines)
            if 1 < len(found) < sum(bool(line.strip()) for line in lines):
                self.post_message(self.ParagraphsPasted(self, len(lines), len(found)))
        return result

    def action_join_paragraphs(self) -> None:
        """Make one text of the lines between blank ones: of what is selected, what was pasted last, or all."""
        chosen = range(self.document.line_count)
        if self.selection.start != self.selection.end:
            chosen = self.lines_selected
        elif self._pasted is not None:
            chosen = self._pasted
        found = paragraphs([self.document[line] for line in chosen])
        last = chosen.stop - 1
        self.replace("\n".join(found), (chosen.start, 0), (last, len(self.document[last])))

    def go_to(self, line: int) -> None:
        """Put the cursor at the start of a line."""
        self.move_cursor((min(line, self.document.line_count - 1), 0), center=True)

    # What enters by pasting is foreign

    def on_blur(self) -> None:
        """All texts from their beginning: where one stands in a long one matters only while one writes."""
        self.scroll_to(x=0, animate=False)

    def on_focus(self) -> None:
        self.scroll_cursor_visible()

    def on_paste(self, event: events.Paste) -> None:
        # Textual calls the TextArea's own handler next, with the same event.
        event.text = clean(event.text).replace("\r", "\n")

    @override
    def action_paste(self) -> None:
        if not self.read_only and (text := self.app.clipboard):
            result = self._replace_via_keyboard(clean(text), *self.selection)
            if result is not None:
                self.move_cursor(result.end_location)

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        line = event.selection.end[0]
        if line != self._line_told:
            self._line_told = line
            self.post_message(self.LineSelected(self, line))
