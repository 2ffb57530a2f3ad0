"""Details where there is no room beside the table."""

from __future__ import annotations

from collections.abc import Callable
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
from tui.screens.model_links import open_page, show_links
from tui.screens.session import UseModel
from tui.widgets.model_details import ModelDetails, ProviderList

if TYPE_CHECKING:
    from tui.screens.session import Session


class DetailsDialog(Dialog[UseModel | None]):
    """What the details pane shows, over the table; gives back what was chosen among its providers, if anything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,d,q", "leave", "back", tooltip="Back to the table.", id="details_dialog.leave"),
    ]
    HELP = "The current model. p shows its providers, l its links, esc goes back."

    def __init__(
        self,
        session: Session,
        model: Model,
        providers: Callable[[Model], ProviderList],
        ask_providers: Callable[[Opaque, bool], None],
    ) -> None:
        super().__init__()
        self._ask_providers = ask_providers
        self._session = session
        self._model = model
        self._providers = providers

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="model-dialog") as pane:
            pane.border_title = Content(self._model.slug)
            yield ModelDetails()

    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self._note_changes, immediate=True)
        self.query_one(ModelDetails).focus()
        self._show()

    def _note_changes(self, topics: Topic) -> None:
        if topics & (Topic.ENDPOINTS | Topic.JOBS):
            self.call_next(self._show)

    def _show(self) -> None:
        details = self.query_one(ModelDetails)
        details.show(self._model, self._providers(self._model), now=self._session.now())

    @on(ModelDetails.ProvidersAsked)
    def show_providers(self) -> None:
        from tui.screens.endpoints_dialog import EndpointsDialog

        def take(use: UseModel | None) -> None:
            if use is not None:
                _ = self.dismiss(use)

        dialog = EndpointsDialog(self._session, self._model, self._providers, self._ask_providers)
        _ = self.app.push_screen(dialog, take)

    @on(ModelDetails.LinksAsked)
    def show_links(self, event: ModelDetails.LinksAsked) -> None:
        show_links(self.app, event.model, self._session.settings)

    @on(ModelDetails.PageAsked)
    def open_page(self, event: ModelDetails.PageAsked) -> None:
        open_page(self.app, event.model, self._session.settings)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
