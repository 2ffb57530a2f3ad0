"""Units drawn as strips of a width: full lines with their background, so that showing them is only choosing them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.widgets.markdown_code import CodeRun, colour
from tui.widgets.markdown_inline import BOLD, CODE, DIM, LINK, QUOTED, Inline, mended, parse_inline, plain
from tui.widgets.markdown_kinds import Kind, Unit
from tui.widgets.markdown_tables import Columns, columns_of
from tui.widgets.markdown_units import DEEPEST, UnitSplitter
from tui.widgets.markdown_wrap import Row, cells, wrap
from tui.widgets.transcript_look import Look

MARGIN: Final = 2
"""Cells at the left of every line, for the mark of who speaks."""
NARROWEST: Final = 4
"""Cells that content gets even where the pane is narrower; what does not fit is cut."""
_ROOMY: Final = 30
"""Cells; a wider pane leaves one free beside its scroll bar."""
_PIECES_CAUGHT_UP: Final = 10
"""Pieces of code above one that may have to be coloured with it; further down a piece begins afresh."""


class Line(NamedTuple):
    """One drawn line and what of it can be selected."""

    strip: Strip
    start: int
    """First selectable character of the strip's text."""
    end: int
    at: int = 0
    """Offset in the unit's text that the line begins with, to find the reading place again at another width."""
    glue: str = "\n"
    """What stands between this line and the next in the source: a line break, a space, or nothing."""


class Page:
    """How wide, in which styles, and behind which mark units are drawn."""

    def __init__(
        self, look: Look, width: int, margin: Segment, references: dict[str, str] | None = None, flags: int = 0
    ) -> None:
        self.look = look
        self.width = width
        self.margin = margin
        self.references = references
        self.flags = flags
        """Flags of `markdown_inline` that all text gets."""
        self.prefix: tuple[Segment, ...] = ()
        """Between the margin and the text: the bars of quotes."""
        self.prefix_cells = 0
        self.depth = 0

    @property
    def room(self) -> int:
        """Cells for content."""
        right = 1 if self.width > _ROOMY else 0
        return max(NARROWEST, self.width - MARGIN - right - self.prefix_cells)

    def blank(self) -> Line:
        """An empty line."""
        segments = [self.margin, *self.prefix]
        used = MARGIN + self.prefix_cells
        start = min(self.width, sum(len(segment.text) for segment in segments))
        return Line(exact(segments, used, self.width, self.look.base), start, start)

    def line(self, segments: Iterable[Segment], used: int, lead: int = 0, at: int = 0, glue: str = "\n") -> Line:
        """A line of these segments, which take `used` cells; the first `lead` characters are ornament."""
        head = [self.margin, *self.prefix]
        start = sum(len(segment.text) for segment in head)
        body = list(segments)
        count = sum(len(segment.text) for segment in body)
        strip = exact(head + body, MARGIN + self.prefix_cells + used, self.width, self.look.base)
        length = len(strip.text) if MARGIN + self.prefix_cells + used > self.width else start + count
        return Line(strip, min(start + lead, length), min(start + max(lead, count), length), at, glue)


def exact(segments: list[Segment], used: int, width: int, base: Style) -> Strip:
    """A strip of exactly `width` cells from segments that take `used`."""
    if used == width:
        return Strip(segments, width)
    if used < width:
        segments.append(Segment(" " * (width - used), base))
        return Strip(segments, width)
    return Strip(segments, used).adjust_cell_length(width, base)


def draw_unit(unit: Unit, page: Page, *, growing: bool = False) -> list[Line]:
    """The lines of a unit, the empty ones above it first; `growing` closes marks that are still open."""
    lines = [page.blank()] * unit.gap
    match unit.kind:
        case Kind.CODE:
            lines += _code(unit, page)
        case Kind.TABLE_HEAD | Kind.TABLE_ROW:
            lines += _table_row(unit, page)
        case Kind.QUOTE:
            lines += _quote(unit, page)
        case Kind.RULE:
            room = _room(unit, page)
            lead = _lead(unit, page)
            lines.append(page.line([*lead, Segment("─" * room, page.look.box)], _indent(unit, page) + room))
        case Kind.HEADING:
            style = page.look.heading if unit.level <= 2 else page.look.heading_minor
            lines += _text(unit, parse_inline(unit.text, page.references, page.flags), page, heading=style)
        case Kind.PLAIN:
            lines += _text(unit, plain(unit.text.expandtabs(4), page.flags), page)
        case Kind.DEFINITION:
            lines += _text(unit, parse_inline(unit.text.replace("[", "\\["), None, page.flags), page)
        case Kind.PARAGRAPH:
            text = mended(unit.text) if growing else unit.text
            lines += _text(unit, parse_inline(text, page.references, page.flags), page)
    return lines


