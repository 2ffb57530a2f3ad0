"""One message as pieces with heights: its head, thinking, body, what came with it, and its receipt."""

from __future__ import annotations

import time
from bisect import bisect_right
from functools import cached_property, partial
from itertools import accumulate
from typing import Final

from rich.segment import Segment
from textual.strip import Strip

from tui.core import formats
from tui.core.attachments import attachment_words
from tui.core.conversation import Message, MessageState
from tui.openrouter.text import Clean
from tui.widgets.markdown_kinds import Fence, Kind, Table, Unit
from tui.widgets.markdown_page import MARGIN, Line, Page
from tui.widgets.markdown_strips import draw_unit, estimate
from tui.widgets.markdown_tables import rows_that_count
from tui.widgets.markdown_units import UnitSplitter
from tui.widgets.markdown_wrap import cells, wrap
from tui.widgets.transcript_look import Look
from tui.widgets.transcript_notes import note, receipt_lines, sources, space_below, tool_call
from tui.widgets.transcript_pieces import DrawnPieces, Piece

MARKDOWN_LIMIT: Final = 2_000_000
"""Characters; a longer reply is drawn as plain text."""
_DRAWN_AT_ONCE: Final = 8_192
"""Characters; when more has come at once, only what is in and near the pane is drawn."""
_THOUGHT_PART: Final = 4096
"""Characters of thinking that are drawn together."""


