"""Duplicates, agreement of two embeddings and found answers, against plain computation on random data."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tui.core import likeness, vectors

np = vectors.load_numpy()


def unit(seed: int, count: int, width: int, *, groups: int = 0) -> Any:
    dice = np.random.default_rng(seed)
    rows = dice.normal(size=(count, width)).astype(np.float32)
    if groups:
        rows = rows * 0.2 + dice.normal(size=(groups, width)).astype(np.float32)[np.arange(count) % groups]
    vectors.make_unit(rows)
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_duplicates_are_all_pairs_above_the_threshold(seed: int) -> None:
    rows = unit(seed, 700, 8)
    rows[5] = rows[600]
    rows[9] = np.nan
    exact = np.clip(rows.astype(np.float64) @ rows.T.astype(np.float64), -1, 1)
    expected = {(a, b) for a, b in combinations(range(700), 2) if exact[a, b] >= 0.9}
    found = likeness.duplicates(rows, 0.9)
    assert found.total == len(found.pairs)
    got = {(pair.first, pair.second) for pair in found.pairs}
    assert {pair for pair in got ^ expected if abs(exact[pair] - 0.9) > 1e-5} == set()
    scores = [pair.score for pair in found.pairs]
    assert scores == sorted(scores, reverse=True)
    assert (found.pairs[0].first, found.pairs[0].second, found.pairs[0].score) == (5, 600, 1.0)
    few = likeness.duplicates(rows, 0.0, most=10)
    assert len(few.pairs) == 10 and few.total > 100_000


def test_ranks_share_ties() -> None:
    assert likeness.ranks(np.array([3.0, 1.0, 3.0, 2.0], dtype=np.float32)).tolist() == [2.5, 0.0, 2.5, 1.0]


@pytest.mark.parametrize("seed", range(4))
def test_agreement_is_spearman_and_shared_neighbours(seed: int) -> None:
    left = unit(seed, 40, 16)
    right = left[:, :9].copy()
    vectors.make_unit(right)
    left[7] = np.nan
    found = likeness.agreement(left, right, k=5)
    rows = [row for row in range(40) if row != 7]
    one, other = (side.astype(np.float64)[rows] @ side.astype(np.float64)[rows].T for side in (left, right))
    above = np.triu_indices(len(rows), 1)

    def rank(values: Any) -> Any:
        return np.argsort(np.argsort(values))

    expected = np.corrcoef(rank(one[above]), rank(other[above]))[0, 1]
    assert found.correlation == pytest.approx(expected, abs=1e-3)
    assert (found.pairs_compared, found.is_sampled) == (39 * 38 // 2, False)
    shared = 0
    for at in range(len(rows)):
        best = [set(np.argsort(-np.where(np.arange(len(rows)) == at, -9, side[at]))[:5]) for side in (one, other)]
        shared += len(best[0] & best[1])
    assert found.overlap == pytest.approx(shared / (39 * 5), abs=0.01)
    first, second, score_left, score_right = found.apart[0]
    gaps = np.abs(rank(one[above]).astype(int) - rank(other[above]).astype(int))
    worst = int(gaps.argmax())
    assert abs(score_left - one[above][worst]) < 1e-4 and abs(score_right - other[above][worst]) < 1e-4
    assert first < second and 7 not in (first, second)


def test_what_agrees_wholly_and_what_cannot_be_compared() -> None:
    rows = unit(1, 30, 8)
    same = likeness.agreement(rows, rows.copy())
    assert (same.overlap, same.apart) == (1.0, ()) and same.correlation == pytest.approx(1.0)
    assert likeness.agreement(rows[:1], rows[:1]).overlap is None
    equal = np.tile(rows[:1], (4, 1))
    assert likeness.agreement(equal, equal).correlation is None


def test_above_two_thousand_a_million_pairs_are_sampled() -> None:
    rows = unit(2, 2_500, 8, groups=5)
    found = likeness.agreement(rows, rows[:, :6])
    assert found.is_sampled and found.pairs_compared == 1_000_000
    assert found.correlation is not None and 0.3 < found.correlation < 1


def test_found_answers() -> None:
    rows = unit(3, 20, 6)
    rows[4] = np.nan
    asked = np.stack([rows[2], rows[9], np.full(6, np.nan, dtype=np.float32)])
    order = list(np.argsort(-np.nan_to_num(rows @ rows[9], nan=-9)))
    found = likeness.relevance(rows, asked, [[2], [order[2], 4], [1]], k=3)
    assert found is not None and found.queries == 2
    assert found.recall == pytest.approx((1.0 + 0.5) / 2)
    assert found.reciprocal_rank == pytest.approx((1.0 + 1 / 3) / 2)
    assert likeness.relevance(rows, asked[:1], [[]]) is None
    nothing = likeness.relevance(rows, asked[:1], [[4]])
    assert nothing is not None and (nothing.recall, nothing.reciprocal_rank) == (0.0, 0.0)
