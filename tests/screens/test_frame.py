"""The frame around a view: header, meter strip, footer, and how a view sleeps."""

from __future__ import annotations

from screen_host import HandWorker, Host, until
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Static
from typing_extensions import override

from tui.config import Settings
from tui.core.events import Connection, ConnectionChanged
from tui.core.state import Topic
from tui.screens.live_screen import LiveScreen
from tui.screens.session import Session
from tui.widgets.footer_line import FooterLine
from tui.widgets.header_line import HeaderLine
from tui.widgets.meter_strip import MeterStrip


class PlainScreen(LiveScreen):
    """A view with nothing but the frame."""

    FOLLOWS = Topic.CONNECTION
    MODE = "chat"
    BINDINGS = [Binding("x", "nothing", "explode", tooltip="Nothing.", id="test.nothing")]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.caught: list[Topic] = []

    @override
    def compose(self) -> ComposeResult:
        yield Static("body", id="body")

    @override
    def catch_up(self, topics: Topic) -> None:
        self.caught.append(topics)

    def action_nothing(self) -> None:
        """Nothing."""


async def test_the_frame_stands_around_the_view(settings: Settings, worker: HandWorker) -> None:
    app = Host(PlainScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = app.screen
        assert screen.query_one(HeaderLine).region.y == 0
        assert screen.query_one(MeterStrip).region.y == 22
        assert screen.query_one(FooterLine).region.y == 23
        assert screen.query_one("#body").region.y == 1
        header = screen.query_one(HeaderLine).render().plain
        assert "F3 Chat" in header and "openrouter …4f2a …" in header
        await until(pilot, lambda: "x explode" in screen.query_one(FooterLine).render().plain)


async def test_a_view_catches_up_and_the_mark_follows(settings: Settings, worker: HandWorker) -> None:
    app = Host(PlainScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = app.screen
        assert isinstance(screen, PlainScreen)
        await until(pilot, lambda: screen.caught)
        worker.publish(ConnectionChanged(Connection.DOWN))
        await until(pilot, lambda: len(screen.caught) == 2)
        assert "✕" in screen.query_one(HeaderLine).render().plain
