"""Reading in the chat: the line in which one writes what to find, and what is remembered of long code."""

from __future__ import annotations

from chat_host import chat, end, one_turn, queue, screen_text, write
from screen_host import HandWorker, until
from textual.widgets import Input

from tui.config import Settings
from tui.core.attachments import text_attachment
from tui.core.commands import Ask, Remember
from tui.core.conversation import MessageState, Receipt
from tui.core.events import PreferencesRead, ReplyGrew
from tui.openrouter.text import Clean
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


async def test_a_terminal_of_20_by_5_and_back_while_a_reply_streams(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker, (100, 30)) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one tree", "a tree", MessageState.DONE)
        screen.composer.put("/se")
        await until(pilot, lambda: screen.composer.is_offering)
        screen.composer.attach(text_attachment(Clean("notes.md"), "x", ()))
        await write(pilot, screen, "two")
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        ask: Ask = worker.sent(Ask)[1]
        queue(worker, ask)
        for number, size in enumerate([(20, 5), (100, 30), (20, 5), (140, 45), (100, 30)]):
            text = Clean(
                f"## Part {number}\n\n```py\n{'x = 1  # ' * 12}\n```\n\n| a | b |\n|---|---|\n| {number} | y |\n\n"
            )
            worker.publish(
                ReplyGrew(conversation_id=ask.conversation_id, message_id=ask.reply_id, text=text, receipt=Receipt())
            )
            await pilot.resize_terminal(*size)
            await pilot.pause()
        end(worker, ask, MessageState.DONE)
        await until(pilot, lambda: "Part 4" in screen_text(pilot))
        assert screen.transcript.is_following
        message = screen.conversation.messages[-1] if screen.conversation else None
        assert message is not None
        assert all(f"Part {number}" in message.text for number in range(5))
