"""The chat screen on a hand-driven worker, with models to choose from: shared by its tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from screen_host import NOW, HandWorker, Host, until
from textual.pilot import Pilot

from tui.config import Settings
from tui.core.commands import Ask
from tui.core.conversation import Failure, Message, MessageState, Receipt
from tui.core.events import CatalogueLoaded, PreferencesRead, ReplyGrew, TurnEnded, TurnQueued
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat import ChatScreen

PRICED = Pricing(prompt=Decimal("0.000001"), completion=Decimal("0.000005"))


def model(slug: str, **more: Any) -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean(slug.partition("/")[0]),
        context_length=200_000,
        output_modalities=(Clean("text"),),
        pricing=more.pop("pricing", PRICED),
        **more,
    )


MODELS = (model("anthropic/claude-haiku"), model("openai/gpt-mini"), model("meta/llama:free"), model("meta/llama"))


@asynccontextmanager
async def chat(
    settings: Settings, worker: HandWorker, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Pilot[None], ChatScreen]]:
    worker.state.apply(CatalogueLoaded(models=MODELS, fetched_at=NOW, from_network=True))
    worker.state.apply(PreferencesRead(values={"model": "anthropic/claude-haiku"}, favourites=frozenset(), recents=()))
    host = Host(ChatScreen, settings, worker)
    async with host.run_test(size=size, notifications=True) as pilot:
        screen = host.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: screen.composer.has_focus)
        yield pilot, screen


async def write(pilot: Pilot[None], screen: ChatScreen, text: str) -> None:
    screen.composer.text = text
    screen.composer.move_cursor(screen.composer.document.end)
    await pilot.press("enter")


def queue(worker: HandWorker, ask: Ask) -> Message:
    """What the worker says once the turn is in the database."""
    reply = Message(
        id=ask.reply_id,
        conversation_id=ask.conversation_id,
        parent_id=ask.parent_id,
        role="assistant",
        text=Clean(""),
        created_at=NOW,
        state=MessageState.WAITING,
    )
    worker.publish(
        TurnQueued(
            conversation_id=ask.conversation_id,
            title=ask.title,
            settings=ask.settings,
            private=ask.private,
            question=ask.question,
            reply=reply,
            replaces=ask.replaces,
        )
    )
    return reply


def end(worker: HandWorker, ask: Ask, state: MessageState, failure: Failure | None = None, **receipt: Any) -> None:
    worker.publish(
        TurnEnded(
            conversation_id=ask.conversation_id,
            message_id=ask.reply_id,
            state=state,
            receipt=Receipt(**receipt),
            failure=failure,
        )
    )


def screen_text(pilot: Pilot[Any]) -> str:
    screen = pilot.app.screen
    return "\n".join("".join(segment.text for segment in strip) for strip in screen._compositor.render_strips())


async def one_turn(
    pilot: Pilot[None], screen: ChatScreen, worker: HandWorker, question: str, answered: str, state: MessageState
) -> Ask:
    """A question that was asked and answered."""
    number = len(worker.sent(Ask))
    await write(pilot, screen, question)
    await until(pilot, lambda: len(worker.sent(Ask)) > number)
    ask: Ask = worker.sent(Ask)[-1]
    queue(worker, ask)
    worker.publish(ReplyGrew(conversation_id=ask.conversation_id, message_id=ask.reply_id, text=Clean(answered)))
    end(worker, ask, state)
    await until(pilot, lambda: answered in screen_text(pilot))
    return ask
