"""What Spend says of sums, limits and requests, as text."""

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
from screen_host import NOW, make_settings
from spend_host import key_quota, lines, request, summary, sums, told, view

from tui.config import Budget, Settings
from tui.core import formats
from tui.core.conversation import Cost, CostKind, Failure
from tui.core.events import (
    AccountDay,
    ActivityRead,
    CatalogueLoaded,
    Job,
    JobChanged,
    JobState,
    LimitsRead,
    SpendSummed,
)
from tui.core.ledger import (
    STOPPED,
    FreeUse,
    KeyLimits,
    KeyState,
    KeyUse,
    RequestState,
)
from tui.core.limit_words import what_helps
from tui.core.state import State
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import Credits, KeyInfo
from tui.openrouter.text import Clean, Opaque
from tui.screens.request_dialog import request_details
from tui.screens.spend_figures import figures
from tui.widgets.bars import column_lines
from tui.widgets.request_columns import columns_for, cost_cell, gap_for, state_words, time_cell, tokens_cell


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
