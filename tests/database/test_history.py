"""Re-pricing sums of the ledger comes to what pricing every single request comes to."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tui.core.ledger import MONEY, NewRequest, RequestKind, RequestState, Settlement
from tui.core.prices import Workload, estimate_cost
from tui.core.repricing import Distinctions, History, Paid, distinctions, reprice, typical_workload
from tui.database import history as history_unit
from tui.database import ledger
from tui.database.history import history, last_days
from tui.database.opening import open_database
from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.openrouter.text import Clean, Opaque

ORIGIN = "https://example.test"
NOW = 1_760_000_000.0
SINCE, UNTIL = last_days(NOW, 30)
D = Decimal


def model(pricing: Pricing, out: str = "text", slug: str = "a/b") -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean("a"),
        output_modalities=(Clean(out),),
        pricing=pricing,
    )


def book(connection: sqlite3.Connection, number: int, at: float, kind: RequestKind, **settled: Any) -> None:
    origin = settled.pop("origin", ORIGIN)
    new = NewRequest(
        id=f"{number}",
        kind=kind,
        origin=origin,
        created_at=at,
        model=Opaque("was/used"),
        reserve_usd=None,
        estimate_usd=None,
    )
    ledger.reserve(connection, new, limits={}, action="block", process="p", now=at)
    if settled:
        ledger.settle(connection, Settlement(request_id=new.id, ended_at=at + 1, **settled))


lengths = st.sampled_from([0, 1, 31_999, 32_000, 32_001, 128_000, 128_001, 500_000, 2**53])
few = st.one_of(st.none(), st.integers(0, 40_000))
ends: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    state=st.sampled_from(
        [RequestState.BILLED, RequestState.ESTIMATED, RequestState.AWAITED, RequestState.UNKNOWN, RequestState.FREE]
    ),
    prompt_tokens=st.one_of(st.none(), lengths),
    completion_tokens=few,
    reasoning_tokens=few,
    cached_tokens=few,
    cache_write_tokens=few,
    cost_usd=st.one_of(st.none(), st.decimals(0, 10, places=20)),
    upstream_usd=st.one_of(st.none(), st.decimals(0, 10, places=9)),
    estimate_usd=st.one_of(st.none(), st.decimals(0, 10, places=20)),
    is_byok=st.booleans(),
)
requests = st.tuples(st.floats(SINCE - 90_000, UNTIL + 90_000), st.sampled_from(list(RequestKind)), ends)
price = st.one_of(st.none(), st.just(D(0)), st.decimals(0, D("0.0001"), places=14))
minutes = st.sampled_from([0, 1, 30, 720, 990, 1439, 1440])
overrides = st.builds(
    PriceOverride,
    min_prompt_tokens=st.sampled_from([None, 0, 32_000, 128_000]),
    utc_start=st.one_of(st.none(), minutes),
    utc_end=st.one_of(st.none(), minutes),
    prompt=price,
    completion=price,
    input_cache_read=price,
    input_cache_write=price,
)
pricings = st.builds(
    Pricing,
    prompt=price,
    completion=price,
    request=price,
    internal_reasoning=price,
    input_cache_read=price,
    input_cache_write=price,
    overrides=st.lists(overrides, max_size=3).map(tuple),
    varies=st.sampled_from([False, False, False, True]),
)


@given(
    made=st.lists(requests, max_size=12),
    listed=st.lists(pricings, min_size=1, max_size=4),
    out=st.sampled_from(["text", "embeddings"]),
    rows=st.sampled_from([1, 3, 10_000]),
)
@settings(max_examples=200, deadline=None)
def test_sums_repriced_are_the_requests_repriced_one_by_one(
    made: list[tuple[float, RequestKind, dict[str, Any]]], listed: list[Pricing], out: str, rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_unit, "_ROWS", rows)
        connection = open_database(None, busy_s=0.1).connection
        for number, (at, kind, end) in enumerate(made):
            book(connection, number, at, kind, **end)
        past = history(connection, ORIGIN, SINCE, UNTIL, distinctions(listed))
    wanted_kind = RequestKind.EMBEDDING if out == "embeddings" else RequestKind.CHAT
    ran = [
        (at, end)
        for at, kind, end in made
        if kind is wanted_kind and SINCE <= at < UNTIL and end["state"] is not RequestState.FREE
    ]
    counted = [
        (at, end)
        for at, end in ran
        if end["prompt_tokens"] is not None and (out == "embeddings" or end["completion_tokens"] is not None)
    ]
    for pricing, answer in zip(listed, reprice([model(one, out) for one in listed], past), strict=True):
        naive: Decimal | None = D(0)
        for at, end in counted:
            cost = estimate_cost(
                pricing,
                now=at,
                **{
                    name: end[name] or 0
                    for name in (
                        "prompt_tokens",
                        "completion_tokens",
                        "cached_tokens",
                        "cache_write_tokens",
                        "reasoning_tokens",
                    )
                },
            )
            naive = None if naive is None or cost is None or pricing.prompt is None else MONEY.add(naive, cost)
        assert answer.cost_usd == naive
        assert answer.kind is wanted_kind
        assert answer.paid.requests == len(counted)
        assert answer.uncounted.requests == len(ran) - len(counted)


def test_what_was_paid_is_billed_estimated_and_unknown_apart() -> None:
    connection = open_database(None, busy_s=0.1).connection
    chat = RequestKind.CHAT
    counts = {"prompt_tokens": 10, "completion_tokens": 5}
    book(connection, 0, NOW, chat, state=RequestState.BILLED, cost_usd=D("0.1"), **counts)
    book(
        connection,
        1,
        NOW,
        chat,
        state=RequestState.BILLED,
        cost_usd=D("0.02"),
        upstream_usd=D(1),
        is_byok=True,
        **counts,
    )
    book(connection, 2, NOW, chat, state=RequestState.ESTIMATED, estimate_usd=D("0.4"), **counts)
    book(connection, 3, NOW, chat, state=RequestState.UNKNOWN, **counts)
    book(connection, 4, NOW, chat, state=RequestState.AWAITED, estimate_usd=D("0.5"))
    book(connection, 5, NOW, chat, state=RequestState.FREE)
    book(connection, 6, NOW, chat)
    book(connection, 7, NOW, chat, state=RequestState.BILLED, cost_usd=D(9), origin="https://other.test", **counts)
    book(connection, 8, SINCE - 1, chat, state=RequestState.BILLED, cost_usd=D(9), **counts)
    past = history(connection, ORIGIN, SINCE, UNTIL, Distinctions())
    assert past.paid == {chat: Paid(requests=4, billed_usd=D("1.12"), estimated_usd=D("0.4"), unknown=1)}
    assert past.uncounted == {chat: Paid(requests=1, estimated_usd=D("0.5"))}


def test_the_last_days_begin_and_end_at_midnight_utc() -> None:
    assert last_days(86_400.0 * 100 + 5, 1) == (86_400.0 * 100, 86_400.0 * 101)
    assert last_days(86_400.0 * 100, 30) == (86_400.0 * 71, 86_400.0 * 101)


def test_a_history_that_is_not_told_apart_by_what_prices_are_is_refused() -> None:
    pricing = Pricing(prompt=D(1), overrides=(PriceOverride(min_prompt_tokens=5, prompt=D(2)),))
    with pytest.raises(ValueError, match="not told apart"):
        reprice([model(pricing)], History(apart=Distinctions()))
    with pytest.raises(ValueError, match="other things"):
        History(apart=Distinctions()).plus(History(apart=Distinctions(minutes=(5,))))


def test_a_price_of_nothing_says_nothing_where_pictures_come_out() -> None:
    connection = open_database(None, busy_s=0.1).connection
    book(
        connection,
        0,
        NOW,
        RequestKind.CHAT,
        state=RequestState.BILLED,
        cost_usd=D(1),
        prompt_tokens=1,
        completion_tokens=1,
    )
    past = history(connection, ORIGIN, SINCE, UNTIL, Distinctions())
    nothing = Pricing(prompt=D(0), completion=D(0))
    free = replace(model(nothing), id=Opaque("a/b:free"))
    picture = replace(model(nothing, "image"), id=Opaque("a/c"))
    assert [one.cost_usd for one in reprice([free, picture], past)] == [D(0), None]


def test_the_typical_request_of_the_history() -> None:
    connection = open_database(None, busy_s=0.1).connection
    for number, prompt in enumerate((1_000, 3_000, 100_000)):
        book(
            connection,
            number,
            NOW,
            RequestKind.CHAT,
            state=RequestState.BILLED,
            prompt_tokens=prompt,
            completion_tokens=100 * number,
            cached_tokens=900,
        )
    past = history(connection, ORIGIN, SINCE, UNTIL, Distinctions(prompt_tokens=(32_000,)))
    assert typical_workload(past, RequestKind.CHAT, 15) == Workload(
        prompt_tokens=34_667, completion_tokens=100, cached_tokens=900, requests=6
    )
    assert typical_workload(past, RequestKind.EMBEDDING, 30) is None
