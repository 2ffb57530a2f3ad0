"""What `ortui doctor` says of the terminal, from what the terminal answers."""

from __future__ import annotations

import os
import select
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tui.commands.terminal_answers import TerminalAnswers, answers_in

if TYPE_CHECKING:
    from cli_runner import Ortui


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (b"\x1b[?0u\x1b[5;3R\x1b[5;3R\x1b[5;2R\x1b[?62;4c", TerminalAnswers(True, (2, 2, 1))),
        (b"\x1b[5;3R\x1b[5;7R\x1b[5;2R\x1b[?6c", TerminalAnswers(False, (2, 6, 1))),
        (b"\x1b[5;3R", TerminalAnswers()),
        (b"", TerminalAnswers()),
        (b"typed meanwhile\x1b[?1;2c", TerminalAnswers(False)),
    ],
)
def test_what_the_terminal_says(said: bytes, answers: TerminalAnswers) -> None:
    assert answers_in(said) == answers


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("said", "lines"),
    [
        (b"\x1b[?0u\x1b[5;3R\x1b[5;3R\x1b[5;2R\x1b[?62;4c", ("Unicode       UTF-8, characters as wide", "keyboard")),
        (b"\x1b[5;3R\x1b[5;7R\x1b[5;2R\x1b[?6c", ("a joined emoji takes 6 cells", "no Kitty keyboard protocol")),
        (b"", ("these should be two cells each", "the terminal does not say")),
    ],
)
def test_doctor_in_a_terminal(said: bytes, lines: tuple[str, ...], ortui: Ortui) -> None:
    import pty

    master, slave = pty.openpty()
    environment = ortui.environment | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    ortui.environment = environment
    child = ortui.start("doctor", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written, asked = b"", False
    end = time.monotonic() + 40
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    written += os.read(master, 65536)
                except OSError:
                    break
            if not asked and b"\x1b[c" in written:
                asked = True
                os.write(master, said)
    finally:
        child.kill()
        child.wait()
        os.close(master)
    assert asked
    for line in lines:
        assert line in written.decode(), written.decode()
