"""How somebody wants the table of models: its columns, favourites first, and the filters of the menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.getters import query_one

from tui.core.catalogue_filter import QueryContext
from tui.core.catalogue_index import CatalogueIndex
from tui.core.commands import Remember
from tui.screens.live_screen import LiveScreen
from tui.screens.session import Session
from tui.widgets.filter_line import FilterLine
from tui.widgets.model_cells import COLUMNS, chosen_columns
from tui.widgets.model_table import ModelTable


class TableChoices(LiveScreen):
    """The part of the Models view that is remembered; what the table then shows is the subclass's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "filter_menu", "filters", show=False, tooltip="A menu of useful filters.", id="models.menu"),
        Binding("t", "columns", "columns", show=False, tooltip="Choose and order the columns.", id="models.columns"),
        Binding(
            "F",
            "favourites_first",
            "★ first",
            show=False,
            tooltip="Favourites before all others, or in their place.",
            id="models.favourites_first",
        ),
    ]

    table = query_one("#table", ModelTable)
    filter_line = query_one("#filter", FilterLine)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.favourites_first = False
        self._kinds: tuple[str, ...] | None = None
        """The columns that somebody chose; None = the usual ones."""

    def restore_choices(self) -> None:
        """Take what was remembered before the restart."""
        preferences = self.session.state.preferences
        self.favourites_first = preferences.get("models.favourites_first") is True
        kinds = preferences.get("models.columns")
        if isinstance(kinds, list):
            self._use_columns(kinds)

    def show_result(self) -> None:
        """Show the table's rows anew: the order has changed."""
        raise NotImplementedError

    def remember(self, name: str, value: object) -> None:
        """Keep a choice across restarts."""
        self.session.submit(Remember(name=name, value=value))

    def action_favourites_first(self) -> None:
        self.favourites_first = not self.favourites_first
        self.remember("models.favourites_first", self.favourites_first)
        self.show_result()

    def _use_columns(self, kinds: Sequence[object] | None) -> None:
        columns = COLUMNS if kinds is None else chosen_columns(kinds)
        self._kinds = None if kinds is None else tuple(column.kind for column in columns)
        self.table.show_columns(columns)

    def action_columns(self) -> None:
        from tui.screens.columns_dialog import ColumnsDialog

        def change(kinds: Sequence[str] | None) -> None:
            self._use_columns(kinds)
            self.remember("models.columns", None if self._kinds is None else list(self._kinds))

        _ = self.app.push_screen(ColumnsDialog(self._kinds, change))

    def open_filter_menu(self, index: CatalogueIndex, context: QueryContext) -> None:
        """Let one of the useful filters be picked."""
        from tui.screens.filter_menu import filter_menu

        def put(text: str | None) -> None:
            if text is not None:
                self.filter_line.put(text)

        _ = self.app.push_screen(filter_menu(index, context, self.filter_line.text), put)
