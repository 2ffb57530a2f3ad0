"""The lines of the model table: drawn once, kept, and drawn again only where they show something else."""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

from rich.segment import Segment
from textual.cache import LRUCache
from textual.geometry import Region
from textual.reactive import var
from textual.strip import Strip
from typing_extensions import override

from tui.core.catalogue_filter import QueryContext, SortOrder
from tui.core.catalogue_index import CatalogueIndex, Result
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque
from tui.widgets.line_scroll_bar import STANDING_BAR
from tui.widgets.line_table import LineTable
from tui.widgets.model_cells import COLUMNS, TableStyles, cell
from tui.widgets.model_columns import Column, Placed, fit, head_cell, place, point_aligned

GUTTER: Final = 4
"""Cursor, mark, favourite or new, and a space."""
_LineKey: TypeAlias = tuple[object, ...] | None
_NOTHING: Final = CatalogueIndex(())


class ModelLines(LineTable):
    """What is shown of which models, as lines; the keys and the cursor's moves are the table's."""

    DEFAULT_CSS = (
        f"ModelLines {{{STANDING_BAR}}}"
        """
    ModelLines {
        height: 1fr;
        & > .model-table--head { color: $text-muted; }
        & > .model-table--sorted { color: $foreground; text-style: bold; }
        & > .model-table--dim { color: $text-muted; }
        & > .model-table--badge { color: $text-accent; }
        & > .model-table--warning { color: $text-warning; }
        & > .model-table--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        &:ansi > .model-table--dim, &:ansi > .model-table--head { text-style: dim; }
        & > .model-table--resting { background: $block-cursor-blurred-background; text-style: bold; }
    }
    """
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "model-table--head",
        "model-table--sorted",
        "model-table--dim",
        "model-table--badge",
        "model-table--warning",
        "model-table--cursor",
        "model-table--resting",
    }
    cursor: var[int] = var(0)
    """Which of the shown rows is current, from 0."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.index: CatalogueIndex = _NOTHING
        self.result: Result = Result((), 0, SortOrder())
        self.context = QueryContext(now=0.0)
        """What the badges and ages were drawn from."""
        self._empty = ""
        self._marks: dict[Opaque, Model] = {}
        self._chosen: tuple[Column[str], ...] = COLUMNS
        self._placed: tuple[Placed[str], ...] = ()
        self._placed_for = -1
        self._strips: LRUCache[_LineKey, Strip] = LRUCache(1024)
        self._drawn: dict[int, _LineKey] = {}
        """What each line of the screen shows, so that another result draws only what differs."""
        self._styles_now: TableStyles | None = None

    def show_columns(self, columns: tuple[Column[str], ...]) -> None:
        """Show these columns, as far as there is room for them."""
        if columns != self._chosen:
            self._chosen = columns
            self._placed_for = -1
            self.refresh()

    # What each line shows

    def _refresh_changes(self) -> None:
        """Draw the lines again that now show something else."""
        if not self._drawn:
            self.refresh()
            return
        width, height = self.size
        if changed := [y for y in range(height) if self._drawn.get(y, ...) != self._line_key(y)]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _line_key(self, y: int) -> _LineKey:
        """All that decides how a line of the screen looks; None where nothing is."""
        rows = self.result.rows
        if y == 0:
            return self.result.sort, self.result.fuzzy or not rows
        position = round(self.scroll_y) + y - 1
        if position >= len(rows):
            return (self._empty, len(self.index)) if not rows else None
        row, lit = rows[position], position == self.cursor
        return row, lit, lit and self.has_focus, self.index.models[row].id in self._marks

    def _forget_drawn(self) -> None:
        self._strips.clear()
        self._drawn.clear()

    # Drawing

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_now = None
        self._forget_drawn()

    @override
    def render_line(self, y: int) -> Strip:
        width = self.line_width
        if width != self._placed_for:
            self._columns()
        key = self._drawn[y] = self._line_key(y)
        position = round(self.scroll_y) + y - 1
        if y and position >= len(self.result.rows):
            return self._blank(y, width)
        strip = self._strips.get(key)
        if strip is None and not y:
            strip = self._strips[key] = self._head(width)
        if strip is None:
            row = self.result.rows[position]
            strip = self._strips[key] = self._row(self.index.models[row], width, position == self.cursor)
        return strip

    @override
    def refresh_line(self, y: int) -> None:
        """Draw one line again; `y` counts from the head, which does not scroll."""
        self.refresh(Region(0, y - round(self.scroll_y), self.size.width, 1))

    @property
    def _width(self) -> int:
        """Cells of a line; the scrollbar's is kept free whether it shows or not."""
        return self.scrollable_content_region.width

    def _columns(self) -> tuple[Placed[str], ...]:
        width = self._width
        if width != self._placed_for:
            self._placed_for = width
            self._placed = place(self._chosen, width, start=GUTTER)
            self._forget_drawn()
        return self._placed

    @property
    def _drawn_with(self) -> TableStyles:
        if self._styles_now is None:
            self._styles_now = TableStyles.of(self)
        return self._styles_now

    def _head(self, width: int) -> Strip:
        styles, order = self._drawn_with, self.result.sort
        placed_kinds = {placed.column.kind for placed in self._columns()}
        # What has no column of its own is marked where the model is named.
        sorted_kind = order.key.value if order.key.value in placed_kinds else "id"
        segments = [Segment(" " * GUTTER, styles.head)]
        for placed in self._placed:
            column, style, head = placed.column, styles.head, placed.column.head
            if column.kind == sorted_kind and not self.result.fuzzy and self.result.rows:
                other = "" if column.kind == order.key.value else f" by {order.key.value}"
                head, style = f"{head}{other}{'↓' if order.descending else '↑'}", styles.sorted
            segments += [Segment(head_cell(column, head, placed.width), style), Segment(" ", styles.head)]
        return Strip(segments).adjust_cell_length(width, styles.head)

    def _blank(self, y: int, width: int) -> Strip:
        text = ""
        if not self.result.rows and y in (2, 3):
            lines = (self._empty or self._why_empty()).split("\n")
            text = lines[y - 2] if y - 2 < len(lines) else ""
        styles = self._drawn_with
        return Strip([Segment(fit(" " * GUTTER + text if text else "", width), styles.dim)], width)

    def _why_empty(self) -> str:
        if not len(self.index):
            return "The models are listed here once the catalogue has come.\nr asks for it."
        return "No model matches the filter.\n/ changes it, esc in it clears it."

    def _row(self, model: Model, width: int, lit: bool) -> Strip:
        styles = self._drawn_with
        raw, context = model.id.raw, self.context
        star = "★" if raw in context.favourites else "✦" if raw in context.new else " "
        if not lit:
            base, (badge, dim, warning) = styles.row, styles.on_rows
        elif self.has_focus:
            base = badge = dim = warning = styles.cursor
        else:
            base = styles.resting
            badge, dim, warning = (base + own for own in styles.on_a_row)
        texts = [f"{'▌' if lit else ' '}{'✓' if model.id in self._marks else ' '}{star} "]
        style, segments = badge, []
        for placed in self._placed:
            column = placed.column
            text, secondary = cell(column.kind, model, context)
            own = dim if secondary else base
            if column.kind == "note" and text and text[0] in "▲⌛":
                own = warning
            if own is not style:
                # One piece for all neighbours of a style: each costs on its way to the screen.
                segments.append(Segment("".join(texts), style))
                texts, style = [], own
            if column.tail:
                text = point_aligned(text, column.tail, placed.width)
            texts += fit(text, placed.width, right=column.right), " "
        segments.append(Segment("".join(texts), style))
        return Strip(segments).adjust_cell_length(width, base)
