"""Columns, favourites first and the menu of filters: chosen by key, remembered, restored."""

from __future__ import annotations

from screen_host import HandWorker, until
from test_models_screen import models, screen_text, shown

from tui.config import Settings
from tui.core.commands import Remember
from tui.core.events import PreferencesRead
from tui.screens.pick import PickScreen


async def test_columns_are_shown_hidden_and_moved(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, _, _):
        assert " Ctx" in screen_text(pilot)
        await pilot.press("t")
        # id, name, then the context length: hide it, and bring the maximum output to the front.
        await pilot.press("j", "j", "space", "j", "K", "K", "K")
        await until(pilot, lambda: len(worker.sent(Remember)) == 4)
        kept = worker.sent(Remember)[-1]
        assert kept.name == "models.columns"
        assert kept.value[:2] == ["max", "id"]
        assert "ctx" not in kept.value
        await pilot.press("escape")
        await until(pilot, lambda: "Max out" in screen_text(pilot))
        head = next(line for line in screen_text(pilot).splitlines() if "Model" in line and "Max out" in line)
        assert head.index("Max out") < head.index("Model")
        assert " Ctx" not in head


async def test_the_chosen_columns_come_back(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, _, _):
        values: dict[str, object] = {"models.columns": ["id", "author", "nonsense", "tools"]}
        worker.publish(PreferencesRead(values=values, favourites=frozenset(), recents=()))
        await until(pilot, lambda: "Author" in screen_text(pilot))
        assert "In $/M" not in screen_text(pilot)
        await pilot.press("t", "r", "escape")
        await until(pilot, lambda: "In $/M" in screen_text(pilot))
        assert worker.sent(Remember)[-1].value is None


async def test_favourites_come_first_when_asked(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        last = shown(screen)[-1]
        worker.publish(PreferencesRead(values={"x": 1}, favourites=frozenset({last}), recents=()))
        await pilot.pause()
        assert shown(screen)[-1] == last
        await pilot.press("F")
        await until(pilot, lambda: shown(screen)[0] == last)
        assert "★ first" in screen_text(pilot)
        assert worker.sent(Remember)[-1] == Remember(name="models.favourites_first", value=True)
        await pilot.press("F")
        await until(pilot, lambda: shown(screen)[-1] == last)


async def test_a_filter_is_picked_from_the_menu(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        await pilot.press("m")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press(*"embed", "enter")
        await until(pilot, lambda: screen.filter_line.text == "out:embeddings sort:in")
        await until(pilot, lambda: shown(screen) == ["openai/text-embedding"])
