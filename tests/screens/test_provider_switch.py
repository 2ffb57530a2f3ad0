"""Another provider out of the palette: a new worker, a new state, and views that know nothing of the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from screen_host import make_settings, until
from textual.pilot import Pilot

from tui.app import BackgroundWorker, MakeWorker, OrtuiApp
from tui.config import KeySource, Provider, Settings
from tui.core.commands import Command, Remember
from tui.core.conversation import ConversationSettings, Message, MessageState
from tui.core.events import Event, Noticed, TurnQueued
from tui.openrouter.text import Clean
from tui.screens.confirm import Confirm
from tui.screens.live_screen import LiveScreen
from tui.secret import Secret


class FakeWorker:
    """Runs until it is cancelled and notes what it was told, also while it ends."""

    def __init__(self, settings: Settings, publish: Callable[[Event], None]) -> None:
        self.provider = settings.provider.id
        self.publish = publish
        self.submitted: list[Command] = []
        self.ended = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True

    def submit(self, command: Command) -> bool:
        if not self.ended:
            self.submitted.append(command)
        return not self.ended

    def cancel(self, job_id: str) -> None:
        """Not needed here."""

    def cancel_all(self) -> None:
        """Not needed here."""


class View(LiveScreen):
    """Says whose it is, and hands something in when it goes."""

    MODE = "models"
    HELP = "A view for tests."

    def on_unmount(self) -> None:
        self.session.submit(Remember(name="left", value=self.session.settings.provider.id))


class Views:
    """An App with two providers."""

    def __init__(self, tmp_path: Path) -> None:
        first = make_settings(tmp_path)
        other = Provider(
            id="local",
            type="openai",
            keys=(KeySource(Secret("another-key-00000000"), "test"),),
            base_url="http://127.0.0.1:9/v1",
            origin="http://127.0.0.1:9",
            model="my-model",
        )
        settings = replace(first, providers=(first.provider, other))
        self.workers: list[FakeWorker] = []

        def maker_for(settings: Settings) -> MakeWorker:
            def make(publish: Callable[[Event], None]) -> BackgroundWorker:
                self.workers.append(FakeWorker(settings, publish))
                return self.workers[-1]

            return make

        names = ("models", "chat", "embeddings", "spend")
        self.app = OrtuiApp(settings, maker_for(settings), dict.fromkeys(names, View), maker_for=maker_for)

    def offered(self) -> list[str]:
        commands = self.app.get_system_commands(self.app.screen)
        return [command.title for command in commands if command.title.startswith("Provider: ")]

    def choose(self, title: str) -> None:
        next(c for c in self.app.get_system_commands(self.app.screen) if c.title == title).callback()

    async def arrived(self, pilot: Pilot[None], provider: str) -> None:
        await until(pilot, lambda: self.workers[-1].provider == provider and isinstance(self.app.screen, View))


@pytest.fixture
def views(tmp_path: Path) -> Views:
    return Views(tmp_path)


def reply() -> TurnQueued:
    return TurnQueued(
        conversation_id="c",
        title=Clean("c"),
        settings=ConversationSettings(),
        question=None,
        reply=Message(
            id="m",
            conversation_id="c",
            parent_id=None,
            role="assistant",
            text=Clean(""),
            state=MessageState.STREAMING,
            created_at=0.0,
        ),
        private=False,
    )


async def test_the_palette_switches_there_and_back(views: Views) -> None:
    async with views.app.run_test(size=(80, 24)) as pilot:
        assert views.offered() == ["Provider: local"]
        await pilot.press("f3")
        await until(pilot, lambda: views.app.current_mode == "chat")
        views.workers[0].publish(Noticed(Clean("of the first"), "information"))
        views.choose("Provider: local")
        await views.arrived(pilot, "local")
        assert views.app.current_mode == "chat"
        assert views.app.session.settings.provider.id == "local"
        assert not views.app.state.notices, "the state is a new one"
        assert views.workers[0].ended
        left = [command.value for command in views.workers[0].submitted if isinstance(command, Remember)]
        assert left == ["openrouter", "openrouter"], "what a view keeps when it goes, its own worker gets"
        assert views.offered() == ["Provider: openrouter"]
        views.choose("Provider: openrouter")
        await views.arrived(pilot, "openrouter")
        assert len(views.workers) == 3
        assert [worker.ended for worker in views.workers] == [True, True, False]


async def test_it_asks_while_a_reply_streams(views: Views) -> None:
    async with views.app.run_test(size=(80, 24)) as pilot:
        views.workers[0].publish(reply())
        await until(pilot, lambda: bool(views.app.state.streaming))
        views.choose("Provider: local")
        await until(pilot, lambda: isinstance(views.app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(views.app.screen, View))
        assert len(views.workers) == 1
        views.choose("Provider: local")
        await until(pilot, lambda: isinstance(views.app.screen, Confirm))
        await pilot.press("y")
        await views.arrived(pilot, "local")


async def test_a_key_for_a_view_that_is_just_not_there_is_harmless(views: Views) -> None:
    async with views.app.run_test(size=(80, 24)) as pilot:
        views.choose("Provider: local")
        await pilot.press("f4", "f2", "f3")
        await until(pilot, lambda: views.workers[-1].provider == "local")
        await until(pilot, lambda: isinstance(views.app.screen, View))
        await views.app.action_show("spend")
        assert views.app.current_mode == "spend"