class MessageBlock:
    """A message on screen. Nothing of it is cut or drawn before it comes near the pane."""

    # Defaults stand at the class: thousands of messages are opened at once, and few of them are ever drawn.

    version = -1
    """The message's version that `pieces` or the guessed height stand for."""
    is_cut = False
    """Whether `pieces` stand for the message; before that the height is a guess."""
    thinking_open = False
    renders = 0
    """Pieces drawn so far (tests count them)."""
    _taken = 0
    _is_markdown = False
    _finished = False
    _head = 0
    """Pieces above the body."""
    _closed = 0
    """Pieces of the body that will not change."""
    _open_table: Table | None = None
    _table_at = 0
    """Its first piece, counted in the body."""
    _table_rows = 0
    _thinking_said = ""
    _thinking_since: float | None = None
    _thoughts_cut = 0
    _thoughts_taken = 0
    _page: Page | None = None

    def __init__(self, message: Message, drawn: DrawnPieces) -> None:
        self.message = message
        self.pieces: list[Piece] = []
        self.tops: list[int] = [0]
        """First line of each piece, counted from the top of the message; the last entry is the height."""
        self._drawn = drawn

    # What a message needs only once it comes near the pane: thousands of others are made without.

    @cached_property
    def _splitter(self) -> UnitSplitter:
        return UnitSplitter()

    @cached_property
    def _head_piece(self) -> Piece:
        piece = Piece(self._draw_head)
        piece.lights_up = True
        return piece

    @cached_property
    def _thinking_piece(self) -> Piece:
        return Piece(self._draw_head)

    @cached_property
    def _thought_pieces(self) -> list[Piece]:
        return []

    @cached_property
    def _below_thoughts(self) -> Piece:
        return Piece(lambda page: [page.blank()])

    # heights

    @property
    def height(self) -> int:
        """Lines on screen, measured or guessed."""
        return self.tops[-1]

    def guess(self, width: int) -> None:
        """Set the height from the length of the text, without cutting it."""
        message = self.message
        room = max(4, width - MARGIN)
        lines = 3 + (message.receipt is not None and not message.state.is_open) + bool(message.reasoning)
        lines += message.text.count("\n") + len(message.text) // room
        self.is_cut = False
        self.version = message.version
        self.pieces = []
        self.tops = [lines]

    def piece_at(self, line: int) -> int:
        """Index of the piece that draws this line of the message."""
        return max(0, min(bisect_right(self.tops, line) - 1, len(self.pieces) - 1))

    def lines_of(self, index: int) -> list[Line]:
        """The piece's lines, drawn now if they are not at hand; its height is exact afterwards."""
        piece = self.pieces[index]
        if piece.lines is None:
            assert self._page is not None
            self.renders += 1
            piece.lines = piece.draw(self._page)
            if not piece.passing:
                self._drawn.add(piece)
            if not piece.exact or piece.height != len(piece.lines):
                piece.exact = True
                if piece.height != len(piece.lines):
                    piece.height = len(piece.lines)
                    self._measure(index)
        return piece.lines

    def _measure(self, first: int) -> None:
        """Set the tops of the pieces behind `first` anew."""
        heights = [piece.height for piece in self.pieces[first:]]
        start = self.tops[first]
        del self.tops[first:]
        self.tops += accumulate(heights, initial=start)

    # looks

    def set_page(self, look: Look, width: int) -> None:
        """Draw everything anew from now on, at this width and in this look."""
        bar = "▌ " if self.message.role == "user" else "  "
        page = Page(look, width, Segment(bar, look.you))
        if self._finished and self._splitter.definitions:
            page.references = self._splitter.definitions
        before = self._page
        same_width = before is not None and before.width == width and before.look.wrap_code == look.wrap_code
        self._page = page
        for piece in [
            self._head_piece,
            self._thinking_piece,
            self._below_thoughts,
            *self._thought_pieces,
            *self.pieces,
        ]:
            piece.lines = None
            if not same_width:
                piece.exact = False
                if piece.unit is not None:
                    piece.height = estimate(piece.unit, page)
        if self.pieces:
            self._measure(0)

    # following the message

    def cut(self, look: Look, width: int) -> None:
        """Cut the whole message into pieces with guessed heights."""
        self.is_cut = True
        self.pieces = []
        self.tops = [0]
        self._page = None
        self._begin()
        self.set_page(look, width)
        self._pull(measure=False)

    def _begin(self) -> None:
        """Forget what was taken of the text."""
        message = self.message
        self._is_markdown = message.role == "assistant" and len(message.text) <= MARKDOWN_LIMIT
        self._splitter = UnitSplitter(markdown=self._is_markdown, fences=message.role != "assistant")
        self._taken = 0
        self._closed = 0
        self._finished = False
        self._open_table = None
        self.pieces = []
        self.tops = [0]
        self._head = 0

    def pull(self) -> tuple[int, int]:
        """Take what has come; gives the first and the last changed line of the message (last exclusive)."""
        return self._pull(measure=True)

    def _pull(self, *, measure: bool) -> tuple[int, int]:
        assert self._page is not None
        message = self.message
        text = message.text
        self.version = message.version
        old_height = self.height
        if (
            len(text) < self._taken
            or (self._finished and len(text) > self._taken)
            or (self._is_markdown and len(text) > MARKDOWN_LIMIT)
        ):
            self._begin()
        first = self._redo_head()
        kept = self._head + self._closed
        unchanged = self.tops[kept]
        old = self.pieces[kept:]
        splitter = self._splitter
        if len(text) > self._taken:
            splitter.feed(text[self._taken :])
            self._taken = len(text)
        if not message.state.is_open and not self._finished:
            self._finished = True
            splitter.finish()
        fresh = splitter.units[self._closed :]
        self._closed = len(splitter.units)
        del self.pieces[kept:]
        self.pieces += [self._unit_piece(unit) for unit in fresh]
        if not self._finished:
            self.pieces += [self._unit_piece(unit, growing=True) for unit in splitter.tail()]
        self.pieces += self._foot()
        self._measure(kept)
        if self._finished and splitter.definitions and self._page.references is None:
            self._page.references = splitter.definitions
            first = min(first, self._redraw_references(kept))
        first = min(first, self._follow_table(kept))
        if not measure:
            return 0, max(old_height, self.height)
        begin = self.piece_at(first) if first < unchanged else kept
        if self._length(begin) > _DRAWN_AT_ONCE:
            return min(first, unchanged), max(old_height, self.height)
        for index in range(begin, len(self.pieces)):
            self.lines_of(index)
        if first < unchanged:
            return first, max(old_height, self.height)
        return self._changed_lines(kept, old, old_height)

    def _length(self, begin: int) -> int:
        """Characters of the body in the pieces from there on."""
        return sum(len(piece.unit.text) for piece in self.pieces[begin:] if piece.unit is not None)

    def _changed_lines(self, kept: int, old: list[Piece], old_height: int) -> tuple[int, int]:
        """Compare what was drawn behind the closed pieces with what is drawn there now."""
        before = [line.strip for piece in old for line in piece.lines or ()]
        after = [line.strip for piece in self.pieces[kept:] for line in piece.lines or ()]
        same = _same(before, after)
        top = self.tops[kept]
        if len(before) == len(after):
            return top + same, top + len(after) - _same(before[:same:-1], after[:same:-1])
        return top + same, max(old_height, self.height)

    def _unit_piece(self, unit: Unit, *, growing: bool = False) -> Piece:
        assert self._page is not None
        piece = Piece(lambda page: draw_unit(unit, page, growing=growing), unit, passing=growing)
        piece.height = estimate(unit, self._page)
        return piece

    def _follow_table(self, kept: int) -> int:
        """Let go of the drawn rows of a table whose columns have changed; gives the first line that did."""
        first = self.height
        for index in range(kept, self._head + self._closed):
            unit = self.pieces[index].unit
            if unit is not None and unit.kind is Kind.TABLE_HEAD:
                first = min(first, self._settle_table())
                self._open_table = unit.table
                self._table_at = index - self._head
                self._table_rows = 0
        return min(first, self._settle_table())

    def _settle_table(self) -> int:
        table = self._open_table
        if table is None:
            return self.height
        if table.closed:
            self._open_table = None
        count = rows_that_count(table)
        if count == self._table_rows:
            return self.height
        self._table_rows = count
        begin = self._head + self._table_at
        for piece in self.pieces[begin : self._head + self._closed]:
            if piece.unit is not None and piece.unit.table is table:
                piece.lines = None
                piece.exact = False
        return self.tops[begin]

    def _redraw_references(self, kept: int) -> int:
        """Once the definitions are known, what may refer to them is drawn again; gives the first such line."""
        first = self.height
        wider: dict[int, bool] = {}
        for index, piece in enumerate(self.pieces):
            unit = piece.unit
            if unit is None or unit.kind is Kind.CODE:
                continue
            refers = "[" in unit.text
            if (table := unit.table) is not None:
                # A cell that refers is another width now, and with it the column in every row of its table.
                if id(table) not in wider:
                    wider[id(table)] = any("[" in cell for row in table.rows for cell in row)
                    if wider[id(table)]:
                        table.layouts.clear()
                refers = wider[id(table)]
            if refers and index < kept:
                piece.lines = None
                piece.exact = False
                first = min(first, self.tops[index])
        return first

    # what stands around the body

    def _redo_head(self) -> int:
        """Renew the lines above the body that have changed; gives the first line that did, or the height."""
        head = [self._head_piece, *self._thinking()]
        if head == self.pieces[: self._head] and all(piece.lines is not None for piece in head):
            return self.height
        first = 0
        for old, new, top in zip(self.pieces[: self._head], head, self.tops, strict=False):
            if old is not new or new.lines is None:
                break
            first = top + new.height
        self.pieces[: self._head] = head
        self._head = len(head)
        self.tops = [0]
        self._measure(0)
        return first

    def _draw_head(self, page: Page) -> list[Line]:
        """Who, and when."""
        look = page.look
        message = self.message
        names = {"user": "You", "system": "System", "tool": "Tool"}
        name: str = names.get(message.role, "") or message.model or "Assistant"
        when = formats.clock(message.created_at)
        room = page.room
        if cells(name) + len(when) + 1 > room:
            when = Clean("")
        if cells(name) > room:
            row = wrap(name, max(1, room - 1))[0]
            name = name[row.start : row.end] + "…"
        used = cells(name)
        segments = [Segment(name, look.you if message.role == "user" else look.name)]
        if when:
            segments += [look.blank(room - used - len(when)), Segment(when, look.dim)]
            used = room
        return [page.line(segments, used)]

    def _thinking(self) -> list[Piece]:
        """The folded line of the thinking, and the thinking below it where it is open."""
        if not self.message.reasoning:
            return []
        said = self._thinking_summary()
        if said != self._thinking_said:
            self._thinking_said = said
            self._thinking_piece = Piece(lambda page: note(said, page.look.dim, page))
        if not self.thinking_open:
            return [self._thinking_piece]
        return [self._thinking_piece, *self._thoughts(), self._below_thoughts]

    def _thinking_summary(self) -> str:
        message = self.message
        sign = "▾" if self.thinking_open else "▸"
        count = f"{len(message.reasoning):,} characters"
        if message.state.is_open and not message.text and not message.tool_calls and not message.refusal:
            now = time.monotonic()
            if self._thinking_since is None:
                self._thinking_since = now
            return f"{sign} thinking… {now - self._thinking_since:.0f} s · {count}"
        if message.reasoning_seconds is not None:
            return f"{sign} thought for {formats.duration(message.reasoning_seconds)} · {count}"
        return f"{sign} thought · {count}"

    def _thoughts(self) -> list[Piece]:
        """The thinking in parts; only the last one is drawn again while it grows."""
        text = self.message.reasoning
        if len(text) < self._thoughts_taken:
            self._thought_pieces, self._thoughts_cut, self._thoughts_taken = [], 0, 0
        if len(text) > self._thoughts_taken:
            if self._thoughts_cut < self._thoughts_taken:
                self._thought_pieces.pop()
            self._thoughts_taken = len(text)
            while len(text) - self._thoughts_cut > _THOUGHT_PART:
                cut = text.rfind("\n", self._thoughts_cut, self._thoughts_cut + _THOUGHT_PART) + 1
                cut = cut or self._thoughts_cut + _THOUGHT_PART
                self._thought_pieces.append(self._thought(text[self._thoughts_cut : cut]))
                self._thoughts_cut = cut
            self._thought_pieces.append(self._thought(text[self._thoughts_cut :]))
        return self._thought_pieces

    def _thought(self, text: str) -> Piece:
        text = text.removesuffix("\n")
        return Piece(lambda page: note(text, page.look.dim, page))

    def _foot(self) -> list[Piece]:
        """What stands below the body."""
        message = self.message
        pieces: list[Piece] = []
        if message.attachments:
            said = "\n".join(map(attachment_words, message.attachments))
            pieces.append(Piece(lambda page: note(said, page.look.code["name"], page)))
        if message.refusal:
            pieces.append(Piece(lambda page: note("⊘ refused: " + message.refusal, page.look.warning, page)))
        pieces += [Piece(partial(tool_call, call)) for call in message.tool_calls]
        if message.citations:
            pieces.append(Piece(lambda page: sources(message.citations, page)))
        if message.state is MessageState.WAITING and not message.text and not message.reasoning:
            pieces.append(Piece(lambda page: note("… waiting for the first words", page.look.dim, page)))
        if message.failure is not None:
            failure = message.failure
            pieces.append(Piece(lambda page: note(f"✕ {failure.message}", page.look.error, page)))
            if failure.advice:
                pieces.append(Piece(lambda page: note(f"  {failure.advice}", page.look.dim, page)))
        if state := _STATE_MARKS.get(message.state):
            pieces.append(Piece(lambda page: note(state, page.look.warning, page)))
        elif message.finish_reason in _FINISH_MARKS and not message.state.is_open:
            mark = _FINISH_MARKS[message.finish_reason]
            pieces.append(Piece(lambda page: note(mark, page.look.warning, page)))
        if message.receipt is not None and not message.state.is_open:
            # While it grows, the composer's border counts; here it would be painted again with every token.
            pieces.append(Piece(partial(receipt_lines, message)))
            pieces[-1].lights_up = True
        pieces.append(Piece(space_below))
        for piece in pieces:
            piece.passing = message.state.is_open
        return pieces

    # what others ask

    def is_thinking_line(self, line: int) -> bool:
        """Whether this line folds and opens the thinking."""
        return bool(self.message.reasoning) and self.is_cut and self.piece_at(line) == 1

    def fences(self) -> list[tuple[Fence, int]]:
        """The message's code blocks with the index of their first piece."""
        return [
            (piece.unit.fence, index)
            for index, piece in enumerate(self.pieces)
            if piece.unit is not None and piece.unit.fence is not None and piece.unit.piece == 0
        ]


_STATE_MARKS = {
    MessageState.STOPPED: "■ stopped",
    MessageState.CUT_OFF: "✂ cut off",
    MessageState.UNKNOWN: "? sent, but no answer came: it may have been carried out and billed",
}
_FINISH_MARKS = {
    "length": "✂ the length limit ended the reply",
    "content_filter": "⊘ a content filter ended the reply",
}


def _same(before: list[Strip], after: list[Strip]) -> int:
    """How many lines from the first on are alike."""
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        if old is not new and old != new:
            return index
    return min(len(before), len(after))
