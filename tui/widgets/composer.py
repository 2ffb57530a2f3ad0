"""Where the next message is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import TextArea
from typing_extensions import override

from tui.openrouter.text import Clean, clean


class Composer(TextArea):
    """Many lines that grow to a third of the screen; enter sends, ctrl+j breaks the line in every terminal."""

    HELP = """\
Write the next message here.

- *enter* sends, *ctrl+j* (and shift+enter, alt+enter where the terminal passes them on) breaks the line
- *up* and *down* at the edges walk through what you wrote before
- *esc* stops the reply that streams, then leaves the prompt
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "send", id="composer.send", priority=True, tooltip="Send the message"),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "line_break",
            "new line",
            id="composer.newline",
            priority=True,
            show=False,
            tooltip="Break the line (send, where ui.enter_sends is false)",
        ),
        Binding(
            "escape", "leave", "stop", id="composer.leave", show=False, tooltip="Stop the reply, or leave the prompt"
        ),
    ]

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 3;
        max-height: 34%;
        border: round $border-blurred;
        padding: 0 1;
        background: $surface;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        &:focus { border: round $border; border-title-color: $text; }
        & .text-area--cursor-line { background: transparent; }
    }
    """

    @dataclass
    class Sent(Message):
        """The user wants this text sent; the composer keeps it until `clear_sent` is called."""

        composer: Composer
        text: Clean

        @property
        @override
        def control(self) -> Composer:
            return self.composer

    @dataclass
    class Edited(Message):
        """The draft has changed."""

        composer: Composer

        @property
        @override
        def control(self) -> Composer:
            return self.composer

        @override
        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Composer.Edited)

    @dataclass
    class Left(Message):
        """Esc was pressed: stop what streams, else leave the prompt."""

        composer: Composer

    def __init__(self, *, enter_sends: bool = True, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, highlight_cursor_line=False
        )
        self._enter_sends = enter_sends
        self._history: Sequence[Clean] = ()
        self._place_in_history: int | None = None
        self._draft = ""

    def remember(self, history: Sequence[Clean]) -> None:
        """What up and down walk through, oldest first."""
        self._history = history
        self._place_in_history = None

    @property
    def draft(self) -> Clean:
        """The text as it stands."""
        return clean(self.text)

    def clear_sent(self) -> None:
        """Empty the composer after its text was taken over."""
        self._place_in_history = None
        self.text = ""

    def action_enter(self) -> None:
        if self._enter_sends:
            self._send()
        else:
            self._break_line()

    def action_line_break(self) -> None:
        if self._enter_sends:
            self._break_line()
        else:
            self._send()

    def action_leave(self) -> None:
        self.post_message(self.Left(self))

    def _send(self) -> None:
        if self.draft.strip():
            self.post_message(self.Sent(self, self.draft))

    def _break_line(self) -> None:
        start, end = self.selection
        self.replace("\n", start, end, maintain_selection_offset=False)

    @override
    def action_cursor_up(self, select: bool = False) -> None:
        if not select and self.cursor_location[0] == 0 and self.get_cursor_up_location()[0] == 0 and self._walk(-1):
            return
        super().action_cursor_up(select)

    @override
    def action_cursor_down(self, select: bool = False) -> None:
        last = self.document.line_count - 1
        if not select and self.cursor_location[0] == last and self._place_in_history is not None and self._walk(1):
            return
        super().action_cursor_down(select)

    def _walk(self, step: int) -> bool:
        """Show the message before or after in the history; the draft lies after the last."""
        if not self._history:
            return False
        if self._place_in_history is None:
            # Up inside a draft of several lines moves the cursor first, and only from its start walks back.
            if step > 0 or (self.text and self.cursor_location != (0, 0)):
                return False
            self._draft = self.text
            place = len(self._history)
        else:
            place = self._place_in_history
        place += step
        if place < 0:
            return True
        if place >= len(self._history):
            self._place_in_history = None
            self.text = self._draft
        else:
            self._place_in_history = place
            self.text = self._history[place]
        self.move_cursor(self.document.end if step > 0 else (0, 0))
        return True

    @override
    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        # Textual gives alt+c the character c, and would write it instead of leaving the key to its binding.
        return not key.startswith("alt+") and super().check_consume_key(key, character)

    @override
    async def _on_key(self, event: Key) -> None:
        if event.key.startswith("alt+"):
            event.prevent_default()
            return
        await super()._on_key(event)

    @override
    async def _on_paste(self, event: Paste) -> None:
        # Pasted text is foreign: it is drawn, sent and stored, and must not carry escape sequences there.
        event.text = clean(event.text)
        await super()._on_paste(event)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._place_in_history is not None and self.text != self._history[self._place_in_history]:
            self._place_in_history = None
        self.post_message(self.Edited(self))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "enter" and self._enter_sends:
            return True if self.text.strip() else None
        return super().check_action(action, parameters)
