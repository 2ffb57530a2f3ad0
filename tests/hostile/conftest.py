"""A server that plants hostile text into every field, and the program in a pseudo-terminal that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from planting_server import PlantingServer
from terminal_app import KEY, PROGRAM, TerminalApp

StartApp = Callable[..., TerminalApp]


@pytest.fixture
def server() -> Iterator[PlantingServer]:
    with PlantingServer() as server:
        yield server


@pytest.fixture
def start_app(server: PlantingServer, tmp_path: Path) -> Iterator[StartApp]:
    """Start `ortui` with these arguments in a terminal of its own. None may look up or connect to another host."""
    running: list[TerminalApp] = []

    def start(*arguments: str, program: str = PROGRAM, **environ: str) -> TerminalApp:
        app = TerminalApp(tmp_path / "home", {"OPENROUTER_BASE_URL": server.url, "OPENROUTER_API_KEY": KEY} | environ)
        running.append(app)
        app.start(*arguments, program=program)
        return app

    yield start
    for app in running:
        app.close()
    assert all(app.hosts <= {"127.0.0.1"} for app in running), [app.hosts for app in running]
