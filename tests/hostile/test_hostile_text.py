"""Hostile text in every field of every answer: none of it reaches the terminal, the exports or the clipboard."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harmless import OBEYED, assert_harmless
from planting_server import ALL, ANSI_REPLY, FAR_AWAY, LONG_LINE, PLANTED, PlantingServer
from terminal_app import ESCAPE, SEVERAL, TerminalApp, pick

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

StartApp = Callable[..., TerminalApp]


def test_no_planted_sequence_reaches_the_terminal_from_any_screen(
    start_app: StartApp, server: PlantingServer, tmp_path: Path
) -> None:
    """Through a proxy, and no other host than that is looked up or connected to."""
    config = tmp_path / "config.yaml"
    config.write_text("allow_http: true\n")
    proxy = server.url.removesuffix("/api/v1")
    app = start_app(
        ORTUI_CONFIG=str(config), OPENROUTER_BASE_URL=f"http://{FAR_AWAY}/api/v1", HTTP_PROXY=proxy, http_proxy=proxy
    )
    app.wait_for(r"[1-9] of [1-9]")
    app.settle()
    app.press("j", "j", "k", "k", "d")  # the details
    app.wait_for("l links")
    app.press("l")
    app.wait_for("open in the browser")
    app.press(ESCAPE)
    app.wait_for("l links")
    app.press(ESCAPE)
    app.wait_for("enter chat")
    app.press("y")  # copies the id
    app.press("p")
    app.wait_for("first token s")
    app.press("j", "y")
    app.press(ESCAPE)
    app.wait_for("enter chat")
    app.press(" ", "j", " ", "c")  # compared
    app.wait_for("fold equal")
    app.press(ESCAPE)
    app.wait_for("enter chat")
    app.press("x")
    pick(app, "acme/plain")
    app.wait_for("Talk to")
    app.press("Hello", "\r")
    app.wait_for("The reply has come.* in all", 40)
    app.settle()
    app.press("\t", "[", "{", "y", "Y", "t")  # the transcript: moves, code blocks, copies, thinking
    app.press(ESCAPE)
    server.fails = True
    app.press("\x1bOR", "Again", "\r")
    app.wait_for("The server refused the request", 40)
    app.press("\x13")  # conversations
    app.press(ESCAPE)
    server.fails = False
    app.press("\x1bOS")
    app.press("one", "\n", "two", "\x12")  # embed
    app.settle(0.25)
    app.press("\x1b[15~")  # spend
    app.settle(0.25)
    app.press("\r")
    app.wait_for("What happened|at sending")
    app.press(ESCAPE)
    app.press("\x10")  # the palette
    app.wait_for("▔▔▔▔")
    app.press("evil", quiet_s=0.2)
    app.press(ESCAPE, ESCAPE)
    assert app.leave() == 0
    paths = {path.partition("?")[0] for _, path, _ in server.seen}
    for wanted in ("models", "key", "chat/completions", "embeddings", "providers"):
        assert any(path.endswith(wanted) for path in paths), (wanted, paths)
    assert all(path.startswith(f"http://{FAR_AWAY}/") for _, path, _ in server.seen), "the proxy was gone round"
    assert app.hosts == {"127.0.0.1"}
    assert "␛]0;PLANTED" in app.written.decode("utf-8"), "what was planted was not even drawn"
    assert b"\x1b]52;c;" in app.written, "nothing was copied"
    assert_harmless(bytes(app.written))

    exported = tmp_path / "chats.md"
    for form in ("markdown", "json"):
        done = app.run("chats", "export", "--format", form, "--output", str(exported))
        assert done.returncode == 0, done.stderr
        text = exported.read_text(encoding="utf-8")
        exported.unlink()
        assert "The reply has come" in text
        assert OBEYED.search(text.replace("\t", " ")) is None
        assert not any(sequence in text for sequence in PLANTED.values())


def test_ten_megabytes_on_one_line(start_app: StartApp, server: PlantingServer) -> None:
    """In one event, more than is drawn as Markdown; a key is answered as soon as it has come."""
    server.reply = ("x" * 1000 + ALL.replace("\r", "")) * (LONG_LINE // 1250) + "\n\nThe reply has come.\n"
    server.piece = LONG_LINE * 2
    app = start_app()
    app.wait_for(r"[1-9] of [1-9]")
    pick(app, "acme/plain")
    app.wait_for("Talk to")
    app.press("Hello", "\r")
    app.wait_for("The reply has come.* in all", 90)
    app.settle()
    app.press("жук")
    app.wait_for("жук", 10)
    assert app.leave(20) == 0
    assert_harmless(bytes(app.written))


def test_no_planted_sequence_reaches_the_terminal_from_a_command(start_app: StartApp, server: PlantingServer) -> None:
    lines = [["ask", "-m", "acme/plain", "Hi"], ["models"], ["models", "--json"], ["quota"]]
    for fails in (False, True):
        server.fails = fails
        app = start_app(json.dumps(lines), program=SEVERAL)
        assert app.wait_for_end(60) == 0
        said = re.split(rb"== ended with .*\n", bytes(app.written))
        assert len(said) == len(lines) + 1 and all(len(one) > 50 for one in said[:-1]), said
        assert b"PLANTED" in said[0]
        assert_harmless(bytes(app.written))


def test_the_corpus_itself_is_hostile() -> None:
    """Each planted sequence is one that `assert_harmless` finds."""
    for name, sequence in PLANTED.items():
        with pytest.raises(AssertionError):
            assert_harmless(f"good {sequence} good".encode())
        assert sequence in ANSI_REPLY, name
