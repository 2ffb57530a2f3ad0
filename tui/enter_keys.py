"""Enter with a modifier, as terminals send it and Textual does not know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from textual import events
from textual._xterm_parser import XTermParser

_ENTER_SEQUENCES: Final = {"\x1b\r": "alt+enter", "\x1b[27;2;13~": "shift+enter", "\x1b[27;3;13~": "alt+enter"}


def teach_enter_keys() -> None:
    """Let alt+enter and shift+enter arrive: Textual reads `ESC CR` as enter and knows nothing of modifyOtherKeys."""
    known = XTermParser._sequence_to_key_events
    if getattr(known, "knows_enter", False):
        return

    def sequence_to_key_events(self: XTermParser, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if (key := _ENTER_SEQUENCES.get(sequence)) is not None:
            return (events.Key(key, None),)
        return known(self, sequence, alt)

    sequence_to_key_events.knows_enter = True  # type: ignore[attr-defined]
    XTermParser._sequence_to_key_events = sequence_to_key_events  # type: ignore[method-assign]
