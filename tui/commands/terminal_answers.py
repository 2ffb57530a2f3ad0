"""What the terminal itself says when it is asked: its keyboard protocol, and how wide it draws characters."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from typing import Final

import msgspec

_PATIENCE_S: Final = 0.4
_PROBES: Final = ("漢", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "e\u0301")
"""A wide character, a joined emoji, a combined accent."""
_QUESTION: Final = "\x1b[?u" + "".join(f"\r{probe}\x1b[6n" for probe in _PROBES) + "\r\x1b[K\x1b[c"
"""The answer to the last comes from every terminal, and last."""
_ANSWERED: Final = re.compile(rb"\x1b\[\?[0-9;]*c")
_PLACE: Final = re.compile(rb"\x1b\[[0-9]+;([0-9]+)R")


class TerminalAnswers(msgspec.Struct, frozen=True):
    """None where it did not say."""

    keyboard_protocol: bool | None = None
    """Whether it tells shift+enter from enter (the Kitty keyboard protocol)."""
    widths: tuple[int, ...] = ()
    """Cells of a wide character, a joined emoji and an accented letter."""


def ask_terminal() -> TerminalAnswers:
    """Ask, and wait a moment for the answers; only where stdin and stdout are a POSIX terminal."""
    try:
        import termios
        import tty
    except ImportError:
        return TerminalAnswers()
    try:
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (OSError, ValueError, termios.error):
        return TerminalAnswers()
    said = b""
    try:
        tty.setcbreak(terminal, termios.TCSAFLUSH)
        sys.stdout.write(_QUESTION)
        sys.stdout.flush()
        end = time.monotonic() + _PATIENCE_S
        while not _ANSWERED.search(said) and (left := end - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                said += os.read(terminal, 1024)
    except OSError:
        pass
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
    return answers_in(said)


def answers_in(said: bytes) -> TerminalAnswers:
    """Read what the terminal wrote back."""
    widths = tuple(int(column) - 1 for column in _PLACE.findall(said))
    if not _ANSWERED.search(said):
        return TerminalAnswers(None, widths if len(widths) == len(_PROBES) else ())
    return TerminalAnswers(b"u" in _ANSWERED.split(said)[0], widths if len(widths) == len(_PROBES) else ())
