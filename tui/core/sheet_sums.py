"""What is worked out for the views of a sheet, whose texts have rows of vectors: some none, some the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tui.core import clusters, likeness, text_map, vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tui.core.vectors import EmbeddedTexts, Rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SheetRows:
    """The texts of a sheet and the rows of their vectors."""

    known: EmbeddedTexts
    rows: NDArray[np.intp]
    """Of each text, -1 where it has no usable vector."""

    def numbers(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The rows that texts have, ascending; the first text of each; and by text its place in them, or -1."""
        np = vectors.load_numpy()
        numbers, firsts, places = np.unique(self.rows, return_index=True, return_inverse=True)
        if len(numbers) and numbers[0] < 0:
            numbers, firsts, places = numbers[1:], firsts[1:], places - 1
        return numbers, firsts, places

    def used(self) -> tuple[Rows, NDArray[np.intp], NDArray[np.intp]]:
        """The same with the rows themselves: the block as it is where all of it is used, else a copy."""
        numbers, firsts, places = self.numbers()
        unit = self.known.unit
        if len(numbers) == len(unit) - 1:
            return unit[:-1], firsts, places
        return unit[numbers], firsts, places

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts of the sheet, by place."""

    first: int
    second: int
    score: float


def by_likeness(sheet: SheetRows) -> list[int]:
    """The places of the texts, what is alike together, those without a vector last."""
    np = vectors.load_numpy()
    unit, _firsts, places = sheet.used()
    rank = np.empty(len(unit) + 1, dtype=np.intp)
    rank[clusters.order_by_likeness(unit)] = np.arange(len(unit))
    rank[-1] = len(unit)
    return np.argsort(rank[places], kind="stable").tolist()  # type: ignore[no-any-return]


def duplicate_texts(sheet: SheetRows, threshold: float, most: int = 2_000) -> tuple[list[TextPair], int]:
    """Pairs of texts at least so alike, identical ones too, the most alike first; and how many there are in all."""
    np = vectors.load_numpy()
    unit, firsts, places = sheet.used()
    again: list[TextPair] = []
    for place in np.flatnonzero(places >= 0).tolist():
        first = int(firsts[places[place]])
        if first != place:
            again.append(TextPair(first, place, 1.0))
    found = likeness.duplicates(unit, threshold, most)
    pairs = []
    for pair in found.pairs:
        one, other = int(firsts[pair.first]), int(firsts[pair.second])
        pairs.append(TextPair(min(one, other), max(one, other), pair.score))
    both = sorted(again + pairs, key=lambda pair: (-pair.score, pair.first, pair.second))
    return both[:most], found.total + len(again)


@dataclass(frozen=True, slots=True)
class TextCluster:
    """Texts by place, those nearest to the centre first."""

    members: tuple[int, ...]
    scores: tuple[float, ...]
    tightness: float


def clustered(sheet: SheetRows, count: int | None) -> list[TextCluster]:
    """The clusters of the sheet, the largest first; `count` of them, or as many as suits."""
    np = vectors.load_numpy()
    unit, _firsts, places = sheet.used()
    texts_of: dict[int, list[int]] = {}
    for place in np.flatnonzero(places >= 0).tolist():
        texts_of.setdefault(int(places[place]), []).append(place)
    found = []
    for cluster in clusters.k_means(unit, count or clusters.usual_count(len(unit))):
        pairs = [
            (text, float(score))
            for row, score in zip(cluster.members.tolist(), cluster.scores.tolist(), strict=True)
            for text in texts_of.get(row, ())
        ]
        found.append(
            TextCluster(tuple(text for text, _ in pairs), tuple(score for _, score in pairs), cluster.tightness)
        )
    found.sort(key=lambda cluster: -len(cluster.members))
    return found


def places_on_map(
    sheet: SheetRows, *, grouped: bool, stopped: Callable[[], bool] = lambda: False
) -> list[tuple[float, float]]:
    """Where each text lies; NaN without a vector. `grouped`: t-SNE, for at most `text_map.GROUPED_UP_TO` texts."""
    np = vectors.load_numpy()
    numbers, _firsts, places = sheet.numbers()
    points = text_map.principal(sheet.known.unit, numbers)
    if grouped and len(numbers) <= text_map.GROUPED_UP_TO:
        points = text_map.grouped(sheet.known.unit[numbers], points, stopped)
    points = np.concatenate([points, np.full((1, 2), np.nan)])
    return [(x, y) for x, y in points[places].tolist()]


def agreement_of(texts: Sequence[str], left: EmbeddedTexts, right: EmbeddedTexts, k: int = 10) -> likeness.Agreement:
    """How far two embeddings of these texts say the same; the rows of the answer are places in `texts`."""
    return likeness.agreement(left.unit[left.rows(texts)], right.unit[right.rows(texts)], k)


def relevance_of(
    texts: Sequence[str], known: EmbeddedTexts, asked: EmbeddedTexts, right: Sequence[tuple[str, Sequence[str]]]
) -> likeness.Found | None:
    """How well this embedding finds the right answers of queries; those that are not embedded are left out."""
    np = vectors.load_numpy()
    queries, wanted = [], []
    places = {text: at for at, text in enumerate(texts)}
    for query, answers in right:
        vector = asked.unit_vector(query)
        found = [places[answer] for answer in answers if answer in places]
        if vector is not None and found:
            queries.append(vector)
            wanted.append(found)
    if not queries:
        return None
    rows = known.rows(texts)
    return likeness.relevance(known.unit[rows], np.stack(queries), wanted)
