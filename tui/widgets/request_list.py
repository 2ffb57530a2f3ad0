"""The last requests, a line each, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.core import formats
from tui.core.conversation import Cost
from tui.core.ledger import STOPPED, LedgerRow, RequestState
from tui.openrouter.text import Clean


class _Columns(NamedTuple):
    """Widths in cells; 0 leaves a column out."""

    model: int
    provider: int
    key: int
    tokens: int
    cost: int
    first: int
    duration: int
    state: int


_TIME: Final = 5
_WIDE: Final = 130


def columns_for(width: int) -> _Columns:
    """The columns that fit; from 130 cells also the key, the time to the first token and a model's author."""
    if width >= _WIDE:
        fixed = _Columns(0, provider=14, key=5, tokens=13, cost=12, first=6, duration=7, state=24)
    else:
        narrow = width < 100
        state, cost = (15, 9) if narrow else (26, 11)
        fixed = _Columns(0, provider=10, key=0, tokens=11, cost=cost, first=0, duration=6, state=state)
    gap = gap_for(width)
    taken = 1 + _TIME + gap + sum(size + gap for size in fixed if size)
    return fixed._replace(model=max(10, width - taken))


def gap_for(width: int) -> int:
    """Cells between columns."""
    return 2 if width >= _WIDE else 1


def state_words(row: LedgerRow) -> Clean:
    """How a request ended, in words and symbols."""
    retries = f" ↻{row.tries - 1}" if row.tries > 1 else ""
    error = (row.error_kind or "").replace("_", " ")
    if row.error_kind == STOPPED:
        after = {RequestState.AWAITED: ", bill awaited", RequestState.ESTIMATED: ", no bill came"}.get(row.state, "")
        return Clean(f"■ stopped{after}{retries}")
    match row.state:
        case RequestState.RESERVED:
            words = "running"
        case RequestState.AWAITED:
            words = f"{'✕ ' if error else ''}bill awaited"
        case RequestState.ESTIMATED:
            words = "no bill came"
        case RequestState.UNKNOWN:
            words = f"✕ {error}" if error else "cost unknown"
        case RequestState.FREE:
            words = f"✕ {error}" if error else "not billed"
        case RequestState.BILLED:
            words = f"✂ {error}" if error else "done"
    return Clean(words + retries)


