"""The words around the sheet and its views: the notice, the titles, the line below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from tui.core.events import JobState
from tui.openrouter.text import Clean, clean_line
from tui.screens.embedded_sheet import SheetFacts, notice_words, plural, status_words
from tui.screens.sheet_panes import VIEWS, View

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.widget import Widget
    from textual.widgets import Static

    from tui.core.sheets import Variant
    from tui.screens.embedding_model import ModelChoice
    from tui.screens.embedding_runs import EmbedRuns
    from tui.screens.open_sheet import OpenSheet
    from tui.screens.session import Session
    from tui.screens.sheet_panes import SheetPanes
    from tui.screens.sheet_standing import SheetStanding
    from tui.widgets.sheet_text import SheetText

    _Part = Screen[None]
else:
    _Part = object


class SheetWords(_Part):
    """A part of the screen, of its own only because there is much of it."""

    if TYPE_CHECKING:
        session: Session
        choice: ModelChoice
        runs: EmbedRuns
        panes: SheetPanes
        sheet: OpenSheet
        standing: SheetStanding
        told: Clean
        view: View
        _texts: SheetText
        _notice: Static
        _status: Static

        def variant(self) -> Variant: ...

    _look_timer: Timer | None = None

    def _shown_views(self) -> tuple[View, ...]:
        if self.has_class("-wide") and self.view != "compare":
            return ("matrix" if self.view == "neighbours" else self.view, "neighbours")
        return (self.view,)

    def _show_words(self) -> None:
        """The notice, the titles and the status line."""
        facts = self._facts()
        notice = notice_words(facts)
        if facts.reading:
            self._look_again()
        alone = (
            not facts.reading
            and (facts.known is None or not self.standing.lines)
            and not (self.view == "compare" and self.standing.lines)
        )
        self.query_one("#views").display = not alone
        self._notice.display = notice is not None and (
            alone or facts.failure is not None or (facts.known is not None and not facts.reading)
        )
        self._notice.set_class(alone, "-alone")
        if notice is not None and not (isinstance(said := self._notice.content, Content) and said.is_same(notice)):
            # Where it has the place of the views, no pane moves for other words; elsewhere it is as high as they are.
            self._notice.update(notice, layout=not alone)
            self._notice.clear_cached_dimensions()
        self._show_titles()
        status = status_words(facts)
        self._status.update(Content(status if cell_len(status) >= self.size.width else f" {status}"), layout=False)

    def _show_titles(self) -> None:
        stale = len(self.standing.lacking) if self.panes.known is not None else 0
        label, group = self._texts.marks_of(self._texts.line)
        marks = " · ".join(part for part in (label, group) if part)
        name = Content(f"{self.sheet.name} · {plural(len(self.standing.lines), 'text')}")
        self._entitle(self._texts, name, Content(f"* {stale:,} not embedded" if stale else marks[:40]))
        wide = self.has_class("-wide")
        shown = self._shown_views()
        for view in VIEWS:
            pane = self.panes.widget(view)
            pane.display = view in shown
            pane.set_class(wide and view == "neighbours", "-beside")
            beside = wide and view == "neighbours"
            title = Content("neighbours") if beside else self.panes.titles(self.view, wide=wide)
            self._entitle(pane, title, Content(self.panes.subtitle(view)))
        alone = self._notice.has_class("-alone")
        title = self.panes.titles(self.view, wide=wide) if alone else Content("")
        self._entitle(self._notice, title, Content(""))

    def _look_again(self) -> None:
        """While the store is asked nothing else is said; where it takes too long, it is."""
        if self._look_timer is None:

            def look() -> None:
                self._look_timer = None
                self._show_words()

            self._look_timer = self.set_timer(self.runs.awaits(self.variant()) + 0.01, look)

    def _entitle(self, pane: Widget, title: Content, subtitle: Content) -> None:
        """Only where they are others, their styles too: with each title that is set, Textual paints the whole pane."""
        now = pane._border_title, pane._border_subtitle
        if not all(old is not None and new.is_same(old) for new, old in zip((title, subtitle), now, strict=True)):
            pane.border_title, pane.border_subtitle = title, subtitle

    def _facts(self) -> SheetFacts:
        job = self.runs.job
        progress, reason = None, Clean("")
        if job is not None:
            progress = self.session.state.sheets.progress.get(job.id)
            told = self.session.state.jobs.get(job.id)
            if told is not None and told.state is JobState.WAITING:
                reason = clean_line(told.reason)
        standing = self.standing
        characters = sum(map(len, standing.lacking)) if standing.lacking else standing.characters
        tokens, usd = self.choice.estimate(characters, len(standing.lacking) or len(standing.lines))
        variant = self.variant()
        bill = self.runs.bills.get(variant)
        saved = None
        if bill is not None and bill.from_store and standing.lines:
            characters = standing.characters * bill.from_store // len(standing.lines)
            _, saved = self.choice.estimate(characters, bill.from_store)
        return SheetFacts(
            model=self.choice.name(),
            objection=self.choice.objection(),
            can_pick=bool(self.choice.models),
            lines=standing.lines,
            tokens=tokens,
            usd=usd,
            known=self.panes.known,
            embedded=standing.embedded,
            unusable=standing.unusable,
            lacking=len(standing.lacking),
            saved_usd=saved,
            dimensions=variant.dimensions,
            input_type=variant.input_type,
            bill=bill,
            job=job,
            waiting=self.runs.waiting,
            told=self.told,
            reading=self.panes.known is None and job is None and bool(standing.lines) and self.runs.awaits(variant) > 0,
            progress=progress or (0, len(job.texts) if job else 0),
            reason=reason,
            failure=self.runs.failure,
            over_budget=self.runs.over_budget,
        )
