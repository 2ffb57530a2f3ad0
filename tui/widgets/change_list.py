"""What changed in the catalogue as a list under headings: a row a change, before and after, drawn line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar, Final, TypeAlias

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from typing_extensions import override

from tui.core.catalogue_changes import PER_TOKEN, Change, ChangeKind, Listed, price_label
from tui.core.formats import MILLION, UNKNOWN, count, length, money, per_million, plain
from tui.core.query_context import per_cent_text
from tui.openrouter.text import Opaque
from tui.widgets.content_size import set_content_size
from tui.widgets.line_table import LineTable
from tui.widgets.line_view import wrap
from tui.widgets.model_columns import fit

HEADINGS: Final = {
    ChangeKind.NEW: "✦ new",
    ChangeKind.CHEAPER: "▼ price down",
    ChangeKind.DEARER: "▲ price up",
    ChangeKind.PRICED: "prices listed, or no more",
    ChangeKind.CONTEXT: "context length",
    ChangeKind.EXPIRY: "⌛ expiry",
    ChangeKind.GONE: "gone",
    ChangeKind.CAME_AND_WENT: "came and went",
}
_Row: TypeAlias = Change | ChangeKind | None
"""A change, the heading of a group, or an empty line before one."""
_PER_CENT: Final = 6
_MOST_WHAT: Final = 18
_MOST_VALUE: Final = 12
_CAME_OR_WENT: Final = frozenset({ChangeKind.NEW, ChangeKind.GONE, ChangeKind.CAME_AND_WENT})
_OF_PRICES: Final = frozenset({ChangeKind.CHEAPER, ChangeKind.DEARER, ChangeKind.PRICED})


class _Widths(msgspec.Struct):
    """Cells of the columns behind the model, no wider than what stands in them."""

    what: int = 0
    before: int = 0
    after: int = 0
    per_cent: int = 0


class ChangeList(LineTable, can_focus=True):
    """The cursor goes over the changes, not over their headings; it stays with its change when the list is new."""

    HELP = """What changed in the list of models. Prices are USD per million tokens; `–` is unknown or not set.
