"""Embeddings as numbers: unit rows, cosine similarity, nearest neighbours; NaN rows are texts without a vector."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.float32]

_ONE_THREAD: Final = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
)
_MOST_ARENAS: Final = -8
_OWN_BLOCKS_FROM: Final = -3
"""Settings of `mallopt` (malloc.h of glibc)."""
_CHUNK: Final = 512
"""Rows that are worked on at a time, so that float64 copies stay small."""
_IS_ONE: Final = 1e-6
"""How far the square of a length may be from 1."""
_SURE_PLACES: Final = 6
"""Decimals that float32 sums agree on whatever their order; scores that are equal so far are ties."""


@cache
def load_numpy() -> ModuleType:
    """numpy, imported on first use with BLAS on one thread: its pool would fight the interface for the cores."""
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    _share_memory()
    import numpy

    return numpy


def _share_memory() -> None:
    """Have all threads take memory from one place, and large blocks from the system itself.

    Else glibc keeps tens of megabytes of what each thread has worked with and freed.
    """
    if (library := _c_library()) is not None:
        library.mallopt(_MOST_ARENAS, 1)
        library.mallopt(_OWN_BLOCKS_FROM, 1 << 20)


def give_back() -> None:
    """What was freed goes back to the system."""
    if (library := _c_library()) is not None:
        library.malloc_trim(0)


def _c_library() -> Any:
    """glibc; None where there is another."""
    import ctypes
    import sys

    if sys.platform != "linux":
        return None
    try:
        library = ctypes.CDLL(None)
    except OSError:
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row and how like it is to the one asked about."""

    index: int
    score: float
    """Cosine similarity, -1 to 1."""


def make_unit(rows: Rows) -> NDArray[np.float64]:
    """Give the rows length 1 in place and answer with the lengths they had; both NaN where that cannot be.

    Rows whose length is 1 within the precision of float32 stay as they are, so that they can be given out exactly.
    """
    np = load_numpy()
    lengths = np.full(len(rows), np.nan)
    if rows.shape[1] == 0:
        return lengths  # type: ignore[no-any-return]
    with np.errstate(all="ignore"):
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            others = np.flatnonzero(~(np.abs(np.einsum("ij,ij->i", part, part) - 1) < _IS_ONE))
            lengths[start : start + _CHUNK] = 1.0
            if not len(others):
                continue
            # In float64, since the square of a large float32 is none.
            wide = part[others].astype(np.float64)
            found = np.sqrt(np.einsum("ij,ij->i", wide, wide))
            found[~(np.isfinite(found) & (found > 0))] = np.nan
            part[others] = wide / found[:, None]
            lengths[start + others] = found
    return lengths  # type: ignore[no-any-return]


def usable(unit: Rows) -> NDArray[np.bool_]:
    """Which rows have a vector, `(n,)`."""
    np = load_numpy()
    if unit.shape[1] == 0:
        return np.zeros(len(unit), dtype=bool)  # type: ignore[no-any-return]  # numpy is imported as a plain module
    return ~np.isnan(unit[:, 0])  # type: ignore[no-any-return]


def similarity_tile(rows: Rows, columns: Rows) -> Rows:
    """Cosine similarity of each row with each column, `(rows, columns)` float32; NaN where either has no vector."""
    np = load_numpy()
    if rows.shape[1] == 0 or columns.shape[1] == 0:
        return np.full((len(rows), len(columns)), np.nan, dtype=np.float32)  # type: ignore[no-any-return]
    with np.errstate(all="ignore"):
        return np.clip(rows @ columns.T, -1.0, 1.0)  # type: ignore[no-any-return]


def nearest(unit: Rows, rows: NDArray[np.intp], query: Rows, k: int, without: int | None = None) -> list[Neighbour]:
    """The `k` of the texts at these rows (-1: without a vector) that are most like `query`, a vector of length 1.

    Best first, ties in the order of the texts; `without` is the place of one to leave out. 10,000 texts of 1,536
    dimensions take some 10 ms.
    """
    np = load_numpy()
    if unit.shape[1] == 0 or unit.shape[1] != len(query):
        return []
    with np.errstate(all="ignore"):
        # Rounded, because identical rows may differ in the last bit with their place in the block.
        scores = np.clip(unit @ query, -1.0, 1.0).round(_SURE_PLACES)[rows]
    if without is not None:
        scores[without] = np.nan
    places = np.flatnonzero(~np.isnan(scores))
    scores = scores[places]
    if 0 < k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = scores >= least
        places, scores = places[keep], scores[keep]
    order = np.lexsort((places, -scores))[: max(0, k)]
    return [Neighbour(int(places[at]), float(scores[at])) for at in order]


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
    row_of: dict[str, int]
    """Of texts with a vector that says something."""
    lengths: NDArray[np.float64]
    """Of the vectors as they came, one a row; NaN for the last row and those that say nothing."""
    useless: frozenset[str]
    """Texts whose vector is of length 0 or not finite."""
    spread: tuple[float, float] | None
    """Least and greatest similarity between different texts."""

    @property
    def dimensions(self) -> int:
        return int(self.unit.shape[1])

    def rows(self, texts: Sequence[str]) -> NDArray[np.intp]:
        """The row of each text, -1 where it has none."""
        np = load_numpy()
        return np.fromiter(map(self.row_of.get, texts, repeat(-1)), dtype=np.intp, count=len(texts))  # type: ignore[no-any-return]

    def has(self, text: str) -> bool:
        """Whether the model has answered for this text, usably or not."""
        return text in self.row_of or text in self.useless

    def unit_vector(self, text: str) -> Rows | None:
        """Of length 1; None where there is none that says something."""
        row = self.row_of.get(text)
        return None if row is None else self.unit[row]

    def vector(self, text: str) -> Rows | None:
        """The vector as it came, float32; None where there is none that says something."""
        row = self.row_of.get(text)
        return None if row is None else (self.unit[row] * self.lengths[row]).astype("float32")


