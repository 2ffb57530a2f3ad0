"""Painting a transcript's lines, and selecting them with the mouse."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Self

from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.worker import Worker
from typing_extensions import override

from tui.widgets.markdown_code import make_ready
from tui.widgets.markdown_page import MARGIN, Line, exact
from tui.widgets.markdown_wrap import cells
from tui.widgets.transcript_pane import TranscriptPane
from tui.widgets.transcript_pieces import Piece
from tui.widgets.transcript_selection import highlighted, place_of, selected_text


class PaintedTranscript(TranscriptPane):
    """Gives Textual the lines it asks for; those that did not change are at hand."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        # before anything else: Textual refreshes a widget while it is being made
        self._painted: dict[int, Strip] = {}
        self._painted_for: object = None
        self._makes_colours = False
        self.paints = 0
        """Lines painted so far (tests count them)."""
        super().__init__(name=name, id=id, classes=classes)

    # painting

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        """The drawn lines themselves where no border or opacity has to be put around them: they keep their escape
        sequences, so that painting one again costs next to nothing."""
        styles = self.styles
        if styles.gutter != (0, 0, 0, 0) or self.opacity != 1.0 or styles.tint.a or styles.has_rule("hatch"):
            return super().render_lines(crop)
        # Textual asks for all lines whichever it paints, so those that did not change are at hand
        key = (self.scroll_offset.y, self.page, self._width, self._following and self.new_lines)
        if key != self._painted_for:
            self._painted_for = key
            self._painted.clear()
        painted = self._painted
        if missing := [y for y in crop.line_range if y not in painted]:
            self.paints += len(missing)
            background = self.background_colors[1]
            filters = self.get_line_filters()
            if self.look.is_true_colour:
                filters = [one for one in filters if not isinstance(one, ANSIToTruecolor)]
            for y in missing:
                strip = self._line_at(y, offsets=False)
                for line_filter in filters:
                    strip = strip.apply_filter(line_filter, background)
                painted[y] = strip
        if self.awaited_languages and not self._makes_colours:
            self._makes_colours = True
            _: Worker[None] = self.run_worker(self._make_colours, group="colours")
        strips = [painted[y] for y in crop.line_range]
        left, right = crop.column_span
        if (left, right) != (0, self.columns):
            strips = [strip.crop_extend(left, right, self.look.base) for strip in strips]
        return strips

    async def _make_colours(self) -> None:
        """Make what colours the code that was drawn plain, beside everything else, and draw again."""
        try:
            while languages := tuple(self.awaited_languages):
                await asyncio.to_thread(make_ready, languages)
                self.awaited_languages.difference_update(languages)
                self.redraw()
        finally:
            self._makes_colours = False

    @override
    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Ask for a new painting, of these regions or of all."""
        if regions and not layout:
            for region in regions:
                for y in region.line_range:
                    self._painted.pop(y, None)
        else:
            self._painted.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @override
    def render_line(self, y: int) -> Strip:
        """A line of the pane, with the offsets that selecting with the mouse asks for."""
        return self._line_at(y, offsets=True)

    def _line_at(self, y: int, *, offsets: bool) -> Strip:
        width = self.columns
        look = self.look
        if self.new_lines and not self._following and y == self.page - 1:
            return self._unread_line(width)
        y += self.scroll_offset.y
        blank = Strip.blank(width, look.base)
        if y >= self.tops[-1] or not self.blocks or width != self._width:
            return blank
        index = self.block_at(y)
        block = self.blocks[index]
        if not block.is_cut:
            return blank
        inside = y - self.tops[index]
        at = block.piece_at(inside)
        piece = block.pieces[at]
        number = inside - block.tops[at]
        lines = piece.lines if piece.lines is not None else block.lines_of(at)
        if number >= len(lines):
            return blank
        self._drawn.touch(piece)
        line = lines[number]
        strip = line.strip
        selection = self.text_selection
        if selection is not None:
            strip = highlighted(line, selection, place_of(index, at, number), self._selection_style)
        strip = self.decorated(strip, piece, lines, number)
        if index == self.cursor and self.has_focus and at < len(block.pieces) - 1:
            strip = self._marked(strip, piece, number)
        if offsets:
            strip = strip.apply_offsets(0, place_of(index, at, number))
        return strip

    def decorated(self, strip: Strip, piece: Piece, lines: list[Line], number: int) -> Strip:
        """A line of a piece with what is found on it lit."""
        return strip

    def _marked(self, strip: Strip, piece: Piece, number: int) -> Strip:
        """A line of the selected message: a bar in the margin, its head and receipt lit, a marked code block framed."""
        look = self.look
        unit = piece.unit
        framed = unit is not None and unit.fence is not None and unit.fence is self.marked_fence and number >= unit.gap
        lit: dict[int, Style] = {id(look.box): look.cursor} if framed else {}
        if piece.lights_up:
            lit = {id(look.dim): look.receipt_lit, id(look.name): look.cursor, id(look.you): look.cursor}
        bar = Segment("█ " if framed else "┃ ", look.cursor)
        rest = list(strip)[1:]
        if lit:
            rest = [Segment(text, lit.get(id(style), style), control) for text, style, control in rest]
        return Strip([bar, *rest], strip.cell_length)

    def _unread_line(self, width: int) -> Strip:
        """How much has come below the pane."""
        lines = "line" if self.new_lines == 1 else "lines"
        said = f"↓ {self.new_lines:,} new {lines}"
        segments = [Segment(" " * MARGIN, self.look.base), Segment(said, self.look.unread)]
        return exact(segments, MARGIN + cells(said), width, self.look.base)

    # selecting with the mouse

    @property
    def _selection_style(self) -> Style:
        style = self.screen.get_component_rich_style("screen--selection")
        # It has a background alone: its colour would be that of the background.
        return Style(bgcolor=style.bgcolor) if style.bgcolor is not None else Style(reverse=True)

    @override
    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    @override
    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The source text of what is selected."""
        if not self.blocks:
            return None
        heights = list(map(attrgetter("height"), self.blocks))
        text = selected_text(self.blocks, selection, lambda block: block.cut(self.look, self._width))
        if heights != list(map(attrgetter("height"), self.blocks)):
            self._measure(0)
            self._set_height()
        return text, "\n"
