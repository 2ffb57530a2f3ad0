"""Details where there is no room beside the table, and the comparison of marked models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from typing_extensions import override

from tui.core.state import Topic
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque
from tui.screens.dialog import Dialog
from tui.widgets.compare_table import CompareTable
from tui.widgets.model_details import ModelDetails, ProviderList

if TYPE_CHECKING:
    from tui.screens.session import Session


class DetailsDialog(Dialog[None]):
    """What the details pane shows, over the table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q", "leave", "back", tooltip="Back to the table.", id="details_dialog.leave"),
    ]
    HELP = "The current model. p loads its providers, esc goes back."

    def __init__(
        self,
        session: Session,
        model: Model,
        providers: Callable[[Model], ProviderList],
        ask_providers: Callable[[Opaque], None],
        *,
        at_providers: bool = False,
    ) -> None:
        """`at_providers`: they were asked for, so the pane opens where they are."""
        super().__init__()
        self._ask_providers = ask_providers
        self._at_providers = at_providers
        self._session = session
        self._model = model
        self._providers = providers

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="model-dialog") as pane:
            pane.border_title = Content(self._model.slug)
            pane.border_subtitle = Content("p providers · m more · esc back")
            yield ModelDetails()

    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self._note_changes, immediate=True)
        self.query_one(ModelDetails).focus()
        self._show()
        if self._at_providers:
            self.call_after_refresh(self.query_one(ModelDetails).show_providers)

    def _note_changes(self, topics: Topic) -> None:
        if topics & (Topic.ENDPOINTS | Topic.JOBS):
            self.call_next(self._show)

    def _show(self) -> None:
        details = self.query_one(ModelDetails)
        details.show(self._model, self._providers(self._model), now=self._session.now())

    @on(ModelDetails.ProvidersAsked)
    def load_providers(self, event: ModelDetails.ProvidersAsked) -> None:
        self._ask_providers(event.model.id)

    def action_leave(self) -> None:
        _ = self.dismiss(None)


class CompareDialog(Dialog[None]):
    """The marked models, a column each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,c,q", "leave", "back", tooltip="Back to the table.", id="compare_dialog.leave"),
    ]
    HELP = "The marked models side by side; ◂ points at the best of a row, e folds equal rows, esc goes back."

    def __init__(self, models: Sequence[Model], now: float) -> None:
        super().__init__()
        self._models = models
        self._now = now

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="model-dialog -wide") as pane:
            pane.border_title = Content(f"compare {len(self._models)} models")
            pane.border_subtitle = Content("e fold equal rows · esc back")
            yield CompareTable()

    def on_mount(self) -> None:
        table = self.query_one(CompareTable)
        table.show(self._models, now=self._now)
        table.focus()

    def action_leave(self) -> None:
        _ = self.dismiss(None)
