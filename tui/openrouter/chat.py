"""A chat request and what comes back for it, streamed or whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from tui.openrouter.errors import ApiError
from tui.openrouter.text import Clean, Opaque

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMessage:
    """One message of a request; `content` is text or a list of content parts as the protocol has them."""

    role: Role
    content: str | list[dict[str, object]] | None
    reasoning_details: Opaque | None = None
    """The JSON array as it came, sent back untouched."""
    tool_calls: Opaque | None = None
    """The JSON array as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatParameters:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What `POST /chat/completions` is asked."""

    model: Opaque
    messages: tuple[RequestMessage, ...]
    parameters: ChatParameters = field(default_factory=ChatParameters)
    stream: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A keep-alive comment came: the provider has not begun yet, but the connection lives."""

    comment: Clean


@dataclass(frozen=True, slots=True)
class Began:
    """The first JSON event (or the header) told who answers."""

    generation_id: Opaque | None
    model: Clean | None
    provider: Clean | None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the reply."""

    text: Clean


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the thinking; text or a summary of it."""

    text: Clean


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """More of a refusal."""

    text: Clean


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool call merged from its fragments."""

    index: int
    id: Opaque | None
    name: Clean
    arguments: Opaque
    """What the model wrote: perhaps invalid JSON."""


@dataclass(frozen=True, slots=True)
class ToolCallsChanged:
    """All tool calls so far, in order of their index."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A `url_citation` annotation."""

    url: Opaque
    title: Clean


@dataclass(frozen=True, slots=True)
class CitationsArrived:
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class ImageArrived:
    """A generated image: a data URL or an https URL."""

    url: Opaque


@dataclass(frozen=True, slots=True)
class UsageArrived:
    """Usage as reported; the last one wins."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Ended:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """What `POST /embeddings` is asked: one vector a text."""

    model: Opaque
    input: tuple[str, ...]
    user: str | None = None
    dimensions: int | None = None
    input_type: str | None = None
    provider: str | None = None
    """JSON text of the routing object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingReply:
    """Vectors in the order of the request's texts."""

    generation_id: Opaque | None
    model: Clean | None
    provider: Clean | None
    vectors: tuple[bytes, ...]
    """Little-endian float32; all of one length."""
    dimensions: int
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeAllowance:
    """The free-model allowance as `/key` tells it on newer keys."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """`GET /credits`: USD, the whole account, all time."""

    total_credits: Decimal
    total_usage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """`GET /generation`: the bill of one past request."""

    id: Opaque
    usage: Usage
    model: Clean | None = None
    provider: Clean | None = None
    finish_reason: Clean | None = None
    cancelled: bool | None = None
    latency_ms: float | None = None
    generation_time_ms: float | None = None
