"""A transcript that is searched, and whose lines are marked and copied with keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual.geometry import Offset
from textual.message import Message as TextualMessage
from textual.selection import Selection
from textual.strip import Strip
from typing_extensions import override

from tui.core.conversation import Conversation
from tui.widgets.markdown_page import Line
from tui.widgets.transcript_found import Hit, Spans, hits_in, lit, pattern_of, spans_of
from tui.widgets.transcript_paint import PaintedTranscript
from tui.widgets.transcript_pieces import Piece
from tui.widgets.transcript_selection import LINE_BITS, PIECE_BITS, place_of

_END_OF_LINE = 1 << 20


class FindingTranscript(PaintedTranscript):
    """Hits are found in the source of messages and lit where they are drawn."""

    CODE_STEP: ClassVar[int] = 8
    """Cells by which long lines of code are moved at once."""

    @dataclass
    class Found(TextualMessage):
        """The search has moved: which hit of how many is shown (0: none)."""

        transcript: FindingTranscript
        number: int
        total: int

        @property
        @override
        def control(self) -> FindingTranscript:
            return self.transcript

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._pattern: re.Pattern[str] | None = None
        self._hit: Hit | None = None
        self._hit_line: tuple[Piece, int] | None = None
        self._spans: dict[Piece, tuple[list[Line], Spans]] = {}
        self._marked_from: int | None = None
        """Place of the line where marking began; None while nothing is marked with keys."""
        self._marked_to = 0
        super().__init__(name=name, id=id, classes=classes)

    # searching

    @property
    def is_searching(self) -> bool:
        """Whether hits are lit."""
        return self._pattern is not None

    def find(self, words: str) -> None:
        """Light all hits and go to the first below the top of the pane; no words end the search."""
        self._pattern = pattern_of(words)
        self._spans.clear()
        self._hit = self._hit_line = None
        if self._pattern is not None and self.blocks:
            hits = hits_in(self._messages, self._pattern)
            here = self.block_at(self.scroll_offset.y)
            self._go_to_hit(hits, next((at for at, hit in enumerate(hits) if hit.message >= here), len(hits) - 1))
        self.refresh()
        self.refresh_bindings()

    def step_hit(self, step: int) -> None:
        """Go to the next hit or the one before; behind the last comes the first."""
        if self._pattern is None:
            return
        hits = hits_in(self._messages, self._pattern)
        if not hits:
            self._go_to_hit(hits, -1)
            return
        if self._hit is None:
            at = 0 if step > 0 else len(hits) - 1
        elif self._hit in hits:
            at = (hits.index(self._hit) + step) % len(hits)
        else:
            at = next((number for number, hit in enumerate(hits) if hit > self._hit), 0)
        self._go_to_hit(hits, at)

    def _go_to_hit(self, hits: list[Hit], at: int) -> None:
        self._hit_line = None
        if not 0 <= at < len(hits):
            self.post_message(self.Found(self, 0, len(hits)))
            return
        hit = self._hit = hits[at]
        index = self._piece_of(hit)
        block = self.blocks[hit.message]
        unit = block.pieces[index].unit
        if unit is not None and self._pattern is not None:
            earlier = sum(unit.start <= one.offset < hit.offset for one in hits if one.message == hit.message)
            _, lines = spans_of(block.lines_of(index), self._pattern)
            if lines:
                self._hit_line = block.pieces[index], lines[min(earlier, len(lines) - 1)]
        self.bring_line_into_view(hit.message, index, self._hit_line[1] if self._hit_line else 0)
        self.refresh()
        self.post_message(self.Found(self, at + 1, len(hits)))

    def _piece_of(self, hit: Hit) -> int:
        """Which piece of its message draws the hit."""
        height = self.blocks[hit.message].height
        block = self._prepare(hit.message)
        found = 0
        for index, piece in enumerate(block.pieces):
            if piece.unit is not None and piece.unit.start <= hit.offset:
                found = index
                if hit.offset < piece.unit.end:
                    break
        block.lines_of(found)
        if block.height != height:
            self._measure(hit.message)
            self._set_height()
        return found

    @override
    def decorated(self, strip: Strip, piece: Piece, lines: list[Line], number: int) -> Strip:
        if self._pattern is None or piece.unit is None:
            return strip
        known = self._spans.get(piece)
        if known is None or known[0] is not lines:
            known = self._spans[piece] = lines, spans_of(lines, self._pattern)[0]
        spans = known[1].get(number)
        if not spans:
            return strip
        here = self._hit_line == (piece, number)
        return lit(strip, spans, self._found_style(here=here))

    def _found_style(self, *, here: bool) -> Style:
        return self.look.found_here if here else self.look.found

    # marking with keys

    @property
    def is_marking(self) -> bool:
        """Whether lines are being marked with keys."""
        return self._marked_from is not None

    def begin_marking(self) -> None:
        """Mark the first line in view, of the selected message if one is."""
        if not self.blocks:
            return
        y = self.scroll_offset.y
        if self.cursor is not None and self.tops[self.cursor] <= y + self.page - 1:
            # behind its head, where its text begins
            y = max(y, min(self.tops[self.cursor] + 1, self.tops[self.cursor + 1] - 1))
        self._marked_from = self._marked_to = self._place_at(y)
        self._show_marked()

    def move_mark(self, lines: int) -> None:
        """Move the end of what is marked."""
        message = self._marked_to >> (PIECE_BITS + LINE_BITS)
        piece = self._marked_to >> LINE_BITS & (1 << PIECE_BITS) - 1
        block = self.blocks[message]
        y = self.tops[message] + block.tops[piece] + (self._marked_to & (1 << LINE_BITS) - 1)
        y = max(0, min(y + lines, self.tops[-1] - 1))
        self._marked_to = self._place_at(y)
        # what was measured meanwhile may have moved it
        message = self._marked_to >> (PIECE_BITS + LINE_BITS)
        piece = self._marked_to >> LINE_BITS & (1 << PIECE_BITS) - 1
        self.bring_line_into_view(message, piece, self._marked_to & (1 << LINE_BITS) - 1)
        self._show_marked()

    def end_marking(self) -> str | None:
        """The source of what was marked, which is marked no more; None where nothing was."""
        if self._marked_from is None:
            return None
        selection = self.text_selection
        text = self.get_selection(selection) if selection is not None else None
        self._marked_from = None
        self.screen.clear_selection()
        self.refresh_bindings()
        return text[0] if text is not None else None

    def _show_marked(self) -> None:
        assert self._marked_from is not None
        first, last = sorted((self._marked_from, self._marked_to))
        self.screen.selections = {self: Selection(Offset(0, first), Offset(_END_OF_LINE, last))}
        self.refresh_bindings()

    def _place_at(self, y: int) -> int:
        """The place of a line of the whole."""
        message = self.block_at(y)
        line = y - self.tops[message]
        block = self._prepare(message)
        piece = block.piece_at(line)
        block.lines_of(piece)
        if block.height != self.tops[message + 1] - self.tops[message]:
            self._measure(message)
            self._set_height()
        return place_of(message, piece, max(0, min(line - block.tops[piece], block.pieces[piece].height - 1)))

    def bring_line_into_view(self, message: int, piece: int, line: int) -> None:
        """Scroll so that a line is seen, with some lines around it; one that is seen stays where it is."""
        y = self.tops[message] + self.blocks[message].tops[piece] + line
        top, page = self.scroll_offset.y, self.page
        if not top <= y < top + page:
            around = page // 3
            self.scroll_to(y=y - around if y < top else y - page + 1 + around, animate=False, force=True)

    @override
    def _clear_selection(self) -> None:
        self._marked_from = None
        super()._clear_selection()

    @override
    def show(self, conversation: Conversation | None) -> None:
        self._pattern = self._hit = self._hit_line = None
        self._spans.clear()
        super().show(conversation)

    # long lines of code

    def set_code_wrap(self, wrap: bool) -> None:
        """Wrap long lines of code, or cut them at the edge so that they can be moved; the reading place stays."""
        if wrap != self.wrap_code:
            self.wrap_code, self.code_shift = wrap, 0
            self._look = None
            if self._width:
                self._rewrap(self._width)
            self.refresh_bindings()

    def shift_code(self, cells: int) -> None:
        """Move all long lines of code to the left; to the right with negative cells."""
        shift = max(0, self.code_shift + cells)
        if not self.wrap_code and shift != self.code_shift:
            self.code_shift = shift
            self.restyle()
