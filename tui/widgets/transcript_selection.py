"""Text selected with the mouse: where it stands, how it is lit, and what of the source it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.selection import Selection
from textual.strip import Strip

from tui.widgets.markdown_page import Line
from tui.widgets.transcript_message import MessageBlock

LINE_BITS: Final = 20
PIECE_BITS: Final = 20
_END: Final = 1 << 62


def place_of(message: int, piece: int, line: int) -> int:
    """A number for a drawn line that stays the same while text arrives below it; greater is further down."""
    return message << (PIECE_BITS + LINE_BITS) | piece << LINE_BITS | line


def highlighted(line: Line, selection: Selection, place: int, style: Style) -> Strip:
    """The line with what is selected of it lit."""
    span = selection.get_span(place)
    if span is None:
        return line.strip
    start, end = max(line.start, span[0]), line.end if span[1] < 0 else min(line.end, span[1])
    if start >= end:
        return line.strip
    segments: list[Segment] = []
    at = 0
    for text, base, control in line.strip:
        stop = at + len(text)
        a, b = max(start, at) - at, min(end, stop) - at
        if a >= b:
            segments.append(Segment(text, base, control))
        else:
            if a:
                segments.append(Segment(text[:a], base))
            segments.append(Segment(text[a:b], base + style if base else style))
            if b < len(text):
                segments.append(Segment(text[b:], base))
        at = stop
    return Strip(segments, line.strip.cell_length)


def selected_text(blocks: Sequence[MessageBlock], selection: Selection, cut: Callable[[MessageBlock], None]) -> str:
    """The source of what is selected: whole units as they were written, parts of one as they are drawn.

    `cut` makes a message ready that has not been near the pane yet.
    """
    start_y, start_x = (selection.start.y, selection.start.x) if selection.start else (0, 0)
    end_y, end_x = (selection.end.y, selection.end.x) if selection.end else (_END, _END)
    first, last = start_y >> (PIECE_BITS + LINE_BITS), min(end_y >> (PIECE_BITS + LINE_BITS), len(blocks) - 1)
    parts = []
    for index in range(first, last + 1):
        block = blocks[index]
        if not block.is_cut:
            cut(block)
        base = place_of(index, 0, 0)
        part = _of_message(block, (start_y - base, start_x), (end_y - base, end_x))
        if part:
            parts.append(part)
    return "\n\n".join(parts)


def _of_message(block: MessageBlock, start: tuple[int, int], end: tuple[int, int]) -> str:
    """What is selected of one message; the places are counted from its first line and may lie outside of it."""
    first = max(0, start[0] >> LINE_BITS) if start[0] > 0 else 0
    last = min(end[0] >> LINE_BITS, len(block.pieces) - 1)
    body = [index for index in range(first, last + 1) if block.pieces[index].unit is not None]
    text = ""
    run: tuple[int, int] | None = None  # source offsets of whole units in a row
    for index in body or range(first, last + 1):
        lines = block.lines_of(index)
        unit = block.pieces[index].unit
        place = index << LINE_BITS
        before = (start[0] - place, start[1])
        after = (end[0] - place, end[1])
        gap = unit.gap if unit is not None else 0
        begins = lines and before <= (gap, lines[min(gap, len(lines) - 1)].start)
        if unit is not None and begins and after >= (len(lines) - 1, lines[-1].end):
            run = (run[0] if run else unit.start, unit.end)
            continue
        if run:
            text += block.message.text[run[0] : run[1]] + "\n" * (1 + gap)
            run = None
        elif text:
            text += "\n" * gap
        text += _of_lines(lines, before, after)
    if run:
        text += block.message.text[run[0] : run[1]]
    return text.strip("\n")


def _of_lines(lines: Sequence[Line], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Text as it is drawn, without ornaments, rows of one line joined."""
    text = ""
    for number, line in enumerate(lines):
        if not start[0] <= number <= end[0]:
            continue
        a = max(line.start, start[1]) if number == start[0] else line.start
        b = min(line.end, end[1]) if number == end[0] else line.end
        if line.start < line.end or line.glue != "\n":
            text += (line.left if a == line.start else "") + line.strip.text[a:b]
            text += (line.right if b == line.end else "") + line.glue
    return text
