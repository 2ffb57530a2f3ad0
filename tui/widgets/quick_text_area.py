"""A text area whose keys are seen at once, and that costs next to nothing while it does not change."""

from __future__ import annotations

from typing import Any, Self

from textual.content import Content
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult
from typing_extensions import override

from tui.widgets.painted_at_once import paint_at_once


class QuickTextArea(TextArea):
    """Beside a reply that streams, Textual renders every visible widget with every frame, and waits up to a frame
    before it shows a key; a text area asks for all its styles each time besides."""

    def __init__(self, **options: Any) -> None:
        # before anything else: Textual refreshes a widget while it is being made
        self._rendered: dict[Region, list[Strip]] = {}
        self._styled_theme: object = None
        super().__init__(**options)

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        strips = self._rendered.get(crop)
        if strips is None:
            if (theme := self._theme) is not self._styled_theme and theme is not None:
                theme.apply_css(self)
                self._styled_theme = theme
            strips = self._rendered[crop] = ScrollView.render_lines(self, crop)
        return list(strips)

    @override
    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Ask for a new painting."""
        self._rendered.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def show_border(self, title: str, subtitle: str) -> None:
        """Write into the border; the text within is not painted again, as it is by Textual's own way."""
        self._border_title, self._border_subtitle = Content(title), Content(subtitle)
        size, origin = self.outer_size, self.content_offset
        if size and self.is_mounted:
            edges = (Region(-origin.x, y - origin.y, size.width, 1) for y in (0, size.height - 1))
            self.refresh(*edges)

    @override
    def notify_style_update(self) -> None:
        self._rendered.clear()
        self._styled_theme = None
        super().notify_style_update()

    @override
    def edit(self, edit: Edit) -> EditResult:
        result = super().edit(edit)
        paint_at_once(self)
        return result
