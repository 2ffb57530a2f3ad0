"""Prices as the catalogue lists them, to prices as the program believes them ("Pricing object" of the reference)."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from tui.openrouter.catalogue import PriceOverride, Pricing
from tui.openrouter.catalogue_rows import Amount, OverrideRow, PricingRow
from tui.openrouter.lenient import as_decimal

_PRICES: Final = (
    "prompt",
    "completion",
    "request",
    "image",
    "image_token",
    "image_output",
    "audio",
    "audio_output",
    "input_audio_cache",
    "web_search",
    "internal_reasoning",
    "input_cache_read",
    "input_cache_write",
    "input_cache_write_1h",
)
_OVERRIDDEN: Final = (
    "prompt",
    "completion",
    "audio",
    "input_audio_cache",
    "input_cache_read",
    "input_cache_write",
    "input_cache_write_1h",
)
_UNLISTED: Final = Pricing()
_VARIES: Final = Decimal(-1)
_PLAIN_OUTPUTS: Final = frozenset({"text", "embeddings"})


def zero_is_unknown(output_modalities: list[str] | None) -> bool:
    """Whether a price of 0 says nothing: the unit of speech, image, video and rerank prices is another one."""
    return not _PLAIN_OUTPUTS.issuperset(output_modalities or ())


def pricing_from(row: PricingRow | None, *, zero_unknown: bool) -> tuple[Pricing, bool]:
    """The prices, and whether one of them was malformed and became unknown."""
    if row is None:
        return _UNLISTED, False
    found: dict[str, Decimal] = {}
    varies = bad = False
    for name in _PRICES:
        listed = getattr(row, name)
        if listed is not None:
            price = _price(listed)
            if price is None:
                bad = True
            elif price < 0:
                varies = True
            elif price or not zero_unknown:
                found[name] = price
    overrides: tuple[PriceOverride, ...] = ()
    if row.overrides:
        read = [_override(override, zero_unknown=zero_unknown) for override in row.overrides]
        overrides = tuple(override for override in read if override is not None)
        bad = bad or len(overrides) < len(read)
    discount = None if row.discount is None else _fraction(row.discount)
    bad = bad or (row.discount is not None and discount is None)
    return Pricing(**found, discount=discount, overrides=overrides, varies=varies), bad


@lru_cache(maxsize=8192)
def _price(listed: Amount) -> Decimal | None:
    """The price, -1 for any negative one, None for none."""
    if isinstance(listed, str) and len(listed) > 60:
        return None
    price = as_decimal(listed)
    return _VARIES if price is not None and price < 0 else price


def _fraction(listed: Amount) -> Decimal | None:
    fraction = as_decimal(listed)
    return None if fraction is None or not 0 <= fraction <= 1 else fraction


def _override(row: OverrideRow, *, zero_unknown: bool) -> PriceOverride | None:
    """A conditional price; None when its condition is missing, half there or absurd: it would hold always."""
    start, end = _minutes(row.utc_start), _minutes(row.utc_end)
    least = row.min_prompt_tokens
    windowed = row.utc_start is not None or row.utc_end is not None
    if (windowed and (start is None or end is None)) or (least is None and not windowed):
        return None
    if least is not None and not 0 <= least < 2**53:
        return None
    prices: dict[str, Decimal] = {}
    for name in _OVERRIDDEN:
        listed = getattr(row, name)
        if listed is None:
            continue
        price = _price(listed)
        if price is None or price < 0:
            return None
        if price or not zero_unknown:
            prices[name] = price
    return PriceOverride(
        min_prompt_tokens=None if least is None else int(least), utc_start=start, utc_end=end, **prices
    )


def _minutes(hhmm: float | None) -> int | None:
    """Minutes after midnight of a time written `1630`."""
    if hhmm is None or not 0 <= hhmm <= 2400 or hhmm != int(hhmm):
        return None
    hours, minutes = divmod(int(hhmm), 100)
    return hours * 60 + minutes if minutes < 60 else None
