"""A conversation drawn by one widget: messages under a cursor, code blocks, links, copying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.message import Message as TextualMessage
from textual.selection import Selection
from typing_extensions import override

from tui.core.conversation import Conversation, Message
from tui.openrouter.text import Clean, Opaque
from tui.widgets.markdown_kinds import Fence
from tui.widgets.transcript_finding import FindingTranscript
from tui.widgets.transcript_look import COMPONENTS
from tui.widgets.transcript_selection import place_of


class Transcript(FindingTranscript, can_focus=True):
    """The messages of a conversation; call `follow` when they may have changed."""

    HELP = """The conversation. `[` and `]` move between messages, `{` and `}` between code blocks.

`y` copies the message, `Y` the code block, `t` opens the thinking. The mouse selects text, which copies its source; `v`
marks lines with the keys that move, and `y` copies them.

`/` finds words, `n` and `N` walk through the hits. `w` cuts long lines of code instead of wrapping them; then left and
right move them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .transcript--dim { color: $text-muted; }
        & > .transcript--name { color: $text-muted; text-style: bold; }
        & > .transcript--you { color: $text-primary; text-style: bold; }
        & > .transcript--mark { color: $text-muted; }
        & > .transcript--cursor { color: $accent; text-style: bold; }
        & > .transcript--heading { color: $text-primary; text-style: bold underline; }
        & > .transcript--heading-minor { color: $text-primary; text-style: bold; }
        & > .transcript--code { color: $text-accent; }
        & > .transcript--link { color: $text-secondary; text-style: underline; }
        & > .transcript--quote { color: $text-muted; text-style: italic; }
        & > .transcript--box { color: $foreground 35%; }
        & > .transcript--error { color: $text-error; }
        & > .transcript--warning { color: $text-warning; }
        & > .transcript--unread { color: $text-accent; text-style: bold; }
        & > .transcript--receipt-lit { color: $foreground; }
        & > .transcript--found { background: $warning 35%; color: $foreground; }
        & > .transcript--found-here { background: $warning; color: $background; text-style: bold; }
        & > .transcript--code-comment { color: $text-muted; text-style: italic; }
        & > .transcript--code-keyword { color: $text-accent; }
        & > .transcript--code-string { color: $text-success; }
        & > .transcript--code-number { color: $text-warning; }
        & > .transcript--code-name { color: $text-primary; }
        & > .transcript--code-type { color: $text-secondary; }
        & > .transcript--code-tag { color: $text-primary; }
        & > .transcript--code-added { color: $text-success; }
        & > .transcript--code-removed { color: $text-error; }
        & > .transcript--code-heading { color: $text-primary; text-style: bold; }
        &:ansi {
            & > .transcript--dim { text-style: dim; }
            & > .transcript--mark { text-style: dim; }
            & > .transcript--box { color: ansi_default; text-style: dim; }
            & > .transcript--quote { text-style: dim italic; }
            & > .transcript--you { color: ansi_cyan; }
            & > .transcript--heading { color: ansi_blue; }
            & > .transcript--heading-minor { color: ansi_blue; }
            & > .transcript--code { color: ansi_magenta; }
            & > .transcript--link { color: ansi_cyan; }
            & > .transcript--error { color: ansi_red; }
            & > .transcript--warning { color: ansi_yellow; }
            & > .transcript--unread { color: ansi_green; }
            & > .transcript--found { text-style: underline; color: ansi_yellow; background: ansi_default; }
            & > .transcript--found-here { text-style: reverse bold; color: ansi_yellow; background: ansi_default; }
            & > .transcript--code-comment { text-style: dim italic; }
            & > .transcript--code-keyword { color: ansi_magenta; }
            & > .transcript--code-string { color: ansi_green; }
            & > .transcript--code-number { color: ansi_yellow; }
            & > .transcript--code-name { color: ansi_blue; }
            & > .transcript--code-type { color: ansi_cyan; }
            & > .transcript--code-tag { color: ansi_blue; }
            & > .transcript--code-added { color: ansi_green; }
            & > .transcript--code-removed { color: ansi_red; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "previous_message", "messages", key_display="[ ]", id="chat.previous_message",
                tooltip="Select the message before"),
        Binding("right_square_bracket", "next_message", "message ↓", key_display="]", show=False,
                id="chat.next_message", tooltip="Select the message after"),
        Binding("left_curly_bracket", "previous_block", "code ↑", key_display="{", show=False,
                id="chat.previous_block", tooltip="Go to the code block before"),
        Binding("right_curly_bracket", "next_block", "code ↓", key_display="}", show=False, id="chat.next_block",
                tooltip="Go to the code block after"),
        Binding("y", "copy_message", "copy", id="chat.copy_message", tooltip="Copy the message's source text"),
        Binding("Y", "copy_block", "copy code", show=False, id="chat.copy_block", tooltip="Copy the code block"),
        Binding("t", "toggle_thinking", "thinking", id="chat.thinking", tooltip="Open or fold the thinking"),
        Binding("slash", "find", "find", key_display="/", id="chat.find", tooltip="Find words in this conversation"),
        Binding("n", "hit(1)", "next hit", id="chat.next_hit", tooltip="The next hit"),
        Binding("N", "hit(-1)", "hit before", show=False, id="chat.hit_before", tooltip="The hit before"),
        Binding("v", "mark", "mark", show=False, id="chat.mark", tooltip="Mark lines; y copies them, esc leaves them"),
        Binding("w", "wrap_code", "wrap", show=False, id="chat.wrap", tooltip="Wrap long lines of code, or cut them"),
        Binding("left", "shift_code(-1)", "code ←", show=False, id="chat.code_left",
                tooltip="Move cut lines of code back"),
        Binding("right", "shift_code(1)", "code →", show=False, id="chat.code_right",
                tooltip="See what is right of cut lines of code"),
        Binding("escape", "leave", "leave", show=False, id="chat.leave", tooltip="Leave what is marked or found"),
        Binding("j,down", "line(1)", "down", show=False, id="chat.down", tooltip="A line down"),
        Binding("k,up", "line(-1)", "up", show=False, id="chat.up", tooltip="A line up"),
        Binding("g,home", "top", "first", show=False, id="chat.first", tooltip="To the beginning"),
        Binding("G,end", "bottom", "last", show=False, id="chat.last", tooltip="To the end, and follow it"),
        Binding("ctrl+d", "page(0.5)", "half down", show=False, id="chat.half_down", tooltip="Half a screen down"),
        Binding("ctrl+u", "page(-0.5)", "half up", show=False, id="chat.half_up", tooltip="Half a screen up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="chat.page_down", tooltip="A screen down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="chat.page_up", tooltip="A screen up"),
    ]  # fmt: skip

    @dataclass
    class Selected(TextualMessage):
        """The cursor came to another message."""

        transcript: Transcript
        message: Message | None

        @property
        @override
        def control(self) -> Transcript:
            return self.transcript

        @override
        def can_replace(self, message: TextualMessage) -> bool:
            return isinstance(message, Transcript.Selected)

    @dataclass
    class LinkActivated(TextualMessage):
        """A link was clicked."""

        transcript: Transcript
        url: Opaque

        @property
        @override
        def control(self) -> Transcript:
            return self.transcript

    @dataclass
    class CopyRequested(TextualMessage):
        """This text is wanted on the clipboard."""

        transcript: Transcript
        text: Clean

        @property
        @override
        def control(self) -> Transcript:
            return self.transcript

    class FindWanted(TextualMessage):
        """The user wants to write what to find."""

    class FindEnded(TextualMessage):
        """The search was left."""

    @dataclass
    class CodeWrapped(TextualMessage):
        """Long lines of code are wrapped from now on, or cut."""

        wrap: bool

    @property
    def selected_message(self) -> Message | None:
        """The message under the cursor."""
        return self.blocks[self.cursor].message if self.cursor is not None else None

    def reveal(self, message_id: str) -> None:
        """Select the message of that id and bring it into view."""
        for index in range(len(self.blocks) - 1, -1, -1):
            if self.blocks[index].message.id == message_id:
                self._select(index)
                return

    @override
    def show(self, conversation: Conversation | None) -> None:
        had_cursor = self.cursor is not None
        if self.is_searching:
            self.post_message(self.FindEnded())
        super().show(conversation)
        if had_cursor:
            self.post_message(self.Selected(self, None))

    @override
    def cursor_lost(self) -> None:
        self.post_message(self.Selected(self, None))

    # the cursor

    def _select(self, index: int, *, scroll: bool = True) -> None:
        """Put the cursor on a message."""
        if not self.blocks:
            return
        index = max(0, min(index, len(self.blocks) - 1))
        if index != self.cursor:
            self._repaint_marked()
            self.cursor = index
            self.marked_fence = None
            self.post_message(self.Selected(self, self.selected_message))
        if scroll:
            self.bring_into_view(index)
        self._repaint_marked()

    def _repaint_marked(self) -> None:
        if self.cursor is not None:
            self.repaint(self.tops[self.cursor], self.tops[self.cursor + 1])

    def action_previous_message(self) -> None:
        """The message before; the last one in view where none is selected."""
        self._select(self.message_in_view(last=True) if self.cursor is None else self.cursor - 1)

    def action_next_message(self) -> None:
        """The message after; the first one in view where none is selected."""
        self._select(self.message_in_view(last=False) if self.cursor is None else self.cursor + 1)

    def action_previous_block(self) -> None:
        """The code block before."""
        self._move_block(-1)

    def action_next_block(self) -> None:
        """The code block after."""
        self._move_block(1)

    def _move_block(self, step: int) -> None:
        """Mark the next code block in a direction: in this message, else in the nearest that has one."""
        if not self.blocks:
            return
        index = self.message_in_view(last=step < 0) if self.cursor is None else self.cursor
        fences = self.fences_of(index)
        at = next((at for at, (fence, _) in enumerate(fences) if fence is self.marked_fence), None)
        at = (0 if step > 0 else len(fences) - 1) if at is None else at + step
        while not 0 <= at < len(fences):
            index += step
            if not 0 <= index < len(self.blocks):
                return
            fences = (
                self.fences_of(index) if "```" in (text := self.blocks[index].message.text) or "~~~" in text else []
            )
            at = 0 if step > 0 else len(fences) - 1
        self._select(index, scroll=False)
        self.marked_fence, piece = fences[at]
        self.bring_into_view(index, piece)
        self._repaint_marked()

    # what keys do

    def action_find(self) -> None:
        """Ask for the line to write in."""
        self.post_message(self.FindWanted())

    def action_hit(self, step: int) -> None:
        """The next hit, or the one before."""
        self.step_hit(step)

    def action_mark(self) -> None:
        """Begin to mark lines, or leave them."""
        if self.is_marking:
            self.end_marking()
        else:
            self.begin_marking()

    def action_leave(self) -> None:
        """Leave what is marked, else the search."""
        if self.is_marking:
            self.end_marking()
        else:
            self.find("")
            self.post_message(self.FindEnded())

    def action_wrap_code(self) -> None:
        """Wrap long lines of code, or cut them."""
        self.set_code_wrap(not self.wrap_code)
        self.post_message(self.CodeWrapped(self.wrap_code))

    def action_shift_code(self, steps: int) -> None:
        """Move cut lines of code."""
        self.shift_code(steps * self.CODE_STEP)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "hit":
                return self.is_searching
            case "leave":
                return self.is_searching or self.is_marking
            case "shift_code":
                return not self.wrap_code
        return super().check_action(action, parameters)

    def action_copy_message(self) -> None:
        """Ask for what is marked, else for the message's source on the clipboard."""
        if (marked := self.end_marking()) is not None:
            self.post_message(self.CopyRequested(self, Clean(marked)))
            return
        message = self.selected_message or (self.blocks[-1].message if self.blocks else None)
        if message is not None:
            self.post_message(self.CopyRequested(self, Clean(message.text or message.refusal)))

    def action_copy_block(self) -> None:
        """Ask for the marked code block, else for the last one of the message."""
        index = self.cursor if self.cursor is not None else len(self.blocks) - 1
        if index < 0:
            return
        fences = [fence for fence, _ in self.fences_of(index)]
        if fences:
            fence = self.marked_fence if self.marked_fence in fences else fences[-1]
            assert fence is not None
            self.post_message(self.CopyRequested(self, Clean(self._code_of(index, fence))))

    def _code_of(self, index: int, fence: Fence) -> str:
        """The block's lines without the indentation of the list it stands in."""
        units = [piece.unit for piece in self.blocks[index].pieces if piece.unit is not None]
        return "\n".join(unit.text for unit in units if unit.fence is fence and unit.lines)

    def action_toggle_thinking(self) -> None:
        """Open or fold the thinking of the message under the cursor, else of the last one."""
        index = self.cursor if self.cursor is not None else len(self.blocks) - 1
        if index >= 0 and self.blocks[index].message.reasoning:
            self.toggle_thinking(index)

    def action_line(self, step: int) -> None:
        """Scroll by lines, or move the end of what is marked."""
        if self.is_marking:
            self.move_mark(step)
            return
        self.scroll_to(y=self.scroll_offset.y + step, animate=False)

    def action_page(self, pages: float) -> None:
        """Scroll by parts of the pane, or move the end of what is marked."""
        lines = max(1, round(abs(pages) * max(1, self.page - 1)))
        self.action_line(lines if pages > 0 else -lines)

    def action_top(self) -> None:
        """To the beginning."""
        if self.is_marking:
            self.move_mark(-self.tops[-1])
            return
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        """To the end, and follow it."""
        if self.is_marking:
            self.move_mark(self.tops[-1])
            return
        self.go_to_end()
        self.refresh()

    # the mouse

    def on_click(self, event: events.Click) -> None:
        """Follow a link, fold the thinking, or put the cursor on the message."""
        if self.text_selection is not None or not self.blocks:
            return
        if url := event.style.meta.get("url"):
            event.stop()
            self.post_message(self.LinkActivated(self, Opaque(url)))
            return
        if self.new_lines and event.y == self.page - 1 and not self.is_following:
            self.action_bottom()
            return
        y = self.scroll_offset.y + event.y
        if y < self.tops[-1]:
            index = self.block_at(y)
            self._select(index, scroll=False)
            if self.blocks[index].is_thinking_line(y - self.tops[index]):
                self.toggle_thinking(index)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Move cut lines of code."""
        event.stop()
        self.action_shift_code(1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Move cut lines of code back."""
        event.stop()
        self.action_shift_code(-1)

    @override
    def text_select_all(self) -> None:
        """A double click selects the message, not the whole conversation."""
        if self.cursor is not None:
            block = self.blocks[self.cursor]
            start = Offset(0, place_of(self.cursor, 0, 0))
            end = Offset(1 << 20, place_of(self.cursor, max(0, len(block.pieces) - 1), 0))
            self.screen.selections = {self: Selection(start, end)}
