"""From a conversation to what is sent, and what that may cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from tui.core.conversation import ConversationSettings, Message, MessageState
from tui.core.prices import estimate_cost, price_at
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import RequestMessage, ToolCall
from tui.openrouter.text import Clean, Opaque

UNKNOWN_COMPLETION_TOKENS: Final = 1_000
"""What a reply is taken to be long when neither `max_tokens` nor this model's own past says."""
PROMPT_RESERVE: Final = Decimal("1.2")
"""The reserve counts the prompt a fifth longer than estimated: foreign tokenizers differ from ours."""


def request_messages(
    settings: ConversationSettings, messages: list[Message], question: Clean | None
) -> tuple[RequestMessage, ...]:
    """The whole request: system prompt, the messages so far, the question.

    Replies that brought nothing are left out; those that were stopped or cut off go with the text they have.
    """
    request: list[RequestMessage] = []
    if settings.system:
        request.append(RequestMessage(role="system", content=settings.system))
    for message in messages:
        if message.role == "assistant":
            if message.state is MessageState.FAILED or not (message.text or message.tool_calls):
                continue
            request.append(
                RequestMessage(
                    role="assistant",
                    content=message.text or None,
                    reasoning_details=message.reasoning_details,
                    tool_calls=_tool_calls(message.tool_calls),
                )
            )
        else:
            request.append(RequestMessage(role=message.role, content=message.text))
    if question is not None:
        request.append(RequestMessage(role="user", content=question))
    return tuple(request)


def _tool_calls(calls: tuple[ToolCall, ...]) -> Opaque | None:
    if not calls:
        return None
    import msgspec

    rows = [
        {
            "id": call.id.raw if call.id else "",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments.raw},
        }
        for call in calls
    ]
    return Opaque(msgspec.json.encode(rows).decode())


def title_from(text: str) -> Clean:
    """A title from the first words of the first question."""
    words = text.split()
    title = ""
    for word in words:
        if len(title) + len(word) + 1 > 60:
            return Clean(f"{title or word[:60]}…")
        title = f"{title} {word}" if title else word
    return Clean(title or "Untitled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a request may cost, USD; None where a price is unknown."""

    prompt_tokens: int
    completion_tokens: int
    """The likely number, or the cap."""
    prompt_usd: Decimal | None
    likely_usd: Decimal | None
    reserve_usd: Decimal | None
    """The most that it can cost by the price list, with a fifth on top of the prompt."""


def quote(
    pricing: Pricing, *, prompt_tokens: int, likely_tokens: int, most_tokens: int, searches: int, now: float
) -> Quote:
    """Price a request: `likely_tokens` of completion are expected, `most_tokens` may come."""
    padded = int(prompt_tokens * PROMPT_RESERVE)
    return Quote(
        prompt_tokens=prompt_tokens,
        completion_tokens=likely_tokens,
        prompt_usd=estimate_cost(pricing, now=now, prompt_tokens=prompt_tokens, web_searches=searches),
        likely_usd=estimate_cost(
            pricing,
            now=now,
            prompt_tokens=prompt_tokens,
            completion_tokens=min(likely_tokens, most_tokens),
            web_searches=searches,
        ),
        reserve_usd=estimate_cost(
            pricing, now=now, prompt_tokens=padded, completion_tokens=most_tokens, web_searches=searches
        ),
    )


def affordable_tokens(pricing: Pricing, *, left_usd: Decimal, prompt_tokens: int, now: float) -> int | None:
    """How many completion tokens what is left of a budget pays for, after the padded prompt; None = price unknown."""
    padded = int(prompt_tokens * PROMPT_RESERVE)
    fixed = estimate_cost(pricing, now=now, prompt_tokens=padded)
    prices = price_at(pricing, padded, now)
    each = max((price for price in (prices.completion, prices.internal_reasoning) if price is not None), default=None)
    if fixed is None or each is None:
        return None
    if left_usd <= fixed:
        return 0
    if each == 0:
        return 1_000_000
    return int(((left_usd - fixed) / each).to_integral_value(ROUND_DOWN))


def most_completion_tokens(model: Model | None) -> int:
    """The longest reply that the model may give, in tokens."""
    if model is None:
        return UNKNOWN_COMPLETION_TOKENS
    return model.max_completion_tokens or model.context_length or 4_096
