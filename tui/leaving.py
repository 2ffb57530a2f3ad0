"""Leaving well: signals, a terminal that is gone, and the way out when nothing else works."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from types import FrameType
from typing import Any, Final, NoReturn

RESTORE: Final = (
    "\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2048l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m"
)
"""Takes back every mode that Textual sets: paste, mouse, kitty keys, the alternate screen, the hidden cursor, focus."""

SIGNAL_STATUS: Final = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


@contextmanager
def signals_handled(leave: Callable[[str], None]) -> Iterator[None]:
    """Call `leave` with the name of the signal that came, from the main thread, whatever the event loop does."""
    before: dict[int, Any] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        leave(signal.Signals(number).name)

    if threading.current_thread() is threading.main_thread():
        for name in SIGNAL_STATUS:
            number = getattr(signal, name, None)
            # A program started with nohup stays deaf to SIGHUP.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watch_terminal(gone: Callable[[], None]) -> None:
    """Call `gone`, from another thread, when the terminal hangs up; without a controlling terminal no SIGHUP comes."""
    stdin = sys.__stdin__
    if stdin is None or not stdin.isatty() or not hasattr(select, "poll"):
        return

    def watch() -> None:
        poll = select.poll()
        # No events asked for: hang-up is reported always, input never.
        poll.register(stdin.fileno(), 0)
        try:
            events = poll.poll()
        except OSError:
            return
        if any(event & select.POLLHUP for _, event in events):
            gone()

    threading.Thread(target=watch, name="terminal-watch", daemon=True).start()


def drain_dead_writer(writer: threading.Thread, queue: Queue[str | None]) -> None:
    """Empty the queue of Textual's writer thread once a lost terminal has killed it, or every write would block."""

    def drain() -> None:
        while True:
            if writer.is_alive():
                time.sleep(0.01)
            else:
                try:
                    queue.get(timeout=0.05)
                except Empty:
                    continue

    threading.Thread(target=drain, name="terminal-drain", daemon=True).start()


class LastResort:
    """Ends the process by force when leaving takes too long; the terminal is restored even then."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._attributes: list[Any] | None = None

    def remember_terminal(self, attributes: list[Any] | None) -> None:
        """What `termios.tcgetattr` said before the program changed it."""
        self._attributes = attributes

    def arm(self, seconds: float, status: int) -> None:
        """End the process after so many seconds unless disarmed; the first call counts."""
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._end, (status,))
            self._timer.daemon = True
            self._timer.start()

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: int) -> None:
        try:
            os.write(2, RESTORE.encode())
            if self._attributes is not None:
                import termios

                termios.tcsetattr(0, termios.TCSANOW, self._attributes)
        except (OSError, ImportError, ValueError):
            pass
        except Exception:  # noqa: BLE001, S110 - termios.error has no common base; the process ends now in any case
            pass
        os._exit(status)


def let_dead_streams_go() -> None:
    """Flush into nothing where nobody reads any more: else the interpreter ends with a status of its own."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def end_now(status: int) -> NoReturn:
    """End the process, when all is written and closed: to take the interpreter apart would take a quarter of a second
    more, which only the user notices."""
    let_dead_streams_go()
    os._exit(status)
