"""What all dialogs share: their stylesheet, read when the first of them is opened, and the line of their keys."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual._path import CSSPathType
from textual.screen import ModalScreen

from tui.stylesheets import style_path
from tui.widgets.footer_line import FooterLine

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """Centred over the view that asked; what was focused before has the focus again afterwards.

    Its footer lies where the view has its own: the keys of the view do nothing meanwhile.
    """

    CSS_PATH: ClassVar[CSSPathType | None] = style_path("dialogs.tcss")

    def __init__(self) -> None:
        super().__init__()
        self.compose_add_child(FooterLine())
