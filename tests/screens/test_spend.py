"""The Spend screen: sums, bars, limits with countdowns, the last requests."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from screen_host import NOW, HandWorker, Host, make_settings, until

from tui.config import Budget, Settings
from tui.core.commands import LoadSpend, PollQuota
from tui.core.conversation import Cost, CostKind, Failure
from tui.core.events import Connection, ConnectionChanged, LimitsRead, QuotaRead, SpendSummed, SpendViewed
from tui.core.ledger import (
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
from tui.core.state import State
from tui.openrouter.chat import Credits, KeyInfo
from tui.openrouter.text import Clean, clean
from tui.screens.help import HelpScreen
from tui.screens.spend import NOTHING_YET, SpendScreen, figures, limit_lines, request_details
from tui.widgets.bars import DayBars, Gauges, ModelBars, column_lines
from tui.widgets.request_list import RequestList, columns_for, cost_cell, gap_for, state_words

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
    assert {amount for _, amount in figures(None, NOW)} == {"–"}


def test_the_sums_at_the_top() -> None:
    told = dict(figures(summary(), NOW))
    assert told == {
        "today": "$0.0123",
        "week": "$18.00",
        "month": "$4.21",
        "all": "$61.07",
        "session": "$0.01",
        "reserved": "$0.04",
        "at this rate": "month ~$24.64",
    }


def test_estimates_and_unknown_costs_are_labelled() -> None:
    told = dict(figures(summary(today=sums("t", "0.01", "0.02"), all_time=sums("a", "1", unknown=3, requests=9)), NOW))
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
        "credits | $2.00 of $50.00 left !!",
        "…4f2a | requests 31/100 | tokens 2.1k/10k | last minute",
        "…9c01 | requests 0 | tokens 0 | rests 12 s: 429",
        "…dead | requests 0 | tokens 0 | ✕ refused",
        "…0000 | requests 0 | tokens 0 | ✕ empty",
        "free models | ≥12/50 today | 3/20 this minute | resets in 16 h 53 m",
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
    import msgspec

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
    assert 1 + 5 + sum(shown) + gap_for(width) * len(shown) == width
    assert columns.model >= 16


def test_details_name_what_a_figure_is() -> None:
    told = dict(request_details(request(cost=Cost(Decimal("0.5"), CostKind.ESTIMATED), ttft_ms=None)))
    assert told["cost"] == "~$0.50 estimated, without a bill yet"
    assert told["first token"] == "–"


async def test_it_asks_when_shown_and_again_on_r(settings: Settings, worker: HandWorker) -> None:
    app = Host(SpendScreen, settings, worker)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: worker.sent(LoadSpend) and worker.sent(PollQuota))
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
        assert "claude-haiku-4.5" in app.screen.query_one(ModelBars).render().plain
        assert "6 Aug" in app.screen.query_one(DayBars).render().plain
        await until(pilot, lambda: "of $10.00 left" in app.screen.query_one(Gauges).render().plain)
        assert rows.size.height >= 4 and rows.region.bottom == size[1] - 2
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
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
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