class RequestList(ScrollView, can_focus=True, inherit_bindings=False):
    """Drawn by the line; the row of column names stays at the top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,d", "choose", "details", tooltip="All that is known of this request.", id="requests.details"),
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
    DEFAULT_CSS = "RequestList { height: 1fr; overflow-x: hidden; }"
    HELP = (
        "The last requests, newest first. ~ is an estimate until the bill is there, – is unknown, "
        "↻ counts repeated tries, ■ was stopped, ✕ failed, ✂ was cut off."
    )

    cursor = var(0)

    @dataclass
    class Chosen(Message):
        """Somebody wants to know more of a request."""

        request_list: RequestList
        row: LedgerRow

        @property
        @override
        def control(self) -> RequestList:
            return self.request_list

    def __init__(self, empty: str) -> None:
        """`empty` is said while there are no rows."""
        super().__init__()
        self._empty = empty
        self._rows: Sequence[LedgerRow] = ()
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(200)

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
        self.virtual_size = Size(self.scrollable_content_region.width, len(rows) + 1)
        if place != self.cursor:
            self.scroll_to(y=max(0, round(self.scroll_y) + place - self.cursor), animate=False)
        self.cursor = place
        self.refresh()

    def say_when_empty(self, words: str) -> None:
        """What stands here while there are no rows."""
        if words != self._empty:
            self._empty = words
            self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows) + 1)

    def validate_cursor(self, row: int) -> int:
        return max(0, min(row, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        self.refresh()
        page = self.scrollable_content_region.height - 1
        top = round(self.scroll_target_y)
        if page <= 0:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False)

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.scrollable_content_region.height - 2)

    def action_choose(self) -> None:
        if (row := self.lit) is not None:
            self.post_message(self.Chosen(self, row))

    def on_click(self, event: events.Click) -> None:
        if event.y >= 1:
            self.cursor = event.y - 1 + round(self.scroll_y)

    @override
    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    @override
    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row_style = self.get_visual_style("request-list--row").rich_style
        if width <= 0:
            return Strip.blank(0)
        if not self._rows:
            dim = self.get_visual_style("request-list--row", "request-list--dim").rich_style
            text = f" {self._empty}" if y == 0 else ""
            return Strip([Segment(text, dim)]).adjust_cell_length(width, row_style)
        if y == 0:
            return self._head(width)
        number = y - 1 + round(self.scroll_y)
        if number >= len(self._rows):
            return Strip.blank(width, row_style)
        row = self._rows[number]
        lit = number == self.cursor and self.has_focus
        key = (row, lit, width)
        if (strip := self._strips.get(key)) is None:
            strip = self._strips[key] = self._draw(row, lit, width)
        return strip

    def _head(self, width: int) -> Strip:
        columns = columns_for(width)
        style = self.get_visual_style("request-list--head").rich_style
        cells = (
            ("time", _TIME, False),
            ("model", columns.model, False),
            ("provider", columns.provider, False),
            ("key", columns.key, False),
            ("in→out", columns.tokens, True),
            ("cost", columns.cost, True),
            ("first", columns.first, True),
            ("took", columns.duration, True),
            ("", columns.state, False),
        )
        text = (" " * gap_for(width)).join(_cell(words, size, right) for words, size, right in cells if size)
        return Strip([Segment(f" {text}", style)]).adjust_cell_length(width, style)

    def _draw(self, row: LedgerRow, lit: bool, width: int) -> Strip:
        columns = columns_for(width)
        style = self.get_visual_style("request-list--lit" if lit else "request-list--row").rich_style
        dim = style if lit else self.get_visual_style("request-list--row", "request-list--dim").rich_style
        words = state_words(row)
        bad = row.error_kind is not None and not lit
        model = row.model if width >= _WIDE else Clean(row.model.rpartition("/")[2] or row.model)
        tokens = (
            f"{formats.count(row.prompt_tokens)}→{formats.count(row.completion_tokens)}"
            if row.prompt_tokens is not None or row.completion_tokens is not None
            else formats.UNKNOWN
        )
        state = self.get_visual_style("request-list--row", "request-list--bad").rich_style if bad else dim
        cells = (
            (formats.clock(row.created_at), _TIME, False, dim),
            (model, columns.model, False, style),
            (row.provider or formats.UNKNOWN, columns.provider, False, dim),
            (row.key_tail, columns.key, False, dim),
            (tokens, columns.tokens, True, style),
            (cost_cell(row.cost, columns.cost), columns.cost, True, style),
            (_seconds(row.ttft_ms), columns.first, True, dim),
            (_seconds(row.duration_ms), columns.duration, True, dim),
            (words, columns.state, False, state),
        )
        segments = [Segment(" ", style)]
        gap = Segment(" " * gap_for(width), style)
        for text, size, right, cell_style in cells:
            if size:
                segments += [Segment(_cell(text, size, right), cell_style), gap]
        return Strip(segments).adjust_cell_length(width, style).simplify()


def cost_cell(cost: Cost, width: int) -> str:
    """The cost; one so small that its digits do not fit says so instead of losing them."""
    text = formats.cost(cost)
    if len(text) <= width or cost.usd is None:
        return text
    return f"{'~' if text.startswith('~') else ''}<$0.0001"


def _seconds(milliseconds: int | None) -> Clean:
    return formats.UNKNOWN if milliseconds is None else formats.duration(milliseconds / 1000)


def _cell(text: str, width: int, right: bool) -> str:
    text = text.replace("\n", " ").replace("\t", " ")
    room = width - cell_len(text)
    if room < 0:
        return set_cell_size(text, width - 1) + "…"
    return " " * room + text if right else text + " " * room
