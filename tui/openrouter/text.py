"""Foreign text made safe where it enters.

Textual writes escape characters through to the terminal, so a reply could set the clipboard or the window's title.
What is drawn, searched, exported or copied has the type `Clean`; what must go back as it came (ids, tags, reasoning
details, tool arguments, paths) is `Opaque`.
"""

from __future__ import annotations

from typing import Final, NewType, final

from typing_extensions import override

Clean = NewType("Clean", str)
"""Text without a character that a terminal would obey; newline and tab are left in."""

_SHOWN_AS_REPLACEMENT: Final = (
    *range(0x7F, 0xA0),  # DEL and C1, which terminals read as escape sequences in UTF-8 too
    0x061C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),  # line and paragraph separators, embeddings and overrides
    *range(0x2066, 0x206A),  # isolates
    *range(0xD800, 0xE000),  # lone surrogates cannot be written as UTF-8
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),  # tag characters: invisible text
)
_VISIBLE: Final = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | dict.fromkeys(
    _SHOWN_AS_REPLACEMENT, 0xFFFD
)

_OBEYED: Final = frozenset(map(chr, _VISIBLE))
_PART: Final = 4096
_FEW: Final = 40
"""Different characters up to which replacing one after the other is faster than translating."""


def clean(text: str) -> Clean:
    """Show the characters that a terminal would obey instead of passing them on; `\\r\\n` becomes `\\n`."""
    # Whatever a terminal obeys is unprintable, and this is ten times faster than to translate.
    if text.isprintable() or text.replace("\n", " ").replace("\t", " ").isprintable():
        return Clean(text)
    text = text.replace("\r\n", "\n")
    return Clean("".join(_made_visible(text[at : at + _PART]) for at in range(0, len(text), _PART)))


def _made_visible(part: str) -> str:
    """Some characters; to look which of them are bad is up to ten times faster than to translate each."""
    bad = _OBEYED & set(part)
    if len(bad) > _FEW:
        return part.translate(_VISIBLE)
    for character in bad:
        part = part.replace(character, chr(_VISIBLE[ord(character)]))
    return part


def clean_line(text: str) -> Clean:
    """The same on one line: newlines and tabs become spaces, as in names and error sentences."""
    return Clean(clean(text).replace("\n", " ").replace("\t", " "))


@final
class Opaque:
    """A foreign string that is kept and sent back exactly as received, and never drawn.

    It is no `str`, so that the type checker keeps it out of widgets; `raw` goes on the wire, `shown()` on the screen.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: str) -> None:
        self.raw: Final = raw

    def shown(self) -> Clean:
        """The cleaned text, on one line."""
        return clean_line(self.raw)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.raw == other.raw

    @override
    def __hash__(self) -> int:
        return hash(self.raw)

    @override
    def __repr__(self) -> str:
        return f"Opaque({self.shown()!r})"

    @override
    def __str__(self) -> str:
        return self.shown()


@final
class StreamCleaner:
    """Cleans text that arrives in pieces as if it had come whole.

    A trailing carriage return or the first half of a surrogate pair is held back until what follows is known.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> Clean:
        """The cleaned text that is certain by now."""
        text = self._held + piece
        self._held = ""
        if text and (text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff"):
            text, self._held = text[:-1], text[-1]
        return clean(_join_surrogates(text))

    def finish(self) -> Clean:
        """What was held back, once the stream has ended."""
        text, self._held = self._held, ""
        return clean(text)


def _join_surrogates(text: str) -> str:
    """Two halves of a pair that arrived in different events become the character they mean."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text
