"""The dialog of a model's providers, and the routing that a chat takes from it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from screen_host import NOW, HandWorker, Host, make_settings, until
from test_models_screen import MODELS, model, models, screen_text
from textual.events import ScreenResume
from textual.pilot import Pilot
from textual.screen import Screen
from typing_extensions import override

from tui.app import OrtuiApp
from tui.config import KeySource, Limits, Provider, Settings
from tui.core.commands import Ask, LoadEndpoints
from tui.core.conversation import ConversationSettings, Failure, Message
from tui.core.events import (
    CatalogueLoaded,
    EndpointsFailed,
    EndpointsLoaded,
    Job,
    JobChanged,
    JobState,
    ProvidersListed,
    TurnQueued,
)
from tui.core.routing import Routing
from tui.database.thread import Database
from tui.openrouter.catalogue import Endpoint, Percentiles, Pricing, ProviderFacts
from tui.openrouter.text import Clean, Opaque
from tui.screens.chat import ChatScreen
from tui.screens.chat_words import parameters_text
from tui.screens.endpoints_dialog import EndpointsDialog
from tui.screens.model_dialogs import DetailsDialog
from tui.screens.models import ModelsScreen
from tui.screens.pick import PickScreen
from tui.screens.session import UseModel
from tui.secret import Secret
from tui.worker.worker import Worker

MINI = Opaque("openai/gpt-mini")


def endpoint(tag: str, price: str, p50: float | None = None) -> Endpoint:
    return Endpoint(
        name=Clean(tag),
        provider=Clean(tag.partition("/")[0].title()),
        tag=Opaque(tag),
        pricing=Pricing(prompt=Decimal(price), completion=Decimal(price)),
        latency_ms=None if p50 is None else Percentiles(p50=p50, p75=1111.0, p90=2222.0, p99=3333.0),
    )


ROWS = (endpoint("azure", "0.000003", 500.0), endpoint("openai", "0.000001"), endpoint("nova/fp8", "0.000002", 300.0))


def loaded(worker: HandWorker, age_s: float = 0.0) -> None:
    worker.publish(EndpointsLoaded(model=MINI, endpoints=ROWS, fetched_at=NOW - age_s))


def asking(worker: HandWorker, state: JobState) -> None:
    worker.publish(JobChanged(Job(id=f"endpoints:{MINI.raw}", kind="endpoints", state=state, since=0.0)))


@asynccontextmanager
async def dialog(
    settings: Settings, worker: HandWorker, size: tuple[int, int] = (80, 24), of: str = MINI.raw
) -> AsyncIterator[tuple[Pilot[None], EndpointsDialog, list[UseModel]]]:
    async with models(settings, worker, size) as (pilot, screen, used):
        assert screen.table.move_to(Opaque(of))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, EndpointsDialog) and pilot.app.screen.table.has_focus)
        assert isinstance(pilot.app.screen, EndpointsDialog)
        yield pilot, pilot.app.screen, used


async def used_as(pilot: Pilot[None], used: list[UseModel]) -> tuple[str, str, Routing | None]:
    await until(pilot, lambda: used)
    assert not isinstance(pilot.app.screen, EndpointsDialog)
    return used[0].mode, used[0].model.raw, used[0].routing


async def test_p_asks_once_and_r_again(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, _used):
        assert [(one.model, one.force) for one in worker.sent(LoadEndpoints)] == [(MINI, False)]
        asking(worker, JobState.SENT)
        worker.now = NOW + 12
        await until(pilot, lambda: "Asking who offers it, 12 s" in screen_text(pilot))
        loaded(worker)
        asking(worker, JobState.DONE)
        await until(pilot, lambda: "Nova fp8" in screen_text(pilot))
        await pilot.press("r")
        await until(pilot, lambda: len(worker.sent(LoadEndpoints)) == 2)
        assert worker.sent(LoadEndpoints)[1].force


async def test_the_old_list_stays_and_says_how_old_it_is(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, _used):
        loaded(worker, age_s=420)
        await until(pilot, lambda: "7m old, r again" in screen_text(pilot))
        await pilot.press("r")
        asking(worker, JobState.SENT)
        await until(pilot, lambda: "asking again" in screen_text(pilot) and "this is 7m old" in screen_text(pilot))
        failure = Failure(kind="network", message=Clean("The server [/b] is down."), advice=Clean("Wait."))
        worker.publish(EndpointsFailed(MINI, failure))
        asking(worker, JobState.FAILED)
        await until(pilot, lambda: "✕ The server [/b] is down. This is 7m old; r tries again" in screen_text(pilot))
        assert "Nova fp8" in screen_text(pilot)


async def test_a_list_grows_old_while_one_looks_and_sleeps_while_one_does_not(
    settings: Settings, worker: HandWorker
) -> None:
    async with dialog(settings, worker) as (pilot, screen, _used):
        loaded(worker)
        await until(pilot, lambda: "just loaded" in screen_text(pilot))
        worker.now = NOW + 130
        await until(pilot, lambda: "2m old, r again" in screen_text(pilot))
        pilot.app.add_mode("other", Screen)
        await pilot.app.switch_mode("other")
        shown: list[object] = []
        screen.table.show = lambda *_, **__: shown.append(1)  # type: ignore[method-assign]
        asking(worker, JobState.SENT)
        loaded(worker)
        await pilot.pause()
        assert not shown
        screen.post_message(ScreenResume())
        await until(pilot, lambda: shown)


async def test_a_failed_first_load_says_what_helps(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, _used):
        worker.publish(EndpointsFailed(MINI, Failure(kind="x", message=Clean("It is gone."), advice=Clean("Wait."))))
        await until(pilot, lambda: "✕ It is gone. Wait." in screen_text(pilot))
        assert "r tries again." in screen_text(pilot)


async def test_the_marked_are_tried_first_in_their_order(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, screen, used):
        loaded(worker)
        await until(pilot, lambda: screen.table.endpoint)
        await pilot.press("G", "space", "g", "space")
        await until(pilot, lambda: "enter: first nova/fp8, then azure" in screen_text(pilot))
        await pilot.press("enter")
        routing = Routing(order=(Opaque("nova/fp8"), Opaque("azure")))
        assert await used_as(pilot, used) == ("chat", MINI.raw, routing)


async def test_without_marks_the_current_one_is_meant(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, screen, used):
        loaded(worker)
        await until(pilot, lambda: screen.table.endpoint)
        await pilot.press("j")
        await until(pilot, lambda: "enter: first openai ·" in screen_text(pilot))
        await pilot.press("O")
        assert await used_as(pilot, used) == ("chat", MINI.raw, Routing(only=(Opaque("openai"),)))


async def test_the_order_of_the_table_becomes_that_of_the_chat(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, screen, used):
        loaded(worker)
        await until(pilot, lambda: screen.table.endpoint)
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(pilot.app.screen, EndpointsDialog)  # there is no such order yet, and no such key
        assert "a route" not in screen_text(pilot)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press(*"p99", "enter")
        await until(pilot, lambda: screen.table.sort_kind == "latency99" and pilot.app.screen is screen)
        await until(pilot, lambda: "sorted by latency p99 ↑, a routes so" in screen_text(pilot))
        assert "a route" in screen_text(pilot)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press(*"server", "enter")
        await until(pilot, lambda: screen.table.sort_kind is None and pilot.app.screen is screen)
        screen.table.sort_by("latency50")
        await until(pilot, lambda: "a route" in screen_text(pilot))
        await pilot.press("a")
        assert await used_as(pilot, used) == ("chat", MINI.raw, Routing(sort="latency"))


async def test_variants_have_keys_only_where_they_exist(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, used):
        loaded(worker)
        await until(pilot, lambda: "n :nitro" in screen_text(pilot) and "l :floor" in screen_text(pilot))
        assert "f :free" not in screen_text(pilot)
        await pilot.press("f")
        await pilot.pause()
        assert not used
        twin = model("openai/gpt-mini:free", "0")
        worker.publish(CatalogueLoaded(models=(*MODELS, twin), fetched_at=NOW, from_network=True))
        await until(pilot, lambda: "f :free" in screen_text(pilot))
        await pilot.press("f")
        assert await used_as(pilot, used) == ("chat", "openai/gpt-mini:free", Routing())


async def test_nitro_is_the_model_with_its_variant(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, used):
        await pilot.press("n")
        assert await used_as(pilot, used) == ("chat", "openai/gpt-mini:nitro", Routing())


async def test_an_embedding_model_has_no_routing(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker, of="openai/text-embedding") as (pilot, screen, used):
        worker.publish(EndpointsLoaded(model=Opaque("openai/text-embedding"), endpoints=ROWS, fetched_at=NOW))
        await until(pilot, lambda: screen.table.endpoint)
        screen.table.sort_by("in")
        await pilot.press("O", "a", "n")
        await pilot.pause()
        assert not used
        await pilot.press("enter")
        assert await used_as(pilot, used) == ("embeddings", "openai/text-embedding", None)


async def test_another_server_is_asked_for_no_providers(tmp_path: Path, worker: HandWorker) -> None:
    settings = make_settings(tmp_path)
    plain = Provider(**{**_fields(settings.provider), "type": "openai"})
    async with dialog(make_settings(tmp_path, provider=plain), worker) as (pilot, screen, used):
        loaded(worker)
        await until(pilot, lambda: screen.table.endpoint)
        assert "O only" not in screen_text(pilot) and ":nitro" not in screen_text(pilot)
        await pilot.press("enter")
        assert await used_as(pilot, used) == ("chat", MINI.raw, None)


def _fields(provider: Provider) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in provider.__struct_fields__}


async def test_every_figure_stands_below_at_80_columns(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, _used):
        facts = ProviderFacts(
            slug=Clean("nova"), name=Clean("Nova"), privacy_policy_url=Clean("https://nova.test/privacy")
        )
        worker.publish(ProvidersListed((facts,)))
        loaded(worker)
        await until(pilot, lambda: "data policy    –" in screen_text(pilot))
        await pilot.press("G")
        await until(pilot, lambda: "p50 0.30 · p75 1.11 · p90 2.22 · p99 3.33" in screen_text(pilot))
        text = screen_text(pilot)
        assert "https://nova.test/privacy · company in – · data centers –" in " ".join(text.split())
        assert "5 min – · 30 min – · 1 day –" in text


@pytest.mark.parametrize("size", [(30, 8), (40, 12), (60, 20), (100, 50)])
async def test_it_stands_in_any_terminal(settings: Settings, worker: HandWorker, size: tuple[int, int]) -> None:
    async with dialog(settings, worker, size) as (pilot, screen, _used):
        loaded(worker)
        await until(pilot, lambda: "Azure" in screen_text(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "p50 0.50 · p75 1.11 · p90 2.22 · p99 3.33" in screen_text(pilot))
        await pilot.press("tab")
        await until(pilot, lambda: screen.figures.has_focus)
        await pilot.press("tab")
        await until(pilot, lambda: screen.table.has_focus)


async def test_esc_changes_nothing_and_gives_the_focus_back(settings: Settings, worker: HandWorker) -> None:
    async with dialog(settings, worker) as (pilot, _screen, used):
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
        assert pilot.app.screen.focused is pilot.app.screen.query_one("#table")
        assert not used


async def test_a_full_queue_is_told(settings: Settings, worker: HandWorker) -> None:
    worker.full = True
    async with dialog(settings, worker) as (pilot, _screen, _used):
        await until(pilot, lambda: "Too much is waiting already" in screen_text(pilot))


async def test_from_the_details_too(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, used):
        screen.table.move_to(MINI)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsDialog))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, EndpointsDialog))
        loaded(worker)
        await until(pilot, lambda: "Nova fp8" in screen_text(pilot))
        await pilot.press("enter")
        assert await used_as(pilot, used) == ("chat", MINI.raw, Routing(order=(Opaque("azure"),)))
        await until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))


async def test_links_say_where_they_lead_and_open_nothing_else_than_pages(
    settings: Settings, worker: HandWorker, monkeypatch: Any
) -> None:
    text = (
        "See [the paper](https://arxiv.test/a_(b)), [older](/openai/gpt-old), [run](javascript:alert(1)), "
        "[trap](https://openrouter.ai@evil.test/x) or https://plain.test/page."
    )
    linked = replace(MODELS[1], description=Clean(text), hugging_face_id=Clean("openai/gpt mini"))
    worker.state.apply(CatalogueLoaded(models=(linked,), fetched_at=NOW, from_network=True))
    opened: list[str] = []
    async with models(settings, worker, (140, 40), loaded=False) as (pilot, screen, _used):
        monkeypatch.setattr(pilot.app, "open_url", lambda url, **_: opened.append(url))
        await until(pilot, lambda: screen.details is not None and screen.details.model is linked)
        await pilot.press("tab", "l")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        shown = screen_text(pilot)
        for place in (
            "openrouter.ai/openai/gpt-mini", "huggingface.co/openai/gpt%20mini", "arxiv.test/a_(b)",
            "openrouter.ai/openai/gpt-old", "plain.test/page ",
        ):  # fmt: skip
            assert place in shown
        assert "javascript" not in "".join(item.key for item in pilot.app.screen._items)  # type: ignore[attr-defined]
        assert not any("evil" in item.key for item in pilot.app.screen._items)  # type: ignore[attr-defined]
        await pilot.press(*"paper", "enter")
        await until(pilot, lambda: opened == ["https://arxiv.test/a_(b)"])
        await until(pilot, lambda: screen.details is not None and screen.details.has_focus)
        await pilot.press("o")
        await until(pilot, lambda: opened[1:] == ["https://openrouter.ai/openai/gpt-mini"])


async def test_a_chat_takes_the_routing_into_a_new_conversation(settings: Settings, worker: HandWorker) -> None:
    worker.state.apply(CatalogueLoaded(models=MODELS, fetched_at=NOW, from_network=True))
    async with Host(ChatScreen, settings, worker).run_test(size=(110, 30)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: screen.composer.has_focus)
        screen.take_model(MODELS[0].id)
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: worker.sent(Ask))
        first = worker.sent(Ask)[0]
        assert first.settings.parameters.provider is None
        question = first.question
        assert question is not None
        worker.publish(_queued(first, question))
        screen.take_model(MINI, Routing(order=(Opaque("nova/fp8"), Opaque("azure"))))
        await until(pilot, lambda: screen.conversation is None)
        await until(pilot, lambda: "first nova/fp8, then azure" in screen_text(pilot))
        assert "providers first\n  nova/fp8, azure" in parameters_text(screen.settings)
        await pilot.press(*"on", "enter")
        await until(pilot, lambda: len(worker.sent(Ask)) == 2)
        second = worker.sent(Ask)[1]
        assert second.conversation_id != first.conversation_id
        assert second.settings.model == MINI
        assert json.loads(second.settings.parameters.provider or "") == {"order": ["nova/fp8", "azure"]}


async def test_the_quote_is_by_the_price_of_the_provider_that_is_asked_for(
    settings: Settings, worker: HandWorker
) -> None:
    worker.state.apply(CatalogueLoaded(models=MODELS, fetched_at=NOW, from_network=True))
    loaded(worker)
    async with Host(ChatScreen, settings, worker).run_test(size=(110, 30)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: screen.composer.has_focus)
        quoted = []
        for tag in ("openai", "azure"):
            screen.take_model(MINI, Routing(order=(Opaque(tag),)))
            await until(pilot, lambda tag=tag: f"first {tag}" in screen_text(pilot))  # type: ignore[misc]
            quoted.append(Decimal(re.findall(r"reply: ~\$([\d.]+)", screen_text(pilot))[0]))
        assert quoted[1] == 3 * quoted[0]


def _queued(ask: Ask, question: Message) -> TurnQueued:
    reply = Message(
        id=ask.reply_id,
        conversation_id=ask.conversation_id,
        parent_id=question.id,
        role="assistant",
        text=Clean(""),
        created_at=NOW,
    )
    settings: ConversationSettings = ask.settings
    return TurnQueued(
        conversation_id=ask.conversation_id, title=ask.title, settings=settings, private=False,
        question=question, reply=reply,
    )  # fmt: skip


class _ClosingWorker(Worker):
    """Closes its database with it."""

    @override
    async def run(self) -> None:
        try:
            await super().run()
        finally:
            await self._context.database.aclose()


@pytest.mark.usefixtures("home")
async def test_what_was_marked_is_what_the_server_is_asked(
    tmp_path: Path, demo_server: str, fresh_key: Callable[..., str]
) -> None:
    """The whole way: the table, the key, the chat, and the body of the request as the server got it."""
    key = fresh_key()
    provider = Provider(
        id="openrouter",
        type="openrouter",
        keys=(KeySource(Secret(key), "test"),),
        base_url=demo_server,
        origin=demo_server.removesuffix("/api/v1"),
        limits=Limits(),
    )
    settings = make_settings(tmp_path, provider=provider, providers=(provider,))
    app = OrtuiApp(settings, lambda publish: _ClosingWorker(settings, Database(settings.folders.database), publish))
    async with app.run_test(size=(80, 24)) as pilot:
        slug = "deepseek/deepseek-r1"
        await until(pilot, lambda: slug in app.state.model_by_slug, 20.0)
        models_screen = app.screen
        assert isinstance(models_screen, ModelsScreen)
        await until(pilot, lambda: models_screen.table.move_to(Opaque(slug)))
        await pilot.press("p")
        await until(pilot, lambda: slug in app.state.endpoints, 10.0)
        offered = app.state.endpoints[slug].endpoints
        assert offered is not None and len(offered) > 2
        await until(pilot, lambda: isinstance(app.screen, EndpointsDialog) and app.screen.table.endpoint)
        await pilot.press("j", "j", "space", "k", "space", "enter")
        await until(pilot, lambda: app.current_mode == "chat" and isinstance(app.focused, object))
        await until(pilot, lambda: isinstance(app.screen, ChatScreen) and app.screen.composer.has_focus)
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: app.state.open and not app.state.streaming and _replied(app), 20.0)
        async with httpx.AsyncClient(trust_env=False) as client:
            root = demo_server.removesuffix("/api/v1")
            log = (await client.get(f"{root}/demo/log", headers={"Authorization": f"Bearer {key}"})).json()["data"]
        assert log[-1]["body"]["provider"] == {"order": [offered[2].tag.raw, offered[1].tag.raw]}
        assert log[-1]["body"]["model"] == slug
        assert log[-1]["provider"] == offered[2].provider


def _replied(app: OrtuiApp) -> bool:
    conversation = next(iter(app.state.open.values()))
    return bool(conversation.messages) and not conversation.messages[-1].state.is_open
