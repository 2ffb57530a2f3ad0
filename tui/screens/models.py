"""Choose among hundreds of models: filter, sort, look at details and providers, compare."""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.timer import Timer
from textual.widgets import Input, Static
from typing_extensions import override

from tui.core.catalogue_filter import FilterMistake, Query, QueryContext, SortKey, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex, Result
from tui.core.commands import LoadEndpoints, RefreshCatalogue, SetFavourite
from tui.core.formats import age
from tui.core.query_context import query_context
from tui.core.state import Topic
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean, Opaque
from tui.screens.session import UseModel
from tui.screens.shown_models import ShownModels
from tui.stylesheets import style_path
from tui.widgets.filter_line import FilterLine
from tui.widgets.model_table import ModelTable

if TYPE_CHECKING:
    from tui.screens.session import Session
    from tui.widgets.model_details import ModelDetails, ProviderList

_DETAILS_FROM: Final = 120
"""Columns from which the details stand at the right."""
_SLOW_INDEX: Final = 1_500
"""Models from which indexing takes more than a few milliseconds: that many are indexed in a thread."""
_SAVE_AFTER_S: Final = 1.0
_HELD_S: Final = 0.08
"""Steps of the cursor that follow each other within that are a key held down."""
_PAUSE_S: Final = 0.08
"""Who types on within that does not want names that are similar to half a word."""


