"""What two embeddings of the same texts agree on, pairs that are nearly the same, and right answers that are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tui.core.vectors import load_numpy, similarity_tile, usable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui.core.vectors import Rows

EXACT_UP_TO: Final = 2_000
"""Texts whose pairs are all compared; of more, a million are."""
_SAMPLED_SIDE: Final = 1_000
_AT_ONCE: Final = 512
_MOST_DUPLICATES: Final = 10_000
_QUERIES: Final = 1_000
"""Texts whose neighbours are compared; of more, evenly spaced ones."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows, the smaller number first."""

    first: int
    second: int
    score: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pairs at least so alike, the most alike first."""

    pairs: tuple[Pair, ...]
    total: int
    """How many there are; more than are listed where there are very many."""


def duplicates(unit: Rows, threshold: float, most: int = _MOST_DUPLICATES) -> Duplicates:
    """Pairs of different rows with a similarity of at least `threshold`, ties by row; compared block by block."""
    np = load_numpy()
    count = len(unit)
    found: list[Any] = []
    held, total = 0, 0
    with np.errstate(all="ignore"):
        for top in range(0, count, _AT_ONCE):
            rows = unit[top : top + _AT_ONCE]
            for left in range(top, count, _AT_ONCE):
                values = np.clip(rows @ unit[left : left + _AT_ONCE].T, -1.0, 1.0).round(6)
                firsts, seconds = np.nonzero(values >= np.float32(threshold - 5e-7))
                if left == top:
                    keep = seconds > firsts
                    firsts, seconds = firsts[keep], seconds[keep]
                if len(firsts):
                    total += len(firsts)
                    found.append(np.stack([firsts + top, seconds + left, values[firsts, seconds]]).astype(np.float64))
                    held += len(firsts)
                    if held > 8 * most:
                        found, held = [_best(np.concatenate(found, axis=1), most)], most
    if not found:
        return Duplicates((), 0)
    best = _best(np.concatenate(found, axis=1), most)
    pairs = tuple(Pair(int(first), int(second), round(score, 6)) for first, second, score in best.T.tolist())
    return Duplicates(pairs, total)


def _best(found: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    np = load_numpy()
    return found[:, np.lexsort((found[1], found[0], -found[2]))[:most]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two embeddings of the same texts say the same."""

    overlap: float | None
    """Share of the k nearest neighbours that both name, 0 to 1, mean over the texts; None with fewer than two texts."""
    k: int
    correlation: float | None
    """Spearman's rank correlation of the similarities of all pairs, -1 to 1; None where it is not defined."""
    pairs_compared: int
    is_sampled: bool
    """Not all pairs were compared: there are too many."""
    apart: tuple[tuple[int, int, float, float], ...]
    """Pairs (rows, and the similarity in each) whose ranks differ most, the worst first."""


def agreement(left: Rows, right: Rows, k: int = 10, most_apart: int = 50, seed: int = 7) -> Agreement:
    """Compare two embeddings `(n, d)`, `(n, e)` of the same n texts; rows that lack a vector in either are left out."""
    np = load_numpy()
    both = np.flatnonzero(usable(left) & usable(right))
    count = len(both)
    k = max(1, min(k, count - 1))
    if count < 2:
        return Agreement(None, k, None, 0, False, ())
    sampled = count > EXACT_UP_TO
    if sampled:
        # Each of some texts with each of some others: as many single pairs would take a hundred times as long.
        mixed = both[np.random.default_rng(seed).permutation(count)[: 2 * _SAMPLED_SIDE]]
        tops, sides = mixed[:_SAMPLED_SIDE], mixed[_SAMPLED_SIDE:]
        firsts, seconds = np.repeat(tops, len(sides)), np.tile(sides, len(tops))
        left_scores, right_scores = (_tile(unit, tops, sides).ravel() for unit in (left, right))
    else:
        above = np.triu_indices(count, 1)
        firsts, seconds = both[above[0]], both[above[1]]
        left_scores, right_scores = (_tile(unit, both, both)[above] for unit in (left, right))
    left_ranks, right_ranks = ranks(left_scores), ranks(right_scores)
    order = np.argsort(-np.abs(left_ranks - right_ranks), kind="stable")[:most_apart]
    apart = tuple(
        (int(min(firsts[at], seconds[at])), int(max(firsts[at], seconds[at])), float(left_scores[at]),
         float(right_scores[at]))
        for at in order.tolist()
        if left_ranks[at] != right_ranks[at]
    )  # fmt: skip
    asked = both if count <= _QUERIES else both[np.linspace(0, count - 1, _QUERIES).astype(int)]
    overlap = _overlap(left, right, both, asked, k)
    return Agreement(overlap, k, _pearson(left_ranks, right_ranks), len(firsts), sampled, apart)


def _tile(unit: Rows, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Rows:
    return similarity_tile(unit[rows], unit[columns]).round(6)


def ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Ranks from 0, equal values share the mean of theirs."""
    np = load_numpy()
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2.0)[inverse]  # type: ignore[no-any-return]


def _pearson(left: NDArray[np.float64], right: NDArray[np.float64]) -> float | None:
    np = load_numpy()
    left, right = left - left.mean(), right - right.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / scale if scale > 0 else None


def _overlap(left: Rows, right: Rows, both: NDArray[np.intp], asked: NDArray[np.intp], k: int) -> float:
    np = load_numpy()
    shared = 0
    left_rows, right_rows = left[both], right[both]
    places = {int(row): at for at, row in enumerate(both.tolist())}
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        own = np.array([places[int(row)] for row in part])
        nearest = []
        for unit, rows in ((left, left_rows), (right, right_rows)):
            scores = (unit[part] @ rows.T).round(6)
            scores[np.arange(len(part)), own] = -np.inf
            nearest.append(_top(scores, k))
        shared += sum(len(set(one) & set(other)) for one, other in zip(*nearest, strict=True))
    return shared / (len(asked) * k)


def _top(scores: NDArray[np.float32], k: int) -> list[list[int]]:
    """The k best columns of each row; equal scores by column."""
    np = load_numpy()
    return np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Found:
    """How well the right answers of some queries were found."""

    queries: int
    recall: float
    """Share of the right answers among the first k, mean over the queries."""
    k: int
    reciprocal_rank: float
    """One over the place of the first right answer, mean over the queries (MRR)."""


def relevance(unit: Rows, asked: Rows, right: Sequence[Sequence[int]], k: int = 10) -> Found | None:
    """Look for the `right` rows of each query `(q, d)` among the rows; None without a query that can be judged.

    A right answer without a vector counts as not found; ties go to the row that stands first.
    """
    np = load_numpy()
    recalls: list[float] = []
    reciprocals: list[float] = []
    known = usable(unit)
    for query, wanted in zip(asked, right, strict=True):
        if not len(wanted) or not len(query) or np.isnan(query[0]):
            continue
        scores = np.where(known, (unit @ query).round(6), -np.inf)
        order = np.argsort(-scores, kind="stable")[: int(known.sum())]
        place = np.full(len(unit), len(unit) + 1)
        place[order] = np.arange(1, len(order) + 1)
        places = sorted(int(place[row]) for row in set(wanted))
        recalls.append(sum(1 for at in places if at <= k) / len(places))
        reciprocals.append(1.0 / places[0] if places[0] <= len(unit) else 0.0)
    if not recalls:
        return None
    return Found(len(recalls), sum(recalls) / len(recalls), k, sum(reciprocals) / len(reciprocals))
