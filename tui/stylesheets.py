"""Where the stylesheets are, and the theme variables that are our own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

THEME_VARIABLES: Final[dict[str, str]] = {}
"""Defaults of our own theme variables, so that every theme works."""


def style_path(name: str) -> Path:
    """The stylesheet of that name: beside the package in a checkout, inside it in an installed wheel.

    Raises FileNotFoundError where neither folder has it.
    """
    package = Path(__file__).parent
    for folder in (package / "styles", package.parent / "styles"):
        if (path := folder / name).is_file():
            return path
    raise FileNotFoundError(f"the stylesheet {name} is neither in the package nor beside it")
