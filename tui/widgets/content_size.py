"""How much a scrolled pane has to show."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget


def set_content_size(pane: ScrollView, size: Size) -> None:
    """So much is there to scroll over; for a pane whose own size does not depend on it.

    Assigning `virtual_size` would lay out the whole screen, though only the scroll bars depend on it.
    """
    if size != pane.virtual_size:
        pane.set_reactive(Widget.virtual_size, size)
        pane._scroll_update(size)
