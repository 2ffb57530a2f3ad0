"""What all four views share: the frame, and that they sleep while hidden and catch up once when they come back."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import ClassVar, Final

from textual._styles_cache import StylesCache
from textual.binding import Binding, BindingType
from textual.events import Idle, ScreenResume
from textual.geometry import Size
from textual.screen import Screen
from typing_extensions import override

from tui.core.state import Topic
from tui.screens.session import Session
from tui.screens.sparing_compositor import SparingCompositor
from tui.widgets.footer_line import FooterLine
from tui.widgets.header_line import HeaderLine
from tui.widgets.meter_strip import MeterStrip

_STRIP_EVERY_S: Final = 0.3
_PAINT_TURNS: Final = 8
"""Turns of the event loop in which what a key sets off is handed on from widget to widget."""
_MOST_WAITS: Final = 4
"""How often a paint waits for what has come meanwhile."""


class LiveScreen(Screen[None], inherit_bindings=False):
    """A view that follows slices of the state; a hidden one paints nothing.

    The frame (header, meter strip, footer) stands around whatever the subclass composes. Textual calls `on_mount` and
    `on_screen_resume` of every class in turn: a subclass that has its own does not call these.
    """

    FOLLOWS: ClassVar[Topic] = Topic.NONE
    """The slices whose changes this view shows."""
    MODE: ClassVar[str] = ""
    """Its name in the App's modes, lit in the header."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "next pane", show=False, tooltip="To the next pane.", id="view.next_pane"),
        Binding(
            "shift+tab",
            "app.focus_previous",
            "previous pane",
            show=False,
            tooltip="To the pane before.",
            id="view.previous_pane",
        ),
        Binding(
            "ctrl+c,super+c", "screen.copy_text", "copy", show=False, tooltip="Copy what is selected.", id="view.copy"
        ),
    ]

    _FRAME_FOLLOWS: ClassVar[Topic] = Topic.METER | Topic.RUNNING | Topic.JOBS | Topic.CONNECTION | Topic.CATALOGUE

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._compositor = SparingCompositor()
        self.session = session
        self._behind = self.FOLLOWS | self._FRAME_FOLLOWS
        self._laid_out = False
        self._paint_waited = 0
        self._strip_shown = 0.0
        """Monotonic time at which its figures were shown last."""
        self._strip_due: asyncio.TimerHandle | None = None
        self._header = HeaderLine(self.MODE, session.settings, session.state, session.now)
        self._strip = MeterStrip(session.settings, session.state, session.now)
        for widget in (self._header, FooterLine(), self._strip):
            self.compose_add_child(widget)

    def on_mount(self) -> None:
        self.session.changed.subscribe(self, self.note_changes, immediate=True)

    def note_changes(self, topics: Topic) -> None:
        """Remember what moved, and show it if anybody can see it."""
        self._behind |= topics & (self.FOLLOWS | self._FRAME_FOLLOWS)
        # `is_active` would be False under a dialog, where the view can still be seen.
        if self._behind and self.is_current_view:
            try:
                with self._context():
                    self._show_changes()
            except Exception as error:  # noqa: BLE001 - the signal would swallow what a bug in `catch_up` raises
                self.app._handle_exception(error)

    @property
    def is_current_view(self) -> bool:
        """Whether this view can be seen: it is the mode that is shown, perhaps under a dialog."""
        return self.is_attached and self in self.app.screen_stack

    def on_screen_resume(self, event: ScreenResume) -> None:
        # What changes styles (a theme, a class, the focus) changes them at once, also while the view is hidden; a theme
        # when the mode is entered. Textual styles every widget again whenever a dialog closes.
        event.refresh_styles = False
        # Textual remembers two colours for each of the last 1,024 widgets, and through it all that they had drawn: most
        # are of dialogs and notices that are gone.
        StylesCache.get_inner_outer.cache_clear()
        self._strip.wake()
        if self._behind:
            self._show_changes()

    def on_screen_suspend(self) -> None:
        if not self.is_current_view:
            self._strip.sleep()

    def _show_changes(self) -> None:
        behind, self._behind = self._behind, Topic.NONE
        if behind & (Topic.CONNECTION | Topic.CATALOGUE):
            self._header.show_connection()
        if behind & (Topic.METER | Topic.RUNNING | Topic.JOBS):
            self._show_strip()
        if seen := behind & self.FOLLOWS:
            self.catch_up(seen)

    def _show_strip(self) -> None:
        """The figures of the strip; while replies stream they move with every frame, and nobody can read that."""
        left = self._strip_shown + _STRIP_EVERY_S - monotonic()
        if left > 0 and self.session.state.streaming:
            if self._strip_due is None:
                # A frame of the reply comes first, as a rule, and paints both at once.
                self._strip_due = asyncio.get_running_loop().call_later(left + _STRIP_EVERY_S / 2, self._show_strip)
            return
        if self._strip_due is not None:
            self._strip_due.cancel()
            self._strip_due = None
        self._strip_shown = monotonic()
        self._strip.show_figures()

    @override
    async def _on_idle(self, event: Idle) -> None:
        # Textual paints as soon as the first widget has changed, and once more for those that change because of it.
        event.prevent_default()
        if self._dirty_widgets and self._paint_waited < _MOST_WAITS:
            for _ in range(_PAINT_TURNS):
                await asyncio.sleep(0)
                if not self._message_queue.empty():
                    self._paint_waited += 1
                    return  # idle once more when that is done
        self._paint_waited = 0
        await super()._on_idle(event)

    def paint_now(self) -> None:
        """Paint what has changed, without the three messages a widget and the timer that Textual takes for it.

        Where widgets move besides it is left to Textual, which does all of it at once.
        """
        if not self.is_current or self.app._batch_count or self._layout_required or self._scroll_required:
            return
        for widget in self._compositor.visible_widgets:
            if widget._repaint_required and not widget._layout_required:
                widget._repaint_required = False
                self._dirty_widgets.add(widget)
        self._on_timer_update()

    @override
    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        # While the App holds painting back, the first layout tells the widgets their sizes; what moves after it is laid
        # out once, before the painting.
        if self.app._batch_count and self._laid_out and size in (None, self.outer_size):
            self._layout_required = True
            return
        self._laid_out = True
        super()._refresh_layout(size, scroll)

    @override
    def _on_timer_update(self) -> None:
        if self._layout_required and self._repaint_required and self.is_current and not self.app._batch_count:
            # Laying out paints what is dirty: with the whole view among it, that is once and not twice.
            self._repaint_required = False
            self._dirty_widgets.add(self)
        super()._on_timer_update()

    @override
    def _compositor_refresh(self) -> None:
        # While the App holds painting back, Textual draws all the same and throws it away; what is dirty stays so.
        if not self.app._batch_count:
            super()._compositor_refresh()

    def catch_up(self, topics: Topic) -> None:
        """Show how these slices stand now. Must be cheap: it runs up to 20 times a second."""
        raise NotImplementedError

    def save_now(self) -> None:
        """Hand in what waits for a pause in typing: the App calls it before it ends."""
