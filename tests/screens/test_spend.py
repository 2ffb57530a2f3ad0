"""The Spend screen: sums, bars, limits with countdowns, the last requests."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from screen_host import NOW, HandWorker, Host, make_settings, until
from textual.widgets import Static

from tui.config import Budget, Settings
from tui.core import formats
from tui.core.commands import ExportSpend, LoadSpend, PollQuota, RepriceHistory
from tui.core.conversation import Cost, CostKind, Failure
from tui.core.events import (
    AccountDay,
    ActivityRead,
    CatalogueLoaded,
    Connection,
    ConnectionChanged,
    HistoryRepriced,
    Job,
    JobChanged,
    JobState,
    LimitsRead,
    QuotaRead,
    SpendSummed,
    SpendViewed,
)
from tui.core.ledger import (
    STOPPED,
    FreeUse,
    KeyLimits,
    KeyState,
    KeyUse,
    LedgerRow,
    RequestKind,
    RequestState,
    SpendQuery,
    SpendRow,
    SpendSummary,
    SpendView,
)
from tui.core.limit_words import what_helps
from tui.core.repricing import Paid, Repriced
from tui.core.state import State
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import Credits, KeyInfo
from tui.openrouter.text import Clean, Opaque, clean
from tui.screens.help import HelpScreen
from tui.screens.pick import PickScreen
from tui.screens.request_dialog import RequestDialog, request_details
from tui.screens.request_page import page_of, why_no_page
from tui.screens.spend import NOTHING_YET, SpendScreen
from tui.screens.spend_dialogs import PlotDialog
from tui.screens.spend_figures import figures, notes
from tui.screens.spend_limits import limit_lines
from tui.widgets.bars import CourseBars, Gauges, PartBars, column_lines
from tui.widgets.footer_line import FooterLine
from tui.widgets.request_columns import columns_for, cost_cell, gap_for, state_words, time_cell, tokens_cell
from tui.widgets.request_list import RequestList

HOSTILE = clean("[/b] [@click=app.quit]x[/] \x1b]52;c;eA==\x1b\\ \u2028 👩‍👩‍👧 " + "y" * 5000)


def sums(key: str, billed: str = "0", estimated: str = "0", unknown: int = 0, requests: int = 1) -> SpendRow:
    return SpendRow(
        key=Clean(key),
        requests=requests,
        billed_usd=Decimal(billed),
        estimated_usd=Decimal(estimated),
        unknown=unknown,
    )


def request(number: int = 0, **changes: Any) -> LedgerRow:
    fields: dict[str, Any] = {
        "id": f"r{number}",
        "kind": RequestKind.CHAT,
        "state": RequestState.BILLED,
        "created_at": NOW - number * 60,
        "key_tail": Clean("…4f2a"),
        "model": Clean("anthropic/claude-haiku-4.5"),
        "model_answered": None,
        "provider": Clean("Anthropic"),
        "cost": Cost(Decimal("0.00412"), CostKind.BILLED),
        "prompt_tokens": 212,
        "completion_tokens": 1204,
        "reasoning_tokens": None,
        "cached_tokens": None,
        "ttft_ms": 600,
        "duration_ms": 4100,
        "tries": 1,
        "status": 200,
        "error_kind": None,
        "conversation_id": None,
    }
    return LedgerRow(**(fields | changes))


def summary(**changes: Any) -> SpendSummary:
    fields: dict[str, Any] = {
        "day_utc": "2026-08-06",
        "session": sums("s", "0.01"),
        "today": sums("t", "0.0123"),
        "month": sums("m", "4.21"),
        "all_time": sums("a", "61.07"),
        "reserved_usd": Decimal("0.04"),
        "week": sums("w", "18"),
        "by_day": tuple(sums(f"2026-08-0{day}", str(day)) for day in range(1, 7)),
        "last": (request(0), request(1)),
    }
    return SpendSummary(**(fields | changes))


def view(**changes: Any) -> SpendViewed:
    parts = (sums("anthropic/claude-haiku-4.5", "2.10"), sums("openai/gpt-4o-mini", "0.81"))
    fields: dict[str, Any] = {
        "query": SpendQuery(),
        "total": sums("month", "4.21"),
        "parts": parts,
        "by_model": parts,
        "by_hour": tuple(sums(str(int(NOW) // 3600 * 3600 - hour * 3600), "0.01") for hour in range(47, -1, -1)),
    }
    return SpendViewed(SpendView(**(fields | changes)))


def lines(state: State, settings: Settings, now: float = NOW) -> list[str]:
    """The limits pane as words, without bars."""
    said = []
    for line in limit_lines(state, settings, now):
        gauges = [f"{gauge.label} {gauge.text}{gauge.level.value}".strip() for gauge in line.gauges]
        said.append(" | ".join([line.name, *gauges, *([line.note] if line.note else [])]))
    return said


def test_unknown_sums_are_dashes() -> None:
    assert {amount for _, amount in figures(None)} == {"–"}


def test_the_sums_at_the_top() -> None:
    told = dict(figures(summary()))
    assert told == {
        "today": "$0.0123",
        "week": "$18.00",
        "month": "$4.21",
        "all": "$61.07",
        "session": "$0.01",
        "reserved": "$0.04",
    }


def test_estimates_and_unknown_costs_are_labelled() -> None:
    told = dict(figures(summary(today=sums("t", "0.01", "0.02"), all_time=sums("a", "1", unknown=3, requests=9))))
    assert told[Clean("today")] == "~$0.03"
    assert told[Clean("cost unknown")] == "3 requests"


def test_columns_are_never_lower_than_an_eighth_when_something_was_spent() -> None:
    assert column_lines([Decimal(0), Decimal("0.001"), Decimal(8), Decimal(16)], 2) == ["   █", " ▁██"]
    assert column_lines([Decimal(0)] * 3, 1) == ["   "]
    assert column_lines([], 1) == [""]


def key_quota(**changes: Any) -> QuotaRead:
    key = KeyInfo(label=Clean("k"), limit=Decimal(10), limit_remaining=Decimal("7.5"), limit_reset=Clean("weekly"))
    fields: dict[str, Any] = {"as_of": NOW - 30, "key": key, "credits": None}
    return QuotaRead(**(fields | changes))


def test_limits_of_key_credits_and_free_models(tmp_path: Path) -> None:
    state = State()
    settings = make_settings(tmp_path, budget=Budget(day=Decimal(5), month=Decimal(50)))
    assert lines(state, settings) == ["key | asking what is left …"]
    state.apply(SpendSummed(summary()))
    state.apply(key_quota(credits=Credits(total_credits=Decimal(50), total_usage=Decimal(48))))
    state.apply(
        LimitsRead(
            keys=(
                KeyUse(
                    account="a",
                    tail=Clean("…4f2a"),
                    requests_60s=31,
                    tokens_60s=2_100,
                    limits=KeyLimits(req_per_min=100, tokens_per_min=10_000),
                ),
                KeyUse(account="b", tail=Clean("…9c01"), state=KeyState.RESTING, until=NOW + 12, reason=Clean("429")),
                KeyUse(account="c", tail=Clean("…dead"), state=KeyState.DEAD),
                KeyUse(account="d", tail=Clean("…0000"), state=KeyState.EMPTY),
            ),
            free=FreeUse(day_used=12, minute_used=3),
        )
    )
    assert lines(state, settings) == [
        "budget | day $0.0123/5.00 | month $4.21/50.00 | then ask",
        "key limit | $7.50 of $10.00 left | weekly, resets in 3 d",
        "credits | $2.00 of $50.00 left !! | account",
        "…4f2a | requests 31/100 | tokens 2.1k/10k | last minute",
        "…9c01 | requests 0 | tokens 0 | rests 12 s: 429",
        "…dead | requests 0 | tokens 0 | ✕ refused",
        "…0000 | requests 0 | tokens 0 | ✕ empty",
        "free models | ≥12/50 today | 3/20 a minute | resets in 16 h 53 m",
    ]
    assert "rests 7.0 s: 429" in lines(state, settings, NOW + 5)[4]


def test_a_quota_that_cannot_be_asked_is_old_or_unknown_and_never_zero(settings: Settings) -> None:
    failure = Failure(kind="dns", message=Clean("no network"), advice=Clean(""))
    state = State()
    state.apply(key_quota(key=None, failure=failure))
    assert lines(state, settings) == ["key limit | unknown: no network"]
    state.apply(key_quota())
    state.apply(key_quota(key=None, as_of=NOW + 3600, failure=failure))
    assert lines(state, settings, NOW + 3570) == [
        "key limit | $7.50 of $10.00 left | weekly, resets in 3 d, 1 h 0 m old: no network"
    ]


def test_no_key_says_how_to_give_one(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    bare = msgspec.structs.replace(settings.provider, keys=())
    settings = msgspec.structs.replace(settings, provider=bare, providers=(bare,))
    assert lines(State(), settings) == ["key | none: set OPENROUTER_API_KEY or list one in config.yaml"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "done"),
        ({"state": RequestState.RESERVED}, "running"),
        ({"state": RequestState.AWAITED, "error_kind": "stopped"}, "■ stopped, bill awaited"),
        ({"state": RequestState.BILLED, "error_kind": "stopped"}, "■ stopped"),
        ({"state": RequestState.AWAITED}, "bill awaited"),
        ({"state": RequestState.ESTIMATED}, "no bill came"),
        ({"state": RequestState.UNKNOWN}, "cost unknown"),
        ({"state": RequestState.FREE, "error_kind": "rate_limited", "tries": 3}, "✕ rate limited ↻2"),
        ({"state": RequestState.FREE}, "not billed"),
        ({"error_kind": "cut_off"}, "✂ cut off"),
    ],
)
def test_how_a_request_ended_is_said_in_words(changes: dict[str, Any], words: str) -> None:
    assert state_words(request(**changes)) == words


def test_a_cost_too_long_for_its_column_loses_no_digits_unsaid() -> None:
    tiny = Decimal("0.000000361")
    assert cost_cell(Cost(tiny, CostKind.BILLED), 12) == "$0.000000361"
    assert cost_cell(Cost(tiny, CostKind.BILLED), 9) == "<$0.0001"
    assert cost_cell(Cost(tiny, CostKind.ESTIMATED), 9) == "~<$0.0001"


@pytest.mark.parametrize("width", [79, 80, 118, 119, 139, 199])
def test_the_columns_fill_the_width(width: int) -> None:
    columns = columns_for(width)
    shown = [size for size in columns if size]
    assert 1 + sum(shown) + gap_for(width) * (len(shown) - 1) == width
    assert columns.model >= 16


def test_in_little_room_what_became_of_the_bill_is_not_cut() -> None:
    stopped = request(error_kind="stopped", state=RequestState.AWAITED)
    assert state_words(stopped, columns_for(79).state) == "■ bill awaited"
    assert state_words(stopped, columns_for(119).state) == "■ stopped, bill awaited"


def test_tokens_are_shortened_and_not_cut() -> None:
    row = request(prompt_tokens=15_862, completion_tokens=1_885)
    assert tokens_cell(row, 13) == "15,862→1,885"
    assert tokens_cell(row, 11) == "16k→1.9k"
    assert tokens_cell(request(prompt_tokens=123_456, completion_tokens=None), 8) == "123k→–"


def test_a_request_of_another_day_says_which() -> None:
    today = time.time()
    assert time_cell(today, 6) == formats.clock(today)
    then = datetime(2020, 11, 24, 14, 2).astimezone().timestamp()
    assert time_cell(then, 6) == "24 Nov"
    assert time_cell(then, 12) == "24 Nov 14:02"


def test_details_name_what_a_figure_is() -> None:
    told = dict(request_details(request(cost=Cost(Decimal("0.5"), CostKind.ESTIMATED), ttft_ms=None)))
    assert told["cost"] == "~$0.50 estimated, without a bill yet"
    assert told["first token"] == "–"


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


def told(state: State, now: float = NOW) -> list[str]:
    return [str(note) for note in notes(state, now)]


def test_rates_projections_caching_and_waste_are_told() -> None:
    state = State()
    assert told(state) == []
    state.apply(SpendSummed(summary(burn=sums("b", "0.02"), month=sums("m", "5"))))
    state.apply(key_quota())
    whole = msgspec.structs.replace(sums("month", "5"), wasted=3, wasted_usd=Decimal("0.12"), failed=2)
    state.apply(view(total=whole, by_model=(msgspec.structs.replace(sums("a/b"), cached_tokens=1000),)))
    pricing = Pricing(prompt=Decimal("0.001"), input_cache_read=Decimal("0.0001"))
    listed = Model(id=Opaque("a/b"), slug=Clean("a/b"), name=Clean("b"), author=Clean("a"), pricing=pricing)
    state.apply(CatalogueLoaded(models=(listed,), fetched_at=NOW, from_network=True))
    assert told(state) == [
        "burn ~$0.08/h",
        "day ends ~$1.36",
        "month ~$29.27",
        # 7.50 at 0.08 an hour is 93 hours, but on Monday the key's week begins anew.
        "caching saved ~$0.90",
        "wasted $0.12 on 3",
        "2 failed unbilled",
    ]
    state.apply(SpendSummed(summary(burn=sums("b", "1"))))
    assert "key empty in 1 h 52 m" in told(state)


def test_limits_that_are_odd_are_never_shown_as_nothing(settings: Settings) -> None:
    def key_lines(**changes: Any) -> list[str]:
        state = State()
        fields: dict[str, Any] = {"label": Clean("k"), "limit": None, "limit_remaining": None}
        state.apply(key_quota(key=KeyInfo(**(fields | changes))))
        return lines(state, settings)

    assert key_lines() == ["key limit | no limit"]
    assert key_lines(limit=Decimal(0), limit_remaining=Decimal(0)) == ["key limit | $0 of $0 left !! | never resets"]
    assert key_lines(limit=Decimal(5)) == ["key limit | $5.00, what is left is unknown"]
    overdrawn = {"limit": Decimal(5), "limit_remaining": Decimal(-1), "limit_reset": Clean("daily")}
    assert key_lines(**overdrawn) == ["key limit | -$1.00 of $5.00 left !! | daily, resets in 16 h 53 m"]
    assert key_lines(expires_at=Clean("2026-08-08T07:06:40Z")) == ["key limit | no limit, expires in 2 d"]
    assert key_lines(expires_at=Clean("2026-08-01T00:00:00Z")) == ["key limit | no limit, ✕ expired"]
    assert key_lines(expires_at=Clean("soon")) == ["key limit | no limit, expires soon"]
    used = {"usage_daily": Decimal("0.5"), "usage_monthly": Decimal(3), "byok_usage": Decimal(2), "usage": Decimal(99)}
    assert key_lines(**used) == [
        "key limit | no limit",
        "key used | $0.50 today, $3.00 month; own provider keys (BYOK) apart: $2.00",
    ]


def test_room_waiting_jobs_and_the_account_are_told(settings: Settings) -> None:
    state = State()
    full = KeyUse(account="a", tail=Clean("…4f2a"), requests_60s=3, limits=KeyLimits(req_per_min=3), room_at=NOW + 12)
    state.apply(LimitsRead(keys=(full,), free=FreeUse(minute_used=20, minute_room_at=NOW + 31)))
    job = Job(
        id="r", kind="ask", state=JobState.WAITING, since=0, reason=Clean("the request limit"), wait_until=NOW + 12
    )
    state.apply(JobChanged(job))
    day = AccountDay(
        day=Clean("2026-08-05"),
        account_usd=Decimal(3),
        account_byok_usd=Decimal(0),
        account_requests=4,
        own_usd=Decimal(1),
        own_byok_usd=Decimal(0),
        own_requests=2,
    )
    state.apply(ActivityRead(as_of=NOW, days=(day,)))
    said = lines(state, settings)
    assert said[0] == "↻ waits | 12 s: the request limit"
    assert said[2] == "…4f2a | requests 3/3 !! | tokens 0 | room in 12 s"
    assert said[3] == "free models | 0/50 today | 20/20 a minute !! | room in 31 s, resets in 16 h 53 m"
    assert said[4] == "account | 1 closed days $3.00, here $1.00, difference $2.00 (a: by day)"
    assert "room in 2.0 s" in lines(state, settings, NOW + 10)[2]
    assert "last minute" in lines(state, settings, NOW + 12)[2]


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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"error_kind": "free_per_day", "state": RequestState.FREE},
            "OpenRouter's own limit: the free models' allowance of 50 a day",
        ),
        ({"error_kind": "free_per_minute", "state": RequestState.FREE}, "allowance of 20 a minute"),
        ({"error_kind": "rate_limited", "state": RequestState.FREE}, "A limit of Anthropic, not of OpenRouter"),
        ({"error_kind": "own_limit", "state": RequestState.FREE}, "Your own limit of requests or tokens"),
        ({"error_kind": "key_limit", "state": RequestState.FREE}, "Nothing was billed. The key's own limit"),
        ({"error_kind": "cut_off"}, "$0.00412 was billed for an answer that is not whole."),
        ({"state": RequestState.AWAITED}, "The bill is not there yet"),
    ],
)
def test_what_happened_and_what_helps(changes: dict[str, Any], words: str) -> None:
    free = FreeUse(resets_at=NOW + 3600)
    assert words in (what_helps(request(**changes), free, NOW) or "")


def test_of_what_ended_well_nothing_is_said() -> None:
    assert what_helps(request(), None, NOW) is None


def test_the_receipt_of_a_request_names_all_that_matters() -> None:
    row = request(
        model_answered=Clean("openai/gpt-4o"),
        cached_tokens=106,
        quoted_usd=Decimal("0.005"),
        upstream_usd=Decimal("0.002"),
        is_byok=True,
        tries=2,
    )
    pricing = Pricing(prompt=Decimal("0.000001"), completion=Decimal("0.000005"))
    listed = Model(id=Opaque("x"), slug=Clean("x"), name=Clean("x"), author=Clean("x"), pricing=pricing)
    told = dict(request_details(row, listed))
    assert told["at sending"] == "~$0.005 expected"
    assert told["upstream"] == "$0.002 billed by the provider, in the cost"
    assert told["from cache"] == "106 read (50 %), 0 written"
    assert told["list price"] == "1.00 in, 5.00 out $/M now"
    assert told["answered by"] == "openai/gpt-4o (asked: anthropic/claude-haiku-4.5)"
    assert (told["tries"], told["speed"]) == ("2", "344 tok/s")
    # The bill of a reply that was stopped may count what never came.
    assert "speed" not in dict(request_details(msgspec.structs.replace(row, error_kind=STOPPED)))


def test_the_plot_is_imported_only_when_it_is_opened() -> None:
    script = "import sys, tui.screens.spend; assert not {'numpy', 'textual_plot'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
