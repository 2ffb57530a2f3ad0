"""The figures around the composer: how full the context is, what sending will cost, how a running reply does."""

from __future__ import annotations

from decimal import Decimal

from tui.core.conversation import Conversation, Message
from tui.core.events import EstimateRead
from tui.core.formats import UNKNOWN, bar, cost, duration, length, money, short_count
from tui.core.prices import estimate_cost
from tui.core.requests import UNKNOWN_COMPLETION_TOKENS
from tui.core.spending import BudgetLeft
from tui.core.tokens import TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, guess_tokens
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean


def context_tokens(conversation: Conversation | None, draft_tokens: int, ratio: float = 1.0) -> int:
    """Roughly what the next request holds: from the last bill's own count on, else four characters a token.

    `ratio` is by how much the model's own count is above ours.
    """
    tokens = draft_tokens + TOKENS_PER_MESSAGE
    if conversation is None:
        return round(tokens * ratio)
    for message in reversed(conversation.messages):
        receipt = message.receipt
        billed = None if receipt is None or message.state.is_open else receipt.prompt_tokens
        if receipt is not None and billed is not None:
            answered = receipt.completion_tokens or guess_tokens(len(message.text))
            return round(tokens * ratio) + billed + answered - (receipt.reasoning_tokens or 0)
        tokens += guess_tokens(len(message.text)) + TOKENS_PER_MESSAGE + _attached_tokens(message)
    return round((tokens + guess_tokens(len(conversation.settings.system))) * ratio)


def _attached_tokens(message: Message) -> int:
    return sum(
        guess_tokens(attachment.size) if attachment.kind == "text" else TOKENS_PER_IMAGE
        for attachment in message.attachments
    )


def draft_line(draft: int, request: int, quote: Clean, left: BudgetLeft | None, room: int) -> Clean:
    """`draft ~12, request ~1.4k · ~$0.0012 + reply: ~$0.0031, 9 of 10 ≤ ~$0.0082`, and what is left of a budget.

    `room` is in columns. Where it is not enough the counts go first, which the gauge above the draft says too; half an
    amount would be read as another amount.
    """
    counts = (f"draft ~{short_count(draft)}, request ~{short_count(request)}", f"draft ~{short_count(draft)}")
    line = quote
    for counted in (*counts, "") if draft else ("",):
        line = Clean(" · ".join(part for part in (counted, quote) if part))
        line = line if left is None else left.beside(line)
        if len(line) <= room:
            return line
    while len(line) > room and (end := max(line.rfind(mark) for mark in (" · ", ", ", " + "))) > 0:
        line = Clean(line[:end])
    return line


def context_gauge(tokens: int, model: Model | None) -> Clean:
    """`1.4k of 200k ▏░░░`, with the word `full` from 95 % on, so that colour is not needed."""
    if model is None or model.context_length is None:
        return Clean(f"{short_count(tokens)} tokens")
    part = tokens / model.context_length
    warning = " full" if part >= 1 else " nearly full" if part >= 0.95 else ""
    return Clean(f"{short_count(tokens)} of {length(model.context_length)} {bar(part, 4)}{warning}")


def quote_line(
    tokens: int, model: Model | None, parameters: ChatParameters, now: float, past: EstimateRead | None = None
) -> Clean:
    """What sending costs: the prompt alone, then with a reply of the model's usual length and of nine in ten.

    Where the model has no past, with a reply of 1,000 tokens; never with a longer one than `max_tokens` lets come.
    `now` is Unix seconds.
    """
    if model is None:
        return Clean("")
    searches = 1 if parameters.web_search else 0

    def with_reply(length_: int) -> Decimal | None:
        most = min(length_, parameters.max_tokens or length_)
        return estimate_cost(
            model.pricing, now=now, prompt_tokens=tokens, completion_tokens=most, web_searches=searches
        )

    median = past.median_tokens if past is not None else None
    ninety = past.ninety_percent_tokens if past is not None else None
    prompt, likely = with_reply(0), with_reply(median or UNKNOWN_COMPLETION_TOKENS)
    if prompt is None or likely is None:
        return Clean("price varies") if model.pricing.varies else Clean(f"next {UNKNOWN}")
    if likely == 0:
        return Clean("next free")
    said = f"~{money(rounded(prompt))} + reply: ~{money(rounded(likely))}"
    most = with_reply(ninety) if ninety is not None else None
    if most is None:
        most_tokens = min(UNKNOWN_COMPLETION_TOKENS, parameters.max_tokens or UNKNOWN_COMPLETION_TOKENS)
        return Clean(f"{said} for {short_count(most_tokens)} tokens")
    return Clean(f"{said}, 9 of 10 ≤ ~{money(rounded(most))}")


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
