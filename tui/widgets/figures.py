"""Amounts side by side under their names, and a line of lesser ones below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget
from typing_extensions import override

from tui.openrouter.text import Clean

_BETWEEN = " · "


class Figures(Widget):
    """What does not fit drops from the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"figures--label", "figures--amount"}
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Figures { height: 3; &.-narrow { height: 4; } }"

    def __init__(self) -> None:
        super().__init__()
        self._pairs: Sequence[tuple[Clean, Clean]] = ()
        self._notes: Sequence[Clean] = ()

    def show_figures(self, pairs: Sequence[tuple[Clean, Clean]], notes: Sequence[Clean]) -> None:
        """Draw these: names with amounts, most wanted first, and short sentences."""
        if (pairs, notes) != (self._pairs, self._notes):
            self._pairs, self._notes = pairs, notes
            self._make_room()
            self.refresh()

    def on_resize(self) -> None:
        self._make_room()

    def _make_room(self) -> None:
        """A second line for the notes where one is too narrow for them."""
        lines = self._note_lines()
        self.set_class(len(lines) > 1, "-narrow")

    @override
    def render(self) -> Content:
        label = self.get_visual_style("figures--label", partial=True)
        amount = self.get_visual_style("figures--amount", partial=True)
        room = self.content_size.width
        above: list[tuple[str, object]] = []
        below: list[tuple[str, object]] = []
        for name, value in self._pairs:
            width = max(len(name), len(value), 9) + 3
            if width - 3 > room:
                break
            room -= width
            above.append((name.ljust(width), label))
            below.append((value.ljust(width), amount))
        said = "\n".join(self._note_lines())
        return Content.assemble(*above, "\n", *below, "\n", (said, label))  # type: ignore[arg-type]

    def _note_lines(self) -> list[str]:
        """The notes in at most two lines."""
        lines = [""]
        for note in self._notes:
            longer = f"{lines[-1]}{_BETWEEN if lines[-1] else ''}{note}"
            if Content(longer).cell_length <= self.content_size.width:
                lines[-1] = longer
            elif len(lines) == 1:
                lines.append(note)
            else:
                break
        return lines
