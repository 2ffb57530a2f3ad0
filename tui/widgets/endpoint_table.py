"""The endpoints of one model as a table: sorted by any figure, marked in the order in which they are to be tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.core.endpoint_order import DOWN_FIRST, ordered
from tui.openrouter.catalogue import Endpoint, Model, ProviderFacts
from tui.openrouter.text import Opaque
from tui.widgets.content_size import set_content_size
from tui.widgets.endpoint_cells import COLUMNS, cell, facts_of, head_text, is_demoted
from tui.widgets.line_view import wrap
from tui.widgets.model_columns import Placed, fit, head_cell, place, point_aligned

_GUTTER: Final = 4
"""Cursor, mark, which of the marked it is, and a space."""
_UNSORTABLE: Final = frozenset({"data"})
_LineKey: TypeAlias = tuple[object, ...] | None


class _Styles(msgspec.Struct, frozen=True):
    row: Style
    head: Style
    sorted: Style
    cursor: Style
    resting: Style
    dim: Style
    mark: Style
    warning: Style


class EndpointTable(ScrollView, can_focus=True):
    """One row an endpoint; the cursor stays with its endpoint when the order or the list changes."""

    HELP = (
        "Who offers this model. Prices are USD per million tokens for a short prompt at this hour; one with a star has "
        "conditions, which stand below with every figure. p50 s is seconds to the first token, tok/s tokens a second, "
        "both of the last 30 minutes; – is unknown. ✓1 ✓2 are marked, in the order in which a chat tries them."
    )

    DEFAULT_CSS = """
    EndpointTable {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .endpoint-table--head { color: $text-muted; }
        & > .endpoint-table--sorted { color: $foreground; text-style: bold; }
        & > .endpoint-table--dim { color: $text-muted; }
        & > .endpoint-table--mark { color: $text-accent; }
        & > .endpoint-table--warning { color: $text-warning; }
        & > .endpoint-table--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        & > .endpoint-table--resting { background: $block-cursor-blurred-background; text-style: bold; }
        &:ansi > .endpoint-table--dim, &:ansi > .endpoint-table--head { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"endpoint-table--{name}" for name in _Styles.__struct_fields__[1:]}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "chat", id="endpoints.choose",
                tooltip="Chat with the model, these providers first: the marked, or the current"),
        Binding("space", "mark", "mark", id="endpoints.mark", tooltip="Mark this provider, or unmark it"),
        Binding("x", "clear_marks", "clear marks", show=False, id="endpoints.clear_marks", tooltip="Unmark all"),
        Binding("s", "sort_next", "sort", show=False, id="endpoints.sort", tooltip="Sort by the next column"),
        Binding("S", "sort_reverse", "reverse", show=False, id="endpoints.reverse", tooltip="Turn the order round"),
        Binding("j,down", "move(1)", "down", show=False, id="endpoints.down", tooltip="Next provider"),
        Binding("k,up", "move(-1)", "up", show=False, id="endpoints.up", tooltip="Previous provider"),
        Binding("g,home", "jump(0)", "first", show=False, id="endpoints.first", tooltip="First provider"),
        Binding("G,end", "jump(-1)", "last", show=False, id="endpoints.last", tooltip="Last provider"),
        Binding("ctrl+d", "move_page(0.5)", "half down", show=False, id="endpoints.half_down", tooltip="Half down"),
        Binding("ctrl+u", "move_page(-0.5)", "half up", show=False, id="endpoints.half_up", tooltip="Half up"),
        Binding("pagedown", "move_page(1)", "page down", show=False, id="endpoints.page_down", tooltip="A screen down"),
        Binding("pageup", "move_page(-1)", "page up", show=False, id="endpoints.page_up", tooltip="A screen up"),
    ]  # fmt: skip

    cursor: var[int] = var(0)
    """Which of the rows is current, from 0."""

    @dataclass
    class _Told(Message):
        table: EndpointTable

        @property
        @override
        def control(self) -> EndpointTable:
            return self.table

    class Chosen(_Told):
        """Enter or a double click: chat by way of what is marked, or of the current endpoint."""

    class Highlighted(_Told):
        """The cursor came to another endpoint, or to other figures of the same."""

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, EndpointTable.Highlighted) and message.table is self.table

    class MarksChanged(_Told):
        """Others are marked."""

    class SortChanged(_Told):
        """The rows stand in another order."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.sort_kind: str | None = None
        """The kind of the column that the rows are sorted by; None = as the server lists them."""
        self.descending = False
        self._model: Model | None = None
        self._endpoints: tuple[Endpoint, ...] = ()
        self._facts: dict[str, ProviderFacts] = {}
        self._now = 0.0
        self._empty = ""
        self._order: tuple[int, ...] = ()
        self._marks: list[Opaque] = []
        self._kept: Opaque | None = None
        """The tag where the user put the cursor."""
        self._placed: tuple[Placed[str], ...] = ()
        self._placed_for = -1
        self._strips: dict[_LineKey, Strip] = {}
        self._drawn: dict[int, _LineKey] = {}
        """What each line of the screen shows, so that a change draws only what differs."""
        self._styles_now: _Styles | None = None

    # What is shown

    def show(
        self,
        model: Model,
        endpoints: tuple[Endpoint, ...],
        facts: dict[str, ProviderFacts],
        *,
        now: float,
        empty: str = "",
    ) -> None:
        """Show these; `now` in Unix seconds, for prices by the hour; `empty` says why there are none and what helps."""
        same = model is self._model and endpoints == self._endpoints and facts is self._facts
        if same and empty == self._empty and now // 60 == self._now // 60:
            return
        self._strips.clear()
        self._drawn.clear()
        self._model, self._endpoints, self._facts, self._now, self._empty = model, endpoints, facts, now, empty
        tags = {endpoint.tag for endpoint in endpoints}
        marks = [mark for mark in self._marks if mark in tags]
        if endpoints and marks != self._marks:
            self._marks = marks
            self._marks_changed()
        self._set_order()
        self.refresh_bindings()

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint under the cursor."""
        return self._endpoints[self._order[self.cursor]] if 0 <= self.cursor < len(self._order) else None

    @property
    def marked(self) -> tuple[Endpoint, ...]:
        """The marked endpoints, in the order in which they were marked."""
        by_tag = {endpoint.tag: endpoint for endpoint in reversed(self._endpoints)}
        return tuple(by_tag[mark] for mark in self._marks if mark in by_tag)

    @property
    def wanted(self) -> tuple[Opaque, ...]:
        """The tags of the marked, else that of the current endpoint; empty where there is none to route to."""
        if marked := self.marked:
            return tuple(endpoint.tag for endpoint in marked)
        endpoint = self.endpoint
        return (endpoint.tag,) if endpoint is not None and endpoint.tag.raw else ()

    def _set_order(self) -> None:
        self._order = ordered(self._endpoints, self.sort_kind, descending=self.descending, now=self._now)
        set_content_size(self, Size(self._width, len(self._order) + 1))
        tags = [self._endpoints[at].tag for at in self._order]
        position = tags.index(self._kept) if self._kept in tags else 0
        self.set_reactive(EndpointTable.cursor, position)
        self._bring_into_view()
        self._refresh_changes()
        self.post_message(self.Highlighted(self))

    def _refresh_changes(self) -> None:
        """Draw the lines again that show something else by now."""
        if not self._drawn:
            self.refresh()
            return
        for y in range(self.size.height):
            if self._drawn.get(y, ...) != self._line_key(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def _line_key(self, y: int) -> _LineKey:
        """All that decides how a line of the screen looks; None where nothing is."""
        if y == 0:
            return self.sort_kind, self.descending
        position = round(self.scroll_y) + y - 1
        if position >= len(self._order):
            return (self._empty, y) if not self._order else None
        place_, lit = self._order[position], position == self.cursor
        return place_, lit, lit and self.has_focus, self._rank(place_)

    def _rank(self, place_: int) -> int:
        """Which of the marked it is, from 1; 0 = it is not marked."""
        tag = self._endpoints[place_].tag
        return self._marks.index(tag) + 1 if tag in self._marks else 0

    def _bring_into_view(self) -> None:
        top, room = round(self.scroll_y), max(1, self.size.height - 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False, immediate=True)

    # Moving

    def _go(self, position: int) -> None:
        if not self._order:
            return
        before, top = self.cursor, self.scroll_y
        self.cursor = max(0, min(position, len(self._order) - 1))
        self._keep()
        self._bring_into_view()
        if before != self.cursor:
            if self.scroll_y == top:
                self._refresh_changes()
            self.post_message(self.Highlighted(self))

    def _keep(self) -> None:
        if (endpoint := self.endpoint) is not None:
            self._kept = endpoint.tag

    def action_move(self, rows: int) -> None:
        """Move the cursor down by so many rows."""
        self._go(self.cursor + rows)

    def action_move_page(self, pages: float) -> None:
        """Move the cursor by screens."""
        self._go(self.cursor + int(pages * max(1, self.size.height - 1)))

    def action_jump(self, position: int) -> None:
        """Go to a row; -1 is the last."""
        self._go(len(self._order) - 1 if position < 0 else position)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one chooses; in the head it sorts."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y == 0:
            self._sort_at(offset.x)
            return
        position = round(self.scroll_y) + offset.y - 1
        if position < len(self._order):
            self._go(position)
            if event.chain == 2:
                self.action_choose()

    # Choosing and marking

    def action_choose(self) -> None:
        """Chat by way of these."""
        if self._endpoints:
            self.post_message(self.Chosen(self))

    def action_mark(self) -> None:
        """Mark this endpoint as the next to be tried, or unmark it."""
        endpoint = self.endpoint
        if endpoint is None or not endpoint.tag.raw:
            return
        self._keep()
        if endpoint.tag in self._marks:
            self._marks.remove(endpoint.tag)
        else:
            self._marks.append(endpoint.tag)
        self._marks_changed()

    def action_clear_marks(self) -> None:
        """Unmark all."""
        if self._marks:
            self._marks.clear()
            self._marks_changed()

    def _marks_changed(self) -> None:
        self._refresh_changes()
        self.post_message(self.MarksChanged(self))
        self.refresh_bindings()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs an endpoint or marks."""
        if action == "clear_marks":
            return True if self._marks else None
        if action in ("choose", "sort_next", "sort_reverse"):
            return True if self._endpoints else None
        if action == "mark":
            return True if self.endpoint is not None and self.endpoint.tag.raw else None
        return True

    # Sorting

    def action_sort_next(self) -> None:
        """Sort by the next of the columns that are shown; after the last, as the server lists them."""
        kinds = [None, *(placed.column.kind for placed in self._columns() if placed.column.kind not in _UNSORTABLE)]
        at = kinds.index(self.sort_kind) if self.sort_kind in kinds else 0
        self.sort_by(kinds[(at + 1) % len(kinds)])

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        self._sort(self.sort_kind, descending=not self.descending)

    def sort_by(self, kind: str | None) -> None:
        """Sort by that column, the best first; None = as the server lists them."""
        self._sort(kind, descending=kind in DOWN_FIRST)

    def _sort(self, kind: str | None, *, descending: bool) -> None:
        self.sort_kind, self.descending = kind, descending
        self._set_order()
        self.post_message(self.SortChanged(self))
        self.refresh_bindings()

    def _sort_at(self, x: int) -> None:
        for placed in self._columns():
            kind = placed.column.kind
            if placed.start <= x <= placed.start + placed.width and kind not in _UNSORTABLE:
                if kind == self.sort_kind:
                    self.action_sort_reverse()
                else:
                    self.sort_by(kind)
                return

    # Drawing

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_now = None
        self._strips.clear()
        self._drawn.clear()

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._bring_into_view()

    def on_focus(self) -> None:
        """Light the cursor."""
        self._refresh_changes()

    def on_blur(self) -> None:
        """Dim the cursor."""
        self._refresh_changes()

    @property
    def _width(self) -> int:
        """Cells of a line; the scrollbar's is kept free whether it shows or not."""
        return self.scrollable_content_region.width

    def _columns(self) -> tuple[Placed[str], ...]:
        width = self._width
        if width != self._placed_for:
            self._placed_for = width
            self._placed = place(COLUMNS, width, start=_GUTTER)
            self._strips.clear()
            self._drawn.clear()
        return self._placed

    @property
    def _drawn_with(self) -> _Styles:
        if self._styles_now is None:

            def component(name: str) -> Style:
                return self.get_visual_style(f"endpoint-table--{name}").rich_style

            def colour(name: str) -> Style:
                style = component(name)
                return Style(color=style.color, dim=style.dim)

            whole = {name: component(name) for name in ("head", "sorted", "cursor", "resting")}
            colours = {name: colour(name) for name in ("dim", "mark", "warning")}
            self._styles_now = _Styles(row=self.visual_style.rich_style, **whole, **colours)
        return self._styles_now

    @override
    def render_line(self, y: int) -> Strip:
        width = self._width
        self._columns()
        key = self._drawn[y] = self._line_key(y)
        if y == 0:
            return self._head(width)
        position = round(self.scroll_y) + y - 1
        if position >= len(self._order):
            return self._blank(y, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._row(self._order[position], width, lit=position == self.cursor)
        return strip

    def _head(self, width: int) -> Strip:
        styles = self._drawn_with
        segments = [Segment(" " * _GUTTER, styles.head)]
        for placed in self._placed:
            column, style = placed.column, styles.head
            head = column.head if self._model is None else head_text(column, self._model)
            if self._order and column.kind == self.sort_kind:
                # The arrow is what must not be cut.
                head = fit(head, placed.width - 1).rstrip() + ("↓" if self.descending else "↑")
                style = styles.sorted
            segments += [Segment(head_cell(column, head, placed.width), style), Segment(" ", styles.head)]
        return Strip(segments).adjust_cell_length(width, styles.head)

    def _blank(self, y: int, width: int) -> Strip:
        text = ""
        if not self._order and y >= 2:
            lines = [line for part in self._empty.split("\n") for line in wrap(part, max(1, width - _GUTTER))]
            text = lines[y - 2] if y - 2 < len(lines) else ""
        styles = self._drawn_with
        return Strip([Segment(fit(" " * _GUTTER + text if text else "", width), styles.row + styles.dim)], width)

    def _row(self, place_: int, width: int, *, lit: bool) -> Strip:
        assert self._model is not None
        styles, endpoint, rank = self._drawn_with, self._endpoints[place_], self._rank(place_)
        plain = lit and self.has_focus
        base = styles.cursor if plain else styles.resting if lit else styles.row
        dim, mark, warning = (
            (base, base, base) if plain else (base + styles.dim, base + styles.mark, base + styles.warning)
        )
        low = is_demoted(endpoint)
        facts = facts_of(endpoint, self._facts)
        marked = f"✓{rank if rank < 10 else '+'}" if rank else "  "
        segments = [Segment(f"{'▌' if lit else ' '}{marked} ", mark)]
        for placed in self._placed:
            column = placed.column
            text, secondary = cell(column.kind, self._model, endpoint, facts, self._now)
            style = warning if low and column.kind == "status" else dim if secondary or low else base
            if column.tail:
                text = point_aligned(text, column.tail, placed.width)
            segments.append(Segment(fit(text, placed.width, right=column.right) + " ", style))
        return Strip(segments).adjust_cell_length(width, base)
