"""Server-sent events from bytes, as they arrive.

Lines end at LF, CRLF and CR only: U+2028, U+2029 and U+0085 may stand inside the JSON. Bytes are never decoded here,
so a read may end anywhere, also inside a character.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, final

LARGEST_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event or line, above which the server is not believed any more."""

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that begins with a colon: the server is alive, but has nothing to say."""

    text: bytes


SseItem: TypeAlias = bytes | Comment
"""The data of an event, or a comment."""


class EventTooLarge(ValueError):
    """One event is larger than `LARGEST_EVENT`."""


@final
class SseDecoder:
    """Feed it what the network reads; it gives back the events and comments that are complete by then."""

    __slots__ = ("_after_cr", "_at_start", "_data", "_data_size", "_largest", "_line", "_line_size")

    def __init__(self, largest_event: int = LARGEST_EVENT) -> None:
        self._largest = largest_event
        self._line: list[bytes] = []  # pieces of the line that has not ended
        self._line_size = 0
        self._data: list[bytes] = []  # data lines of the event that has not ended
        self._data_size = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[SseItem]:
        """What the piece completes, in order. Raises `EventTooLarge`."""
        if self._after_cr and piece:
            self._after_cr = False
            if piece[0] == 0x0A:  # the LF of a CRLF whose CR ended a line already
                piece = piece[1:]
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in piece:
            self._hold(piece)
            return []
        if self._line:
            self._line.append(piece)
            piece = b"".join(self._line)
            self._line.clear()
        lines = piece.split(b"\n")
        rest = lines.pop()
        self._line_size = 0
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        items = self._read(lines)
        if rest:
            self._hold(rest)
        return items

    def finish(self) -> list[SseItem]:
        """The event that the end of the connection left without its blank line, if any: perhaps torn."""
        line = b"".join(self._line)
        items = self._read([line.removeprefix(_BOM) if self._at_start else line])
        if self._data:
            items.append(b"\n".join(self._data))
        self._line.clear()
        self._data.clear()
        return items

    def _hold(self, piece: bytes) -> None:
        self._line.append(piece)
        self._line_size += len(piece)
        if self._line_size + self._data_size > self._largest:
            raise EventTooLarge

    def _read(self, lines: list[bytes]) -> list[SseItem]:
        items: list[SseItem] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    items.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
                    self._data_size = 0
            elif line.startswith(b"data:"):
                value = line[6:] if line.startswith(b"data: ") else line[5:]
                data.append(value)
                self._data_size += len(value)
                if self._data_size > self._largest:
                    raise EventTooLarge
            elif line.startswith(b":"):
                items.append(Comment(line[1:].strip()))
            elif line == b"data":
                data.append(b"")
        return items
