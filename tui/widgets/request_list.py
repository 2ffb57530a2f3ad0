"""The last requests, a line each, newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from typing_extensions import override

from tui.core import formats
from tui.core.ledger import LedgerRow
from tui.openrouter.text import Clean
from tui.widgets.content_size import set_content_size
from tui.widgets.line_scroll_bar import STANDING_BAR
from tui.widgets.line_table import LineTable
from tui.widgets.request_columns import (
    WIDE,
    cell,
    columns_for,
    cost_cell,
    gap_for,
    local_day,
    more_cells,
    more_heads,
    more_pages,
    seconds,
    state_words,
    time_cell,
    tokens_cell,
)


class RequestList(LineTable, can_focus=True, inherit_bindings=False):
    """Drawn by the line; the row of column names stays at the top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,d", "choose", "details", tooltip="All that is known of this request.", id="requests.details"),
        Binding("o", "open_page", "logs page", tooltip="Open OpenRouter's log in the browser.", id="requests.open"),
        Binding("y", "copy_id", "copy id", show=False, tooltip="Copy the generation's id.", id="requests.copy"),
        Binding(
            "right,l", "turn(1)", "more columns", tooltip="The next columns, until all were shown.", id="requests.right"
        ),
        Binding("left", "turn(-1)", "columns before", show=False, tooltip="The columns before.", id="requests.left"),
        Binding("up,k", "move(-1)", "up", show=False, tooltip="One row up.", id="requests.up"),
        Binding("down,j", "move(1)", "down", show=False, tooltip="One row down.", id="requests.down"),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False, tooltip="A page up.", id="requests.page_up"),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False, tooltip="A page down.", id="requests.page_down"),
        Binding("home,g", "move(-1000000)", "newest", show=False, tooltip="The newest request.", id="requests.first"),
        Binding("end,G", "move(1000000)", "oldest", show=False, tooltip="The oldest listed.", id="requests.last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "request-list--head",
        "request-list--row",
        "request-list--lit",
        "request-list--bad",
        "request-list--dim",
    }
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = f"RequestList {{ height: 1fr; {STANDING_BAR} }}"
    HELP = (
        "The last requests, newest first. ~ is an estimate until the bill is there, – is unknown, "
        "↻ counts repeated tries, ■ was stopped, ✕ failed, ✂ was cut off."
    )

    cursor = var(0)
    page = var(0)
    """Which columns are shown: 0 the most wanted, then all others."""

    @dataclass
    class Chosen(Message):
        """Somebody wants to know more of a request."""

        request_list: RequestList
        row: LedgerRow

        @property
        @override
        def control(self) -> RequestList:
            return self.request_list

    @dataclass
    class Wanted(Message):
        """Somebody wants the page of a request, its id, or older requests."""

        request_list: RequestList
        what: Literal["page", "id", "older"]
        row: LedgerRow

        @property
        @override
        def control(self) -> RequestList:
            return self.request_list

    def __init__(self, empty: str, has_page: Callable[[LedgerRow], bool]) -> None:
        """`empty` is said while there are no rows; `has_page`: whether OpenRouter shows this request on a page."""
        super().__init__()
        self._empty = empty
        self._has_page = has_page
        self._page_offered = False
        """What the footer was last told."""
        self._rows: Sequence[LedgerRow] = ()
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(200)
        self._looks: dict[tuple[str, ...], Style] = {}

    @property
    def lit(self) -> LedgerRow | None:
        """The row that the cursor is on."""
        return self._rows[self.cursor] if self._rows else None

    def show_rows(self, rows: Sequence[LedgerRow]) -> None:
        """Show these rows; the cursor stays on its request when others arrive above it."""
        if rows == self._rows:
            return
        kept = self.lit.id if self.lit is not None and self.cursor else None
        self._rows = rows
        place = next((number for number, row in enumerate(rows) if row.id == kept), 0)
        self._fit_rows()
        if place != self.cursor:
            self.scroll_to(y=max(0, round(self.scroll_y) + place - self.cursor), animate=False)
        self.cursor = place
        self._offer_page()
        self.refresh()

    def say_when_empty(self, words: str) -> None:
        """What stands here while there are no rows."""
        if words != self._empty:
            self._empty = words
            self.refresh()

    def on_resize(self) -> None:
        self._fit_rows()

    def _fit_rows(self) -> None:
        set_content_size(self, Size(self.scrollable_content_region.width, len(self._rows) + 1))

    def validate_cursor(self, row: int) -> int:
        return max(0, min(row, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        self._offer_page()
        self.refresh()
        if self._rows and self.cursor == len(self._rows) - 1 > 0:
            self.post_message(self.Wanted(self, "older", self._rows[-1]))
        page = self.scrollable_content_region.height - 1
        top = round(self.scroll_target_y)
        if page <= 0:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False)

    @property
    def _lit_has_page(self) -> bool:
        return self.lit is not None and self._has_page(self.lit)

    def _offer_page(self) -> None:
        """Let the footer be drawn again where the key for the page comes or goes; most moves change nothing."""
        if self._lit_has_page != self._page_offered:
            self._page_offered = not self._page_offered
            self.refresh_bindings()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._lit_has_page if action == "open_page" else super().check_action(action, parameters)

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.scrollable_content_region.height - 2)

    def action_turn(self, pages: int) -> None:
        count = 1 + len(more_pages(self.scrollable_content_region.width))
        self.page = (self.page + pages) % count
        self.refresh()

    def action_open_page(self) -> None:
        if (row := self.lit) is not None:
            self.post_message(self.Wanted(self, "page", row))

    def action_copy_id(self) -> None:
        if (row := self.lit) is not None:
            self.post_message(self.Wanted(self, "id", row))

    def action_choose(self) -> None:
        if (row := self.lit) is not None:
            self.post_message(self.Chosen(self, row))

    def on_click(self, event: events.Click) -> None:
        if event.y >= 1:
            self.cursor = event.y - 1 + round(self.scroll_y)

    @override
    def notify_style_update(self) -> None:
        self._strips.clear()
        self._looks.clear()
        super().notify_style_update()

    def _look(self, *names: str) -> Style:
        """The style of a component, looked up once for all lines of all draws."""
        style = self._looks.get(names)
        if style is None:
            style = self._looks[names] = self.get_visual_style(*names).rich_style
        return style

    @override
    def render_line(self, y: int) -> Strip:
        width = self.line_width
        row_style = self._look("request-list--row")
        if width <= 0:
            return Strip.blank(0)
        if not self._rows:
            dim = self._look("request-list--row", "request-list--dim")
            text = f" {self._empty}" if y == 0 else ""
            return Strip([Segment(text, dim)]).adjust_cell_length(width, row_style)
        if y == 0:
            return self._head(width)
        number = y - 1 + round(self.scroll_y)
        if number >= len(self._rows):
            return Strip.blank(width, row_style)
        row = self._rows[number]
        lit = number == self.cursor and self.has_focus
        key = (row, lit, width, self.page, local_day())
        if (strip := self._strips.get(key)) is None:
            strip = self._strips[key] = self._draw(row, lit, width)
        return strip

    def _head(self, width: int) -> Strip:
        style = self._look("request-list--head")
        gap = " " * gap_for(width)
        if self.page:
            pages = more_pages(width)
            page = min(self.page, len(pages))
            heads = gap.join(cell(words, size, right) for words, size, right in more_heads(pages[page - 1]))
            return Strip([Segment(f" {heads}", style)]).adjust_cell_length(width, style)
        columns = columns_for(width)
        cells = (
            ("time", columns.time, False),
            ("model", columns.model, False),
            ("provider", columns.provider, False),
            ("key", columns.key, False),
            ("in→out", columns.tokens, True),
            ("cost", columns.cost, True),
            ("first", columns.first, True),
            ("took", columns.duration, True),
            ("", columns.state, False),
            ("conversation", columns.conversation, False),
        )
        text = gap.join(cell(words, size, right) for words, size, right in cells if size)
        return Strip([Segment(f" {text}", style)]).adjust_cell_length(width, style)

    def _draw(self, row: LedgerRow, lit: bool, width: int) -> Strip:
        style = self._look("request-list--lit" if lit else "request-list--row")
        if self.page:
            pages = more_pages(width)
            more = more_cells(row, pages[min(self.page, len(pages)) - 1])
            text = (" " * gap_for(width)).join(cell(text, size, right) for text, size, right in more)
            return Strip([Segment(f" {text}", style)]).adjust_cell_length(width, style)
        columns = columns_for(width)
        dim = style if lit else self._look("request-list--row", "request-list--dim")
        words = state_words(row, columns.state)
        bad = row.error_kind is not None and not lit
        model = row.model if width >= WIDE else Clean(row.model.rpartition("/")[2] or row.model)
        tokens = tokens_cell(row, columns.tokens)
        state = self._look("request-list--row", "request-list--bad") if bad else dim
        cells = (
            (time_cell(row.created_at, columns.time), columns.time, False, dim),
            (model, columns.model, False, style),
            (row.provider or formats.UNKNOWN, columns.provider, False, dim),
            (row.key_tail, columns.key, False, dim),
            (tokens, columns.tokens, True, style),
            (cost_cell(row.cost, columns.cost), columns.cost, True, style),
            (seconds(row.ttft_ms), columns.first, True, dim),
            (seconds(row.duration_ms), columns.duration, True, dim),
            (words, columns.state, False, state),
            (row.conversation or "", columns.conversation, False, dim),
        )
        segments = [Segment(" ", style)]
        gap = Segment(" " * gap_for(width), style)
        for text, size, right, cell_style in cells:
            if size:
                segments += [Segment(cell(text, size, right), cell_style), gap]
        return Strip(segments).adjust_cell_length(width, style).simplify()
