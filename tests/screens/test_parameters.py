"""The form of system prompt and parameters, and its presets."""

from __future__ import annotations

from typing import Any

from screen_host import HandWorker, Host, make_settings, until
from textual.screen import Screen
from textual.widgets import Input, Static, TextArea

from tui.config import Settings
from tui.core.commands import Remember
from tui.core.conversation import ConversationSettings
from tui.core.events import PreferencesRead
from tui.core.parameter_fields import with_written, written
from tui.openrouter.catalogue import Model
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, Opaque
from tui.screens.parameters import ParameterInput, ParametersDialog
from tui.screens.presets_pick import PresetsPick

MODEL = Model(
    id=Opaque("a/b"),
    slug=Clean("a/b"),
    name=Clean("B"),
    author=Clean("a"),
    supported_parameters=frozenset({Clean("temperature"), Clean("tools"), Clean("response_format")}),
)


def remember(worker: HandWorker) -> None:
    """Do what the worker does with what is to be remembered."""
    values = dict(worker.state.preferences)
    for one in worker.sent(Remember):
        values[one.name] = one.value
    kept = {name: value for name, value in values.items() if value is not None}
    worker.publish(PreferencesRead(values=kept, favourites=frozenset(), recents=()))


class Form:
    """The dialog over an empty screen, and what it gave back."""

    def __init__(
        self, settings: Settings, worker: HandWorker, known: ConversationSettings, model: Model | None
    ) -> None:
        self.worker = worker
        self.host = Host(lambda _session: Screen(), settings, worker)
        self.given: list[ConversationSettings | None] = []
        self.dialog = ParametersDialog(self.host.session, known, model)

    async def open(self, pilot: Any) -> None:
        await self.host.push_screen(self.dialog, self.given.append)
        await until(pilot, lambda: self.dialog.query_one("#system", TextArea).has_focus)

    def names(self) -> list[str | None]:
        return [field.id for field in self.dialog.query(ParameterInput)]


async def test_the_form_offers_what_the_model_takes_and_gives_it_back(settings: Settings, worker: HandWorker) -> None:
    known = ConversationSettings(parameters=ChatParameters(seed=3))
    form = Form(settings, worker, known, MODEL)
    async with form.host.run_test(size=(80, 24)) as pilot:
        await form.open(pilot)
        assert form.names()[:3] == ["temperature", "response_format", "web_search"]
        assert "seed" not in form.names()
        await pilot.press(*"be brief", "tab", *"0.5", "down", "space", "space", "down", *"yes")
        assert form.dialog.query_one("#response_format", Input).value == "json"
        await pilot.press("enter")
        await until(pilot, lambda: form.given)
        [given] = form.given
        assert given is not None
        assert given.system == "be brief"
        set_now = {name: text for name, text in written(given.parameters).items() if text}
        assert set_now == {"temperature": "0.5", "response_format": "json", "web_search": "yes", "seed": "3"}


async def test_a_wrong_field_is_told_and_nothing_is_lost(settings: Settings, worker: HandWorker) -> None:
    form = Form(settings, worker, ConversationSettings(), MODEL)
    async with form.host.run_test(size=(80, 24)) as pilot:
        await form.open(pilot)
        await pilot.press("tab", *"9", "enter")
        await until(pilot, lambda: "temperature takes" in str(form.dialog.query_one("#mistake", Static).content))
        assert not form.given
        assert form.dialog.query_one("#temperature", Input).value == "9"


async def test_other_servers_are_not_asked_for_routing(tmp_path: Any, worker: HandWorker) -> None:
    from msgspec.structs import replace

    plain = make_settings(tmp_path)
    other = replace(plain, provider=replace(plain.provider, type="openai"))
    form = Form(other, worker, ConversationSettings(), None)
    async with form.host.run_test(size=(80, 24)) as pilot:
        await form.open(pilot)
        assert "sort" not in form.names()
        assert "temperature" in form.names()


async def test_a_preset_is_kept_and_fills_the_form(settings: Settings, worker: HandWorker) -> None:
    parameters = with_written(ChatParameters(), {"temperature": "0.1", "zdr": "yes"})
    form = Form(settings, worker, ConversationSettings(parameters=parameters), None)
    async with form.host.run_test(size=(80, 24)) as pilot:
        await form.open(pilot)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: pilot.app.screen is not form.dialog)
        await pilot.press(*"exact [/b]", "enter")
        await until(pilot, lambda: worker.sent(Remember))
        assert worker.sent(Remember)[0].value == {"temperature": "0.1", "zdr": "yes"}
        remember(worker)
        field = form.dialog.query_one("#temperature", Input)
        field.value = "1.9"
        form.dialog.query_one("#seed", Input).value = "4"
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetsPick))
        await pilot.press(*"exact", "enter")
        await until(pilot, lambda: field.value == "0.1")
        assert form.dialog.query_one("#seed", Input).value == ""


async def test_a_preset_is_deleted_and_brought_back(settings: Settings, worker: HandWorker) -> None:
    worker.publish(
        PreferencesRead(
            values={"preset:one": {"seed": "1"}, "preset:two": {}, "theme": "x"}, favourites=frozenset(), recents=()
        )
    )
    form = Form(settings, worker, ConversationSettings(), None)
    async with form.host.run_test(size=(80, 24)) as pilot:
        await form.open(pilot)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetsPick))
        pick = pilot.app.screen
        assert isinstance(pick, PresetsPick)
        assert [item.label for item in pick.rows.shown] == ["one", "two"]
        await pilot.press("ctrl+d")
        remember(worker)
        await until(pilot, lambda: [item.label for item in pick.rows.shown] == ["two"])
        await pilot.press("ctrl+u")
        remember(worker)
        await until(pilot, lambda: [item.label for item in pick.rows.shown] == ["one", "two"])
        assert worker.state.preferences["preset:one"] == {"seed": "1"}
