"""What is pasted arrives as one text, cleaned: nothing in it is ever taken for a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from weakref import WeakKeyDictionary

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

from tui.openrouter.text import Clean, clean

_START: Final = "\x1b[200~"
_END: Final = "\x1b[201~"


class PasteReader:
    """Tells pasted text from keys in what the terminal sends, however that is cut into reads."""

    def __init__(self) -> None:
        self._pieces: list[str] | None = None
        """Of the paste that has begun; None outside one."""
        self._last = ""
        """The end of what was read, in which a mark may have begun."""

    def read(self, data: str) -> Iterable[tuple[str, Clean | None]]:
        """Keys as they came, and after some of them a paste.

        Of the mark that begins a paste, keys hold only what had to be handed on before it could be told from a key;
        such a mark is handed on whole and closed again, as an empty paste.
        """
        while data:
            if self._pieces is None:
                joined = self._last + data
                start = joined.find(_START)
                if start < 0:
                    self._last = joined[1 - len(_START) :]
                    yield data, None
                    return
                handed_on = len(self._last) - start
                data = joined[start + len(_START) :]
                yield (_START[handed_on:] + _END if handed_on > 0 else joined[len(self._last) : start]), None
                self._pieces, self._last = [], ""
            joined = self._last + data
            end = joined.find(_END)
            self._pieces.append(data)
            if end < 0:
                self._last = joined[1 - len(_END) :]
                return
            rest = joined[end + len(_END) :]
            whole = "".join(self._pieces)
            text = whole[: len(whole) - len(rest) - len(_END)]
            self._pieces, self._last = None, ""
            data = rest
            # Terminals send a carriage return for each line's end.
            yield "", clean(text.replace("\r\n", "\n").replace("\r", "\n"))


def take_pastes_whole() -> None:
    """Textual looks for keys inside of pastes: a page's text with escape characters in it could press enter."""
    known = XTermParser.feed
    if getattr(known, "takes_whole", False):
        return
    readers: WeakKeyDictionary[XTermParser, PasteReader] = WeakKeyDictionary()

    def feed(self: XTermParser, data: str) -> Iterable[Message]:
        if not data:
            yield from known(self, data)
            return
        reader = readers.setdefault(self, PasteReader())
        for keys, paste in reader.read(data):
            if keys:
                yield from (one for one in known(self, keys) if not (isinstance(one, events.Paste) and not one.text))
            if paste:
                yield events.Paste(paste)

    feed.takes_whole = True  # type: ignore[attr-defined]
    XTermParser.feed = feed  # type: ignore[method-assign]
