"""The server's own bill: which prices apply to a request, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

CONDITIONS: Final = frozenset({"min_prompt_tokens", "utc_start", "utc_end"})
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CENT_OF_A_MICRO: Final = Decimal("1e-14")
ZERO: Final = Decimal(0)

Prices = dict[str, Decimal]
"""USD per token, request, image or search, by the catalogue's names."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a request used."""

    prompt: int
    completion: int = 0
    reasoning: int = 0
    """Part of `completion`."""
    cached: int = 0
    """Part of `prompt`, read from the prompt cache."""
    cache_write: int = 0
    """Part of `prompt`, written to the prompt cache."""
    images: int = 0
    searches: int = 0


@dataclass(frozen=True, slots=True)
class Bill:
    """USD, split as `cost_details` splits it."""

    cost: Decimal
    prompt: Decimal
    completion: Decimal


FREE: Final = Bill(ZERO, ZERO, ZERO)


def in_window(start: float, end: float, now: datetime) -> bool:
    """Whether the UTC time lies in the half-open window of HHMM numbers, which may wrap past midnight."""
    clock = now.hour * 100 + now.minute
    return start <= clock < end if start <= end else clock >= start or clock < end


def applying(pricing: Mapping[str, Any], prompt_tokens: int, now: datetime) -> Prices:
    """The prices of a request of this size at this time; later overrides win, unknown (negative) prices count as 0."""
    chosen = {name: text for name, text in pricing.items() if isinstance(text, str)}
    for override in pricing.get("overrides") or ():
        at_least = override.get("min_prompt_tokens")
        if at_least is not None and prompt_tokens <= at_least:
            continue
        if "utc_start" in override and not in_window(override["utc_start"], override["utc_end"], now):
            continue
        chosen.update((name, text) for name, text in override.items() if name not in CONDITIONS)
    return {name: max(ZERO, Decimal(text)) for name, text in chosen.items()}


def bill(prices: Prices, counts: Counts) -> Bill:
    """What the counts cost at these prices; cached tokens without a price of their own cost as prompt."""
    prompt_price = prices.get("prompt", ZERO)
    completion_price = prices.get("completion", ZERO)
    plain = counts.prompt - counts.cached - counts.cache_write
    total = _EXACT.multiply(prompt_price, plain)
    total = _EXACT.add(total, prices.get("input_cache_read", prompt_price) * counts.cached)
    total = _EXACT.add(total, prices.get("input_cache_write", prompt_price) * counts.cache_write)
    answered = _EXACT.multiply(completion_price, counts.completion - counts.reasoning)
    answered = _EXACT.add(answered, prices.get("internal_reasoning", completion_price) * counts.reasoning)
    aside = prices.get("request", ZERO) + prices.get("image", ZERO) * counts.images
    aside += prices.get("web_search", ZERO) * counts.searches
    return Bill(_rounded(total + answered + aside), _rounded(total), _rounded(answered))


def _rounded(amount: Decimal) -> Decimal:
    """At most 14 places, which JSON numbers carry unharmed for the sums that occur here."""
    return _EXACT.quantize(amount, _CENT_OF_A_MICRO).normalize(_EXACT)
