"""Groups of vectors that are alike: k-means on the unit sphere, and orders in which what is alike stands together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui.core.vectors import load_numpy, usable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui.core.vectors import Rows

    Places = NDArray[np.intp]

EXACT_UP_TO: Final = 2_000
"""Texts that are ordered by hierarchical clustering; it takes memory and time by their square."""
_MOST_ROUNDS: Final = 25
_SAMPLE: Final = 2_000
"""Of more rows, evenly spaced ones settle first."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Some rows and how close they lie to their centre."""

    members: Places
    """Rows, those nearest to the centre first."""
    scores: NDArray[np.float32]
    """Cosine similarity of each member with the centre."""

    @property
    def tightness(self) -> float:
        """Mean similarity with the centre."""
        return float(self.scores.mean())


def usual_count(texts: int) -> int:
    """How many clusters to look for when nobody says: the square root of half, 2 to 24."""
    return max(1, min(24, texts, max(2, round(math.sqrt(texts / 2)))))


def k_means(unit: Rows, count: int, seed: int = 7) -> list[Cluster]:
    """Clusters of `(n, d)` unit rows, the largest first; rows without a vector are in none.

    Spherical k-means (Dhillon and Modha 2001) from k-means++ seeds; the same rows give the same clusters.
    """
    np = load_numpy()
    known = np.flatnonzero(usable(unit))
    count = min(count, len(known))
    if count < 1:
        return []
    rows = unit if len(known) == len(unit) else unit[known]
    centres = _seeds(rows, count, np.random.default_rng(seed))
    if len(rows) > _SAMPLE:
        some = rows[np.linspace(0, len(rows) - 1, _SAMPLE).astype(int)]
        _settle(some, centres, _MOST_ROUNDS)
    nearest = _settle(rows, centres, _MOST_ROUNDS if len(rows) <= _SAMPLE else 2)
    clusters = []
    for number in range(count):
        members = np.flatnonzero(nearest == number)
        if len(members):
            scores = np.clip(rows[members] @ centres[number], -1.0, 1.0)
            order = np.argsort(-scores.round(6), kind="stable")
            clusters.append(Cluster(known[members[order]], scores[order]))
    clusters.sort(key=lambda cluster: (-len(cluster.members), int(cluster.members.min())))
    return clusters


def _settle(rows: Rows, centres: Rows, rounds: int) -> Places:
    """Move the centres (in place) until each row stays with the nearest; the answer is which that is."""
    np = load_numpy()
    count = len(centres)
    nearest = np.full(len(rows), -1)
    for _ in range(rounds):
        scores = rows @ centres.T
        fresh = scores.argmax(axis=1)
        if (fresh == nearest).all():
            break
        nearest = fresh
        best = scores[np.arange(len(rows)), nearest]
        belongs = np.zeros((count, len(rows)), dtype=np.float32)
        belongs[nearest, np.arange(len(rows))] = 1.0
        sums = belongs @ rows
        for number, total in enumerate(sums):
            length = float(np.linalg.norm(total))
            if length > 0:
                centres[number] = total / length
            else:
                # An empty one takes the row that lies worst.
                at = int(best.argmin())
                best[at] = np.inf
                centres[number] = rows[at]
    return nearest  # type: ignore[no-any-return]


def _seeds(rows: Rows, count: int, dice: np.random.Generator) -> Rows:
    np = load_numpy()
    sample = rows if len(rows) <= _SAMPLE else rows[np.linspace(0, len(rows) - 1, _SAMPLE).astype(int)]
    chosen = [int(dice.integers(len(sample)))]
    away = np.full(len(sample), np.inf, dtype=np.float32)
    for _ in range(count - 1):
        away = np.minimum(away, np.maximum(0.0, 1.0 - sample @ sample[chosen[-1]]))
        weight = away.astype(np.float64)
        total = float(weight.sum())
        if total <= 1e-9:
            chosen.append(int(dice.integers(len(sample))))
        else:
            chosen.append(int(dice.choice(len(sample), p=weight / total)))
    return sample[chosen].copy()


def order_by_likeness(unit: Rows) -> Places:
    """All rows in an order in which what is alike stands together; those without a vector at the end.

    Up to `EXACT_UP_TO` by average-linkage clustering, above it by clusters, each from its centre outwards.
    """
    np = load_numpy()
    known = np.flatnonzero(usable(unit))
    others = np.setdiff1d(np.arange(len(unit)), known)
    if len(known) <= 2:
        return np.concatenate([known, others])  # type: ignore[no-any-return]
    if len(known) > EXACT_UP_TO:
        clusters = k_means(unit, usual_count(len(known)))
        centres = np.stack([unit[cluster.members[0]] for cluster in clusters])
        along = _hierarchical(centres @ centres.T) if len(clusters) > 2 else list(range(len(clusters)))
        return np.concatenate([*(clusters[at].members for at in along), others])  # type: ignore[no-any-return]
    rows = unit[known]
    return np.concatenate([known[_hierarchical(rows @ rows.T)], others])  # type: ignore[no-any-return]


def _hierarchical(likeness: NDArray[np.float32]) -> list[int]:
    """Leaves of the average-linkage tree, from `(n, n)` similarities: nearest-neighbour chain, quadratic in time.

    Of the two branches that join, the ends that are more alike come to stand side by side (Bar-Joseph 2001 does this
    best for the whole tree; doing it greedily is seen to be nearly as good).
    """
    np = load_numpy()
    count = len(likeness)
    near = np.array(likeness, dtype=np.float32)
    np.fill_diagonal(near, -np.inf)
    exact = np.array(likeness, dtype=np.float32)
    sizes = np.ones(count)
    leaves: dict[int, list[int]] = {at: [at] for at in range(count)}
    alive = np.ones(count, dtype=bool)
    chain: list[int] = []
    while len(leaves) > 1:
        if not chain:
            chain.append(int(np.flatnonzero(alive)[0]))
        while True:
            at = chain[-1]
            row = near[at]
            to = int(row.argmax())
            if len(chain) > 1 and row[chain[-2]] >= row[to]:
                to = chain[-2]
                break
            chain.append(to)
        chain.pop()
        chain.pop()
        total = sizes[at] + sizes[to]
        merged = (near[at] * sizes[at] + near[to] * sizes[to]) / total
        merged[~alive] = -np.inf
        merged[at] = -np.inf
        near[to], near[:, to] = merged, merged
        near[to, to] = -np.inf
        near[at], near[:, at] = -np.inf, -np.inf
        alive[at] = False
        sizes[to] = total
        leaves[to] = _joined(leaves.pop(at), leaves[to], exact)
    return next(iter(leaves.values()))


def _joined(left: list[int], right: list[int], likeness: NDArray[np.float32]) -> list[int]:
    if left[0] > right[0]:
        left, right = right, left
    ways = (
        (likeness[left[-1], right[0]], left, right),
        (likeness[left[-1], right[-1]], left, right[::-1]),
        (likeness[left[0], right[0]], left[::-1], right),
        (likeness[left[0], right[-1]], right, left),
    )
    _, first, second = max(ways, key=lambda way: float(way[0]))
    return first + second
