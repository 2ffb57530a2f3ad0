"""A host app and a worker driven by hand: `from screen_host import Host, HandWorker, until` in a test of a screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from typing_extensions import override

from tui.config import Budget, ChatDefaults, EmbeddingDefaults, KeySource, Limits, Provider, Settings, UiSettings
from tui.core.commands import Command
from tui.core.events import Event
from tui.core.state import State
from tui.folders import Folders
from tui.screens.session import Session, make_session
from tui.secret import Secret
from tui.stylesheets import THEME_VARIABLES, style_path

NOW = 1_786_000_000.0
"""2026-08-06 07:06:40 UTC, the time of the hand-driven clock."""


def make_settings(root: Path, **changes: Any) -> Settings:
    """Settings with one OpenRouter key and folders below `root`; `changes` replaces fields."""
    origin = "https://openrouter.ai:443"
    provider = Provider(
        id="openrouter",
        type="openrouter",
        keys=(KeySource(Secret("sk-or-v1-test-key-000000004f2a"), "test"),),
        base_url="https://openrouter.ai/api/v1",
        origin=origin,
        limits=Limits(),
    )
    fields: dict[str, Any] = {
        "providers": (provider,),
        "provider": provider,
        "budget": Budget(day=Decimal(5)),
        "ui": UiSettings(animations=False),
        "chat": ChatDefaults(),
        "embeddings": EmbeddingDefaults(),
        "allow_http": False,
        "keymap": {},
        "warnings": (),
        "folders": Folders(
            data=root,
            database=root / "ortui.db",
            run=root / "run",
            exports=root / "exports",
            drafts=root / "drafts",
            log=root / "log",
            config=root,
        ),
        "demo": False,
        "config_file": None,
    }
    return Settings(**(fields | changes))


class HandWorker:
    """Stands for the background worker: keeps what was submitted, and says what a test tells it to."""

    def __init__(self) -> None:
        self.submitted: list[Command] = []
        self.cancelled: list[str] = []
        self.cancelled_all = 0
        self.full = False
        """True: `submit` refuses."""
        self.copied: list[str] = []
        self.now = NOW
        self.state = State()
        self.session: Session | None = None

    def submit(self, command: Command) -> bool:
        if self.full:
            return False
        self.submitted.append(command)
        return True

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def cancel_all(self) -> None:
        self.cancelled_all += 1

    def copy(self, text: str) -> None:
        self.copied.append(text)

    def publish(self, *events: Event) -> None:
        """Fold events in and say at once what moved."""
        for event in events:
            topics = self.state.apply(event)
            if self.session is not None:
                self.session.changed.publish(topics)

    def sent(self, kind: type[Command]) -> list[Any]:
        """The submitted commands of that kind."""
        return [command for command in self.submitted if isinstance(command, kind)]


class Host(App[None]):
    """Shows one screen built from a session; what it posts to the App is kept in `heard`."""

    CSS_PATH = [style_path("app.tcss"), style_path("dialogs.tcss")]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, build: Callable[[Session], Screen[Any]], settings: Settings, worker: HandWorker) -> None:
        super().__init__()
        self.animation_level = "none"
        worker.session = self.session = make_session(
            self,
            settings,
            worker.state,
            worker.submit,
            worker.cancel,
            worker.cancel_all,
            worker.copy,
            lambda: worker.now,
        )
        self._build = build

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEME_VARIABLES

    @override
    def get_default_screen(self) -> Screen[Any]:
        return self._build(self.session)


async def until(pilot: Pilot[Any], condition: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait until the condition holds; fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await pilot.pause(0.005)
