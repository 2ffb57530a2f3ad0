"""The chat screen on a real worker and the embedded server: `async with live_chat(…) as (pilot, screen)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from screen_host import make_settings, until
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from typing_extensions import override

from tui.base_url import parse_base_url
from tui.config import Budget, KeySource, Settings
from tui.core.commands import RefreshCatalogue
from tui.core.conversation import Message
from tui.core.events import Event, Noticed
from tui.core.state import State
from tui.database.thread import Database
from tui.openrouter.text import Opaque
from tui.screens.chat import ChatScreen
from tui.screens.session import make_session
from tui.secret import Secret
from tui.stylesheets import THEME_VARIABLES, style_path
from tui.worker.worker import Worker


def live_settings(base_url: str, key: str, root: Path, **changes: Any) -> Settings:
    """Settings that talk to this server with this key, without a budget; `changes` replaces fields."""
    address = parse_base_url(base_url)
    settings = make_settings(root, budget=Budget(), **changes)
    provider = replace(
        settings.provider, keys=(KeySource(Secret(key), "test"),), base_url=address.url, origin=address.origin
    )
    return replace(settings, provider=provider, providers=(provider,))


class LiveApp(App[None]):
    """One chat screen, one worker, one database."""

    CSS_PATH = [style_path("app.tcss"), style_path("dialogs.tcss")]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.animation_level = "none"
        self.state = State()
        self.notices: list[str] = []
        self.copied: list[str] = []
        self.database = Database(settings.folders.database)
        self.worker = Worker(settings, self.database, self.take)
        self.session = make_session(
            self,
            settings,
            self.state,
            self.worker.submit,
            self.worker.cancel,
            self.worker.cancel_all,
            self.copy_text,
        )

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEME_VARIABLES

    @override
    def get_default_screen(self) -> Screen[Any]:
        return ChatScreen(self.session)

    def copy_text(self, text: str) -> None:
        """Stands for the clipboard."""
        self.copied.append(text)

    def take(self, event: Event) -> None:
        """Fold an event in and say at once what moved."""
        topics = self.state.apply(event)
        if isinstance(event, Noticed):
            self.notices.append(event.text)
        self.session.changed.publish(topics)


@asynccontextmanager
async def live_chat(
    base_url: str, key: str, root: Path, size: tuple[int, int] = (80, 24), **changes: Any
) -> AsyncIterator[tuple[Pilot[None], ChatScreen]]:
    """Start everything and wait for the catalogue; at the end all of it has ended."""
    app = LiveApp(live_settings(base_url, key, root, **changes))
    async with app.run_test(size=size, notifications=True) as pilot:
        running = asyncio.create_task(app.worker.run())
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        try:
            app.worker.submit(RefreshCatalogue())
            await until(pilot, lambda: app.state.models and app.state.preferences is not None, 15)
            yield pilot, screen
        finally:
            running.cancel()
            await asyncio.wait([running])
            await app.database.aclose()
            if not running.cancelled() and (error := running.exception()) is not None:
                raise error


async def ask(pilot: Pilot[None], screen: ChatScreen, model: str, text: str, within_s: float = 20.0) -> Message:
    """Write a question to a model, send it, and wait until its reply is over."""
    await begin(pilot, screen, model, text)
    await until(pilot, lambda: screen.running is None, within_s)
    assert screen.conversation is not None
    return screen.conversation.messages[-1]


async def begin(pilot: Pilot[None], screen: ChatScreen, model: str, text: str) -> None:
    """Write a question to a model and send it; the reply is on its way."""
    screen.take_model(Opaque(model))
    count = len(screen.conversation.messages) if screen.conversation else 0
    screen.composer.text = text
    screen.composer.move_cursor(screen.composer.document.end)
    await pilot.press("enter")
    await until(pilot, lambda: screen.conversation is not None and len(screen.conversation.messages) >= count + 2)
