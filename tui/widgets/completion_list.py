"""What a word under the cursor can become: a few rows that hang over what lies below, without taking the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Offset, Size
from textual.reactive import var
from textual.visual import VisualType
from typing_extensions import override

from tui.core.filter_completion import Choice
from tui.widgets.overlay import Overlay

_WIDEST: Final = 60


class CompletionList(Overlay):
    """Shows choices beside the field that asked for them; that field keeps the focus and moves the lit row."""

    DEFAULT_CSS = """
    CompletionList {
        background: $panel;
        color: $foreground;
        & > .completion--meaning { color: $text-muted; }
        & > .completion--lit {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        &:ansi {
            /* The terminal's own colours have no panel: without one the rows read as part of what lies below. */
            background: ansi_bright_black;
            color: ansi_bright_white;
        }
        &:ansi > .completion--meaning { color: ansi_white; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"completion--meaning", "completion--lit"}

    lit: var[int | None] = var(None)
    """Which row is lit; None until one moves into the list."""

    def __init__(self) -> None:
        super().__init__()
        self.choices: tuple[Choice, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose from."""
        return bool(self.choices)

    @property
    def chosen(self) -> Choice | None:
        """The lit one."""
        return None if self.lit is None or self.lit >= len(self.choices) else self.choices[self.lit]

    def show(self, choices: Sequence[Choice], column: int) -> None:
        """Show these below the given column of the field's line; none closes the list."""
        self.set_reactive(CompletionList.lit, None)
        self.choices = tuple(choices)
        self.clear_cached_dimensions()
        self.place(column)

    def place(self, column: int) -> None:
        """Lie below that column of the field's line."""
        self.put(Size(self._width(), len(self.choices)) if self.choices else Size(), Offset(column, 1))

    def move(self, rows: int) -> None:
        """Light the next row, or the one before; before the first none is lit."""
        at = (-1 if self.lit is None else self.lit) + rows
        self.lit = None if at < 0 else min(at, len(self.choices) - 1)
        self.refresh()

    def _label_width(self) -> int:
        return max((cell_len(choice.text) for choice in self.choices), default=0)

    def _width(self) -> int:
        meanings = max((cell_len(choice.meaning) for choice in self.choices), default=0)
        return min(_WIDEST, self._label_width() + (meanings + 2 if meanings else 0) + 2)

    @override
    def render(self) -> VisualType:
        room = self._label_width()
        meaning, lit = (self.get_visual_style(f"completion--{name}") for name in ("meaning", "lit"))
        width = self._width()
        lines = []
        for at, choice in enumerate(self.choices):
            name = f" {choice.text}{' ' * (room - cell_len(choice.text))}"
            behind = (f"  {choice.meaning}" if choice.meaning else "").ljust(width - cell_len(name))
            if at == self.lit:
                lines.append(Content.styled(name + behind, lit))
            else:
                lines.append(Content.assemble(name, (behind, meaning)))
        return Content("\n").join(lines)
