"""What the requests of the past would have cost on other models, exactly, beside what was paid for them.

A cost is linear in its token counts as long as the same prices hold. So the requests are summed in groups that no price
list in question tells apart (the same side of every prompt length and of every minute of the UTC day at which a price
changes), and each group is priced once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from tui.core.ledger import MONEY, ZERO, RequestKind
from tui.core.prices import Workload, cost_of_counts, price_at, token_price
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.text import Opaque

_MINUTES_A_DAY: Final = 1440
_MONTH_DAYS: Final = 30


class Distinctions(msgspec.Struct, frozen=True, kw_only=True):
    """What some price lists tell requests apart by."""

    prompt_tokens: tuple[int, ...] = ()
    """Longer prompts than each of these have other prices; ascending."""
    minutes: tuple[int, ...] = ()
    """Minutes after 00:00 UTC from which other prices hold; ascending, 1 to 1,439."""

    def length_class(self, prompt_tokens: int) -> int:
        """In which of the classes of prompt lengths that many tokens are."""
        return bisect_left(self.prompt_tokens, prompt_tokens)

    def time_class(self, minute: int) -> int:
        """In which of the classes of times a minute of the UTC day is."""
        return bisect_right(self.minutes, minute)

    def prompt_in(self, length_class: int) -> int:
        """A prompt length of that class."""
        if length_class < len(self.prompt_tokens):
            return self.prompt_tokens[length_class]
        return self.prompt_tokens[-1] + 1 if self.prompt_tokens else 0

    def minute_in(self, time_class: int) -> int:
        """A minute of the UTC day of that class."""
        return self.minutes[time_class - 1] if time_class else 0

    def covers(self, other: Distinctions) -> bool:
        """Whether requests that the other tells apart are apart here too."""
        return set(other.prompt_tokens) <= set(self.prompt_tokens) and set(other.minutes) <= set(self.minutes)


def distinctions(pricings: Iterable[Pricing]) -> Distinctions:
    """What these price lists tell requests apart by."""
    lengths: set[int] = set()
    minutes: set[int] = set()
    for pricing in pricings:
        for override in pricing.overrides:
            if override.min_prompt_tokens is not None:
                lengths.add(override.min_prompt_tokens)
            minutes.update(at for at in (override.utc_start, override.utc_end) if at and at < _MINUTES_A_DAY)
    return Distinctions(prompt_tokens=tuple(sorted(lengths)), minutes=tuple(sorted(minutes)))


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What requests really cost, in USD; `unknown` counts those without any figure."""

    requests: int = 0
    billed_usd: Decimal = ZERO
    estimated_usd: Decimal = ZERO
    unknown: int = 0

    def plus(self, other: Paid) -> Paid:
        """Both together."""
        return Paid(
            requests=self.requests + other.requests,
            billed_usd=MONEY.add(self.billed_usd, other.billed_usd),
            estimated_usd=MONEY.add(self.estimated_usd, other.estimated_usd),
            unknown=self.unknown + other.unknown,
        )


class Counts(msgspec.Struct, frozen=True):
    """Token counts of requests together, each taken by the rules of one: what is cached beyond its prompt leaves no
    plain tokens, and its reasoning is at most its completion."""

    requests: int = 0
    prompt_tokens: int = 0
    plain_tokens: int = 0
    """Of the prompt: neither read from a cache nor written to one."""
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class Group(msgspec.Struct, frozen=True):
    """Which requests are summed together."""

    kind: RequestKind
    length_class: int
    time_class: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of a span of time in sums."""

    apart: Distinctions
    groups: Mapping[Group, Counts] = msgspec.field(default_factory=dict)
    paid: Mapping[RequestKind, Paid] = msgspec.field(default_factory=dict)
    """For the requests in the groups."""
    uncounted: Mapping[RequestKind, Paid] = msgspec.field(default_factory=dict)
    """For requests whose tokens nobody counted: they cannot be priced and are in no group."""

    def plus(self, other: History) -> History:
        """Both together; raises ValueError when they were not told apart by the same."""
        if self.apart != other.apart:
            raise ValueError("the histories are told apart by other things")
        groups = {
            group: self.groups.get(group, Counts()).plus(other.groups.get(group, Counts()))
            for group in {**self.groups, **other.groups}
        }
        return replace(
            self,
            groups=groups,
            paid=_together(self.paid, other.paid),
            uncounted=_together(self.uncounted, other.uncounted),
        )


def _together(one: Mapping[RequestKind, Paid], other: Mapping[RequestKind, Paid]) -> dict[RequestKind, Paid]:
    return {kind: one.get(kind, Paid()).plus(other.get(kind, Paid())) for kind in {**one, **other}}


class Repriced(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of a model's kind would have cost on it."""

    model: Opaque
    kind: RequestKind
    cost_usd: Decimal | None
    """None: a price that is needed is unknown."""
    paid: Paid
    """What the same requests really cost."""
    uncounted: Paid
    """Requests of that kind that could not be priced because nobody counted their tokens."""


def reprice(models: Sequence[Model], history: History) -> tuple[Repriced, ...]:
    """What the history would have cost on each of the models, in their order, at today's list prices.

    Chat models are asked about the chats, embedding models about the embeddings. Long prompts, times of the UTC day,
    reads and writes of a cache, reasoning and prices per request count as listed; the ledger knows nothing of images
    and searches, so that they are in no figure. Raises ValueError when the history is not told apart by what the
    prices are.
    """
    return tuple(_repriced(model, history) for model in models)


def _repriced(model: Model, history: History) -> Repriced:
    if not history.apart.covers(distinctions([model.pricing])):
        raise ValueError("the history is not told apart by what these prices are")
    kind = kind_of(model)
    return Repriced(
        model=model.id,
        kind=kind,
        cost_usd=_cost(model, kind, history),
        paid=history.paid.get(kind, Paid()),
        uncounted=history.uncounted.get(kind, Paid()),
    )


def _cost(model: Model, kind: RequestKind, history: History) -> Decimal | None:
    groups = [(group, counts) for group, counts in history.groups.items() if group.kind is kind and counts.requests]
    if groups and token_price(model, model.pricing.prompt) is None:
        return None
    total = ZERO
    for group, counts in groups:
        prices = price_at(
            model.pricing,
            history.apart.prompt_in(group.length_class),
            history.apart.minute_in(group.time_class) * 60.0,
        )
        cost = cost_of_counts(
            prices,
            plain_tokens=counts.plain_tokens,
            cached_tokens=counts.cached_tokens,
            cache_write_tokens=counts.cache_write_tokens,
            completion_tokens=counts.completion_tokens,
            reasoning_tokens=counts.reasoning_tokens,
            requests=counts.requests,
        )
        if cost is None:
            return None
        total = MONEY.add(total, cost)
    return total


def kind_of(model: Model) -> RequestKind:
    """Which requests of the past a model could have answered."""
    return RequestKind.EMBEDDING if model.is_embedding else RequestKind.CHAT


def typical_workload(history: History, kind: RequestKind, days: int) -> Workload | None:
    """The mean request of the history and how many of them a month of 30 days has; None without any."""
    whole = Counts()
    for group, counts in history.groups.items():
        if group.kind is kind:
            whole = whole.plus(counts)
    if not whole.requests:
        return None

    def mean(tokens: int) -> int:
        return round(tokens / whole.requests)

    prompt = mean(whole.prompt_tokens)
    return Workload(
        prompt_tokens=prompt,
        completion_tokens=mean(whole.completion_tokens),
        cached_tokens=min(prompt, mean(whole.cached_tokens)),
        requests=max(1, round(whole.requests * _MONTH_DAYS / days)),
    )
