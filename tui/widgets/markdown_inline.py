"""What stands inside a line: emphasis, code, links, found by markdown-it; no terminal and no theme in it."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

BOLD: Final = 1
ITALIC: Final = 2
STRIKE: Final = 4
CODE: Final = 8
LINK: Final = 16
DIM: Final = 32
QUOTED: Final = 64


class Run(NamedTuple):
    """A stretch of text drawn alike."""

    end: int
    """Offset where it ends; it begins where the one before ends."""
    flags: int
    url: str
    """What a terminal may open, or empty."""


class Inline(NamedTuple):
    """Text without marks, and how its stretches look."""

    text: str
    runs: list[Run]


_ACTIVE = re.compile(r"[*_`~\[\]<>&\\!]|https?://", re.IGNORECASE)
_BARE_URL = re.compile(r"https?://[^\s<>\"'`|]+", re.IGNORECASE)
_URL_LENGTH = 2000


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def make_ready() -> None:
    """Load what reads Markdown, a tenth of a second before the first reply is there; for a thread."""
    _parser()


def safe_url(url: str) -> str:
    """The address if a terminal may open it (http and https only, nothing but printable ASCII in it), else empty."""
    if not url[:8].lower().startswith(("http://", "https://")) or len(url) > _URL_LENGTH:
        return ""
    try:
        return quote(url, safe="!#$%&'()*+,/:;=?@[]~-._")
    except UnicodeEncodeError:
        return ""


def plain(text: str, flags: int = 0) -> Inline:
    """Text in one look."""
    return Inline(text, [Run(len(text), flags, "")] if text else [])


def parse_inline(source: str, references: dict[str, str] | None = None, flags: int = 0) -> Inline:
    """The marks of `source` turned into looks; what markdown-it chokes on is plain text."""
    if _ACTIVE.search(source) is None:
        return plain(source, flags)
    return _parse(source, tuple(references.items()) if references else (), flags)


@lru_cache(maxsize=512)
def _parse(source: str, references: tuple[tuple[str, str], ...], flags: int) -> Inline:
    env = {"references": {label: {"href": url, "title": ""} for label, url in references}}
    try:
        tokens = _parser().parseInline(source, env)[0].children or []
    except (RecursionError, ValueError, IndexError):
        return plain(source, flags)
    return _Gatherer(flags).gather(tokens)


class _Gatherer:
    """Walks markdown-it's tokens and keeps what is drawn."""

    def __init__(self, flags: int) -> None:
        self.parts: list[str] = []
        self.runs: list[Run] = []
        self.length = 0
        self.flags = flags
        self.link = ""
        self.link_start = 0

    def add(self, text: str, flags: int, url: str = "") -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)
            if self.runs and self.runs[-1].flags == flags and self.runs[-1].url == url:
                self.runs[-1] = Run(self.length, flags, url)
            else:
                self.runs.append(Run(self.length, flags, url))

    def add_text(self, text: str) -> None:
        """Text in which bare addresses are links, too."""
        if self.flags & LINK or "://" not in text:
            self.add(text, self.flags, safe_url(self.link) if self.flags & LINK else "")
            return
        position = 0
        for match in _BARE_URL.finditer(text):
            url = match.group().rstrip(".,;:!?*_")
            while url.endswith(")") and url.count(")") > url.count("("):
                url = url[:-1].rstrip(".,;:!?*_")
            self.add(text[position : match.start()], self.flags)
            self.add(url, self.flags | LINK, safe_url(url))
            position = match.start() + len(url)
        self.add(text[position:], self.flags)

    def gather(self, tokens: list[Any]) -> Inline:
        for token in tokens:
            match token.type:
                case "text":
                    self.add_text(token.content)
                case "code_inline":
                    self.add(token.content, self.flags | CODE, safe_url(self.link) if self.flags & LINK else "")
                case "softbreak" | "hardbreak":
                    self.add("\n", self.flags)
                case "strong_open":
                    self.flags |= BOLD
                case "strong_close":
                    self.flags &= ~BOLD
                case "em_open":
                    self.flags |= ITALIC
                case "em_close":
                    self.flags &= ~ITALIC
                case "s_open":
                    self.flags |= STRIKE
                case "s_close":
                    self.flags &= ~STRIKE
                case "link_open":
                    self.link = str(token.attrs.get("href", ""))
                    self.link_start = len(self.parts)
                    self.flags |= LINK
                case "link_close":
                    self._close_link()
                case "image":
                    self._add_image(token)
                case _:
                    self.add(token.content, self.flags)
        return Inline("".join(self.parts), self.runs)

    def _close_link(self) -> None:
        """Name the address behind the text, unless the text is the address."""
        self.flags &= ~LINK
        shown = "".join(self.parts[self.link_start :])
        if self.link and self.link not in (shown, f"mailto:{shown}", quote(shown, safe="!#$%&'()*+,/:;=?@[]~-._")):
            self.add(f" ({self.link})", self.flags | DIM, safe_url(self.link))
        self.link = ""

    def _add_image(self, token: Any) -> None:
        source = str(token.attrs.get("src", ""))
        alt = token.content or "image"
        self.add(f"▣ {alt}", self.flags | LINK, safe_url(source))
        if source and not source.startswith("data:"):
            self.add(f" ({source})", self.flags | DIM, safe_url(source))


def mended(source: str) -> str:
    """An open paragraph with its last open mark closed, so that emphasis does not flicker while it arrives."""
    if source.count("`") % 2:
        return source + "`"
    head, mark, rest = source.rpartition("**")
    if mark and rest and not rest[0].isspace() and head.count("**") % 2 == 0:
        return source.rstrip() + "**"
    return source
