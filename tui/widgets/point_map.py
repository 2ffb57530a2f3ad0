"""Texts as points on a plane, drawn by the Line API: shapes and colours by group, labels, lines to the neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from tui.openrouter.text import Clean
from tui.widgets.group_marks import COLOURS, PLAIN, GroupMark
from tui.widgets.model_columns import fit

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

_SHAPES_UP_TO: Final = 400
"""Points in view that have shapes; more are dots of braille, coloured by the group that most of a cell have."""
_LABEL_WIDTH: Final = 18
_LABELS_UP_TO: Final = 60
_MOST_ZOOM: Final = 64.0
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille cell, by row and column."""
_FOOTER: Final = 2


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A text and where it lies; not finite: it has no vector."""

    line: int
    """In the sheet, from 0."""
    x: float
    y: float
    text: Clean
    label: Clean = Clean("")
    mark: GroupMark = PLAIN


class PointMap(Widget, can_focus=True):
    """The points in view, the one under the cursor, and below it its text."""

    HELP = (
        "Each text is a point; what is alike lies close together. Arrows or h j k l go to the next point that way, + "
        "and - zoom around it, 0 shows all, enter goes to the text. Lines lead to its nearest neighbours by the "
        "vectors themselves, which may lie further off: a plane has too few directions for all of them. p takes the "
        "other projection."
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"point-map--{name}" for name in ("label", "edge", "cursor", "text")),
        *(f"point-map--group-{number}" for number in range(len(COLOURS))),
    }
    DEFAULT_CSS = (
        """
    PointMap {
        height: 1fr;
        & > .point-map--label { color: $foreground-muted; }
        & > .point-map--edge { color: $primary; }
        & > .point-map--cursor { text-style: reverse bold; }
        & > .point-map--text { color: $text-accent; text-style: bold; }
        &:ansi > .point-map--label { color: ansi_default; text-style: dim; }
    """
        + "".join(f"& > .point-map--group-{at} {{ color: $text-{name}; }}\n" for at, name in enumerate(COLOURS))
        + "}"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(0, -1)", "up", show=False, id="map.up", tooltip="To the next point above"),
        Binding("down,j", "step(0, 1)", "down", show=False, id="map.down", tooltip="To the next point below"),
        Binding("left,h", "step(-1, 0)", "left", show=False, id="map.left", tooltip="To the next point at the left"),
        Binding("right,l", "step(1, 0)", "right", show=False, id="map.right", tooltip="To the next point at the right"),
        Binding("enter", "choose", "go to text", id="map.choose", tooltip="Put the cursor on this text"),
        Binding("plus,equals_sign", "zoom(2)", "closer", key_display="+", id="map.closer", tooltip="Twice as close"),
        Binding("minus", "zoom(0.5)", "further", key_display="-", id="map.further", tooltip="Half as close"),
        Binding("0", "show_all", "all", id="map.all", tooltip="Show all points"),
    ]

    cursor: reactive[int | None] = reactive(None, repaint=True)
    """The point that the cursor is on."""

    @dataclass
    class Chosen(Message):
        """The user wants to see the text on this line."""

        point_map: PointMap
        line: int

        @property
        @override
        def control(self) -> PointMap:
            return self.point_map

    @dataclass
    class Moved(Message):
        """The cursor is on the text of this line: its neighbours are wanted."""

        point_map: PointMap
        line: int

        @property
        @override
        def control(self) -> PointMap:
            return self.point_map

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(id=id)
        self._map_points: Sequence[MapPoint] = ()
        self._at_line: dict[int, int] = {}
        self._linked: tuple[int, ...] = ()
        """Points that lines lead to."""
        self._scale = 1.0
        self._middle = (0.5, 0.5)
        """Of what is in view, in shares of the whole."""
        self._bounds = (0.0, 0.0, 1.0, 1.0)
        self._shares: dict[int, tuple[float, float]] = {}
        """Where the points lie, in shares of the whole from the upper left."""
        self._picture: tuple[object, list[list[tuple[str, str]]]] = (None, [])
        self._seen: tuple[object, list[tuple[int, float, float]], dict[tuple[int, int], tuple[str, str]]] | None = None
        """For which room and zoom, the points in view, and the cells of their dots where there are too many for shapes;
        the cursor moves among them at no cost."""

    def show(self, points: Sequence[MapPoint]) -> None:
        """Show these points; the cursor stays on its text."""
        line = self._map_points[self.cursor].line if self.cursor is not None else None
        self._map_points = points
        self._at_line = {point.line: at for at, point in enumerate(points) if isfinite(point.x)}
        known = [points[at] for at in self._at_line.values()]
        if known:
            xs, ys = [point.x for point in known], [point.y for point in known]
            self._bounds = (min(xs), min(ys), max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0)
        left, bottom, width, height = self._bounds
        self._shares = {
            at: ((points[at].x - left) / width, 1.0 - (points[at].y - bottom) / height) for at in self._at_line.values()
        }
        self._linked = ()
        self._picture = (None, [])
        self._seen = None
        self.set_reactive(PointMap.cursor, self._at_line.get(line) if line is not None else None)
        self.refresh()

    def select(self, line: int | None, neighbours: Sequence[int] = ()) -> None:
        """Put the cursor on the text of this line, with lines to those of the others."""
        self._linked = tuple(self._at_line[one] for one in neighbours if one in self._at_line)
        self._picture = (None, [])
        self.cursor = self._at_line.get(line) if line is not None else None
        self._keep_in_view()
        self.refresh()

    @property
    def zoom(self) -> float:
        """How many times as close as when all can be seen."""
        return self._scale

    # Places

    def _room(self) -> tuple[int, int]:
        return max(1, self.size.width), max(1, self.size.height - _FOOTER)

    def _place(self, at: int) -> tuple[float, float]:
        """Where a point lies, in columns and rows; points of the whole map keep a margin for their shapes."""
        width, height = self._room()
        x, y = self._shares[at]
        x, y = (x - self._middle[0]) * self._scale + 0.5, (y - self._middle[1]) * self._scale + 0.5
        return 1 + x * max(1, width - 3), y * max(1, height - 1)

    def _keep_in_view(self) -> None:
        if self.cursor is None:
            return
        half = 0.5 / self._scale
        share = self._shares[self.cursor]
        middle = tuple(
            min(max(at, place - half * 0.9), place + half * 0.9) for at, place in zip(self._middle, share, strict=True)
        )
        if self._scale == 1.0:
            middle = (0.5, 0.5)
        if middle != self._middle:
            self._middle = (middle[0], middle[1])
            self._picture = (None, [])

    # Drawing

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    @override
    def render_line(self, y: int) -> Strip:
        width, height = self._room()
        base = self.rich_style
        if y < height:
            segments = [Segment(text, self._kind_style(kind, base)) for kind, text in self._draw_map()[y]]
        elif y == height + 1 and self.cursor is not None:
            point = self._map_points[self.cursor]
            name = f" {point.line + 1} "
            label = f"{point.label}: " if point.label else ""
            room = max(1, width - cell_len(name))
            said = Clean((label + point.text)[: width * 4].replace("\n", " ").replace("\t", " "))
            segments = [Segment(name, self._kind_style("text", base)), Segment(fit(said, room), base)]
        else:
            segments = []
        return Strip(segments).adjust_cell_length(width, base)

    def _kind_style(self, kind: str, base: Style) -> Style:
        return base if kind == "plain" else self.get_component_rich_style(f"point-map--{kind}")

    def _draw_map(self) -> list[list[tuple[str, str]]]:
        """All lines as runs of a kind and its text; drawn once for a size, a zoom and a cursor."""
        key = (self.size, self._scale, self._middle, self.cursor, self._linked)
        if self._picture[0] != key:
            self._picture = (key, self._make_lines())
        return self._picture[1]

    def _make_lines(self) -> list[list[tuple[str, str]]]:
        width, height = self._room()
        cells: dict[tuple[int, int], tuple[str, str]] = {}
        visible, dots = self._in_view(width, height)
        if self.cursor is not None:
            self._draw_edges(cells, width, height)
        if len(visible) > _SHAPES_UP_TO:
            cells |= dots
        else:
            for at, x, y in reversed(visible):
                mark = self._map_points[at].mark
                cells[int(x + 0.5), int(y + 0.5)] = (_kind_of(mark), mark.shape)
        for at in self._linked:
            x, y = self._place(at)
            mark = self._map_points[at].mark
            if 0 <= x < width and 0 <= y < height:
                cells[int(x + 0.5), int(y + 0.5)] = (_kind_of(mark), mark.shape)
        if self.cursor is not None:
            x, y = self._place(self.cursor)
            cells[int(x + 0.5), int(y + 0.5)] = ("cursor", self._map_points[self.cursor].mark.shape)
        named = [at for at, _, _ in visible] if len(visible) <= _LABELS_UP_TO else []
        first = [at for at in (self.cursor, *self._linked) if at is not None]
        self._draw_labels(cells, [*first, *(at for at in named if at not in first)], width, height)
        return [_runs(cells, y, width) for y in range(height)]

    def _in_view(
        self, width: int, height: int
    ) -> tuple[list[tuple[int, float, float]], dict[tuple[int, int], tuple[str, str]]]:
        key = (width, height, self._scale, self._middle)
        if self._seen is not None and self._seen[0] == key:
            return self._seen[1:]
        visible: list[tuple[int, float, float]] = []
        dots: dict[tuple[int, int], tuple[str, str]] = {}
        # As `_place` has it, without a call for each of what may be 10,000 points.
        across, down = max(1, width - 3) * self._scale, max(1, height - 1) * self._scale
        left = 1 + max(1, width - 3) * 0.5 - self._middle[0] * across
        top = max(1, height - 1) * 0.5 - self._middle[1] * down
        for at, (share_x, share_y) in self._shares.items():
            x, y = left + share_x * across, top + share_y * down
            if -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5:
                visible.append((at, x, y))
        if len(visible) > _SHAPES_UP_TO:
            self._draw_dots(dots, visible)
            # Of these many it only matters that they are too many for shapes.
            del visible[_SHAPES_UP_TO + 1 :]
        self._seen = (key, visible, dots)
        return visible, dots

    def _draw_edges(self, cells: dict[tuple[int, int], tuple[str, str]], width: int, height: int) -> None:
        assert self.cursor is not None
        x0, y0 = self._place(self.cursor)
        dots: dict[tuple[int, int], int] = {}
        for at in self._linked:
            x1, y1 = self._place(at)
            steps = int(max(abs(x1 - x0) * 2, abs(y1 - y0) * 4, 1))
            for step in range(min(steps, 4 * (width * 2 + height * 4)) + 1):
                share = step / steps
                _add_dot(dots, x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, width, height)
        for place, bits in dots.items():
            cells[place] = ("edge", chr(0x2800 + bits))

    def _draw_dots(
        self, cells: dict[tuple[int, int], tuple[str, str]], visible: Sequence[tuple[int, float, float]]
    ) -> None:
        width, height = self._room()
        dots: dict[tuple[int, int], int] = {}
        groups: dict[tuple[int, int], dict[str, int]] = {}
        for at, x, y in visible:
            place = _add_dot(dots, x, y, width, height)
            if place is not None:
                kinds = groups.setdefault(place, {})
                kind = _kind_of(self._map_points[at].mark)
                kinds[kind] = kinds.get(kind, 0) + 1
        for place, bits in dots.items():
            cells[place] = (max(groups[place].items(), key=lambda item: item[1])[0], chr(0x2800 + bits))

    def _draw_labels(
        self, cells: dict[tuple[int, int], tuple[str, str]], points: Sequence[int], width: int, height: int
    ) -> None:
        """Names of points, where there is room beside them: at the right, else at the left."""
        for at in points:
            point = self._map_points[at]
            name = set_cell_size(
                (point.label or point.text)[: _LABEL_WIDTH * 4].replace("\n", " ").replace("\t", " "), _LABEL_WIDTH
            ).rstrip()
            if point.label == "" and cell_len(point.text) > _LABEL_WIDTH:
                name = set_cell_size(name, _LABEL_WIDTH - 1) + "…"
            taken = cell_len(name)
            x, y = (int(value + 0.5) for value in self._place(at))
            if not 0 <= y < height:
                continue
            for start in (x + 2, x - 1 - taken):
                span = range(start - 1, start + taken + 1)
                taken_by = (cells.get((column, y)) for column in span if column != x)
                if start < 0 or start + taken > width or any(one is not None and one[0] != "edge" for one in taken_by):
                    continue
                cells[start, y] = ("label", name)
                for column in range(start + 1, start + taken):
                    cells[column, y] = ("label", "")
                break

    # Moving

    def action_step(self, across: int, down: int) -> None:
        """To the nearest point that way, rather straight ahead than aside."""
        if not self._at_line:
            return
        if self.cursor is None:
            self._go_to(next(iter(self._at_line.values())))
            return
        x0, y0 = self._place(self.cursor)
        best: tuple[float, int] | None = None
        for at in self._at_line.values():
            x, y = self._place(at)
            # A row is twice as high as a column is wide.
            ahead = (x - x0) * across + (y - y0) * 2 * down
            aside = abs((y - y0) * 2 * across) + abs((x - x0) * down)
            if ahead > 0.01 and aside <= 3 * ahead:
                cost = ahead + 2 * aside
                if best is None or cost < best[0]:
                    best = (cost, at)
        if best is not None:
            self._go_to(best[1])

    def _go_to(self, at: int) -> None:
        self.cursor = at
        self._linked = ()
        self._keep_in_view()
        self.post_message(self.Moved(self, self._map_points[at].line))

    def action_zoom(self, factor: float) -> None:
        self._scale = max(1.0, min(_MOST_ZOOM, self._scale * factor))
        if self.cursor is not None:
            self._middle = self._shares[self.cursor]
        if self._scale == 1.0:
            self._middle = (0.5, 0.5)
        self.refresh()

    def action_show_all(self) -> None:
        self._scale, self._middle = 1.0, (0.5, 0.5)
        self.refresh()

    def action_choose(self) -> None:
        if self.cursor is not None:
            self.post_message(self.Chosen(self, self._map_points[self.cursor].line))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "choose" and self.cursor is None:
            return None
        return None if action in ("zoom", "show_all") and not self._at_line else True

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not self._at_line:
            return

        def away(at: int) -> float:
            x, y = self._place(at)
            return (x - offset.x) ** 2 + (2 * (y - offset.y)) ** 2

        self._go_to(min(self._at_line.values(), key=away))


def _kind_of(mark: GroupMark) -> str:
    return "plain" if mark.colour < 0 else f"group-{mark.colour}"


def _add_dot(dots: dict[tuple[int, int], int], x: float, y: float, width: int, height: int) -> tuple[int, int] | None:
    """Set the braille dot at these columns and rows (their middles are whole numbers); the answer is its cell."""
    across, down = int((x + 0.5) * 2), int((y + 0.5) * 4)
    place = (across // 2, down // 4)
    if not (0 <= place[0] < width and 0 <= place[1] < height):
        return None
    dots[place] = dots.get(place, 0) | _DOTS[down % 4][across % 2]
    return place


def _runs(cells: dict[tuple[int, int], tuple[str, str]], y: int, width: int) -> list[tuple[str, str]]:
    runs: list[tuple[str, str]] = []
    for x in range(width):
        kind, text = cells.get((x, y), ("plain", " "))
        if runs and runs[-1][0] == kind:
            runs[-1] = (kind, runs[-1][1] + text)
        else:
            runs.append((kind, text))
    return runs
