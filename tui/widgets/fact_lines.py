"""Facts as lines of a pane: sections, labels with their values, prices with their conditions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from rich.cells import cell_len

from tui.core.formats import UNKNOWN, count, money
from tui.core.listed_prices import price_text
from tui.core.prices import is_per_token, window_holds
from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.widgets.line_view import Line, wrap
from tui.widgets.model_columns import fit

LABEL: Final = 20
"""Cells of the labels, where there is room."""
_PER_TOKEN: Final = {
    "prompt": "input",
    "completion": "output",
    "internal_reasoning": "reasoning",
    "input_cache_read": "cache read",
    "input_cache_write": "cache write, 5 min",
    "input_cache_write_1h": "cache write, 1 h",
    "image_token": "image token",
    "audio": "audio in",
    "audio_output": "audio out",
    "input_audio_cache": "cached audio",
}
_EACH: Final = {
    "request": "per request",
    "image": "per image in",
    "image_output": "per image out",
    "web_search": "per search",
}


def section(title: str, state: str, width: int) -> Iterator[Line]:
    """A title after an empty line; its state stands at the other end, or below where there is no room."""
    yield []
    room = width - cell_len(title) - 1
    if cell_len(state) <= room:
        yield [("title", f"{title} "), ("dim", fit(state, room, right=True))]
        return
    yield [("title", fit(title, width).rstrip())]
    for line in wrap(state, width):
        yield [("dim", line)]


def fact(label: str, value: str, width: int, kind: str = "plain", label_width: int = LABEL) -> Iterator[Line]:
    """A label and its value, which goes on below itself; a label too long for its place stands above."""
    indent = max(2, min(label_width, width // 2))
    lines = wrap(value, max(1, width - indent - 1)) or [""]
    if cell_len(label) > indent - 1:
        for line in wrap(label, max(1, width - 1)):
            yield [("dim", f" {line}")]
    else:
        yield [("dim", fit(f" {label}", indent)), ("plain", " "), (kind, lines.pop(0))]
    for line in lines:
        yield [("plain", " " * (indent + 1)), (kind, line)]


def price_words(model: Model, price: Decimal | None) -> str:
    """A price: USD per million tokens, or with its `$` for each unit of the model's own; never a false 0."""
    if is_per_token(model):
        return price_text(model, price)
    if price is None and model.pricing.varies:
        return "varies"
    return str(money(price)) if price else str(UNKNOWN)


def price_parts(model: Model, pricing: Pricing) -> Iterator[tuple[str, str]]:
    """What each listed price is for, and what it is; input and output also where they are unknown."""
    for name, label in _PER_TOKEN.items():
        price: Decimal | None = getattr(pricing, name)
        if price is not None or name in ("prompt", "completion"):
            yield label, price_words(model, price)
    for name, label in _EACH.items():
        each: Decimal | None = getattr(pricing, name)
        if each:
            yield label, str(money(each))


def condition_parts(model: Model, pricing: Pricing, now: float) -> Iterator[tuple[str, str]]:
    """When other prices hold, and which; `now` in Unix seconds."""
    for special in pricing.overrides:
        prices = [
            f"{label} {price_words(model, price)}"
            for name, label in _PER_TOKEN.items()
            if (price := getattr(special, name, None)) is not None and price != getattr(pricing, name)
        ]
        yield _condition(special, now), ", ".join(prices) or "as above"


def _condition(special: PriceOverride, now: float) -> str:
    conditions = []
    if special.min_prompt_tokens is not None:
        conditions.append(f"prompt > {count(special.min_prompt_tokens)}")
    if (holds := window_holds(special, now)) is not None:
        start, end = special.utc_start or 0, special.utc_end if special.utc_end is not None else 1440
        window = f"{start // 60:02}:{start % 60:02}–{end // 60:02}:{end % 60:02} UTC"
        conditions.append(f"{window}, now" if holds else window)
    return " and ".join(conditions)


def discount_words(pricing: Pricing) -> str:
    """The discount that is listed, and what is not known of it; empty where there is none."""
    return f"{pricing.discount:.0%} listed; not known whether it is in these prices" if pricing.discount else ""


def unit_words(model: Model) -> str:
    """What the prices of input and output are for."""
    if is_per_token(model):
        return "USD per million tokens"
    kinds = ", ".join(model.output_modalities)
    return f"USD for each unit of the model's own ({kinds}), not per token"
