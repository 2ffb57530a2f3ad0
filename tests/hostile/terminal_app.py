"""The whole program on a pseudo-terminal: keys go in, every byte that comes out is kept."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte

KEY = "sk-or-v1-planted0123456789abcdef0123456789abcdefplanted"
ROOT = Path(__file__).parents[2]
COLUMNS, LINES = 140, 45
ESCAPE = "\x1b[27u"
"""The key as terminals with the keyboard protocol send it: without waiting whether a sequence follows."""
AUDITED = """
import os, sys
_asked = os.open(os.environ.pop("ASKED"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def _note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    os.write(_asked, f"{host}\\n".encode())
sys.addaudithook(_note)
from tui.cli import main
"""
"""Before the program: notes each host that anything in its process looks up or connects to."""
PROGRAM = AUDITED + "sys.exit(main())"
SEVERAL = (
    AUDITED
    + """
import json
for line in json.loads(sys.argv[1]):
    try:
        status = main(line)
    except SystemExit as end:
        status = end.code
    print("== ended with", status, flush=True)
"""
)
"""Commands one after the other, which saves starting Python for each; they are its argument as JSON."""


class TerminalApp:
    """`ortui` as a user runs it; `screen` shows what the terminal shows, `written` all that it was sent.

    Apps with the same parent of their home share `hosts`.
    """

    def __init__(self, home: Path, environ: dict[str, str]) -> None:
        self.home = home
        home.mkdir(mode=0o700, exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environ = kept | {
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "ORTUI_DATA_DIR": str(home / "data"),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
        }
        self._asked = home.parent / "hosts-asked"
        self._asked.touch()
        self.environ |= {"ASKED": str(self._asked)} | environ
        self.written = bytearray()
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._shown = 0
        self.pid = 0
        self.fd = -1
        self.status: int | None = None

    def start(self, *arguments: str, program: str = PROGRAM) -> None:
        import pty

        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.chdir(self.home)
            os.execve(sys.executable, [sys.executable, "-c", program, *arguments], self.environ)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
        """The program as a command, without a terminal, with the same home."""
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            env=self.environ | environ,
            cwd=self.home,
            capture_output=True,
            timeout=60,
            check=False,
        )

    @property
    def hosts(self) -> set[str]:
        """What was looked up or connected to so far, by the app and by the commands."""
        return set(self._asked.read_text().split())

    def read(self, seconds: float) -> bool:
        """Take what is written; False once the program has closed the terminal."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 1 << 20)
        except OSError:
            return False
        self.written += data
        return bool(data)

    @property
    def screen(self) -> str:
        """What stands on the screen, a line a row."""
        fresh, self._shown = bytes(self.written[self._shown :]), len(self.written)
        # What pyte takes for text: private modes and the like of which it knows nothing.
        self._stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;:$]*[a-zA-Z]", b"", fresh))
        return "\n".join(self._screen.display)

    def wait_for(self, pattern: str, seconds: float = 30.0) -> str:
        """Until the screen shows it; answers with the screen."""
        end = time.monotonic() + seconds
        while True:
            shown = self.screen
            if re.search(pattern, shown, re.DOTALL):
                return shown
            assert time.monotonic() < end, f"never came: {pattern}\n{shown}"
            is_open = self.read(0.05)
            assert is_open or re.search(pattern, self.screen, re.DOTALL), f"it has ended\n{self.screen}"

    def press(self, *keys: str, quiet_s: float = 0.12) -> None:
        """Type keys one by one, and wait after each until nothing more is drawn."""
        for key in keys:
            os.write(self.fd, key.encode())
            self.settle(quiet_s)

    def settle(self, quiet_s: float = 0.12, most_s: float = 5.0) -> None:
        """Until nothing was written for a moment."""
        end = time.monotonic() + most_s
        while time.monotonic() < end:
            before = len(self.written)
            if not self.read(quiet_s) or len(self.written) == before:
                return

    def leave(self, seconds: float = 10.0) -> int:
        """End it with ctrl+q; answers with its exit status."""
        os.write(self.fd, b"\x11")
        return self.wait_for_end(seconds)

    def wait_for_end(self, seconds: float = 10.0) -> int:
        end = time.monotonic() + seconds
        is_open = True
        while self.status is None:
            is_open = is_open and self.read(0.02)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                assert time.monotonic() < end, "it did not end"
        while is_open and select.select([self.fd], [], [], 0.05)[0]:
            is_open = self.read(0.0)
        return self.status

    def close(self) -> None:
        if self.pid and self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)


def pick(app: TerminalApp, model: str) -> None:
    """Chat with the first model that the filter finds, from the table of models.

    Keys that come before what they are for has the focus would go elsewhere, so each is waited for.
    """
    app.press("/", model)
    app.wait_for(f"/ {model}")
    app.wait_for(r"[12] of \d")
    app.press("\r")
    app.wait_for("enter chat")
    app.press("\r")
