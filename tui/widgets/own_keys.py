"""Keys that a widget carries out where they arrive."""

from __future__ import annotations

from textual import events
from textual.widget import Widget


async def carry_out(widget: Widget, event: events.Key) -> bool:
    """Look up a key among the widget's own before it is passed on; for its `_on_key`. Whether something was done.

    Textual hands each key from pane to pane up to the App, which finds out that it is bound here. That costs more than
    a step of a cursor does, and where text is typed the letters typed behind the key have long been taken by then.
    """
    if widget.check_consume_key(event.key, event.character):
        return False
    bindings = widget._bindings
    if keymap := widget.app._keymap:
        bindings = bindings.copy()
        bindings.apply_keymap(keymap)
    for binding in bindings.key_to_bindings.get(event.key, ()):
        if await widget.app.run_action(binding.action, widget):
            event.stop()
            return True
    return False
