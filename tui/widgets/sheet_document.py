"""The text behind a sheet: lines that are never wrapped, so that a key costs the same with ten or ten thousand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, overload

from rich.cells import cell_len
from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset, Size
from typing_extensions import override

TAB: Final = 4
_STEP: Final = 40


class SheetDocument(Document):
    """Lines that end with `\\n` and nothing else: a text may have other line separators in it, and stays one text.

    Knows the widest line there was, which the base class measures all lines for after each key.
    """

    def __init__(self, text: str) -> None:
        super().__init__("")
        self._lines = text.split("\n")
        self._widest = max(map(len, self._lines)) if text.isascii() and "\t" not in text else _widest(self._lines)

    @override
    def get_size(self, tab_width: int) -> Size:
        # In steps: each change of the size has the whole screen laid out.
        return Size(-(-self._widest // _STEP) * _STEP, len(self._lines))

    @override
    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        (top, left), (bottom, right) = sorted((start, end))
        lines = self._lines
        replaced = self.get_text_range((top, left), (bottom, right))
        before = lines[top][:left] if top < len(lines) else ""
        after = lines[bottom][right:] if bottom < len(lines) else ""
        fresh = text.split("\n")
        fresh[0] = before + fresh[0]
        end_of_fresh = len(fresh[-1])
        fresh[-1] += after
        lines[top : bottom + 1] = fresh
        self._widest = max(self._widest, _widest(fresh))
        return EditResult((top + len(fresh) - 1, end_of_fresh), replaced)


def _widest(lines: Iterable[str]) -> int:
    return max((line_width(line) for line in lines), default=0)


def line_width(line: str) -> int:
    """Cells that a line takes."""
    if line.isascii():
        return len(line) if "\t" not in line else len(line.expandtabs(TAB))
    return cell_len(line.expandtabs(TAB))


class _EachLineOnce:
    """Line and section that stand at a height: nothing is wrapped, so they are the line itself and its first."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def __len__(self) -> int:
        return self._document.line_count

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[int, int]]: ...
    def __getitem__(self, at: int | slice) -> tuple[int, int] | list[tuple[int, int]]:
        if isinstance(at, slice):
            return [(line, 0) for line in range(len(self))[at]]
        return range(len(self))[at], 0


class UnwrappedDocument(WrappedDocument):
    """Answers for a document that is not wrapped; the base class keeps four lists with an entry a line for that."""

    def __init__(self, document: SheetDocument) -> None:
        super().__init__(Document(""))
        self.document = document
        self._tab_width = TAB
        self._offset_to_line_info = _EachLineOnce(document)  # type: ignore[assignment]  # all that is asked of a list

    @property
    @override
    def height(self) -> int:
        return self.document.line_count

    @override
    def wrap(self, width: int, tab_width: int | None = None) -> None: ...

    @override
    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None: ...

    @override
    def get_offsets(self, line_index: int) -> list[int]:
        if not 0 <= line_index < self.document.line_count:
            raise ValueError(f"There is no line {line_index}.")
        return []

    @override
    def get_sections(self, line_index: int) -> list[str]:
        return [self.document[line_index]]

    @override
    def location_to_offset(self, location: Location) -> Offset:
        line, column = location
        line = max(0, min(line, self.document.line_count - 1))
        return Offset(line_width(self.document[line][:column]), line)

    @override
    def offset_to_location(self, offset: Offset) -> Location:
        line = max(0, min(offset.y, self.document.line_count - 1))
        return line, self.get_target_document_column(line, max(0, offset.x), -1)
