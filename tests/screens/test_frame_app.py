"""The App around the views: modes, events, notices, leaving, failing."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from screen_host import make_settings, until
from textual.app import ComposeResult
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Input
from typing_extensions import override

from tui.app import OrtuiApp
from tui.config import Settings, UiSettings
from tui.config_types import THEMES
from tui.core.commands import Command, LoadChanges, PollQuota, RefreshCatalogue, Remember
from tui.core.conversation import ConversationSettings, Cost, CostKind, Message, MessageState, Receipt
from tui.core.events import (
    Connection,
    ConnectionChanged,
    Event,
    Noticed,
    PreferencesRead,
    ReplyGrew,
    TurnEnded,
    TurnQueued,
)
from tui.core.routing import Routing
from tui.core.state import Topic
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat import ChatScreen
from tui.screens.confirm import Confirm
from tui.screens.goto_menu import GotoMenu
from tui.screens.help import HelpScreen
from tui.screens.live_screen import LiveScreen
from tui.screens.models import ModelsScreen
from tui.screens.pick import PickScreen
from tui.screens.session import GoTo, Session, UseModel
from tui.views import VIEWS, MakeScreen
from tui.widgets.bars import CourseBars, Gauges
from tui.widgets.header_line import HeaderLine
from tui.widgets.meter_strip import MeterStrip


class FakeWorker:
    """Runs until cancelled; says what a test tells it to."""

    def __init__(self, publish: Callable[[Event], None]) -> None:
        self.publish = publish
        self.submitted: list[Command] = []
        self.cancelled_all = 0
        self.stopped = asyncio.Event()
        self.fail = asyncio.Event()

    async def run(self) -> None:
        try:
            await self.fail.wait()
            raise RuntimeError("sk-or-v1-planted-in-the-worker-00001")
        finally:
            await asyncio.sleep(0)
            self.stopped.set()

    def submit(self, command: Command) -> bool:
        self.submitted.append(command)
        return True

    def cancel(self, job_id: str) -> None:
        """Not needed here."""

    def cancel_all(self) -> None:
        self.cancelled_all += 1


class Field(Input):
    """A text field that says what it is for."""

    HELP = "A field for tests."


class View(LiveScreen):
    """A view with a text field, which counts what it is told."""

    FOLLOWS = Topic.CHAT | Topic.CONNECTION
    HELP = "A view for tests."

    def __init__(self, session: Session, mode: str) -> None:
        self.MODE = mode  # type: ignore[misc]
        super().__init__(session)
        self.caught: list[Topic] = []
        self.model: Opaque | None = None
        self.routing: Routing | None = None
        self.running = False

    @override
    def compose(self) -> ComposeResult:
        yield Field(id="field")

    @override
    def catch_up(self, topics: Topic) -> None:
        self.caught.append(topics)

    def take_model(self, model: Opaque, routing: Routing | None = None) -> None:
        self.model, self.routing = model, routing

    def stop_stream(self) -> bool:
        return self.running


class Harness:
    """An App on placeholder views and a worker that a test drives."""

    def __init__(self, settings: Settings, views: dict[str, MakeScreen] | None = None) -> None:
        self.built: list[str] = []
        self.workers: list[FakeWorker] = []

        def view(mode: str) -> MakeScreen:
            def build(session: Session) -> View:
                self.built.append(mode)
                return View(session, mode)

            return build

        def make_worker(publish: Callable[[Event], None]) -> FakeWorker:
            self.workers.append(FakeWorker(publish))
            return self.workers[-1]

        chosen = views or {mode: view(mode) for mode in ("models", "chat", "embeddings", "spend")}
        self.app = OrtuiApp(settings, make_worker, chosen)

    @property
    def worker(self) -> FakeWorker:
        return self.workers[-1]

    @property
    def view(self) -> View:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, View)
        return screen


@pytest.fixture
def harness(settings: Settings) -> Harness:
    return Harness(settings)


def streaming(message_id: str = "m") -> TurnQueued:
    reply = Message(id=message_id, conversation_id="c", parent_id=None, role="assistant", text=Clean(""), created_at=0)
    return TurnQueued(
        conversation_id="c",
        title=Clean("t"),
        settings=ConversationSettings(),
        private=False,
        question=None,
        reply=reply,
    )


def ended(message_id: str = "m") -> TurnEnded:
    cost = Cost(Decimal("0.01"), CostKind.BILLED)
    return TurnEnded(conversation_id="c", message_id=message_id, state=MessageState.DONE, receipt=Receipt(cost=cost))


async def test_it_starts_on_models_and_builds_a_view_on_its_first_visit(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        assert harness.app.current_mode == "models" and harness.built == ["models"]
        await pilot.press("f3")
        assert harness.app.current_mode == "chat" and harness.built == ["models", "chat"]
        await pilot.press("f2", "f3")
        assert harness.built == ["models", "chat"]
        assert "F3 Chat" in harness.view.query_one(HeaderLine).render().plain


async def test_a_visit_begins_once_the_first_screen_is_there(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        assert not harness.worker.submitted
        for _ in range(2):
            harness.worker.publish(PreferencesRead(values={}, favourites=frozenset(), recents=()))
            await until(pilot, lambda: PollQuota() in harness.worker.submitted)
        # Before the list is loaded: what that changes is news to this visit.
        assert harness.worker.submitted[:2] == [LoadChanges(visit=True), RefreshCatalogue()]
        assert harness.worker.submitted.count(LoadChanges(visit=True)) == 1


async def test_f_keys_work_while_typing_and_digits_only_where_no_text_is_typed(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        harness.view.query_one(Input).focus()
        await pilot.press("4")
        assert harness.app.current_mode == "models" and harness.view.query_one(Input).value == "4"
        await pilot.press("f4")
        assert harness.app.current_mode == "embeddings"
        harness.view.set_focus(None)
        await pilot.press("5")
        assert harness.app.current_mode == "spend"


async def test_a_hidden_view_sleeps_and_catches_up_once(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        models = harness.view
        await until(pilot, lambda: models.caught)
        await pilot.press("f3")
        await pilot.pause()
        seen = len(models.caught)
        for connection in (Connection.LIVE, Connection.DOWN, Connection.CACHED):
            harness.worker.publish(ConnectionChanged(connection))
            await until(pilot, lambda: not harness.app._moved)
        assert len(models.caught) == seen
        await pilot.press("f2")
        await until(pilot, lambda: len(models.caught) == seen + 1)
        assert models.caught[-1] == Topic.CONNECTION


async def test_a_burst_of_events_is_published_once_and_idle_publishes_nothing(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        said: list[Topic] = []
        harness.app.session.changed.subscribe(harness.app.screen, said.append, immediate=True)
        harness.worker.publish(streaming())
        for _ in range(5000):
            harness.worker.publish(ReplyGrew(conversation_id="c", message_id="m", text=Clean("x")))
        await until(pilot, lambda: said)
        assert len(said) == 1 and Topic.CHAT in said[0]
        await until(pilot, lambda: harness.app._frame is None)
        assert len(said) == 1


async def test_a_bug_in_a_view_is_not_swallowed(settings: Settings) -> None:
    class Broken(View):
        @override
        def catch_up(self, topics: Topic) -> None:
            raise LookupError("broken")

    harness = Harness(settings, {"models": lambda session: Broken(session, "models")})
    with pytest.raises(LookupError):
        async with harness.app.run_test() as pilot:
            await until(pilot, lambda: harness.app._exception)
    assert harness.app.return_code == 1


async def test_notices_are_shown_once_and_never_as_markup(harness: Harness) -> None:
    async with harness.app.run_test(notifications=True) as pilot:
        hostile = "[/b] [@click=app.quit]x[/]"
        harness.worker.publish(Noticed(Clean(hostile), "warning"))
        await until(pilot, lambda: harness.app._notifications)
        harness.worker.publish(Noticed(Clean("second")))
        await until(pilot, lambda: len(harness.app._notifications) == 2)
        await pilot.pause()
        assert [note.message for note in harness.app._notifications] == [hostile, "second"]
        assert not any(note.markup for note in harness.app._notifications)


async def test_a_finished_reply_rings_only_when_the_terminal_is_not_in_focus(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(harness.app, "bell", lambda: rung.append(True))
    async with harness.app.run_test() as pilot:
        for focus, expected in ((True, 0), (False, 1)):
            harness.app.app_focus = focus
            harness.worker.publish(streaming())
            await until(pilot, lambda: harness.app._were_streaming)
            harness.worker.publish(ended())
            await until(pilot, lambda: not harness.app._were_streaming)
            assert len(rung) == expected


async def test_the_theme_is_remembered_and_comes_back(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        harness.app.pick_theme()
        await until(pilot, lambda: isinstance(harness.app.screen, PickScreen))
        await pilot.press(*"textual-light", "enter")
        await until(pilot, lambda: harness.app.theme == "textual-light")
        assert Remember(name="theme", value="textual-light") in harness.worker.submitted
        preferences = PreferencesRead(values={"theme": "nord"}, favourites=frozenset(), recents=())
        harness.worker.publish(preferences)
        await until(pilot, lambda: harness.app.theme == "nord")


async def test_a_view_is_styled_once_and_follows_a_theme_that_changed_while_it_was_hidden(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Harness(settings, VIEWS).app
    styled: list[DOMNode] = []
    apply = Stylesheet.apply

    def note(self: Stylesheet, node: DOMNode, **options: Any) -> None:
        styled.append(node)
        apply(self, node, **options)

    monkeypatch.setattr(Stylesheet, "apply", note)
    async with app.run_test() as pilot:
        models = app.screen
        styled.clear()
        await pilot.press("f5")
        await until(pilot, lambda: app.screen.query(Gauges) and app.screen.query_one(Gauges).size.height)
        spend = app.screen
        of_the_view_left = [node for node in styled if isinstance(node, Widget) and models in node.ancestors_with_self]
        assert len(of_the_view_left) <= 3, "only what loses the focus, or stands next to it"
        twice = Counter(node for node in styled if isinstance(node, Gauges | CourseBars | HeaderLine))
        assert all(count == 1 for node, count in twice.items() if spend in node.ancestors)
        styled.clear()
        await pilot.press("f2", "f5")
        await until(pilot, lambda: app.screen is spend)
        assert not any(isinstance(node, Gauges | CourseBars) for node in styled)
        muted = spend.query_one(Gauges).get_visual_style("bars--dim").foreground
        await pilot.press("f2")
        app.set_theme("textual-light")
        await pilot.press("f5")
        await until(pilot, lambda: spend.query_one(Gauges).get_visual_style("bars--dim").foreground != muted)


async def test_every_theme_of_the_configuration_can_be_shown(tmp_path: Path) -> None:
    for name in THEMES:
        app = Harness(make_settings(tmp_path, ui=UiSettings(theme=name))).app
        assert app.theme == ("ansi-dark" if name == "textual-ansi" else name)


async def test_a_remapped_key_works_and_the_old_one_does_not(tmp_path: Path) -> None:
    harness = Harness(make_settings(tmp_path, keymap={"app.spend": "f7"}))
    async with harness.app.run_test() as pilot:
        await pilot.press("f5")
        assert harness.app.current_mode == "models"
        await pilot.press("f7")
        assert harness.app.current_mode == "spend"


async def test_ctrl_q_leaves_at_once_when_nothing_runs_and_waits_for_the_worker(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        await pilot.press("ctrl+q")
    assert harness.app.return_code == 0
    assert harness.worker.stopped.is_set()


async def test_ctrl_q_asks_while_a_reply_streams_and_the_safe_answer_is_focused(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        harness.worker.publish(streaming())
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(harness.app.screen, Confirm) and harness.app.focused)
        assert harness.app.focused is not None and harness.app.focused.id == "no"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(harness.app.screen, Confirm))
        assert not harness.worker.stopped.is_set()
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(harness.app.screen, Confirm))
        await pilot.press("ctrl+q")
    assert harness.worker.stopped.is_set() and harness.app.return_code == 0


async def test_ctrl_c_stops_what_is_shown_else_it_hints(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        harness.view.set_focus(None)
        harness.view.running = True
        await pilot.press("ctrl+c")
        assert not harness.app._notifications
        harness.view.running = False
        await pilot.press("ctrl+c")
        assert "ctrl+q" in next(iter(harness.app._notifications)).message


async def test_the_menu_goes_where_a_digit_says(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        harness.view.query_one(Input).focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(harness.app.screen, GotoMenu))
        await pilot.press("5")
        await until(pilot, lambda: harness.app.current_mode == "spend")
        await pilot.press("ctrl+o", "escape")
        await until(pilot, lambda: isinstance(harness.app.screen, View))
        assert harness.app.current_mode == "spend"


async def test_focus_returns_after_a_dialog(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        field = harness.view.query_one(Input)
        field.focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(harness.app.screen, GotoMenu))
        await pilot.press("escape")
        await until(pilot, lambda: harness.app.focused is field)


async def test_help_shows_the_pane_first_and_closes(harness: Harness) -> None:
    async with harness.app.run_test(size=(80, 24)) as pilot:
        harness.view.query_one(Input).focus()
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(harness.app.screen, HelpScreen))
        titles = [str(widget.render()) for widget in harness.app.screen.query(".help--title")]
        assert titles == ["This pane", "This view", "Everywhere", "Moving and editing"]
        drawn = [weakref.ref(widget._styles_cache) for widget in harness.app.screen.query("*")]
        await pilot.press("escape")
        await until(pilot, lambda: harness.app.screen is harness.view)
        # What it had drawn goes with it.
        await until(pilot, lambda: gc.collect() >= 0 and not any(lines() for lines in drawn))


async def test_the_palette_lists_our_commands(harness: Harness) -> None:
    async with harness.app.run_test():
        titles = [command.title for command in harness.app.get_system_commands(harness.app.screen)]
        assert {"Models", "Chat", "Embeddings", "Spend and limits", "Stop all", "Theme", "Quit"} <= set(titles)
        for command in harness.app.get_system_commands(harness.app.screen):
            if command.title == "Stop all":
                command.callback()
        assert harness.worker.cancelled_all == 1


async def test_a_model_chosen_in_one_view_enters_another(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        harness.view.post_message(UseModel("chat", Opaque("a/b")))
        await until(pilot, lambda: harness.app.current_mode == "chat" and harness.view.model == Opaque("a/b"))
        harness.view.post_message(GoTo("spend"))
        await until(pilot, lambda: harness.app.current_mode == "spend")


async def test_a_failed_worker_is_said_and_can_be_started_again(harness: Harness, tmp_path: Path) -> None:
    async with harness.app.run_test() as pilot:
        harness.worker.fail.set()
        await until(pilot, lambda: isinstance(harness.app.screen, Confirm))
        report = next((tmp_path / "log").glob("crash-*.txt")).read_text()
        assert "RuntimeError" in report and "planted" not in report
        await pilot.press("y")
        await until(pilot, lambda: len(harness.workers) == 2)
        assert harness.app.session.submit(Remember(name="x", value=1))
        assert len(harness.worker.submitted) == 1


async def test_a_click_on_the_header_shows_the_view(harness: Harness) -> None:
    async with harness.app.run_test(size=(80, 24)) as pilot:
        await pilot.click(HeaderLine, offset=(19, 0))
        await until(pilot, lambda: harness.app.current_mode == "chat")


async def test_the_strip_of_a_hidden_view_has_no_running_timer(harness: Harness) -> None:
    async with harness.app.run_test() as pilot:
        strip = harness.view.query_one(MeterStrip)
        await pilot.press("f3")
        await until(pilot, lambda: not strip._awake)
        timer: Any = strip._timer
        assert not timer._active.is_set()


async def test_what_was_typed_last_is_handed_in_before_the_worker_stops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("models", "chat_writing"):
        monkeypatch.setattr(f"tui.screens.{module}._SAVE_AFTER_S", 3600.0)  # no pause in typing is that long
    harness = Harness(settings, VIEWS)
    async with harness.app.run_test() as pilot:
        worker = harness.worker
        worker.publish(PreferencesRead(values={"draft": ""}, favourites=frozenset(), recents=()))
        await pilot.pause()
        await pilot.press("slash", *"claude")
        models = pilot.app.screen
        assert isinstance(models, ModelsScreen)
        await until(pilot, lambda: models.filter_line.text == "claude")
        await pilot.press("f3")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, ChatScreen)
        screen.composer.focus()
        await pilot.press(*"half a thought")
        await until(pilot, lambda: screen.composer.draft == "half a thought")
        assert not [command for command in worker.submitted if isinstance(command, Remember)]
        await pilot.press("ctrl+q")
        await asyncio.wait_for(worker.stopped.wait(), 10)
    kept = {command.name: command.value for command in worker.submitted if isinstance(command, Remember)}
    assert kept["models.filter"] == "claude" and kept["draft"] == "half a thought"
