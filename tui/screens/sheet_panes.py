"""The views of a sheet: what each shows of the vectors, worked out in threads where it takes more than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, get_args

from textual.content import Content

from tui.core import formats, vectors
from tui.core.sheets import Variant
from tui.openrouter.text import Clean
from tui.screens.embedding_model import input_price, query_variant
from tui.screens.sheet_views import Compared, cluster_rows, compare_rows, duplicate_rows, waiting_row
from tui.widgets.group_marks import GroupMark, group_marks
from tui.widgets.heat_map import HeatMap
from tui.widgets.neighbour_list import NeighbourList, NeighbourRow
from tui.widgets.point_map import MapPoint, PointMap
from tui.widgets.row_list import RowList
from tui.widgets.sheet_reading import SheetLine

if TYPE_CHECKING:
    from textual.widget import Widget

    from tui.core.likeness import Agreement, Found
    from tui.core.matrix import Matrix
    from tui.core.sheet_sums import SheetRows
    from tui.core.vectors import EmbeddedTexts, Rows
    from tui.screens.embeddings import EmbeddingsScreen

View: TypeAlias = Literal["matrix", "neighbours", "map", "duplicates", "clusters", "compare"]
VIEWS: Final[tuple[View, ...]] = get_args(View)
SHORT_NAMES: Final = {
    "matrix": "matrix", "neighbours": "near", "map": "map", "duplicates": "dupes", "clusters": "clusters",
    "compare": "A/B",
}  # fmt: skip
_KEYS: Final = {"matrix": "m", "neighbours": "n", "map": "p", "duplicates": "d", "clusters": "c", "compare": "A"}
ORDERS: Final = ("given", "group", "likeness")

_MOST_NEIGHBOURS: Final = 200
_LINKED: Final = 5
"""Neighbours that lines lead to on the map."""
_THREAD_FROM: Final = 3_000_000
"""Numbers in the vectors from which a look at all of them takes more than some milliseconds."""

_GROUP_OF: Final = attrgetter("group")

T = TypeVar("T")


class SheetPanes:
    """The six views and what they were made of; the screen says when something has changed."""

    def __init__(self, screen: EmbeddingsScreen) -> None:
        self._screen = screen
        self.matrix = HeatMap(id="matrix")
        self.neighbours = NeighbourList(id="neighbours")
        self.map = PointMap(id="map")
        self.duplicates = RowList(id="duplicates")
        self.clusters = RowList(id="clusters")
        self.compare = RowList(id="compare")
        self.order = 0
        """Place in `ORDERS`."""
        self.threshold = 0.9
        """From which similarity on two texts count as duplicates."""
        self.cluster_count: int | None = None
        self.grouped = False
        """Whether the map is t-SNE instead of principal components."""
        self.known: EmbeddedTexts | None = None
        self.lines: Sequence[SheetLine] = ()
        self.marks: dict[str, GroupMark] = {}
        self._version = 0
        """Counts what the sheet and its vectors have become."""
        self._rows: SheetRows | None = None
        self._matrix_order: list[int] = []
        self._place_in_matrix: dict[int, int] = {}
        self._listed: tuple[object, ...] = ()
        """What the neighbours were last found for."""
        self._doing: dict[str, object] = {}
        self._done: dict[str, object] = {}
        self._next: dict[str, tuple[object, Callable[[], Any], Callable[[Any], None]]] = {}
        """What is to be done of each kind when what is being done has ended."""
        self._running: set[str] = set()

    def widget(self, view: View) -> Widget:
        """The pane of a view."""
        return {
            "matrix": self.matrix, "neighbours": self.neighbours, "map": self.map, "duplicates": self.duplicates,
            "clusters": self.clusters, "compare": self.compare,
        }[view]  # fmt: skip

    def take(self, known: EmbeddedTexts | None, lines: Sequence[SheetLine], texts: Sequence[Clean]) -> bool:
        """These are the texts and their vectors; False when both are what they were."""
        if known is self.known and lines is self.lines:
            return False
        if known is None and self.known is not None:
            self._clear()
        elif known is not self.known and not self.matrix.display:
            self._clear_matrix()
        self.known, self.lines = known, lines
        self._version += 1
        self.marks = group_marks(map(_GROUP_OF, lines))
        self._rows = None
        if known is not None:
            from tui.core.sheet_sums import SheetRows

            self._rows = SheetRows(known, known.rows(texts))
        return True

    def _clear(self) -> None:
        """Another sheet has come, and none of its vectors yet."""
        self._clear_matrix()
        self.neighbours.show_instead(Clean(""))
        self.map.show([])
        self.duplicates.show([])
        self.clusters.show([])
        self._done.clear()
        self._listed = ()

    def _clear_matrix(self) -> None:
        """It would keep the vectors of before in memory."""
        self.matrix.show((), lambda down, across, _block=1: [[float("nan")] * len(across) for _ in down])
        self._done.pop("matrix", None)

    @property
    def rows(self) -> SheetRows | None:
        return self._rows

    def show(self, views: Sequence[View]) -> None:
        """Bring these views up to date; the others are when they are shown."""
        if "compare" in views:
            self._show_compare()
        if self._rows is None or self.known is None:
            return
        for view in views:
            match view:
                case "matrix":
                    self._show_matrix(self._rows)
                case "neighbours":
                    self.show_neighbours()
                case "map":
                    self._show_map(self._rows)
                    self.show_neighbours()
                case "duplicates":
                    self._show_duplicates(self._rows)
                case "clusters":
                    self._show_clusters(self._rows)
                case "compare":
                    pass

    def _work_out(self, name: str, key: object, work: Callable[[], T], take: Callable[[T], None]) -> bool:
        """Do it in a thread and hand the result over, unless it was done or something newer is wanted by then.

        True while it is being done.
        """
        if self._done.get(name) == key:
            return False
        if self._doing.get(name) == key:
            return True
        self._doing[name] = key
        self._next[name] = key, work, take
        if name not in self._running:
            self._running.add(name)
            self._screen.beside(partial(self._carry_out, name), f"view {name}")
        return True

    async def _carry_out(self, name: str) -> None:
        """One after the other, and of what was wanted meanwhile the last: each may copy all vectors."""
        try:
            while (wanted := self._next.pop(name, None)) is not None:
                key, work, take = wanted
                result = await asyncio.to_thread(work)
                del wanted, work
                if self._doing.get(name) == key:
                    del self._doing[name]
                    self._done[name] = key
                    take(result)
                    self._screen.views_changed()
        finally:
            self._running.discard(name)
        if self.known is not None and self.known.unit.size > _THREAD_FROM:
            await asyncio.to_thread(vectors.give_back)

    # The matrix

    def _show_matrix(self, rows: SheetRows) -> None:
        from tui.core.matrix import Matrix, order_by_group

        order, lines = ORDERS[self.order], self.lines
        key = (self._version, order)

        def arrange() -> tuple[list[int], Matrix]:
            from tui.core.sheet_sums import by_likeness

            if order == "likeness":
                places = by_likeness(rows)
            else:
                places = order_by_group([line.group for line in lines]) if order == "group" else list(range(len(lines)))
            np = vectors.load_numpy()
            matrix = Matrix(rows.known.unit, rows.rows[np.array(places, dtype=np.intp)])
            if rows.known.unit.size > _THREAD_FROM:
                matrix.prepare()
            return places, matrix

        def take(arranged: tuple[list[int], Matrix]) -> None:
            places, matrix = arranged
            self._matrix_order = places
            self._place_in_matrix = {place: at for at, place in enumerate(places)}
            self.matrix.show([lines[place] for place in places], matrix.tile, rows.known.spread, lines[-1].number)
            self.select_row(self._screen.selected_place())

        if self._done.get("matrix") == key:
            return
        if order != "likeness" and rows.known.unit.size <= _THREAD_FROM:
            self._doing.pop("matrix", None)
            self._done["matrix"] = key
            take(arrange())
            return
        self._work_out("matrix", key, arrange, take)

    def select_row(self, place: int | None) -> None:
        """Mark the row of a text in the matrix."""
        self.matrix.select(self._place_in_matrix.get(place) if place is not None else None)

    def line_of_row(self, row: int) -> int | None:
        """The line of the sheet of a row of the matrix."""
        place = self._matrix_order[row] if row < len(self._matrix_order) else None
        return self.lines[place].line if place is not None and place < len(self.lines) else None

    @property
    def order_words(self) -> str:
        """How the matrix is ordered, where it is not as given."""
        order = ORDERS[self.order]
        if order == "given":
            return ""
        from tui.core.clusters import EXACT_UP_TO

        by = "likeness" if len(self.lines) <= EXACT_UP_TO else "cluster: more than 2,000 texts"
        return f"by {by if order == 'likeness' else 'group'}{' …' if 'matrix' in self._doing else ''}"

    # Neighbours

    def show_neighbours(self) -> None:
        """Those of the query, or of the selected text."""
        known, rows = self.known, self._rows
        if known is None or rows is None:
            return
        screen = self._screen
        place = screen.selected_place()
        asked = screen.query_space()
        marked = screen.right_answers()
        listed = (self._version, screen.asked, id(asked), place if screen.asked is None else None, marked)
        if listed == self._listed:
            return
        self._listed = listed
        self.select_row(place)
        if screen.asked is not None:
            vector = asked.unit_vector(screen.asked) if asked is not None else None
            if vector is None:
                self.neighbours.show_instead(screen.query_waits())
                return
            self._find(vector, None, None, screen.asked)
            return
        if place is None:
            self.neighbours.show_instead(Clean("The cursor is on a blank line: put it on a text."))
            self.map.select(None)
            return
        line = self.lines[place]
        own = known.unit_vector(line.text)
        if own is None:
            why = "came without a usable vector" if line.text in known.useless else "is not embedded yet: ctrl+r"
            self.neighbours.show_instead(Clean(f"Text {line.number} {why}."))
            self.map.select(line.line)
            return
        self._find(own, place, line.line, line.text)

    def _find(self, vector: Rows, place: int | None, line: int | None, text: Clean) -> None:
        known, rows, lines, marks = self.known, self._rows, self.lines, self.marks
        assert known is not None
        assert rows is not None
        right = self._screen.right_answers()

        def find() -> list[NeighbourRow]:
            found = vectors.nearest(known.unit, rows.rows, vector, _MOST_NEIGHBOURS, without=place)
            return [_neighbour(lines[one.index], one.score, marks, right) for one in found]

        def take(found: list[NeighbourRow]) -> None:
            self.neighbours.show(line, text, found)
            if line is not None:
                self.map.select(line, [one.line for one in found[:_LINKED]])

        if known.unit.size <= _THREAD_FROM:
            take(find())
            return
        listed = self._listed

        async def beside() -> None:
            found = await asyncio.to_thread(find)
            if listed == self._listed:
                take(found)

        self._screen.beside(beside, "neighbours")

    # The map

    def _show_map(self, rows: SheetRows) -> None:
        from tui.core.sheet_sums import places_on_map

        grouped, lines, marks = self.grouped and self.can_group, self.lines, self.marks
        key = (self._version, grouped)

        def work() -> list[MapPoint]:
            places = places_on_map(rows, grouped=grouped, stopped=lambda: self._doing.get("map") != key)
            plain = GroupMark("•", -1)
            return [
                MapPoint(line.line, x, y, line.text, line.label, marks.get(line.group, plain))
                for line, (x, y) in zip(lines, places, strict=True)
            ]

        def take(points: list[MapPoint]) -> None:
            self.map.show(points)
            self._listed = ()
            self.show_neighbours()

        self._work_out("map", key, work, take)

    @property
    def can_group(self) -> bool:
        """Whether the sheet is small enough for the better projection."""
        from tui.core.text_map import GROUPED_UP_TO

        return self.known is not None and len(self.known.row_of) <= GROUPED_UP_TO

    @property
    def map_words(self) -> str:
        """Which projection is shown, and the key to the other."""
        doing = " …" if "map" in self._doing else ""
        if not self.can_group:
            return f"PCA{doing}"
        return f"t-SNE{doing} · p PCA" if self.grouped else f"PCA{doing} · p t-SNE"

    # Lists

    def _show_duplicates(self, rows: SheetRows) -> None:
        from tui.core.sheet_sums import TextPair, duplicate_texts

        threshold, lines, marks = self.threshold, self.lines, self.marks

        def take(found: tuple[list[TextPair], int]) -> None:
            self.duplicates.show(duplicate_rows(*found, threshold, lines, marks), (self._version, threshold))

        key = (self._version, threshold)
        if self._work_out("duplicates", key, lambda: duplicate_texts(rows, threshold), take):
            words = f"Comparing {formats.count(len(lines))} texts with each other …"
            self.duplicates.show(waiting_row(words), "waiting")

    def _show_clusters(self, rows: SheetRows) -> None:
        from tui.core.sheet_sums import TextCluster, clustered

        count, lines, marks = self.cluster_count, self.lines, self.marks

        def take(found: list[TextCluster]) -> None:
            self.cluster_count = len(found) if count is not None else None
            self._shown_clusters = len(found)
            self.clusters.show(cluster_rows(found, lines, marks), (self._version, count))

        key = (self._version, count)
        if self._work_out("clusters", key, lambda: clustered(rows, count), take):
            self.clusters.show(waiting_row("Looking for clusters …"), "waiting")

    _shown_clusters = 0

    def change_figure(self, view: View, change: int) -> None:
        """More or less: of the threshold of duplicates, of the number of clusters."""
        if view == "duplicates":
            self.threshold = round(min(1.0, max(0.0, self.threshold + change * 0.01)), 2)
        elif view == "clusters":
            self.cluster_count = max(1, (self.cluster_count or self._shown_clusters or 2) + change)
        self.show([view])

    # A/B

    def _show_compare(self) -> None:
        screen, lines = self._screen, self.lines
        variants, relevance = screen.variants(), screen.relevance
        spaces = [screen.runs.spaces.get(variant) for variant in variants]
        asked = [screen.runs.spaces.get(query_variant(variant)) for variant in variants]
        first = spaces[0] if spaces else None
        key = (self._version, variants, relevance, tuple(map(id, spaces)), tuple(map(id, asked)))
        texts = list(dict.fromkeys(line.text for line in lines))
        right = [(one.query, one.right) for one in relevance]

        def work() -> tuple[list[Agreement | None], list[Found | None]]:
            from tui.core.sheet_sums import agreement_of, relevance_of

            agreed = [
                agreement_of(texts, first, one) if number and first is not None and one is not None else None
                for number, one in enumerate(spaces)
            ]
            found = [
                relevance_of(texts, one, questions, right) if one is not None and questions is not None else None
                for one, questions in zip(spaces, asked, strict=True)
            ]
            return agreed, found

        def rows_of(agreed: Sequence[Agreement | None], found: Sequence[Found | None], *, working: bool) -> None:
            sides = [
                self._side(variant, known, agreement, answers)
                for variant, known, agreement, answers in zip(variants, spaces, agreed, found, strict=True)
            ]
            line_of = _lines_by_text(texts, lines)
            self.compare.show(compare_rows(sides, line_of, relevance, working=working), (self._version, len(variants)))

        def take(result: tuple[list[Agreement | None], list[Found | None]]) -> None:
            self._compared = result
            rows_of(*result, working=False)

        nothing: list[None] = [None] * len(variants)
        if all(one is None for one in spaces):
            rows_of(nothing, nothing, working=False)
        elif self._work_out("compare", key, work, take):
            rows_of(nothing, nothing, working=len(variants) > 1)
        else:
            rows_of(*self._compared, working=False)

    _compared: tuple[Sequence[Agreement | None], Sequence[Found | None]] = ((), ())

    def _side(
        self, variant: Variant, known: EmbeddedTexts | None, agreement: Agreement | None, found: Found | None
    ) -> Compared:
        model = self._screen.choice.model(variant.model.raw)
        embedded = 0 if known is None else sum(1 for line in self.lines if line.text in known.row_of)
        return Compared(
            variant=variant,
            known=known,
            bill=self._screen.runs.bills.get(variant),
            per_token=None if model is None else input_price(model),
            embedded=embedded,
            agreement=agreement,
            found=found,
        )

    # Titles

    def titles(self, view: View, *, wide: bool) -> Content:
        """The names of the views with their keys underlined, the shown one lit."""
        parts: list[str | tuple[str, str]] = []
        for name in VIEWS:
            shown = ("A/B" if name == "compare" else name) if wide else SHORT_NAMES[name]
            before, key, after = shown.partition(_KEYS[name])
            style = "bold" if name == view else "dim"
            parts += [(before, style), (key, f"{style} underline"), (after, style), " │ " if wide else "│"]
        return Content.assemble(*parts[:-1])

    def subtitle(self, view: View) -> str:
        """How the shown view stands."""
        return {"matrix": self.order_words, "map": self.map_words}.get(view, "")


def _neighbour(
    line: SheetLine, score: float, marks: dict[str, GroupMark], right: frozenset[Clean] | None
) -> NeighbourRow:
    return NeighbourRow(
        line.line, line.text, score, line.label, marks.get(line.group), right is not None and line.text in right
    )


def _lines_by_text(texts: Sequence[Clean], lines: Sequence[SheetLine]) -> list[SheetLine]:
    """The first line of each text."""
    first: dict[Clean, SheetLine] = {}
    for line in lines:
        first.setdefault(line.text, line)
    return [first[text] for text in texts]
