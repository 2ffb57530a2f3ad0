"""Where the next message is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import TextArea
from typing_extensions import override

from tui.core.conversation import Attachment
from tui.openrouter.text import Clean, clean
from tui.widgets.own_keys import carry_out
from tui.widgets.quick_text_area import QuickTextArea

if TYPE_CHECKING:
    from tui.core.filter_completion import Choice
    from tui.widgets.completion_list import CompletionList


class Composer(QuickTextArea):
    """Many lines that grow to a third of the screen; enter sends, ctrl+j breaks the line in every terminal."""

    HELP = """\
Write the next message here.

- *enter* sends, *ctrl+j* (and shift+enter, alt+enter where the terminal passes them on) breaks the line
- *up* and *down* at the edges walk through what you wrote before
- *@* and a path attaches a file, *tab* completes it; a long paste is attached too, *alt+d* takes the last one off
- */* at the beginning gives a command, as `/set temperature 0.2`; *tab* completes it
- *esc* stops the reply that streams, then leaves the prompt
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "send", id="composer.send", tooltip="Send the message"),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "line_break",
            "new line",
            id="composer.newline",
            show=False,
            tooltip="Break the line (send, where ui.enter_sends is false)",
        ),
        Binding("tab", "complete", "complete", id="composer.complete", tooltip="Complete the path or command"),
        Binding("alt+d", "detach", "take off", id="composer.detach", show=False, tooltip="Take the last file off"),
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

    @dataclass
    class PastedLong(Message):
        """A text was pasted that is too long to be edited here: it is to be attached."""

        composer: Composer
        text: Clean

    @dataclass
    class Completed(Message):
        """One of the offered choices was taken."""

        composer: Composer
        choice: Choice

    def __init__(self, *, enter_sends: bool = True, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, highlight_cursor_line=False
        )
        self.cursor_blink = False
        self._enter_sends = enter_sends
        self.past: Callable[[], Sequence[Clean]] = tuple
        """Gives what up and down walk through, oldest first."""
        self.offered: CompletionList | None = None
        """What the word under the cursor can become, once something was offered."""
        self.attachments: tuple[Attachment, ...] = ()
        """What goes with the text."""
        self._history: Sequence[Clean] = ()
        self._place_in_history: int | None = None
        self._draft = ""

    @property
    def has_nothing(self) -> bool:
        """Whether there is nothing to send."""
        return not self.attachments and not self.text.strip()

    def attach(self, *attachments: Attachment) -> None:
        """Have these go with the text."""
        self.attachments = (*self.attachments, *attachments)
        self._changed()

    def detach(self, index: int) -> None:
        """Take one of the attachments off."""
        self.attachments = (*self.attachments[:index], *self.attachments[index + 1 :])
        self._changed()

    def put(self, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """Replace the draft, with the cursor behind it."""
        self._place_in_history = None
        self.attachments = tuple(attachments)
        self.text = text
        self.move_cursor(self.document.end)
        self._changed()

    def _changed(self) -> None:
        self.refresh_bindings()
        self.post_message(self.Edited(self))

    @property
    def draft(self) -> Clean:
        """The text as it stands."""
        return clean(self.text)

    def clear_sent(self, text: Clean, *, keep_attachments: bool = False) -> None:
        """Take out a text that was taken over; what was typed behind it meanwhile stays."""
        self.close_offer()
        self._place_in_history = None
        if self.attachments and not keep_attachments:
            self.attachments = ()
            self._changed()
        draft = self.draft
        self.text = draft.removeprefix(text) if draft.startswith(text) else ""
        self.move_cursor(self.document.end)

    # completing

    @property
    def is_offering(self) -> bool:
        """Whether the list of choices is open."""
        return self.offered is not None and self.offered.is_open

    def close_offer(self) -> None:
        """Close the list of choices."""
        if self.offered is not None and self.offered.is_open:
            self.offered.show((), 0)
            self.refresh_bindings()

    def action_complete(self) -> None:
        """Take the lit choice, else the first."""
        if self.offered is not None and self.offered.is_open:
            self.post_message(self.Completed(self, self.offered.chosen or self.offered.choices[0]))

    def action_detach(self) -> None:
        """Take the attachment that came last off."""
        if self.attachments:
            self.detach(len(self.attachments) - 1)

    # keys

    def action_enter(self) -> None:
        if self.offered is not None and self.offered.is_open and self.offered.chosen is not None:
            self.action_complete()
        elif self._enter_sends:
            self._send()
        else:
            self._break_line()

    def action_line_break(self) -> None:
        if self._enter_sends:
            self._break_line()
        else:
            self._send()

    def action_leave(self) -> None:
        if self.is_offering:
            self.close_offer()
            return
        self.post_message(self.Left(self))

    def _send(self) -> None:
        if not self.has_nothing:
            self.close_offer()
            self.post_message(self.Sent(self, self.draft))

    def _break_line(self) -> None:
        start, end = self.selection
        self.replace("\n", start, end, maintain_selection_offset=False)

    @override
    def action_cursor_up(self, select: bool = False) -> None:
        if self.offered is not None and self.offered.is_open and not select:
            self.offered.move(-1)
            return
        if not select and self.cursor_location[0] == 0 and self.get_cursor_up_location()[0] == 0 and self._walk(-1):
            return
        super().action_cursor_up(select)

    @override
    def action_cursor_down(self, select: bool = False) -> None:
        if self.offered is not None and self.offered.is_open and not select:
            self.offered.move(1)
            return
        last = self.document.line_count - 1
        if not select and self.cursor_location[0] == last and self._place_in_history is not None and self._walk(1):
            return
        super().action_cursor_down(select)

    def _walk(self, step: int) -> bool:
        """Show the message before or after in the history; the draft lies after the last."""
        if self._place_in_history is None:
            self._history = self.past()
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
        # In the order in which they were typed: a key that goes to the App first overtakes the letters before it.
        if await carry_out(self, event) or event.key.startswith("alt+") or event.key == "enter":
            # enter has a binding, which is off while there is nothing to send.
            event.prevent_default()
            return
        await super()._on_key(event)

    @override
    async def _on_paste(self, event: Paste) -> None:
        # Pasted text is foreign: it is drawn, sent and stored, and must not carry escape sequences there.
        event.stop()
        event.prevent_default()
        self.insert_pasted(event.text)

    @override
    def action_paste(self) -> None:
        self.insert_pasted(self.app.clipboard)

    def insert_pasted(self, text: str) -> None:
        """Put foreign text where the cursor is; one that is too long to be edited is attached instead."""
        from tui.core.attachments import is_long_paste

        text = clean(text)
        if is_long_paste(text):
            self.post_message(self.PastedLong(self, text))
        elif result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    @override
    def action_delete_left(self) -> None:
        if self.attachments and not self.text:
            self.action_detach()
        else:
            super().action_delete_left()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._place_in_history is not None and self.text != self._history[self._place_in_history]:
            self._place_in_history = None
        self.post_message(self.Edited(self))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "enter" and self._enter_sends:
            return None if self.has_nothing else True
        if action == "complete":
            return self.is_offering
        if action == "detach":
            return bool(self.attachments)
        return super().check_action(action, parameters)