enter goes to the model in the table; a model that is gone is not there any more."""

    DEFAULT_CSS = """
    ChangeList {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .change-list--heading { text-style: bold; color: $text-accent; }
        & > .change-list--dim { color: $text-muted; }
        & > .change-list--warning { color: $text-warning; }
        & > .change-list--good { color: $text-success; }
        & > .change-list--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        &:ansi > .change-list--dim { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"change-list--{name}" for name in ("heading", "dim", "warning", "good", "cursor")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "go to it", id="changes.choose", tooltip="Go to this model in the table"),
        Binding("j,down", "move(1)", "down", show=False, id="changes.down", tooltip="Next change"),
        Binding("k,up", "move(-1)", "up", show=False, id="changes.up", tooltip="Previous change"),
        Binding("g,home", "move(-1000000)", "first", show=False, id="changes.first", tooltip="First change"),
        Binding("G,end", "move(1000000)", "last", show=False, id="changes.last", tooltip="Last change"),
        Binding("ctrl+d,pagedown", "page(1)", "page down", show=False, id="changes.page_down", tooltip="A page down"),
        Binding("ctrl+u,pageup", "page(-1)", "page up", show=False, id="changes.page_up", tooltip="A page up"),
    ]

    cursor: var[int] = var(0)
    """Which of the lines is current, from 0."""

    @dataclass
    class Chosen(Message):
        """Enter or a double click: go to this model."""

        change_list: ChangeList
        model: Opaque

        @property
        @override
        def control(self) -> ChangeList:
            return self.change_list

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._rows: Sequence[_Row] = ()
        self._prices, self._others = _Widths(), _Widths()
        self._empty = ""

    def show(self, changes: Sequence[Change], *, empty: str = "") -> None:
        """Show these, which are in the order of their kinds; `empty` says why there are none."""
        lit = self.change
        rows: list[_Row] = []
        for change in changes:
            if not rows or (isinstance(rows[-1], Change) and rows[-1].kind is not change.kind):
                rows += [None, change.kind] if rows else [change.kind]
            rows.append(change)
        self._rows, self._empty = rows, empty
        self._prices = _widths([change for change in changes if change.kind in _OF_PRICES])
        self._others = _widths([change for change in changes if change.kind not in _OF_PRICES | _CAME_OR_WENT])
        same = (at for at, row in enumerate(rows) if lit is not None and isinstance(row, Change) and _same(row, lit))
        self.set_reactive(ChangeList.cursor, next(same, min(1, len(rows))))
        self._set_height()
        self._bring_into_view()
        self.refresh()
        self.refresh_bindings()

    @property
    def change(self) -> Change | None:
        """The one under the cursor."""
        row = self._rows[self.cursor] if 0 <= self.cursor < len(self._rows) else None
        return row if isinstance(row, Change) else None

    # Moving

    def action_move(self, steps: int) -> None:
        """To the change so many changes further down."""
        at = [position for position, row in enumerate(self._rows) if isinstance(row, Change)]
        if at:
            here = at.index(self.cursor) if self.cursor in at else 0
            self._go(at[max(0, min(here + steps, len(at) - 1))])

    def action_page(self, pages: int) -> None:
        """By screens."""
        self.action_move(pages * max(1, self.size.height - 1))

    def _go(self, position: int) -> None:
        before, self.cursor = self.cursor, position
        self._bring_into_view()
        for line in (before, position):
            self.refresh(Region(0, line - round(self.scroll_y), self.size.width, 1))
        self.refresh_bindings()

    def _bring_into_view(self) -> None:
        top, room = round(self.scroll_y), max(1, self.size.height)
        # The heading over the first row of a group is worth seeing too.
        above = 1 if self.cursor and isinstance(self._rows[self.cursor - 1], ChangeKind) else 0
        if self.cursor - above < top:
            self.scroll_to(y=self.cursor - above, animate=False, immediate=True)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one goes to the model."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        position = round(self.scroll_y) + offset.y
        if position < len(self._rows) and isinstance(self._rows[position], Change):
            self._go(position)
            if event.chain == 2:
                self.action_choose()

    def action_choose(self) -> None:
        """Go to the model."""
        if (change := self.change) is not None and is_there(change):
            self.post_message(self.Chosen(self, change.model))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what a model that is gone cannot do."""
        if action == "choose":
            return True if self.change is not None and is_there(self.change) else None
        return True

    # Drawing

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._set_height()
        self._bring_into_view()

    def on_focus(self) -> None:
        """Light the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Dim the cursor."""
        self.refresh()

    def _set_height(self) -> None:
        set_content_size(self, Size(self.scrollable_content_region.width, len(self._rows)))

    @override
    def render_line(self, y: int) -> Strip:
        width, position = self.line_width, round(self.scroll_y) + y
        base = self.visual_style.rich_style
        if not self._rows:
            lines = wrap(self._empty, width - 2)
            text = f" {lines[y - 1]}" if 0 < y <= len(lines) else ""
            return Strip([Segment(fit(text, width), self._style("dim"))], width)
        row = self._rows[position] if position < len(self._rows) else None
        match row:
            case None:
                return Strip.blank(width, base)
            case ChangeKind():
                number = sum(isinstance(one, Change) and one.kind is row for one in self._rows)
                return Strip([Segment(fit(f" {HEADINGS[row]} · {number}", width), self._style("heading"))], width)
        before = self._rows[position - 1] if position else None
        again = position > round(self.scroll_y) and isinstance(before, Change) and before.model == row.model
        return self._draw(row, width, lit=position == self.cursor, again=again)

    def _draw(self, change: Change, width: int, *, lit: bool, again: bool) -> Strip:
        """`slug  what  before → after  per cent`; the slug is not said `again` for the next price of a model."""
        base = self._style("cursor") if lit and self.has_focus else self.visual_style.rich_style
        dim, good, warning = (
            (base, base, base) if lit and self.has_focus else map(self._style, ("dim", "good", "warning"))
        )
        mark = "▌" if lit else " "
        if change.kind in _CAME_OR_WENT:
            facts = facts_text(change.listed)
            room = max(10, width - 2 - len(facts) - 1)
            segments = [Segment(f"{mark} ", base), Segment(fit(change.slug, room), base), Segment(f"{facts} ", dim)]
            return Strip(segments).adjust_cell_length(width, base)
        widths = self._prices if change.kind in _OF_PRICES else self._others
        what, before, after, moved = _texts(change)
        behind = f" {fit(what, widths.what)} " if widths.what else " "
        moved = f" {fit(moved, widths.per_cent, right=True)} " if widths.per_cent else " "
        room = max(10, width - 2 - len(behind) - widths.before - 3 - widths.after - len(moved))
        segments = [
            Segment(f"{mark} ", base),
            Segment(fit("" if again and not lit else change.slug, room), base),
            Segment(behind, dim),
            Segment(fit(before, widths.before, right=True), dim),
            Segment(" → ", dim),
            Segment(fit(after, widths.after), base),
            Segment(moved, warning if change.kind is ChangeKind.DEARER else good),
        ]
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, name: str) -> Style:
        return self.get_visual_style(f"change-list--{name}").rich_style


def is_there(change: Change) -> bool:
    """Whether the model is in the list as it stands."""
    return change.kind not in (ChangeKind.GONE, ChangeKind.CAME_AND_WENT)


def _texts(change: Change) -> tuple[str, str, str, str]:
    """Which price, before, after, and by how many per cent."""
    what = price_label(change.price) if change.price else ""
    moved = "" if change.per_cent is None else per_cent_text(change.per_cent)
    before, after = value_text(change, change.before, 0), value_text(change, change.after, 1)
    if before == after:  # they differ where the short form does not show it
        before, after = (_exact(change, value) or before for value in (change.before, change.after))
    return what, before, after, moved


def _widths(changes: Sequence[Change]) -> _Widths:
    texts = [_texts(change) for change in changes]
    what, before, after, moved = (max(map(len, column)) for column in zip(*texts, strict=True)) if texts else (0,) * 4
    return _Widths(min(what, _MOST_WHAT), min(before, _MOST_VALUE), min(after, _MOST_VALUE), min(moved, _PER_CENT))


def value_text(change: Change, value: Decimal | int | date | None, side: int) -> str:
    """A price per million tokens or of a thing, a length, or a day; `side` 1 is after the change."""
    match value:
        case Decimal():
            if change.price.partition(" ")[0] in PER_TOKEN:
                return per_million(value)
            return money(value)
        case date():
            return value.isoformat()
        case int():
            return length(value)
    if change.price and change.varied[side]:
        return "varies"
    return "none" if change.kind is ChangeKind.EXPIRY else UNKNOWN


def _exact(change: Change, value: Decimal | int | date | None) -> str:
    match value:
        case Decimal():
            return plain(value * MILLION if change.price.partition(" ")[0] in PER_TOKEN else value)
        case int():
            return count(value)
    return ""


def facts_text(listed: Listed | None) -> str:
    """Context and prices of a model that came or went: `128k · 0.25 in · 1.00 out`."""
    if listed is None:
        return ""
    parts: list[str] = [length(listed.context)] if listed.context is not None else []
    prompt, completion = listed.prices.get("prompt"), listed.prices.get("completion")
    if prompt == 0 and completion == 0:
        return " · ".join([*parts, "free"])
    if listed.varies:
        return " · ".join([*parts, "price varies"])
    parts += [
        f"{per_million(price) if price else '0.00'} {name}"
        for price, name in ((prompt, "in"), (completion, "out"))
        if price is not None
    ]
    return " · ".join(parts)


def _same(one: Change, other: Change) -> bool:
    return (one.model, one.kind, one.price) == (other.model, other.kind, other.price)
