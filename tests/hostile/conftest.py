"""A server that plants hostile text into every field, and the program in a pseudo-terminal that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from planting_server import PlantingServer
from terminal_app import KEY, TerminalApp

StartApp = Callable[..., TerminalApp]


@pytest.fixture
def server() -> Iterator[PlantingServer]:
    with PlantingServer() as server:
        yield server


@pytest.fixture
def start_app(server: PlantingServer, tmp_path: Path) -> Iterator[StartApp]:
    """Start `ortui` with these arguments in a terminal of its own."""
    running: list[TerminalApp] = []

    def start(*arguments: str, **environ: str) -> TerminalApp:
        app = TerminalApp(tmp_path / "home", {"OPENROUTER_BASE_URL": server.url, "OPENROUTER_API_KEY": KEY} | environ)
        running.append(app)
        app.start(*arguments)
        return app

    yield start
    for app in running:
        app.close()
