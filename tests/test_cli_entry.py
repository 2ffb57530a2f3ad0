"""`ortui` itself: version, help, mistakes, and the start of the app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tui import __version__
from tui.cli import COMMANDS

if TYPE_CHECKING:
    from cli_runner import Ortui

HEAVY = {
    "click",
    "httpx",
    "httpcore",
    "keyring",
    "markdown_it",
    "numpy",
    "pygments",
    "rapidfuzz",
    "starlette",
    "tiktoken",
    "uvicorn",
}

START = """
import json, sys
from tui.cli import main
from tui.app import OrtuiApp

class Terminal:
    def __init__(self, stream): self._stream = stream
    def isatty(self): return True
    def __getattr__(self, name): return getattr(self._stream, name)

def run(app):
    app._make_worker(lambda event: None)
    print(json.dumps(sorted(sys.modules)))

OrtuiApp.run = run
sys.stdin, sys.stdout = Terminal(sys.stdin), Terminal(sys.stdout)
sys.exit(main(sys.argv[1:]))
"""


def test_version_and_help(ortui: Ortui) -> None:
    assert ortui("--version").out == f"ortui {__version__}\n"
    done = ortui("--help")
    assert (done.status, done.err) == (0, "")
    assert all(name in done.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_the_common_options(ortui: Ortui, name: str) -> None:
    done = ortui(name, "--help")
    assert (done.status, done.err) == (0, "")
    assert f"ortui {name}" in done.out
    assert "--base-url URL" in done.out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["modles"], "did you mean models?"),
        (["--nonsense"], "There is no option"),
        (["models", "--data-dir"], "--data-dir expects a folder."),
        (["spend", "--by", "colour"], "'--by'"),
        (["chats"], "Usage"),
        ([], "The screens need a terminal."),
        (["ask", "-m", "x", "sk-or-v1-0123456789abcdef"], "A key on the command line is refused"),
    ],
)
def test_a_mistake_is_status_2(ortui: Ortui, line: list[str], words: str) -> None:
    done = ortui(*line)
    assert done.status == 2
    assert words in done.err + done.out
    assert "0123456789" not in done.err + done.out
    assert "Traceback" not in done.err


def test_a_wrong_configuration_is_one_line(ortui: Ortui) -> None:
    ortui.configure("budget:\n  day: much\n")
    for line in (["models"], ["ask", "-m", "x", "y"], ["spend"], ["quota"], ["chats", "list"]):
        done = ortui(*line)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("ortui: ")
        assert "config.yaml:2: budget.day: expected an amount" in done.err
        assert done.err.count("\n") == 1


def test_an_unexpected_error_is_a_report_without_keys(ortui: Ortui) -> None:
    key = ortui.environment["OPENROUTER_API_KEY"]
    program = (
        "import sys, tui.commands.spend as spend\n"
        "def fail(*_): raise RuntimeError(f'planted {sys.argv[2]}')\n"
        "spend.spend_rows = fail\n"
        "from tui.cli import main\n"
        "sys.exit(main(sys.argv[1:2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "spend", key],
        env=ortui.environment,
        cwd=ortui.home,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert key not in done.stderr
    (report,) = ortui.home.rglob("crash-*.txt")
    assert str(report) in done.stderr
    assert "RuntimeError" in report.read_text()
    assert key not in report.read_text()


def test_the_app_starts_without_what_its_first_screen_does_not_need(ortui: Ortui) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START],
        env=ortui.environment,
        cwd=ortui.home,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))
    assert "textual" in modules
    assert not modules & HEAVY


@pytest.mark.skipif(os.name == "nt", reason="needs /dev/full")
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_a_sentence(ortui: Ortui) -> None:
    with open("/dev/full", "wb") as full:
        process = ortui.start("models", "--json", stdout=full)
        _, err = process.communicate(timeout=40)
    assert process.returncode == 6
    assert err.startswith(b"ortui: The output cannot be written")
    assert err.count(b"\n") == 1
