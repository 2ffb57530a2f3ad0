"""The figures around the composer: how full the context is, what sending will cost, how a running reply does."""

from __future__ import annotations

from decimal import Decimal

from tui.core.conversation import Conversation, Message
from tui.core.formats import UNKNOWN, bar, cost, duration, length, money, short_count
from tui.core.prices import estimate_cost
from tui.core.requests import UNKNOWN_COMPLETION_TOKENS
from tui.core.tokens import TOKENS_PER_MESSAGE, guess_tokens
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.text import Clean


def context_tokens(conversation: Conversation | None, draft_characters: int) -> int:
    """Roughly what the next request holds: from the last bill's own count on, else four characters a token."""
    tokens = guess_tokens(draft_characters) + TOKENS_PER_MESSAGE
    if conversation is None:
        return tokens
    for message in reversed(conversation.messages):
        receipt = message.receipt
        billed = None if receipt is None or message.state.is_open else receipt.prompt_tokens
        if receipt is not None and billed is not None:
            answered = receipt.completion_tokens or guess_tokens(len(message.text))
            return tokens + billed + answered - (receipt.reasoning_tokens or 0)
        tokens += guess_tokens(len(message.text)) + TOKENS_PER_MESSAGE
    return tokens + guess_tokens(len(conversation.settings.system))


def context_gauge(tokens: int, model: Model | None) -> Clean:
    """`1.4k of 200k ▏░░░`, with the word `full` from 95 % on, so that colour is not needed."""
    if model is None or model.context_length is None:
        return Clean(f"{short_count(tokens)} tokens")
    part = tokens / model.context_length
    warning = " full" if part >= 1 else " nearly full" if part >= 0.95 else ""
    return Clean(f"{short_count(tokens)} of {length(model.context_length)} {bar(part, 4)}{warning}")


def quote_line(tokens: int, model: Model | None, max_tokens: int | None, now: float) -> Clean:
    """What sending costs: the prompt alone, and with a reply of the usual or the capped length."""
    if model is None:
        return Clean("")
    prompt = estimate_cost(model.pricing, now=now, prompt_tokens=tokens)
    reply = min(max_tokens or UNKNOWN_COMPLETION_TOKENS, UNKNOWN_COMPLETION_TOKENS)
    whole = estimate_cost(model.pricing, now=now, prompt_tokens=tokens, completion_tokens=reply)
    if prompt is None or whole is None:
        return Clean("price varies") if model.pricing.varies else Clean(f"next {UNKNOWN}")
    if whole == 0:
        return Clean("next free")
    return Clean(f"next ~{money(rounded(prompt))} + reply, ~{money(rounded(whole))} for {short_count(reply)} tokens")


def cache_saving(
    pricing: Pricing, now: float, *, prompt_tokens: int, cached_tokens: int, cache_write_tokens: int
) -> Decimal | None:
    """What the cache saved against the plain price of the prompt, USD; negative where writing cost more; None = none.

    `now` is Unix seconds.
    """
    if not cached_tokens and not cache_write_tokens:
        return None
    without = estimate_cost(pricing, now=now, prompt_tokens=prompt_tokens)
    with_cache = estimate_cost(
        pricing,
        now=now,
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        cache_write_tokens=cache_write_tokens,
    )
    return None if without is None or with_cache is None else without - with_cache


def rounded(usd: Decimal) -> Decimal:
    """Two significant digits: an estimate that shows more would look like a bill."""
    if usd == 0 or usd >= 1000:
        return usd
    return usd.quantize(Decimal(1).scaleb(usd.adjusted() - 1))


def running_line(message: Message, waited_s: float, reason: Clean) -> Clean:
    """What the composer's border says while a reply streams: `~$0.0004 · 86 tok/s · 3.2 s · esc stop`."""
    receipt = message.receipt
    if receipt is None or receipt.completion_tokens in (None, 0):
        why = reason or Clean("waiting for the first token")
        return Clean(f"{why} · {duration(waited_s)} · esc stop")
    parts = [cost(receipt.cost), f"~{short_count(receipt.completion_tokens or 0)} tokens"]
    if receipt.tokens_per_second:
        parts.append(f"{receipt.tokens_per_second:.0f} tok/s")
    if receipt.duration_ms is not None:
        parts.append(duration(receipt.duration_ms / 1000))
    parts.append("esc stop")
    return Clean(" · ".join(parts))
