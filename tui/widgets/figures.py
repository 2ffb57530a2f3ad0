"""Amounts side by side under their names, and a line of lesser ones below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from typing_extensions import override

from tui.openrouter.text import Clean

_BETWEEN = " · "


class Figures(Widget):
    """What does not fit drops from the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"figures--label", "figures--amount"}
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Figures { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._pairs: Sequence[tuple[Clean, Clean]] = ()
        self._notes: Sequence[Clean] = ()

    def show_figures(self, pairs: Sequence[tuple[Clean, Clean]], notes: Sequence[Clean]) -> None:
        """Draw these: names with amounts, most wanted first, and short sentences."""
        if (pairs, notes) != (self._pairs, self._notes):
            height = len(self._note_lines(self.content_size.width))
            self._pairs, self._notes = pairs, notes
            self.refresh(layout=len(self._note_lines(self.content_size.width)) != height)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A second line for the notes where one is too narrow for them."""
        return 2 + len(self._note_lines(width))

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
        said = "\n".join(self._note_lines(self.content_size.width))
        return Content.assemble(*above, "\n", *below, "\n", (said, label))  # type: ignore[arg-type]

    def _note_lines(self, width: int) -> list[str]:
        """The notes in at most two lines of that width."""
        lines = [""]
        for note in self._notes:
            longer = f"{lines[-1]}{_BETWEEN if lines[-1] else ''}{note}"
            if Content(longer).cell_length <= width:
                lines[-1] = longer
            elif len(lines) == 1:
                lines.append(note)
            else:
                break
        return lines
