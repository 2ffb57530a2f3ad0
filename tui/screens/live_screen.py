"""What all four views share: they sleep while hidden and catch up once when they come back."""

from __future__ import annotations

from typing import ClassVar

from textual.screen import Screen

from tui.core.state import Topic
from tui.screens.session import Session


class LiveScreen(Screen[None]):
    """A view that follows slices of the state; a hidden one paints nothing."""

    FOLLOWS: ClassVar[Topic] = Topic.NONE
    """The slices whose changes this view shows."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._behind = self.FOLLOWS

    def on_mount(self) -> None:
        self.session.changed.subscribe(self, self.note_changes, immediate=True)

    def note_changes(self, topics: Topic) -> None:
        """Remember what moved, and show it if anybody can see it."""
        self._behind |= topics & self.FOLLOWS
        # `is_active` would be False under a dialog, where the view can still be seen.
        if self._behind and self.is_current_view:
            self._show_changes()

    @property
    def is_current_view(self) -> bool:
        """Whether this view can be seen: it is the mode that is shown, perhaps under a dialog."""
        return self.is_attached and self in self.app.screen_stack

    def on_screen_resume(self) -> None:
        if self._behind:
            self._show_changes()

    def _show_changes(self) -> None:
        behind, self._behind = self._behind, Topic.NONE
        self.catch_up(behind)

    def catch_up(self, topics: Topic) -> None:
        """Show how these slices stand now. Must be cheap: it runs up to 30 times a second."""
        raise NotImplementedError
