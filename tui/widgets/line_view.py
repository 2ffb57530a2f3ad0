"""A pane of ready lines of text in a few kinds, scrolled and drawn line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, TypeAlias

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.strip import Strip
from typing_extensions import override

from tui.widgets.content_size import set_content_size
from tui.widgets.line_scroll_bar import STANDING_BAR
from tui.widgets.line_table import LineTable

Piece: TypeAlias = tuple[str, str]
"""What kind of text (`plain`, `dim`, `title`, `lit`, `warning`) and the text, without newlines."""
Line: TypeAlias = Sequence[Piece]

_KINDS: Final = ("title", "dim", "lit", "warning")


class LineView(LineTable, can_focus=True):
    """Shows lines that somebody has made for its width; only those on the screen become strips."""

    DEFAULT_CSS = (
        f"LineView {{{STANDING_BAR}}}"
        """
    LineView {
        border-left: blank;
        &:focus { border-left: thick $border; }
        & > .line-view--title { text-style: bold; }
        & > .line-view--dim { color: $text-muted; }
        &:ansi > .line-view--dim { text-style: dim; }
        & > .line-view--lit { color: $text-accent; text-style: bold; }
        & > .line-view--warning { color: $text-warning; }
    }
    """
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line-view--{kind}" for kind in _KINDS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False, id="lines.down", tooltip="A line down"),
        Binding("k", "scroll_up", "up", show=False, id="lines.up", tooltip="A line up"),
        Binding("g", "scroll_home", "top", show=False, id="lines.top", tooltip="To the top"),
        Binding("G", "scroll_end", "bottom", show=False, id="lines.bottom", tooltip="To the bottom"),
        Binding("ctrl+d", "half(1)", "half down", show=False, id="lines.half_down", tooltip="Half a screen down"),
        Binding("ctrl+u", "half(-1)", "half up", show=False, id="lines.half_up", tooltip="Half a screen up"),
    ]

    head = 0
    """So many of the first lines do not scroll."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._text_lines: Sequence[Line] = ()
        self._line_strips: LRUCache[tuple[Piece, ...], Strip] = LRUCache(512)
        self._strips_for = -1
        self._line_styles: dict[str, Style] = {}

    @property
    def room(self) -> int:
        """Cells of a line; the scrollbar's is kept free whether it shows or not."""
        return self.scrollable_content_region.width

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show these; the scroll position stays where that is possible."""
        before = [self._line_at(y) for y in range(self.size.height)]
        self._text_lines = lines
        top = round(self.scroll_y)
        set_content_size(self, Size(self.room, len(lines)))
        if round(self.scroll_y) != top:
            return  # all is drawn again
        width = self.size.width
        if changed := [y for y, line in enumerate(before) if line != self._line_at(y)]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def build(self) -> Sequence[Line]:
        """The lines for the present width; called again when the width changes."""
        return self._text_lines

    def rebuild(self) -> None:
        """Make and show the lines anew."""
        if self.is_mounted and self.room > 0:
            self.set_lines(self.build())

    def on_resize(self) -> None:
        """Make the lines for the new width."""
        self.rebuild()

    def action_half(self, direction: int) -> None:
        """Half a screen down or up."""
        self.scroll_to(y=self.scroll_y + direction * max(1, self.size.height // 2), animate=False)

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._line_styles.clear()
        self._line_strips.clear()

    @override
    def render_line(self, y: int) -> Strip:
        width = self.line_width
        if width != self._strips_for:
            self._line_strips.clear()
            self._strips_for = width
        line = self._line_at(y)
        strip = self._line_strips.get(line)
        if strip is None:
            segments = [Segment(text, self._style_of(kind)) for kind, text in line]
            strip = Strip(segments).adjust_cell_length(width, self._style_of("plain"))
            self._line_strips[line] = strip
        return strip

    def _line_at(self, y: int) -> tuple[Piece, ...]:
        """What a line of the screen shows; the head stays where it leaves room enough for what it heads."""
        at = y if y < self.head and self.head * 3 <= self.size.height else round(self.scroll_y) + y
        return tuple(self._text_lines[at]) if at < len(self._text_lines) else ()

    def _style_of(self, kind: str) -> Style:
        style = self._line_styles.get(kind)
        if style is None:
            visual = self.visual_style if kind == "plain" else self.get_visual_style(f"line-view--{kind}")
            style = self._line_styles[kind] = visual.rich_style
        return style


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken at spaces where there are some; paragraphs stay apart."""
    width = max(1, width)
    lines: list[str] = []
    for paragraph in text.replace("\t", " ").split("\n"):
        if len(paragraph) <= width and paragraph.isascii():
            lines.append(paragraph)
            continue
        line, used = "", 0
        for word in paragraph.split(" "):
            size = len(word) if word.isascii() else cell_len(word)
            if used and used + 1 + size > width:
                lines.append(line)
                line, used = "", 0
            if size > width:
                *whole, word = chop_cells(word, width)
                lines += whole
                size = cell_len(word)
            line, used = (f"{line} {word}", used + 1 + size) if used else (word, size)
        lines.append(line)
    return lines
