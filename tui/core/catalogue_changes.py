"""What differs between two model lists, and what several differences come to over a span of time.

Watched are the prices, the context length and the expiry of a model, and whether it is listed at all. A new name alone
is no change: names are carried along only to be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Final, TypeAlias

import msgspec

from tui.core.formats import length
from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.openrouter.text import Clean, Opaque

_HUNDRED: Final = Decimal(100)
PAID_NOW: Final = Decimal("Infinity")
"""The change in per cent of a price that was 0."""


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is watched of a model, as one list had it."""

    context: int | None = None
    """Tokens."""
    expires: date | None = None
    varies: bool = False
    prices: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """USD by the catalogue's name of the price; those with conditions have them behind it (`prompt >200000`)."""


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model in two lists; None where it was not listed."""

    id: Opaque
    name: Clean = Clean("")
    before: Listed | None = None
    after: Listed | None = None
    between: Listed | None = None
    """As it stood meanwhile, of a model that neither list has."""


class ChangeKind(StrEnum):
    """In the order in which they are shown."""

    NEW = "new"
    CHEAPER = "cheaper"
    DEARER = "dearer"
    PRICED = "priced"
    """A price that was not listed before, or is no more: neither up nor down."""
    CONTEXT = "context"
    EXPIRY = "expiry"
    GONE = "gone"
    CAME_AND_WENT = "came and went"


_Value: TypeAlias = Decimal | int | date | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that changed about one model."""

    model: Opaque
    slug: Clean
    name: Clean
    kind: ChangeKind
    price: str = ""
    """The name of the price, of a change of prices."""
    before: _Value = None
    """USD, tokens, or a day; None = unknown or not set."""
    after: _Value = None
    varied: tuple[bool, bool] = (False, False)
    """Whether an unknown price before, or after, depends on what answers."""
    per_cent: Decimal | None = None
    """`PAID_NOW` where the price was 0; None where nothing can be divided."""
    listed: Listed | None = None
    """What is, or was, listed of a model that came or went."""


def difference(before: Iterable[Model], after: Iterable[Model]) -> tuple[Moved, ...]:
    """The models in which two lists differ; of several rows with one id the first counts."""
    old, new = _by_id(before), _by_id(after)
    moved = []
    for model_id, model in new.items():
        was = old.get(model_id)
        if was is model:
            continue
        left, right = None if was is None else listed(was), listed(model)
        if left != right:
            moved.append(Moved(model_id, model.name, left, right))
    moved += [Moved(model_id, model.name, listed(model)) for model_id, model in old.items() if model_id not in new]
    return tuple(moved)


def summed(differences: Iterable[Iterable[Moved]]) -> tuple[Moved, ...]:
    """What successive differences, the oldest first, come to: what went back to where it was is left out.

    A model that came and went is kept, with what stood in between.
    """
    total: dict[Opaque, Moved] = {}
    for one in differences:
        for moved in one:
            known = total.get(moved.id)
            if known is None:
                total[moved.id] = moved
            else:
                between = moved.between or moved.before or known.after or known.between
                total[moved.id] = Moved(moved.id, moved.name or known.name, known.before, moved.after, between)
    rows = []
    for moved in total.values():
        if moved.before is None and moved.after is None:
            if moved.between is not None:
                rows.append(moved)
        elif moved.before != moved.after:
            rows.append(moved if moved.between is None else Moved(moved.id, moved.name, moved.before, moved.after))
    return tuple(rows)


def listed(model: Model) -> Listed:
    """What is watched of a model."""
    pricing = model.pricing
    # Of other things than tokens in and out, lists say 0 or nothing as they please, and mean the same.
    prices = {
        name: price
        for name, price in zip(PRICES, _all_prices(pricing), strict=True)
        if price or (price is not None and name in ("prompt", "completion"))
    }
    for override in pricing.overrides:
        condition = _condition(override)
        for name in _OVERRIDDEN:
            price: Decimal | None = getattr(override, name)
            if price is not None:
                prices[f"{name} {condition}"] = price
    return Listed(model.context_length, model.expiration_date, pricing.varies, prices)


def changes(moved: Iterable[Moved]) -> tuple[Change, ...]:
    """Each thing that changed, by kind and then by id; prices by how much they moved."""
    found: list[Change] = []
    for one in moved:
        found += _changes_of(one)
    order = list(ChangeKind)
    found.sort(key=lambda change: (order.index(change.kind), _by_size(change), change.slug.removeprefix("~")))
    return tuple(found)


def price_changes(moved: Iterable[Moved]) -> dict[str, Decimal | None]:
    """Raw id → per cent by which the price moved, None where something else changed; without models that are gone.

    Of several prices the input or output price that moved most counts, else another that did.
    """
    return {one.id.raw: _headline(one) for one in moved if one.after is not None}


def _headline(moved: Moved) -> Decimal | None:
    if moved.before is None or moved.after is None:
        return None
    steps = {
        name: per_cent
        for name in {**moved.before.prices, **moved.after.prices}
        if (per_cent := _per_cent(moved.before.prices.get(name), moved.after.prices.get(name)))
    }
    main = [steps[name] for name in ("prompt", "completion") if name in steps]
    return max(main or steps.values(), key=abs, default=None)


