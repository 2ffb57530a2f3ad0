"""Source text cut into units that are drawn on their own: blocks, list items, table rows, pieces of code.

The cutter reads line by line and never looks back further than the open unit, so that text fed in pieces gives what it
gives fed whole, and a long reply costs no more per character than a short one. Only what stands inside a line is left
to markdown-it.
"""

from __future__ import annotations

import re

from tui.widgets.markdown_kinds import Fence, Kind, Table, Unit
from tui.widgets.markdown_lines import (
    BULLETS,
    CODE_PIECE_LINES,
    DEEPEST,
    DEFINITION,
    DELIMITER,
    FENCE,
    HEADING,
    ITEM,
    LONGEST_LINE,
    LONGEST_UNIT,
    MOST_COLUMNS,
    PLAIN_PIECE_LINES,
    RULE,
    SETEXT,
    TASK,
    UNDECIDED,
    Item,
    aligns_of,
    begins_block,
    split_cells,
)


class UnitSplitter:
    """Cuts text that arrives in pieces; `units` are final, `tail()` is what the open end looks like so far."""

    def __init__(self, *, markdown: bool = True, fences: bool = True) -> None:
        """Without `markdown` only code fences are seen, and without `fences` not even those."""
        self.units: list[Unit] = []
        self.definitions: dict[str, str] = {}
        """Label (normalised as markdown-it does) to address, of the reference definitions seen so far."""
        self.length = 0
        """Characters fed."""
        self._markdown = markdown
        self._fences = fences
        self._rest = ""
        self._rest_is_cut = False
        self._stack: list[Item] = []
        self._marker = ""
        self._marker_start = 0
        self._marker_end = 0
        self._blank = False
        self._last: Kind | None = None
        self._last_in_list = False
        # the open block
        self._kind: Kind | None = None
        self._lines: list[str] = []
        self._size = 0
        self._start = 0
        self._end = 0
        self._gap = 0
        self._level = 0
        self._column = 0
        self._indented = False
        self._ticks = ""
        self._fence: Fence | None = None
        self._pieces = 0
        self._table: Table | None = None

    # feeding

    def feed(self, text: str) -> None:
        """Take more of the source."""
        base = self.length - len(self._rest)
        self.length += len(text)
        text = self._rest + text
        position = 0
        while True:
            newline = text.find("\n", position, position + LONGEST_LINE + 1)
            if newline < 0 and len(text) - position > LONGEST_LINE:
                cut = text.rfind(" ", position + 1, position + LONGEST_LINE) + 1 or position + LONGEST_LINE
                self._take(text[position:cut], base + position, cut=self._rest_is_cut)
                self._rest_is_cut = True
                position = cut
                continue
            if newline < 0:
                break
            self._take(text[position:newline], base + position, cut=self._rest_is_cut)
            self._rest_is_cut = False
            position = newline + 1
        self._rest = text[position:]

    def finish(self) -> None:
        """No more will come."""
        if self._rest:
            self._take(self._rest, self.length - len(self._rest), cut=self._rest_is_cut)
            self._rest = ""
        self._close()
        self._emit_bare_marker()

    def tail(self) -> list[Unit]:
        """The open end as units, as if nothing more came; a last line that may still become anything is held back."""
        rest = self._rest
        if self._kind is Kind.CODE and not (self._indented and self._leaves_code(rest)):
            return [self._open_code(rest)]
        if self._markdown and not self._rest_is_cut:
            bare = rest.lstrip(" \t")
            if UNDECIDED.match(bare) or bare[0] == "|":
                rest = ""
        if self._kind is Kind.TABLE_ROW and (not rest or "|" in rest):
            return []
        scratch = UnitSplitter.__new__(UnitSplitter)
        scratch.__dict__.update(self.__dict__)
        scratch.units = []
        scratch.definitions = {}
        scratch._stack = self._stack.copy()
        scratch._lines = self._lines.copy()
        if self._kind is Kind.TABLE_ROW:
            scratch._kind = None  # closing it would close the real one
        if self._kind is Kind.PARAGRAPH and not rest and self._lines[-1].startswith("|"):
            scratch._lines.pop()  # it may be a table's head
            if not scratch._lines:
                return []
        if rest:
            scratch._take(rest, self.length - len(self._rest), cut=self._rest_is_cut)
        if scratch._kind is Kind.CODE:
            return [*scratch.units, scratch._open_code("")]
        scratch._close()
        return scratch.units

    # one line

    def _take(self, line: str, start: int, *, cut: bool) -> None:
        """Give one whole line to the open block, or begin another."""
        end = start + len(line)
        if self._kind is Kind.CODE:
            self._code_line(line, start, end)
        elif cut:
            self._continue_cut(line, start, end)
        elif not self._markdown:
            self._plain_line(line, start, end)
        else:
            body = line.lstrip(" \t")
            indent = len(line[: len(line) - len(body)].expandtabs(4)) if line[:1] in " \t" else 0
            if body:
                self._text_line(body, indent, start, end)
            else:
                self._blank_line(start, end)

    def _blank_line(self, start: int, end: int) -> None:
        self._close()
        self._blank = True

    def _text_line(self, body: str, indent: int, start: int, end: int) -> None:
        if self._kind is Kind.PARAGRAPH and self._joins_paragraph(body, indent, start, end):
            return
        if self._kind is Kind.TABLE_ROW:
            if "|" in body:
                self._row(body, start, end)
                return
            self._close()
        if self._kind is Kind.QUOTE:
            if body[0] == ">" and not self._leaves_list(body, indent):
                self._add(body, end)
                return
            if not begins_block(body) and not self._blank:
                self._add("> " + body, end)
                return
            self._close()
        self._begin(body, indent, start, end, ITEM.match(body))

    def _leaves_list(self, body: str, indent: int) -> bool:
        return bool(self._stack) and not self._stack[-1].holds(indent)

    def _joins_paragraph(self, body: str, indent: int, start: int, end: int) -> bool:
        """Whether the line belongs to the open paragraph (or ends it as a heading, or makes it a table)."""
        inside = not self._leaves_list(body, indent)
        first = body[0]
        if inside and first in "=-" and SETEXT.match(body):
            if first == "=" or (len(self._lines) == 1 and len(self._lines[0]) < 80 and len(body.rstrip()) != 1):
                self._kind = Kind.HEADING
                self._end = end
                self._level = 1 if first == "=" else 2
                self._close()
                return True
            if len(body.rstrip()) == 2:
                self._add(body, end)
                return True
        if inside and first in "|:-" and "|" in self._lines[-1] and "-" in body and DELIMITER.match(body.rstrip()):
            head = split_cells(self._lines[-1])
            aligns = aligns_of(body)
            if len(head) == len(aligns) <= MOST_COLUMNS and ("|" in body or len(head) == 1):
                self._begin_table(head, aligns, end)
                return True
        if begins_block(body):
            item = ITEM.match(body)
            if item is None or RULE.match(body):
                return False
            if self._stack:
                return False
            if item.group(2) is not None and (first in "-*+" or item.group(1)[:-1] == "1"):
                return False
        if self._size + len(body) > LONGEST_UNIT:
            self._close()
            self._open(Kind.PARAGRAPH, start, gap=0)
        self._add(body, end)
        return True

    def _begin(self, body: str, indent: int, start: int, end: int, item: re.Match[str] | None, depth: int = 0) -> None:
        """Open the block that this line begins; what was open is closed."""
        self._close()
        if self._marker and not depth and self._leaves_list(body, indent):
            self._emit_bare_marker()
        is_rule = body[0] in "-*_" and RULE.match(body) is not None
        if is_rule:
            item = None
        left: Item | None = None
        while self._stack and not self._stack[-1].holds(indent):
            left = self._stack.pop()
        base = self._stack[-1].content if self._stack else 0
        if indent - base >= 4 and not (item and (self._stack or left) and not self._blank):
            self._open_indented(body, indent, base, start, end)
            return
        if item is not None and len(self._stack) < DEEPEST:
            self._begin_item(body, indent, start, end, item, left, depth + 1)
            return
        first = body[0]
        if first in "`~" and (fence := FENCE.match(body)) and not (first == "`" and "`" in fence.group(2)):
            self._open_fence(fence, indent, start, end)
        elif first == "#" and (heading := HEADING.match(body)):
            self._open(Kind.HEADING, start)
            self._level = heading.end()
            text = body[heading.end() :].strip()
            bare = text.rstrip("#")
            self._add(bare.rstrip() if not bare or bare[-1] in " \t" else text, end)
            self._close()
        elif is_rule:
            self._open(Kind.RULE, start)
            self._add("", end)
            self._close()
        elif first == ">":
            self._open(Kind.QUOTE, start)
            self._add(body, end)
        elif first == "[" and (definition := DEFINITION.match(body)):
            label = " ".join(definition.group(1).split()).lower().upper()
            self.definitions.setdefault(label, definition.group(2))
            self._open(Kind.DEFINITION, start)
            self._add(body, end)
            self._close()
        else:
            if self._marker and self._marker[-1] in BULLETS and (task := TASK.match(body)):
                self._marker = "☐" if task.group(1) == " " else "☑"
                body = body[task.end() :]
            self._open(Kind.PARAGRAPH, start)
            self._add(body, end)

    def _begin_item(
        self, body: str, indent: int, start: int, end: int, item: re.Match[str], left: Item | None, depth: int
    ) -> None:
        self._emit_bare_marker()
        mark = item.group(1)
        kind = mark[-1]
        ordered = kind in ".)"
        number = int(mark[:-1]) if ordered else 0
        if left is not None and left.type == kind and ordered:
            number = left.number + 1
        base = self._stack[-1].drawn if self._stack else 0
        if ordered:
            drawn_mark = f"{number}{kind}"
        else:
            drawn_mark = BULLETS[sum(entry.type in "-*+" for entry in self._stack) % len(BULLETS)]
        spaces = len(item.group(2).expandtabs(4)) if item.group(2) else 1
        content = indent + len(mark) + (spaces if spaces <= 4 else 1)
        self._stack.append(Item(indent, content, base + len(drawn_mark) + 1, kind, number))
        self._marker = drawn_mark
        self._marker_start = start
        self._marker_end = end
        if item.group(2) is None:
            return
        rest = body[item.end() :]
        # spaces of 5 and more would make indented code of the item; nobody means that
        self._begin(rest, content, start, end, ITEM.match(rest), depth)

    def _emit_bare_marker(self) -> None:
        """An item without content still shows its bullet."""
        if self._marker:
            self._open(Kind.PARAGRAPH, self._marker_start)
            self._add("", self._marker_end)
            self._close()

    # opening, adding, closing

    def _open(self, kind: Kind, start: int, gap: int | None = None) -> None:
        if gap is None:
            gap = self._gap_before(kind)
        self._kind = kind
        self._lines = []
        self._size = 0
        self._start = start
        self._end = start
        self._gap = gap
        self._blank = False

    def _gap_before(self, kind: Kind) -> int:
        if self._last is None:
            return 0
        if self._last is Kind.HEADING and kind is not Kind.HEADING:
            return 0
        if kind is Kind.HEADING:
            return 1
        if self._last_in_list and self._stack:
            return 0
        if kind is self._last is Kind.DEFINITION:
            return 0
        return 1 if self._blank else 0

    def _add(self, line: str, end: int) -> None:
        if self._kind is Kind.QUOTE and self._size + len(line) > LONGEST_UNIT:
            self._close()
            self._open(Kind.QUOTE, self._end + 1, gap=0)
        self._lines.append(line)
        self._size += len(line) + 1
        self._end = end

    def _close(self) -> None:
        """Make a unit of the open block."""
        kind = self._kind
        if kind is None:
            return
        if kind is Kind.CODE:
            if self._indented:
                while self._lines and not self._lines[-1]:
                    self._lines.pop()
            self._emit_code(closes=True)
            self._fence = None
            self._kind = None
            return
        if kind is Kind.TABLE_ROW:
            assert self._table is not None
            self._table.closed = True
            self._table = None
            self._kind = None
            return
        level = self._level if kind is Kind.HEADING else 0
        self._emit(Unit(kind, self._start, self._end, "\n".join(self._lines), level=level))
        self._kind = None

    def _emit(self, unit: Unit) -> None:
        unit.gap = self._gap
        unit.indent = self._stack[-1].drawn if self._stack else 0
        if self._marker:
            unit.marker = self._marker
            unit.start = min(unit.start, self._marker_start)
            self._marker = ""
        self._gap = 0
        self._last = unit.kind
        self._last_in_list = bool(self._stack)
        self.units.append(unit)

    # code

    def _open_fence(self, fence: re.Match[str], indent: int, start: int, end: int) -> None:
        self._open(Kind.CODE, start)
        self._indented = False
        self._ticks = fence.group(1)
        self._column = indent
        language = next(iter(fence.group(2).split()), "").strip("{}.,:;")[:32]
        self._fence = Fence(language, start=end + 1, end=end + 1)
        self._pieces = 0
        self._end = end

    def _open_indented(self, body: str, indent: int, base: int, start: int, end: int) -> None:
        self._open(Kind.CODE, start)
        self._indented = True
        self._column = base + 4
        self._fence = Fence("", start=start, end=end)
        self._pieces = 0
        self._lines.append(" " * (indent - base - 4) + body)
        self._end = end

    def _code_line(self, line: str, start: int, end: int) -> None:
        assert self._fence is not None
        if self._indented:
            if self._leaves_code(line):
                self._close()
                self._take(line, start, cut=False)
                return
            if not line.strip():
                self._blank = True
            line = self._dedented(line)
        else:
            if self._closes_fence(line):
                self._end = end
                self._close()
                return
            line = self._dedented(line)
        if len(self._lines) >= CODE_PIECE_LINES or self._size > LONGEST_UNIT:
            self._emit_code(closes=False)
            self._start = start
            self._gap = 0
        self._lines.append(line)
        self._size += len(line) + 1
        self._end = self._fence.end = end

    def _leaves_code(self, line: str) -> bool:
        """Whether the line no longer belongs to indented code."""
        body = line.lstrip(" \t")
        return bool(body) and len(line[: len(line) - len(body)].expandtabs(4)) < self._column

    def _closes_fence(self, line: str) -> bool:
        mark = line.strip()
        return len(mark) >= len(self._ticks) and not mark.strip(self._ticks[0])

    def _dedented(self, line: str) -> str:
        """Without the columns that the fence itself is indented by."""
        if not self._column or line[:1] not in " \t":
            return line
        body = line.lstrip(" \t")
        indent = len(line[: len(line) - len(body)].expandtabs(4))
        return " " * max(0, indent - self._column) + body

    def _emit_code(self, *, closes: bool) -> None:
        unit = Unit(Kind.CODE, self._start, self._end, "\n".join(self._lines), lines=len(self._lines), closes=closes)
        unit.fence = self._fence
        unit.piece = self._pieces
        if unit.fence is not None:
            unit.fence.pieces.append(unit.text)
        self._emit(unit)
        self._pieces += 1
        self._lines = []
        self._size = 0

    def _open_code(self, rest: str) -> Unit:
        """The open piece of code with its box closed, so that nothing jumps when the fence closes."""
        lines = self._lines
        if rest and not self._indented and not rest.strip().strip(self._ticks[0]):
            rest = ""  # perhaps the closing fence
        if rest:
            lines = [*lines, self._dedented(rest)]
        return Unit(
            Kind.CODE,
            self._start,
            self.length,
            "\n".join(lines),
            self._gap,
            self._stack[-1].drawn if self._stack else 0,
            self._marker,
            fence=self._fence,
            piece=self._pieces,
            lines=len(lines),
            closes=True,
        )

    # tables

    def _begin_table(self, head: list[str], aligns: list[str], end: int) -> None:
        head_line = self._lines.pop()
        start = self._end - len(head_line)
        if self._lines:
            self._end = start - 1
            self._close()
        table = self._table = Table(aligns, [head])
        self._emit(Unit(Kind.TABLE_HEAD, start, end, head_line, table=table))
        self._kind = Kind.TABLE_ROW
        self._lines = []

    def _row(self, body: str, start: int, end: int) -> None:
        assert self._table is not None
        cells = split_cells(body)[: len(self._table.aligns)]
        cells += [""] * (len(self._table.aligns) - len(cells))
        self._table.rows.append(cells)
        self._gap = 0
        self._emit(Unit(Kind.TABLE_ROW, start, end, body, table=self._table, row=len(self._table.rows) - 1))

    # text without Markdown, and what a too long line goes on as

    def _plain_line(self, line: str, start: int, end: int) -> None:
        body = line.lstrip(" ")
        fence = FENCE.match(body) if self._fences and body[:3] in ("```", "~~~") else None
        if fence is not None and not (body[0] == "`" and "`" in fence.group(2)):
            self._close()
            self._open_fence(fence, len(line) - len(body), start, end)
            self._gap = 0
            return
        if self._kind is not None and (len(self._lines) >= PLAIN_PIECE_LINES or self._size > LONGEST_UNIT):
            self._close()
        if self._kind is None:
            self._open(Kind.PLAIN, start, gap=0)
        self._add(line, end)

    def _continue_cut(self, line: str, start: int, end: int) -> None:
        """The next part of a line that was too long for one unit."""
        self._close()
        kind = Kind.PARAGRAPH if self._markdown else Kind.PLAIN
        self._open(kind, start, gap=0)
        self._add(line, end)
