"""The views of the program, each built on its first visit."""

from __future__ import annotations

from collections.abc import Callable
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
