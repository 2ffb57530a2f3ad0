"""Code in its box: wrapped at the edge, or cut at both edges and moved."""

from __future__ import annotations

from typing import Final

from rich.segment import Segment

from tui.widgets.markdown_code import PLAIN, CodeRun, colour, is_ready
from tui.widgets.markdown_kinds import Unit
from tui.widgets.markdown_page import Line, Page, indent_of, lead_of, room_of
from tui.widgets.markdown_wrap import Row, cells
from tui.widgets.transcript_look import Look

_PIECES_CAUGHT_UP: Final = 10
"""Pieces of code above one that may have to be coloured with it; further down a piece begins afresh."""


def code_lines(unit: Unit) -> list[str]:
    return unit.text.expandtabs(4).split("\n") if unit.lines else []


def code_rows(line: str, room: int) -> int:
    """Rows that a line of code takes."""
    inner = max(1, room - 4)
    size = cells(line)
    if size <= inner:
        return 1
    if line.isascii():
        return -(-size // inner)
    return len(_code_cuts(line, inner))


def _code_cuts(line: str, inner: int) -> list[Row]:
    """Where a long line of code is broken: at the edge, wherever that is."""
    if cells(line) <= inner:
        return [Row(0, len(line))]
    if line.isascii():
        return [Row(at, min(at + inner, len(line))) for at in range(0, len(line), inner)]
    from rich.cells import split_graphemes

    rows = []
    start = size = 0
    for begin, _end, width in split_graphemes(line)[0]:
        if size and size + width > inner:
            rows.append(Row(start, begin))
            start, size = begin, 0
        size += width
    rows.append(Row(start, len(line)))
    return rows


def _seen(line: str, shift: int, inner: int) -> Row:
    """What is seen of a line that is not wrapped, after `shift` cells."""
    if line.isascii():
        return Row(min(shift, len(line)), min(shift + inner, len(line)))
    from rich.cells import split_graphemes

    at = 0
    start = end = len(line)
    for begin, _end, width in split_graphemes(line)[0]:
        if start == len(line) and at >= shift:
            start = begin
        if at + width > shift + inner:
            end = begin
            break
        at += width
    return Row(min(start, end), end)


def code_box(unit: Unit, page: Page) -> list[Line]:
    """A piece of code in its box."""
    assert unit.fence is not None
    room = room_of(unit, page)
    indent = indent_of(unit, page)
    inner = max(1, room - 4)
    box = inner + 4
    look = page.look
    lead = lead_of(unit, page) if unit.marker else lead_of(unit, page, first=False)
    rest = lead_of(unit, page, first=False)
    lines: list[Line] = []
    if unit.piece == 0:
        title = f" {unit.fence.language} " if unit.fence.language else ""
        if cells(title) > inner:
            title = ""
        rule = "┌" + title + "─" * (box - 2 - cells(title)) + "┐"
        count = sum(len(segment.text) for segment in lead)
        lines.append(page.line([*lead, Segment(rule, look.box)], indent + box, count + len(rule)))
    left, right = Segment("│ ", look.box), Segment(" │", look.box)
    source = code_lines(unit)
    lead_length = sum(len(segment.text) for segment in rest) + 2
    position = 0
    for text, runs in zip(source, _coloured(unit, source, look), strict=True):
        cuts = _code_cuts(text, inner) if look.wrap_code else [_seen(text, look.code_shift, inner)]
        for number, (start, end) in enumerate(cuts):
            hidden_left, hidden_right = not look.wrap_code and start > 0, not look.wrap_code and end < len(text)
            segments = [*rest, Segment("‹ ", look.mark) if hidden_left else left]
            used = 0
            at = 0
            for value, name in runs:
                stop = at + len(value)
                if stop > start and at < end:
                    piece = value[max(0, start - at) : end - at]
                    segments.append(Segment(piece, look.code[name]))
                    used += cells(piece)
                at = stop
            if used < inner:
                segments.append(Segment(" " * (inner - used), look.code["plain"]))
            segments.append(Segment(" ›", look.mark) if hidden_right else right)
            line = page.line(
                segments, indent + 4 + max(inner, used), lead_length, position + start,
                "\n" if number == len(cuts) - 1 else "",
            )  # fmt: skip
            line = line._replace(end=min(line.end, line.start + (end - start)))
            if hidden_left or hidden_right:
                line = line._replace(left=text[:start], right=text[end:])
            lines.append(line)
        position += len(text) + 1
    if unit.closes:
        rule = "└" + "─" * (box - 2) + "┘"
        lines.append(page.line([*rest, Segment(rule, look.box)], indent + box, indent + len(rule), position))
    return lines


def _coloured(unit: Unit, source: list[str], look: Look) -> list[list[CodeRun]]:
    """The piece's lines in looks; goes on where the piece before it ended."""
    fence = unit.fence
    assert fence is not None
    if look.awaited is not None and not is_ready(fence.language):
        look.awaited.add(fence.language)
        return [[CodeRun(line, PLAIN)] for line in source]
    states = fence.states
    if unit.piece - len(states) > _PIECES_CAUGHT_UP:
        return colour(fence.language, source, None)[0]
    while len(states) < unit.piece:
        before = fence.pieces[len(states)].expandtabs(4).split("\n")
        states.append(colour(fence.language, before, states[-1] if states else None)[1])
    runs, state = colour(fence.language, source, states[unit.piece - 1] if unit.piece else None)
    if len(states) == unit.piece and not unit.closes:
        states.append(state)
    return runs
