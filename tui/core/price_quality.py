"""Price against quality: one price and one score a model, and which models nobody beats at both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import isfinite
from typing import Final, TypeAlias

import msgspec

from tui.core.formats import MILLION
from tui.core.prices import token_price
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean

BLEND: Final = (3, 1)
"""Tokens in to tokens out of the blended price."""
BLEND_WORDS: Final = Clean("3 in : 1 out")


class Measure(msgspec.Struct, frozen=True):
    """What quality is measured by: an index of Artificial Analysis, or the Elo in a category of the Design Arena."""

    name: Clean
    field: str | None = None
    """Of `Benchmarks`; None for a category."""
    arena: Clean = Clean("")
    category: Clean = Clean("")

    def of(self, model: Model) -> float | None:
        """The model's score; None = the catalogue has none."""
        marks = model.benchmarks
        if marks is None:
            return None
        if self.field is not None:
            score: float | None = getattr(marks, self.field)
        else:
            here = (self.arena, self.category)
            score = next((row.elo for row in marks.design_arena if (row.arena, row.category) == here), None)
        return score if score is not None and isfinite(score) else None


_INDEXES: Final = (
    Measure(Clean("intelligence index"), "intelligence_index"),
    Measure(Clean("coding index"), "coding_index"),
    Measure(Clean("agentic index"), "agentic_index"),
)


def measures(models: Iterable[Model]) -> tuple[Measure, ...]:
    """What at least one of the models has a score in: the indexes first, then the arenas that most have."""
    known = list(models)
    arenas = Counter(
        (row.arena, row.category)
        for model in known
        if model.benchmarks is not None
        for row in model.benchmarks.design_arena
        if row.elo is not None
    )
    in_order = sorted(arenas, key=lambda arena: (-arenas[arena], arena))
    found = [measure for measure in _INDEXES if any(measure.of(model) is not None for model in known)]
    return (*found, *(Measure(Clean(f"{what} Elo ({where})"), None, where, what) for where, what in in_order))


def blended_price(model: Model) -> Decimal | None:
    """USD per million tokens of which three go in for each that comes out; None = a price is unknown."""
    prompt = token_price(model, model.pricing.prompt)
    completion = token_price(model, model.pricing.completion)
    if prompt is None or completion is None or model.pricing.varies:
        return None
    return (BLEND[0] * prompt + BLEND[1] * completion) * MILLION / sum(BLEND)


class Point(msgspec.Struct, frozen=True):
    """A model in the plot."""

    model: Model
    price: Decimal
    """Blended, USD per million tokens."""
    quality: float


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """The models that can be plotted, by rising price; and how many cannot."""

    shown: tuple[Point, ...] = ()
    frontier: tuple[int, ...] = ()
    """Indexes into `shown` of the models that no other beats, by rising price."""
    without_price: int = 0
    without_score: int = 0
    """And with a price."""


def points_of(models: Iterable[Model], measure: Measure) -> Points:
    """The models with a blended price and a score by this measure."""
    shown: list[Point] = []
    without_price = without_score = 0
    for model in models:
        price, score = blended_price(model), measure.of(model)
        if price is None:
            without_price += 1
        elif score is None:
            without_score += 1
        else:
            shown.append(Point(model, price, score))
    shown.sort(key=lambda point: (point.price, point.quality, point.model.slug))
    return Points(
        shown=tuple(shown),
        frontier=tuple(frontier([(point.price, point.quality) for point in shown])),
        without_price=without_price,
        without_score=without_score,
    )


Pair: TypeAlias = tuple[Decimal, float]


def frontier(pairs: Sequence[Pair]) -> list[int]:
    """The Pareto frontier of (price, quality) pairs, as indexes by rising price.

    On it are those for which no other pair is as cheap and as good, and cheaper or better; equals stand together.
    """
    order = sorted(range(len(pairs)), key=lambda at: (pairs[at][0], -pairs[at][1]))
    best: list[int] = []
    for at in order:
        if not best or pairs[at][1] > pairs[best[-1]][1] or pairs[at] == pairs[best[-1]]:
            best.append(at)
    return best
