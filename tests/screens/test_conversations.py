"""Conversations on the screen: search, pins, private ones, files, branches, and another ortui at work."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chat_host import chat, one_turn, queue, screen_text, write
from msgspec.structs import replace
from screen_host import NOW, HandWorker, until

from tui.config import Settings
from tui.core.commands import (
    Ask,
    ExportConversations,
    ImportConversations,
    OpenConversation,
    PinConversation,
    Remember,
    SaveConversation,
    SearchMessages,
)
from tui.core.conversation import (
    Conversation,
    ConversationSettings,
    ConversationSummary,
    Message,
    MessageState,
    SearchHit,
)
from tui.core.events import ConversationOpened, ConversationsListed, MessagesFound, ReplyGrew
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat import ChatScreen
from tui.screens.conversations_pick import ConversationsPick
from tui.screens.pick import PickScreen
from tui.screens.search_dialog import SearchDialog
from tui.screens.text_dialog import TextDialog
from tui.widgets.pick_list import PickList


def row(conversation_id: str, **more: Any) -> ConversationSummary:
    fields: dict[str, Any] = {
        "title": Clean(f"Talk {conversation_id}"),
        "model": Clean("anthropic/claude-haiku"),
        "updated_at": NOW - 3600,
        "message_count": 2,
        "spent_usd": Decimal("0.0123"),
    }
    return ConversationSummary(id=conversation_id, **(fields | more))


def hit(number: int, snippet: str, *marks: tuple[int, int], role: str = "user") -> SearchHit:
    return SearchHit(
        conversation_id=f"c{number}",
        message_id=f"m{number}",
        title=Clean(f"Talk [/b] {number}"),
        role=Clean(role),
        created_at=NOW - 86_400,
        snippet=Clean(snippet),
        marks=marks,
    )


def read(conversation_id: str, *texts: str, **more: Any) -> ConversationOpened:
    messages = [
        Message(
            id=f"m{at}",
            conversation_id=conversation_id,
            parent_id=f"m{at - 1}" if at else None,
            role="assistant" if at % 2 else "user",
            text=Clean(text),
            created_at=NOW,
        )
        for at, text in enumerate(texts)
    ]
    return ConversationOpened(
        Conversation(
            id=conversation_id,
            title=Clean(f"Talk {conversation_id}"),
            settings=ConversationSettings(model=Opaque("openai/gpt-mini")),
            messages=messages,
            **more,
        )
    )


async def test_messages_are_searched_as_one_types_and_opened_where_they_stand(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("alt+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SearchDialog))
        await until(pilot, lambda: "Type words" in screen_text(pilot))
        await pilot.press(*"zeb")
        await until(pilot, lambda: [one.words for one in worker.sent(SearchMessages)][-1:] == ["zeb"])
        await until(pilot, lambda: "Searching" in screen_text(pilot))
        worker.publish(MessagesFound(Clean("z"), (hit(9, "stale"),)))
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, SearchDialog), "what was found for other words is not taken"
        worker.publish(
            MessagesFound(Clean("zeb"), (hit(1, "a zebra [/b] runs", (2, 7)), hit(2, "x" * 200 + " zebra", (201, 206))))
        )
        await until(pilot, lambda: "a zebra [/b] runs" in screen_text(pilot))
        assert "Talk [/b] 1" in screen_text(pilot)
        assert "zebra" in screen_text(pilot).split("Talk [/b] 2")[1], "what was found is in view"
        await until(pilot, lambda: "2 found" in screen_text(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: worker.sent(OpenConversation))
        assert worker.sent(OpenConversation)[0] == OpenConversation(conversation_id="c2", message_id="m2")
        worker.publish(read("c2", *(f"text {at}\n\n" * 20 for at in range(6))))
        await until(pilot, lambda: getattr(screen.transcript.selected_message, "id", None) == "m2")
        assert screen.transcript.has_focus


async def test_a_search_without_hits_says_so(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("alt+s", *"q")
        await until(pilot, lambda: worker.sent(SearchMessages))
        worker.publish(MessagesFound(Clean("q"), ()))
        await until(pilot, lambda: "No message has all of these words" in screen_text(pilot))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.composer.has_focus


async def test_a_message_of_the_open_conversation_is_found_without_leaving_it(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.open_conversation("c1")
        worker.publish(read("c1", "one", "two"))
        await until(pilot, lambda: "two" in screen_text(pilot))
        screen.open_conversation("c1", "m0")
        worker.publish(read("c1", "one", "two"))
        await until(pilot, lambda: getattr(screen.transcript.selected_message, "id", None) == "m0")


async def test_a_conversation_is_pinned_in_the_list_and_in_the_dialog(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker, (130, 30)) as (pilot, screen):
        worker.publish(ConversationsListed((row("c1", pinned=True), row("c2"))))
        await until(pilot, lambda: "★ Talk c1" in screen_text(pilot))
        screen.rows.focus()
        await until(pilot, lambda: "claude-haiku" in str(screen.rows.border_subtitle))
        await pilot.press("p", "j", "p")
        await until(pilot, lambda: len(worker.sent(PinConversation)) == 2)
        assert [(one.conversation_id, one.pinned) for one in worker.sent(PinConversation)] == [
            ("c1", False),
            ("c2", True),
        ]


async def test_the_dialog_shows_model_cost_and_age(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, _screen):
        worker.publish(ConversationsListed((row("c1"), row("c2", private=True, streaming=True))))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConversationsPick))
        await until(pilot, lambda: "claude-haiku · $0.0123 · 1h" in screen_text(pilot))
        assert "● Talk c2" in screen_text(pilot)
        assert "claude-haiku · private · 1h" in screen_text(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: worker.sent(PinConversation))
        assert worker.sent(PinConversation)[0] == PinConversation(conversation_id="c1", pinned=True)


async def begin_private(pilot: Any, screen: ChatScreen, worker: HandWorker) -> str:
    await pilot.press("alt+n")
    await until(pilot, lambda: worker.sent(OpenConversation))
    begun: SaveConversation = next(one for one in worker.sent(SaveConversation) if one.private)
    opened = Conversation(id=begun.conversation_id, title=begun.title, settings=begun.settings, private=True)
    worker.publish(ConversationOpened(opened))
    await until(pilot, lambda: screen.conversation is not None)
    await until(pilot, lambda: "private, not stored" in screen_text(pilot))
    return begun.conversation_id


async def test_a_private_conversation_says_so_and_hands_nothing_on_to_be_stored(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        conversation_id = await begin_private(pilot, screen, worker)
        worker.submitted.clear()
        await pilot.press(*"hush")
        screen.save_now()
        assert not [one for one in worker.sent(Remember) if "hush" in str(one.value)]
        assert worker.sent(SaveConversation)
        assert all(one.private for one in worker.sent(SaveConversation))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "A private draft" in screen_text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        assert (ask.conversation_id, ask.private, ask.title) == (conversation_id, True, "Private conversation")
        queue(worker, ask)
        await until(pilot, lambda: screen.running is not None)
        assert "private, not stored" in screen_text(pilot)


async def test_a_conversation_is_exported_from_the_screen(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        await pilot.press("alt+x")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        rows = pilot.app.screen.query_one(PickList)
        assert [item.key for item in rows.shown] == ["one markdown", "one json", "all json", "all markdown"]
        await pilot.press(*"this json", "enter")
        await until(pilot, lambda: worker.sent(ExportConversations))
        assert screen.conversation is not None
        [export] = worker.sent(ExportConversations)
        assert (export.conversation_ids, export.kind, export.title) == ((screen.conversation.id,), "json", "one")


async def test_conversations_are_imported_from_the_screen(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, _screen):
        await pilot.press("alt+i")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        await pilot.press(*"~/x.json", "enter")
        await until(pilot, lambda: worker.sent(ImportConversations))
        assert worker.sent(ImportConversations)[0].path == "~/x.json"


async def test_the_branch_that_is_shown_is_named(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.open_conversation("c1")
        worker.publish(read("c1", "one", "two", branches={"m1": (1, 2)}))
        await until(pilot, lambda: "branch 1 of 2 · < >" in screen_text(pilot))
        screen.transcript.focus()
        screen.transcript.reveal("m0")
        await until(pilot, lambda: "branch" not in screen_text(pilot).splitlines()[1])
        screen.transcript.reveal("m1")
        await pilot.press("R")
        await until(pilot, lambda: worker.sent(Ask))
        queue(worker, worker.sent(Ask)[0])
        await until(pilot, lambda: "branch 3 of 3" in screen_text(pilot))


async def test_a_reply_is_made_again_with_another_model(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        ask = await one_turn(pilot, screen, worker, "one", "answer 1", MessageState.DONE)
        screen.transcript.focus()
        await pilot.press("M")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press(*"gpt-mini", "enter")
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        again: Ask = worker.sent(Ask)[1]
        assert again.replaces == ask.reply_id
        assert again.settings.model == Opaque("openai/gpt-mini")


async def test_what_is_read_again_keeps_the_reading_place(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.open_conversation("c1")
        worker.publish(read("c1", *("line\n\n" * 30 for _ in range(4))))
        await until(pilot, lambda: screen.transcript.max_scroll_y > 40)
        screen.transcript.focus()
        await pilot.press("g")
        await until(pilot, lambda: screen.transcript.scroll_offset.y == 0)
        worker.publish(read("c1", *("line\n\n" * 30 for _ in range(5))))
        await until(pilot, lambda: screen.conversation is not None and len(screen.conversation.messages) == 5)
        await pilot.pause()
        assert screen.transcript.scroll_offset.y == 0


async def test_a_reply_that_another_ortui_streams_is_shown_and_not_stopped(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.open_conversation("c1")
        opened = read("c1", "one", "so far")
        opened.conversation.messages[-1].state = MessageState.STREAMING
        worker.publish(opened)
        await until(pilot, lambda: "Another ortui streams a reply" in screen_text(pilot))
        await write(pilot, screen, "two")
        await pilot.press("escape")
        assert worker.cancelled == []
        assert not worker.sent(Ask)
        assert screen.composer.text == "two"
        worker.publish(read("c1", "one", "so far and whole"))
        await until(pilot, lambda: "so far and whole" in screen_text(pilot))
        await until(pilot, lambda: "Another ortui" not in str(screen.composer.border_title))
        screen.composer.focus()
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(Ask))


async def test_a_reply_of_ours_stays_ahead_of_what_is_read(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        worker.publish(ReplyGrew(conversation_id=ask.conversation_id, message_id=ask.reply_id, text=Clean("all of it")))
        assert screen.conversation is not None
        older = replace(screen.conversation, messages=[replace(one) for one in screen.conversation.messages])
        older.messages[-1].text = Clean("all")
        worker.publish(ConversationOpened(older))
        assert screen.conversation.messages[-1].text == "all of it"
        await until(pilot, lambda: "all of it" in screen_text(pilot))


async def test_a_model_that_was_chosen_just_now_is_the_one_that_is_asked(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.open_conversation("c1")
        worker.publish(read("c1", "one", "two"))
        await until(pilot, lambda: screen.settings.model == Opaque("openai/gpt-mini"))
        screen.take_model(Opaque("meta/llama"))
        await write(pilot, screen, "three")
        await until(pilot, lambda: worker.sent(Ask))
        assert worker.sent(Ask)[0].settings.model == Opaque("meta/llama")
