"""The shades of a heat map: glyphs that tell values apart without colour, and the colours on top of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

RAMP: Final = "░▒▓█"
"""From the least to the most alike: what tells values apart without colour."""
UNKNOWN: Final = "·"
STEPS: Final = 101
"""Colours from the low to the high end."""
_MIDDLE: Final = 0.6
"""Where on the ramp the colour is the theme's own."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A style for each step from low to high."""

    glyphs: tuple[Style, ...]
    values: tuple[Style, ...] | None
    """Of figures written on the shade; None where there are no shades."""
    unknown: Style
    shades: tuple[Style, ...] = ()
    """The colours themselves, as backgrounds; empty where there are none."""


def make_ramp(
    base: Style,
    unknown: Style,
    colors: tuple[Color, Color, Color] | None,
    filtered: Callable[[Style], Style] = lambda style: style,
) -> Ramp:
    """The ramp over a low, a middle and a high colour; None where colours cannot be mixed: the glyphs tell all.

    `filtered` is what the theme does to a style before it reaches the screen.
    """
    if colors is None:
        return Ramp((base,) * STEPS, None, unknown)
    places = [step / (STEPS - 1) for step in range(STEPS)]
    # A glyph stays visible on its own shade, so that a picture without colour says the same.
    glyphs = [Style(color=_mix(colors, at + 0.08), bgcolor=_mix(colors, at - 0.06)) for at in places]
    return Ramp(
        tuple(filtered(base + style) for style in glyphs),
        tuple(filtered(base + _figure_style(colors, at)) for at in places),
        unknown,
        tuple(filtered(Style(bgcolor=_mix(colors, at))) for at in places),
    )


def _figure_style(colors: tuple[Color, Color, Color], at: float) -> Style:
    shade = Color.from_rich_color(_mix(colors, at))
    return Style(color=shade.blend(shade.get_contrast_text(1.0), 0.9, 1.0).rich_color, bgcolor=shade.rich_color)


def _mix(colors: tuple[Color, Color, Color], at: float) -> RichColor:
    """A colour of the ramp, darker to lighter or the other way all along; `at` is held between 0 and 1."""
    low, middle, high = colors
    at = max(0.0, min(1.0, at))
    if at <= _MIDDLE:
        return low.blend(middle, at / _MIDDLE, 1.0).rich_color
    return middle.blend(high, (at - _MIDDLE) / (1 - _MIDDLE) * 0.85, 1.0).rich_color


def short_value(value: float) -> str:
    """A value in three columns: `.83`, `1.0`, `-.2`."""
    if value >= 0.995:
        return "1.0"
    if value <= -0.95:
        return "-1."
    return f"{value:.2f}"[1:] if value > -0.005 else f"-{-value:.1f}".replace("-0.", "-.")


def value_text(value: float) -> str:
    """A value in four columns: `.83`, `1.00`, `-.20`."""
    if value <= -0.995:
        return "-1.0"
    text = f"{value:.2f}"
    return text if text.startswith("1") else text.replace("0.", ".", 1)
