"""What can be made of the models that the table shows: a plot, a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque
from tui.screens.table_choices import TableChoices

if TYPE_CHECKING:
    from tui.core.price_quality import Measure


def _measures_of(models: list[Model]) -> Sequence[Measure]:
    """What the plot may measure quality by; loads the plot and numpy with it, which takes longer than a key may."""
    import tui.screens.price_plot  # noqa: F401
    from tui.core.price_quality import measures

    return measures(models)


class ShownModels(TableChoices):
    """The part of the Models view that takes the filtered models elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "plot", "plot", show=False, tooltip="Price against quality of what is shown.", id="models.plot"),
        Binding("e", "export", "export", show=False, tooltip="Write what is shown as CSV or JSON.", id="models.export"),
    ]

    def _shown(self) -> list[Model]:
        return [self.table.index.models[row] for row in self.table.result.rows]

    @work(group="plot", exclusive=True)
    async def action_plot(self) -> None:
        models, current = self._shown(), self.table.model
        found = await asyncio.to_thread(_measures_of, models)
        from tui.screens.price_plot import PricePlotDialog

        def go(model: Opaque | None) -> None:
            if model is not None:
                _ = self.table.move_to(model)

        dialog = PricePlotDialog(models, found, current=None if current is None else current.id)
        _ = self.app.push_screen(dialog, go)

    def action_export(self) -> None:
        from tui.core.model_export import models_csv, models_json
        from tui.screens.export_dialog import ExportDialog

        models = self._shown()
        encode: dict[str, Callable[[list[Model]], bytes]] = {"csv": models_csv, "json": models_json}
        what = f"{len(models):,} of {self.table.result.total:,} models"
        _ = self.app.push_screen(ExportDialog(self.session, what, "models", lambda suffix: encode[suffix](models)))
