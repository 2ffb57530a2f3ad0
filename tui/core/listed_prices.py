"""What a model's prices read as in a table: per million tokens, or in the model's own units."""

from __future__ import annotations

from decimal import Decimal

from tui.core.formats import UNKNOWN, money, per_million
from tui.core.prices import is_free, token_price
from tui.openrouter.catalogue import Model


def price_text(model: Model, price: Decimal | None) -> str:
    """USD per million tokens as the table says it; `free` only where the whole model is."""
    if price is None and model.pricing.varies:
        return "varies"
    price = token_price(model, price)
    if price == 0 and is_free(model) is not True:
        return "0.00"
    return per_million(price)


def input_price(model: Model) -> str:
    """What goes in: USD per million tokens, else for each picture or request."""
    text, pricing = price_text(model, model.pricing.prompt), model.pricing
    return text if text != UNKNOWN else _each(pricing.image, "img") or _each(pricing.request, "req") or text


def output_price(model: Model) -> str:
    """What comes out: USD per million tokens, else for each picture, or per million of sound."""
    text, pricing = price_text(model, model.pricing.completion), model.pricing
    return text if text != UNKNOWN else _each(pricing.image_output, "img") or _sound(pricing.audio_output) or text


def _each(price: Decimal | None, unit: str) -> str:
    """A price for each thing of another kind than tokens: `0.04/img`; empty where none is listed."""
    return f"{money(price).removeprefix('$')}/{unit}" if price else ""


def _sound(price: Decimal | None) -> str:
    return f"{per_million(price)} aud" if price else ""
