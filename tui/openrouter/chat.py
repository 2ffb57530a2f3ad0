"""A chat request and what comes back for it, streamed or whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from tui.openrouter.errors import ApiError
from tui.openrouter.text import Clean, Opaque

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


class RequestMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a request; `content` is text or a list of content parts as the protocol has them."""

    role: Role
    content: str | list[dict[str, object]] | None
    reasoning_details: Opaque | None = None
    """The JSON array as it came, sent back untouched."""
    tool_calls: Opaque | None = None
    """The JSON array as it came."""


class ChatParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What of the sampling, length, reasoning and routing is set; None is not sent."""

    max_tokens: int | None = None
    temperature: Decimal | None = None
    top_p: Decimal | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: str | None = None
    response_format: str | None = None
    """JSON text of the object."""
    user: str | None = None
    provider: str | None = None
    """JSON text of the routing object (`order`, `only`, `sort` …)."""
    fallback_models: tuple[Opaque, ...] = ()
    web_search: bool = False


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /chat/completions` is asked."""

    model: Opaque
    messages: tuple[RequestMessage, ...]
    parameters: ChatParameters = msgspec.field(default_factory=ChatParameters)
    stream: bool = True


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Billed token counts and cost of one reply; None = not reported or absurd."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: Decimal | None = None
    """What OpenRouter charged."""
    upstream_cost_usd: Decimal | None = None
    """What the provider bills besides, for keys of one's own (BYOK); elsewhere information only."""
    is_byok: bool = False
    web_search_requests: int | None = None

    @property
    def spent_usd(self) -> Decimal | None:
        """Money spent: `cost` plus, with a provider key of one's own, the upstream cost; None when unknown."""
        if self.cost_usd is None or not self.is_byok:
            return self.cost_usd
        return self.cost_usd + (self.upstream_cost_usd or Decimal(0))


class Waiting(msgspec.Struct, frozen=True):
    """A keep-alive comment came: the provider has not begun yet, but the connection lives."""

    comment: Clean


class Began(msgspec.Struct, frozen=True):
    """The first JSON event (or the header) told who answers."""

    generation_id: Opaque | None
    model: Clean | None
    provider: Clean | None


class TextDelta(msgspec.Struct, frozen=True):
    """More of the reply."""

    text: Clean


class ReasoningDelta(msgspec.Struct, frozen=True):
    """More of the thinking; text or a summary of it."""

    text: Clean


class RefusalDelta(msgspec.Struct, frozen=True):
    """More of a refusal."""

    text: Clean


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call merged from its fragments."""

    index: int
    id: Opaque | None
    name: Clean
    arguments: Opaque
    """What the model wrote: perhaps invalid JSON."""


class ToolCallsChanged(msgspec.Struct, frozen=True):
    """All tool calls so far, in order of their index."""

    calls: tuple[ToolCall, ...]


class Citation(msgspec.Struct, frozen=True):
    """A `url_citation` annotation."""

    url: Opaque
    title: Clean


class CitationsArrived(msgspec.Struct, frozen=True):
    citations: tuple[Citation, ...]


class ImageArrived(msgspec.Struct, frozen=True):
    """A generated image: a data URL or an https URL."""

    url: Opaque


class UsageArrived(msgspec.Struct, frozen=True):
    """Usage as reported; the last one wins."""

    usage: Usage


class Ended(msgspec.Struct, frozen=True):
    """The last thing a stream says.

    `complete` is False when the connection ended with neither `[DONE]` nor a finish reason: cut off.
    """

    complete: bool
    finish_reason: Clean | None
    native_finish_reason: Clean | None
    reasoning_details: Opaque | None
    """JSON array of all details with their fragments joined, for the round trip; None when there were none."""
    error: ApiError | None = None
    """An error inside the stream, after which it ended."""
    broken_events: int = 0
    """Events that were no JSON and were left out."""


StreamEvent: TypeAlias = (
    Waiting
    | Began
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallsChanged
    | CitationsArrived
    | ImageArrived
    | UsageArrived
    | Ended
)


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What `POST /embeddings` is asked: one vector a text."""

    model: Opaque
    input: tuple[str, ...]
    user: str | None = None
    dimensions: int | None = None
    input_type: str | None = None
    provider: str | None = None
    """JSON text of the routing object."""


class EmbeddingReply(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors in the order of the request's texts."""

    generation_id: Opaque | None
    model: Clean | None
    provider: Clean | None
    vectors: tuple[bytes, ...]
    """Little-endian float32; all of one length."""
    dimensions: int
    usage: Usage


class FreeAllowance(msgspec.Struct, frozen=True, kw_only=True):
    """The free-model allowance as `/key` tells it on newer keys."""

    used: int
    limit: int


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /key`: USD; counters are UTC day, week from Monday, month."""

    label: Clean
    limit: Decimal | None = None
    limit_remaining: Decimal | None = None
    limit_reset: Clean | None = None
    usage: Decimal | None = None
    usage_daily: Decimal | None = None
    usage_weekly: Decimal | None = None
    usage_monthly: Decimal | None = None
    byok_usage: Decimal | None = None
    is_free_tier: bool | None = None
    is_management_key: bool | None = None
    expires_at: Clean | None = None
    free_daily: FreeAllowance | None = None


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /credits`: USD, the whole account, all time."""

    total_credits: Decimal
    total_usage: Decimal


class ActivityRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `GET /activity`: one model at one provider on one closed UTC day, USD."""

    day: Clean
    """`YYYY-MM-DD`."""
    model: Clean
    usage_usd: Decimal
    """What OpenRouter charged."""
    byok_usd: Decimal
    """What providers asked for keys of one's own."""
    requests: int


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /generation`: the bill of one past request."""

    id: Opaque
    usage: Usage
    model: Clean | None = None
    provider: Clean | None = None
    finish_reason: Clean | None = None
    cancelled: bool | None = None
    latency_ms: float | None = None
    generation_time_ms: float | None = None
