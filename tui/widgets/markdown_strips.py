"""Units drawn as strips of a width: full lines with their background, so that showing them is only choosing them."""

from __future__ import annotations

import re

from rich.segment import Segment
from rich.style import Style

from tui.widgets.markdown_code_box import code_box, code_lines, code_rows
from tui.widgets.markdown_inline import BOLD, CODE, DIM, LINK, QUOTED, Inline, mended, parse_inline, plain
from tui.widgets.markdown_kinds import Kind, Unit
from tui.widgets.markdown_lines import DEEPEST
from tui.widgets.markdown_page import NARROWEST, Line, Page, indent_of, lead_of, room_of
from tui.widgets.markdown_tables import Columns, columns_of
from tui.widgets.markdown_units import UnitSplitter
from tui.widgets.markdown_wrap import Row, cells, wrap


def draw_unit(unit: Unit, page: Page, *, growing: bool = False) -> list[Line]:
    """The lines of a unit, the empty ones above it first; `growing` closes marks that are still open."""
    lines = [page.blank()] * unit.gap
    match unit.kind:
        case Kind.CODE:
            lines += code_box(unit, page)
        case Kind.TABLE_HEAD | Kind.TABLE_ROW:
            lines += _table_row(unit, page)
        case Kind.QUOTE:
            lines += _quote(unit, page)
        case Kind.RULE:
            room = room_of(unit, page)
            lead = lead_of(unit, page)
            lines.append(page.line([*lead, Segment("─" * room, page.look.box)], indent_of(unit, page) + room))
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
    room = room_of(unit, page)
    match unit.kind:
        case Kind.CODE:
            rows = unit.lines
            if page.look.wrap_code:
                rows = sum(code_rows(line, room) for line in code_lines(unit))
            return unit.gap + rows + (unit.piece == 0) + unit.closes
        case Kind.TABLE_HEAD:
            return unit.gap + 2
        case Kind.TABLE_ROW | Kind.RULE:
            return unit.gap + 1
        case _:
            return unit.gap + sum(1 + max(0, len(line) - 1) // room for line in unit.text.split("\n"))


def _text(unit: Unit, content: Inline, page: Page, heading: Style | None = None) -> list[Line]:
    """Wrapped text with its looks."""
    room = room_of(unit, page)
    indent = indent_of(unit, page)
    rest = lead_of(unit, page, first=False)
    lead = lead_of(unit, page) if unit.marker else rest
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


# tables


def _table_row(unit: Unit, page: Page) -> list[Line]:
    """A row, or the head with its rule."""
    table = unit.table
    assert table is not None
    room = room_of(unit, page)
    columns = columns_of(table, room, page.references)
    if columns.records:
        return _record(unit, page, columns)
    look = page.look
    indent = indent_of(unit, page)
    lead = lead_of(unit, page) if unit.marker else lead_of(unit, page, first=False)
    rest = lead_of(unit, page, first=False)
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
    indent = indent_of(unit, page)
    lead = lead_of(unit, page) if unit.marker else lead_of(unit, page, first=False)
    inner.prefix = (*page.prefix, *lead, Segment("▎ ", page.look.box))
    inner.prefix_cells = page.prefix_cells + indent + 2
    inner.depth = page.depth + 1
    splitter = UnitSplitter(markdown=inner.depth < DEEPEST and inner.room > NARROWEST)
    splitter.feed(source)
    splitter.finish()
    lines = [line for part in splitter.units for line in draw_unit(part, inner)]
    return lines or [inner.blank()]
