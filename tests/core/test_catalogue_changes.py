"""What differs between model lists, and what differences come to over a span."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.catalogue_changes import (
    PAID_NOW,
    ChangeKind,
    Changes,
    Moved,
    Span,
    changes,
    difference,
    price_changes,
    price_label,
    summed,
)
from tui.core.query_context import badge, per_cent_text, query_context
from tui.core.state import State
from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.openrouter.text import Clean, Opaque

NOW = 1_800_000_000.0
DAY = 86_400.0


def model(slug: str = "a/b", prompt: str | None = "1", completion: str | None = "2", **more: Any) -> Model:
    prices = {name: Decimal(price) for name, price in (("prompt", prompt), ("completion", completion)) if price}
    prices |= {name: Decimal(more.pop(name)) for name in ("input_cache_read", "image") if name in more}
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(more.pop("name", slug)),
        author=Clean("a"),
        context_length=more.pop("context", 1000),
        pricing=Pricing(**prices, varies=more.pop("varies", False), overrides=more.pop("overrides", ())),
        **more,
    )


def told(before: list[Model], after: list[Model]) -> list[tuple[Any, ...]]:
    found = changes(difference(before, after))
    return [(str(one.kind), one.price, one.before, one.after, one.per_cent) for one in found]


D = Decimal


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([model()], [model()], []),
        ([model()], [model(name="Another Name", description=Clean("other"))], []),
        ([], [model()], [("new", "", None, None, None)]),
        ([model()], [], [("gone", "", None, None, None)]),
        ([model()], [model(), model(prompt="9")], []),
        ([model()], [model(prompt="1.5")], [("dearer", "prompt", D(1), D("1.5"), D(50))]),
        ([model()], [model(completion="1")], [("cheaper", "completion", D(2), D(1), D(-50))]),
        ([model(prompt="1.0")], [model(prompt="1.00")], []),
        ([model(prompt="0")], [model()], [("dearer", "prompt", D(0), D(1), PAID_NOW)]),
        ([model()], [model(prompt="0")], [("cheaper", "prompt", D(1), D(0), D(-100))]),
        ([model(prompt=None)], [model()], [("priced", "prompt", None, D(1), None)]),
        ([model()], [model(prompt=None)], [("priced", "prompt", D(1), None, None)]),
        ([model(prompt=None, varies=True)], [model(prompt=None)], []),
        ([model(context=None)], [model()], [("context", "", None, 1000, None)]),
        ([model(context=8000)], [model()], [("context", "", 8000, 1000, None)]),
        (
            [model()],
            [model(expiration_date=date(2027, 1, 1))],
            [("expiry", "", None, date(2027, 1, 1), None)],
        ),
        ([model(image="1")], [model(image="2")], [("dearer", "image", D(1), D(2), D(100))]),
        ([model(image="0")], [model()], []),
        ([model(image="0")], [model(image="2")], [("priced", "image", None, D(2), None)]),
        (
            [model(overrides=(PriceOverride(min_prompt_tokens=200_000, prompt=D(2)),))],
            [model(overrides=(PriceOverride(min_prompt_tokens=200_000, prompt=D(4)),))],
            [("dearer", "prompt >200000", D(2), D(4), D(100))],
        ),
        (
            [model(prompt="0.0000000123456789012345")],
            [model(prompt="1e-40")],
            [("cheaper", "prompt", D("0.0000000123456789012345"), D("1e-40"), D("-100.0000000000000000000000000"))],
        ),
        (
            [model(), model("a/c")],
            [model(prompt="1.1", completion="4"), model("a/d")],
            [
                ("new", "", None, None, None),
                ("dearer", "completion", D(2), D(4), D(100)),
                ("dearer", "prompt", D(1), D("1.1"), D(10)),
                ("gone", "", None, None, None),
            ],
        ),
    ],
)
def test_what_differs(before: list[Model], after: list[Model], expected: list[tuple[Any, ...]]) -> None:
    assert told(before, after) == expected


def test_a_price_that_came_back_is_no_change() -> None:
    lists = [[model()], [model(prompt="2")], [model(prompt="3")], [model()]]
    assert summed(difference(one, two) for one, two in pairwise(lists)) == ()


def test_a_model_that_left_and_returned_has_what_differs() -> None:
    lists = [[model()], [], [model(prompt="2")]]
    (moved,) = summed(difference(one, two) for one, two in pairwise(lists))
    assert [str(change.kind) for change in changes((moved,))] == ["dearer"]


def test_a_model_that_came_and_went_is_told_as_such() -> None:
    lists: list[list[Model]] = [[], [model()], [model(prompt="3")], []]
    moved = summed(difference(one, two) for one, two in pairwise(lists))
    (change,) = changes(moved)
    assert change.kind is ChangeKind.CAME_AND_WENT
    assert change.listed is not None
    assert change.listed.prices["prompt"] == 3
    # Seen from the middle of its life it is just gone.
    (later,) = changes(summed(difference(one, two) for one, two in pairwise(lists[1:])))
    assert later.kind is ChangeKind.GONE


LISTS = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.sampled_from([None, "0", "1", "2"]), st.sampled_from([None, 1, 2])),
    max_size=4,
).map(lambda rows: [model(name, prompt, context=context) for name, (prompt, context) in rows.items()])


@given(st.lists(LISTS, min_size=2, max_size=6), st.integers(1, 5))
def test_sums_say_what_the_first_and_the_last_list_say(lists: list[list[Model]], cut: int) -> None:
    steps = [difference(one, two) for one, two in pairwise(lists)]
    total = summed(steps)
    net = [one for one in total if one.before is not None or one.after is not None]
    assert set(map(key, net)) == set(map(key, difference(lists[0], lists[-1])))
    passing = {one.id.raw for one in total} - {one.id.raw for one in net}
    at_the_ends = {one.id.raw for one in (*lists[0], *lists[-1])}
    assert passing == {one.id.raw for rows in lists for one in rows} - at_the_ends
    # It does not matter in how many pieces they were kept, but for how a model that came and went stood last.
    pieces = summed((summed(steps[:cut]), summed(steps[cut:])))
    assert {key(one)[:3] for one in pieces} == {key(one)[:3] for one in total}


def key(moved: Moved) -> tuple[object, ...]:
    return moved.id.raw, repr(moved.before), repr(moved.after), repr(moved.between)


def test_the_headline_is_the_larger_of_input_and_output() -> None:
    before = [model(), model("a/cache", input_cache_read="1"), model("a/gone"), model("a/ctx"), model("a/free", "0")]
    after = [
        model(prompt="1.1", completion="1"),
        model("a/cache", input_cache_read="3"),
        model("a/new"),
        model("a/ctx", context=5),
        model("a/free"),
    ]
    found = price_changes(difference(before, after))
    assert found == {"a/b": D(-50), "a/cache": D(200), "a/new": None, "a/ctx": None, "a/free": PAID_NOW}


@pytest.mark.parametrize(
    ("price", "label"),
    [
        ("prompt", "input"),
        ("completion >200000", "output >200k"),
        ("input_cache_read 990-30", "cache 16:30–00:30"),
        ("prompt *", "input"),
        ("\x1b[31mevil", "price"),
        ("prompt >" + "9" * 40, "input"),
    ],
)
def test_prices_have_names(price: str, label: str) -> None:
    assert price_label(price) == label


@pytest.mark.parametrize(
    ("per_cent", "text"),
    [
        ("12.4", "▲12%"),
        ("-99.5", "▼100%"),
        ("0.2", "▲<1%"),
        ("-0.01", "▼<1%"),
        ("5e30", "▲>999%"),
        ("Infinity", "▲paid"),
    ],
)
def test_per_cents_fit_into_six_cells(per_cent: str, text: str) -> None:
    assert per_cent_text(D(per_cent)) == text
    assert len(text) <= 6


def test_terms_are_about_the_time_since_the_last_visit_and_at_least_a_week() -> None:
    state = State()
    state.models = (
        model(created=int(NOW - 3 * DAY)),
        model("a/old", created=int(NOW - 100 * DAY)),
        model("a/middle", created=int(NOW - 10 * DAY)),
        model("a/back", created=int(NOW - 400 * DAY)),
    )
    first = query_context(state, NOW)
    assert first.new == {"a/b"}
    assert not first.changed
    week = Span(start=NOW - 7 * DAY, moved=difference([model("a/old", "2")], [model("a/old"), model("a/back")]))
    visit = Span(start=NOW - 20 * DAY, moved=(*week.moved, *difference([model("a/gone")], [])))
    recent = Changes(as_of=NOW, since_visit=Span(start=NOW - DAY), week=week, month=week)
    state.changes = recent
    context = query_context(state, NOW)
    assert context.new == {"a/b", "a/back"}
    assert context.changed == {"a/old": D(-50), "a/back": None}
    state.changes = Changes(as_of=NOW, since_visit=visit, week=week, month=visit)
    assert query_context(state, NOW).new == {"a/b", "a/back", "a/middle"}
    assert badge(state.models[1], context) == "▼50%"
    assert badge(state.models[3], context) == "✦"
    assert badge(model(expiration_date=date(2027, 1, 20)), context) == "⌛5d"
