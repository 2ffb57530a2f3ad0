"""The nearest neighbours of one text, with bars and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.core import formats
from tui.openrouter.text import Clean
from tui.widgets.content_size import set_content_size
from tui.widgets.group_marks import COLOURS, GroupMark
from tui.widgets.model_columns import fit

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

_BAR: int = 12
_HEAD: int = 2
"""The text they are neighbours of, and an empty line."""


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """One text and how like it is to the selected one."""

    line: int
    """In the sheet, from 0."""
    text: Clean
    score: float
    label: Clean = Clean("")
    mark: GroupMark | None = None
    right: bool = False
    """Marked as a right answer to the query."""


class NeighbourList(ScrollView, can_focus=True):
    """A heading with the selected text and the others by how alike they are."""

    HELP = (
        "The texts most like the one that the cursor is on in the sheet, or like the query that / asks for, by cosine "
        "similarity. Arrows or j k move, enter goes to the text. Of a query, space marks right answers: A/B then says "
        "how well each model finds them."
    )

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "neighbour-list--number",
        "neighbour-list--bar",
        "neighbour-list--score",
        "neighbour-list--heading",
        "neighbour-list--cursor",
        *(f"neighbour-list--group-{number}" for number in range(len(COLOURS))),
    }

    DEFAULT_CSS = (
        """
    NeighbourList {
        height: 1fr;
        scrollbar-size: 0 1;
        & > .neighbour-list--number { color: $foreground-muted; }
        & > .neighbour-list--bar { color: $primary; }
        & > .neighbour-list--heading { text-style: bold; }
        & > .neighbour-list--cursor { background: $block-cursor-blurred-background; }
        &:focus > .neighbour-list--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground;
        }
        &:ansi {
            & > .neighbour-list--number { color: ansi_default; text-style: dim; }
            & > .neighbour-list--bar { color: ansi_blue; }
        }
        &:ansi:focus > .neighbour-list--cursor {
            color: ansi_default; background: ansi_default; text-style: reverse;
        }
    """
        + "".join(f"& > .neighbour-list--group-{at} {{ color: $text-{name}; }}\n" for at, name in enumerate(COLOURS))
        + "}"
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "up", show=False, id="neighbours.up", tooltip="To the text above"),
        Binding("down,j", "step(1)", "down", show=False, id="neighbours.down", tooltip="To the text below"),
        Binding("g,home", "to_end(-1)", "first", show=False, id="neighbours.first", tooltip="To the nearest"),
        Binding("G,end", "to_end(1)", "last", show=False, id="neighbours.last", tooltip="To the farthest shown"),
        Binding(
            "ctrl+d,pagedown", "page(1)", "page down", show=False, id="neighbours.page_down", tooltip="A page down"
        ),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, id="neighbours.page_up", tooltip="A page up"),
        Binding("enter", "choose", "go to text", id="neighbours.choose", tooltip="Put the cursor on this text"),
        Binding("space", "mark_right", "right answer", id="neighbours.right", tooltip="A right answer to this query"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Chosen(Message):
        """The user wants to see the text on this line."""

        neighbour_list: NeighbourList
        line: int

        @property
        @override
        def control(self) -> NeighbourList:
            return self.neighbour_list

    @dataclass
    class Marked(Message):
        """The text on this line is a right answer to the query, or is none after all."""

        neighbour_list: NeighbourList
        line: int

        @property
        @override
        def control(self) -> NeighbourList:
            return self.neighbour_list

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(id=id)
        self._neighbours: tuple[NeighbourRow, ...] = ()
        self._heading: tuple[str, Clean] = ("", Clean(""))
        self._instead = Clean("")

    def show(self, line: int | None, text: Clean, rows: Sequence[NeighbourRow]) -> None:
        """Show the neighbours of the text on this line, or of a query when `line` is None, best first."""
        was = self._heading
        self._heading = ("?" if line is None else str(line + 1), text)
        self._instead = Clean("") if rows else Clean("No other text has a vector to compare with.")
        self._neighbours = tuple(rows)
        last = max(0, len(self._neighbours) - 1)
        self.set_reactive(NeighbourList.cursor, 0 if was != self._heading else min(self.cursor, last))
        set_content_size(self, Size(0, _HEAD + max(1, len(self._neighbours))))
        if was != self._heading:
            self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def show_instead(self, sentence: Clean) -> None:
        """Say why there is nothing to show."""
        self._neighbours = ()
        self._heading = ("", Clean(""))
        self._instead = sentence
        set_content_size(self, Size(0, 1))
        self.refresh()

    @property
    def neighbours(self) -> tuple[NeighbourRow, ...]:
        """What is shown."""
        return self._neighbours

    @override
    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        at = y + self.scroll_offset.y
        segments: list[Segment] = []
        muted = self._part("number")
        number, text = self._heading
        if not number:
            segments = [Segment(set_cell_size(f" {self._instead}", width), muted)] if at == 0 else []
        elif at == 0:
            bold = self._part("heading")
            mark = f"▌{number} "
            segments = [
                Segment(mark, muted),
                Segment(fit(Clean(text[: width * 4].replace("\n", " ")), max(0, width - len(mark))), bold),
            ]
        elif not self._neighbours and at == _HEAD:
            segments = [Segment(set_cell_size(f" {self._instead}", width), muted)]
        elif _HEAD <= at < _HEAD + len(self._neighbours):
            segments = self._row(at - _HEAD, width, base)
        return Strip(segments).adjust_cell_length(width, base)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"neighbour-list--{name}")

    def _row(self, index: int, width: int, base: Style) -> list[Segment]:
        row = self._neighbours[index]
        digits = max(len(str(other.line + 1)) for other in self._neighbours)
        style = base
        names = ["number", "score", "bar"]
        if index == self.cursor:
            style = self._part("cursor")
            names = ["cursor"] * 3
        number, score, bar = (self._part(name) for name in names)
        marked = self._heading[0] == "?" or any(other.right for other in self._neighbours)
        parts = [
            *([Segment("✓" if row.right else " ", score)] if marked else []),
            Segment(f" {row.line + 1:>{digits}} ", number),
            Segment(f"{row.score:5.2f} ", score),
        ]
        bar_width = _BAR if width >= 56 else 6 if width >= 36 else 0
        if bar_width:
            parts.append(Segment(formats.bar(row.score, bar_width), bar))
            parts.append(Segment(" ", style))
        if row.mark is not None:
            kind = "cursor" if index == self.cursor else f"group-{row.mark.colour}"
            parts.append(Segment(f"{row.mark.shape} ", self._part(kind)))
        if row.label:
            label = set_cell_size(row.label, min(cell_len(row.label), width // 4))
            parts.append(Segment(f"{label} ", number))
        room = max(0, width - sum(part.cell_length for part in parts))
        return [*parts, Segment(fit(Clean(row.text[: width * 4].replace("\n", " ")), room), style)]

    def watch_cursor(self) -> None:
        self.refresh()

    def _move(self, to: int) -> None:
        if not self._neighbours:
            return
        self.cursor = max(0, min(len(self._neighbours) - 1, to))
        line = self.cursor + _HEAD
        top, height = self.scroll_offset.y, max(1, self.size.height)
        wanted = line if line < top else max(top, line - height + 1)
        if self.cursor == 0:
            wanted = 0
        if wanted != top:
            self.scroll_to(0, wanted, animate=False, force=True)

    def action_step(self, change: int) -> None:
        self._move(self.cursor + change)

    def action_page(self, direction: int) -> None:
        self._move(self.cursor + direction * max(1, self.size.height - _HEAD))

    def action_to_end(self, direction: int) -> None:
        self._move(0 if direction < 0 else len(self._neighbours) - 1)

    def action_choose(self) -> None:
        if self._neighbours:
            self.post_message(self.Chosen(self, self._neighbours[self.cursor].line))

    def action_mark_right(self) -> None:
        if self._neighbours:
            self.post_message(self.Marked(self, self._neighbours[self.cursor].line))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "mark_right":
            return bool(self._neighbours) and self._heading[0] == "?"
        return None if action == "choose" and not self._neighbours else True

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y + self.scroll_offset.y - _HEAD
        if 0 <= index < len(self._neighbours):
            if index == self.cursor and event.chain > 1:
                self.action_choose()
            self._move(index)
