"""Vector mathematics, against numpy in float64 on random data."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tui.core import vectors
from tui.openrouter.text import clean

np = vectors.load_numpy()


def packed(rows: object) -> list[bytes]:
    return [np.asarray(row, dtype="<f4").tobytes() for row in rows]  # type: ignore[attr-defined]


def random_rows(seed: int, count: int, width: int) -> object:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def unit_of(rows: list[bytes]) -> Any:
    """Their unit rows in this order."""
    texts = [str(number) for number in range(len(rows))]
    return vectors.embed_texts(texts, rows).unit[: len(rows)]


def similar(unit: Any) -> Any:
    """All pairs."""
    return vectors.similarity_tile(unit, unit)


def nearest_to(unit: Any, index: int, most: int) -> list[vectors.Neighbour]:
    """Those of one of the rows."""
    return vectors.nearest(unit, np.arange(len(unit)), unit[index], most, without=index)


@pytest.mark.parametrize("seed", range(5))
def test_similarity_is_the_cosine_of_every_pair(seed: int) -> None:
    rows = random_rows(seed, 37, 64)
    exact = np.asarray(rows, dtype=np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    got = similar(unit_of(packed(rows)))
    assert got.shape == (37, 37) and got.dtype == np.float32
    np.testing.assert_allclose(got, exact @ exact.T, atol=2e-6)
    assert float(got.max()) <= 1.0 and float(got.min()) >= -1.0


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_come_in_the_order_of_their_scores(seed: int) -> None:
    rows = random_rows(seed, 200, 32)
    exact = np.asarray(rows, dtype=np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    expected = exact @ exact[17]
    found = nearest_to(unit_of(packed(rows)), 17, 199)
    assert {row.index for row in found} == set(range(200)) - {17}
    np.testing.assert_allclose([row.score for row in found], [expected[row.index] for row in found], atol=2e-6)
    scores = [row.score for row in found]
    assert scores == sorted(scores, reverse=True)
    best = max((score, -index) for index, score in enumerate(expected) if index != 17)
    assert found[0].index == -best[1]


def test_the_number_of_neighbours_is_bounded() -> None:
    unit = unit_of(packed(random_rows(1, 9, 4)))
    assert len(nearest_to(unit, 0, 3)) == 3
    assert len(nearest_to(unit, 0, 100)) == 8
    assert nearest_to(unit, 0, 0) == []
    assert nearest_to(unit_of(packed([[1, 2]])), 0, 5) == []


def test_ties_keep_the_order_of_the_texts() -> None:
    base = random_rows(3, 1, 1537)[0]  # type: ignore[index]
    other = random_rows(4, 1, 1537)[0]  # type: ignore[index]
    unit = unit_of(packed([other, *[base] * 40, other, base]))
    assert [row.index for row in nearest_to(unit, 0, 100)] == [41, *range(1, 41), 42]
    assert [row.index for row in nearest_to(unit, 5, 41)][:40] == [1, 2, 3, 4, *range(6, 41), 42]


def test_scale_does_not_matter_however_large_or_small() -> None:
    rows = [[3e37, 3e37], [1e-42, 1e-42], [2, 2]]
    got = similar(unit_of(packed(rows)))
    np.testing.assert_allclose(got, np.ones((3, 3)), atol=1e-5)


@pytest.mark.parametrize("bad", [[0, 0, 0], [float("nan"), 1, 1], [1, float("inf"), 0], [1, 1, float("-inf")]])
def test_a_text_without_a_usable_vector_is_unknown_and_harms_no_other(bad: list[float]) -> None:
    unit = unit_of(packed([[1, 0, 0], [0, 1, 0], bad]))
    assert vectors.usable(unit).tolist() == [True, True, False]
    got = similar(unit)
    np.testing.assert_array_equal(got[:2, :2], np.eye(2))
    assert np.isnan(got[2]).all() and np.isnan(got[:, 2]).all()
    assert [row.index for row in nearest_to(unit, 0, 5)] == [1]
    assert nearest_to(unit, 2, 5) == []


def test_the_nearest_texts_of_a_query() -> None:
    unit = vectors.embed_texts([str(at) for at in range(50)], packed(random_rows(5, 50, 8))).unit
    rows = np.array([3, -1, 7, 3, *range(50)])
    found = vectors.nearest(unit, rows, unit[3], 5, without=0)
    # The same row at other places ties with itself, in the order of the texts; one without a vector is never named.
    assert [one.index for one in found[:2]] == [3, 7] and found[0].score == found[1].score == 1.0
    exact = (unit[:50].astype(np.float64) @ unit[3].astype(np.float64)).round(6)
    everything = vectors.nearest(unit, rows, unit[3], 100)
    assert len(everything) == 53 and everything[0].index == 0
    assert [one.score for one in everything] == sorted((one.score for one in everything), reverse=True)
    assert found[2].score == pytest.approx(sorted(exact, reverse=True)[1], abs=1e-5)
    assert vectors.nearest(unit, rows, unit[3][:4], 5) == []


def test_mixed_widths_are_refused_with_both_figures() -> None:
    with pytest.raises(ValueError, match=r"number 3 has 2 dimensions, others 3\."):
        unit_of([*packed([[1, 2, 3], [1, 2, 4]]), *packed([[1, 2]])])


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(ValueError, match="Vector 2 is 7 bytes"):
        unit_of([*packed([[1, 2]]), b"1234567"])


@pytest.mark.parametrize("nothing", [[], [None, None], [b"", None]])
def test_nothing_at_all_is_no_error(nothing: list[bytes | None]) -> None:
    known = vectors.embed_texts([str(number) for number in range(len(nothing))], nothing)
    assert known.unit.shape == (1, 0) and known.row_of == {} and known.spread is None
    assert similar(known.unit).shape == (1, 1) and np.isnan(similar(known.unit)).all()
    assert not vectors.usable(known.unit).any()
    assert nearest_to(known.unit, 0, 3) == []


def test_a_tile_is_a_part_of_the_whole() -> None:
    unit = unit_of(packed(random_rows(7, 30, 16)))
    whole = similar(unit)
    np.testing.assert_allclose(vectors.similarity_tile(unit[4:9], unit[20:]), whole[4:9, 20:], atol=1e-6)


def test_spread_leaves_the_diagonal_out() -> None:
    low, high = vectors.spread(unit_of(packed([[1, 0], [1, 1], [0, 0]]))) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.7071, 0.7071)


def test_importing_the_module_does_not_import_numpy_and_loading_it_takes_one_thread() -> None:
    code = (
        "import sys, os\nfrom tui.core import vectors\nassert 'numpy' not in sys.modules\n"
        "vectors.load_numpy()\nprint(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.strip() == "1"


def test_vectors_are_found_by_text_and_put_to_earlier_ones() -> None:
    first = vectors.embed_texts([clean("a"), clean("b"), clean("c")], [*packed([[1, 0], [0, 0]]), None])
    assert first.rows([clean("c"), clean("b"), clean("a")]).tolist() == [-1, -1, 0]
    assert np.isnan(first.unit[-1]).all() and first.dimensions == 2
    second = vectors.embed_texts([clean("c")], packed([[1, 1]]), first)
    assert (second.rows([clean("a"), clean("c")]) >= 0).all()
    assert second.spread is not None and round(second.spread[0], 4) == 0.7071
    other = vectors.embed_texts([clean("c")], packed([[1, 1, 1]]), second)
    assert other.rows([clean("a"), clean("c")]).tolist() == [-1, 0]
    nothing = vectors.embed_texts([clean("d")], [None], second)
    assert (nothing.rows([clean("a"), clean("d")]) >= 0).tolist() == [True, False]


def test_vectors_that_differ_in_width_leave_the_earlier_ones_alone() -> None:
    earlier = vectors.embed_texts([clean("a")], packed([[1, 0]]))
    with pytest.raises(ValueError, match="differ in width"):
        vectors.embed_texts([clean("b"), clean("c")], packed([[1, 0], [1, 0, 0]])[:2], earlier)
    assert earlier.rows([clean("a")]).tolist() == [0]
