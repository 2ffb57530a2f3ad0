"""The chat screen with a worker driven by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from chat_host import MODELS, chat, end, queue, screen_text, write
from screen_host import NOW, HandWorker, Host, make_settings, until
from textual.screen import Screen
from typing_extensions import override

from tui.config import Settings, UiSettings
from tui.core.commands import (
    Ask,
    DeleteConversation,
    OpenConversation,
    Remember,
    RenameConversation,
    SaveConversation,
)
from tui.core.conversation import (
    Conversation,
    ConversationSettings,
    ConversationSummary,
    Cost,
    CostKind,
    Failure,
    Message,
    MessageState,
    Receipt,
)
from tui.core.events import (
    BudgetPassed,
    CatalogueLoaded,
    ConversationOpened,
    ConversationsListed,
    PreferencesRead,
    ReplyGrew,
)
from tui.core.ledger import OverBudget
from tui.core.state import Topic
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat import ChatScreen
from tui.screens.confirm import Confirm
from tui.screens.conversations_pick import ConversationsPick
from tui.screens.help import help_sections
from tui.screens.pick import PickScreen
from tui.screens.text_dialog import TextDialog
from tui.widgets.composer import Composer
from tui.widgets.pick_list import PickList


async def test_enter_sends_the_draft_and_the_reply_is_shown(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "What is a [b]B-tree[/b]?")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        assert ask.history[-1].content == "What is a [b]B-tree[/b]?"
        assert ask.settings.model == Opaque("anthropic/claude-haiku")
        assert screen.composer.text == ""
        # enter once more, before the first was carried out
        screen.composer.post_message(Composer.Sent(screen.composer, Clean("What is a [b]B-tree[/b]?")))
        await pilot.pause()
        assert len(worker.sent(Ask)) == 1
        queue(worker, ask)
        worker.publish(
            ReplyGrew(conversation_id=ask.conversation_id, message_id=ask.reply_id, text=Clean("A tree, [/b] it is."))
        )
        await until(pilot, lambda: "A tree, [/b] it is." in screen_text(pilot))
        end(worker, ask, MessageState.DONE, cost=Cost(Decimal("0.00412"), CostKind.BILLED), completion_tokens=7)
        await until(pilot, lambda: "$0.00412" in screen_text(pilot))


async def test_a_second_question_carries_the_first_turn(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        first: Ask = worker.sent(Ask)[0]
        queue(worker, first)
        worker.publish(
            ReplyGrew(conversation_id=first.conversation_id, message_id=first.reply_id, text=Clean("answer one"))
        )
        end(worker, first, MessageState.DONE)
        await pilot.pause()
        await write(pilot, screen, "two")
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        second: Ask = worker.sent(Ask)[1]
        assert [message.content for message in second.history] == ["one", "answer one", "two"]
        assert second.conversation_id == first.conversation_id
        assert second.question is not None
        assert second.question.parent_id == first.reply_id


async def test_while_a_reply_streams_nothing_is_sent_and_esc_stops_it(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        await until(pilot, lambda: screen.running is not None)
        await write(pilot, screen, "two")
        assert len(worker.sent(Ask)) == 1
        assert screen.composer.text == "two"
        await pilot.press("escape")
        assert worker.cancelled == [ask.reply_id]


async def test_a_full_queue_keeps_the_draft(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        worker.full = True
        await write(pilot, screen, "precious")
        await pilot.pause()
        assert screen.composer.text == "precious"


async def test_ctrl_j_breaks_the_line(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("a", "ctrl+j", "b")
        assert screen.composer.text == "a\nb"
        assert not worker.sent(Ask)


async def test_enter_breaks_the_line_where_it_shall_not_send(tmp_path: Any, worker: HandWorker) -> None:
    settings = make_settings(tmp_path, ui=UiSettings(animations=False, enter_sends=False))
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("a", "enter", "b")
        assert screen.composer.text == "a\nb"
        await pilot.press("ctrl+j")
        await until(pilot, lambda: worker.sent(Ask))


@pytest.mark.parametrize(
    ("kind", "key", "changed"),
    [
        ("rate_limited", "ctrl+r", {}),
        ("free_per_day", "alt+p", {"model": "meta/llama"}),
        ("no_credit", "alt+m", {"max_tokens": 1024}),
        ("provider_down", "alt+o", {"provider": '{"ignore": ["some-cloud"]}'}),
    ],
)
async def test_errors_offer_a_key_that_mends_them(
    settings: Settings, worker: HandWorker, kind: str, key: str, changed: dict[str, Any]
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.take_model(Opaque("meta/llama:free"))
        await write(pilot, screen, "hello")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        failure = Failure(kind=kind, message=Clean("It went wrong."), advice=Clean("Do something."))
        end(worker, ask, MessageState.FAILED, failure, provider=Clean("Some Cloud"))
        await until(pilot, lambda: key in screen_text(pilot))
        await pilot.press(key)
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        again: Ask = worker.sent(Ask)[1]
        assert again.replaces == ask.reply_id
        assert again.question is None
        assert [message.content for message in again.history] == ["hello"]
        assert again.settings.model is not None
        assert again.settings.model.raw == changed.get("model", "meta/llama:free")
        assert again.settings.parameters.max_tokens == changed.get("max_tokens")
        assert again.settings.parameters.provider == changed.get("provider")


async def test_a_budget_is_asked_about_and_yes_sends_again(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "dear")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        failure = Failure(kind="own_budget", message=Clean("Too dear."), advice=Clean(""))
        end(worker, ask, MessageState.FAILED, failure)
        worker.publish(
            BudgetPassed(
                ask.reply_id,
                OverBudget(
                    budget="day",
                    limit_usd=Decimal(5),
                    spent_usd=Decimal("4.9"),
                    reserved_usd=Decimal(0),
                    this_usd=Decimal("0.5"),
                    action="ask",
                ),
            )
        )
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        assert worker.sent(Ask)[1].over_budget


async def test_an_earlier_conversation_is_opened_from_the_list(settings: Settings, worker: HandWorker) -> None:
    row = ConversationSummary(
        id="c1",
        title=Clean("Old [/b] talk"),
        model=None,
        updated_at=NOW - 3600,
        message_count=2,
        spent_usd=Decimal("0.01"),
    )
    async with chat(settings, worker, (130, 30)) as (pilot, screen):
        worker.publish(ConversationsListed((row,)))
        await until(pilot, lambda: "Old [/b] talk" in screen_text(pilot))
        screen.rows.focus()
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(OpenConversation))
        read = Conversation(
            id="c1",
            title=Clean("Old [/b] talk"),
            settings=ConversationSettings(model=Opaque("openai/gpt-mini")),
            messages=[
                Message(
                    id="m1",
                    conversation_id="c1",
                    parent_id=None,
                    role="user",
                    text=Clean("what was it"),
                    created_at=NOW - 3600,
                )
            ],
        )
        worker.publish(ConversationOpened(read))
        await until(pilot, lambda: "what was it" in screen_text(pilot))
        assert screen.settings.model == Opaque("openai/gpt-mini")


async def test_the_draft_of_a_new_conversation_survives_a_restart(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press("d", "r", "a", "f", "t")
        await until(pilot, lambda: any(one.name == "draft" and one.value == "draft" for one in worker.sent(Remember)))
        assert screen.composer.text == "draft"
    second = HandWorker()
    second.state.apply(PreferencesRead(values={"draft": "draft"}, favourites=frozenset(), recents=()))
    host = Host(ChatScreen, settings, second)
    async with host.run_test(size=(80, 24)) as pilot:
        reopened = host.screen
        assert isinstance(reopened, ChatScreen)
        await until(pilot, lambda: reopened.composer.text == "draft")


async def test_parameters_are_kept_with_the_conversation(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        queue(worker, worker.sent(Ask)[0])
        end(worker, worker.sent(Ask)[0], MessageState.DONE)
        await pilot.pause()
        await pilot.press("ctrl+t")
        await pilot.pause()
        field = pilot.app.screen.query_one("#temperature")
        field.focus()
        await pilot.press("0", ".", "2", "ctrl+s")
        await until(pilot, lambda: any(one.settings.parameters.temperature for one in worker.sent(SaveConversation)))
        saved = next(one for one in worker.sent(SaveConversation) if one.settings.parameters.temperature)
        assert saved.settings.parameters.temperature == Decimal("0.2")


async def test_a_hidden_chat_paints_nothing_and_catches_up_once(settings: Settings, worker: HandWorker) -> None:
    caught: list[Topic] = []

    class Counted(ChatScreen):
        @override
        def catch_up(self, topics: Topic) -> None:
            caught.append(topics)
            super().catch_up(topics)

    worker.state.apply(CatalogueLoaded(models=MODELS, fetched_at=NOW, from_network=True))
    worker.state.apply(PreferencesRead(values={"model": "openai/gpt-mini"}, favourites=frozenset(), recents=()))
    host = Host(lambda _session: Screen(), settings, worker)
    host.add_mode("chat", lambda: Counted(host.session))
    host.add_mode("other", lambda: Screen())
    async with host.run_test(size=(80, 24)) as pilot:
        await host.switch_mode("chat")
        screen = host.screen
        assert isinstance(screen, ChatScreen)
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        await until(pilot, lambda: screen.running is not None)
        await host.switch_mode("other")
        await pilot.pause()
        caught.clear()
        for piece in "abcdef":
            worker.publish(ReplyGrew(conversation_id=ask.conversation_id, message_id=ask.reply_id, text=Clean(piece)))
            await pilot.pause()
        assert caught == []
        await host.switch_mode("chat")
        await until(pilot, lambda: "abcdef" in screen_text(pilot))
        assert len(caught) == 1


async def test_no_model_yet_opens_the_picker(tmp_path: Any, worker: HandWorker) -> None:
    settings = make_settings(tmp_path)
    host = Host(ChatScreen, settings, worker)
    async with host.run_test(size=(80, 24)) as pilot:
        screen = host.screen
        assert isinstance(screen, ChatScreen)
        await write(pilot, screen, "hello")
        await until(pilot, lambda: isinstance(host.screen, PickScreen))
        assert not worker.sent(Ask)


async def test_while_it_streams_the_figures_stand_in_the_composers_border_alone(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "one")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        running = Receipt(cost=Cost(Decimal("0.00123"), CostKind.ESTIMATED), completion_tokens=7)
        worker.publish(
            ReplyGrew(
                conversation_id=ask.conversation_id, message_id=ask.reply_id, text=Clean("growing"), receipt=running
            )
        )
        await until(pilot, lambda: "growing" in screen_text(pilot))
        await until(pilot, lambda: "~$0.00123" in str(screen.composer.border_subtitle))
        transcript = "\n".join(screen.transcript.render_line(y).text for y in range(screen.transcript.size.height))
        assert "0.00123" not in transcript

        def painted_at_once(text: str) -> bool:
            paints = screen.transcript.paints
            worker.publish(ReplyGrew(conversation_id=ask.conversation_id, message_id=ask.reply_id, text=Clean(text)))
            return screen.transcript.paints > paints and not screen._dirty_widgets

        painted_at_once("\n\nline" * 40)
        # Once the scroll bar stands there, nothing of a frame is left to timers and messages, and nothing is laid out.
        await until(pilot, lambda: screen.transcript.show_vertical_scrollbar and painted_at_once("\n\nmore"))
        laid_out = screen.transcript._layout_updates
        for number in range(20):
            assert painted_at_once(f"\n\nnumber {number}")
            assert f"number {number}" in screen_text(pilot)
        assert screen.transcript._layout_updates == laid_out


async def test_the_draft_of_an_opened_conversation_comes_back_with_it(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await pilot.press(*"mine")
        screen.open_conversation("c1")
        assert screen.composer.text == ""
        worker.publish(
            PreferencesRead(
                values={"model": "anthropic/claude-haiku", "draft": "mine"}, favourites=frozenset(), recents=()
            )
        )
        await pilot.pause()
        assert screen.composer.text == "", "the draft of a new conversation belongs to that"
        said = Message(id="m1", conversation_id="c1", parent_id=None, role="user", text=Clean("hello"), created_at=NOW)
        worker.publish(
            ConversationOpened(
                Conversation(
                    id="c1",
                    title=Clean("Old"),
                    settings=ConversationSettings(),
                    messages=[said],
                    draft=Clean("unsent"),
                )
            )
        )
        await until(pilot, lambda: screen.composer.text == "unsent")
        screen.action_new()
        assert screen.composer.text == "mine"


async def test_the_picker_shows_favourites_first_and_starred(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, _screen):
        worker.publish(
            PreferencesRead(
                values={"model": "anthropic/claude-haiku"},
                favourites=frozenset({"openai/gpt-mini"}),
                recents=("openai/gpt-mini", "meta/llama"),
            )
        )
        await pilot.pause()
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        rows = pilot.app.screen.query_one(PickList)
        assert [item.key for item in rows.shown][:2] == ["openai/gpt-mini", "meta/llama"]
        await until(pilot, lambda: rows.size.height)
        assert rows.render_line(0).text.startswith("  ★ openai/gpt-mini")
        assert "★" not in rows.render_line(1).text


async def test_a_budget_whose_past_is_unknown_is_asked_about_in_its_own_words(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "dear")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        queue(worker, ask)
        end(worker, ask, MessageState.FAILED, Failure(kind="own_budget", message=Clean("x"), advice=Clean("")))
        refusal = OverBudget(
            budget="session",
            limit_usd=None,
            spent_usd=Decimal(0),
            reserved_usd=Decimal(0),
            this_usd=Decimal("0.5"),
            action="ask",
            earlier_unknown=True,
        )
        worker.publish(BudgetPassed(ask.reply_id, refusal))
        await until(pilot, lambda: "What was spent before is not known" in screen_text(pilot))


def listed(*ids: str) -> ConversationsListed:
    return ConversationsListed(
        tuple(
            ConversationSummary(
                id=one, title=Clean(f"Talk {one}"), model=None, updated_at=NOW, message_count=2, spent_usd=Decimal(0)
            )
            for one in ids
        )
    )


async def test_conversations_are_renamed_deleted_and_brought_back_in_the_list(
    settings: Settings, worker: HandWorker
) -> None:
    async with chat(settings, worker, (130, 30)) as (pilot, screen):
        worker.publish(listed("c1", "c2"))
        await until(pilot, lambda: "Talk c1" in screen_text(pilot))
        screen.rows.focus()
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        await pilot.press("end", "!", "enter")
        await until(pilot, lambda: worker.sent(RenameConversation))
        assert worker.sent(RenameConversation)[0].title == "Talk c1!"
        await pilot.press("d")
        await until(pilot, lambda: worker.sent(DeleteConversation))
        assert worker.sent(DeleteConversation)[0] == DeleteConversation(conversation_id="c1")
        await until(pilot, lambda: "u brings it back" in str(screen.rows.border_subtitle))
        await pilot.press("u")
        await until(pilot, lambda: "u brings it back" not in str(screen.rows.border_subtitle))
        await until(pilot, lambda: len(worker.sent(DeleteConversation)) == 2)
        assert worker.sent(DeleteConversation)[1] == DeleteConversation(conversation_id="c1", undo=True)


async def test_where_the_list_has_no_room_the_dialog_does_the_same(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        worker.publish(listed("c1", "c2"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConversationsPick))
        await pilot.press("c", "2", "ctrl+d")
        await until(pilot, lambda: worker.sent(DeleteConversation))
        assert worker.sent(DeleteConversation)[0] == DeleteConversation(conversation_id="c2")
        worker.publish(listed("c1"))
        await until(pilot, lambda: "ctrl+u" in screen_text(pilot))
        await pilot.press("ctrl+u")
        await until(pilot, lambda: len(worker.sent(DeleteConversation)) == 2)
        worker.publish(listed("c1", "c2"))
        pick = pilot.app.screen
        assert isinstance(pick, ConversationsPick)
        await until(pilot, lambda: [item.key for item in pick.rows.shown] == ["c2"])
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        await pilot.press("?", "enter")
        await until(pilot, lambda: worker.sent(RenameConversation))
        assert worker.sent(RenameConversation)[0].conversation_id == "c2"
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(OpenConversation))
        assert pilot.app.screen is screen


async def test_help_shows_no_marks_of_markdown(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, _screen):
        sections = help_sections(pilot.app.screen)
        assert "enter sends, ctrl+j" in sections[0].text
        assert not any(mark in section.text for section in sections for mark in ("*", "`"))
