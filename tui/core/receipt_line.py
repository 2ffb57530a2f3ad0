"""What a reply came to: a line of what matters, and a line of details."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from tui.core import formats
from tui.core.chat_figures import rounded
from tui.core.conversation import CostKind, Message, MessageState, Receipt
from tui.openrouter.text import Clean


def receipt_line(message: Message) -> Clean:
    """`$0.00412 · 212 in, 1,204 out (412 thinking, 100 cached) · 0.6 s · 86 tok/s · Anthropic`.

    Empty without a receipt. An estimated cost begins with `~`, an unknown one is `–`.
    """
    receipt = message.receipt
    if receipt is None:
        return Clean("")
    parts = [formats.cost(receipt.cost), _tokens(receipt)]
    if receipt.ttft_ms is not None:
        parts.append(formats.duration(receipt.ttft_ms / 1000))
    if receipt.tokens_per_second is not None:
        parts.append(f"{receipt.tokens_per_second:,.0f} tok/s")
    if receipt.provider:
        parts.append(receipt.provider)
    if receipt.model_answered and message.model and not _same_model(receipt.model_answered, message.model):
        parts.append(f"answered by {receipt.model_answered}")
    if receipt.tries > 1:
        parts.append(f"{receipt.tries} tries")
    if receipt.billing_note:
        parts.append(receipt.billing_note)
    return Clean(" · ".join(part for part in parts if part))


_LONGEST_ID: Final = 60
_DATED: Final = re.compile(r"(-\d{2,8}){0,3}")
"""What a dated name has behind that of its model: `-2024-08-06`, `-20250929`, `-0613`."""


def receipt_details(message: Message) -> Clean:
    """`14 s in all · caching saved $0.001 · quoted ~$0.0038, 8 % more came · gen-1786…`; empty when none is known."""
    receipt = message.receipt
    if receipt is None:
        return Clean("")
    parts: list[str] = []
    if receipt.duration_ms is not None and receipt.ttft_ms is not None:
        parts.append(f"{formats.duration(receipt.duration_ms / 1000)} in all")
    saved = receipt.cache_saved_usd
    if saved:
        parts.append(
            f"caching saved {formats.money(saved)}" if saved > 0 else f"caching cost {formats.money(-saved)} more"
        )
    billed = receipt.cost.usd if receipt.cost.kind is CostKind.BILLED else None
    if receipt.quoted_usd is not None and billed is not None and message.state is not MessageState.FAILED:
        parts.append(_off(receipt.quoted_usd, billed))
    if receipt.generation_id is not None:
        parts.append(receipt.generation_id.shown()[:_LONGEST_ID])
    return Clean(" · ".join(part for part in parts if part))


def _off(quoted: Decimal, billed: Decimal) -> str:
    """By how much the quote was off; nothing where both are nothing."""
    if quoted == 0:
        return "" if billed == 0 else "quoted free"
    said = f"quoted ~{formats.money(rounded(quoted))}"
    percent = round((billed - quoted) / quoted * 100)
    if percent == 0:
        return f"{said}, exact"
    more = "more" if percent > 0 else "less"
    return f"{said}, {abs(percent):,} % {more} came"


def _tokens(receipt: Receipt) -> str:
    """`212 in, 1,204 out (412 thinking, 100 cached)`; empty when nobody reported any."""
    if receipt.prompt_tokens is None and receipt.completion_tokens is None:
        return ""
    of_which = [
        f"{formats.count(number)} {name}"
        for number, name in ((receipt.reasoning_tokens, "thinking"), (receipt.cached_tokens, "cached"))
        if number
    ]
    tail = f" ({', '.join(of_which)})" if of_which else ""
    return f"{formats.count(receipt.prompt_tokens)} in, {formats.count(receipt.completion_tokens)} out{tail}"


def _same_model(answered: str, asked: str) -> bool:
    """Dated and tagged names (`…-20250929`, `:free`) are the model that was asked; `gpt-4o-mini` is not `gpt-4o`."""
    short, other = asked.partition(":")[0], answered.partition(":")[0]
    return other.startswith(short) and _DATED.fullmatch(other, len(short)) is not None