class ModelsScreen(ShownModels):
    """The whole catalogue at once, from the last snapshot, refreshed behind it."""

    FOLLOWS = Topic.CATALOGUE | Topic.ENDPOINTS | Topic.JOBS | Topic.PREFERENCES
    MODE = "models"
    AUTO_FOCUS = "#table"
    CSS_PATH = style_path("models.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "compare", "compare", tooltip="Compare the marked models side by side.", id="models.compare"),
        Binding(
            "slash",
            "filter",
            "filter",
            key_display="/",
            tooltip="Filter as you type.",
            # The App itself carries it out, so that what is typed right behind it waits for the field.
            priority=True,
            id="models.filter",
        ),
        Binding("d", "details", "details", tooltip="Description, prices, limits, providers.", id="models.details"),
        Binding(
            "p",
            "providers",
            "providers",
            show=False,
            tooltip="Its providers: prices, speed, routing.",
            id="models.providers",
        ),
        Binding("w", "changes", "what changed", show=False, tooltip="What changed in the list.", id="models.changes"),
        Binding("r", "refresh", "refresh", show=False, tooltip="Load the list again.", id="models.refresh"),
        Binding("escape", "step_out", "back", show=False, tooltip="Back to the table.", id="models.step_out"),
    ]
    HELP = (
        "All models. Type / and words to filter, s sorts by the next column, space marks, c compares the marked, "
        "v plots price against quality, e writes what is shown as CSV or JSON, w tells what changed since your last "
        "visit and in the last 7 and 30 days. "
        "enter chats with the model; an embedding model opens the scratchpad. Prices are USD per million tokens."
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._index = CatalogueIndex(())
        self._indexed: tuple[Model, ...] = ()
        self._query = Query()
        self._sort = SortOrder(SortKey.AGE)
        self._query_context = QueryContext(now=session.now())
        self._mistake: FilterMistake | None = None
        """What is wrong with what is typed; the last good result stands meanwhile."""
        self._changes_told = False
        """What changed since the last visit has been looked at."""
        self._restored = False
        self._standing = ""
        self._asked_at: dict[str, float] = {}
        """Raw id → when its providers were asked for (Unix seconds)."""
        self._save_timer: Timer | None = None
        self._moved_at = 0.0
        """Monotonic time of the cursor's last step."""
        self._details_due: asyncio.TimerHandle | None = None
        self.details: ModelDetails | None = None
        """Beside the table, once there has been room for it."""

    def _make_details(self) -> ModelDetails:
        from tui.widgets.model_details import ModelDetails  # narrow starts do without

        self.details = ModelDetails(id="details")
        self.details.border_title = Content("details")
        return self.details

    @override
    def compose(self) -> ComposeResult:
        yield FilterLine(id="filter")
        with Horizontal(id="models"):
            yield ModelTable(id="table")
            if self.app.size.width >= _DETAILS_FROM:
                yield self._make_details()
        yield Static("", id="standing", markup=False)

    @override
    def on_mount(self) -> None:
        self._lay_out(self.size.width)

    def on_resize(self, event: Resize) -> None:
        self._lay_out(event.size.width)

    def _lay_out(self, width: int) -> None:
        if self.details is not None:
            self.details.display = width >= _DETAILS_FROM
        elif width >= _DETAILS_FROM:
            # Narrow terminals never pay for it.
            _ = self.query_one("#models", Horizontal).mount(self._make_details())
        self._show_details()

    # what is shown

    @override
    def catch_up(self, topics: Topic) -> None:
        if topics & Topic.PREFERENCES:
            self._restore()
        if topics & (Topic.CATALOGUE | Topic.PREFERENCES):
            self._show_catalogue()
        if topics & (Topic.ENDPOINTS | Topic.JOBS):  # that they have come, and that nobody asks for them any more
            self._show_details()
        if topics & (Topic.JOBS | Topic.CATALOGUE):
            self._show_standing()

    def _restore(self) -> None:
        """The filter and the order of before the restart, once."""
        preferences = self.session.state.preferences
        if self._restored or not preferences:
            return
        self._restored = True
        remembered = preferences.get("models.sort")
        if isinstance(remembered, str) and isinstance(known := parse(remembered), Query) and known.sort:
            self._sort = known.sort
        self.restore_choices()
        text = preferences.get("models.filter")
        if isinstance(text, str) and text and not self.filter_line.text:
            self.filter_line.put(text)

    def _show_catalogue(self) -> None:
        state = self.session.state
        now = self.session.now()
        self._query_context = query_context(state, now)
        if state.models is self._indexed:
            self.show_result()
        elif len(state.models) < _SLOW_INDEX:
            self._use_index(CatalogueIndex(state.models))
        else:
            self._index_in_thread(state.models)

    def _use_index(self, index: CatalogueIndex) -> None:
        self._index, self._indexed = index, tuple(index.models)
        self.show_result()

    @work(group="index", exclusive=True)
    async def _index_in_thread(self, models: tuple[Model, ...]) -> None:
        self._use_index(await asyncio.to_thread(CatalogueIndex, models))

    @override
    def show_result(self) -> None:
        result = self._index.query(self._query, self._sort, self._query_context, favourites_first=self.favourites_first)
        if not result.rows and any(not word.negated for word in self._query.words):
            self._search_fuzzily(self._query, result)
        else:
            self._put(result)

    @work(group="fuzzy", exclusive=True)
    async def _search_fuzzily(self, query: Query, nothing: Result) -> None:
        """Nothing matches exactly: look for similar names, which takes too long for the thread that draws.

        What was shown stays until then: a word half typed would else empty the table for a moment.
        """
        await asyncio.sleep(_PAUSE_S)
        result = await asyncio.to_thread(self._index.fuzzy, query, self._sort, self._query_context)
        if query is self._query and self.query(ModelTable):  # it may be taken down by then
            self._put(result if result.rows else nothing)

    def _put(self, result: Result) -> None:
        self.table.show(self._index, result, context=self._query_context, empty=self._why_empty())
        self.filter_line.report(len(result.rows), result.total, fuzzy=result.fuzzy)
        self._show_details()
        self._show_standing()

    def _why_empty(self) -> str:
        state = self.session.state
        if len(self._index):
            return "No model matches. esc leaves the filter, / changes it."
        if state.catalogue_failure is not None:
            failure = state.catalogue_failure
            return f"✕ {failure.message} {failure.advice} r tries again."
        return "Loading the model list …"

    def _show_details(self) -> None:
        if self.details is None or not self.details.display or not self.is_attached:
            return
        model = self.table.model
        self.details.show(model, self._providers(model), now=self.session.now())

    def _providers(self, model: Model | None) -> ProviderList:
        from tui.widgets.model_details import ProviderList

        if model is None:
            return ProviderList()
        known = self.session.state.endpoints.get(model.slug)
        loading = f"endpoints:{model.id.raw}" in self.session.state.jobs
        since = self._asked_at.get(model.id.raw) if loading else None
        if known is None:
            return ProviderList(loading_since=since)
        return ProviderList(
            endpoints=known.endpoints, fetched_at=known.fetched_at, loading_since=since, failure=known.failure
        )

    def _show_standing(self) -> None:
        """The line under the table: marks, order, how old the list is and why."""
        state, now = self.session.state, self.session.now()
        parts = []
        if self._mistake is not None:
            parts.append(f"✕ the filter: expected {self._mistake.expected}")
        if marked := len(self.table.marked):
            parts.append(f"✓ {marked} marked" + (", c compares" if marked > 1 else ""))
        sort = self.table.result.sort
        first = "★ first, then " if self.favourites_first else ""
        parts.append(f"{first}sorted by {_SORT_NAMES.get(sort.key, sort.key)} {'↓' if sort.descending else '↑'}")
        if state.catalogue_failure is not None and state.catalogue_fetched_at is not None:
            old = age(state.catalogue_fetched_at, now)
            parts.append(f"✕ {state.catalogue_failure.message} The list is {old} old; r tries again.")
        elif "catalogue" in state.jobs:
            parts.append("↻ loading the list")
        elif not self._changes_told and state.changes is not None and (moved := state.changes.since_visit.moved):
            parts.append(f"w: {len(moved)} changed since your last visit")
        elif state.catalogue_mended:
            parts.append(f"{state.catalogue_mended} rows had unreadable fields, shown as –")
        if (said := "   ".join(parts)) != self._standing:
            self._standing = said
            self.query_one("#standing", Static).update(Content(said), layout=False)

    # filter and order

    @on(FilterLine.Changed)
    def narrow(self, event: FilterLine.Changed) -> None:
        event.stop()
        understood = parse(event.text)
        if isinstance(understood, FilterMistake):
            # The last good result stays while one types on.
            shown = self.table.result
            self.filter_line.report(len(shown.rows), shown.total, mistake=understood)
            self._mistake = understood
            self._show_standing()
            return
        self._mistake = None
        self._query = understood
        self.show_result()
        if self._save_timer is not None:
            self._save_timer.stop()
        self._save_timer = self.set_timer(_SAVE_AFTER_S, partial(self._keep_filter, event.text))

    def _keep_filter(self, text: str) -> None:
        if self._save_timer is not None:
            self._save_timer.stop()
            self._save_timer = None
            self.remember("models.filter", text)

    @override
    def save_now(self) -> None:
        if self._mistake is None:
            self._keep_filter(self.filter_line.text)

    @on(FilterLine.Left)
    def leave_filter(self) -> None:
        self.table.focus()
        self.save_now()

    @on(ModelTable.SortChanged)
    def sort(self, event: ModelTable.SortChanged) -> None:
        self._sort = event.order
        self.show_result()
        self.remember("models.sort", str(event.order))

    def action_filter_menu(self) -> None:
        self.open_filter_menu(self._index, self._query_context)

    async def action_filter(self) -> None:
        self.filter_line.vocabulary = self._index.vocabulary
        await self.filter_line.begin()

    def action_step_out(self) -> None:
        """Back to the table; from the table, the filter is emptied."""
        if self.table.has_focus:
            self.filter_line.put("")
        else:
            self.table.focus()

    # the current model

    @on(ModelTable.Highlighted)
    def follow_cursor(self, event: ModelTable.Highlighted) -> None:
        """The details of the model under the cursor: at once, while a key is held only where it comes to rest."""
        event.stop()
        moved_before, self._moved_at = self._moved_at, monotonic()
        if self._details_due is not None:
            self._details_due.cancel()
            self._details_due = None
        if self._moved_at - moved_before > _HELD_S:
            self._show_details()
        elif self.details is not None and self.details.display:
            self._details_due = asyncio.get_running_loop().call_later(_HELD_S, self._show_details)

    @on(ModelTable.Chosen)
    def use(self, event: ModelTable.Chosen) -> None:
        self.post_message(UseModel("embeddings" if event.model.is_embedding else "chat", event.model.id))

    @on(ModelTable.FavouriteToggled)
    def favour(self, event: ModelTable.FavouriteToggled) -> None:
        known = event.model.id.raw in self.session.state.favourites
        self.session.submit(SetFavourite(model=event.model.id, favourite=not known))

    @on(ModelTable.CopyRequested)
    def copy_id(self, event: ModelTable.CopyRequested) -> None:
        self.session.copy(event.model.slug)

    @on(ModelTable.OpenPage)
    def open_page(self, event: ModelTable.OpenPage | ModelDetails.PageAsked) -> None:
        from tui.screens.model_links import open_page

        open_page(self.app, event.model, self.session.settings)

    def on_model_details_page_asked(self, event: ModelDetails.PageAsked) -> None:
        self.open_page(event)

    def on_model_details_links_asked(self, event: ModelDetails.LinksAsked) -> None:
        from tui.screens.model_links import show_links

        show_links(self.app, event.model, self.session.settings)

    @on(ModelTable.MarksChanged)
    def note_marks(self) -> None:
        self._show_standing()
        self.refresh_bindings()

    def on_model_details_providers_asked(self, event: ModelDetails.ProvidersAsked) -> None:
        self._open_endpoints(event.model)

    def _ask_providers(self, model: Opaque, force: bool) -> None:
        """Have the providers loaded; with `force` even when they came just now."""
        self._asked_at[model.raw] = self.session.now()
        if not self.session.submit(LoadEndpoints(model=model, force=force)):
            self.notify("Too much is waiting already: try again in a moment.", severity="warning", markup=False)

    def action_providers(self) -> None:
        if self.table.model is not None:
            self._open_endpoints(self.table.model)

    def _open_endpoints(self, model: Model) -> None:
        from tui.screens.endpoints_dialog import EndpointsDialog

        dialog = EndpointsDialog(self.session, model, self._providers, self._ask_providers)
        _ = self.app.push_screen(dialog, self._use_chosen)

    def _use_chosen(self, use: UseModel | None) -> None:
        if use is not None:
            self.post_message(use)

    def action_details(self) -> None:
        """At the right where there is room, else in a dialog."""
        if self.details is not None and self.details.display:
            self.details.focus()
        elif self.table.model is not None:
            self._open_details(self.table.model)

    def _open_details(self, model: Model) -> None:
        from tui.screens.model_dialogs import DetailsDialog

        dialog = DetailsDialog(self.session, model, self._providers, self._ask_providers)
        _ = self.app.push_screen(dialog, self._use_chosen)

    def action_compare(self) -> None:
        marked = self.table.marked
        if len(marked) < 2:
            self.notify("Mark two or more models with space, then compare them.", markup=False)
            return
        from tui.screens.compare_dialog import CompareDialog

        _ = self.app.push_screen(CompareDialog(self.session, marked))

    def action_changes(self) -> None:
        from tui.screens.changes_dialog import ChangesDialog

        self._changes_told = True
        self._show_standing()
        _ = self.app.push_screen(ChangesDialog(self.session), self._go_to)

    def _go_to(self, model: Opaque | None) -> None:
        """Put the cursor on a model; where the filter hides it, the filter goes."""
        if model is not None and not self.table.move_to(model) and self._index.row_of(model) is not None:
            self.filter_line.put("")
            self._query = Query()
            self.show_result()
            self.table.move_to(model)

    def action_refresh(self) -> None:
        self.session.submit(RefreshCatalogue())

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("filter", "details", "compare", "plot", "export") and isinstance(self.focused, Input):
            return False  # these letters are being typed
        if action == "compare" and self.is_mounted and len(self.table.marked) < 2:
            return None
        return super().check_action(action, parameters)


_SORT_NAMES: Final[dict[SortKey, Clean]] = {
    SortKey.CONTEXT: Clean("context"),
    SortKey.MAX_OUTPUT: Clean("longest output"),
    SortKey.PRICE_IN: Clean("input price"),
    SortKey.PRICE_OUT: Clean("output price"),
    SortKey.PRICE_CACHE: Clean("cache price"),
    SortKey.EXPIRES: Clean("expiry"),
}
