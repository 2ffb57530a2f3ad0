"""Which columns a table shows, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.visual import VisualType
from textual.widget import Widget
from typing_extensions import override

from tui.widgets.model_cells import ALL_COLUMNS, COLUMN_MEANS, COLUMNS


class ColumnList(Widget, can_focus=True):
    """The chosen columns in their order, then the others; each change is told at once."""

    HELP = "space shows or hides a column, K and J move it up and down, r brings the usual ones back."

    DEFAULT_CSS = """
    ColumnList {
        width: 1fr;
        height: auto;
        & > .column-list--dim { color: $text-muted; }
        & > .column-list--lit { color: $block-cursor-foreground; background: $block-cursor-background; }
        &:ansi > .column-list--dim { text-style: dim; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"column-list--dim", "column-list--lit"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", "show/hide", id="columns.toggle", tooltip="Show this column or hide it"),
        Binding("K,shift+up", "shift(-1)", "move up", id="columns.earlier", tooltip="Nearer to the left"),
        Binding("J,shift+down", "shift(1)", "move down", id="columns.later", tooltip="Nearer to the right"),
        Binding("r", "reset", "reset", id="columns.reset", tooltip="The columns that are usual"),
        Binding("j,down", "move(1)", "down", show=False, id="columns.down", tooltip="Next column"),
        Binding("k,up", "move(-1)", "up", show=False, id="columns.up", tooltip="Previous column"),
        Binding("g,home", "move(-99)", "first", show=False, id="columns.first", tooltip="First column"),
        Binding("G,end", "move(99)", "last", show=False, id="columns.last", tooltip="Last column"),
    ]

    cursor: reactive[int] = reactive(0)

    @dataclass
    class Changed(Message):
        """These are shown now, in this order; None = the usual ones."""

        kinds: tuple[str, ...] | None

    def __init__(self, shown: Sequence[str] | None) -> None:
        super().__init__()
        self._fill(shown)

    def _fill(self, shown: Sequence[str] | None) -> None:
        usual = [column.kind for column in COLUMNS]
        chosen = list(usual if shown is None else shown)
        self.shown = set(chosen)
        self.order = chosen + [kind for kind in ALL_COLUMNS if kind not in self.shown]

    def action_move(self, rows: int) -> None:
        """Light another column."""
        self.cursor = max(0, min(self.cursor + rows, len(self.order) - 1))

    def action_switch(self) -> None:
        """Show it or hide it."""
        kind = self.order[self.cursor]
        if kind != "id":
            self.shown ^= {kind}
            self._tell()

    def action_shift(self, places: int) -> None:
        """Move the column among the others."""
        to = self.cursor + places
        if 0 <= to < len(self.order):
            self.order.insert(to, self.order.pop(self.cursor))
            self.cursor = to
            self._tell()

    def action_reset(self) -> None:
        """What is usual."""
        self._fill(None)
        self.refresh()
        self.post_message(self.Changed(None))

    def _tell(self) -> None:
        self.refresh()
        self.post_message(self.Changed(tuple(kind for kind in self.order if kind in self.shown)))

    @override
    def render(self) -> VisualType:
        lit, dim = (self.get_visual_style(f"column-list--{name}") for name in ("lit", "dim"))
        lines = []
        for at, kind in enumerate(self.order):
            head = ALL_COLUMNS[kind].head or "badges"
            text = f" {'✓' if kind in self.shown else ' '} {head:<10} "
            meaning = COLUMN_MEANS[kind].ljust(max(0, self.size.width - len(text)))
            if at == self.cursor:
                lines.append(Content.styled(text + meaning, lit))
            else:
                lines.append(Content.assemble(text, (meaning, dim)))
        return Content("\n").join(lines)
