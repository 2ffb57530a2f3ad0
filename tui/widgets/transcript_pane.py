"""The pane of a transcript: which lines there are, and where the pane stands among them.

Heights of messages that were never near the pane are guesses, corrected when they come near; what is in view stays
where it is meanwhile. While text arrives only the lines that changed are painted.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, compress, count
from operator import attrgetter, is_not, ne
from typing import Final

from textual import events
from textual.geometry import Region, Size
from textual.widget import Widget
from typing_extensions import override

from tui.core.conversation import Conversation, Message
from tui.widgets.line_scroll_bar import LineScrolled
from tui.widgets.markdown_kinds import Fence
from tui.widgets.transcript_look import Look
from tui.widgets.transcript_message import MessageBlock
from tui.widgets.transcript_pieces import DrawnPieces

SCREENS_KEPT: Final = 20
"""Screens of drawn lines that are kept."""
STEP: Final = 6
"""Lines that the pane scrolls by at once while it follows the end: each scroll paints the whole pane."""
_MEASURED_WHOLE: Final = 40
"""Pieces; a longer message is measured only near the pane."""

_TELLING: Final = ("transcript--cursor", "transcript--heading", "transcript--box")
"""Styles that differ between any two themes."""
_version = attrgetter("version")

Anchor = tuple[MessageBlock, int, int]
"""A message, one of its pieces (-1: not cut yet), and a line in it."""


class TranscriptPane(LineScrolled):
    """Draws the messages of a conversation and follows them."""

    ALLOW_SELECT = True

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(name=name, id=id, classes=classes)
        self.auto_links = False
        self.blocks: list[MessageBlock] = []
        """One a message."""
        self.tops: list[int] = [0]
        """First line of each message; the last entry is the height of all."""
        self.cursor: int | None = None
        """Which message is selected."""
        self.marked_fence: Fence | None = None
        self.new_lines = 0
        """Lines that came below the pane while the user was elsewhere."""
        self.wrap_code = True
        """Whether long lines of code are wrapped; else they are cut and can be moved."""
        self.code_shift = 0
        """Cells of code that are left out at the left, while it is not wrapped."""
        self.awaited_languages: set[str] = set()
        """Languages of code that is drawn plain because its colours are not ready."""
        self._conversation: Conversation | None = None
        self._messages: list[Message] = []
        self._seen: list[int] = []
        self._look: Look | None = None
        self._drawn = DrawnPieces()
        self._width = 0
        """Cells that lines are drawn for; 0 before the first one."""
        self.columns = 0
        """Cells of a line, without the scroll bar. Textual works it out anew each time, as it does `size`."""
        self.page = 0
        """Lines of the pane."""
        self._following = True
        self._settling = False
        self._jumping = False

    # what is shown

    @property
    def conversation(self) -> Conversation | None:
        """What is shown."""
        return self._conversation

    @property
    def is_following(self) -> bool:
        """Whether the end is in view and stays there."""
        return self._following

    def show(self, conversation: Conversation | None) -> None:
        """Show this conversation from its end on."""
        self._conversation = conversation
        self._messages = []
        self._seen = []
        self.blocks = []
        self.tops = [0]
        self.cursor = None
        self.marked_fence = None
        self.new_lines = 0
        self._following = True
        self._drawn.clear()
        if self._width:
            self._clear_selection()
            self._adopt()
            self.go_to_end()
            self.refresh()

    def follow(self) -> None:
        """Draw what has changed since last time: new text, new and removed messages, new states."""
        if self._conversation is None or not self._width:
            return
        messages = self._conversation.messages
        # these walks run in C: 40 µs with 1,000 messages
        seen = list(map(_version, messages))
        adopting = len(messages) != len(self._messages) or any(map(is_not, messages, self._messages))
        if not adopting and seen == self._seen:
            return
        anchor = None if self._following else self._anchor_at(self.scroll_offset.y)
        before = self.tops[-1]
        if adopting:
            dirty_from = self._adopt()
            dirty_to = max(before, self.tops[-1])
        else:
            dirty_from, dirty_to = before, 0
        changed_from, changed_to = self._pull(seen)
        dirty_from, dirty_to = min(dirty_from, changed_from), max(dirty_to, changed_to)
        if self._following:
            self._settle_heights()
            self._keep_end()
        else:
            self._set_height()
            if anchor is not None:
                self._return_to(anchor)
            self._settle()
            grown = self.tops[-1] - before
            if grown > 0 and dirty_from >= self.scroll_offset.y:
                self.new_lines += grown
                bottom = self.scroll_offset.y + self.page
                self.repaint(bottom - 1, bottom)
        self.repaint(dirty_from, dirty_to)

    def _adopt(self) -> int:
        """Take over the list of messages; gives the first line that may have changed."""
        messages = self._conversation.messages if self._conversation is not None else []
        first = next(
            (at for at, (old, new) in enumerate(zip(self._messages, messages, strict=False)) if old is not new),
            min(len(messages), len(self._messages)),
        )
        appended = first == len(self._messages)
        selected = self.blocks[self.cursor].message if self.cursor is not None else None
        known = {id(block.message): block for block in self.blocks[first:]}
        self.blocks[first:] = [known.get(id(message)) or self._new_block(message) for message in messages[first:]]
        self._messages = list(messages)
        self._seen = [block.version for block in self.blocks]
        if not appended:
            self.cursor = next((at for at, message in enumerate(messages) if message is selected), None)
            if self.cursor is None and selected is not None:
                self.marked_fence = None
                self.cursor_lost()
            self._clear_selection()
        self._measure(first)
        return self.tops[first]

    def cursor_lost(self) -> None:
        """The selected message is gone."""

    def _new_block(self, message: Message) -> MessageBlock:
        block = MessageBlock(message, self._drawn)
        block.guess(self._width)
        return block

    def _pull(self, seen: list[int]) -> tuple[int, int]:
        """Bring messages up to date whose version has moved; gives the changed lines."""
        dirty_from, dirty_to = self.tops[-1], 0
        for index in list(compress(count(), map(ne, self._seen, seen))):
            self._seen[index] = seen[index]
            block = self.blocks[index]
            height, top = block.height, self.tops[index]
            if block.is_cut:
                first, last = block.pull()
            else:
                block.guess(self._width)
                first, last = 0, max(height, block.height)
            dirty_from, dirty_to = min(dirty_from, top + first), max(dirty_to, top + last)
            if block.height != height:
                end = self.tops[-1]
                self._measure(index)
                dirty_to = max(dirty_to, end, self.tops[-1])
        return dirty_from, dirty_to

    def toggle_thinking(self, index: int) -> None:
        """Open or fold a message's thinking."""
        block = self.blocks[index]
        following = self._following
        self._prepare(index)
        block.thinking_open = not block.thinking_open
        first, _last = block.pull()
        self._measure(index)
        self._following = following and self.tops[-1] <= self.page
        self._set_height()
        self._settle()
        self.repaint(self.tops[index] + first, max(self.tops[-1], self.scroll_offset.y + self.page))

    def _prepare(self, index: int) -> MessageBlock:
        """Cut a message into pieces that has not been near the pane yet."""
        block = self.blocks[index]
        if not block.is_cut:
            block.cut(self.look, self._width)
            self._seen[index] = block.version
        return block

    def fences_of(self, index: int) -> list[tuple[Fence, int]]:
        """The code blocks of a message with the index of their first piece."""
        height = self.blocks[index].height
        block = self._prepare(index)
        if block.height != height:
            self._measure(index)
        return block.fences()

    # heights

    def _measure(self, first: int) -> None:
        """Set the tops of the messages behind `first` anew."""
        start = self.tops[first]
        del self.tops[first:]
        self.tops += accumulate((block.tops[-1] for block in self.blocks[first:]), initial=start)

    def block_at(self, y: int) -> int:
        """Index of the message that draws this line of the whole."""
        return max(0, min(bisect_right(self.tops, y) - 1, len(self.blocks) - 1))

    def message_in_view(self, *, last: bool) -> int:
        """Index of the first or the last message in the pane."""
        top = self.scroll_offset.y
        return self.block_at(min(self.tops[-1], top + self.page) - 1 if last else top)

    def _settle(self) -> None:
        """Measure what is in the pane and near it, and keep what is in the pane where it is."""
        if self._settling or not self.blocks or not self._width:
            return
        self._settling = True
        try:
            anchor = None if self._following else self._anchor_at(self.scroll_offset.y)
            if self._settle_heights():
                self._set_height()
                if anchor is None:
                    self._jump(self.max_scroll_y)
                else:
                    self._return_to(anchor)
                self.refresh()
        finally:
            self._settling = False

    def _settle_heights(self) -> bool:
        """Measure the lines in and near the pane, from below; whether any height has changed."""
        page = max(1, self.page)
        end = self.tops[-1]
        y = end - page if self._following else self.scroll_offset.y
        first, last = y - page, min(end, y + 2 * page)
        changed = False
        index = self.block_at(last)
        while index >= 0 and self.tops[index + 1] > first:
            height = self.blocks[index].height
            block = self._prepare(index)
            if len(block.pieces) <= _MEASURED_WHOLE:
                pieces = range(len(block.pieces))
            else:
                pieces = range(block.piece_at(first - self.tops[index]), block.piece_at(last - self.tops[index]) + 1)
            for piece in reversed(pieces):
                if not block.pieces[piece].exact:
                    block.lines_of(piece)
            if block.height != height:
                changed = True
                self._measure(index)
                if self._following:
                    first += block.height - height
            index -= 1
        return changed

    def _anchor_at(self, y: int) -> Anchor | None:
        """What stands at a line of the whole."""
        if not self.blocks:
            return None
        index = self.block_at(y)
        block = self.blocks[index]
        line = y - self.tops[index]
        if not block.is_cut:
            return block, -1, line
        piece = block.piece_at(line)
        return block, piece, line - block.tops[piece]

    def _return_to(self, anchor: Anchor) -> None:
        """Scroll so that the anchor stands at the top of the pane again."""
        block, piece, line = anchor
        index = next((at for at, other in enumerate(self.blocks) if other is block), None)
        if index is None:
            return
        y = self.tops[index]
        if piece < 0 or not block.is_cut:
            y += min(line, max(0, block.height - 1))
        else:
            piece = min(piece, len(block.pieces) - 1)
            y += block.tops[piece] + min(line, max(0, block.pieces[piece].height - 1))
        self._jump(y)

    # scrolling

    def _jump(self, y: int) -> None:
        """Scroll there at once, by the program and not by the user."""
        self._jumping = True
        try:
            self.scroll_to(y=max(0, min(y, self.max_scroll_y)), animate=False, force=True)
        finally:
            self._jumping = False

    def _set_height(self, spare: int = 0) -> None:
        size = Size(self._width, self.tops[-1] + spare)
        if self.virtual_size == size:
            return
        if (size.height > self.container_size.height) == self.show_vertical_scrollbar:
            # The place of the scroll bar is kept free: only its coming and going is worth a layout of the screen.
            self.set_reactive(Widget.virtual_size, size)
            jumping, self._jumping = self._jumping, True
            try:
                self._scroll_update(size)
            finally:
                self._jumping = jumping
        else:
            self.virtual_size = size

    def _keep_end(self) -> None:
        """Keep the end in view; a few empty lines below it make scrolling rarer and so cheaper."""
        height = self.tops[-1]
        if height <= self.page or not height <= self.virtual_size.height < height + STEP:
            growing = bool(self._messages) and self._messages[-1].state.is_open
            step = min(STEP, max(1, self.page // 4))
            self._set_height(step - 1 if growing and height > self.page else 0)
        if (end := self.max_scroll_y) != self.scroll_y:
            self._jump(end)

    def go_to_end(self) -> None:
        """Show the end and follow it."""
        self._following = True
        self.new_lines = 0
        if not self._width:
            return
        if self.blocks:
            self._settle_heights()
        self._set_height()
        self._jump(self.max_scroll_y)

    def bring_into_view(self, index: int, piece: int | None = None) -> None:
        """Scroll so that a message, or one of its pieces, is seen; what is seen already is left where it is."""
        height = self.blocks[index].height
        block = self._prepare(index)
        if block.height != height:
            self._measure(index)
            self._set_height()
        if piece is None:
            first, last = 0, block.height
        else:
            first, last = block.tops[piece], block.tops[min(piece + 1, len(block.tops) - 1)]
        first += self.tops[index]
        last += self.tops[index]
        top, page = self.scroll_offset.y, self.page
        if first < top or (last > top + page and first > top):
            self.scroll_to(y=first if first < top else min(first, last - page), animate=False, force=True)

    @override
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._jumping and round(old_value) != round(new_value):
            self._following = new_value >= self.max_scroll_y
            if self._following:
                self.new_lines = 0
            self._settle()

    def repaint(self, first: int, last: int) -> None:
        """Paint these lines of the whole again, as far as they are in the pane."""
        top = self.scroll_offset.y
        first, last = max(0, first - top), min(self.page, last - top)
        if first < last:
            self.refresh(Region(0, first, self.columns, last - first))

    # size, theme, focus

    @property
    def look(self) -> Look:
        """The styles of the present theme."""
        if self._look is None:
            self._look = Look(
                self.rich_style,
                self.get_component_rich_style,
                wrap_code=self.wrap_code,
                code_shift=self.code_shift,
                awaited=self.awaited_languages,
            )
        return self._look

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        # a hidden screen gets a theme's styles only when it is shown again, long after the theme was changed
        if self.is_attached and (look := self._look) is not None:
            fresh = (self.rich_style, *map(self.get_component_rich_style, _TELLING))
            if fresh != (look.base, look.cursor, look.heading, look.box):
                self.restyle()

    def restyle(self) -> None:
        """Draw everything in the theme's present colours."""
        self._look = None
        self.redraw()

    def redraw(self) -> None:
        """Draw every line anew."""
        self._drawn.clear()
        for block in self.blocks:
            if block.is_cut:
                block.set_page(self.look, self._width)
        self.refresh()

    @override
    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.restyle())

    def on_resize(self, _event: events.Resize) -> None:
        self.columns, self.page = self.scrollable_content_region.width, self.size.height
        self._drawn.limit = SCREENS_KEPT * max(10, self.page)
        if self.columns != self._width:
            self._rewrap(self.columns)
        elif self._following:
            self.go_to_end()
        else:
            self._settle()

    def _rewrap(self, width: int) -> None:
        """Draw for another width and keep the reading place: the message, the piece and the place in its source."""
        place = None
        if self._width and not self._following and (anchor := self._anchor_at(self.scroll_offset.y)) is not None:
            block, piece, line = anchor
            if piece >= 0 and (lines := block.lines_of(piece)):
                line = lines[min(line, len(lines) - 1)].at
            place = block, piece, line
        first_time = not self._width
        self._width = width
        self._drawn.clear()
        if self._conversation is None:
            return
        if first_time:
            self._adopt()
        else:
            self._clear_selection()
        for block in self.blocks:
            if place is not None and block is place[0] and block.is_cut:
                block.set_page(self.look, width)
            else:
                block.guess(width)
        self.tops = [0]
        self._measure(0)
        self._seen = [block.version for block in self.blocks]
        if place is None:
            self.go_to_end()
        else:
            block, piece, line = place
            if piece >= 0:
                lines = block.lines_of(piece)
                line = max((number for number, drawn in enumerate(lines) if drawn.at <= line), default=0)
                self._measure(0)
            self._set_height()
            self._return_to((block, piece, line))
            self._settle()
        self.refresh()

    def on_focus(self) -> None:
        self._repaint_cursor()

    def on_blur(self) -> None:
        self._repaint_cursor()

    def _repaint_cursor(self) -> None:
        if self.cursor is not None:
            self.repaint(self.tops[self.cursor], self.tops[self.cursor + 1])

    def _clear_selection(self) -> None:
        """What was selected stands elsewhere now."""
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()