def estimate(unit: Unit, page: Page) -> int:
    """About how many lines `draw_unit` would give, without drawing; exact for code."""
    room = _room(unit, page)
    match unit.kind:
        case Kind.CODE:
            return (
                unit.gap + sum(_code_rows(line, room) for line in _code_lines(unit)) + (unit.piece == 0) + unit.closes
            )
        case Kind.TABLE_HEAD:
            return unit.gap + 2
        case Kind.TABLE_ROW | Kind.RULE:
            return unit.gap + 1
        case _:
            return unit.gap + sum(1 + max(0, len(line) - 1) // room for line in unit.text.split("\n"))


def _indent(unit: Unit, page: Page) -> int:
    """Cells that lists indent the unit by; never more than half of the room."""
    return min(unit.indent, page.room // 2)


def _room(unit: Unit, page: Page) -> int:
    return max(NARROWEST, page.room - _indent(unit, page))


def _lead(unit: Unit, page: Page, *, first: bool = True) -> list[Segment]:
    """The indentation, with the marker in it on the first line."""
    indent = _indent(unit, page)
    if not indent:
        return []
    if first and unit.marker:
        mark = unit.marker[: indent - 1]
        pad = indent - 1 - cells(mark)
        lead = [Segment(" " * pad, page.look.base)] if pad else []
        return [*lead, Segment(mark, page.look.mark), page.look.blank(1)]
    return [page.look.blank(indent)]


def _text(unit: Unit, content: Inline, page: Page, heading: Style | None = None) -> list[Line]:
    """Wrapped text with its looks."""
    room = _room(unit, page)
    indent = _indent(unit, page)
    rest = _lead(unit, page, first=False)
    lead = _lead(unit, page) if unit.marker else rest
    lead_length = sum(len(segment.text) for segment in lead)
    lines: list[Line] = []
    text = content.text
    if "\t" in text:
        text = text.replace("\t", " ")
    position = 0
    run = 0
    for part in text.split("\n"):
        rows = wrap(part, room)
        for number, (row_start, row_end) in enumerate(rows):
            start, end = position + row_start, position + row_end
            segments: list[Segment] = list(lead)
            used, run = _styled(segments, text, start, end, content, run, page, heading)
            last = number == len(rows) - 1
            glue = "\n" if last else " " if rows[number + 1].start > row_end else ""
            lines.append(page.line(segments, indent + used, lead_length, start, glue))
            lead, lead_length = rest, indent
        position += len(part) + 1
    return lines


def _styled(
    segments: list[Segment],
    text: str,
    start: int,
    end: int,
    content: Inline,
    run: int,
    page: Page,
    heading: Style | None,
) -> tuple[int, int]:
    """Append the stretch `start:end` in its looks; gives its cells and the run it ended in."""
    runs = content.runs
    used = 0
    while run < len(runs) and runs[run].end <= start:
        run += 1
    while start < end and run < len(runs):
        stop = min(end, runs[run].end)
        piece = text[start:stop]
        flags = runs[run].flags
        style = (
            heading
            if heading is not None and not flags & (CODE | LINK | DIM)
            else page.look.inline(flags, runs[run].url)
        )
        segments.append(Segment(piece, style))
        used += cells(piece)
        start = stop
        if stop == runs[run].end and start < end:
            run += 1
    return used, run


# code


def _code_lines(unit: Unit) -> list[str]:
    return unit.text.expandtabs(4).split("\n") if unit.lines else []


def _code_rows(line: str, room: int) -> int:
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


def _code(unit: Unit, page: Page) -> list[Line]:
    """A piece of code in its box."""
    assert unit.fence is not None
    room = _room(unit, page)
    indent = _indent(unit, page)
    inner = max(1, room - 4)
    box = inner + 4
    look = page.look
    lead = _lead(unit, page) if unit.marker else _lead(unit, page, first=False)
    rest = _lead(unit, page, first=False)
    lines: list[Line] = []
    if unit.piece == 0:
        title = f" {unit.fence.language} " if unit.fence.language else ""
        if cells(title) > inner:
            title = ""
        rule = "┌" + title + "─" * (box - 2 - cells(title)) + "┐"
        count = sum(len(segment.text) for segment in lead)
        lines.append(page.line([*lead, Segment(rule, look.box)], indent + box, count + len(rule)))
    left, right = Segment("│ ", look.box), Segment(" │", look.box)
    source = _code_lines(unit)
    lead_length = sum(len(segment.text) for segment in rest) + 2
    position = 0
    for text, runs in zip(source, _coloured(unit, source), strict=True):
        cuts = _code_cuts(text, inner)
        for number, (start, end) in enumerate(cuts):
            segments = [*rest, left]
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
            segments.append(right)
            line = page.line(
                segments, indent + 4 + max(inner, used), lead_length, position + start,
                "\n" if number == len(cuts) - 1 else "",
            )  # fmt: skip
            lines.append(line._replace(end=min(line.end, line.start + (end - start))))
        position += len(text) + 1
    if unit.closes:
        rule = "└" + "─" * (box - 2) + "┘"
        lines.append(page.line([*rest, Segment(rule, look.box)], indent + box, indent + len(rule), position))
    return lines


def _coloured(unit: Unit, source: list[str]) -> list[list[CodeRun]]:
    """The piece's lines in looks; goes on where the piece before it ended."""
    fence = unit.fence
    assert fence is not None
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


# tables


def _table_row(unit: Unit, page: Page) -> list[Line]:
    """A row, or the head with its rule."""
    table = unit.table
    assert table is not None
    room = _room(unit, page)
    columns = columns_of(table, room, page.references)
    if columns.records:
        return _record(unit, page, columns)
    look = page.look
    indent = _indent(unit, page)
    lead = _lead(unit, page) if unit.marker else _lead(unit, page, first=False)
    rest = _lead(unit, page, first=False)
    head = unit.kind is Kind.TABLE_HEAD
    flags = page.flags | (BOLD if head else 0)
    contents = [parse_inline(cell, page.references, flags) for cell in table.rows[unit.row]]
    wrapped = [wrap_lines(content.text, width) for content, width in zip(contents, columns.widths, strict=True)]
    lines: list[Line] = []
    for number in range(max(map(len, wrapped))):
        segments = list(lead if number == 0 else rest)
        lead_length = sum(len(segment.text) for segment in segments)
        for column, (content, rows, width) in enumerate(zip(contents, wrapped, columns.widths, strict=True)):
            if column:
                segments.append(Segment(" │ ", look.box))
            piece: list[Segment] = []
            used = 0
            if number < len(rows):
                used, _ = _styled(piece, content.text.replace("\t", " "), *rows[number], content, 0, page, None)
            spare = max(0, width - used)
            align = table.aligns[column]
            left = spare if align == "right" else spare // 2 if align == "center" else 0
            if left:
                segments.append(look.blank(left))
            segments += piece
            if spare - left:
                segments.append(look.blank(spare - left))
        used = sum(cells(segment.text) for segment in segments)
        lines.append(page.line(segments, used, lead_length))
    if head:
        rule = "─┼─".join("─" * width for width in columns.widths)
        lines.append(page.line([*rest, Segment(rule, look.box)], indent + len(rule), indent + len(rule)))
    return lines


def _record(unit: Unit, page: Page, columns: Columns) -> list[Line]:
    """A row of a table that is too wide for the pane: a line for each cell."""
    table = unit.table
    assert table is not None
    if unit.kind is Kind.TABLE_HEAD:
        return [] if len(table.rows) > 1 else _text(unit, plain(" · ".join(table.rows[0]), page.flags), page)
    lines: list[Line] = []
    for number, (head, cell) in enumerate(zip(table.rows[0], table.rows[unit.row], strict=True)):
        if not cell and number:
            continue
        source = f"{head}: {cell}" if head else cell
        part = Unit(Kind.PARAGRAPH, unit.start, unit.end, source, indent=unit.indent + (2 if number else 0))
        if number == 0:
            part.marker = unit.marker
        lines += _text(part, parse_inline(source, page.references, page.flags), page)
    return lines


def wrap_lines(text: str, width: int) -> list[Row]:
    """Rows of a text that may have line breaks."""
    rows: list[Row] = []
    position = 0
    for part in text.split("\n"):
        rows += [Row(position + start, position + end) for start, end in wrap(part, width)]
        position += len(part) + 1
    return rows


# quotes

_QUOTE_MARK = re.compile(r"^>[ \t]?", re.MULTILINE)


def _quote(unit: Unit, page: Page) -> list[Line]:
    """What is quoted, drawn behind a bar."""
    source = _QUOTE_MARK.sub("", unit.text)
    inner = Page(page.look, page.width, page.margin, page.references, page.flags | QUOTED)
    indent = _indent(unit, page)
    lead = _lead(unit, page) if unit.marker else _lead(unit, page, first=False)
    inner.prefix = (*page.prefix, *lead, Segment("▎ ", page.look.box))
    inner.prefix_cells = page.prefix_cells + indent + 2
    inner.depth = page.depth + 1
    splitter = UnitSplitter(markdown=inner.depth < DEEPEST and inner.room > NARROWEST)
    splitter.feed(source)
    splitter.finish()
    lines = [line for part in splitter.units for line in draw_unit(part, inner)]
    return lines or [inner.blank()]
