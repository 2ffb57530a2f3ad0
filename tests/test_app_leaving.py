"""Leaving in a pseudo-terminal: keys, signals, a closed terminal, a crash; the bytes that were written are read."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

RESTORES = (
    b"\x1b[?1049l",
    b"\x1b[?25h",
    b"\x1b[?1000l",
    b"\x1b[?1003l",
    b"\x1b[?1006l",
    b"\x1b[?2004l",
    b"\x1b[?1004l",
    b"\x1b[<u",
)
KEY = "sk-or-v1-planted-key-that-nobody-may-see-0123456789"

PROGRAM = """
import asyncio, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from screen_host import make_settings
from textual.widgets import Static
from tui.app import OrtuiApp
from tui.screens.live_screen import LiveScreen

KEY = os.environ.pop("PLANTED")
folder = Path(sys.argv[1])
how = sys.argv[2]

class Idle:
    async def run(self):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            (folder / "stopped").touch()
    def submit(self, command): return True
    def cancel(self, job_id): pass
    def cancel_all(self): pass

class View(LiveScreen):
    BINDINGS = [("x", "fail"), ("l", "loop"), ("g", "group")]
    def compose(self):
        yield Static("ready")
    def catch_up(self, topics): pass
    def action_fail(self):
        prompt = "secret prompt " + KEY
        try:
            raise ValueError("no such thing: " + KEY)
        except ValueError as error:
            raise LookupError({"Authorization": "Bearer " + KEY}) from error
    def action_group(self):
        raise ExceptionGroup(KEY, [ValueError(KEY)])
    def action_loop(self):
        (folder / "looping").touch()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pass

app = OrtuiApp(make_settings(folder), lambda publish: Idle(), {"models": View})
app.run()
sys.exit(app.return_code)
"""


class Terminal:
    """The program on a pseudo-terminal of its own, as its controlling terminal."""

    def __init__(self, folder: Path, how: str = "") -> None:
        self.folder = folder
        program = folder / "program.py"
        program.write_text(PROGRAM)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # Under nohup, and in the background of a shell, tests are deaf to them, and what they start would be too.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            environ = os.environ | {
                "TERM": "xterm-256color",
                "PLANTED": KEY,
                "PYTHONPATH": str(Path(__file__).parent.parent),
            }
            here = str(Path(__file__).parent / "screens")
            os.execve(sys.executable, [sys.executable, str(program), str(folder), how, here], environ)
        self.written = bytearray()
        self.status: int | None = None

    def read(self, seconds: float) -> bool:
        """Take what is written; False once the program has closed the terminal."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if ready:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            self.written += data
            return bool(data)
        return True

    def wait_for(self, text: bytes, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.written:
            assert time.monotonic() < end and self.read(0.05), self.written[-2000:]

    def wait_for_end(self, seconds: float = 10.0) -> float:
        """Wait until it has ended, and say how long that took, seconds."""
        start = time.monotonic()
        is_open = True
        while time.monotonic() < start + seconds:
            if is_open:
                is_open = self.read(0.01)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                took = time.monotonic() - start
                while is_open and select.select([self.fd], [], [], 0.05)[0]:
                    is_open = self.read(0.0)
                self.status = os.waitstatus_to_exitcode(status)
                return took
        raise AssertionError(f"it did not end in {seconds} s")

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        try:
            os.close(self.fd)
        except OSError:
            pass


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    try:
        terminal.wait_for(b"ready")
        # The modes are set before the first picture; the paste mode comes last.
        terminal.wait_for(b"\x1b[?2004h")
        yield terminal
    finally:
        terminal.close()


def assert_restored(terminal: Terminal) -> None:
    for sequence in RESTORES:
        assert sequence in terminal.written, sequence
    assert terminal.written.rindex(b"\x1b[?1049l") > terminal.written.rindex(b"\x1b[?1049h")
    assert terminal.written.rindex(b"\x1b[?25h") > terminal.written.rindex(b"\x1b[?25l")


def assert_key_unseen(terminal: Terminal) -> None:
    assert b"planted" not in terminal.written
    for path in terminal.folder.rglob("*"):
        if path.is_file() and path.name != "program.py":
            assert b"planted" not in path.read_bytes(), path


def test_ctrl_q(terminal: Terminal) -> None:
    os.write(terminal.fd, b"\x11")
    terminal.wait_for_end()
    assert terminal.status == 0
    assert_restored(terminal)
    assert (terminal.folder / "stopped").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals(terminal: Terminal, number: signal.Signals, status: int) -> None:
    os.kill(terminal.pid, number)
    took = terminal.wait_for_end()
    assert terminal.status == status
    assert took < 2.0
    assert_restored(terminal)
    assert (terminal.folder / "stopped").exists()


def test_a_signal_ends_it_even_when_the_loop_is_stuck(terminal: Terminal) -> None:
    os.write(terminal.fd, b"l")
    end = time.monotonic() + 10
    while not (terminal.folder / "looping").exists():
        assert time.monotonic() < end and terminal.read(0.01)
    os.kill(terminal.pid, signal.SIGTERM)
    took = terminal.wait_for_end()
    assert terminal.status == 143
    assert took < 2.5
    assert_restored(terminal)


def test_a_closed_terminal(terminal: Terminal) -> None:
    os.close(terminal.fd)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        done, status = os.waitpid(terminal.pid, os.WNOHANG)
        if done:
            terminal.status = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.01)
    assert terminal.status == 129
    assert (terminal.folder / "stopped").exists()


@pytest.mark.parametrize("key", [b"x", b"g"])
def test_an_exception_in_a_view_is_reported_without_what_it_was_about(terminal: Terminal, key: bytes) -> None:
    os.write(terminal.fd, key)
    terminal.wait_for_end()
    assert terminal.status == 1
    assert_restored(terminal)
    assert_key_unseen(terminal)
    after = bytes(terminal.written[terminal.written.rindex(b"\x1b[?1049l") :])
    assert b"a report without keys or messages is in" in after.replace(b"\r\n", b" ")
    reports = list((terminal.folder / "log").glob("crash-*.txt"))
    assert len(reports) == 1
    report = reports[0].read_text()
    assert "program.py:" in report and "View.action_" in report
    assert "secret prompt" not in report and "Authorization" not in report
    assert reports[0].stat().st_mode & 0o777 == 0o600
    assert (terminal.folder / "stopped").exists()


def test_the_program_does_not_write_python_tracebacks(terminal: Terminal) -> None:
    os.write(terminal.fd, b"x")
    terminal.wait_for_end()
    assert b"Traceback" not in terminal.written


def test_without_a_log_folder_the_report_goes_to_stderr(tmp_path: Path) -> None:
    from tui.crash_report import write_report

    blocked = tmp_path / "file"
    blocked.touch()
    try:
        raise ValueError(KEY)
    except ValueError as error:
        words = write_report(error, blocked / "log", [KEY])
    assert "cannot be written" in words and "ValueError" in words and KEY not in words


def test_reports_mask_keys_in_our_own_messages(tmp_path: Path) -> None:
    from tui.config import ConfigError, Problem
    from tui.crash_report import report_text

    other = "an-unusual-key-without-prefix"
    text = report_text(ConfigError(Problem(f"bad {KEY} and {other}")), [other])
    assert "bad … and …" in text


def test_importing_the_app_twice_in_a_process_is_harmless() -> None:
    code = "import tui.app; from tui.enter_keys import teach_enter_keys as t; t(); t()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent, timeout=60)
