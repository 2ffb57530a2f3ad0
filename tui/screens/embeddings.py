"""Embeddings (F4): a line a text, a model, and what it thinks is alike."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Static, TextArea
from textual.worker import Worker
from typing_extensions import override

from tui.core import formats
from tui.core.commands import LoadSheet, Remember
from tui.core.routing import Routing
from tui.core.sheets import Relevance, Variant
from tui.core.state import Topic
from tui.openrouter.text import Clean, Opaque
from tui.screens.embedding_model import REMEMBERED_MODEL, ModelChoice, query_variant
from tui.screens.embedding_runs import EmbedRuns, same_things
from tui.screens.live_screen import LiveScreen
from tui.screens.open_sheet import OpenSheet
from tui.screens.session import Session
from tui.screens.sheet_bindings import SheetBindings
from tui.screens.sheet_keys import SheetKeys
from tui.screens.sheet_panes import VIEWS, SheetPanes, View
from tui.screens.sheet_standing import SheetStanding
from tui.screens.sheet_words import SheetWords
from tui.stylesheets import style_path
from tui.widgets.heat_map import HeatMap
from tui.widgets.neighbour_list import NeighbourList
from tui.widgets.point_map import PointMap
from tui.widgets.row_list import RowList
from tui.widgets.sheet_reading import SheetLine
from tui.widgets.sheet_text import SheetText

if TYPE_CHECKING:
    from tui.core.vectors import EmbeddedTexts

_READ_AFTER_S: Final = 0.12
_SAVE_AFTER_S: Final = 1.0


class EmbeddingsScreen(SheetKeys, SheetWords, LiveScreen):
    """The sheet of texts at the left; at the right what a model thinks of them, in one of six views."""

    FOLLOWS = Topic.EMBEDDINGS | Topic.CATALOGUE | Topic.JOBS | Topic.BUDGET | Topic.PREFERENCES
    CSS_PATH = style_path("embeddings.tcss")
    MODE = "embeddings"
    AUTO_FOCUS = "SheetText"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]
    HELP = (
        "Texts become vectors, and vectors become a picture of what a model thinks is alike. Write or paste a text a "
        "line, ctrl+r embeds them; what was embedded before is not paid for again. esc leaves the text, then single "
        "keys change the view."
    )

    BINDINGS: ClassVar[list[BindingType]] = SheetBindings.BINDINGS

    view: reactive[View] = reactive("matrix", init=False)
    """Which view is shown; where there is room the neighbours stand beside it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.choice = ModelChoice(session)
        self.runs = EmbedRuns(session, self.beside, self.views_changed)
        self.panes = SheetPanes(self)
        self._texts = SheetText(id="texts")
        self.sheet = OpenSheet(session, self._texts, self.choice)
        self.standing = SheetStanding()
        self._looked: tuple[object, ...] = ()
        """For what the store was last asked."""
        self.asked: Clean | None = None
        """The query whose neighbours are shown instead of the selected text's."""
        self.told = Clean("")
        """What an action came to, until the next one."""
        self._read_timer: Timer | None = None
        self._save_timer: Timer | None = None
        self._tick: Timer | None = None
        self._notice = Static(id="notice", markup=False)
        self._status = Static(id="status", markup=False)

    @override
    def compose(self) -> ComposeResult:
        with Horizontal(id="sheet"):
            yield self._texts
            with Vertical(id="answers"):
                yield self._notice
                with Horizontal(id="views"):
                    # Where two stand side by side, the neighbours are always at the right.
                    for view in sorted(VIEWS, key="neighbours".__eq__):
                        pane = self.panes.widget(view)
                        pane.add_class("view")
                        yield pane
        yield self._status

    @on(events.Mount)
    def begin(self) -> None:
        """Ask for the sheet that was used last."""
        self._read_timer = self.set_interval(_READ_AFTER_S, self._read_sheet, pause=True)
        self._save_timer = self.set_interval(_SAVE_AFTER_S, self.save_now, pause=True)
        self._tick = self.set_interval(0.5, self._show_words, pause=True)
        self.session.submit(LoadSheet())
        self._show_all()

    @on(events.ScreenSuspend)
    def rest(self) -> None:
        """Keep the sheet when it is left, and let nothing tick."""
        self.save_now()
        if self._tick is not None:
            self._tick.pause()

    @on(events.ScreenResume)
    def wake(self) -> None:
        """Go on counting the seconds of what runs."""
        self._count_seconds()

    @override
    def _count_seconds(self) -> None:
        if self._tick is not None:
            if self.runs.job is None:
                self._tick.pause()
            elif self.is_current_view:
                self._tick.resume()

    @override
    def beside(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> Worker[None]:
        """Run this while the interface goes on; a function, since a coroutine replaced unbegun is never awaited."""
        return self.run_worker(work, group=group)

    # The state

    @override
    def catch_up(self, topics: Topic) -> None:
        sheet = self.session.state.sheets.opened
        if sheet is not None and sheet is not self.sheet.told:
            self._take_sheet()
        if topics & Topic.CATALOGUE:
            self.choice.read_catalogue()
        self.runs.follow()
        self._count_seconds()
        self._show_all()

    def views_changed(self) -> None:
        """Something was worked out in a thread."""
        if self.is_mounted:
            self._show_all()

    def _take_sheet(self) -> None:
        sheet = self.session.state.sheets.opened
        assert sheet is not None
        if not self.sheet.take(sheet):
            return
        self.runs.forget(opened=True)
        self.asked = None
        self._read_sheet()

    # The sheet

    @on(TextArea.Changed)
    @override
    def note_edit(self) -> None:
        """Read the lines once nobody has typed for a moment."""
        for timer in (self._read_timer, self._save_timer):
            if timer is not None:
                timer.reset()
                timer.resume()

    @override
    def _read_sheet(self) -> None:
        if self._read_timer is not None:
            self._read_timer.pause()
        if self.standing.read(self._texts.sheet_lines()):
            self.runs.over_budget = None
            self.told = Clean("")
        self._show_all()

    @override
    def save_now(self) -> None:
        """Keep the sheet if it changed; the App calls it before it ends."""
        if self._save_timer is not None:
            self._save_timer.pause()
        if not self.sheet.save() and self._save_timer is not None:
            self._save_timer.resume()

    @property
    @override
    def lines(self) -> list[SheetLine]:
        """The texts as they were last read."""
        return self.standing.lines

    @property
    def relevance(self) -> tuple[Relevance, ...]:
        """Queries and their right answers."""
        return self.sheet.relevance

    @on(SheetText.ParagraphsPasted)
    def offer_paragraphs(self, event: SheetText.ParagraphsPasted) -> None:
        """Lines are texts; where paragraphs were pasted they may be meant instead."""
        self._read_sheet()
        self._tell(
            f"Pasted {formats.count(event.lines)} lines, a text each · alt+p makes texts of the "
            f"{formats.count(event.paragraphs)} paragraphs"
        )

    @on(SheetText.LineSelected)
    def follow_line(self) -> None:
        """The neighbours and the marked row are those of the selected text."""
        self.panes.select_row(self.selected_place())
        self.panes.show(self._shown_views())
        self._show_titles()

    @on(HeatMap.Chosen)
    def go_to_row(self, event: HeatMap.Chosen) -> None:
        """Show the text of a row in the sheet."""
        line = self.panes.line_of_row(event.row)
        if line is not None:
            self._texts.go_to(line)

    @on(NeighbourList.Chosen)
    @on(RowList.Chosen)
    @on(PointMap.Chosen)
    @on(PointMap.Moved)
    def go_to_line(self, event: NeighbourList.Chosen | RowList.Chosen | PointMap.Chosen | PointMap.Moved) -> None:
        """Show a text in the sheet."""
        if event.line >= 0:
            self._texts.go_to(event.line)

    @on(NeighbourList.Marked)
    def note_right_answer(self, event: NeighbourList.Marked) -> None:
        """A text is a right answer to the query, or is none after all."""
        self.mark_right_answer(event.line)

    # The model

    @property
    @override
    def model_id(self) -> str | None:
        """The id of the model that would be asked, as it is sent."""
        return self.choice.id

    @override
    def variant(self) -> Variant:
        """How the sheet is embedded."""
        return Variant(Opaque(self.model_id or ""), self.sheet.dimensions, self.sheet.input_type)

    @override
    def variants(self) -> tuple[Variant, ...]:
        """That, and what it is compared with."""
        own = self.variant()
        return (own, *(one for one in self.sheet.others if one != own))

    @override
    def take_model(self, model: Opaque, routing: Routing | None = None) -> None:
        """Embed with this model from now on; texts are embedded wherever the server likes, so `routing` is not used."""
        if model.raw != self.model_id:
            self.sheet.take_model(model.raw)
        self.choice.picked = model.raw
        self.runs.failure = None
        self.runs.over_budget = None
        self.told = Clean("")
        self.session.submit(Remember(name=REMEMBERED_MODEL, value=model.raw))
        self.note_edit()
        self._show_all()

    # Actions

    def action_embed(self) -> None:
        """Send the texts of the sheet; in A/B to all models that are compared, with the queries."""
        self._read_sheet()
        if self.runs.job is not None or not self.lines or self.choice.objection() is not None:
            return
        self.told = Clean("")
        texts = self.standing.texts
        wanted, questions = [(self.variant(), texts)], []
        if self.view == "compare":
            wanted = [(one, texts) for one in self.variants() if self.runs.lacking(one, texts)]
            queries = tuple(one.query for one in self.relevance if one.right)
            asked = [(query_variant(one), queries) for one in self.variants()]
            questions = [(one, lacking) for one, queries in asked if (lacking := self.runs.lacking(one, queries))]
        self.runs.ask(wanted)
        if questions and self.runs.failure is None:
            self.runs.ask(questions, queries=True)
        self.save_now()
        self._count_seconds()
        self._show_all()

    def stop_stream(self) -> bool:
        """Stop what runs, if anything does; texts that have their vectors keep them."""
        stopped = self.runs.stop()
        self._show_words()
        return stopped

    def action_stop(self) -> None:
        """Stop what runs."""
        self.stop_stream()

    def action_leave(self) -> None:
        """Leave the query, or the text so that single keys work."""
        if self.focused is not self._texts and self.asked is not None:
            self.asked = None
            self._show_all()
            return
        shown = self.panes.widget(self.view)
        self.set_focus(shown if shown.focusable and self.query_one("#views").display else None)

    def action_view(self, view: View) -> None:
        """Show this view; the map again: the other projection."""
        if view == "map" == self.view and self.panes.can_group:
            self.panes.grouped = not self.panes.grouped
        self.view = view
        self._show_all()
        if self.focused is not self._texts and self.query_one("#views").display:
            self.panes.widget(view).focus()

    def action_other_view(self) -> None:
        """Show the next one."""
        views = [view for view in VIEWS if self._can_view(view)]
        at = views.index(self.view) if self.view in views else -1
        self.action_view(views[(at + 1) % len(views)])

    def _can_view(self, view: View) -> bool:
        if view == "neighbours" and self.has_class("-wide"):
            return False
        return self.panes.known is not None or view == "compare"

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        known = self.panes.known is not None
        match action:
            case "stop":
                return self.runs.job is not None
            case "leave":
                return self.runs.job is None and (self.focused is self._texts or self.asked is not None)
            case "embed":
                # What was typed just now is read when it is embedded, not before the key works.
                nothing = not self.lines and not self._texts.text.strip()
                return None if self.runs.job is not None or nothing or self.choice.objection() else True
            case "pick_model":
                return True if self.choice.models else None
            case "view" | "other_view":
                if parameters == ("compare",):
                    return True if self.lines else None
                return True if known else None
            case "next_order":
                return (self.view == "matrix" or self.has_class("-wide")) if known else False
            case "more":
                return self.view in ("duplicates", "clusters") or (self.view == "compare" and parameters == (1,))
            case "drop_variant":
                return self.view == "compare" and len(self.variants()) > 1
            case "ask" | "export" | "copy_vector":
                return self.focused is not self._texts if known else False
            case _:
                return True

    # What is shown

    @override
    def selected_place(self) -> int | None:
        """Which of the texts the cursor is on; None on a blank line."""
        return self.standing.place_of(self._texts.line)

    @override
    def _show_all(self) -> None:
        if not self._status.is_mounted:
            return
        variants = self.variants()
        self.runs.wanted = frozenset(variants)
        shown = variants if self.view == "compare" else variants[:1]
        looked = (shown, self.lines, *(self.runs.spaces.get(one) for one in shown))
        if self.model_id is not None and self.lines and not same_things(looked, self._looked):
            self._looked = looked
            for variant in shown:
                self.runs.look_up(variant, self.standing.texts)
        if self.standing.follow(self.variant(), self.runs, self.panes):
            self._texts.show_groups(self.panes.marks)
            self._texts.mark_stale(self.standing.stale)
        self.panes.show(self._shown_views())
        self._show_words()
        self.refresh_bindings()

    def query_space(self) -> EmbeddedTexts | None:
        """The vectors of queries."""
        return self.runs.spaces.get(query_variant(self.variant()))

    def query_waits(self) -> Clean:
        """Why the query has no neighbours yet."""
        if self.runs.job is not None:
            return Clean("Embedding the query …")
        return Clean("The query is not embedded: / asks again.")

    def right_answers(self) -> frozenset[Clean] | None:
        """Texts that are marked as right answers to the query; None without one."""
        if self.asked is None:
            return None
        return frozenset(text for one in self.relevance if one.query == self.asked for text in one.right)

    def watch_view(self) -> None:
        self._show_all()

    def on_resize(self) -> None:
        self._show_all()