def _changes_of(moved: Moved) -> list[Change]:
    before, after, model = moved.before, moved.after, moved.id
    slug = model.shown()

    def change(kind: ChangeKind, old: _Value = None, new: _Value = None) -> Change:
        return Change(model=model, slug=slug, name=moved.name, kind=kind, before=old, after=new)

    def came_or_went(kind: ChangeKind, now: Listed | None) -> Change:
        return Change(model=model, slug=slug, name=moved.name, kind=kind, listed=now)

    if before is None or after is None:
        if after is not None:
            return [came_or_went(ChangeKind.NEW, after)]
        if before is not None:
            return [came_or_went(ChangeKind.GONE, before)]
        return [came_or_went(ChangeKind.CAME_AND_WENT, moved.between)]
    found = []
    for name in _in_order({**before.prices, **after.prices}):
        old, new = before.prices.get(name), after.prices.get(name)
        if old == new:
            continue
        kind = ChangeKind.PRICED
        if old is not None and new is not None:
            kind = ChangeKind.DEARER if new > old else ChangeKind.CHEAPER
        found.append(
            Change(
                model=model,
                slug=slug,
                name=moved.name,
                kind=kind,
                price=name,
                before=old,
                after=new,
                varied=(before.varies, after.varies),
                per_cent=_per_cent(old, new),
            )
        )
    if before.context != after.context:
        found.append(change(ChangeKind.CONTEXT, before.context, after.context))
    if before.expires != after.expires:
        found.append(change(ChangeKind.EXPIRY, before.expires, after.expires))
    return found


def _per_cent(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    """By how much a price moved; None where it did not, or where one of the two is unknown."""
    if before is None or after is None or before == after:
        return None
    if before == 0:
        return PAID_NOW
    return (after - before) / before * _HUNDRED


def _by_size(change: Change) -> tuple[Decimal, int]:
    """The largest change of a price first."""
    size = Decimal(0) if change.per_cent is None else -abs(change.per_cent)
    return size, _rank(change.price)


def _by_id(models: Iterable[Model]) -> dict[Opaque, Model]:
    found: dict[Opaque, Model] = {}
    for model in models:
        found.setdefault(model.id, model)
    return found


PRICES: Final = tuple(name for name in Pricing.__struct_fields__ if name not in ("discount", "overrides", "varies"))
_all_prices: Final = attrgetter(*PRICES)
_CONDITIONS: Final = frozenset({"min_prompt_tokens", "utc_start", "utc_end"})
_OVERRIDDEN: Final = tuple(name for name in PriceOverride.__struct_fields__ if name not in _CONDITIONS)
_SHORT: Final[Mapping[str, str]] = {
    "prompt": "input",
    "completion": "output",
    "image_token": "image tok",
    "image_output": "image out",
    "audio_output": "audio out",
    "input_audio_cache": "audio cache",
    "web_search": "search",
    "internal_reasoning": "reasoning",
    "input_cache_read": "cache",
    "input_cache_write": "cache write",
    "input_cache_write_1h": "cache 1h",
}
PER_TOKEN: Final = frozenset(PRICES) - {"request", "image", "image_output", "web_search"}
"""The prices that are told per million."""


def _condition(override: PriceOverride) -> str:
    """When an override holds, as the names of prices carry it: `>200000`, `990-30`, both, or `*` for always."""
    parts = []
    if override.min_prompt_tokens is not None:
        parts.append(f">{override.min_prompt_tokens}")
    if override.utc_start is not None or override.utc_end is not None:
        parts.append(f"{override.utc_start or 0}-{1440 if override.utc_end is None else override.utc_end}")
    return " ".join(parts) or "*"


def price_label(price: str) -> Clean:
    """The name of a price as people read it: `input`, `output >200k`, `cache 16:30–00:30`."""
    name, _, condition = price.partition(" ")
    words = [_SHORT.get(name, name if name in PRICES else "price")]
    for part in condition.split():
        if match := re.fullmatch(r">(\d{1,16})", part):
            words.append(f">{length(int(match[1]))}")
        elif match := re.fullmatch(r"(\d{1,4})-(\d{1,4})", part):
            start, end = (f"{int(minute) // 60:02}:{int(minute) % 60:02}" for minute in match.groups())
            words.append(f"{start}–{end}")
    return Clean(" ".join(words))


@cache
def _rank(price: str) -> int:
    name = price.partition(" ")[0]
    main = ("prompt", "completion", *PRICES)
    return main.index(name) if name in main else len(main)


def _in_order(prices: Iterable[str]) -> Sequence[str]:
    return sorted(prices, key=lambda price: (_rank(price), price))


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The changes that were noticed from `start` on."""

    start: float
    moved: tuple[Moved, ...] = ()
    compared_with: float | None = None
    """When the list was loaded that the first of them was noticed against: it may be older than the span."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed in the catalogue, summed over the spans that somebody may ask about. Unix seconds."""

    as_of: float
    watched_since: float | None = None
    """When the first list of this origin was kept; None = never."""
    visited_at: float | None = None
    """When the last visit saw the list for the last time; None = this is the first."""
    since_visit: Span
    week: Span
    month: Span

    @property
    def lately(self) -> Span:
        """What `new`, `changed` and the badges are about: since the last visit, and at least the last 7 days."""
        return min(self.since_visit, self.week, key=attrgetter("start"))
