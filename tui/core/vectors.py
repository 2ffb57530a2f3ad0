"""Embeddings as numbers: unit rows, cosine similarity, nearest neighbours; NaN rows are texts without a vector."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    from tui.openrouter.text import Clean

    Rows: TypeAlias = NDArray[np.float32]

_ONE_THREAD: Final = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
)
_SURE_PLACES: Final = 6
"""Decimals that float32 sums agree on whatever their order; scores that are equal so far are ties."""


def load_numpy() -> ModuleType:
    """numpy, imported on first use with BLAS on one thread: its pool would fight the interface for the cores."""
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    import numpy

    return numpy


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row and how like it is to the one asked about."""

    index: int
    score: float
    """Cosine similarity, -1 to 1."""


def unit_rows(vectors: Sequence[bytes | None]) -> Rows:
    """`(n, d)` float32 with rows of length 1, from little-endian float32.

    Missing vectors, those of length 0 and those with NaN or infinity become rows of NaN. Raises `ValueError` with a
    sentence when the widths differ or bytes are left over.
    """
    np = load_numpy()
    width = _common_width(vectors)
    rows: Rows = np.full((len(vectors), width), np.nan, dtype=np.float32)
    if width == 0:
        return rows
    for index, vector in enumerate(vectors):
        if vector:
            rows[index] = np.frombuffer(vector, dtype="<f4")
    with np.errstate(all="ignore"):
        # In float64, since the square of a large float32 is none.
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64, casting="same_kind"))
        usable = np.isfinite(lengths) & (lengths > 0)
        lengths[~usable] = np.nan
        np.divide(rows, lengths[:, None], out=rows, casting="same_kind")
    rows[~usable] = np.nan
    return rows


def _common_width(vectors: Sequence[bytes | None]) -> int:
    width: int | None = None
    for number, vector in enumerate(vectors, 1):
        if not vector:
            continue
        if len(vector) % 4:
            raise ValueError(f"Vector {number} is {len(vector)} bytes long, which is no whole number of floats.")
        if width is None:
            width = len(vector) // 4
        elif len(vector) // 4 != width:
            raise ValueError(
                f"The vectors differ in width: number {number} has {len(vector) // 4:,} dimensions, others {width:,}."
            )
    return width or 0


def usable(unit: Rows) -> NDArray[np.bool_]:
    """Which rows have a vector, `(n,)`."""
    np = load_numpy()
    if unit.shape[1] == 0:
        return np.zeros(len(unit), dtype=bool)  # type: ignore[no-any-return]  # numpy is imported as a plain module
    return ~np.isnan(unit[:, 0])  # type: ignore[no-any-return]


def similarity(unit: Rows) -> Rows:
    """Cosine similarity of all pairs, `(n, n)` float32 from -1 to 1; NaN where a row has no vector."""
    return similarity_tile(unit, unit)


def similarity_tile(rows: Rows, columns: Rows) -> Rows:
    """Cosine similarity of each row with each column, `(rows, columns)` float32; NaN where either has no vector."""
    np = load_numpy()
    if rows.shape[1] == 0 or columns.shape[1] == 0:
        return np.full((len(rows), len(columns)), np.nan, dtype=np.float32)  # type: ignore[no-any-return]
    with np.errstate(all="ignore"):
        return np.clip(rows @ columns.T, -1.0, 1.0)  # type: ignore[no-any-return]


def neighbours(unit: Rows, index: int, k: int, among: Sequence[int] | None = None) -> list[Neighbour]:
    """The `k` rows most like row `index`, best first, ties by row; without itself and rows that have no vector.

    `among` names the rows to look at, all when None. Empty when the row itself has no vector.
    """
    np = load_numpy()
    if unit.shape[1] == 0:
        return []
    chosen: Any = slice(None) if among is None else np.asarray(among, dtype=np.intp)
    with np.errstate(all="ignore"):
        # Rounded, because identical rows may differ in the last bit with their place in the block.
        scores = np.clip(unit @ unit[index], -1.0, 1.0).round(_SURE_PLACES)[chosen]
    numbers = np.arange(len(unit))[chosen]
    keep = ~np.isnan(scores) & (numbers != index)
    scores, numbers = scores[keep], numbers[keep]
    order = np.lexsort((numbers, -scores))[: max(0, k)]
    return [Neighbour(int(numbers[at]), float(scores[at])) for at in order]


def spread(unit: Rows, sample: int = 400) -> tuple[float, float] | None:
    """The least and the greatest similarity between different rows, from at most `sample` evenly spaced ones."""
    np = load_numpy()
    known = np.flatnonzero(usable(unit))
    if len(known) < 2:
        return None
    picked = known[np.linspace(0, len(known) - 1, min(sample, len(known))).astype(int)]
    values = similarity_tile(unit[picked], unit[picked])
    pairs = values[~np.eye(len(values), dtype=bool)]
    return float(pairs.min()), float(pairs.max())


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedTexts:
    """What one model has made of texts, found by text, so that moving lines about costs nothing."""

    unit: Rows
    """A unit row for each vector, and at the end one of NaN that stands for every text without."""
    row_of: dict[Clean, int]
    packed: dict[Clean, bytes]
    """The vectors as they came."""
    spread: tuple[float, float] | None
    """Least and greatest similarity between different texts."""

    @property
    def dimensions(self) -> int:
        return int(self.unit.shape[1])

    def rows(self, texts: Sequence[Clean]) -> NDArray[np.intp]:
        """The row of each text, -1 where it has none."""
        np = load_numpy()
        return np.fromiter((self.row_of.get(text, -1) for text in texts), dtype=np.intp, count=len(texts))  # type: ignore[no-any-return]


def embed_texts(
    texts: Sequence[Clean], vectors: Sequence[bytes | None], earlier: EmbeddedTexts | None = None
) -> EmbeddedTexts:
    """Put these vectors to those that the same model gave before; takes some 10 ms a thousand, so call it in a thread.

    Earlier ones of another width are forgotten. Raises `ValueError` with a sentence when these differ among themselves.
    """
    fresh = {text: vector for text, vector in zip(texts, vectors, strict=False) if vector}
    width = _common_width(list(fresh.values()))
    packed = dict(fresh)
    if earlier is not None and (not fresh or earlier.dimensions == width):
        packed = earlier.packed | fresh
    unit = unit_rows([*packed.values(), None])
    known = usable(unit)
    row_of = {text: row for row, text in enumerate(packed) if known[row]}
    return EmbeddedTexts(unit, row_of, packed, spread(unit))
