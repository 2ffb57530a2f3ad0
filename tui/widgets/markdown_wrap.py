"""Breaking text into rows of a width in cells, wide characters and joined emoji counted as a terminal draws them."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes


class Row(NamedTuple):
    """Offsets of one row of a text; white space between a row's `end` and the next one's `start` is not drawn."""

    start: int
    end: int


_WIDE = (
    "\u1100-\u115f\u2e80-\u3000\u3003-\u3007\u3012\u3013\u301c-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff"
    "\ufe30-\ufe6f\uff04-\uff60\uffe0-\uffe6\U0001f000-\U0003fffd"
)
_STAYS = (
    "\u3001\u3002\u3009\u300b\u300d\u300f\u3011\u3015\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f"
    "\ufe0f\u200d\u0300-\u036f\U0001f3fb-\U0001f3ff"
)
_NARROW = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0377\u037a-\u037f\u0391-\u03a1\u03a3-\u0482\u2010-\u2027\u2030-\u203a"
    "\u2400-\u2426\u2500-\u25fc\ufffd]*"
)
"""Characters that take one cell each beside one another: a text of these needs no look at every one of them."""
_NARROW_WORD = re.compile(r"\S+\s*|\s+")
_WORD = re.compile(rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[{_WIDE}](?:\u200d.|[{_STAYS}])*|[^\s{_WIDE}]+)\s*|\s+")


def cells(text: str) -> int:
    """Cells that the text takes on screen."""
    return len(text) if text.isascii() else cell_len(text)


def wrap(text: str, width: int) -> list[Row]:
    """Rows of at most `width` cells (1 or more), broken at spaces and between wide characters, inside words only when
    one is longer than a row; `text` has no line breaks."""
    narrow = text.isascii() or _NARROW.fullmatch(text) is not None
    if (len(text) if narrow else cell_len(text)) <= width:
        return [Row(0, len(text))]
    rows: list[Row] = []
    start = used = ink = 0  # start of the row, its cells with trailing spaces, offset after its last visible character
    for match in (_NARROW_WORD if narrow else _WORD).finditer(text):
        word = match.group()
        begin = match.start()
        bare = word.rstrip()
        size = len(bare) if narrow else cell_len(bare)
        if used + size > width:
            if ink > start:
                rows.append(Row(start, ink))
            start, used = begin, 0
            if size > width:
                for piece_start, piece_end, piece_size in _fold(bare, width, narrow):
                    if piece_start:
                        rows.append(Row(start, begin + piece_start))
                        start = begin + piece_start
                    used = piece_size
                    ink = begin + piece_end
                used += len(word) - len(bare)
                continue
        used += size + len(word) - len(bare)
        if bare:
            ink = begin + len(bare)
    if start < len(text) or not rows:
        rows.append(Row(start, max(start, ink)))
    return rows


def _fold(word: str, width: int, narrow: bool) -> list[tuple[int, int, int]]:
    """A word longer than a row in pieces: start, end, cells."""
    if narrow:
        return [(at, min(at + width, len(word)), min(width, len(word) - at)) for at in range(0, len(word), width)]
    pieces = []
    start = size = 0
    for begin, _end, grapheme in split_graphemes(word)[0]:
        if size and size + grapheme > width:
            pieces.append((start, begin, size))
            start, size = begin, 0
        size += grapheme
    pieces.append((start, len(word), size))
    return pieces
