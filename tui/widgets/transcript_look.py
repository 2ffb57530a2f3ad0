"""The styles a transcript is drawn in, taken once from the theme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.segment import Segment
from rich.style import Style

from tui.widgets import markdown_inline as inline
from tui.widgets.markdown_code import LOOKS

CODE_CLASSES: Final = tuple(f"transcript--code-{name}" for name in LOOKS)
_NAMES = """dim name you mark cursor code link heading heading-minor quote box error warning unread receipt-lit
found found-here"""
COMPONENTS: Final = frozenset({*(f"transcript--{name}" for name in _NAMES.split()), *CODE_CLASSES})
"""Names of the widget's component classes."""


class Look:
    """Styles with their background, ready for segments; one a theme."""

    def __init__(
        self,
        base: Style,
        component: Callable[[str], Style],
        *,
        wrap_code: bool = True,
        code_shift: int = 0,
        awaited: set[str] | None = None,
    ) -> None:
        """`component` gives the style of a component class, with the widget's background.

        Long lines of code are wrapped, or cut at both edges after `code_shift` cells were left out. Code whose colours
        are not ready is drawn plain and its language put into `awaited`; None: it is waited for.
        """

        def named(name: str) -> Style:
            return component(f"transcript--{name}")

        self.base = base
        self.dim = named("dim")
        self.name = named("name")
        self.you = named("you")
        self.mark = named("mark")
        self.cursor = named("cursor")
        self.heading = named("heading")
        self.heading_minor = named("heading-minor")
        self.box = named("box")
        self.error = named("error")
        self.warning = named("warning")
        self.unread = named("unread")
        self.receipt_lit = named("receipt-lit")
        self.found = named("found")
        self.found_here = named("found-here")
        self.wrap_code = wrap_code
        self.code_shift = code_shift
        self.awaited = awaited
        self.code = {name: named(f"code-{name}") for name in LOOKS}
        self._link = named("link")
        self._quote = named("quote")
        self._inline_code = named("code")
        self._bold = Style(bold=True)
        self._italic = Style(italic=True)
        self._strike = Style(strike=True)
        self._by_flags: dict[int, Style] = {0: base}
        styles = [one for one in (*vars(self).values(), *self.code.values()) if isinstance(one, Style)]
        self.is_true_colour = all(map(_is_true_colour, styles))
        """Whether no style is in one of the terminal's own colours, nor dim: Textual's filter for those has no work."""

    def inline(self, flags: int, url: str) -> Style:
        """The style of a stretch of text; a link's carries its address for the terminal and for clicks."""
        style = self._by_flags.get(flags)
        if style is None:
            style = self._by_flags[flags] = self._combined(flags)
        if url:
            return style + Style(link=url) + Style.from_meta({"url": url})
        return style

    def _combined(self, flags: int) -> Style:
        style = self.base
        if flags & inline.QUOTED:
            style = self._quote
        if flags & inline.DIM:
            style = self.dim
        if flags & inline.CODE:
            style = self._inline_code
        if flags & inline.LINK:
            style += self._link.without_color + Style(color=self._link.color) if self._link.color else self._link
        if flags & inline.BOLD:
            style += self._bold
        if flags & inline.ITALIC:
            style += self._italic
        if flags & inline.STRIKE:
            style += self._strike
        return style

    def blank(self, cells: int) -> Segment:
        """Empty cells."""
        return Segment(" " * cells, self.base)


def _is_true_colour(style: Style) -> bool:
    return not style.dim and all(one is None or one.triplet is not None for one in (style.color, style.bgcolor))
