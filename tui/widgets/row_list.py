"""Rows of text in a few kinds with a cursor: pairs, clusters, comparisons, each row leading to a text of the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.openrouter.text import Clean
from tui.widgets.content_size import set_content_size
from tui.widgets.group_marks import COLOURS
from tui.widgets.model_columns import fit

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

REST: Final = "rest"
"""The kind of a piece of plain text that takes the room that is left."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A line of pieces: kind (`plain`, `dim`, `title`, `bar`, `warning`, `group-0` …, `rest`) and text of each."""

    pieces: Sequence[tuple[str, str]]
    target: int | None = None
    """The line of the sheet that enter goes to; rows without one are passed over."""


class RowList(ScrollView, can_focus=True):
    """Rows, drawn when they are looked at."""

    HELP = "Arrows or j k move, enter goes to the text in the sheet."

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"row-list--{kind}" for kind in ("dim", "title", "bar", "warning", "cursor")),
        *(f"row-list--group-{number}" for number in range(len(COLOURS))),
    }
    DEFAULT_CSS = (
        """
    RowList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size: 0 1;
        & > .row-list--dim { color: $foreground-muted; }
        & > .row-list--title { text-style: bold; }
        & > .row-list--bar { color: $primary; }
        & > .row-list--warning { color: $text-warning; }
        & > .row-list--cursor { background: $block-cursor-blurred-background; }
        &:focus > .row-list--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        &:ansi > .row-list--dim { color: ansi_default; text-style: dim; }
        &:ansi:focus > .row-list--cursor { color: ansi_default; background: ansi_default; text-style: reverse; }
    """
        + "".join(f"& > .row-list--group-{at} {{ color: $text-{name}; }}\n" for at, name in enumerate(COLOURS))
        + "}"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "up", show=False, id="rows.up", tooltip="A row up"),
        Binding("down,j", "step(1)", "down", show=False, id="rows.down", tooltip="A row down"),
        Binding("g,home", "to_end(-1)", "first", show=False, id="rows.first", tooltip="To the first row"),
        Binding("G,end", "to_end(1)", "last", show=False, id="rows.last", tooltip="To the last row"),
        Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, id="rows.page_down", tooltip="A page down"),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, id="rows.page_up", tooltip="A page up"),
        Binding("enter", "choose", "go to text", id="rows.choose", tooltip="Put the cursor on this text"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)
    """The lit row, counted among all."""

    @dataclass
    class Chosen(Message):
        """The user wants to see the text on this line."""

        row_list: RowList
        line: int

        @property
        @override
        def control(self) -> RowList:
            return self.row_list

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(id=id)
        self._list_rows: Sequence[ListRow] = ()
        self._shown_as: object = None

    def show(self, rows: Sequence[ListRow], shown_as: object = None) -> None:
        """Show these; the cursor keeps its place while `shown_as`, what they are about, stays the same."""
        stays = shown_as == self._shown_as
        self._list_rows, self._shown_as = rows, shown_as
        set_content_size(self, Size(0, len(rows)))
        self.set_reactive(RowList.cursor, self._nearest(self.cursor if stays else 0, 1))
        if not stays:
            self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    @property
    def texts(self) -> list[str]:
        """What the rows say."""
        return ["".join(text for _, text in row.pieces) for row in self._list_rows]

    @property
    def lit(self) -> ListRow | None:
        """The row under the cursor."""
        row = self._list_rows[self.cursor] if self.cursor < len(self._list_rows) else None
        return row if row is not None and row.target is not None else None

    def _nearest(self, at: int, direction: int) -> int:
        """The first row from here on that leads somewhere, else the last before it."""
        ahead = range(at, len(self._list_rows)) if direction > 0 else range(min(at, len(self._list_rows) - 1), -1, -1)
        for places in (ahead, reversed(range(at)) if direction > 0 else range(at, len(self._list_rows))):
            for place in places:
                if 0 <= place < len(self._list_rows) and self._list_rows[place].target is not None:
                    return place
        return 0

    @override
    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        at = y + self.scroll_offset.y
        if at >= len(self._list_rows) or width <= 0:
            return Strip.blank(max(0, width), base)
        row = self._list_rows[at]
        lit = at == self.cursor and row.target is not None
        taken = sum(cell_len(text) for kind, text in row.pieces if kind != REST)
        segments = []
        for kind, text in row.pieces:
            style = self._kind_style("cursor" if lit else kind, base)
            if kind == REST:
                text = fit(Clean(text[: width * 4].replace("\n", " ").replace("\t", " ")), max(0, width - taken - 1))
            segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(width, self._kind_style("cursor", base) if lit else base)

    def _kind_style(self, kind: str, base: Style) -> Style:
        return base if kind in ("plain", REST) else self.get_component_rich_style(f"row-list--{kind}")

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh()

    def _move(self, to: int, direction: int) -> None:
        if not self._list_rows:
            return
        self.cursor = self._nearest(max(0, min(len(self._list_rows) - 1, to)), direction)
        top, height = self.scroll_offset.y, max(1, self.size.height)
        wanted = self.cursor if self.cursor < top else max(top, self.cursor - height + 1)
        if all(row.target is None for row in self._list_rows[: self.cursor]) and self.cursor < height:
            wanted = 0
        if wanted != top:
            self.scroll_to(0, wanted, animate=False, force=True)

    def action_step(self, change: int) -> None:
        before = self.cursor
        self._move(self.cursor + change, change)
        if self.cursor == before and self.lit is None:
            # Nothing to go to: the pane scrolls.
            self.scroll_to(0, self.scroll_offset.y + change, animate=False, force=True)

    def action_page(self, direction: int) -> None:
        self._move(self.cursor + direction * max(1, self.size.height - 1), direction)

    def action_to_end(self, direction: int) -> None:
        self._move(0 if direction < 0 else len(self._list_rows) - 1, -direction)

    def action_choose(self) -> None:
        if (row := self.lit) is not None and row.target is not None:
            self.post_message(self.Chosen(self, row.target))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "choose" and self.lit is None else True

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        at = offset.y + self.scroll_offset.y
        if at < len(self._list_rows) and self._list_rows[at].target is not None:
            if at == self.cursor and event.chain > 1:
                self.action_choose()
            self.cursor = at
