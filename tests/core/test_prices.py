from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from msgspec.structs import replace

from tui.core.prices import estimate_cost, is_free, price_at, strip_variant, token_price
from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.openrouter.text import Clean, Opaque

D = Decimal
HOUR = 3600.0
BASE = Pricing(prompt=D("0.000001"), completion=D("0.000004"))


def model(slug: str, pricing: Pricing, outputs: tuple[str, ...] = ("text",)) -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean(slug.split("/")[0]),
        pricing=pricing,
        output_modalities=tuple(Clean(kind) for kind in outputs),
    )


@pytest.mark.parametrize(("tokens", "prompt"), [(0, "0.000001"), (64_000, "0.000001"), (64_001, "0.000002")])
def test_a_long_prompt_costs_more_only_beyond_the_limit(tokens: int, prompt: str) -> None:
    long = replace(BASE, overrides=(PriceOverride(min_prompt_tokens=64_000, prompt=D("0.000002")),))
    prices = price_at(long, tokens, 0)
    assert prices.prompt == D(prompt)
    assert prices.completion == BASE.completion  # what an override leaves out it inherits
    assert prices.overrides == ()


@pytest.mark.parametrize(
    ("start", "end", "hour", "cheap"),
    [
        (16 * 60 + 30, 20 * 60, 16.0, False),
        (16 * 60 + 30, 20 * 60, 16.5, True),
        (16 * 60 + 30, 20 * 60, 20.0, False),
        (22 * 60, 2 * 60, 23.0, True),
        (22 * 60, 2 * 60, 1.99, True),
        (22 * 60, 2 * 60, 2.0, False),
        (22 * 60, 2 * 60, 12.0, False),
        (None, 60, 0.5, True),
        (60, None, 23.9, True),
    ],
)
def test_windows_are_half_open_and_wrap_midnight(start: int | None, end: int | None, hour: float, cheap: bool) -> None:
    windows = replace(BASE, overrides=(PriceOverride(utc_start=start, utc_end=end, prompt=D(0)),))
    day = 20_000 * 24 * HOUR
    assert (price_at(windows, 1, day + hour * HOUR).prompt == 0) is cheap


def test_of_several_overrides_the_later_wins_price_by_price() -> None:
    several = replace(
        BASE,
        overrides=(
            PriceOverride(min_prompt_tokens=10, prompt=D(1), completion=D(1)),
            PriceOverride(min_prompt_tokens=20, prompt=D(2)),
            PriceOverride(min_prompt_tokens=5000, prompt=D(3)),
        ),
    )
    assert (price_at(several, 100, 0).prompt, price_at(several, 100, 0).completion) == (D(2), D(1))


def test_all_conditions_of_an_override_must_hold() -> None:
    both = replace(BASE, overrides=(PriceOverride(min_prompt_tokens=10, utc_start=60, utc_end=120, prompt=D(9)),))
    assert price_at(both, 11, 90 * 60).prompt == 9
    assert price_at(both, 10, 90 * 60).prompt == BASE.prompt
    assert price_at(both, 11, 120 * 60).prompt == BASE.prompt


def test_a_cost_takes_cached_and_reasoning_tokens_out_of_their_sums() -> None:
    prices = replace(
        BASE,
        input_cache_read=D("0.0000001"),
        input_cache_write=D("0.00000125"),
        internal_reasoning=D("0.000008"),
        request=D("0.001"),
        image=D("0.01"),
        web_search=D("0.004"),
    )
    cost = estimate_cost(
        prices,
        now=0,
        prompt_tokens=1000,
        cached_tokens=400,
        cache_write_tokens=100,
        completion_tokens=50,
        reasoning_tokens=20,
        images=2,
        web_searches=3,
    )
    assert cost == D("0.0005") + D("0.00004") + D("0.000125") + D("0.00012") + D("0.00016") + D("0.001") + D(
        "0.02"
    ) + D("0.012")


