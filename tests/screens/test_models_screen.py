"""The models screen with a worker driven by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from screen_host import NOW, HandWorker, Host, until
from textual.events import Key
from textual.pilot import Pilot

from tui.config import Settings
from tui.core.commands import LoadEndpoints, RefreshCatalogue, Remember, SetFavourite
from tui.core.conversation import Failure
from tui.core.events import (
    CatalogueFailed,
    CatalogueLoaded,
    EndpointsLoaded,
    Job,
    JobChanged,
    JobState,
    PreferencesRead,
)
from tui.openrouter.catalogue import Endpoint, Model, Pricing
from tui.openrouter.text import Clean, Opaque
from tui.screens.compare_dialog import CompareDialog
from tui.screens.model_dialogs import DetailsDialog
from tui.screens.models import ModelsScreen
from tui.screens.session import UseModel


def model(slug: str, price: str | None = "0.000001", days: int = 100, **more: Any) -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(more.pop("name", slug)),
        author=Clean(slug.partition("/")[0]),
        created=int(NOW) - days * 86_400,
        context_length=more.pop("context", 128_000),
        output_modalities=more.pop("out", (Clean("text"),)),
        pricing=Pricing(prompt=Decimal(price), completion=Decimal(price) * 5) if price else Pricing(varies=True),
        **more,
    )


MODELS = (
    model("anthropic/claude-haiku", "0.000001", 30),
    model("openai/gpt-mini", "0.00000025", 60),
    model("openai/text-embedding", "0.00000002", 90, out=(Clean("embeddings"),)),
    model("evil/[b]name[/b]", "0.000009", 5, name="[@click=app.quit]x[/]"),
    model("openrouter/auto", None, 200),
)


@asynccontextmanager
async def models(
    settings: Settings, worker: HandWorker, size: tuple[int, int] = (80, 24), loaded: bool = True
) -> AsyncIterator[tuple[Pilot[None], ModelsScreen, list[UseModel]]]:
    if loaded:
        worker.state.apply(CatalogueLoaded(models=MODELS, fetched_at=NOW, from_network=True))
    used: list[UseModel] = []

    class Hearing(Host):
        def on_use_model(self, event: UseModel) -> None:
            used.append(event)

    host = Hearing(ModelsScreen, settings, worker)
    async with host.run_test(size=size, notifications=True) as pilot:
        screen = host.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: screen.table.has_focus)
        yield pilot, screen, used


def shown(screen: ModelsScreen) -> list[str]:
    return [str(screen.table.index.models[row].slug) for row in screen.table.result.rows]


def screen_text(pilot: Pilot[Any]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def test_typing_filters_and_the_count_says_so(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        await pilot.press("slash", *"openai")
        await until(pilot, lambda: shown(screen) == ["openai/gpt-mini", "openai/text-embedding"])
        assert "2 of 5" in screen_text(pilot)
        await pilot.press("space", *"mini")
        await until(pilot, lambda: shown(screen) == ["openai/gpt-mini"])
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(shown(screen)) == 5)


async def test_what_is_typed_in_one_go_lands_in_the_filter(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        for key, character in (("slash", "/"), ("o", "o"), ("p", "p"), ("slash", "/")):
            pilot.app.post_message(Key(key, character))
        await until(pilot, lambda: screen.filter_line.text == "op/")


async def test_what_matches_nothing_exactly_is_searched_by_likeness(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        await pilot.press("slash", *"antropic")
        # While one types on, what was found last stays.
        await until(pilot, lambda: "similar" in screen_text(pilot))
        assert shown(screen) == ["anthropic/claude-haiku"]


async def test_a_mistake_keeps_the_last_good_result(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        await pilot.press("slash", *"openai ctx>=many".replace(" ", "_"))
        screen.filter_line.put("openai")
        await until(pilot, lambda: len(shown(screen)) == 2)
        screen.filter_line.put("openai ctx>=many")
        await until(pilot, lambda: "expected" in screen_text(pilot))
        assert len(shown(screen)) == 2


async def test_enter_chats_and_an_embedding_model_opens_the_scratchpad(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, used):
        screen.table.move_to(Opaque("openai/gpt-mini"))
        await pilot.press("enter")
        screen.table.move_to(Opaque("openai/text-embedding"))
        await pilot.press("enter")
        await until(pilot, lambda: len(used) == 2)
        assert [(event.mode, event.model.raw) for event in used] == [
            ("chat", "openai/gpt-mini"),
            ("embeddings", "openai/text-embedding"),
        ]


async def test_two_marked_models_are_compared(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, _screen, _):
        await pilot.press("c")
        assert not isinstance(pilot.app.screen, CompareDialog)
        await pilot.press("space", "j", "space", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareDialog))
        # The keys of the dialog stand in the last line, not those of the view below.
        await until(pilot, lambda: "w workload" in screen_text(pilot).split("\n")[-1])
        last = screen_text(pilot).split("\n")[-1].split("  ")
        assert "esc back" in last
        assert "space mark" not in last
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, CompareDialog))


async def test_details_are_a_dialog_where_there_is_no_room(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        screen.table.move_to(Opaque("openai/gpt-mini"))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsDialog))
        await pilot.press("p")
        await until(pilot, lambda: worker.sent(LoadEndpoints))
        assert worker.sent(LoadEndpoints)[0].model.raw == "openai/gpt-mini"
        endpoint = Endpoint(name=Clean("x"), provider=Clean("Some [b]Cloud"), tag=Opaque("some"), uptime_30m=99.9)
        worker.publish(EndpointsLoaded(model=Opaque("openai/gpt-mini"), endpoints=(endpoint,), fetched_at=NOW))
        await pilot.press("G")
        await until(pilot, lambda: "Some [b]Cloud" in screen_text(pilot))


async def test_details_follow_the_cursor_where_there_is_room(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker, (140, 45)) as (pilot, screen, _):
        screen.table.move_to(Opaque("evil/[b]name[/b]"))
        await until(pilot, lambda: "[@click=app.quit]x[/]" in screen_text(pilot))
        await pilot.press("d")
        assert screen.details is not None
        assert screen.details.has_focus
        assert not worker.sent(LoadEndpoints)


async def test_filter_and_order_survive_a_restart(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, _screen, _):
        await pilot.press("s")
        await pilot.press("slash", *"gpt", "enter")
        await until(pilot, lambda: {one.name for one in worker.sent(Remember)} == {"models.sort", "models.filter"})
        assert [one.value for one in worker.sent(Remember) if one.name == "models.filter"] == ["gpt"]
    kept = {one.name: one.value for one in worker.sent(Remember)}
    second = HandWorker()
    async with models(settings, second) as (pilot, screen, _):
        second.publish(PreferencesRead(values=kept, favourites=frozenset(), recents=()))
        await until(pilot, lambda: shown(screen) == ["openai/gpt-mini"])
        assert str(screen.table.result.sort) == kept["models.sort"]


async def test_a_failed_first_load_says_what_to_press(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker, loaded=False) as (pilot, _screen, _):
        worker.publish(
            CatalogueFailed(Failure(kind="dns", message=Clean("No such host."), advice=Clean("Check the network.")))
        )
        await until(pilot, lambda: "No such host." in screen_text(pilot))
        await pilot.press("r")
        await until(pilot, lambda: worker.sent(RefreshCatalogue))


async def test_a_failed_refresh_keeps_the_table_and_says_its_age(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker, (140, 45)) as (pilot, screen, _):
        worker.now = NOW + 7200
        worker.publish(
            CatalogueFailed(Failure(kind="dns", message=Clean("No such host."), advice=Clean("Check the network.")))
        )
        await until(pilot, lambda: "2h old" in screen_text(pilot))
        assert len(shown(screen)) == 5


async def test_f_asks_for_a_favourite(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, screen, _):
        screen.table.move_to(Opaque("openai/gpt-mini"))
        await pilot.press("f", "y")
        await until(pilot, lambda: worker.copied)
        assert worker.sent(SetFavourite) == [SetFavourite(model=Opaque("openai/gpt-mini"), favourite=True)]
        assert worker.copied == ["openai/gpt-mini"]


async def test_details_appear_when_the_terminal_grows(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker, (80, 24)) as (pilot, screen, _):
        assert screen.details is None
        await pilot.resize_terminal(140, 45)
        screen.table.move_to(Opaque("evil/[b]name[/b]"))
        await until(pilot, lambda: "[@click=app.quit]x[/]" in screen_text(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: screen.details is not None and not screen.details.display)


async def test_providers_that_have_come_are_no_longer_waited_for(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker, size=(160, 40)) as (pilot, screen, _):
        model = screen.table.model
        assert model is not None
        screen._ask_providers(model.id, force=False)
        job = Job(id=f"endpoints:{model.id.raw}", kind="endpoints", state=JobState.SENT, since=0.0)
        worker.publish(JobChanged(job))
        await until(pilot, lambda: "asking for them" in screen_text(pilot))
        worker.publish(EndpointsLoaded(model=model.id, endpoints=(), fetched_at=worker.now))
        worker.publish(JobChanged(replace(job, state=JobState.DONE)))
        await until(pilot, lambda: "asking for them" not in screen_text(pilot))
