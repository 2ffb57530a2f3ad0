"""Blended prices, scores, and the Pareto frontier."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tui.core.price_quality import blended_price, frontier, measures, points_of
from tui.openrouter.catalogue import ArenaScore, Benchmarks, Model, Pricing
from tui.openrouter.text import Clean, Opaque

D = Decimal


def model(slug: str, prompt: str | None, completion: str | None, benchmarks: Benchmarks | None = None) -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean("a"),
        output_modalities=(Clean("text"),),
        pricing=Pricing(prompt=prompt and D(prompt), completion=completion and D(completion)),  # type: ignore[arg-type]
        benchmarks=benchmarks,
    )


def elo(category: str, value: float | None) -> ArenaScore:
    return ArenaScore(arena=Clean("models"), category=Clean(category), elo=value)


def test_the_blend_is_three_in_to_one_out() -> None:
    assert blended_price(model("a", "0.000001", "0.000005")) == D(2)
    assert blended_price(model("a", "0", "0")) == 0
    assert blended_price(model("a", "0.000001", None)) is None


pairs = st.lists(st.tuples(st.integers(0, 5).map(Decimal), st.integers(0, 5).map(float)), max_size=14)


@given(pairs)
def test_the_frontier_is_what_no_other_beats(points: list[tuple[Decimal, float]]) -> None:
    def is_beaten(point: tuple[Decimal, float]) -> bool:
        return any(other[0] <= point[0] and other[1] >= point[1] and other != point for other in points)

    found = frontier(points)
    assert sorted(found) == [at for at, point in enumerate(points) if not is_beaten(point)]
    assert [points[at][0] for at in found] == sorted(points[at][0] for at in found)


def test_models_without_a_price_or_a_score_are_counted_and_not_plotted() -> None:
    some = Benchmarks(intelligence_index=40.0, design_arena=(elo("3d", 1200.0), elo("web", None)))
    listed = [
        model("dear", "0.000009", "0.000009", some),
        model("cheap", "0.000001", "0.000001", Benchmarks(intelligence_index=30.0, design_arena=(elo("3d", 1300.0),))),
        model("silly", "0.00001", "0.00001", Benchmarks(intelligence_index=20.0)),
        model("unpriced", None, None, some),
        model("unmarked", "0.000001", "0.000001", Benchmarks(intelligence_index=float("inf"))),
    ]
    known = measures(listed)
    assert [measure.name for measure in known] == ["intelligence index", "3d Elo (models)"]
    points = points_of(listed, known[0])
    assert [point.model.slug for point in points.shown] == ["cheap", "dear", "silly"]
    assert points.frontier == (0, 1)
    assert (points.without_price, points.without_score) == (1, 1)
    by_elo = points_of(listed, known[1])
    assert [(point.model.slug, point.quality) for point in by_elo.shown] == [("cheap", 1300.0), ("dear", 1200.0)]
    assert by_elo.frontier == (0,)
    assert measures(listed[4:]) == ()
