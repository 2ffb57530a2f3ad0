"""The scroll bar of panes that are drawn line by line: only what moves of it is drawn again."""

from __future__ import annotations

from typing import Final, Self

from rich.segment import Segment
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from typing_extensions import override

STANDING_BAR: Final = """
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
"""
"""Styles of a pane whose bar is always there, unseen where all fits: one that comes and goes lays out the screen."""

_KEPT: Final = 256


class LineScrolled(ScrollView):
    """A pane whose vertical bar is a `LineScrollBar`."""

    @property
    @override
    def vertical_scrollbar(self) -> ScrollBar:
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = LineScrollBar(name="vertical", thickness=self.scrollbar_size_vertical)
            bar.display = False
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar


class LineScrollBar(ScrollBar):
    """Textual has Rich draw all of it whenever the number of rows changes, which costs more than the rows."""

    def __init__(self, vertical: bool = True, name: str | None = None, *, thickness: int = 1) -> None:
        super().__init__(vertical, name, thickness=thickness)
        self._bar: list[Strip] = []
        """A strip a line as drawn last; the same strip where the same is drawn."""
        self._bars: dict[tuple[object, ...], list[Strip]] = {}
        """By place: a pane shows one thing of so many lines after the other."""
        self._strips: dict[Segment, Strip] = {}
        self._looks: tuple[object, ...] = ()
        """Of the bars and strips that are kept."""

    @override
    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if layout or recompose or regions or not repaint or not self._bar:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        before, lines = self._bar, self._lines()
        if len(before) != len(lines):
            return super().refresh()
        width = self.size.width
        changed = [Region(0, y, width, 1) for y, line in enumerate(lines) if line is not before[y]]
        return super().refresh(*changed) if changed else self

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        lines = self._lines()[crop.y : crop.bottom]
        return lines if crop.column_span == (0, self.size.width) else [line.crop(*crop.column_span) for line in lines]

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks = ()

    def _lines(self) -> list[Strip]:
        place = (self.window_virtual_size, self.window_size, self.position)
        looks = (self.mouse_over, self.grabbed, self.size, *self.get_line_filters())
        if looks != self._looks or len(self._bars) > _KEPT:
            self._bars.clear()
            self._strips.clear()
            self._looks = looks
        if place not in self._bars:
            self._bars[place] = self._drawn()
        self._bar = self._bars[place]
        return self._bar

    def _drawn(self) -> list[Strip]:
        bar = self.render()
        assert isinstance(bar, ScrollBarRender)
        style = self.app.console.get_style(bar.style)
        assert style.color is not None
        assert style.bgcolor is not None
        width, height = self.size
        segments = self.renderer.render_bar(
            size=height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            thickness=width,
            back_color=style.bgcolor,
            bar_color=style.color,
        ).segments
        return [self._strips.get(segment) or self._draw(segment, width) for segment in segments]

    def _draw(self, segment: Segment, width: int) -> Strip:
        strip = Strip([segment], width)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, self.background_colors[1])
        self._strips[segment] = strip
        return strip
