"""A reply while it arrives: what came, when, and what it will probably have cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal

from tui.core.chat_figures import cache_saving
from tui.core.conversation import Cost, CostKind, Receipt
from tui.core.prices import estimate_cost
from tui.core.tokens import guess_tokens
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import (
    Began,
    Citation,
    CitationsArrived,
    Ended,
    ImageArrived,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallsChanged,
    Usage,
    UsageArrived,
    Waiting,
)
from tui.openrouter.text import Clean, Opaque


@dataclass(slots=True)
class GrowingReply:
    """Takes stream events in; times are monotonic seconds."""

    prompt_tokens_estimate: int
    pricing: Pricing
    sent_at: float
    tries: int
    asked: Model | None = None
    """The catalogue's row of the model that was asked."""
    text: list[str] = field(default_factory=list)
    """Pieces not yet shown."""
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    characters: int = 0
    """Of text, reasoning and refusal so far."""
    has_text: bool = False
    images_told: int = 0
    """How many of `images` stand in the text."""
    tool_calls: tuple[ToolCall, ...] | None = None
    citations: tuple[Citation, ...] | None = None
    images: list[Opaque] = field(default_factory=list)
    model: Clean | None = None
    provider: Clean | None = None
    generation_id: Opaque | None = None
    usage: Usage | None = None
    ended: Ended | None = None
    comments: int = 0
    first_at: float | None = None
    last_at: float | None = None
    reasoning_from: float | None = None
    reasoning_to: float | None = None

    def take(self, events: list[StreamEvent]) -> None:
        """Fold what one network read brought."""
        now = time.monotonic()
        for event in events:
            match event:
                case TextDelta(text):
                    self.text.append(text)
                    self.has_text = True
                    self._content(len(text), now)
                case ReasoningDelta(text):
                    self.reasoning.append(text)
                    if self.reasoning_from is None:
                        self.reasoning_from = self.sent_at if self.first_at is None else now
                    self.reasoning_to = now
                    self._content(len(text), now)
                case RefusalDelta(text):
                    self.refusal.append(text)
                    self.has_text = True
                    self._content(len(text), now)
                case ToolCallsChanged(calls):
                    self.tool_calls = calls
                    self._content(0, now)
                case CitationsArrived(citations):
                    self.citations = (self.citations or ()) + citations
                case ImageArrived(url):
                    self.images.append(url)
                    self.has_text = True
                    self._content(0, now)
                case Began(generation_id, model, provider):
                    self.generation_id = generation_id or self.generation_id
                    self.model = model or self.model
                    self.provider = provider or self.provider
                case UsageArrived(usage):
                    self.usage = usage
                case Waiting():
                    self.comments += 1
                case Ended():
                    self.ended = event

    def _content(self, characters: int, now: float) -> None:
        self.characters += characters
        if self.first_at is None:
            self.first_at = now
        self.last_at = now

    @property
    def began(self) -> bool:
        """Whether any content came, after which nothing may be sent again."""
        return self.first_at is not None

    @property
    def model_shown(self) -> Clean | None:
        """Who answered; the permanent name of the model that was asked is that model."""
        asked = self.asked
        if asked is not None and asked.canonical_slug is not None and self.model == asked.canonical_slug.shown():
            return asked.slug
        return self.model

    @property
    def reasoning_seconds(self) -> float | None:
        if self.reasoning_from is None or self.reasoning_to is None:
            return None
        return self.reasoning_to - self.reasoning_from

    @property
    def ttft_ms(self) -> int | None:
        return None if self.first_at is None else round((self.first_at - self.sent_at) * 1000)

    def completion_tokens_guess(self) -> int:
        """Tokens so far, four characters each."""
        return guess_tokens(self.characters)

    def estimated_usd(self) -> Decimal | None:
        """What has come so far would cost by the price list, or by the reported counts once they are there."""
        usage = self.usage
        if usage is not None and usage.prompt_tokens is not None:
            return estimate_cost(
                self.pricing,
                now=time.time(),
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens or 0,
                cached_tokens=usage.cached_tokens or 0,
                cache_write_tokens=usage.cache_write_tokens or 0,
                reasoning_tokens=usage.reasoning_tokens or 0,
                web_searches=usage.web_search_requests or 0,
            )
        return estimate_cost(
            self.pricing,
            now=time.time(),
            prompt_tokens=self.prompt_tokens_estimate,
            completion_tokens=self.completion_tokens_guess(),
        )

    def running_receipt(self) -> Receipt:
        """The figures while it streams, all estimates."""
        tokens = self.completion_tokens_guess()
        now = time.monotonic()
        speed = None
        if self.first_at is not None and now - self.first_at > 0.25:
            speed = tokens / (now - self.first_at)
        estimate = self.estimated_usd()
        return Receipt(
            cost=Cost(estimate, CostKind.UNKNOWN if estimate is None else CostKind.ESTIMATED),
            prompt_tokens=self.prompt_tokens_estimate,
            completion_tokens=tokens,
            ttft_ms=self.ttft_ms,
            duration_ms=round((now - self.sent_at) * 1000),
            tokens_per_second=speed,
            provider=self.provider,
            model_answered=self.model_shown,
            generation_id=self.generation_id,
            tries=self.tries,
        )

    def receipt(self, cost: Cost, note: Clean | None = None) -> Receipt:
        """The figures at the end: reported counts, or None where nobody reported any."""
        usage = self.usage or Usage()
        speed = None
        if (
            usage.completion_tokens
            and self.first_at is not None
            and self.last_at is not None
            and self.last_at - self.first_at > 0.001
        ):
            speed = usage.completion_tokens / (self.last_at - self.first_at)
        return Receipt(
            cost=cost,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            cached_tokens=usage.cached_tokens,
            ttft_ms=self.ttft_ms,
            duration_ms=round((time.monotonic() - self.sent_at) * 1000),
            tokens_per_second=speed,
            provider=self.provider,
            model_answered=self.model_shown,
            generation_id=self.generation_id,
            tries=self.tries,
            cache_saved_usd=cache_saving(
                self.pricing,
                time.time(),
                prompt_tokens=usage.prompt_tokens or 0,
                cached_tokens=usage.cached_tokens or 0,
                cache_write_tokens=usage.cache_write_tokens or 0,
            ),
            billing_note=note,
        )
