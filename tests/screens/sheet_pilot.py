"""The Embeddings screen under test, and what every test asks of it."""

from __future__ import annotations

from collections.abc import Callable

from screen_host import HandWorker, until
from textual.pilot import Pilot
from textual.widgets import Static

from tui.screens.embeddings import EmbeddingsScreen
from tui.widgets.sheet_text import SheetText


class SheetPilot:
    """Drives the screen, with a worker driven by hand."""

    def __init__(self, pilot: Pilot[None], worker: HandWorker) -> None:
        self.pilot = pilot
        self.worker = worker

    @property
    def screen(self) -> EmbeddingsScreen:
        return next(screen for screen in self.pilot.app.screen_stack if isinstance(screen, EmbeddingsScreen))

    @property
    def text(self) -> SheetText:
        return self.screen.query_one(SheetText)

    def words(self, name: str) -> str:
        return str(self.screen.query_one(f"#{name}", Static).visual)

    @property
    def status(self) -> str:
        return self.words("status")

    async def until(self, condition: Callable[[], object]) -> None:
        await until(self.pilot, condition)
