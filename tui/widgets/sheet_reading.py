"""The texts that the lines of a sheet stand for, read again only where lines have changed."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from tui.openrouter.text import Clean, clean

BREAK: Final = "␊"
"""Stands for a line break inside a text, which is one line of the sheet."""
Marks = tuple[Clean, Clean]
"""Label and group."""
NOTHING: Final = (Clean(""), Clean(""))
_AT_ONCE: Final = 256
_TEXT_OF: Final = attrgetter("text")


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


class ReadSheet:
    """The texts as they were read last; after a key all but one line are what they were."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._marks: list[Marks] = []
        self._found: list[SheetLine] = []
        """One a line, blank ones too."""
        self._blanks = 0
        """How many of them are blank."""

    def begin(self, lines: list[str], marks: list[Marks], texts: Sequence[Clean]) -> None:
        """These lines stand for these texts."""
        self._lines, self._marks = lines, list(marks)
        self._found = [SheetLine(at, text, *mark) for at, (text, mark) in enumerate(zip(texts, marks, strict=True))]
        self._blanks = sum(map(is_blank, self._found))

    def lines(self, lines: list[str], marks: list[Marks]) -> list[SheetLine]:
        """The texts with their labels and groups, without blank lines."""
        self._follow(lines, marks)
        return [one for one in self._found if not is_blank(one)] if self._blanks else list(self._found)

    def texts(self, lines: list[str], marks: list[Marks]) -> list[Clean]:
        """Every line's text."""
        self._follow(lines, marks)
        return list(map(_TEXT_OF, self._found))

    def _follow(self, lines: list[str], marks: list[Marks]) -> None:
        if lines is self._lines and marks == self._marks:
            return
        start = min(same_start(self._lines, lines), same_start(self._marks, marks))
        end = min(same_end(self._lines, lines, start), same_end(self._marks, marks, start))
        before, stop = len(self._lines), len(lines) - end
        fresh = [SheetLine(at, text_of(lines[at]), *marks[at]) for at in range(start, stop)]
        self._blanks += sum(map(is_blank, fresh)) - sum(map(is_blank, self._found[start : before - end]))
        tail = self._found[before - end :]
        if moved := len(lines) - before:
            tail = [SheetLine(one.line + moved, one.text, one.label, one.group) for one in tail]
        self._found[start:] = [*fresh, *tail]
        self._lines, self._marks = lines, list(marks)


def is_blank(line: SheetLine) -> bool:
    """Whether nothing stands on it."""
    return not line.text or line.text.isspace()


def same_start(before: Sequence[object], after: Sequence[object]) -> int:
    """How many at the start are the same in both; hundreds at a time, since after a key nearly all are."""
    least, start = min(len(before), len(after)), 0
    while start + _AT_ONCE <= least and before[start : start + _AT_ONCE] == after[start : start + _AT_ONCE]:
        start += _AT_ONCE
    while start < least and before[start] == after[start]:
        start += 1
    return start


def same_end(before: Sequence[object], after: Sequence[object], start: int) -> int:
    """How many at the end are the same in both, without the first `start`."""
    least, end, last, other = min(len(before), len(after)) - start, 0, len(before), len(after)
    while (
        end + _AT_ONCE <= least
        and before[last - end - _AT_ONCE : last - end] == after[other - end - _AT_ONCE : other - end]
    ):
        end += _AT_ONCE
    while end < least and before[-1 - end] == after[-1 - end]:
        end += 1
    return end


def paragraphs(lines: Sequence[str]) -> list[str]:
    """The lines between blank ones as one line each."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [BREAK.join(part) for part in found if part]


def text_of(line: str) -> Clean:
    """The text that a line of the sheet stands for."""
    return Clean(clean(line).replace(BREAK, "\n"))


def moved_marks(before: Sequence[str], marks: Sequence[Marks], after: Sequence[str]) -> list[Marks]:
    """Labels and groups of lines after an edit: by text where a line moved, by place where it was typed over."""
    start = same_start(before, after)
    end = same_end(before, after, start)
    gone: dict[str, list[int]] = {}
    for at in range(start, len(before) - end):
        gone.setdefault(before[at], []).append(at)
    middle: list[Marks | None] = []
    for line in after[start : len(after) - end]:
        places = gone.get(line)
        middle.append(marks[places.pop(0)] if places else None)
    left = sorted(at for places in gone.values() for at in places)
    fresh = [place for place, mark in enumerate(middle) if mark is None]
    if len(left) == len(fresh):
        for place, at in zip(fresh, left, strict=True):
            middle[place] = marks[at]
    return [*marks[:start], *(mark or NOTHING for mark in middle), *marks[len(marks) - end :]]
