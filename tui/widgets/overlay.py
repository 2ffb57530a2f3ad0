"""A widget that lies over all others and is put elsewhere without laying out the screen."""

from __future__ import annotations

from textual.css.scalar import Scalar, ScalarOffset
from textual.geometry import Offset, Region, Size
from textual.widget import Widget


class Overlay(Widget):
    """Changes its place and size as often as one types; nothing else moves because of it.

    Textual lays out and paints the whole screen for that: half of what a key in the filter would cost.
    """

    DEFAULT_CSS = """
    Overlay {
        position: absolute;
        overlay: screen;
        constrain: inside;
        display: none;
    }
    """

    def put(self, size: Size, offset: Offset) -> None:
        """Lie there, so many cells from where the parent begins; without a size it cannot be seen."""
        if not size and not self.display:
            return
        rules = self.styles.inline
        rules.set_rule("width", Scalar.from_number(size.width))
        rules.set_rule("height", Scalar.from_number(size.height))
        rules.set_rule("offset", ScalarOffset.from_offset(offset))
        if self.display and self._lies_elsewhere(size, offset):
            return
        self.display = True
        self.refresh(layout=True)

    def _lies_elsewhere(self, size: Size, offset: Offset) -> bool:
        """Tell the compositor where it lies from here on; False when it does not know the widget yet."""
        screen, parent = self.screen, self.parent
        compositor = screen._compositor
        maps = [one for one in (compositor._full_map, compositor._visible_map) if one is not None and self in one]
        if not maps or not isinstance(parent, Widget) or screen._layout_required:
            return False
        before = maps[-1][self]
        whole = compositor.size.region
        region = Region.from_offset(parent.region.offset + offset, size).translate_inside(whole) if size else Region()
        if region != before.region:
            for one in maps:
                one[self] = before._replace(
                    region=region, virtual_size=size, container_size=size, virtual_region=region
                )
            compositor._cuts = compositor._layers = compositor._layers_visible = compositor._visible_widgets = None
            compositor._dirty_regions |= {seen for old in (before.region, region) if (seen := old.intersection(whole))}
            parent._clear_arrangement_cache()
            self._size_updated(size, size, size, layout=False)
        self._set_dirty()
        # In the parent's name: the compositor looks everything up anew for one that cannot be seen.
        screen._dirty_widgets |= {parent, self} if size else {parent}
        screen.check_idle()
        return True
