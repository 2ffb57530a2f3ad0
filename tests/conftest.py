"""What tests share: the embedded server over real HTTP, keys that nobody else uses, the protocol's schema."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_runner import Ortui, make_ortui
from hypothesis import settings

from tui.demo.launch import DemoProcess

# In CI always the same examples, so that a run speaks of the change and not of its luck; elsewhere random ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile("steady" if os.environ.get("CI") else "searching")

OPENAPI = Path(__file__).resolve().parents[2] / "shared" / "reference" / "openapi-subset.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the longest forms of fuzzing and of killing processes")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long"):
        settings.load_profile("long")


@pytest.fixture(scope="session", autouse=True)
def _stylesheets_are_read_once() -> Iterator[None]:
    """All Apps of a test process share what was read of the stylesheets: a tenth of the time of many tests."""
    from textual.css.stylesheet import Stylesheet

    read_rules = Stylesheet._parse_rules
    read: dict[str, dict[Any, list[Any]]] = {}
    variables_of: dict[int, tuple[dict[str, str], str]] = {}

    def read_once(sheet: Stylesheet, *source: Any, **more: Any) -> list[Any]:
        variables = sheet._variables
        known = variables_of.get(id(variables))
        if known is None or known[0] is not variables:
            known = variables_of[id(variables)] = variables, repr(sorted(variables.items()))
        rules = read.setdefault(known[1], {})
        key = source, tuple(more.items())
        if key not in rules:
            rules[key] = read_rules(sheet, *source, **more)
        return rules[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", read_once)
        yield


StartServer = Callable[..., str]
"""Starts another server with these command line options and answers with its base URL."""


@pytest.fixture(scope="session")
def demo_server() -> Iterator[str]:
    """Base URL (with `/api/v1`) of a server that answers as fast as it can; one for each test process.

    Its catalogue stands still, so that two requests find the same.
    """
    with DemoProcess("--speed", "0", "--moves-every", "1e12") as server:
        yield server.url()


@pytest.fixture
def start_demo_server() -> Iterator[StartServer]:
    """Start servers with options of one's own: `start_demo_server("--speed", "0", "--free-per-minute", "2")`."""
    running: list[DemoProcess] = []

    def start(*options: str) -> str:
        server = DemoProcess(*options)
        running.append(server)
        return server.start()

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def fresh_key() -> Callable[..., str]:
    """Make keys that no other test uses, with accounts of their own.

    `fresh_key()` is an ordinary key; hints inside a key make poor accounts: `fresh_key("credits-0.01")` has bought one
    cent, `fresh_key("limit-0.05")` has a monthly cap of five. `mgmt-` before the rest of a key manages its account.
    """

    def make(hint: str = "") -> str:
        return f"sk-or-v1-{hint + '-' if hint else ''}{uuid.uuid4().hex}"

    return make


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, without anything in it: the user's own is nothing for what tests write."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    """The official OpenAPI document, cut to our calls; skips where it is not at hand."""
    if not OPENAPI.exists():
        pytest.skip("the protocol's OpenAPI document is not at hand")
    document: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
    return document


@pytest.fixture
def ortui(tmp_path: Path, demo_server: str, fresh_key: Callable[..., str]) -> Ortui:
    """The command line in processes of its own, talking to the embedded server with a key that nobody else uses."""
    return make_ortui(tmp_path / "home", demo_server, fresh_key())
