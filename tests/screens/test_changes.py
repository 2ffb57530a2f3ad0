"""What changed: the dialog, the terms `new` and `changed`, and the badges, with a worker driven by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from msgspec.structs import replace
from screen_host import NOW, HandWorker, until
from test_models_screen import MODELS, model, models, screen_text, shown
from textual.pilot import Pilot

from tui.config import Settings
from tui.core.catalogue_changes import Changes, Listed, Moved, Span, difference
from tui.core.commands import RefreshCatalogue
from tui.core.events import CatalogueLoaded, ChangesRead
from tui.openrouter.text import Clean, Opaque
from tui.screens.changes_dialog import ChangesDialog

DAY = 86_400.0
OLD = (
    model("anthropic/claude-haiku", "0.000002"),
    model("openai/gpt-mini", "0.00000025", context=64_000),
    model("openai/text-embedding", "0.00000002", out=(Clean("embeddings"),), expiration_date=date(2026, 12, 1)),
    model("evil/[b]name[/b]", "0.000009", name="[@click=app.quit]x[/]"),
    model("gone/model", "0.000001"),
    model("openrouter/auto", None),
)


def known(*, week: tuple[Moved, ...] = (), visit: tuple[Moved, ...] = (), visited: bool = True) -> Changes:
    return Changes(
        as_of=NOW,
        watched_since=NOW - 20 * DAY,
        visited_at=NOW - DAY if visited else None,
        since_visit=Span(start=NOW - DAY, moved=visit, compared_with=NOW - 2 * DAY if visit else None),
        week=Span(start=NOW - 7 * DAY, moved=week, compared_with=NOW - 8 * DAY),
        month=Span(start=NOW - 30 * DAY, moved=week),
    )


async def opened(pilot: Pilot[None]) -> ChangesDialog:
    await pilot.press("w")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChangesDialog) and pilot.app.screen.rows.has_focus)
    dialog = pilot.app.screen
    assert isinstance(dialog, ChangesDialog)
    return dialog


async def test_each_change_stands_under_its_heading(settings: Settings, worker: HandWorker) -> None:
    passed = Moved(Opaque("came/went"), Clean("x"), between=Listed(1000))
    moved = (*difference(OLD, MODELS), Moved(Opaque("evil/\x1b]52;c;eA==\x07"), Clean("y"), Listed(5)), passed)
    async with models(settings, worker) as (pilot, _, _):
        worker.publish(ChangesRead(known(week=moved)))
        dialog = await opened(pilot)
        text = screen_text(pilot)
        assert dialog.rows.change is not None
        assert "▼50%" in text
        assert "2.00 → 1.00" in text
        assert "▲" not in text.split("context length")[0].split("price down")[1]
        assert "64k → 128k" in text
        await pilot.press("G")
        await until(pilot, lambda: "came/went" in screen_text(pilot))
        text = screen_text(pilot)
        assert "2026-12-01 → none" in text
        assert "gone/model" in text
        assert "\x1b]52" not in text
        assert "watched since" in text or "compared with" in text


async def test_the_span_with_something_to_tell_comes_first_and_w_goes_on(
    settings: Settings, worker: HandWorker
) -> None:
    moved = difference(OLD, MODELS)
    async with models(settings, worker) as (pilot, _, _):
        worker.publish(ChangesRead(known(week=moved)))
        await opened(pilot)
        assert "7 days · 5" in screen_text(pilot)
        assert "compared with" in screen_text(pilot)
        await pilot.press("w", "w")
        await until(pilot, lambda: "Nothing has changed in this time." in screen_text(pilot))
        await pilot.press("h")
        await until(pilot, lambda: "gone/model" in screen_text(pilot))
        await pilot.press("r")
        assert worker.sent(RefreshCatalogue)
        # What the refresh brings is shown at once.
        newer = (*moved, *difference((), (model("brand/new"),)))
        worker.publish(ChangesRead(known(week=newer)))
        await until(pilot, lambda: "brand/new" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ChangesDialog))


async def test_nothing_yet_says_since_when_it_watches(settings: Settings, worker: HandWorker) -> None:
    async with models(settings, worker) as (pilot, _, _):
        await opened(pilot)
        assert "loaded twice" in screen_text(pilot)
        worker.publish(ChangesRead(known(visited=False)))
        await until(pilot, lambda: "first visit" in screen_text(pilot))
        assert "watched since" in screen_text(pilot)
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, ChangesDialog)


async def test_enter_goes_to_the_model_even_where_the_filter_hid_it(settings: Settings, worker: HandWorker) -> None:
    moved = difference(OLD, MODELS)
    async with models(settings, worker) as (pilot, screen, _):
        worker.publish(ChangesRead(known(week=moved, visit=moved)))
        screen.filter_line.put("openai")
        await until(pilot, lambda: len(shown(screen)) == 2)
        dialog = await opened(pilot)
        assert dialog.rows.change is not None
        assert dialog.rows.change.model.raw == "anthropic/claude-haiku"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: len(shown(screen)) == len(MODELS))
        assert screen.table.model is not None
        assert screen.table.model.slug == "anthropic/claude-haiku"
        # One that is gone cannot be gone to.
        dialog = await opened(pilot)
        await pilot.press("G")
        await until(pilot, lambda: dialog.rows.change is not None and dialog.rows.change.model.raw == "gone/model")
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen is dialog


async def test_terms_and_badges_go_by_the_changes(settings: Settings, worker: HandWorker) -> None:
    moved = difference((*OLD, model("late/arrival")), MODELS)
    soon = replace(MODELS[1], expiration_date=date(2026, 8, 20))
    async with models(settings, worker) as (pilot, screen, _):
        worker.publish(CatalogueLoaded(models=(MODELS[0], soon, *MODELS[2:]), fetched_at=NOW, from_network=True))
        worker.publish(ChangesRead(known(week=moved)))
        await until(pilot, lambda: "▼50%" in screen_text(pilot))
        assert "⌛14d" in screen_text(pilot)
        screen.filter_line.put("changed")
        await until(
            pilot,
            lambda: set(shown(screen)) == {"anthropic/claude-haiku", "openai/gpt-mini", "openai/text-embedding"},
        )
        came = Moved(Opaque("openrouter/auto"), Clean("x"), after=Listed())
        worker.publish(ChangesRead(known(week=(came,))))
        await until(pilot, lambda: shown(screen) == ["openrouter/auto"])
        screen.filter_line.put("new")
        await until(pilot, lambda: set(shown(screen)) == {"openrouter/auto", "evil/[b]name[/b]"})
        assert "✦" in screen_text(pilot)


async def test_the_standing_line_tells_of_changes_until_they_were_looked_at(
    settings: Settings, worker: HandWorker
) -> None:
    async with models(settings, worker) as (pilot, _, _):
        worker.publish(ChangesRead(known(visit=difference(OLD, MODELS))))
        await until(pilot, lambda: "w: 4 changed since your last visit" in screen_text(pilot))
        await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "since your last visit" not in screen_text(pilot))


async def test_prices_of_things_and_conditions_fit(settings: Settings, worker: HandWorker) -> None:
    before = Listed(1000, prices={"image": Decimal("0.02"), "prompt >200000": Decimal("0.000001")})
    after = Listed(1000, prices={"image": Decimal("0.04"), "prompt >200000": Decimal(0), "request": Decimal(1)})
    wide = Moved(Opaque("漢字/" + "モデル" * 20), Clean("x"), before, after)
    async with models(settings, worker) as (pilot, _, _):
        worker.publish(ChangesRead(known(week=(wide,))))
        await opened(pilot)
        text = screen_text(pilot)
        assert "$0.02 → $0.04" in text
        assert "input >200k" in text
        assert "▼100%" in text
        assert "prices listed, or no more · 1" in text
        assert "…" in text


async def test_what_the_short_form_hides_is_told_exactly(settings: Settings, worker: HandWorker) -> None:
    before = Listed(131_072, prices={"prompt": Decimal("0.00000000001")})
    after = Listed(131_000, prices={"prompt": Decimal("0.00000000002")})
    async with models(settings, worker) as (pilot, _, _):
        worker.publish(ChangesRead(known(week=(Moved(Opaque("a/b"), Clean("x"), before, after),))))
        await opened(pilot)
        assert "131,072 → 131,000" in screen_text(pilot)
        assert "0.00001 → 0.00002" in screen_text(pilot)
