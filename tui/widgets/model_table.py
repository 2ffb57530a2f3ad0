"""The catalogue as a table that costs the same at any size: only the lines on the screen are ever drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from msgspec.structs import replace
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from typing_extensions import override

from tui.core.catalogue_filter import QueryContext, SortKey, SortOrder
from tui.core.catalogue_index import CatalogueIndex, Result
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque
from tui.widgets.content_size import set_content_size
from tui.widgets.model_lines import ModelLines
from tui.widgets.own_keys import carry_out

_SORTS: Final[dict[str, SortKey]] = {key.value: key for key in SortKey}
_DOWN_FIRST: Final = frozenset({SortKey.CONTEXT, SortKey.MAX_OUTPUT})
"""Where the most is what one looks for."""


class ModelTable(ModelLines, can_focus=True):
    """The models that a query found; the cursor stays with its model whatever is shown next."""

    HELP = """The models. Prices are USD per million tokens; `–` is unknown, `varies` depends on what answers.

★ favourite · ✓ marked · ✦ new · ⌛ gone soon · ▲▼ price changed · T tools, R reasoning, V sees images"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "chat", id="models.choose", tooltip="Use this model: chat or embed"),
        Binding("space", "mark", "mark", id="models.mark", tooltip="Mark this model for comparing, or unmark it"),
        Binding("x", "clear_marks", "clear marks", show=False, id="models.clear_marks", tooltip="Unmark all models"),
        Binding("s", "sort_next", "sort", show=False, id="models.sort", tooltip="Sort by the next column"),
        Binding("S", "sort_reverse", "reverse", show=False, id="models.reverse", tooltip="Turn the order round"),
        Binding("f", "favourite", "favourite", show=False, id="models.favourite", tooltip="Favourite or not"),
        Binding("y", "copy", "copy id", show=False, id="models.copy", tooltip="Copy the model's id"),
        Binding("o", "open_page", "open page", show=False, id="models.open_page", tooltip="Open its page"),
        Binding("j,down", "move(1)", "down", show=False, id="models.down", tooltip="Next model"),
        Binding("k,up", "move(-1)", "up", show=False, id="models.up", tooltip="Previous model"),
        Binding("g,home", "jump(0)", "first", show=False, id="models.first", tooltip="First model"),
        Binding("G,end", "jump(-1)", "last", show=False, id="models.last", tooltip="Last model"),
        Binding("ctrl+d", "move_page(0.5)", "half down", show=False, id="models.half_down", tooltip="Half down"),
        Binding("ctrl+u", "move_page(-0.5)", "half up", show=False, id="models.half_up", tooltip="Half up"),
        Binding("pagedown", "move_page(1)", "page down", show=False, id="models.page_down", tooltip="A screen down"),
        Binding("pageup", "move_page(-1)", "page up", show=False, id="models.page_up", tooltip="A screen up"),
    ]  # fmt: skip

    # Written out: a dataclass costs the start a millisecond each.

    class _Told(Message):
        """Something that the table tells."""

        def __init__(self, table: ModelTable) -> None:
            super().__init__()
            self.table = table

        @property
        @override
        def control(self) -> ModelTable:
            return self.table

    class _About(_Told):
        """Something about one model."""

        def __init__(self, table: ModelTable, model: Model) -> None:
            super().__init__(table)
            self.model = model

    class Chosen(_About):
        """Enter or a double click: use this model."""

    class Highlighted(_About):
        """The cursor came to another model."""

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ModelTable.Highlighted) and message.table is self.table

    class FavouriteToggled(_About):
        """`f`: make it a favourite, or no longer."""

    class CopyRequested(_About):
        """`y`: copy its id."""

    class OpenPage(_About):
        """`o`: open its page."""

    class MarksChanged(_Told):
        """Which models are marked now, in the order in which they were."""

        def __init__(self, table: ModelTable, models: tuple[Model, ...]) -> None:
            super().__init__(table)
            self.models = models

    class SortChanged(_Told):
        """The user asks for this order; the table shows it when it is given the result."""

        def __init__(self, table: ModelTable, order: SortOrder) -> None:
            super().__init__(table)
            self.order = order

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._kept: Opaque | None = None
        """The model where the user put the cursor; it is found again when it comes back into view."""
        self._lit: Opaque | None = None
        """The model that was reported last as highlighted."""
        self._was_empty = True

    # What is shown

    def show(
        self, index: CatalogueIndex, result: Result, *, context: QueryContext | None = None, empty: str = ""
    ) -> None:
        """Show what a query found; `context` gives the badges, `empty` says why nothing is shown and what helps."""
        context = self.context if context is None else context
        if index is not self.index or not _same_badges(context, self.context):
            self._forget_drawn()
        if index is not self.index:
            rows = {mark: index.row_of(mark) for mark in self._marks}
            self._marks = {mark: index.models[row] for mark, row in rows.items() if row is not None}
        self.index, self.result, self.context, self._empty = index, result, context, empty
        self._set_height()
        self._find_cursor()
        self._refresh_changes()
        self._report()

    @property
    def model(self) -> Model | None:
        """The model under the cursor."""
        rows = self.result.rows
        return self.index.models[rows[self.cursor]] if 0 <= self.cursor < len(rows) else None

    @property
    def marked(self) -> tuple[Model, ...]:
        """The marked models, in the order in which they were marked, whether the filter shows them or not."""
        return tuple(self._marks.values())

    def move_to(self, model_id: Opaque) -> bool:
        """Put the cursor on that model; False when it is not shown."""
        row = self.index.row_of(model_id)
        if row is None or row not in self.result.rows:
            return False
        self._go(self.result.rows.index(row))
        return True

    def _set_height(self) -> None:
        set_content_size(self, Size(self._width, len(self.result.rows) + 1))

    def _find_cursor(self) -> None:
        rows = self.result.rows
        row = None if self._kept is None else self.index.row_of(self._kept)
        try:
            position = 0 if row is None else rows.index(row)
        except ValueError:
            position = 0
        self.set_reactive(ModelTable.cursor, position)
        self._bring_into_view()

    def _bring_into_view(self) -> None:
        top, room = round(self.scroll_y), max(1, self.size.height - 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False, immediate=True)

    def _report(self) -> None:
        model = self.model
        if model is not None and model.id != self._lit:
            self._lit = model.id
            self.post_message(self.Highlighted(self, model))
        elif model is None:
            self._lit = None
        if (model is None) is not self._was_empty:
            self._was_empty = model is None
            self.refresh_bindings()

    # Moving

    def _go(self, position: int) -> None:
        rows = self.result.rows
        if not rows:
            return
        before, self.cursor = self.cursor, max(0, min(position, len(rows) - 1))
        self._keep()
        top = self.scroll_y
        self._bring_into_view()
        if self.scroll_y == top and before != self.cursor:
            self.refresh_line(before + 1)
            self.refresh_line(self.cursor + 1)
        self._report()

    def _keep(self) -> None:
        if (model := self.model) is not None:
            self._kept = model.id

    def action_move(self, rows: int) -> None:
        """Move the cursor down by so many rows."""
        self._go(self.cursor + rows)

    def action_move_page(self, pages: float) -> None:
        """Move the cursor by screens."""
        self._go(self.cursor + int(pages * max(1, self.size.height - 1)))

    def action_jump(self, position: int) -> None:
        """Go to a row; -1 is the last."""
        self._go(len(self.result.rows) - 1 if position < 0 else position)

    @override
    async def _on_key(self, event: events.Key) -> None:  # Textual calls those of the classes above besides
        await carry_out(self, event)

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
        if position < len(self.result.rows):
            self._go(position)
            if event.chain == 2:
                self.action_choose()

    # Doing something with the model

    def action_choose(self) -> None:
        """Use this model."""
        self._about(self.Chosen)

    def action_favourite(self) -> None:
        """Keep it among the favourites, or no longer."""
        self._about(self.FavouriteToggled)

    def action_copy(self) -> None:
        """Copy its id."""
        self._about(self.CopyRequested)

    def action_open_page(self) -> None:
        """Open its page."""
        self._about(self.OpenPage)

    def _about(self, message: Callable[[ModelTable, Model], ModelTable._About]) -> None:
        if (model := self.model) is not None:
            self._keep()
            self.post_message(message(self, model))

    def action_mark(self) -> None:
        """Mark this model, or unmark it."""
        if (model := self.model) is None:
            return
        self._keep()
        if self._marks.pop(model.id, None) is None:
            self._marks[model.id] = model
        self.refresh_line(self.cursor + 1)
        self._marks_changed()

    def action_clear_marks(self) -> None:
        """Unmark all models."""
        if self._marks:
            self._marks.clear()
            self.refresh()
            self._marks_changed()

    def _marks_changed(self) -> None:
        self.post_message(self.MarksChanged(self, self.marked))
        self.refresh_bindings()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a model or marks."""
        if action == "clear_marks":
            return True if self._marks else None
        if action in ("choose", "mark", "favourite", "copy", "open_page"):
            return True if self.result.rows else None
        return True

    # Sorting

    def action_sort_next(self) -> None:
        """Sort by the next of the columns that are shown."""
        keys = [_SORTS[placed.column.kind] for placed in self._columns() if placed.column.kind in _SORTS]
        at = keys.index(self.result.sort.key) if self.result.sort.key in keys else -1
        self._sort_by(keys[(at + 1) % len(keys)])

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        order = self.result.sort
        self.post_message(self.SortChanged(self, replace(order, descending=not order.descending)))

    def _sort_by(self, key: SortKey) -> None:
        self.post_message(self.SortChanged(self, SortOrder(key, key in _DOWN_FIRST)))

    def _sort_at(self, x: int) -> None:
        for placed in self._columns():
            if placed.start <= x <= placed.start + placed.width and (key := _SORTS.get(placed.column.kind)) is not None:
                if key is self.result.sort.key:
                    self.action_sort_reverse()
                else:
                    self._sort_by(key)
                return

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._set_height()
        self._bring_into_view()

    def on_focus(self) -> None:
        """Light the cursor."""
        self.refresh_line(self.cursor + 1)

    def on_blur(self) -> None:
        """Dim the cursor."""
        self.refresh_line(self.cursor + 1)


def _same_badges(one: QueryContext, other: QueryContext) -> bool:
    return (
        one.now // 3600 == other.now // 3600
        and one.favourites == other.favourites
        and one.new == other.new
        and one.changed == other.changed
    )
