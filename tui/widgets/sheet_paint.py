"""Painting the lines of a sheet: those that look as they did are at hand, and no others reach the terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.document._document_navigator import DocumentNavigator
from textual.filter import LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult
from typing_extensions import override

from tui.openrouter.text import Clean
from tui.widgets.framed_line import Edges, border_line, drawn_edges, framed
from tui.widgets.group_marks import GroupMark
from tui.widgets.quick_text_area import QuickTextArea
from tui.widgets.sheet_document import TAB, SheetDocument, UnwrappedDocument, line_width

SELECTED: Final = "▌"
STALE: Final = "*"
"""The text has no vector, or has changed since it had one."""

Look = tuple[object, ...]
"""All that a line's appearance depends on, besides the theme."""


class PaintedSheet(QuickTextArea):
    """Textual draws every visible line anew for each key, and sends all of them to the terminal."""

    def __init__(self, **options: Any) -> None:
        # Before all else: the base class asks how wide the gutter is, and refreshes.
        self._group_marks: dict[str, GroupMark] = {}
        self._stale: frozenset[int] = frozenset()
        self._painted: dict[int, tuple[Look, Strip]] = {}
        """By line of the pane."""
        self._painted_for: Look = ()
        self._edges: Edges | None = None
        self._styles_of: dict[str, Style] = {}
        """By part; "" is the pane's own."""
        self._all_asked = True
        """Whether a new painting of the whole was asked for."""
        super().__init__(**options)

    def marks_at(self, line: int) -> tuple[Clean, Clean]:
        """Label and group of a line."""
        raise NotImplementedError

    @override
    def _set_document(self, text: str, language: str | None) -> None:
        document = SheetDocument(text)
        self.document = document
        self.wrapped_document = UnwrappedDocument(document)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._refresh_size()

    def show_groups(self, marks: Mapping[str, GroupMark]) -> None:
        """Draw these marks beside the lines of the groups."""
        if marks != self._group_marks:
            self._group_marks = dict(marks)
            # The gutter may be another now, and with it the room for the text.
            self._refresh_size()
            self.refresh()

    def mark_stale(self, lines: Collection[int]) -> None:
        """Mark these lines as without a vector."""
        stale = frozenset(lines)
        if stale != self._stale:
            self._stale = stale
            self.refresh()

    @property
    @override
    def gutter_width(self) -> int:
        return super().gutter_width + (2 if self._group_marks else 1)

    @override
    def edit(self, edit: Edit) -> EditResult:
        # The base class has painted at once what is known to be dirty by then.
        self.screen._dirty_widgets.add(self)
        return super().edit(edit)

    # What is painted

    @override
    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Any:
        self._all_asked = self._all_asked or not regions
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @override
    def _exchange_repaint_regions(self) -> Collection[Region]:
        """Of a whole that is to be painted, the lines that look different from what is on the screen."""
        regions = super()._exchange_repaint_regions()
        all_asked, self._all_asked = self._all_asked, False
        if not all_asked or self._painted_for != self._whole_look():
            return regions
        width, height = self.outer_size
        painted = self._painted
        looks = enumerate(self._looks(range(height)))
        return [Region(0, y, width, 1) for y, look in looks if y not in painted or painted[y][0] != look]

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painted.clear()
        self._edges = None
        self._styles_of.clear()

    def _whole_look(self) -> Look:
        return (self.outer_size, self.background_colors[1], self.theme, *self.get_line_filters())

    def _looks(self, lines: range) -> list[Look]:
        """Of each line of the pane; what is the same for all of them is asked once."""
        gutter, height = self.styles.gutter, self.outer_size.height
        scroll_x, scroll_y = self.scroll_offset
        document, count = self.document, self.document.line_count
        selection, bracket = self.selection, self._matching_bracket_location
        cursor: Look = (selection, self._draw_cursor, bracket)
        top, bottom = sorted((selection.start[0], selection.end[0]))
        empty = count == 1 and not document[0]  # then what could be is written over all lines, beside the cursor
        common = (scroll_x, self.gutter_width, empty)
        looks: list[Look] = []
        for y in lines:
            if not gutter.top <= y < height - gutter.bottom:
                titles = [title for title in (self._border_title, self._border_subtitle) if title is not None]
                looks.append(tuple((title.plain, *title.spans) for title in titles))
                continue
            line = y - gutter.top + scroll_y
            lit = top <= line <= bottom or (bracket is not None and bracket[0] == line) or empty
            text = document[line] if line < count else None
            group = self._group_marks.get(self.marks_at(line)[1]) if self._group_marks else None
            looks.append((line, text, cursor if lit else None, line in self._stale, group, *common))
        return looks

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        whole = self._whole_look()
        if whole != self._painted_for:
            self._painted_for = whole
            self._painted.clear()
            self._edges = None
            self._styles_of.clear()
        if (theme := self._theme) is not self._styled_theme:
            theme.apply_css(self)
            self._styled_theme = theme
            self._styles_of.clear()
        painted = self._painted
        text_width = self.scrollable_content_region.width
        filters, background = self.get_line_filters(), self.background_colors[1]
        strips = []
        for y, look in zip(crop.line_range, self._looks(crop.line_range), strict=True):
            if y not in painted or painted[y][0] != look:
                painted[y] = look, self._paint(y, text_width, filters, background)
            strips.append(painted[y][1])
        start, end = crop.column_span
        if (start, end) != (0, self.outer_size.width):
            strips = [strip.crop(start, end) for strip in strips]
        return strips

    def _paint(self, y: int, width: int, filters: Sequence[LineFilter], background: Color) -> Strip:
        """A line of the pane, `width` cells of it text."""
        gutter, outer = self.styles.gutter, self.outer_size
        if not gutter.top <= y < outer.height - gutter.bottom:
            return border_line(self, y)
        if self._edges is None:
            self._edges = drawn_edges(self)
        base = self._style("")
        strip = self.render_line(y - gutter.top).adjust_cell_length(width, base)
        for line_filter in filters:
            strip = strip.apply_filter(line_filter, background)
        return framed(strip._segments, width, self._edges, outer.width - gutter.width - width, base)

    def _style(self, part: str) -> Style:
        """Textual works a style out anew each time it is asked."""
        style = self._styles_of.get(part)
        if style is None:
            style = self.get_component_rich_style(f"sheet-text--{part}", partial=True) if part else self.rich_style
            self._styles_of[part] = style
        return style

    @override
    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        document = self.document
        if document.line_count == 1 and not document[0]:
            # With nothing written, what could be is there.
            return TextArea.render_line(self, y)
        if line >= document.line_count:
            return Strip.blank(self.size.width, self._base_style())
        top, bottom = sorted((self.selection.start[0], self.selection.end[0]))
        bracket = self._matching_bracket_location
        if top <= line <= bottom or (bracket is not None and bracket[0] == line):
            strip = self._render_line(y)
            number, *text = strip
            return Strip([*self._gutter(line, number.style or Style()), *text], strip.cell_length)
        return self._plain_line(line)

    def _base_style(self) -> Style:
        return self._theme.base_style or self._style("")

    def _plain_line(self, line: int) -> Strip:
        """A line without cursor or selection."""
        base = self._base_style()
        number = base + self._theme.gutter_style if self._theme.gutter_style is not None else base
        room = max(0, self.size.width - self.gutter_width)
        text, start = self.document[line], self.scroll_offset.x
        if text.isascii() and "\t" not in text:
            shown = Segment(text[start : start + room].ljust(room), base)
            return Strip([*self._gutter(line, number), shown], self.gutter_width + room)
        whole = Strip([Segment(text.expandtabs(TAB), base)], line_width(text))
        return Strip(
            [*self._gutter(line, number), *whole.crop_extend(start, start + room, base)], self.gutter_width + room
        )

    def _gutter(self, line: int, style: Style) -> list[Segment]:
        width = self.gutter_width - (4 if self._group_marks else 3)
        drawn = [
            Segment(f"{SELECTED if line == self.selection.end[0] else ' '}{line + 1:>{width}}", style),
            Segment(STALE, style + self._style("stale")) if line in self._stale else Segment(" ", style),
        ]
        if self._group_marks:
            group = self._group_marks.get(self.marks_at(line)[1])
            look = style + self._style(f"group-{group.colour}") if group else style
            drawn.append(Segment(group.shape if group else " ", look))
        drawn.append(Segment(" ", style))
        return drawn
