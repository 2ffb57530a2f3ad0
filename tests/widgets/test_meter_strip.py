"""What the meter strip says, figure by figure."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from typing_extensions import override

from tui.config import Budget, Settings
from tui.config_types import ChatDefaults, EmbeddingDefaults, Provider, UiSettings
from tui.core.conversation import ConversationSettings, Cost, CostKind, Failure, Message, Receipt
from tui.core.events import Job, JobChanged, JobState, LimitsRead, QuotaRead, ReplyGrew, SpendSummed, TurnQueued
from tui.core.ledger import FreeUse, KeyLimits, KeyState, KeyUse, SpendRow, SpendSummary
from tui.core.resets import next_reset
from tui.core.state import State
from tui.folders import Folders
from tui.openrouter.chat import Credits, KeyInfo
from tui.openrouter.text import Clean
from tui.widgets.meter_strip import Level, MeterStrip, level_of, strip_parts

NOW = 1_786_000_000.0  # Thursday 2026-08-06 07:06:40 UTC


def settings(*, demo: bool = False, **budget: str) -> Settings:
    provider = Provider(id="p", type="openrouter", keys=(), base_url="", origin="https://openrouter.ai:443")
    root = Path("nowhere")
    amounts: dict[str, Any] = {name: Decimal(value) for name, value in budget.items()}
    return Settings(
        providers=(provider,),
        provider=provider,
        budget=Budget(**amounts),
        ui=UiSettings(),
        chat=ChatDefaults(),
        embeddings=EmbeddingDefaults(),
        allow_http=False,
        keymap={},
        warnings=(),
        folders=Folders(*[root] * 7),
        demo=demo,
        config_file=None,
    )


def row(billed: str, estimated: str = "0", unknown: int = 0, requests: int = 1) -> SpendRow:
    return SpendRow(
        key=Clean("x"),
        requests=requests,
        billed_usd=Decimal(billed),
        estimated_usd=Decimal(estimated),
        unknown=unknown,
    )


def spent(today: SpendRow, month: str = "0", session: str = "0", reserved: str = "0") -> SpendSummed:
    return SpendSummed(
        SpendSummary(
            day_utc="2026-08-06",
            session=row(session),
            today=today,
            month=row(month),
            all_time=row(month),
            reserved_usd=Decimal(reserved),
            held_usd={"session": Decimal(reserved), "day": Decimal(reserved), "month": Decimal(reserved)},
        )
    )


def texts(state: State, chosen: Settings | None = None, now: float = NOW) -> list[str]:
    return [part.shown for part in strip_parts(state, chosen or settings(), now)]


def stream(state: State, message_id: str, cost: str | None, speed: float | None = 86.4) -> None:
    reply = Message(
        id=message_id, conversation_id="c", parent_id=None, role="assistant", text=Clean(""), created_at=NOW
    )
    state.apply(
        TurnQueued(
            conversation_id="c",
            title=Clean("t"),
            settings=ConversationSettings(),
            private=False,
            question=None,
            reply=reply,
        )
    )
    amount = Cost(Decimal(cost), CostKind.ESTIMATED) if cost is not None else Cost(None, CostKind.UNKNOWN)
    receipt = Receipt(cost=amount, tokens_per_second=speed)
    state.apply(ReplyGrew(conversation_id="c", message_id=message_id, text=Clean("x"), receipt=receipt))


def test_nothing_known_is_a_dash_and_never_a_zero() -> None:
    assert texts(State()) == ["today –"]


def test_demo_says_so_first() -> None:
    assert texts(State(), settings(demo=True))[0] == "DEMO"


@pytest.mark.parametrize(
    ("today", "budget", "said"),
    [
        (row("0.0123"), {"day": "5"}, "today $0.0123/5.00 ▁"),
        (row("0.0123"), {}, "today $0.0123"),
        (row("0.01", "0.02"), {}, "today ~$0.03"),
        (row("0", unknown=1), {}, "today –"),
        (row("0", requests=0), {}, "today $0"),
        (row("4"), {"day": "5"}, "today $4.00/5.00 ▇ !"),
        (row("4.8"), {"day": "5"}, "today $4.80/5.00 █ !!"),
    ],
)
def test_today(today: SpendRow, budget: dict[str, Any], said: str) -> None:
    state = State()
    state.apply(spent(today))
    assert texts(state, settings(**budget)) == [said]


def test_reserves_count_against_the_budget() -> None:
    state = State()
    state.apply(spent(row("3.9"), reserved="0.2"))
    assert texts(state, settings(day="5")) == ["today $3.90/5.00 ▇ !"]


def test_other_budgets_are_shown_once_they_are_near() -> None:
    state = State()
    state.apply(spent(row("1"), month="48", session="0.1"))
    assert texts(state, settings(month="50", session="1")) == ["today $1.00", "month $48.00/50.00 █ !!"]


def test_what_streams_is_an_estimate_with_its_speed() -> None:
    state = State()
    stream(state, "a", "0.0004")
    assert texts(state)[1] == "~$0.0004 86 tok/s"
    stream(state, "b", "0.0006", speed=14.0)
    assert texts(state)[1] == "2× ~$0.001 100 tok/s"


def test_an_unknown_price_does_not_pass_for_free() -> None:
    state = State()
    stream(state, "a", None, speed=None)
    assert texts(state)[1] == "– …"
    stream(state, "b", "0.5", speed=None)
    assert texts(state)[1] == "2× ≥~$0.50 …"


def test_a_waiting_job_counts_down() -> None:
    state = State()
    state.apply(JobChanged(Job(id="j", kind="ask", state=JobState.WAITING, since=0, wait_until=NOW + 12)))
    part = strip_parts(state, settings(), NOW)[1]
    assert part.text == "waits 12s" and part.ticks
    assert texts(state, now=NOW + 13)[1] == "waits 0s"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (KeyUse(account="a", tail=Clean("…4f2a"), state=KeyState.RESTING, until=NOW + 30), "…4f2a rests 30s !"),
        (KeyUse(account="a", tail=Clean("…4f2a"), state=KeyState.DEAD), "…4f2a refused !!"),
        (KeyUse(account="a", tail=Clean("…4f2a"), state=KeyState.EMPTY), "…4f2a empty !!"),
    ],
)
def test_keys_in_trouble_are_named(key: KeyUse, said: str) -> None:
    state = State()
    state.apply(LimitsRead(keys=(key,), free=FreeUse()))
    assert said in texts(state)


def quota(limit: str | None, left: str | None, period: str | None = None, **more: Any) -> QuotaRead:
    key = KeyInfo(
        label=Clean("k"),
        limit=Decimal(limit) if limit else None,
        limit_remaining=Decimal(left) if left else None,
        limit_reset=Clean(period) if period else None,
    )
    fields: dict[str, Any] = {"as_of": NOW - 10, "key": key, "credits": None}
    return QuotaRead(**(fields | more))


def test_what_is_left_of_the_key() -> None:
    state = State()
    state.apply(quota("10", "7.5", "monthly"))
    assert texts(state)[1:] == ["key $7.50 25d"]
    state.apply(quota("10", "1", "daily"))
    assert texts(state)[1:] == ["key $1.00 16h !"]


def test_credits_where_the_key_has_no_limit() -> None:
    state = State()
    credits_left = Credits(total_credits=Decimal(50), total_usage=Decimal(48))
    state.apply(quota(None, None, credits=credits_left))
    assert texts(state)[1:] == ["credits $2.00 !!"]


def test_an_old_figure_says_its_age() -> None:
    state = State()
    state.apply(quota("10", "7.5"))
    failure = Failure(kind="dns", message=Clean("no network"), advice=Clean(""))
    state.apply(QuotaRead(as_of=NOW + 7200, key=None, credits=None, failure=failure))
    assert texts(state, now=NOW + 7190) == ["today –", "key $7.50 (2h old)"]


def test_the_free_allowance_appears_with_its_first_use() -> None:
    state = State()
    state.apply(LimitsRead(keys=(), free=FreeUse()))
    assert texts(state) == ["today –"]
    state.apply(LimitsRead(keys=(), free=FreeUse(day_used=12, minute_used=19, at_least=False)))
    assert texts(state)[1:] == ["free 12/50 16h", "free 19/20 this min !!"]
    state.apply(LimitsRead(keys=(), free=FreeUse(day_used=12)))
    assert texts(state)[1:] == ["free ≥12/50 16h"]


def test_per_minute_figures_are_of_the_key_nearest_to_its_limits() -> None:
    state = State()
    calm = KeyUse(account="a", tail=Clean("a"), requests_60s=3, limits=KeyLimits(req_per_min=100))
    busy = KeyUse(
        account="b",
        tail=Clean("b"),
        requests_60s=31,
        tokens_60s=8_500,
        limits=KeyLimits(req_per_min=100, tokens_per_min=10_000),
    )
    state.apply(LimitsRead(keys=(calm, busy), free=FreeUse()))
    assert texts(state)[1:] == ["31/100 rpm", "8.5k/10k tpm !"]


def test_a_key_that_was_never_read_is_unknown() -> None:
    state = State()
    failure = Failure(kind="dns", message=Clean("no network"), advice=Clean(""))
    state.apply(QuotaRead(as_of=NOW, key=None, credits=None, failure=failure))
    assert texts(state)[1:] == ["key –"]


def test_limits_of_nothing_and_overdrawn_credits_are_full() -> None:
    state = State()
    state.apply(quota("5", "-1"))
    assert texts(state)[1:] == ["key -$1.00 !!"]
    zero = KeyInfo(label=Clean("k"), limit=Decimal(0), limit_remaining=Decimal(0))
    state.apply(QuotaRead(as_of=NOW, key=zero, credits=None))
    assert texts(state)[1:] == ["key $0 !!"]
    state.apply(quota(None, None, credits=Credits(total_credits=Decimal(0), total_usage=Decimal("0.5"))))
    assert texts(state)[1:] == ["credits -$0.50 !!"]


def test_the_tightest_budget_is_always_to_be_seen() -> None:
    state = State()
    state.apply(spent(row("1"), month="10", session="0.6"))
    assert texts(state, settings(month="50", session="1")) == ["today $1.00", "session $0.60/1.00 ▅"]
    assert texts(state, settings(day="50", month="50")) == ["today $1.00/50.00 ▁"]


async def test_everything_fits_in_eighty_cells() -> None:
    state = State()
    state.apply(spent(row("0.0123")))
    stream(state, "a", "0.0004")
    state.apply(quota("10", "7.5", "monthly"))
    busy = KeyUse(
        account="b",
        tail=Clean("b"),
        requests_60s=3,
        tokens_60s=2_100,
        limits=KeyLimits(req_per_min=100, tokens_per_min=10_000),
    )
    state.apply(LimitsRead(keys=(busy,), free=FreeUse(day_used=12, minute_used=3)))
    strip = MeterStrip(settings(day="5"), state, lambda: NOW)

    class Strip(App[None]):
        @override
        def compose(self) -> ComposeResult:
            yield strip

    app = Strip()
    async with app.run_test(size=(80, 3)) as pilot:
        await pilot.pause()
        said = strip.render().plain
        for figure in ("today $0.0123/5 ▁", "~$0.0004 86t/s", "key $7.50 25d", "free ≥12/50", "3/100 2k/10k/min"):
            assert figure in said
        assert len(said) <= 80
        await pilot.resize_terminal(140, 3)
        await pilot.pause()
        assert "86 tok/s ▎ key $7.50 25d ▎ free ≥12/50 16h ▎ 3/100 rpm ▎ 2.1k/10k tpm" in strip.render().plain


def test_levels() -> None:
    assert [level_of(used, 100) for used in (79, 80, 94, 95, 200)] == [
        Level.FINE,
        Level.NEAR,
        Level.NEAR,
        Level.FULL,
        Level.FULL,
    ]
    assert level_of(5, 0) is Level.FINE


def test_resets_are_at_utc_midnights() -> None:
    assert next_reset("daily", NOW) == 1_786_060_800.0
    assert next_reset("weekly", NOW) == 1_786_320_000.0  # Monday the 10th
    assert next_reset("monthly", NOW) == 1_788_220_800.0  # the 1st of September
    assert next_reset(None, NOW) is None and next_reset("yearly", NOW) is None


def test_a_key_that_has_rested_is_no_news() -> None:
    state = State()
    key = KeyUse(account="a", tail=Clean("…4f2a"), state=KeyState.RESTING, until=NOW - 1)
    state.apply(LimitsRead(keys=(key,), free=FreeUse()))
    assert not any("rests" in text for text in texts(state))
