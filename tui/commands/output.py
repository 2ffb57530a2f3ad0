"""What commands write: results to stdout, one-line messages to stderr."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.core.formats import plain
from tui.crash_report import masked
from tui.openrouter.text import Clean, clean_line

if TYPE_CHECKING:
    from decimal import Decimal

    from tui.core.conversation import Failure

_GAP: Final = "  "


def say(text: Clean) -> None:
    """A line on stdout."""
    sys.stdout.write(f"{text}\n")


def complain(text: str) -> None:
    """A line on stderr, without control characters and without keys."""
    clear_progress()
    sys.stderr.write(f"ortui: {masked(clean_line(text))}\n")
    sys.stderr.flush()


def complain_of(failure: Failure) -> None:
    """A failure's sentence and what to do about it."""
    complain(f"{failure.message} {failure.advice}".strip())


_progress_shown = False


def show_progress(text: str) -> None:
    """A line on stderr that the next one replaces; nothing where stderr is no terminal."""
    global _progress_shown
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
        _progress_shown = True


def clear_progress() -> None:
    """Take the progress line away."""
    global _progress_shown
    if _progress_shown:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
        _progress_shown = False


def is_interactive() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def write_bytes(data: bytes) -> None:
    """To stdout as they are, after what was written before, and at once."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_json(value: Any) -> None:
    """One JSON object on a line of its own, in UTF-8 whatever the terminal speaks."""
    write_bytes(msgspec.json.encode(value) + b"\n")


def write_json_rows(rows: Sequence[Any]) -> None:
    """One JSON array, an element a line."""
    body = b",\n".join(msgspec.json.encode(row) for row in rows)
    write_bytes(b"[\n" + body + b"\n]\n" if rows else b"[]\n")


def amount(usd: Decimal | None) -> str | None:
    """A decimal string for JSON; None = unknown."""
    return None if usd is None else plain(usd)


def timestamp(unix: float | None) -> str | None:
    """`2026-01-31T12:00:00Z`; None = unknown."""
    return None if unix is None else datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[int] = frozenset(),
    shortened: int | None = None,
) -> None:
    """Columns that line up, cut to the terminal's width at the last one; tab-separated and uncut for other programs.

    `shortened` is a column that is cut before the last one is, down to the width of its head.
    """
    if not sys.stdout.isatty():
        for row in rows:
            say(Clean("\t".join(clean_line(cell) for cell in row)))
        return
    lines = [header, *([clean_line(cell) for cell in row] for row in rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(header))]
    room = shutil.get_terminal_size().columns
    if shortened is not None:
        others = sum(widths) - widths[shortened] + len(_GAP) * (len(widths) - 1)
        widths[shortened] = max(width_of(header[shortened]), min(widths[shortened], room - others))
    for line in lines:
        cells = [
            _padded(cut(cell, width), width, right=column in right)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say(Clean(cut(_GAP.join(cells).rstrip(), room)))


def width_of(text: str) -> int:
    """How many columns a terminal needs for it."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def cut(text: str, room: int) -> str:
    """The text in so many columns, … for what has no room."""
    if width_of(text) <= room:
        return text
    taken = 0
    for position, character in enumerate(text):
        taken += _width(character)
        if taken > room - 1:
            return text[:position] + "…"
    return text
