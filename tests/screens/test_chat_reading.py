"""Reading in the chat: the line in which one writes what to find, and what is remembered of long code."""

from __future__ import annotations

from chat_host import chat, one_turn, screen_text, write
from screen_host import HandWorker, until
from textual.widgets import Input

from tui.config import Settings
from tui.core.commands import Remember
from tui.core.conversation import MessageState
from tui.core.events import PreferencesRead
from tui.widgets.find_line import FindLine


async def test_words_are_found_from_the_conversation_and_from_the_prompt(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one tree", "a tree and a tree", MessageState.DONE)
        screen.transcript.focus()
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(screen.focused, Input))
        await pilot.press(*"tree")
        await until(pilot, lambda: "of 3" in screen_text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: screen.transcript.has_focus)
        first = next(number for number in (1, 2, 3) if f"{number} of 3" in screen_text(pilot))
        await pilot.press("n")
        await until(pilot, lambda: f"{first % 3 + 1} of 3" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: not screen.query_one(FindLine).display)
        assert not screen.transcript.is_searching
        screen.composer.focus()
        await write(pilot, screen, "/find nowhere")
        await until(pilot, lambda: "not found" in screen_text(pilot))
        await pilot.press("slash", "escape")
        await until(pilot, lambda: not screen.query_one(FindLine).display)
        assert screen.transcript.has_focus


async def test_cut_code_is_remembered(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "two", MessageState.DONE)
        screen.transcript.focus()
        await pilot.press("w")
        await until(pilot, lambda: Remember(name="chat.wrap_code", value=False) in worker.submitted)
        assert not screen.transcript.wrap_code
        worker.publish(PreferencesRead(values={"chat.wrap_code": True}, favourites=frozenset(), recents=()))
        await until(pilot, lambda: screen.transcript.wrap_code)


async def test_another_conversation_ends_the_search(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one tree", "a tree", MessageState.DONE)
        await write(pilot, screen, "/find tree")
        await until(pilot, lambda: "of 2" in screen_text(pilot))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: not screen.query_one(FindLine).display)
        assert screen.composer.has_focus
