"""Start a program in a pseudo-terminal, wait for its first full screen, leave with ctrl+q: `first_screen.py ortui`."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

LIMIT_S = 30.0
WANTED = re.compile(rb"Models.*[1-9]\d* of [1-9]\d*", re.DOTALL)
"""The header, and the count beside the filter once the catalogue is there."""


def main(command: list[str]) -> int:
    """0 when the screen came and ctrl+q ended the program well."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    drawn = b""
    began = time.monotonic()
    while not WANTED.search(drawn):
        if time.monotonic() - began > LIMIT_S or not (piece := _read(terminal)):
            sys.stderr.write(
                f"no first screen after {time.monotonic() - began:.1f} s; it ended with\n{drawn[-2000:]!r}\n"
            )
            return 1
        drawn += piece
    sys.stdout.write(f"first screen after {time.monotonic() - began:.2f} s\n")
    os.write(terminal, b"\x11")
    while _read(terminal):
        pass
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _read(terminal: int) -> bytes:
    """What has been drawn; nothing once the program has ended or says nothing for long."""
    ready, _, _ = select.select([terminal], [], [], LIMIT_S)
    try:
        return os.read(terminal, 65_536) if ready else b""
    except OSError:  # Linux says so when the program has ended
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
