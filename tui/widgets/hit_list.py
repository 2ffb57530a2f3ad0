"""What a search over all conversations found: two rows a message, the words found lit in what stands around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.core.conversation import SearchHit
from tui.core.formats import age

ROWS: Final = 2
"""Of one hit."""
_WHO: Final = {"user": "you", "assistant": "reply", "title": "title", "system": "system", "tool": "tool"}
"""By what a hit says of itself; `file` and `thinking` stand for themselves."""


class HitList(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws the hits that can be seen; the lit one is taken by enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "open", tooltip="Open the conversation at this message.", id="hits.open"),
        Binding("up,k", "move(-1)", "up", show=False, tooltip="One hit up.", id="hits.up"),
        Binding("down,j", "move(1)", "down", show=False, tooltip="One hit down.", id="hits.down"),
        Binding("pageup", "page(-1)", "page up", show=False, tooltip="A page up.", id="hits.page_up"),
        Binding("pagedown", "page(1)", "page down", show=False, tooltip="A page down.", id="hits.page_down"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"hits--title", "hits--text", "hits--note", "hits--found", "hits--lit"}
    DEFAULT_CSS = """
    HitList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .hits--title { text-style: bold; }
        & > .hits--note { color: $text-muted; }
        & > .hits--found { color: $text-accent; text-style: bold; }
        & > .hits--lit { color: $block-cursor-foreground; background: $block-cursor-background; }
        &:ansi { & > .hits--note { text-style: dim; } & > .hits--found { color: ansi_green; } }
    }
    """
    ALLOW_SELECT: ClassVar[bool] = False
    HELP = "Messages that have the words. enter opens the lit one in its conversation, esc leaves."

    cursor = var(0)

    @dataclass
    class Chosen(Message):
        """Somebody took a hit."""

        hit_list: HitList
        hit: SearchHit

        @property
        @override
        def control(self) -> HitList:
            return self.hit_list

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._hits: Sequence[SearchHit] = ()
        self._now = 0.0

    @property
    def hits(self) -> Sequence[SearchHit]:
        return self._hits

    @property
    def lit(self) -> SearchHit | None:
        """The hit under the cursor."""
        return self._hits[self.cursor] if self._hits else None

    def put(self, hits: Sequence[SearchHit], now: float) -> None:
        """Show these from the first on; `now` (Unix seconds) is what ages are counted from."""
        self._hits, self._now = hits, now
        self.cursor = 0
        self.virtual_size = Size(self.scrollable_content_region.width, len(hits) * ROWS)
        self.scroll_to(y=0, animate=False)
        self.refresh()

    def validate_cursor(self, row: int) -> int:
        return max(0, min(row, len(self._hits) - 1))

    def watch_cursor(self) -> None:
        self.refresh()
        height, top = self.scrollable_content_region.height, round(self.scroll_target_y)
        first = self.cursor * ROWS
        if height and first < top:
            self.scroll_to(y=first, animate=False)
        elif height and first + ROWS > top + height:
            self.scroll_to(y=first + ROWS - height, animate=False)

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.scrollable_content_region.height // ROWS - 1)

    def action_choose(self) -> None:
        if self.lit is not None:
            self.post_message(self.Chosen(self, self.lit))

    def on_click(self, event: events.Click) -> None:
        row = (event.y + round(self.scroll_y)) // ROWS
        if row < len(self._hits):
            self.cursor = row
            self.action_choose()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._hits) * ROWS)

    @override
    def render_line(self, y: int) -> Strip:
        at = y + round(self.scroll_y)
        width = self.scrollable_content_region.width
        if at >= len(self._hits) * ROWS or width <= 0:
            return Strip.blank(max(0, width), self.visual_style.rich_style)
        hit = self._hits[at // ROWS]
        lit = at // ROWS == self.cursor
        segments = self._head(hit, lit, width) if at % ROWS == 0 else self._text(hit, lit, width)
        return Strip(segments).adjust_cell_length(width, self._style("title", lit)).simplify()

    def _style(self, name: str, lit: bool) -> Style:
        if not lit:
            return self.get_visual_style(f"hits--{name}").rich_style
        style = self.get_visual_style("hits--lit").rich_style
        return style + Style(bold=True, underline=True) if name == "found" else style

    def _head(self, hit: SearchHit, lit: bool, width: int) -> list[Segment]:
        note = f"{_WHO.get(hit.role, hit.role)} · {age(hit.created_at, self._now)}"
        room = max(1, width - cell_len(note) - 4)
        return [
            Segment(f" {_cut(hit.title or 'Untitled', room)}  ", self._style("title", lit)),
            Segment(f"{note} ", self._style("note", lit)),
        ]

    def _text(self, hit: SearchHit, lit: bool, width: int) -> list[Segment]:
        if hit.role == "title":
            return [Segment("   the title has the words", self._style("note", lit))]
        start = 0
        if hit.marks and cell_len(hit.snippet[: hit.marks[0][1]]) > width - 6:
            # What was found must be seen, whatever stands before it.
            start = max(0, hit.marks[0][0] - 12)
        segments = [Segment("   …" if start else "   ", self._style("text", lit))]
        position = start
        for begin, end in hit.marks:
            begin, end = max(begin, position), max(end, position)
            segments.append(Segment(hit.snippet[position:begin], self._style("text", lit)))
            segments.append(Segment(hit.snippet[begin:end], self._style("found", lit)))
            position = end
        used = sum(segment.cell_length for segment in segments)
        rest = hit.snippet[position:]
        segments.append(Segment(_cut(rest, max(1, width - used - 1)), self._style("text", lit)))
        return segments


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
