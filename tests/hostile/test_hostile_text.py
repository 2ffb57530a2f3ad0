"""Hostile text in every field of every answer: none of it reaches the terminal, the exports or the clipboard."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from planting_server import ALL, ANSI_REPLY, LONG_LINE, PLANTED, PlantingServer
from terminal_app import TerminalApp

from tui.openrouter.text import clean

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

StartApp = Callable[..., TerminalApp]
_CSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_OURS = (
    re.compile(rb"\x1b\]22;[a-z]*\x07"),  # the pointer's shape
    re.compile(rb"\x1b\]8;[^;\x1b\x07]*;(https?://[\x21-\x7e]*)?\x1b\\"),  # links
    re.compile(rb"\x1b\]52;c;[A-Za-z0-9+/=]*\x07"),  # what the user copies
    re.compile(rb"\x1bP\+q[0-9a-f;]*\x1b\\"),
    re.compile(rb"\x1b[78=>]"),
)
"""What the program itself writes besides CSI sequences."""
_OBEYED = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f].{0,30}"
)


def assert_harmless(written: bytes) -> None:
    """Nothing planted is in it, and nothing at all that a terminal obeys but what the program writes itself."""
    for name, planted in PLANTED.items():
        assert planted.encode() not in written, name
    for sequence in (
        b"PLANTED-TITLE\x07",
        b"\x1b]0;",
        b"\x1b]2;",
        b"\x1b]1337",
        b"\x1b_",
        b"\x1b^",
        b"\x1bX",
        b"\x1bc",
    ):
        assert sequence not in written, sequence
    for copied in re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", written):
        text = base64.b64decode(copied).decode()
        assert text != "PLANTED" and clean(text) == text
    rest = _CSI.sub(b"", written)
    for pattern in _OURS:
        rest = pattern.sub(b"", rest)
    left = _OBEYED.search(rest.decode("utf-8"))  # which also says that it is UTF-8
    assert left is None, repr(left)


def test_no_planted_sequence_reaches_the_terminal_from_any_screen(
    start_app: StartApp, server: PlantingServer, tmp_path: Path
) -> None:
    app = start_app()
    app.wait_for(r"[1-9] of [1-9]")
    app.settle()
    app.press("j", "j", "k", "k", "d")  # the details
    app.press("\x1b", quiet_s=0.6)
    app.press("y")  # copies the id
    app.press("p")
    app.wait_for("first token s")
    app.press("j", "y")
    app.press("\x1b", quiet_s=0.6)
    app.press("l")  # links
    app.press("\x1b", quiet_s=0.6)
    app.press(" ", "j", " ", "c")  # compared
    app.press("\x1b", quiet_s=0.6)
    app.press("x", "/", "acme/plain", "\r")
    app.press("\r")
    app.wait_for("Talk to")
    app.press("Hello", "\r")
    app.wait_for("The reply has come", 40)
    app.settle()
    app.press("\t", "[", "{", "y", "Y", "t")  # the transcript: moves, code blocks, copies, thinking
    app.press("\x1b", quiet_s=0.6)
    server.fails = True
    app.press("\x1bOR", "Again", "\r")
    app.wait_for("The server refused the request", 40)
    app.press("\x13")  # conversations
    app.press("\x1b", quiet_s=0.6)
    server.fails = False
    app.press("\x1bOS")
    app.press("one", "\n", "two", "\x12")  # embed
    app.settle(0.5)
    app.press("\x1b[15~")  # spend
    app.settle(0.5)
    app.press("\r", "\x1b", quiet_s=0.6)
    app.press("\x10", "evil", quiet_s=0.3)  # the palette
    app.press("\x1b", "\x1b", quiet_s=0.6)
    assert app.leave() == 0
    paths = {path.partition("?")[0] for _, path, _ in server.seen}
    for wanted in ("models", "key", "chat/completions", "embeddings", "providers"):
        assert any(path.endswith(wanted) for path in paths), (wanted, paths)
    assert "␛]0;PLANTED" in app.written.decode("utf-8"), "what was planted was not even drawn"
    assert b"\x1b]52;c;" in app.written, "nothing was copied"
    assert_harmless(bytes(app.written))

    exported = tmp_path / "chats.md"
    for form in ("markdown", "json"):
        command = "import sys; from tui.cli import main; sys.exit(main())"
        line = [sys.executable, "-c", command, "chats", "export", "--format", form, "--output", str(exported)]
        done = subprocess.run(line, env=app.environ, capture_output=True, timeout=40, check=False)
        assert done.returncode == 0, done.stderr
        text = exported.read_text(encoding="utf-8")
        exported.unlink()
        assert "The reply has come" in text
        assert _OBEYED.search(text.replace("\t", " ")) is None
        assert not any(sequence in text for sequence in PLANTED.values())


def test_a_very_long_line(start_app: StartApp, server: PlantingServer, pytestconfig: pytest.Config) -> None:
    """A megabyte; with `--long` ten, which is more than is drawn as Markdown."""
    size = LONG_LINE if pytestconfig.getoption("--long") else LONG_LINE // 10
    server.reply = ("x" * 1000 + ALL.replace("\r", "")) * (size // 1250) + "\n\nThe reply has come.\n"
    app = start_app()
    app.wait_for(r"[1-9] of [1-9]")
    app.press("/", "acme/plain", "\r")
    app.press("\r")
    app.wait_for("Talk to")
    app.press("Hello", "\r")
    app.wait_for("The reply has come.* in all", 90)
    app.settle()
    assert app.leave(20) == 0
    assert_harmless(bytes(app.written))


@pytest.mark.parametrize(
    "arguments", [("ask", "-m", "acme/plain", "Hi"), ("models",), ("models", "--json"), ("quota",)]
)
def test_no_planted_sequence_reaches_the_terminal_from_a_command(
    arguments: tuple[str, ...], start_app: StartApp, server: PlantingServer
) -> None:
    app = start_app(*arguments)
    app.wait_for_end(40)
    server.fails = True
    failing = start_app(*arguments)
    failing.wait_for_end(40)
    assert len(app.written) > 100
    assert_harmless(bytes(app.written))
    assert_harmless(bytes(failing.written))


def test_the_corpus_itself_is_hostile() -> None:
    """Each planted sequence is one that `assert_harmless` finds."""
    for name, sequence in PLANTED.items():
        with pytest.raises(AssertionError):
            assert_harmless(f"good {sequence} good".encode())
        assert sequence in ANSI_REPLY, name
