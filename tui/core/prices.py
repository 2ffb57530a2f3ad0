"""What a request costs by the price list: which prices hold, what they come to, what is free."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from typing import Final

import msgspec
from msgspec.structs import fields, replace

from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.openrouter.text import Opaque

_EXACT: Final = Context(prec=60)
"""Prices have up to 40 digits and counts up to 12: products and sums stay exact."""
_CONDITIONS: Final = frozenset({"min_prompt_tokens", "utc_start", "utc_end"})
_OVERRIDDEN: Final = tuple(f.name for f in fields(PriceOverride) if f.name not in _CONDITIONS)
_PRICES: Final = tuple(f.name for f in fields(Pricing) if f.name not in ("discount", "overrides", "varies"))
_DYNAMIC_VARIANTS: Final = frozenset({"nitro", "floor", "exacto", "online"})
_MINUTES_A_DAY: Final = 1440
_ZERO: Final = Decimal(0)


def price_at(pricing: Pricing, prompt_tokens: int, now: float) -> Pricing:
    """The prices that hold for a prompt of that many tokens at that time (Unix seconds), without overrides.

    All conditions of an override must hold; of several the later wins price by price ("Pricing object").
    """
    if not pricing.overrides:
        return pricing
    minute = int(now // 60) % _MINUTES_A_DAY
    changes: dict[str, Decimal] = {}
    for override in pricing.overrides:
        if _holds(override, prompt_tokens, minute):
            for name in _OVERRIDDEN:
                price: Decimal | None = getattr(override, name)
                if price is not None:
                    changes[name] = price
    return replace(pricing, overrides=(), **changes)


def _holds(override: PriceOverride, prompt_tokens: int, minute: int) -> bool:
    if override.min_prompt_tokens is not None and prompt_tokens <= override.min_prompt_tokens:
        return False
    start, end = override.utc_start, override.utc_end
    if start is None and end is None:
        return True
    start, end = start or 0, _MINUTES_A_DAY if end is None else end
    if start <= end:
        return start <= minute < end
    return minute >= start or minute < end


def window_holds(override: PriceOverride, now: float) -> bool | None:
    """Whether its window of the day is open at that time (Unix seconds); None = it has none."""
    if override.utc_start is None and override.utc_end is None:
        return None
    return _holds(replace(override, min_prompt_tokens=None), 0, int(now // 60) % _MINUTES_A_DAY)


def is_per_token(model: Model) -> bool:
    """Whether `prompt` and `completion` are per token: what speech, images, films and ranks count is the model's own.

    Where text or embeddings come out they are, and where the catalogue does not say what does.
    """
    kinds = model.output_modalities
    return not kinds or "text" in kinds or "embeddings" in kinds


def estimate_cost(
    pricing: Pricing,
    *,
    now: float,
    prompt_tokens: int,
    completion_tokens: int = 0,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
    images: int = 0,
    web_searches: int = 0,
) -> Decimal | None:
    """What these counts come to in USD by the prices that hold at `now` (Unix seconds); None = unknown.

    The formula of "Usage and cost": the prompt includes what was cached and written to the cache, the completion the
    reasoning. Images without a price of their own are billed as the prompt tokens that they count as.
    """
    if pricing.varies:
        return None
    prices = price_at(pricing, prompt_tokens, now)
    return cost_of_counts(
        prices,
        plain_tokens=max(0, prompt_tokens - cached_tokens - cache_write_tokens),
        cached_tokens=cached_tokens,
        cache_write_tokens=cache_write_tokens,
        completion_tokens=completion_tokens,
        reasoning_tokens=min(reasoning_tokens, completion_tokens),
        images=images,
        web_searches=web_searches,
    )


def cost_of_counts(
    prices: Pricing,
    *,
    plain_tokens: int,
    cached_tokens: int,
    cache_write_tokens: int,
    completion_tokens: int,
    reasoning_tokens: int,
    requests: int = 1,
    images: int = 0,
    web_searches: int = 0,
) -> Decimal | None:
    """What counts come to in USD, of one request or of many for which the same prices hold; None = unknown.

    `prices` are those that hold (`price_at`). The counts do not overlap, but for reasoning, which is part of the
    completion.
    """
    if prices.varies:
        return None
    thinking = reasoning_tokens if prices.internal_reasoning is not None else 0
    read = prices.prompt if prices.input_cache_read is None else prices.input_cache_read
    write = prices.prompt if prices.input_cache_write is None else prices.input_cache_write
    parts = (
        (plain_tokens, prices.prompt),
        (cached_tokens, read),
        (cache_write_tokens, write),
        (completion_tokens - thinking, prices.completion),
        (thinking, prices.internal_reasoning),
        (requests, prices.request or _ZERO),
        (images, prices.image or _ZERO),
        (web_searches, prices.web_search),
    )
    total = _ZERO
    with localcontext(_EXACT):
        for number, price in parts:
            if number <= 0:
                continue
            if price is None:
                return None
            total += number * price
    return total


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody does in a month; tokens are per request."""

    prompt_tokens: int = 2_000
    completion_tokens: int = 500
    cached_tokens: int = 0
    requests: int = 1_000


def workload_cost(pricing: Pricing, workload: Workload, now: float) -> Decimal | None:
    """What the workload comes to in USD a month at the prices of `now` (Unix seconds); None = unknown."""
    one = estimate_cost(
        pricing,
        now=now,
        prompt_tokens=workload.prompt_tokens,
        completion_tokens=workload.completion_tokens,
        cached_tokens=workload.cached_tokens,
    )
    return None if one is None else one * workload.requests


def is_free(model: Model) -> bool | None:
    """Whether using it costs nothing: `:free`, the free router, or text only at prices of 0; None = cannot be known."""
    raw = model.id.raw
    if raw.endswith(":free") or raw == "openrouter/free":
        return True
    pricing = model.pricing
    listed = [price for name in _PRICES if (price := getattr(pricing, name)) is not None]
    for override in pricing.overrides:
        listed += [price for name in _OVERRIDDEN if (price := getattr(override, name)) is not None]
    if any(price > 0 for price in listed):
        return False
    if pricing.varies or pricing.prompt is None:
        return None
    if model.is_embedding:
        return False
    if not model.is_text or pricing.completion is None:
        return None
    return True


def token_price(model: Model, price: Decimal | None) -> Decimal | None:
    """A price of the model as it may be read: 0 says nothing where other things than text or embeddings come out."""
    if price == 0 and not (model.is_text or model.is_embedding) and is_free(model) is not True:
        return None
    return price


def listed(models: Mapping[str, Model], wanted: Opaque) -> Model | None:
    """The row of the catalogue, by its raw id, of what is asked for; also for an id with a dynamic variant."""
    return models.get(wanted.raw) or models.get(strip_variant(wanted.raw))


def strip_variant(slug: str) -> str:
    """The id in the catalogue of what is asked for: without `:nitro`, `:floor`, `:exacto`, `:online`, `@preset/…`."""
    base, *variants = slug.split("@", 1)[0].split(":") if not slug.startswith("@") else (slug,)
    return ":".join([base, *(variant for variant in variants if variant not in _DYNAMIC_VARIANTS)])
