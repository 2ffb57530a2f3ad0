"""The views of the program, each built on its first visit."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from time import sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.screens.session import Session

MakeScreen = Callable[["Session"], "Screen[None]"]


def _models(session: Session) -> Screen[None]:
    from tui.screens.models import ModelsScreen

    return ModelsScreen(session)


def _chat(session: Session) -> Screen[None]:
    from tui.screens.chat import ChatScreen

    return ChatScreen(session)


def _embeddings(session: Session) -> Screen[None]:
    from tui.screens.embeddings import EmbeddingsScreen

    return EmbeddingsScreen(session)


def _spend(session: Session) -> Screen[None]:
    from tui.screens.spend import SpendScreen

    return SpendScreen(session)


VIEWS: Final[dict[str, MakeScreen]] = {"models": _models, "chat": _chat, "embeddings": _embeddings, "spend": _spend}
"""Built on the first visit."""

_MODULES: Final = ("tui.screens.spend", "tui.screens.chat", "tui.screens.embeddings")
_PAUSE_S: Final = 0.1


def read_ahead() -> None:
    """Import what the other views are made of, for a thread: a third of what the first visit of one costs."""
    for module in _MODULES:
        import_module(module)
        sleep(_PAUSE_S)
