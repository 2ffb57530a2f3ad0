"""The files that go with the draft, above the composer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from typing_extensions import override

from tui.core.attachments import attachment_words
from tui.core.conversation import Attachment
from tui.openrouter.text import Clean

_MOST_ROWS: Final = 3
_HINT: Final = "alt+d takes the last one off"


class AttachmentRow(Widget):
    """A line for each file; a click takes one off. Not there while nothing is attached."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"attachment-row--warning", "attachment-row--hint"}
    DEFAULT_CSS = """
    AttachmentRow {
        height: auto;
        padding: 0 2;
        display: none;
        color: $text-primary;
        & > .attachment-row--warning { color: $text-warning; }
        & > .attachment-row--hint { color: $text-muted; }
        &:ansi { color: ansi_blue; & > .attachment-row--warning { color: ansi_yellow; } }
        &:ansi > .attachment-row--hint { text-style: dim; }
    }
    """

    @dataclass
    class TakenOff(Message):
        """The attachment of that number was clicked."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._rows: tuple[Clean, ...] = ()
        self._warning = ""

    def show(self, attachments: Sequence[Attachment], warning: str = "") -> None:
        """Show these; `warning` says what the model does not take."""
        rows = tuple(map(attachment_words, attachments))
        if rows == self._rows and warning == self._warning:
            return
        self._rows, self._warning = rows, warning
        self.display = bool(rows)
        self.refresh(layout=True)

    @override
    def render(self) -> Content:
        first = max(0, len(self._rows) - _MOST_ROWS)
        lines = [Content(row) for row in self._rows[first:]]
        if first:
            lines[0] = Content(f"{lines[0].plain} and {first:,} more")
        if lines:
            style = "hint" if not self._warning else "warning"
            said = self._warning or _HINT
            lines[-1] = Content.assemble(lines[-1], "  ", (said, self.get_visual_style(f"attachment-row--{style}")))
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = max(0, len(self._rows) - _MOST_ROWS) + event.y
        if 0 <= index < len(self._rows):
            self.post_message(self.TakenOff(index))
