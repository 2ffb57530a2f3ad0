"""The sheet on screen besides its texts: its name, how it is embedded, what it is compared with, and keeping it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tui.core.commands import SaveSheet
from tui.core.sheets import Relevance, Sheet, Variant
from tui.openrouter.text import Clean, Opaque, clean_line

if TYPE_CHECKING:
    from tui.screens.embedding_model import ModelChoice
    from tui.screens.session import Session
    from tui.widgets.sheet_text import SheetText

SCRATCH = Clean("scratch")


class OpenSheet:
    """Taken over from the worker, and handed back when something has changed."""

    def __init__(self, session: Session, texts: SheetText, choice: ModelChoice) -> None:
        self._session = session
        self._texts = texts
        self._choice = choice
        self.told: Sheet | None = None
        """The one that the worker told of last; it is taken over once."""
        self.id: str | None = None
        self.name = SCRATCH
        self.dimensions: int | None = session.settings.embeddings.dimensions
        self.input_type: Clean | None = None
        self.others: tuple[Variant, ...] = ()
        self.relevance: tuple[Relevance, ...] = ()
        self._saved: Sheet | None = None

    def take(self, sheet: Sheet) -> bool:
        """Show it; False where somebody was faster than the database: what is typed stays, as a sheet of its own."""
        self.told = sheet
        if (self.id is None and self._texts.text) or sheet.id == self.id:
            return False
        self.id = sheet.id
        self.name = clean_line(sheet.name) or SCRATCH
        own = sheet.model is not None
        self.dimensions = sheet.dimensions if own else self._session.settings.embeddings.dimensions
        self.input_type = sheet.input_type
        self.others, self.relevance = sheet.others, sheet.relevance
        self._choice.picked = None
        self._choice.of_sheet = sheet.model.raw if sheet.model else None
        self._texts.load(sheet.texts, sheet.labels, sheet.groups)
        self._saved = self._now()
        return True

    def take_model(self, model_id: str) -> None:
        """Another model may know no dimensions and no input types; those of the configuration are for its own."""
        configured = self._session.settings.embeddings
        self.dimensions = configured.dimensions if configured.model in (None, model_id) else None
        self.input_type = None

    def begin(self, name: Clean = SCRATCH) -> None:
        """A new one without texts, embedded as the last."""
        self._choice.of_sheet = self._choice.picked or self._choice.of_sheet
        self.id = uuid.uuid4().hex
        self.name = name
        self.others, self.relevance = (), ()
        self._saved = None
        self._texts.load(())

    def note_name(self) -> None:
        """It may have been renamed in the list of sheets."""
        for row in self._session.state.sheets.listed or ():
            if row.id == self.id and row.name != self.name:
                self.name = row.name
                self._saved = self._now()

    def _now(self) -> Sheet:
        texts, labels, groups = self._texts.all_lines()
        model = self._choice.picked or self._choice.of_sheet
        return Sheet(
            id=self.id or "",
            name=self.name,
            texts=texts,
            labels=labels if any(labels) else (),
            groups=groups if any(groups) else (),
            model=Opaque(model) if model else None,
            dimensions=self.dimensions,
            input_type=self.input_type,
            others=self.others,
            relevance=self.relevance,
        )

    def save(self) -> bool:
        """Keep it if it changed; False when the worker takes nothing at the moment."""
        now = self._now()
        if now == self._saved or (not now.texts and self._saved is None):
            return True
        if not now.id:
            self.id = uuid.uuid4().hex
            now = self._now()
        if self._session.submit(SaveSheet(sheet=now)):
            self._saved = now
            return True
        self.id = self.id or None
        return False
