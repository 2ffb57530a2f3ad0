"""The prompt library and presets in the chat."""

from __future__ import annotations

from pathlib import Path

from chat_host import chat, screen_text
from screen_host import HandWorker, until
from textual.widgets import Input

from tui.config import Settings
from tui.core.events import PreferencesRead
from tui.screens.presets_pick import PresetsPick
from tui.screens.prompts_pick import PromptsPick, VariablesDialog
from tui.screens.text_dialog import TextDialog


def library(settings: Settings) -> Path:
    folder = settings.folders.data / "prompts"
    (folder / "system").mkdir(parents=True)
    (folder / "translate.md").write_text("Translate into {{language|German}}, {{tone}}:\n\n{{draft}}")
    (folder / "shorter.md").write_text("Make it [/b] shorter.")
    (folder / "huge.md").write_bytes(b"x" * 100_001)
    (folder / "system" / "pirate.md").write_text("Talk like a pirate.")
    return folder


async def test_a_template_asks_for_its_variables_and_takes_the_draft(settings: Settings, worker: HandWorker) -> None:
    library(settings)
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press(*"Hello", "alt+l")
        await until(pilot, lambda: "asks language, tone, draft" in screen_text(pilot))
        await pilot.press(*"translate", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, VariablesDialog))
        assert [field.value for field in pilot.app.screen.query(Input)] == ["German", ""]
        await pilot.press("enter", *"polite", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.composer.text == "Translate into German, polite:\n\nHello"
        assert screen.composer.has_focus


async def test_a_prompt_without_a_place_for_the_draft_stands_behind_it(settings: Settings, worker: HandWorker) -> None:
    library(settings)
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press(*"Hello", "alt+l")
        await until(pilot, lambda: "shorter" in screen_text(pilot))
        await pilot.press(*"shorter", "enter")
        await until(pilot, lambda: screen.composer.text == "Hello\n\nMake it [/b] shorter.")


async def test_a_system_prompt_becomes_that_of_the_conversation(settings: Settings, worker: HandWorker) -> None:
    library(settings)
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("alt+l")
        await until(pilot, lambda: "pirate" in screen_text(pilot))
        await pilot.press(*"pirate", "enter")
        await until(pilot, lambda: screen.settings.system == "Talk like a pirate.")
        assert screen.composer.text == ""


async def test_a_file_that_is_too_large_is_refused_with_a_sentence(settings: Settings, worker: HandWorker) -> None:
    library(settings)
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("alt+l")
        await until(pilot, lambda: "huge.md is larger than 100 kB" in screen_text(pilot))
        await pilot.press(*"huge", "enter")
        await until(pilot, lambda: pilot.app.screen is screen and "not used" in screen_text(pilot))
        assert screen.composer.text == ""


async def test_the_draft_is_kept_as_a_prompt(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, _screen):
        await pilot.press(*"Say hi", "alt+l")
        await until(pilot, lambda: "No prompts yet" in screen_text(pilot))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "no system prompt" in screen_text(pilot))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        await pilot.press(*"greet", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PromptsPick) and "greet" in screen_text(pilot))
        assert (settings.folders.data / "prompts" / "greet.md").read_text() == "Say hi\n"


async def test_a_preset_is_taken_for_the_conversation(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        worker.publish(
            PreferencesRead(
                values={"preset:exact": {"temperature": "0", "top_p": 7}, "preset:broken": {"seed": "x"}},
                favourites=frozenset(),
                recents=(),
            )
        )
        screen.action_presets()
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetsPick))
        await pilot.press(*"exact", "enter")
        await until(pilot, lambda: screen.settings.parameters.temperature == 0)
        screen.action_presets()
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetsPick))
        await pilot.press(*"broken", "enter")
        await until(pilot, lambda: "This preset cannot be used" in screen_text(pilot))
        assert screen.settings.parameters.temperature == 0
