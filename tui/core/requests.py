"""From a conversation to what is sent, and what that may cost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from tui.core.attachments import content_of
from tui.core.conversation import Attachment, ConversationSettings, Message, MessageState
from tui.core.formats import money
from tui.core.ledger import OverBudget
from tui.core.prices import estimate_cost, price_at
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import RequestMessage, ToolCall
from tui.openrouter.text import Clean, Opaque

UNKNOWN_COMPLETION_TOKENS: Final = 1_000
"""What a reply is taken to be long when neither `max_tokens` nor this model's own past says."""
PROMPT_RESERVE: Final = Decimal("1.2")
"""The reserve counts the prompt a fifth longer than estimated: foreign tokenizers differ from ours."""


def request_messages(
    settings: ConversationSettings,
    messages: list[Message],
    question: Clean | None,
    attachments: Sequence[Attachment] = (),
) -> tuple[RequestMessage, ...]:
    """The whole request: system prompt, the messages so far, the question with what is attached to it.

    Replies that brought nothing are left out; those that were stopped or cut off go with the text they have. A tool
    call that nobody answered is left out too: providers refuse a request with one.
    """
    request: list[RequestMessage] = []
    if settings.system:
        request.append(RequestMessage(role="system", content=settings.system))
    for place, message in enumerate(messages):
        if message.role == "assistant":
            answered = place + 1 < len(messages) and messages[place + 1].role == "tool"
            calls = message.tool_calls if answered else ()
            said = message.text or message.refusal
            if message.state is MessageState.FAILED or not (said or calls):
                continue
            request.append(
                RequestMessage(
                    role="assistant",
                    content=said or None,
                    reasoning_details=message.reasoning_details,
                    tool_calls=_tool_calls(calls),
                )
            )
        else:
            request.append(RequestMessage(role=message.role, content=content_of(message.text, message.attachments)))
    if question is not None:
        request.append(RequestMessage(role="user", content=content_of(question, attachments)))
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


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may cost, USD; None where a price is unknown."""

    prompt_tokens: int
    completion_tokens: int
    """The likely number, or the cap."""
    prompt_usd: Decimal | None
    likely_usd: Decimal | None
    reserve_usd: Decimal | None
    """The most that it can cost by the price list, with a fifth on top of the prompt."""


def quote(
    pricing: Pricing,
    *,
    prompt_tokens: int,
    likely_tokens: int,
    most_tokens: int,
    searches: int,
    now: float,
    images: int = 0,
) -> Quote:
    """Price a request: `likely_tokens` of completion are expected, `most_tokens` may come."""
    padded = int(prompt_tokens * PROMPT_RESERVE)
    thinking_is_dearer = _dearest_completion(pricing, padded, now) != price_at(pricing, padded, now).completion
    return Quote(
        prompt_tokens=prompt_tokens,
        completion_tokens=likely_tokens,
        prompt_usd=estimate_cost(pricing, now=now, prompt_tokens=prompt_tokens, web_searches=searches, images=images),
        likely_usd=estimate_cost(
            pricing,
            now=now,
            prompt_tokens=prompt_tokens,
            completion_tokens=min(likely_tokens, most_tokens),
            web_searches=searches,
            images=images,
        ),
        reserve_usd=estimate_cost(
            pricing,
            now=now,
            prompt_tokens=padded,
            completion_tokens=most_tokens,
            reasoning_tokens=most_tokens if thinking_is_dearer else 0,
            web_searches=searches,
            images=images,
        ),
    )


def dearest(quotes: Sequence[Quote]) -> Quote:
    """What a request may cost that any of several models may answer; unknown when it is for one of them."""
    return replace(
        quotes[0],
        likely_usd=None if any(one.likely_usd is None for one in quotes) else quotes[0].likely_usd,
        reserve_usd=_most([one.reserve_usd for one in quotes]),
    )


def _most(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return max(known) if len(known) == len(amounts) else None


def affordable_tokens(
    pricing: Pricing, *, left_usd: Decimal, prompt_tokens: int, now: float, searches: int = 0, images: int = 0
) -> int | None:
    """How many completion tokens what is left of a budget pays for, after the padded prompt; None = price unknown."""
    padded = int(prompt_tokens * PROMPT_RESERVE)
    fixed = estimate_cost(pricing, now=now, prompt_tokens=padded, web_searches=searches, images=images)
    each = _dearest_completion(pricing, padded, now)
    if fixed is None or each is None:
        return None
    if left_usd <= fixed:
        return 0
    if each == 0:
        return 1_000_000
    return int(((left_usd - fixed) / each).to_integral_value(ROUND_DOWN))


def _dearest_completion(pricing: Pricing, prompt_tokens: int, now: float) -> Decimal | None:
    """The price of a token that comes back, be it thought or said."""
    prices = price_at(pricing, prompt_tokens, now)
    if prices.completion is None:
        return None
    return max(prices.completion, prices.internal_reasoning or prices.completion)


def most_completion_tokens(model: Model | None) -> int:
    """The longest reply that the model may give, in tokens."""
    if model is None:
        return UNKNOWN_COMPLETION_TOKENS
    return model.max_completion_tokens or model.context_length or 4_096


def is_free_id(model: Opaque) -> bool:
    """Whether requests to this id count against the free-model allowance."""
    base, *variants = model.raw.partition("@")[0].split(":")
    return "free" in variants or base == "openrouter/free"


def image_count(messages: Sequence[RequestMessage]) -> int:
    """How many pictures the request holds."""
    return sum(
        part.get("type") == "image_url"
        for message in messages
        if isinstance(message.content, list)
        for part in message.content
    )


def budget_sentence(refusal: OverBudget) -> Clean:
    """Why a request was not sent, for screens and the command line."""
    most = "an unknown amount" if refusal.this_usd is None else f"up to {money(refusal.this_usd)}"
    if refusal.earlier_unknown:
        return Clean(f"What was spent before is not known, so this is asked about: it can cost {most}.")
    if refusal.limit_usd is None:
        return Clean("The price of this model is not known, and a budget is set.")
    return Clean(
        f"This could cost {most}; the {refusal.budget} budget of {money(refusal.limit_usd)} has "
        f"{money(refusal.left_usd)} left."
    )
