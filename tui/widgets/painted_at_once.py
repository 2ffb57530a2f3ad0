"""What is typed is seen at once, whatever else is to be painted."""

from __future__ import annotations

from textual.widget import Widget


def paint_at_once(widget: Widget) -> None:
    """Paint a widget that has the keyboard where it stands, before anything else.

    Textual hands its change to the screen, waits up to a frame, and then lays out and paints with it all that others
    have changed meanwhile: a table that is narrowed with each key, a reply that streams. Those are left to it. A widget
    whose own size changes is left to it too.
    """
    screen = widget.screen
    if not (widget.has_focus and screen.is_current and widget._repaint_required) or screen.app._batch_count:
        return
    if widget._layout_required or screen._scroll_required or widget not in screen._compositor.visible_widgets:
        return
    widget._repaint_required = False
    others = screen._dirty_widgets - {widget}
    screen._compositor.update_widgets({widget})
    screen._compositor_refresh()  # forgets who else is dirty
    screen._dirty_widgets |= others
