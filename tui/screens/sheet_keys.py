"""What the keys of the Embeddings screen do with dialogs: models, sheets, files, marks, queries, exports."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tui.core import formats
from tui.core.commands import LoadSheet
from tui.core.sheets import Relevance, Variant
from tui.openrouter.text import Clean, Opaque, clean, clean_line
from tui.screens.embedding_model import INPUT_TYPES, input_price, query_variant

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual.widget import Widget

    from tui.screens.embedding_model import ModelChoice
    from tui.screens.embedding_runs import EmbedRuns
    from tui.screens.open_sheet import OpenSheet
    from tui.screens.pick import PickScreen
    from tui.screens.session import Session
    from tui.screens.sheet_panes import SheetPanes, View
    from tui.widgets.sheet_reading import SheetLine
    from tui.widgets.sheet_text import SheetText

    _Part = Widget
else:
    _Part = object

_MOST_WIDTH: Final = 65_536
_FILE_NAME: Final = re.compile(r"[^\w.-]+|^[.]+")


class SheetKeys(_Part):
    """A part of the screen, of its own only because there is much of it."""

    if TYPE_CHECKING:
        session: Session
        choice: ModelChoice
        runs: EmbedRuns
        panes: SheetPanes
        sheet: OpenSheet
        asked: Clean | None
        told: Clean
        view: View
        _texts: SheetText

        @property
        def lines(self) -> list[SheetLine]: ...
        @property
        def model_id(self) -> str | None: ...
        def variant(self) -> Variant: ...
        def variants(self) -> tuple[Variant, ...]: ...
        def take_model(self, model: Opaque) -> None: ...
        def save_now(self) -> None: ...
        def note_edit(self) -> None: ...
        def selected_place(self) -> int | None: ...
        def _read_sheet(self) -> None: ...
        def _show_all(self) -> None: ...
        def _count_seconds(self) -> None: ...
        def beside(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> object: ...

    # Models

    def _model_picker(self, title: str) -> PickScreen:
        from tui.screens.pick import PickScreen
        from tui.widgets.pick_list import PickItem

        favourites = self.session.state.favourites
        items = [
            PickItem(
                key=model.id.raw,
                label=model.slug,
                note=Clean(f"{formats.per_million(input_price(model))} $/M"),
                mark=Clean("★" if model.id.raw in favourites else ""),
            )
            for model in self.choice.models
        ]
        return PickScreen(
            title,
            items,
            recents=self.session.state.picked_first,
            current=self.model_id,
            empty="No embedding model is in the list of models.",
        )

    async def action_pick_model(self) -> None:
        """Offer the embedding models, cheapest first."""

        def take(model_id: str | None) -> None:
            if model_id is not None:
                self.take_model(Opaque(model_id))

        await self.app.push_screen(self._model_picker("embedding model"), take)

    def action_dimensions(self) -> None:
        """Ask how long the vectors should be."""
        from tui.screens.text_dialog import TextDialog

        def take(said: str | None) -> None:
            if said is not None and (width := self._width_of(said)) != -1:
                self.sheet.dimensions = width
                self._changed()

        now = self.sheet.dimensions
        _ = self.app.push_screen(TextDialog("dimensions · empty: the model's own", str(now or "")), take)

    def _width_of(self, said: str) -> int | None:
        """The number somebody wrote; None for nothing, -1 (and a sentence below) for no number of dimensions."""
        digits = said.replace(",", "").strip()
        if not digits:
            return None
        if not digits.isdecimal() or not 1 <= int(digits[:9]) <= _MOST_WIDTH:
            self._tell(f"Dimensions are a whole number from 1 to {_MOST_WIDTH:,}: {clean_line(said)} is none.")
            return -1
        return int(digits)

    def action_input_type(self) -> None:
        """Ask what the texts are for."""
        from tui.screens.pick import PickScreen
        from tui.widgets.pick_list import PickItem

        def take(kind: str | None) -> None:
            if kind is not None:
                self.sheet.input_type = clean_line(kind) or None
                self._changed()

        items = [PickItem(kind, Clean(kind or "none"), Clean(what)) for kind, what in INPUT_TYPES]
        _ = self.app.push_screen(PickScreen("input type", items, current=self.sheet.input_type or ""), take)

    def _changed(self) -> None:
        self.runs.failure = None
        self.told = Clean("")
        self.note_edit()
        self._show_all()

    def _tell(self, sentence: str) -> None:
        self.told = clean_line(sentence)
        self._show_all()

    # Sheets

    def action_sheets(self) -> None:
        """Offer the sheets."""
        from tui.screens.sheets_pick import SheetsPick

        self.save_now()

        def take(sheet_id: str | None) -> None:
            listed = self.session.state.sheets.listed
            if listed is not None and self.sheet.id is not None and all(row.id != self.sheet.id for row in listed):
                # The one on screen was deleted: what was written stays put away.
                self._begin_sheet()
            self.sheet.note_name()
            if sheet_id is not None and sheet_id != self.sheet.id:
                self.save_now()
                self.session.submit(LoadSheet(sheet_id=sheet_id))
            self._show_all()

        _ = self.app.push_screen(SheetsPick(self.session, self.sheet.id), take)

    def action_new_sheet(self) -> None:
        """Begin an empty sheet; the one on screen is kept."""
        self.save_now()
        self._begin_sheet()
        self._texts.focus()

    def _begin_sheet(self, name: Clean | None = None) -> None:
        if name is None:
            self.sheet.begin()
        else:
            self.sheet.begin(name)
        self.runs.forget()
        self.asked = None
        self.runs.failure = None
        self.told = Clean("")
        self._read_sheet()

    def action_load_file(self) -> None:
        """Texts out of a file: into this sheet when it is empty, else into a new one."""

        async def load() -> None:
            from tui.core.sheet_files import NoTexts
            from tui.screens.load_texts import load_texts

            present = "\n".join(line.text for line in self._texts.sheet_lines())
            with_blanks = "\n".join(self._texts.all_lines()[0])
            try:
                loaded = await load_texts(self.app, with_blanks if present.strip() else "")
            except NoTexts as error:
                self._tell(f"✕ {error}")
                return
            if loaded is None:
                return
            name, cut = loaded
            self.save_now()
            self._begin_sheet(name or Clean(f"{self.sheet.name}, cut anew"))
            self._texts.load(cut.texts, cut.labels, cut.groups)
            self._read_sheet()
            self.note_edit()
            if cut.left_out:
                self._tell(
                    f"{formats.count(cut.left_out)} rows without a text, or too many for a sheet, were left out."
                )

        self.beside(load, "load")

    def action_mark_texts(self) -> None:
        """Ask for the group and the label of the selected lines."""
        from tui.screens.text_dialog import TextDialog

        chosen = self._texts.lines_selected
        label, group = self._texts.marks_of(chosen.start)
        count = f"{len(chosen)} texts" if len(chosen) > 1 else f"text {chosen.start + 1}"

        async def ask() -> None:
            said = await self.app.push_screen_wait(TextDialog(f"group of {count} · empty: none", group))
            if said is None:
                return
            self._texts.mark(chosen, group=clean_line(said))
            self._marked()
            if len(chosen) == 1:
                named = await self.app.push_screen_wait(TextDialog(f"label of {count} · empty: none", label))
                if named is not None:
                    self._texts.mark(chosen, label=clean_line(named))
                    self._marked()

        self.beside(ask, "mark")

    def _marked(self) -> None:
        self._read_sheet()
        self.note_edit()

    # Queries

    def action_ask(self) -> None:
        """Ask for a query, embed it, and show its neighbours."""
        from tui.screens.text_dialog import TextDialog

        def take(said: str | None) -> None:
            if not said:
                return
            self.asked = clean(said)
            variant = query_variant(self.variant())
            if self.runs.lacking(variant, (self.asked,)):
                self.runs.ask([(variant, (self.asked,))], queries=True)
                self._count_seconds()
            if self.view != "neighbours" and not self.has_class("-wide"):
                self.view = "neighbours"
            self._show_all()
            self.panes.neighbours.focus()

        kind = query_variant(self.variant()).input_type
        title = f"query, embedded as {kind}" if kind else "query"
        _ = self.app.push_screen(TextDialog(title, self.asked or ""), take)

    def mark_right_answer(self, at_line: int) -> None:
        """A text is a right answer to the query, or is none after all."""
        line = next((line for line in self.lines if line.line == at_line), None)
        if self.asked is None or line is None:
            return
        kept = {one.query: one.right for one in self.sheet.relevance}
        right = kept.get(self.asked, ())
        answers = tuple(text for text in right if text != line.text)
        if len(answers) == len(right):
            answers = (*right, line.text)
        kept[self.asked] = answers
        self.sheet.relevance = tuple(Relevance(query, found) for query, found in kept.items() if found)
        self.note_edit()
        self._show_all()

    # What is shown

    def action_next_order(self) -> None:
        """The matrix in the next order."""
        from tui.screens.sheet_panes import ORDERS

        self.panes.order = (self.panes.order + 1) % len(ORDERS)
        if ORDERS[self.panes.order] == "group" and not self.panes.marks:
            self.panes.order += 1
        self._show_all()

    def action_more(self, change: int) -> None:
        """Of what the view counts; in A/B another model."""
        if self.view != "compare":
            self.panes.change_figure(self.view, change)
            return

        async def add() -> None:
            from tui.screens.text_dialog import TextDialog

            model_id = await self.app.push_screen_wait(self._model_picker("compare with"))
            if model_id is None:
                return
            said = await self.app.push_screen_wait(TextDialog("dimensions · empty: the model's own"))
            if said is None or (width := self._width_of(said)) == -1:
                return
            kind = self.sheet.input_type if model_id == self.model_id else None
            variant = Variant(Opaque(model_id), width, kind)
            if variant not in self.variants():
                self.sheet.others = (*self.sheet.others, variant)
            self._changed()

        self.beside(add, "add")

    def action_drop_variant(self) -> None:
        """Take the lit model, or the last one, out of the comparison."""
        lit = self.panes.compare.lit
        others = self.variants()[1:]
        at = -lit.target - 2 if lit is not None and lit.target is not None and lit.target < -1 else len(others) - 1
        if 0 <= at < len(others):
            self.sheet.others = tuple(one for one in self.sheet.others if one != others[at])
            self._changed()

    # Out of here

    def action_copy_vector(self) -> None:
        """The vector of the selected text as a JSON list."""
        from tui.core.sheet_export import vector_json

        place, known = self.selected_place(), self.panes.known
        vector = known.vector(self.lines[place].text) if place is not None and known is not None else None
        if vector is None:
            self._tell("The selected text has no vector to copy.")
            return
        self.session.copy(vector_json(vector))
        self._tell(f"Copied: {len(vector):,} numbers of text {self._texts.line + 1}.")

    def action_export(self) -> None:
        """Ask for a format and write the sheet with its vectors into the folder of exports."""

        async def write() -> None:
            from tui.core import sheet_export
            from tui.folders import write_export
            from tui.screens.pick import PickScreen
            from tui.widgets.pick_list import PickItem

            items = [PickItem(kind, Clean(what)) for kind, what in sheet_export.formats()]
            kind: Any = await self.app.push_screen_wait(PickScreen("export", items))
            known, variant, lines = self.panes.known, self.variant(), self.lines
            if kind is None or known is None:
                return
            rows = [
                sheet_export.Exported(number=line.number, text=line.text, label=line.label, group=line.group)
                for line in lines
            ]
            folder, now = self.session.settings.folders.exports, self.session.now()
            encode = partial(sheet_export.encode, kind, rows, known, variant)

            def carry_out() -> Path:
                return write_export(folder, _FILE_NAME.sub("-", self.sheet.name)[:60] or "sheet", kind, encode(), now)

            await self._write(carry_out)

        self.beside(write, "export")

    async def _write(self, carry_out: Any) -> None:
        from tui.config_file import ConfigError, shown_path

        self._tell("Writing …")
        try:
            path = await asyncio.to_thread(carry_out)
        except (ConfigError, OSError, ImportError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._tell(f"✕ Not written: {clean_line(why)}.")
            return
        self._tell(f"Written: {shown_path(path)}")
