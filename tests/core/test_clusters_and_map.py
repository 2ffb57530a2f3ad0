"""Clusters, orders and projections on data whose shape is known."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tui.core import clusters, text_map, vectors

np = vectors.load_numpy()


def bunches(seed: int, count: int, groups: int, width: int = 24, noise: float = 0.1) -> Any:
    dice = np.random.default_rng(seed)
    centres = dice.normal(size=(groups, width))
    rows = (centres[np.arange(count) % groups] + noise * dice.normal(size=(count, width))).astype(np.float32)
    vectors.make_unit(rows)
    return rows


@pytest.mark.parametrize("count", [60, 3_000])
def test_bunches_become_clusters(count: int) -> None:
    rows = bunches(1, count, 4)
    rows[3] = np.nan
    found = clusters.k_means(rows, 4)
    assert sum(len(cluster.members) for cluster in found) == count - 1
    assert all(len({int(row) % 4 for row in cluster.members}) == 1 for cluster in found)
    sizes = [len(cluster.members) for cluster in found]
    assert sizes == sorted(sizes, reverse=True)
    for cluster in found:
        assert (np.diff(cluster.scores) < 2e-6).all()
        assert cluster.tightness > 0.9
    again = clusters.k_means(rows, 4)
    assert all((a.members == b.members).all() for a, b in zip(found, again, strict=True))


def test_clusters_of_what_is_hardly_there() -> None:
    assert clusters.k_means(np.full((3, 2), np.nan, dtype=np.float32), 2) == []
    assert clusters.k_means(np.zeros((2, 0), dtype=np.float32), 2) == []
    same = np.tile(bunches(1, 1, 1), (5, 1))
    assert sum(len(cluster.members) for cluster in clusters.k_means(same, 3)) == 5
    assert (clusters.usual_count(1), clusters.usual_count(50), clusters.usual_count(10_000)) == (1, 5, 24)


@pytest.mark.parametrize("count", [1, 2, 3, 40, 2_100])
def test_an_order_holds_each_row_once_and_keeps_bunches_together(count: int) -> None:
    rows = bunches(2, count, 5)
    if count > 3:
        rows[2] = np.nan
    order = clusters.order_by_likeness(rows).tolist()
    assert sorted(order) == list(range(count))
    if count > 3:
        assert order[-1] == 2
        changes = sum(1 for one, other in pairwise(order[:-1]) if one % 5 != other % 5)
        assert changes == 4 if count <= clusters.EXACT_UP_TO else changes < 40


def test_the_projection_is_the_principal_one() -> None:
    dice = np.random.default_rng(3)
    for count in (50, 5_000):
        rows = dice.normal(size=(count, 32)).astype(np.float32) * np.array([6, 4] + [0.5] * 30, dtype=np.float32)
        rows += 1
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        points = text_map.principal(np.vstack([rows, np.full((1, 32), np.nan, dtype=np.float32)]))
        centred = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        for at in range(2):
            exact = centred @ axes[at]
            assert abs(np.corrcoef(exact, points[:-1, at])[0, 1]) > 0.995
        assert np.isnan(points[-1]).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_rows_have_places_too(count: int) -> None:
    rows = bunches(4, max(count, 1), 2)[:count]
    points = text_map.principal(rows)
    assert points.shape == (count, 2) and np.isfinite(points).all()
    assert text_map.grouped(rows, points) is points


def test_the_better_projection_parts_bunches_and_can_be_stopped() -> None:
    rows = bunches(5, 120, 6, width=64, noise=0.3)
    rows[10] = rows[16]
    start = text_map.principal(rows)
    points = text_map.grouped(rows, start)
    assert np.isfinite(points).all()
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(away, np.inf)
    nearest = away.argmin(axis=1)
    assert (nearest % 6 == np.arange(120) % 6).mean() > 0.95
    assert np.abs(text_map.grouped(rows, start, lambda: True)).max() < 1
