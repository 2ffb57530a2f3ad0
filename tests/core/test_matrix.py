"""Tiles of the matrix at any zoom are the means of what they stand for."""

from __future__ import annotations

import pytest

from tui.core import vectors
from tui.core.matrix import Matrix, order_by_group

np = vectors.load_numpy()


@pytest.mark.parametrize("block", [1, 2, 5, 16, 32, 64])
@pytest.mark.parametrize("prepared", [False, True])
def test_a_cell_is_the_mean_of_its_pairs(block: int, prepared: bool) -> None:
    dice = np.random.default_rng(block)
    unit = dice.normal(size=(151, 24)).astype(np.float32)
    vectors.make_unit(unit)
    unit[[7, 150]] = np.nan
    rows = dice.permutation(151)
    rows[20:40] = -1
    matrix = Matrix(unit, rows)
    if prepared:
        matrix.prepare()
    whole = unit[rows].astype(np.float64) @ unit[rows].astype(np.float64).T
    cells = -(-len(rows) // block)
    got = np.array(matrix.tile(range(cells), range(1, cells), block))
    assert got.shape == (cells, cells - 1)
    for row in range(cells):
        for column in range(1, cells):
            part = whole[row * block : (row + 1) * block, column * block : (column + 1) * block]
            if np.isnan(part).all():
                assert np.isnan(got[row, column - 1])
            else:
                assert got[row, column - 1] == pytest.approx(np.nanmean(part), abs=1e-5)


def test_without_any_vector_all_is_unknown() -> None:
    matrix = Matrix(np.full((1, 0), np.nan, dtype=np.float32), np.array([-1, -1]))
    assert np.isnan(np.array(matrix.tile(range(2), range(1)))).all()


def test_groups_come_together() -> None:
    assert order_by_group(["b", "", "a", "b", "a"]) == [0, 3, 2, 4, 1]
