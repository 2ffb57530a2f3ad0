"""The first line of every view: where am I, whose money is it, is it live."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from typing_extensions import override

from tui.config_types import Settings
from tui.core import formats
from tui.core.events import Connection
from tui.core.state import State
from tui.openrouter.text import Clean, clean_line

VIEWS: Final = (
    ("models", "F2", "Models"),
    ("chat", "F3", "Chat"),
    ("embeddings", "F4", "Embed"),
    ("spend", "F5", "Spend"),
)
"""Mode, key and name of the views, in their order."""


def connection_words(state: State, settings: Settings, now: float) -> tuple[str, str]:
    """The mark of the connection and the words that go with it where there is room."""
    age = state.catalogue_fetched_at
    old = f" {formats.age(age, now)}" if age is not None else ""
    match state.connection:
        case Connection.DOWN:
            return "✕", f"no connection, list{old} old" if old else "no connection"
        case Connection.CACHED:
            return "◌", f"cached{old}"
        case Connection.STARTING:
            return "…", "connecting"
        case Connection.LIVE:
            return ("◆", "demo") if settings.demo else ("●", "live")


class HeaderLine(Widget):
    """The views by their keys, the shown one lit; provider, key and connection at the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "header-line--name",
        "header-line--view",
        "header-line--lit",
        "header-line--account",
        "header-line--down",
    }
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "HeaderLine { height: 1; split: top; }"

    class Pressed(Message):
        """Somebody clicked on the name of a view."""

        def __init__(self, mode: str) -> None:
            super().__init__()
            self.mode: Final = mode

    def __init__(self, mode: str, settings: Settings, state: State, now: Callable[[], float]) -> None:
        super().__init__()
        self._mode = mode
        self._settings = settings
        self._state = state
        self._now = now
        self._spans: list[tuple[int, int, str]] = []
        self._shown: tuple[str, str] | None = None

    def light(self, mode: str) -> None:
        """Light the name of this view."""
        if mode != self._mode:
            self._mode = mode
            self.refresh()

    def show_connection(self) -> None:
        """Draw the connection's mark again if it changed."""
        if connection_words(self._state, self._settings, self._now()) != self._shown:
            self.refresh()

    def _account(self) -> Clean:
        provider = self._settings.provider
        if self._settings.demo:
            return Clean("")
        if not provider.keys:
            return clean_line(f"{provider.id} no key")
        first = provider.keys[0]
        tail = first.secret.tail if first.secret is not None else first.source
        more = f" +{len(provider.keys) - 1}" if len(provider.keys) > 1 else ""
        return clean_line(f"{provider.id} {tail}{more}")

    @override
    def render(self) -> Content:
        style = self.get_visual_style
        parts: list[tuple[str, object]] = [(" ortui ", style("header-line--name", partial=True))]
        at = len(" ortui ")
        self._spans = []
        for mode, key, name in VIEWS:
            word = f" {key} {name} "
            lit = mode == self._mode
            parts.append((word, style("header-line--lit" if lit else "header-line--view", partial=True)))
            self._spans.append((at, at + len(word), mode))
            at += len(word)
        left = Content.assemble(*parts)  # type: ignore[arg-type]
        mark, words = self._shown = connection_words(self._state, self._settings, self._now())
        account = self._account()
        width = self.size.width
        for text in (f"{account} {mark} {words}", f"{account} {mark}", f"{mark} {words}", mark):
            right = Content(text.strip())
            if left.cell_length + right.cell_length + 2 <= width:
                break
        else:
            return left
        down = self._state.connection is Connection.DOWN
        right_style = style("header-line--down" if down else "header-line--account", partial=True)
        gap = width - left.cell_length - right.cell_length - 1
        return Content.assemble(left, " " * gap, right.stylize(right_style), " ")

    def on_click(self, event: events.Click) -> None:
        for start, end, mode in self._spans:
            if start <= event.x < end:
                self.post_message(self.Pressed(mode))