@dataclass(slots=True, eq=False)
class GivenRows:
    """Rows on their way to whoever keeps them: events are remembered, and the megabytes in them must not be."""

    rows: EmbeddedTexts | None

    def take(self) -> EmbeddedTexts | None:
        """The rows, once."""
        rows, self.rows = self.rows, None
        return rows


class RowsBuilder:
    """Gathers vectors in one block of memory as they come; big sheets would not fit in it twice."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: Rows | None = None
        self._bytes = memoryview(b"")
        """The same memory."""
        self._texts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    @property
    def dimensions(self) -> int | None:
        """Of the vectors so far."""
        return None if self._rows is None else int(self._rows.shape[1])

    def put(self, text: str, vector: bytes) -> None:
        """Little-endian float32. Raises `ValueError` with a sentence for one of another width than those before."""
        number = len(self._texts) + 1
        if len(vector) % 4 or not vector:
            raise ValueError(f"Vector {number} is {len(vector)} bytes long, which is no whole number of floats.")
        if self._rows is None:
            np = load_numpy()
            self._rows = np.empty((self._capacity + 1, len(vector) // 4), dtype="<f4")
            self._bytes = memoryview(self._rows.reshape(-1).view(np.uint8))
        if len(vector) // 4 != self._rows.shape[1]:
            raise ValueError(
                f"The vectors differ in width: number {number} has {len(vector) // 4:,} dimensions, "
                f"others {self._rows.shape[1]:,}."
            )
        start = self._texts.setdefault(text, len(self._texts)) * len(vector)
        self._bytes[start : start + len(vector)] = vector

    def take(self) -> EmbeddedTexts | None:
        """All of them with rows of length 1; None without any. The builder is used up. Belongs in a thread."""
        np = load_numpy()
        rows, texts = self._rows, self._texts
        self._rows, self._texts, self._bytes = None, {}, memoryview(b"")
        if rows is None:
            return None
        unit = rows[: len(texts) + 1].astype(np.float32, copy=False)
        unit[-1] = np.nan
        lengths = make_unit(unit)
        known = ~np.isnan(lengths[:-1])
        if known.all():
            return EmbeddedTexts(unit, texts, lengths, frozenset(), spread(unit))
        row_of = {text: row for text, row in texts.items() if known[row]}
        useless = frozenset(text for text, row in texts.items() if not known[row])
        return EmbeddedTexts(unit, row_of, lengths, useless, spread(unit))


def embed_texts(
    texts: Sequence[str], vectors: Sequence[bytes | None], earlier: EmbeddedTexts | None = None
) -> EmbeddedTexts:
    """Put these vectors to those that the same model gave before; takes some 10 ms a thousand, so call it in a thread.

    Earlier ones of another width are forgotten. Raises `ValueError` with a sentence when these differ among themselves.
    """
    np = load_numpy()
    builder = RowsBuilder(len(texts))
    for text, vector in zip(texts, vectors, strict=False):
        if vector:
            builder.put(text, vector)
    fresh = builder.take()
    if fresh is None:
        return earlier or EmbeddedTexts(
            np.full((1, 0), np.nan, dtype=np.float32), {}, np.full(1, np.nan), frozenset(), None
        )
    return merge(earlier, fresh)


def merge(earlier: EmbeddedTexts | None, fresh: EmbeddedTexts) -> EmbeddedTexts:
    """Both in one, the fresh vector where a text is in both; earlier ones of another width are forgotten."""
    np = load_numpy()
    if earlier is None or earlier.dimensions != fresh.dimensions or not earlier.row_of:
        return fresh
    kept = [(text, row) for text, row in earlier.row_of.items() if not fresh.has(text)]
    if not kept:
        return fresh
    old = np.array([row for _, row in kept], dtype=np.intp)
    unit = np.concatenate([earlier.unit[old], fresh.unit])
    row_of = {text: row for row, (text, _) in enumerate(kept)}
    row_of |= {text: row + len(kept) for text, row in fresh.row_of.items()}
    lengths = np.concatenate([earlier.lengths[old], fresh.lengths])
    useless = fresh.useless | frozenset(text for text in earlier.useless if not fresh.has(text))
    return EmbeddedTexts(unit, row_of, lengths, useless, spread(unit))
