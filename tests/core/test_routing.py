"""Routing objects as they are sent and as they are read."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tui.core.routing import Routing, routed, routed_prices, routing_words, variants
from tui.openrouter.catalogue import Endpoint, Model, Pricing
from tui.openrouter.text import Clean, Opaque

MODEL = Model(
    id=Opaque("maker/large"),
    slug=Clean("maker/large"),
    name=Clean("Large"),
    author=Clean("maker"),
    output_modalities=(Clean("text"),),
)


def test_order_keeps_what_else_stands_there_and_leaves_stand_ins_on() -> None:
    known = json.dumps({"data_collection": "deny", "only": ["old"], "sort": "price"})
    object_ = json.loads(routed(known, Routing(order=(Opaque("b/fp8"), Opaque("a")))) or "")
    assert object_ == {"data_collection": "deny", "order": ["b/fp8", "a"]}
    assert json.loads(routed(None, Routing(only=(Opaque("a"),))) or "") == {"only": ["a"]}
    assert json.loads(routed(None, Routing(sort="latency")) or "") == {"sort": "latency"}
    assert routed(None, Routing()) is None
    assert routed('{"order": ["a"]}', Routing()) is None


def test_a_tag_goes_back_exactly_as_it_came() -> None:
    raw = 'x\u202e/"\\[/b]'
    assert json.loads(routed(None, Routing(order=(Opaque(raw),))) or "")["order"] == [raw]
    assert "\u202e" not in routing_words(routed(None, Routing(order=(Opaque(raw),))))


def test_routing_is_read_in_words() -> None:
    words = routing_words(json.dumps({"order": ["b/fp8", "a"], "ignore": ["c"], "sort": "price", "zdr": True}))
    assert words == "first b/fp8, then a · not c · by price · zdr true"
    assert routing_words(json.dumps({"only": ["a", "b"], "allow_fallbacks": False})) == "only a, b · no stand-ins"
    for nothing in (None, "", "{}", "[1]", "{", '{"order": []}'):
        assert routing_words(nothing) == ""


def offer(tag: str, price: str | None) -> Endpoint:
    pricing = Pricing(prompt=None if price is None else Decimal(price))
    return Endpoint(name=Clean(tag), provider=Clean(tag), tag=Opaque(tag), pricing=pricing)


OFFERS = (offer("a", "3"), offer("a/flex", "1"), offer("a/eu", "4"), offer("b/fp8", "2"), offer("c", None))


@pytest.mark.parametrize(
    ("routing", "expected"),
    [
        (None, "9"),
        ('{"sort": "price"}', "9"),
        # others stand in: the listed price comes after the named ones
        ('{"order": ["b/fp8"]}', "2 9"),
        # a slug names all of its endpoints but the tiers
        ('{"order": ["b/fp8", "a"]}', "2 3 4 9"),
        ('{"order": ["a/flex"], "allow_fallbacks": false}', "1"),
        # the cheapest is the likeliest, what is unknown the last
        ('{"only": ["c", "a", "b"]}', "2 3 4 None"),
        ('{"only": ["a"], "order": ["a/eu"]}', "4 3"),
        ('{"only": ["nobody"]}', "9"),
        ('{"order": "a"}', "9"),
        ("[", "9"),
    ],
)
def test_what_is_asked_for_costs_what_it_lists(routing: str | None, expected: str) -> None:
    listed = Pricing(prompt=Decimal(9))
    assert " ".join(str(one.prompt) for one in routed_prices(listed, routing, OFFERS)) == expected
    assert routed_prices(listed, routing, ()) == (listed,)


def test_variants_exist_for_chat_models_and_free_only_where_the_catalogue_has_it() -> None:
    assert variants(MODEL, {}) == {"nitro": Opaque("maker/large:nitro"), "floor": Opaque("maker/large:floor")}
    free = replace(MODEL, id=Opaque("maker/large:free"), slug=Clean("maker/large:free"))
    assert variants(MODEL, {free.slug: free})["free"] == free.id
    assert variants(free, {free.slug: free}) == {}
    assert variants(replace(MODEL, id=Opaque("openrouter/auto")), {}) == {}
    assert variants(replace(MODEL, output_modalities=(Clean("embeddings"),)), {}) == {}
