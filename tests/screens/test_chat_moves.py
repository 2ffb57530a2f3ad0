"""What is done with messages that are there: carried on, edited, made again, deleted, forked."""

from __future__ import annotations

import pytest
from chat_host import chat, one_turn, queue, screen_text, write
from msgspec.structs import replace
from screen_host import HandWorker, until
from textual.events import Key

from tui.config import Settings
from tui.core.commands import (
    Ask,
    DeleteMessages,
    ForkConversation,
    ShowBranch,
)
from tui.core.conversation import (
    Conversation,
    MessageState,
)
from tui.core.events import (
    ConversationOpened,
)


@pytest.mark.parametrize("state", [MessageState.STOPPED, MessageState.CUT_OFF])
async def test_a_reply_that_broke_off_is_carried_on_by_alt_c(
    settings: Settings, worker: HandWorker, state: MessageState
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "half an ans", state)
        await until(pilot, lambda: "alt+c continue" in screen_text(pilot))
        # As a terminal sends it: Textual gives the key its character.
        pilot.app.post_message(Key("alt+c", "c"))
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        assert screen.composer.text == ""
        more: Ask = worker.sent(Ask)[1]
        assert [message.content for message in more.history][:2] == ["one", "half an ans"]
        assert more.question is not None
        assert more.replaces is None


async def test_a_whole_reply_offers_no_continuation(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "an answer", MessageState.DONE)
        await pilot.press("alt+c")
        await pilot.pause()
        assert "alt+c" not in screen_text(pilot)
        assert len(worker.sent(Ask)) == 1


async def test_an_earlier_question_is_edited_and_takes_its_place(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        first = await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        await one_turn(pilot, screen, worker, "two", "answer 2", MessageState.DONE)
        await pilot.press(*"keep")
        assert first.question is not None
        screen.transcript.focus()
        screen.transcript.reveal(first.question.id)
        await pilot.press("e")
        await until(pilot, lambda: screen.composer.text == "one" and screen.composer.has_focus)
        await pilot.press("escape")
        assert screen.composer.text == "keep", "what was being written comes back"
        screen.transcript.focus()
        await pilot.press("e")
        await write(pilot, screen, "one, better")
        await until(pilot, lambda: len(worker.sent(Ask)) == 3)
        ask: Ask = worker.sent(Ask)[2]
        assert [message.content for message in ask.history] == ["one, better"]
        assert ask.replaces == first.question.id
        assert ask.question is not None
        assert ask.question.parent_id == first.question.parent_id
        queue(worker, ask)
        await until(pilot, lambda: "answer 2" not in screen_text(pilot))
        assert screen.conversation is not None
        assert [message.text for message in screen.conversation.messages] == ["one, better", ""]


async def test_a_reply_in_the_middle_is_made_again(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        first = await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        await one_turn(pilot, screen, worker, "two", "answer 2", MessageState.DONE)
        screen.transcript.focus()
        screen.transcript.reveal(first.reply_id)
        await pilot.press("R")
        await until(pilot, lambda: len(worker.sent(Ask)) == 3)
        ask: Ask = worker.sent(Ask)[2]
        assert [message.content for message in ask.history] == ["one"]
        queue(worker, ask)
        assert screen.conversation is not None
        assert [message.id for message in screen.conversation.messages][1:] == [ask.reply_id]


async def test_messages_are_deleted_and_brought_back(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        first = await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        second = await one_turn(pilot, screen, worker, "two", "answer 2", MessageState.DONE)
        screen.transcript.focus()
        assert second.question is not None
        screen.transcript.reveal(second.question.id)
        await pilot.press("d")
        await until(pilot, lambda: worker.sent(DeleteMessages))
        gone: DeleteMessages = worker.sent(DeleteMessages)[0]
        assert gone.message_ids == (second.question.id, second.reply_id)
        assert gone.parent_id == first.reply_id
        assert screen.conversation is not None
        worker.publish(ConversationOpened(replace(screen.conversation, messages=screen.conversation.messages[:2])))
        await until(pilot, lambda: "answer 2" not in screen_text(pilot) and screen.transcript.selected_message)
        await until(pilot, lambda: "u brings it back" in screen_text(pilot))
        selected = screen.transcript.selected_message
        assert selected is not None
        assert selected.id == first.reply_id, "the cursor stands where the end is now"
        await pilot.press("u")
        await until(pilot, lambda: len(worker.sent(DeleteMessages)) == 2)
        assert worker.sent(DeleteMessages)[1] == replace(gone, undo=True)
        await pilot.press("u")
        assert len(worker.sent(DeleteMessages)) == 2


async def test_a_fork_opens_with_what_stands_above_it(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        first = await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        await one_turn(pilot, screen, worker, "two", "answer 2", MessageState.DONE)
        assert first.question is not None
        screen.transcript.focus()
        screen.transcript.reveal(first.question.id)
        await pilot.press("F")
        await until(pilot, lambda: worker.sent(ForkConversation))
        fork: ForkConversation = worker.sent(ForkConversation)[0]
        assert [message.text for message in fork.messages] == ["one"]
        copy = Conversation(
            id=fork.new_id, title=fork.title, settings=fork.settings, messages=[replace(fork.messages[0], id="copy")]
        )
        worker.publish(ConversationOpened(copy))
        await until(pilot, lambda: "ctrl+r asks for the reply" in screen_text(pilot))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(worker.sent(Ask)) == 3)
        ask: Ask = worker.sent(Ask)[2]
        assert (ask.conversation_id, ask.parent_id, ask.question) == (fork.new_id, "copy", None)
        assert [message.content for message in ask.history] == ["one"]


async def test_branches_are_stepped_through_from_the_selected_message(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        ask = await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        screen.transcript.focus()
        screen.transcript.reveal(ask.reply_id)
        await pilot.press("<", ">")
        await until(pilot, lambda: len(worker.sent(ShowBranch)) == 2)
        before, after = worker.sent(ShowBranch)
        assert (before.message_id, before.step, after.step) == (ask.reply_id, -1, 1)


async def test_letters_are_text_in_the_composer_and_keys_on_messages(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        await pilot.press(*"dFeRu<>")
        assert screen.composer.text == "dFeRu<>"
        assert not worker.sent(DeleteMessages) and not worker.sent(ForkConversation)
        assert "e edit" not in screen_text(pilot)
        screen.transcript.focus()
        await until(pilot, lambda: "e edit" in screen_text(pilot))


async def test_nothing_is_changed_while_a_reply_streams(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        queue(worker, worker.sent(Ask)[0])
        await until(pilot, lambda: screen.running is not None)
        screen.transcript.focus()
        await pilot.press("d", "F", "e", "R")
        await pilot.pause()
        assert not worker.sent(DeleteMessages) and not worker.sent(ForkConversation)
        assert screen.composer.text == ""
        assert len(worker.sent(Ask)) == 1
