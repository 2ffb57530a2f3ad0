"""Models, endpoints and their prices as the rest of the program sees them: cleaned, typed, unknown where unknown.

Shapes follow OpenRouter's model lists ("Model lists" and "Endpoints" of its API reference).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from tui.openrouter.text import Clean, Opaque


class PriceOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Prices that hold instead of the base ones when all its conditions do; None inherits the base price."""

    min_prompt_tokens: int | None = None
    """Holds for prompts of strictly more tokens than this."""
    utc_start: int | None = None
    """Minutes after 00:00 UTC; half-open window that may wrap past midnight."""
    utc_end: int | None = None
    prompt: Decimal | None = None
    completion: Decimal | None = None
    audio: Decimal | None = None
    input_audio_cache: Decimal | None = None
    input_cache_read: Decimal | None = None
    input_cache_write: Decimal | None = None
    input_cache_write_1h: Decimal | None = None


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """USD per token unless the name says otherwise; None = not listed, negative, absurd or malformed: unknown."""

    prompt: Decimal | None = None
    completion: Decimal | None = None
    request: Decimal | None = None
    """USD per request."""
    image: Decimal | None = None
    """USD per input image."""
    image_token: Decimal | None = None
    image_output: Decimal | None = None
    """USD per output image."""
    audio: Decimal | None = None
    audio_output: Decimal | None = None
    input_audio_cache: Decimal | None = None
    web_search: Decimal | None = None
    """USD per search."""
    internal_reasoning: Decimal | None = None
    input_cache_read: Decimal | None = None
    input_cache_write: Decimal | None = None
    """Five minutes of life."""
    input_cache_write_1h: Decimal | None = None
    discount: Decimal | None = None
    """Fraction 0 to 1; whether the prices are before or after it is not documented, so it is shown and not applied."""
    overrides: tuple[PriceOverride, ...] = ()
    varies: bool = False
    """A price was negative: the sentinel of routers for "depends on what answers"."""


class ReasoningSupport(msgspec.Struct, frozen=True, kw_only=True):
    """What a reasoning model lets one choose."""

    mandatory: bool = False
    supported_efforts: tuple[Clean, ...] | None = None
    """Descending; None = all of them, empty = no choice."""
    default_effort: Clean | None = None
    default_enabled: bool | None = None
    supports_max_tokens: bool = False


class ArenaScore(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the Design Arena."""

    arena: Clean
    category: Clean
    elo: float | None = None
    win_rate: float | None = None
    rank: int | None = None


class Benchmarks(msgspec.Struct, frozen=True, kw_only=True):
    """Artificial Analysis indexes and Design Arena rows, where the catalogue has them."""

    intelligence_index: float | None = None
    coding_index: float | None = None
    agentic_index: float | None = None
    design_arena: tuple[ArenaScore, ...] = ()


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the catalogue."""

    id: Opaque
    slug: Clean
    """The id as shown, searched and typed."""
    name: Clean
    author: Clean
    """Who made it: the id up to the slash, without a leading `~`."""
    canonical_slug: Opaque | None = None
    created: int | None = None
    """Unix seconds, when added to OpenRouter."""
    description: Clean = Clean("")
    context_length: int | None = None
    """Tokens; None when missing or zero."""
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None
    modality: Clean | None = None
    input_modalities: tuple[Clean, ...] = ()
    output_modalities: tuple[Clean, ...] = ()
    tokenizer: Clean | None = None
    instruct_type: Clean | None = None
    pricing: Pricing = msgspec.field(default_factory=Pricing)
    supported_parameters: frozenset[Clean] = frozenset()
    default_parameters: tuple[tuple[Clean, Decimal], ...] = ()
    expiration_date: date | None = None
    knowledge_cutoff: Clean | None = None
    hugging_face_id: Clean | None = None
    reasoning: ReasoningSupport | None = None
    alias_target: Opaque | None = None
    benchmarks: Benchmarks | None = None
    details_path: Opaque | None = None

    @property
    def is_embedding(self) -> bool:
        """Whether it answers embeddings and not chat."""
        return "embeddings" in self.output_modalities

    @property
    def is_text(self) -> bool:
        """Whether text, and text only, comes out: only then do prices of 0 mean free."""
        return self.output_modalities == ("text",)


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last 30 minutes: milliseconds to the first token, or output tokens per second."""

    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p99: float | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's offer of one model."""

    name: Clean
    provider: Clean
    tag: Opaque
    """What `provider.order`, `only` and `ignore` take."""
    context_length: int | None = None
    max_completion_tokens: int | None = None
    max_prompt_tokens: int | None = None
    pricing: Pricing = msgspec.field(default_factory=Pricing)
    quantization: Clean | None = None
    supported_parameters: frozenset[Clean] = frozenset()
    supports_implicit_caching: bool | None = None
    status: int | None = None
    """0 = normal, negative = demoted or unavailable, None = unknown."""
    uptime_5m: float | None = None
    """Per cent."""
    uptime_30m: float | None = None
    uptime_1d: float | None = None
    latency_ms: Percentiles | None = None
    throughput: Percentiles | None = None
    """Output tokens per second."""


class ProviderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What `/providers` says of a company; None = it does not say."""

    slug: str
    """What tags of its endpoints begin with; compared, never drawn."""
    name: Clean
    privacy_policy_url: Clean | None = None
    terms_of_service_url: Clean | None = None
    status_page_url: Clean | None = None
    headquarters: Clean | None = None
    """ISO code of a country."""
    datacenters: tuple[Clean, ...] | None = None


class CatalogueReply(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded model list and what had to be left out or mended."""

    models: tuple[Model, ...]
    mended: int = 0
    """Rows in which at least one field was malformed and became unknown."""
    unreadable: int = 0
    """Rows without so much as an id."""
    duplicates: int = 0
    """Rows left out because an earlier one of the same list has their id."""


class RawCatalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Model lists as they came, to be stored and decoded (`decode_catalogue.decode_models`)."""

    models_body: bytes
    embeddings_body: bytes | None = None
    """None where the server has no list of its own for them."""
    server_date: float | None = None
    """The response's `Date` in epoch seconds."""
