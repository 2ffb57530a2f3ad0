"""Vectors on a plane: principal components at once, and for sheets of some hundred texts t-SNE, which keeps groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from tui.core.vectors import load_numpy, usable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tui.core.vectors import Rows

    Points = NDArray[np.float64]

GROUPED_UP_TO: Final = 600
"""Texts that t-SNE places within some seconds: each of its steps takes time by the square of their number."""
_MORE: Final = 6
_ROUNDS: Final = 3
_SAMPLE: Final = 2_000
"""Of more rows, evenly spaced ones lead the way and all of them take the last step."""
_CHUNK: Final = 512
_STEPS: Final = 300


def principal(unit: Rows, numbers: NDArray[np.intp] | None = None, seed: int = 7) -> Points:
    """`(n, 2)` places on the two directions in which the rows differ most; NaN for rows without a vector.

    `numbers`: of these rows only, in ascending order; they are read in place, since all of them would not fit into
    memory twice.

    Subspace iteration on centred rows (Halko, Martinsson and Tropp 2011), since only two directions are wanted: some
    eight passes over the rows. Each direction is turned so that its longest component is positive.
    """
    np = load_numpy()
    if numbers is None:
        numbers = np.arange(len(unit))
    points = np.full((len(numbers), 2), np.nan)
    known = usable(unit)[numbers]
    used = numbers[known]
    count = len(used)
    if count == 0:
        return points  # type: ignore[no-any-return]
    mean = sum(np.ones(len(part), dtype=np.float32) @ part for part in _parts(unit, used)) / np.float32(count)
    wanted = min(2 + _MORE, count, unit.shape[1])
    basis = np.random.default_rng(seed).normal(size=(unit.shape[1], wanted)).astype(np.float32)
    some = used if count <= _SAMPLE else used[np.linspace(0, count - 1, _SAMPLE).astype(int)]
    for part in (*[some] * _ROUNDS, *([used] if count > _SAMPLE else ())):
        basis, _upper = np.linalg.qr(_spread_along(unit, part, mean, basis))
    side = np.concatenate([part @ basis for part in _parts(unit, used)]) - mean @ basis
    _left, _values, turns = np.linalg.svd(side.T @ side)
    directions = basis @ turns[:2].T
    signs = [1 if directions[int(np.abs(one).argmax()), at] >= 0 else -1 for at, one in enumerate(directions.T)]
    found = side @ turns[:2].T * signs
    points[known, : found.shape[1]] = found
    points[known, found.shape[1] :] = 0.0
    return points  # type: ignore[no-any-return]


def _parts(unit: Rows, numbers: NDArray[np.intp]) -> Iterator[Rows]:
    """The rows of these numbers, some at a time; copied only where there are gaps between the numbers."""
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK]
        first, last = int(part[0]), int(part[-1])
        yield unit[first : last + 1] if last - first + 1 == len(part) else unit[part]


def _spread_along(unit: Rows, numbers: NDArray[np.intp], mean: Rows, basis: Rows) -> Rows:
    """The covariance of these rows times the basis, some of them at a time so that they are read once."""
    np = load_numpy()
    total = np.zeros_like(basis)
    shift = mean @ basis
    for part in _parts(unit, numbers):
        side = part @ basis - shift
        total += part.T @ side - np.outer(mean, side.sum(axis=0))
    return total  # type: ignore[no-any-return]


def grouped(unit: Rows, start: Points, stopped: Callable[[], bool] = lambda: False) -> Points:
    """`(n, 2)` places by t-SNE (van der Maaten and Hinton 2008) from `start`; what is alike lies together.

    Distances between groups say little. Exact, in numpy alone: for at most `GROUPED_UP_TO` rows.
    """
    np = load_numpy()
    known = usable(unit)
    count = int(known.sum())
    if count < 5:
        return start
    rows = unit[known]
    away = np.maximum(0.0, 2.0 - 2.0 * (rows @ rows.T)).astype(np.float64)
    chances = _chances(away, min(30.0, (count - 1) / 3)).astype(np.float32)
    places = start[known].astype(np.float32)
    places *= 1e-2 / (places.std() or 1.0)
    # Identical texts start apart, or nothing would ever part them from each other's neighbours.
    places += np.random.default_rng(7).normal(scale=1e-4, size=places.shape).astype(np.float32)
    moved = np.zeros_like(places)
    gains = np.ones_like(places)
    rate = max(count / 12.0, 20.0)
    for step in range(_STEPS):
        if stopped():
            break
        early = step < 80
        squares = (places**2).sum(axis=1)
        close = 1.0 / (1.0 + np.maximum(0.0, squares[:, None] + squares[None, :] - 2.0 * (places @ places.T)))
        np.fill_diagonal(close, 0.0)
        force = (chances * (8.0 if early else 1.0) - close / close.sum()) * close
        slope = 4.0 * (force.sum(axis=1)[:, None] * places - force @ places)
        same = np.sign(slope) == np.sign(moved)
        gains = np.maximum(0.01, np.where(same, gains * 0.8, gains + 0.2))
        moved = (0.5 if early else 0.8) * moved - rate * gains * slope
        places += moved
        places -= places.mean(axis=0)
    points = np.full((len(unit), 2), np.nan)
    points[known] = places
    return points  # type: ignore[no-any-return]


def _chances(away: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """How likely each would pick each as its neighbour, both ways; all widths are searched at once."""
    np = load_numpy()
    count = len(away)
    wanted = np.log(perplexity)
    widths = np.ones(count)
    low, high = np.zeros(count), np.full(count, np.inf)
    for _ in range(40):
        weights = np.exp(-(away - away.min(axis=1, keepdims=True)) * widths[:, None])
        np.fill_diagonal(weights, 0.0)
        totals = np.maximum(weights.sum(axis=1), 1e-300)
        shares = weights / totals[:, None]
        entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
        too_wide = entropy > wanted
        low, high = np.where(too_wide, widths, low), np.where(too_wide, high, widths)
        widths = np.where(np.isinf(high), widths * 2, (low + high) / 2)
    both = (shares + shares.T) / (2.0 * count)
    return np.maximum(both, 1e-12)  # type: ignore[no-any-return]
