"""Who offers a model: every endpoint with every figure, and the routing of the next chat from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.getters import query_one
from textual.timer import Timer
from textual.widgets import Static
from typing_extensions import override

from tui.core.endpoint_order import routing_sort
from tui.core.formats import age, duration
from tui.core.routing import Routing, routed, routing_words, variants
from tui.core.state import Topic
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean, Opaque
from tui.screens.dialog import Dialog
from tui.screens.session import UseModel
from tui.widgets.endpoint_cells import COLUMN_MEANS, facts_of
from tui.widgets.endpoint_figures import EndpointFigures
from tui.widgets.endpoint_table import EndpointTable
from tui.widgets.model_details import ProviderList

if TYPE_CHECKING:
    from tui.screens.session import Session

_TALL: Final = 36
"""Lines from which there is room for all figures."""


class EndpointsDialog(Dialog[UseModel | None]):
    """Gives back the model to chat with and its routing, None for esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("O", "only", "only", id="endpoints.only", tooltip="Chat with these providers and no others"),
        Binding("a", "route_sort", "route", id="endpoints.route_sort",
                tooltip="Chat with the providers tried in this order of price, latency or throughput"),
        Binding("n", "variant('nitro')", ":nitro", id="endpoints.nitro",
                tooltip="Chat with the fastest provider; dearer ones too"),
        Binding("l", "variant('floor')", ":floor", id="endpoints.floor",
                tooltip="Chat with the cheapest provider; slow tiers too"),
        Binding("f", "variant('free')", ":free", id="endpoints.free", tooltip="Chat with the free twin of this model"),
        Binding("b", "sort_by", "sort by", show=False, id="endpoints.sort_by", tooltip="Sort by any figure"),
        Binding("r,p", "load", "again", show=False, id="endpoints.load", tooltip="Load the providers again"),
        Binding("tab", "app.focus_next", "next pane", show=False, id="endpoints.next_pane",
                tooltip="To the figures below, or back"),
        Binding("escape,q", "leave", "back", id="endpoints.leave", tooltip="Back, nothing changes"),
    ]  # fmt: skip
    HELP = (
        "The providers of one model. space marks those that a chat shall try, in that order; enter begins a new chat "
        "so, other providers standing in when all of them fail; O allows no others. s sorts by the next column, b by "
        "any figure, and a begins a chat whose providers are tried in that order. r loads again, esc goes back."
    )

    table = query_one(EndpointTable)
    figures = query_one(EndpointFigures)

    def __init__(
        self,
        session: Session,
        model: Model,
        providers: Callable[[Model], ProviderList],
        load: Callable[[Opaque, bool], None],
    ) -> None:
        """`load` asks for the providers, with True even when they came just now."""
        super().__init__()
        self._session = session
        self._model = model
        self._providers = providers
        self._load = load
        self._ticking: Timer | None = None
        """Counts seconds of waiting, and minutes of age."""
        self._standing = ""

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="model-dialog -whole") as pane:
            pane.border_title = Content(f"providers of {self._model.slug}")
            yield EndpointTable()
            yield EndpointFigures()
            yield Static("", id="endpoints-standing", markup=False)

    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self._note_changes, immediate=True)
        self._ticking = self.set_interval(1.0, self._show)
        self.table.focus()
        self._load(self._model.id, False)
        self._show()

    def on_screen_resume(self) -> None:
        if self._ticking is not None:
            self._ticking.resume()
            self._show()

    def on_screen_suspend(self) -> None:
        if self._ticking is not None:
            self._ticking.pause()

    def _note_changes(self, topics: Topic) -> None:
        # What moves while this cannot be seen is shown when it comes back.
        if topics & (Topic.ENDPOINTS | Topic.JOBS) and self.is_current:
            self.call_next(self._show)
        if topics & Topic.CATALOGUE:
            self.refresh_bindings()  # the free twin may have come or gone

    def on_resize(self, event: Resize) -> None:
        self.figures.set_class(event.size.height >= _TALL, "-tall")

    # What is shown

    def _show(self) -> None:
        known = self._providers(self._model)
        self.table.show(
            self._model,
            known.endpoints or (),
            self._session.state.provider_facts,
            now=self._session.now(),
            empty=self._why_empty(known),
        )
        self.figures.display = bool(known.endpoints)
        self._show_figures()
        self._show_standing()

    def _why_empty(self, known: ProviderList) -> str:
        if known.loading_since is not None:
            return f"Asking who offers it, {self._waited(known.loading_since)} …"
        if (failure := known.failure) is not None:
            return f"✕ {failure.message} {failure.advice}\nr tries again."
        if known.endpoints is None:
            return "The providers are listed here once they have come.\nr asks for them."
        return "Nobody offers it now: a router chooses among other models.\nr asks again."

    def _waited(self, since: float) -> Clean:
        return duration(max(0.0, self._session.now() - since))

    def _show_figures(self) -> None:
        endpoint = self.table.endpoint
        if endpoint is not None:
            facts = facts_of(endpoint, self._session.state.provider_facts)
            self.figures.show(self._model, endpoint, facts, now=self._session.now())

    def _show_standing(self) -> None:
        """The lowest line: how old the list is, its order, and what the keys would ask for."""
        known, table = self._providers(self._model), self.table
        parts = []
        if known.endpoints:
            if self._routes and (tags := table.wanted):
                order = routing_words(routed(None, Routing(order=tags)))
                parts.append(f"{'✓ ' if table.marked else ''}enter: {order}")
            if table.sort_kind is not None:
                by = COLUMN_MEANS.get(table.sort_kind, table.sort_kind)
                so = "" if self._sort() is None else ", a routes so"
                parts.append(f"sorted by {by} {'↓' if table.descending else '↑'}{so}")
            else:
                parts.append("s sorts")
            old = "" if known.fetched_at is None else age(known.fetched_at, self._session.now())
            if known.loading_since is not None:
                parts.insert(0, f"↻ asking again, {self._waited(known.loading_since)}; this is {old} old")
            elif known.failure is not None:
                parts.insert(0, f"✕ {known.failure.message} This is {old} old; r tries again")
            else:
                parts.append(f"{'just loaded' if old == 'now' else f'{old} old'}, r again")
            untold = all(one.latency_ms is None and one.throughput is None for one in known.endpoints)
            if untold and not self._session.settings.provider.keys:
                parts.append("latency and speed are told only to those with a key")
        standing = " · ".join(parts)
        if standing != self._standing:
            self._standing = standing
            self.query_one("#endpoints-standing", Static).update(Content(standing), layout=False)

    @on(EndpointTable.Highlighted)
    def follow_cursor(self) -> None:
        self._show_figures()
        if not self.table.marked:
            self._show_standing()

    @on(EndpointTable.MarksChanged)
    @on(EndpointTable.SortChanged)
    def note_choice(self) -> None:
        self._show_standing()
        self.refresh_bindings()

    # Choosing

    @property
    def _routes(self) -> bool:
        """Whether a chat with this model can say which providers it wants."""
        kinds = self._model.output_modalities
        return self._session.settings.provider.type == "openrouter" and (not kinds or "text" in kinds)

    def _sort(self) -> str | None:
        return routing_sort(self.table.sort_kind) if self._routes else None

    @property
    def _variants(self) -> dict[str, Opaque]:
        return variants(self._model, self._session.state.model_by_slug) if self._routes else {}

    @on(EndpointTable.Chosen)
    def use(self) -> None:
        order = self.table.wanted
        self._leave_with(self._model.id, Routing(order=order) if order and self._routes else None)

    def action_only(self) -> None:
        if tags := self.table.wanted:
            self._leave_with(self._model.id, Routing(only=tags))

    def action_route_sort(self) -> None:
        if (sort := self._sort()) is not None:
            self._leave_with(self._model.id, Routing(sort=sort))

    def action_variant(self, name: str) -> None:
        if (model := self._variants.get(name)) is not None:
            # The variant says who answers: what an earlier chat wanted of its providers is not wanted besides.
            self._leave_with(model, Routing())

    def _leave_with(self, model: Opaque, routing: Routing | None) -> None:
        _ = self.dismiss(UseModel("embeddings" if self._model.is_embedding else "chat", model, routing))

    def action_sort_by(self) -> None:
        from tui.screens.pick import PickScreen
        from tui.widgets.pick_list import PickItem

        def take(kind: str | None) -> None:
            if kind is not None:
                self.table.sort_by(kind or None)

        kinds = {"": "as the server lists them", **COLUMN_MEANS}
        items = [PickItem(kind, Clean(words)) for kind, words in kinds.items()]
        _ = self.app.push_screen(PickScreen("sort by", items, current=self.table.sort_kind or ""), take)

    def action_load(self) -> None:
        self._load(self._model.id, True)

    def action_leave(self) -> None:
        _ = self.dismiss(None)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that do not exist for this model or this order are not offered."""
        if not self.is_mounted:
            return True
        if action == "only":
            return bool(self._routes and self.table.wanted)
        if action == "route_sort":
            return self._sort() is not None
        if action == "variant":
            return parameters[0] in self._variants
        return super().check_action(action, parameters)