def test_cache_prices_fall_back_to_the_prompt_price() -> None:
    assert estimate_cost(BASE, now=0, prompt_tokens=10, cached_tokens=4, cache_write_tokens=3) == D("0.00001")


@pytest.mark.parametrize(
    ("pricing", "counts"),
    [
        (Pricing(varies=True, completion=D(1)), {"completion_tokens": 1}),
        (Pricing(completion=D(1)), {}),
        (Pricing(prompt=D(1)), {"completion_tokens": 1}),
        (BASE, {"web_searches": 1}),
    ],
)
def test_a_cost_with_an_unknown_price_is_unknown(pricing: Pricing, counts: dict[str, int]) -> None:
    assert estimate_cost(pricing, now=0, prompt_tokens=1, **counts) is None


def test_a_price_that_nothing_is_asked_of_may_be_unknown() -> None:
    assert estimate_cost(Pricing(prompt=D("0.02")), now=0, prompt_tokens=2) == D("0.04")


def test_an_estimate_is_exact_with_long_prices() -> None:
    price = D("0.0000001234567890123456789012345678901234")
    cost = estimate_cost(Pricing(prompt=price), now=0, prompt_tokens=123_456_789)
    assert cost is not None
    assert Fraction(cost) == Fraction(price) * 123_456_789


def test_an_estimate_uses_the_prices_of_its_prompt_and_time() -> None:
    long = replace(BASE, overrides=(PriceOverride(min_prompt_tokens=100, prompt=D("0.000002")),))
    assert estimate_cost(long, now=0, prompt_tokens=101) == D("0.000202")


ZERO = Pricing(prompt=D(0), completion=D(0))


@pytest.mark.parametrize(
    ("slug", "pricing", "outputs", "free"),
    [
        ("a/b:free", BASE, ("text",), True),
        ("a/b:free", Pricing(varies=True), ("image",), True),
        ("openrouter/free", Pricing(varies=True), ("text",), True),
        ("a/b", ZERO, ("text",), True),
        ("a/b", replace(ZERO, request=D("0.01")), ("text",), False),
        ("a/b", replace(ZERO, overrides=(PriceOverride(min_prompt_tokens=9, prompt=D(1)),)), ("text",), False),
        ("a/b", BASE, ("text",), False),
        ("a/b", ZERO, ("image",), None),
        ("a/b", ZERO, ("text", "image"), None),
        ("a/b", replace(ZERO, prompt=D(1)), ("image",), False),
        ("a/b", ZERO, ("embeddings",), False),
        ("a/b", ZERO, (), None),
        ("a/b", Pricing(), ("text",), None),
        ("a/b", Pricing(prompt=D(0)), ("text",), None),
        ("openrouter/auto", Pricing(varies=True), ("text",), None),
    ],
)
def test_what_is_free(slug: str, pricing: Pricing, outputs: tuple[str, ...], free: bool | None) -> None:
    assert is_free(model(slug, pricing, outputs)) is free


def test_a_price_of_0_says_nothing_about_pictures() -> None:
    assert token_price(model("a/b", ZERO, ("image",)), D(0)) is None
    assert token_price(model("a/b:free", ZERO, ("image",)), D(0)) == 0
    assert token_price(model("a/b", ZERO, ("embeddings",)), D(0)) == 0
    assert token_price(model("a/b", BASE, ("image",)), D(1)) == 1


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("a/b", "a/b"),
        ("a/b:nitro", "a/b"),
        ("a/b:free:online", "a/b:free"),
        ("a/b:online:free", "a/b:free"),
        ("a/b:thinking", "a/b:thinking"),
        ("a/b:floor:exacto", "a/b"),
        ("a/b@preset/mine", "a/b"),
        ("a/b:free@preset/mine", "a/b:free"),
        ("@preset/mine", "@preset/mine"),
        ("~a/b-latest", "~a/b-latest"),
        ("", ""),
    ],
)
def test_dynamic_variants_are_no_rows_of_the_catalogue(asked: str, listed: str) -> None:
    assert strip_variant(asked) == listed
