"""The Spend screen: sums, bars, limits with countdowns, the last requests."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from screen_host import NOW, HandWorker, Host, make_settings, until
from spend_host import HOSTILE, key_quota, request, summary, sums, view
from textual.widgets import Static

from tui.config import Budget, Settings
from tui.core.commands import ExportSpend, LoadSpend, PollQuota, RepriceHistory
from tui.core.events import (
    CatalogueLoaded,
    Connection,
    ConnectionChanged,
    HistoryRepriced,
    LimitsRead,
    SpendSummed,
)
from tui.core.ledger import (
    FreeUse,
    KeyState,
    KeyUse,
    RequestKind,
    SpendQuery,
)
from tui.core.repricing import Paid, Repriced
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import KeyInfo
from tui.openrouter.text import Clean, Opaque
from tui.screens.help import HelpScreen
from tui.screens.pick import PickScreen
from tui.screens.request_dialog import RequestDialog
from tui.screens.request_page import page_of, why_no_page
from tui.screens.spend import NOTHING_YET, SpendScreen
from tui.screens.spend_dialogs import PlotDialog
from tui.widgets.bars import CourseBars, Gauges, PartBars
from tui.widgets.footer_line import FooterLine
from tui.widgets.request_list import RequestList


async def test_it_asks_when_shown_and_again_on_r(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: worker.sent(LoadSpend))
        assert not worker.sent(PollQuota)  # the network comes after what is at hand
        worker.publish(SpendSummed(summary()), view())
        await until(pilot, lambda: worker.sent(PollQuota))
        before = len(worker.submitted)
        await pilot.press("r")
        assert len(worker.submitted) == before + 2
        worker.full = True
        await pilot.press("r")
        await until(pilot, lambda: app._notifications)


async def test_the_empty_ledger_says_what_will_be_here(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.screen.query_one(RequestList)
        assert "Reading the ledger" in rows.render_line(0).text
        worker.publish(SpendSummed(summary(last=(), by_day=())))
        await until(pilot, lambda: NOTHING_YET in rows.render_line(0).text)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_everything_is_there_at_every_size(size: tuple[int, int], settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=size) as pilot:
        worker.publish(SpendSummed(summary()), view(), key_quota(), LimitsRead(keys=(), free=FreeUse(day_used=1)))
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: "claude-haiku-4.5" in rows.render_line(1).text)
        line = rows.render_line(1).text
        for figure in ("212→1,204", "$0.00412", "4.1 s", "done", "Anthropic"):
            assert figure in line
        assert len(line) == rows.scrollable_content_region.width
        assert "claude-haiku-4.5" in app.screen.query_one(PartBars).render().plain
        assert "6 Aug" in app.screen.query_one(CourseBars).render().plain
        await until(pilot, lambda: "of $10.00 left" in app.screen.query_one(Gauges).render().plain)
        assert rows.size.height >= 4 and rows.region.bottom == size[1] - 2
        assert not app.screen.show_vertical_scrollbar


async def test_with_all_that_there_can_be_the_requests_are_still_seen(tmp_path: Path, worker: HandWorker) -> None:
    budget = Budget(day=Decimal(5), month=Decimal(50), session=Decimal(1), action="block")
    app = Host(SpendScreen, make_settings(tmp_path, budget=budget), worker)
    async with app.run_test(size=(80, 24)) as pilot:
        whole = msgspec.structs.replace(sums("month", "5"), wasted=3, wasted_usd=Decimal("0.12"), failed=2)
        burning = summary(burn=sums("b", "1"))
        key = KeyInfo(label=Clean("k"), limit=Decimal(10), limit_remaining=Decimal(4), usage_daily=Decimal(1))
        uses = tuple(KeyUse(account=str(number), tail=Clean(f"…000{number}")) for number in range(4))
        worker.publish(
            SpendSummed(burning), view(total=whole), key_quota(key=key), LimitsRead(keys=uses, free=FreeUse(day_used=1))
        )
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: app.screen.query_one("Figures").size.height == 4)
        await pilot.press("slash")
        await until(pilot, lambda: app.screen.query_one("#request-filter").has_focus)
        await pilot.pause()
        assert rows.region.bottom == 22
        assert rows.size.height >= 3
        assert "claude-haiku-4.5" in rows.render_line(1).text
        assert not app.screen.show_vertical_scrollbar


async def test_new_requests_do_not_move_the_cursor_from_its_request(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        older = tuple(request(number) for number in range(1, 40))
        worker.publish(SpendSummed(summary(last=older)))
        rows = app.screen.query_one(RequestList)

        def lit() -> str | None:
            return rows.lit.id if rows.lit is not None else None

        await until(pilot, lit)
        await pilot.press("j", "down")
        assert lit() == "r3"
        worker.publish(SpendSummed(summary(last=(request(0), *older))))
        await until(pilot, lambda: rows.cursor == 3)
        assert lit() == "r3"
        await pilot.press("G")
        assert lit() == "r39"
        assert "claude" in rows.render_line(rows.scrollable_content_region.height - 1).text
        await pilot.press("g")
        # On the newest row it stays on the newest.
        worker.publish(SpendSummed(summary(last=(request(-1), request(0), *older))))
        await until(pilot, lambda: lit() == "r-1")


async def test_details_open_and_close(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        worker.publish(SpendSummed(summary(last=(request(0, model=HOSTILE, provider=HOSTILE),))))
        await until(pilot, lambda: app.screen.query_one(RequestList).lit)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RequestDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SpendScreen))


async def test_hostile_names_stay_text(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        worker.publish(
            SpendSummed(
                summary(
                    by_day=(sums(HOSTILE, "1"),),
                    last=(request(0, model=HOSTILE, provider=HOSTILE, key_tail=HOSTILE),),
                )
            ),
            view(parts=(sums(HOSTILE, "1"),), by_model=(sums(HOSTILE, "1"),)),
            LimitsRead(
                keys=(KeyUse(account="a", tail=HOSTILE, state=KeyState.RESTING, reason=HOSTILE),), free=FreeUse()
            ),
        )
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: rows.lit)
        for height in range(rows.size.height):
            line = rows.render_line(height)
            assert line.cell_length == rows.scrollable_content_region.width
            assert "\x1b" not in line.text and "\u2028" not in line.text
        await pilot.pause()
        assert app.is_running


async def test_other_slices_do_not_draw_the_list_again(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        worker.publish(SpendSummed(summary()))
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: rows.lit)
        await pilot.pause()
        drawn: list[int] = []
        original = rows.render_line
        rows.render_line = lambda y: (drawn.append(y), original(y))[1]  # type: ignore[method-assign, func-returns-value]
        worker.publish(ConnectionChanged(Connection.LIVE))
        worker.publish(SpendSummed(summary()))
        await pilot.pause()
        await pilot.pause()
        assert not drawn


async def test_parts_and_periods_turn_and_the_old_view_stays_until_the_new_is_there(
    settings: Settings, worker: HandWorker
) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(100, 30)) as pilot:
        worker.publish(SpendSummed(summary()), view())
        parts = app.screen.query_one(PartBars)
        await until(pilot, lambda: "claude-haiku" in parts.render().plain)
        await pilot.press("b")
        await until(pilot, lambda: worker.sent(LoadSpend)[-1].query.by == "provider")
        assert "claude-haiku" in parts.render().plain
        # A second press before the answer came is asked about when it has.
        asked = len(worker.sent(LoadSpend))
        await pilot.press("p")
        assert len(worker.sent(LoadSpend)) == asked
        worker.publish(view(query=SpendQuery(by="provider"), parts=(sums("Acme/West", "1"),)))
        await until(pilot, lambda: "Acme/West" in parts.render().plain)
        await until(pilot, lambda: worker.sent(LoadSpend)[-1].query == SpendQuery(by="provider", period="30 days"))
        assert "30 days" in str(parts.border_title)
        for _ in range(3):
            await pilot.press("b")
        await pilot.press("h")
        assert "per hour" in str(app.screen.query_one(CourseBars).border_title)
        await until(pilot, lambda: "top $0.01" in app.screen.query_one(CourseBars).render().plain)


async def test_the_view_is_asked_for_again_when_money_was_spent_but_one_at_a_time(
    settings: Settings, worker: HandWorker
) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(worker.sent(LoadSpend)) == 1)
        worker.publish(SpendSummed(summary()), view())
        await until(pilot, lambda: app.screen.query_one(RequestList).lit)
        for amount in ("1", "2", "3"):
            worker.publish(SpendSummed(summary(today=sums("t", amount))))
            await pilot.pause()
        assert len(worker.sent(LoadSpend)) == 2
        worker.publish(view(total=sums("x", "3")))
        await pilot.pause()
        await pilot.pause()
        assert len(worker.sent(LoadSpend)) == 2
        worker.publish(SpendSummed(summary(today=sums("t", "4"))))
        await until(pilot, lambda: len(worker.sent(LoadSpend)) == 3)


async def test_the_filter_finds_and_esc_brings_all_back(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        worker.publish(SpendSummed(summary()), view())
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: rows.lit)
        await pilot.press("slash", *"gpt")
        await until(pilot, lambda: worker.sent(LoadSpend)[-1].query.words == "gpt")
        found = request(9, model=Clean("openai/gpt-4o-mini"))
        worker.publish(view(query=SpendQuery(words="gpt"), requests=(found,)))
        await until(pilot, lambda: "gpt-4o-mini" in rows.render_line(1).text)
        await pilot.press("enter")
        assert rows.has_focus
        assert rows.lit is not None and rows.lit.id == "r9"
        await pilot.press("escape")
        await until(pilot, lambda: rows.lit is not None and rows.lit.id == "r0")
        assert not any(line.display for line in app.screen.query("#request-filter"))
        worker.publish(view())
        await pilot.press("slash", *"zz")
        await until(pilot, lambda: worker.sent(LoadSpend)[-1].query.words == "zz")
        worker.publish(view(query=SpendQuery(words="zz"), requests=()))
        await until(pilot, lambda: "No request of the last" in rows.render_line(0).text)


async def test_every_column_can_be_seen_at_80_cells(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        full = request(
            cached_tokens=77_777,
            cache_write_tokens=555,
            reasoning_tokens=444,
            quoted_usd=Decimal("0.0077"),
            is_byok=True,
            upstream_usd=Decimal("0.0088"),
            model_answered=Clean("anthropic/other"),
            finish_reason=Clean("end_turn"),
            conversation=Clean("About trees"),
        )
        worker.publish(SpendSummed(summary(last=(full, request(1)))))
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: rows.lit)
        seen = heads = ""
        for _ in range(12):
            seen += rows.render_line(1).text + "\n"
            heads += rows.render_line(0).text
            assert rows.render_line(1).cell_length == rows.scrollable_content_region.width
            await pilot.press("right")
            if rows.page == 0:
                break
        assert rows.page == 0
        wanted = ("77,777", "555", "444", "~$0.0077", "$0.0088", "anthropic/other", "end_turn", "About trees", "…4f2a")
        for words in (*wanted, "200", "0.6 s", "4.1 s", "chat", "212", "1,204", "Anthropic", "done"):
            assert words in seen, words
        for name in ("cached", "written", "thinking", "estimate", "BYOK", "tries", "status", "finish", "conversation"):
            assert name in heads
        await pilot.press("left")
        assert rows.page > 0


async def test_the_page_and_the_id_of_a_request(
    settings: Settings, worker: HandWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Host(SpendScreen, settings, worker)
    opened: list[str] = []
    monkeypatch.setattr(app, "open_url", lambda url, **_: opened.append(url))
    async with app.run_test(size=(80, 24)) as pilot:
        named = request(generation_id=Opaque("gen-1/?&\x1b"))
        worker.publish(SpendSummed(summary(last=(named, request(1)))))
        await until(pilot, lambda: app.screen.query_one(RequestList).lit)
        await pilot.press("o", "y")
        await until(pilot, lambda: worker.copied)
        assert opened == ["https://openrouter.ai/logs?generation_id=gen-1%2F%3F%26%1B"]
        assert worker.copied == ["gen-1/?&\x1b"]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RequestDialog))
        await pilot.press("o", "y")
        await until(pilot, lambda: len(worker.copied) == 2)
        assert len(opened) == 2
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SpendScreen))
        footer = app.screen.query_one(FooterLine)
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: "o logs page" in footer.render().plain)
        await pilot.press("j", "o")
        await until(pilot, lambda: "logs page" not in footer.render().plain)
        assert "enter details" in footer.render().plain
        assert (len(opened), len(app._notifications)) == (2, 0), "where there is no page the key does nothing"
        # Its answer brings the request its id while the cursor rests on it.
        worker.publish(SpendSummed(summary(last=(named, request(1, generation_id=Opaque("gen-2"))))))
        await until(pilot, lambda: "o logs page" in footer.render().plain)
        assert rows.cursor == 1
        worker.publish(SpendSummed(summary(last=())))
        await until(pilot, lambda: "logs page" not in footer.render().plain)
        assert page_of(request(1)) is None
        demo = msgspec.structs.replace(settings, demo=True)
        assert why_no_page(named, demo) and not why_no_page(named, settings)


async def test_limits_that_have_no_room_are_counted_and_a_key_shows_them(tmp_path: Path, worker: HandWorker) -> None:
    budget = Budget(day=Decimal(5), month=Decimal(50), session=Decimal(1), action="block")
    app = Host(SpendScreen, make_settings(tmp_path, budget=budget), worker)
    async with app.run_test(size=(80, 24)) as pilot:
        uses = tuple(KeyUse(account=str(number), tail=Clean(f"…000{number}")) for number in range(4))
        worker.publish(SpendSummed(summary()), view(), key_quota(), LimitsRead(keys=uses, free=FreeUse(day_used=1)))
        gauges = app.screen.query_one(Gauges)
        await until(pilot, lambda: gauges.size.height == 8)
        assert "more" not in gauges.render().plain
        gauges.styles.max_height = 6
        await until(pilot, lambda: gauges.size.height == 6)
        assert gauges.render().plain.endswith("3 more, m shows all: …0002, …0003, free models")
        await pilot.press("m")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, HelpScreen)
                and "…0003" in "\n".join(str(line.render()) for line in app.screen.query(Static))
            ),
        )


async def test_countdowns_wake_as_seldom_as_what_they_say_changes(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        far = FreeUse(day_used=1, resets_at=NOW + 4 * 3600 + 59)
        worker.publish(SpendSummed(summary()), view(), LimitsRead(keys=(), free=far))
        await until(pilot, lambda: app.screen.query_one(RequestList).lit)
        screen = app.screen
        assert isinstance(screen, SpendScreen)
        screen.tick()
        assert screen.rests_s == 30.0, "it says the same for nearly a minute"
        rests = KeyUse(account="a", tail=Clean("…4f2a"), state=KeyState.RESTING, until=NOW + 30.0, reason=Clean("429"))
        worker.publish(LimitsRead(keys=(rests,), free=far))
        assert screen.rests_s == 1.0
        screen.tick()
        assert screen.rests_s == 1.0
        worker.now += 12
        screen.tick()
        await until(pilot, lambda: "rests 18 s" in screen.query_one(Gauges).render().plain)


async def test_older_requests_are_loaded_at_the_end_of_the_list(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        worker.publish(SpendSummed(summary()), view())
        rows = app.screen.query_one(RequestList)
        await until(pilot, lambda: rows.lit)
        await pilot.press("G")
        await until(pilot, lambda: worker.sent(LoadSpend)[-1].query.rows == 400)
        worker.publish(view(query=SpendQuery(rows=400), requests=tuple(request(number) for number in range(60))))
        await until(pilot, lambda: rows.virtual_size.height == 61)
        # A new one stands above the older ones, each once.
        worker.publish(SpendSummed(summary(last=(request(-1), request(0), request(1)))))
        await until(pilot, lambda: rows.virtual_size.height == 62)


async def test_export_what_if_and_plot(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    listed = Model(
        id=Opaque("a/b"),
        slug=Clean("a/b"),
        name=Clean("b"),
        author=Clean("a"),
        output_modalities=(Clean("text"),),
        pricing=Pricing(),
    )
    async with app.run_test(size=(80, 24)) as pilot:
        worker.publish(CatalogueLoaded(models=(listed,), fetched_at=NOW, from_network=True))
        worker.publish(SpendSummed(summary()), view())
        await until(pilot, lambda: app.screen.query_one(RequestList).lit)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: worker.sent(ExportSpend))
        assert worker.sent(ExportSpend)[0].kind == "json"
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(RepriceHistory))
        paid = Paid(requests=4, billed_usd=Decimal(2))
        row = Repriced(
            model=Opaque("a/b"), kind=RequestKind.CHAT, cost_usd=Decimal(1), paid=paid, uncounted=Paid(requests=1)
        )
        worker.publish(HistoryRepriced(models=(Opaque("other"),), days=30, rows=()))
        worker.publish(HistoryRepriced(models=(Opaque("a/b"),), days=30, rows=(row,)))

        def said() -> str:
            return "\n".join(str(line.render()) for line in app.screen.query(Static))

        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "~$1.00, 0.50 of what was paid" in said())
        assert "$2.00 for 4 chats" in said() and "1 whose tokens nobody counted" in said()
        await pilot.press("escape")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, PlotDialog) and app.screen.query("SpendPlot"))
        await until(pilot, lambda: "per day" in str(app.screen.query_one("#spend-plot").border_title))
        await pilot.press("h")
        await until(pilot, lambda: "per hour" in str(app.screen.query_one("#spend-plot").border_title))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SpendScreen))
