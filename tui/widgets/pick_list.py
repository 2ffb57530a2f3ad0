"""The rows of everything that is picked from: models, conversations, prompts, themes, views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

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

from tui.openrouter.text import Clean


@dataclass(frozen=True, slots=True)
class PickItem:
    """Something to pick."""

    key: str
    """What is given back; never drawn."""
    label: Clean
    note: Clean = Clean("")
    """Drawn dim at the right."""
    mark: Clean = Clean("")
    """One cell before the label: `★` favourite, `●` live."""


class PickList(ScrollView, can_focus=True, inherit_bindings=False):
    """One row an item, drawn when it is looked at: 5,000 cost what 20 do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "choose", tooltip="Take the lit row.", id="pick.choose"),
        Binding("up,k", "move(-1)", "up", show=False, tooltip="One row up.", id="pick.up"),
        Binding("down,j", "move(1)", "down", show=False, tooltip="One row down.", id="pick.down"),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False, tooltip="A page up.", id="pick.page_up"),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False, tooltip="A page down.", id="pick.page_down"),
        Binding("home,g", "move(-1000000)", "first", show=False, tooltip="The first row.", id="pick.first"),
        Binding("end,G", "move(1000000)", "last", show=False, tooltip="The last row.", id="pick.last"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pick-list--row",
        "pick-list--lit",
        "pick-list--resting",
        "pick-list--note",
    }
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "PickList { height: 1fr; overflow-x: hidden; }"
    HELP = "A list. Type to filter it where there is a filter line; enter takes the lit row, esc leaves."

    cursor = var(0)
    """The lit row, counted among those that the filter leaves."""

    @dataclass
    class Chosen(Message):
        """Somebody took a row."""

        pick_list: PickList
        item: PickItem

        @property
        @override
        def control(self) -> PickList:
            return self.pick_list

    def __init__(
        self,
        items: Sequence[PickItem],
        *,
        recents: Sequence[str] = (),
        current: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """`recents` are keys that come first, in this order; `current` is the key that is marked and lit at first."""
        super().__init__(id=id)
        first = {key: place for place, key in enumerate(dict.fromkeys(recents))}
        # Sorting is stable: what is not recent keeps its order.
        self._items = sorted(items, key=lambda item: first.get(item.key, len(first)))
        self._haystacks = [f"{item.label} {item.note}".casefold() for item in self._items]
        self._shown = self._items
        self._marked = any(item.mark for item in self._items)
        self._current = current
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(256)
        start = next((row for row, item in enumerate(self._items) if item.key == current), 0)
        self.set_reactive(PickList.cursor, start)

    @property
    def shown(self) -> Sequence[PickItem]:
        """The items that the filter leaves."""
        return self._shown

    @property
    def lit_class(self) -> str:
        """How the lit row looks; under a filter line it is lit although the keyboard is not here."""
        return "pick-list--lit"

    @property
    def lit(self) -> PickItem | None:
        """The item of the lit row."""
        return self._shown[self.cursor] if self._shown else None

    @override
    def on_mount(self) -> None:
        self._resize_content()
        self.call_after_refresh(self._keep_in_view)

    def put(self, items: Sequence[PickItem], *, current: str | None = None) -> None:
        """Show other items; the lit row stays on its item where that is still there."""
        lit = self.lit
        self._items = list(items)
        self._haystacks = [f"{item.label} {item.note}".casefold() for item in self._items]
        self._shown = self._items
        self._marked = any(item.mark for item in self._items)
        self._current = current
        self._strips.clear()
        wanted = lit.key if lit is not None else current
        self.cursor = next((row for row, item in enumerate(self._items) if item.key == wanted), self.cursor)
        self._resize_content()
        self.refresh()

    def filter(self, text: str, *, keep_lit: bool = False) -> None:
        """Leave the items that have all of these words anywhere in label or note; the first is lit, or the same."""
        lit = self.lit if keep_lit else None
        words = text.casefold().split()
        self._shown = [
            item
            for item, haystack in zip(self._items, self._haystacks, strict=True)
            if all(word in haystack for word in words)
        ]
        self.cursor = next((row for row, item in enumerate(self._shown) if lit and item.key == lit.key), 0)
        self._resize_content()
        if not keep_lit:
            self.scroll_to(y=0, animate=False)
        self.refresh()

    def _resize_content(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._shown))

    def on_resize(self) -> None:
        self._resize_content()

    def validate_cursor(self, row: int) -> int:
        return max(0, min(row, len(self._shown) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh_lines(old - round(self.scroll_y), 1)
        self.refresh_lines(new - round(self.scroll_y), 1)
        self._keep_in_view()

    def _keep_in_view(self) -> None:
        height = self.scrollable_content_region.height
        if not height:
            return
        top = round(self.scroll_target_y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.scrollable_content_region.height - 1)

    def action_choose(self) -> None:
        if (item := self.lit) is not None:
            self.post_message(self.Chosen(self, item))

    def on_click(self, event: events.Click) -> None:
        row = event.y + round(self.scroll_y)
        if row < len(self._shown):
            self.cursor = row
            self.action_choose()

    @override
    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    @override
    def render_line(self, y: int) -> Strip:
        row = y + round(self.scroll_y)
        width = self.scrollable_content_region.width
        base = self.visual_style
        if row >= len(self._shown) or width <= 0:
            return Strip.blank(max(0, width), base.rich_style)
        item = self._shown[row]
        lit = row == self.cursor
        key = (item, lit and self.lit_class, width)
        if (strip := self._strips.get(key)) is None:
            strip = self._strips[key] = self._draw(item, lit, width)
        return strip

    def _draw(self, item: PickItem, lit: bool, width: int) -> Strip:
        style = self.get_visual_style(self.lit_class if lit else "pick-list--row").rich_style
        dim = style if lit else self.get_visual_style("pick-list--row", "pick-list--note").rich_style
        note = _one_line(item.note)
        note_room = min(cell_len(note), width // 2)
        before = " ✓" if item.key == self._current else "  "
        before += f"{item.mark or ' '} " if self._marked else " "
        label_room = max(1, width - len(before) - 1 - (note_room + 2 if note_room else 0))
        segments = [
            Segment(before, style),
            Segment(_cut(_one_line(item.label), label_room), style),
        ]
        if note_room:
            segments += [Segment("  ", style), Segment(_cut(note, note_room), dim)]
        return Strip(segments).adjust_cell_length(width, style).simplify()


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")


def _cut(text: str, width: int) -> str:
    """The text in exactly `width` cells, an ellipsis where something is missing."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
