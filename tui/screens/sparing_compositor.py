"""Painting that asks only the widgets, and of them only the lines, that a change can be seen on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import cast

from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

Extents = dict[int, tuple[int, int]]
"""By line: the first changed column and the one behind the last."""


class SparingCompositor(Compositor):
    """Textual renders every visible widget whole, containers and covered ones too, that lies within the rectangle
    around all changes. While a reply streams and a figure moves in the last line, that is the screen."""

    def __init__(self) -> None:
        super().__init__()
        self._seen_of: dict[Widget, tuple[Region, Region]] | None = None
        """The widgets that `_seen` stands for: Textual makes a new mapping whenever one has moved."""
        self._seen: list[tuple[Widget, Region, Region]] = []

    @override
    def render_partial_update(self) -> ChopsUpdate | None:
        regions = self._dirty_regions.copy()
        self._dirty_regions.clear()
        if not regions:
            return None
        spans = list(self._regions_to_spans(regions))
        extents: Extents = {}
        for y, start, end in spans:
            known = extents.get(y)
            extents[y] = (start, end) if known is None else (min(known[0], start), max(known[1], end))
        chops = self._chops_within(extents)
        return ChopsUpdate(chops, spans, [cuts[1:] for cuts in self.cuts])

    @override
    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        # What asked to be painted meanwhile has been: its message, which is still on its way, paints nothing more.
        for widget in self.visible_widgets:
            widget._exchange_repaint_regions()
        return update

    @override
    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        width = self.size.width
        return self._chops_within({y: (0, width) for y in crop.line_range if is_rendered_line(y)})

    def _chops_within(self, extents: Extents) -> Sequence[Mapping[int, Strip]]:
        """What is seen on these lines between these columns, by the column where it begins."""
        cuts = self.cuts
        height = len(cuts)
        nothing: dict[int, Strip | None] = {}
        chops: list[dict[int, Strip | None]] = [nothing] * height
        open_lines: list[int] = []
        for y in sorted(extents):
            if 0 <= y < height:
                chops[y] = dict.fromkeys(cuts[y][:-1])
                open_lines.append(y)
        missing = {y: self._cuts_between(cuts[y], *extents[y]) for y in open_lines}
        for widget, region, seen in self._seen_widgets():
            if not open_lines:
                break
            if seen.y > open_lines[-1] or seen.bottom <= open_lines[0]:
                continue
            left, right = seen.column_span
            lines = open_lines[bisect_left(open_lines, seen.y) : bisect_left(open_lines, seen.bottom)]
            lines = [y for y in lines if _any_within(missing[y], left, right)]
            if not lines:
                continue
            top, bottom = lines[0], lines[-1] + 1
            strips = widget.render_lines(Region(seen.x - region.x, top - region.y, seen.width, bottom - top))
            cuts_before: list[int] = []
            own_cuts: list[int] = []
            ends: list[int] = []
            for y in lines:
                if y - top >= len(strips):
                    break
                line, strip = chops[y], strips[y - top]
                if cuts[y] != cuts_before:
                    cuts_before = cuts[y]
                    own_cuts = [cut for cut in cuts_before if left <= cut <= right]
                    ends = [cut - left for cut in own_cuts[1:]]
                # A line that ends where the first cut is needs no dividing: it keeps the escape sequences it has.
                whole = bool(ends) and strip.cell_length == ends[0]
                pieces = [strip] if whole else strip.divide(ends)
                for cut, piece in zip(own_cuts, pieces, strict=False):
                    if line[cut] is None:
                        line[cut] = piece
                missing[y] = left_over = [cut for cut in missing[y] if line[cut] is None]
                if not left_over:
                    open_lines.remove(y)
        return cast("Sequence[Mapping[int, Strip]]", chops)

    def _seen_widgets(self) -> list[tuple[Widget, Region, Region]]:
        """The widgets that can be seen from the topmost on: the whole region of each, and what of it is seen."""
        visible = self.visible_widgets
        if visible is not self._seen_of:
            self._seen_of = visible
            self._seen = [
                (widget, region, seen)
                for widget, (region, clip) in visible.items()
                if (seen := region.intersection(clip)).width and seen.height
            ]
        return self._seen

    @staticmethod
    def _cuts_between(cuts: list[int], start: int, end: int) -> list[int]:
        """The cuts at which something begins that reaches into these columns."""
        return [cut for cut, stop in pairwise(cuts) if cut < end and stop > start]


def _any_within(cuts: list[int], left: int, right: int) -> bool:
    """Whether one of the ascending cuts is in these columns."""
    at = bisect_left(cuts, left)
    return at < len(cuts) and cuts[at] < right
