"""Every figure of one endpoint, below the table that has room for some."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from tui.openrouter.catalogue import Endpoint, Model, ProviderFacts
from tui.widgets.endpoint_cells import endpoint_lines
from tui.widgets.line_view import Line, LineView


class EndpointFigures(LineView):
    """Prices with their conditions, percentiles, uptime, limits, data policy, parameters."""

    HELP = "Every figure of the current provider; `–` is unknown. tab goes back to the table."

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._shown: tuple[Model, Endpoint, ProviderFacts | None, float] | None = None

    def show(self, model: Model, endpoint: Endpoint, facts: ProviderFacts | None, *, now: float) -> None:
        """Show this one; `now` in Unix seconds, for windows of the day."""
        shown = (model, endpoint, facts, now // 60 * 60)
        if shown != self._shown:
            if self._shown is None or endpoint.tag != self._shown[1].tag:
                self.scroll_to(y=0, animate=False, immediate=True)
            self._shown = shown
            self.rebuild()

    @override
    def build(self) -> Sequence[Line]:
        if self._shown is None:
            return ()
        model, endpoint, facts, now = self._shown
        return list(endpoint_lines(model, endpoint, facts, self.room, now))
