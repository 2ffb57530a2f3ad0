"""Hostile text that comes from this machine: pasted, in files and their names, in settings, in a database of another
version. None of it reaches the terminal, and all of it is shown as the symbols it is made of."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harmless import assert_harmless
from hostile_files import BROKEN, DIRTY, broken_config, write_config, write_database, write_files
from planting_server import ALL, PlantingServer
from terminal_app import ESCAPE, KEY, SEVERAL, TerminalApp

from tui.base_url import parse_base_url

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

StartApp = Callable[..., TerminalApp]
PASTE = f"\x1b[200~{DIRTY}\x1b[201~"
SHOWN = r"PLANTED-TITLE␇"


def test_pastes_files_settings_and_an_older_database(
    start_app: StartApp, server: PlantingServer, tmp_path: Path
) -> None:
    home, config = tmp_path / "home", tmp_path / "config.yaml"
    write_files(home, home / "data")
    write_database(home / "data" / "ortui.db", parse_base_url(server.url).origin)
    write_config(config, server.url, KEY)
    app = start_app(ORTUI_CONFIG=str(config))
    drawn = 0

    def draws(what: str) -> None:
        """What was planted is drawn, since the last call, at least once."""
        nonlocal drawn
        end = time.monotonic() + 20
        while b"PLANTED" not in app.written[drawn:]:
            assert time.monotonic() < end, f"{what} showed nothing of it\n{app.screen}"
            app.read(0.05)
        app.settle()
        drawn = len(app.written)

    app.wait_for(r"[1-9] of [1-9]")
    app.wait_for("Configuration|unknown")
    app.settle()
    draws("the warnings about the configuration")
    app.press("/", "q")
    app.wait_for("/ q")  # keys that follow at once would come before it has the focus
    app.press(PASTE)
    draws("the filter")
    app.press(ESCAPE, ESCAPE)

    app.press("\x1bOR")  # chat
    app.wait_for("Evil talk")
    draws("the list of conversations")
    app.press("\x1bs")
    app.wait_for("may be unfinished")
    app.press("Evil", quiet_s=0.2)  # searched
    app.wait_for("Evil (reply|talk)")
    app.press("\r", quiet_s=0.2)
    app.wait_for(r"https://d\.test/", 20)
    app.settle()
    draws("a conversation of another version")
    app.press("\x1bOR", PASTE)
    draws("the composer")
    app.press("\x1b[18~", "@at", "\t", quiet_s=0.2)  # all is selected; the names of files
    app.settle()
    draws("the names of files")
    app.press("\r", " ", quiet_s=0.2)
    app.press("\x1b[18~", "\x7f", "\x1bl")  # the library
    app.wait_for("prompt␛")
    draws("the library")
    app.press("\r", quiet_s=0.2)
    app.settle()
    draws("what a prompt asks for")
    app.press(ESCAPE, ESCAPE)
    app.press("\x1bi")
    app.wait_for("path to import")
    app.press("import.json", "\r")
    app.wait_for("Imported talk", 20)
    app.settle()
    draws("an import")

    app.press("\x1bOS")  # embeddings
    app.wait_for("Evil sheet")
    app.settle(0.25)
    draws("a sheet of another version")
    app.press(PASTE, "\x1b[18~", "\x7f", quiet_s=0.2)
    app.press("\x06")  # a file
    app.wait_for("cut the sheet's own")
    app.press("\x15texts.csv", "\r", quiet_s=0.2)
    app.settle(0.25)
    draws("the columns of a file")
    app.press("\r", "\r", "\r", quiet_s=0.2)
    app.settle(0.25)
    app.press(ESCAPE)

    app.press("\x1b[15~")  # spend
    app.settle(0.25)
    app.press("\x1b[15~", "j", "\r", quiet_s=0.2)
    app.settle(0.25)
    draws("the ledger")
    app.press(ESCAPE)
    app.press("\x10")  # the palette
    app.wait_for("▔▔▔▔")
    app.press(PASTE)
    app.press(ESCAPE, ESCAPE)
    assert app.leave() == 0
    assert_harmless(bytes(app.written))


def test_refused_configurations_and_files_are_quoted_clean(
    start_app: StartApp, server: PlantingServer, tmp_path: Path
) -> None:
    """What is wrong is quoted, and so are a path and a file that is no conversation."""
    home = tmp_path / "home"
    write_files(home, home / "data")
    lines = []
    for kind in BROKEN:
        config = tmp_path / f"{kind}.yaml"
        config.write_text(broken_config(kind), encoding="utf-8")
        config.chmod(0o600)
        lines.append(["--config", str(config), "config", "check"])
    path = str(home / f"none{ALL.replace(chr(0), '')}.json")
    lines += [["chats", "import", path], ["embed", "-m", "acme/embed", path], ["--config", path, "models"]]
    lines += [["chats", "show", ALL], ["models", f"{ALL}:"], [ALL]]
    app = start_app(json.dumps(lines), program=SEVERAL)
    assert app.wait_for_end(60) == 0
    said = re.split(rb"== ended with [^0\n].*\n", bytes(app.written))
    assert len(said) == len(lines) + 1, "not all of them were refused"
    quoted = [line for line, one in zip(lines, said, strict=False) if b"[7;5;9;47m" in one]
    assert len(quoted) >= 9, quoted  # that it is no YAML, or that raw bytes stand there, is said without
    assert_harmless(bytes(app.written))
