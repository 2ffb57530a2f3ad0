"""What all dialogs share: their stylesheet, read when the first of them is opened."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual._path import CSSPathType
from textual.screen import ModalScreen

from tui.stylesheets import style_path

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """Centred over the view that asked; what was focused before has the focus again afterwards."""

    CSS_PATH: ClassVar[CSSPathType | None] = style_path("dialogs.tcss")
