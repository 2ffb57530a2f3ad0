"""Embeddings (F4): a line a text, a model, and what it thinks is alike."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Static, TextArea
from textual.worker import Worker
from typing_extensions import override

from tui.core import formats, vectors
from tui.core.commands import Embed, LoadSheet, Remember, SaveSheet
from tui.core.conversation import Failure
from tui.core.events import EmbedEnded, JobState
from tui.core.ledger import OverBudget
from tui.core.routing import Routing
from tui.core.sheets import Sheet
from tui.core.state import Topic
from tui.openrouter.text import Clean, Opaque, clean_line
from tui.screens.embedded_sheet import (
    EmbedBill,
    EmbedJob,
    SheetFacts,
    find_neighbours,
    notice_words,
    plural,
    status_words,
)
from tui.screens.embedding_model import REMEMBERED_MODEL, ModelChoice, input_price
from tui.screens.live_screen import LiveScreen
from tui.screens.session import Session
from tui.stylesheets import style_path
from tui.widgets.heat_map import HeatMap
from tui.widgets.neighbour_list import NeighbourList, NeighbourRow
from tui.widgets.sheet_text import SheetLine, SheetText

if TYPE_CHECKING:
    pass

View: TypeAlias = Literal["matrix", "neighbours"]

_READ_AFTER_S: Final = 0.12
_SAVE_AFTER_S: Final = 1.0
_THREAD_FROM: Final = 3_000_000
"""Numbers in the vectors from which neighbours take more than some milliseconds."""
_MODELS_KEPT: Final = 4
"""Models whose vectors stay in memory, so that switching back shows them at once."""


class EmbeddingsScreen(LiveScreen):
    """The sheet of texts at the left; at the right the similarity matrix and the neighbours of the selected text."""

    FOLLOWS = Topic.EMBEDDINGS | Topic.CATALOGUE | Topic.JOBS | Topic.BUDGET | Topic.PREFERENCES
    CSS_PATH = style_path("embeddings.tcss")
    MODE = "embeddings"
    AUTO_FOCUS = "SheetText"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]
    HELP = (
        "Texts become vectors, and vectors become a picture of what a model thinks is alike. Write or paste a text a "
        "line, ctrl+r embeds them; what was embedded before is not paid for again."
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "embed", "embed", id="embeddings.embed", tooltip="Embed the texts of the sheet"),
        Binding("ctrl+l", "pick_model", "model", id="embeddings.model", tooltip="Pick an embedding model"),
        Binding("escape", "stop", "stop", id="embeddings.stop", tooltip="Stop the embedding that runs"),
        Binding("escape", "leave", "leave", show=False, id="embeddings.leave", tooltip="Leave the text"),
        Binding("m", "view('matrix')", "matrix", id="embeddings.matrix", tooltip="All pairs as a heat map"),
        Binding("n", "view('neighbours')", "neighbours", id="embeddings.neighbours", tooltip="What is most alike"),
        Binding("ctrl+t", "other_view", "other view", id="embeddings.other", tooltip="Matrix or neighbours"),
    ]

    view: reactive[View] = reactive("matrix", init=False)
    """Which of the two is shown where there is room for one."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._sheet_id: str | None = None
        self._told_sheet: str | None = None
        """The sheet that the worker told of last; it is taken over once."""
        self._sheet_name = Clean("scratch")
        self._choice = ModelChoice(session)
        self._saved: tuple[tuple[Clean, ...], str | None] = ((), None)
        self._lines: list[SheetLine] = []
        self._characters = 0
        self._waiting: dict[str, EmbedJob] = {}
        """Asked for, no result yet; the one that runs and any that went away without."""
        self._job: EmbedJob | None = None
        self._failure: Failure | None = None
        self._over_budget: OverBudget | None = None
        self._embedded: dict[str, vectors.EmbeddedTexts] = {}
        self._bills: dict[str, EmbedBill] = {}
        self._mapped: tuple[vectors.EmbeddedTexts | None, object] = (None, None)
        """What the matrix was last drawn from."""
        self._counts = (0, 0)
        """Texts with a vector, and with one that says nothing."""
        self._listed: tuple[object, object, int] = (None, None, 0)
        """What the neighbours were last found for."""
        self._read_timer: Timer | None = None
        self._save_timer: Timer | None = None
        self._tick: Timer | None = None
        self._texts = SheetText(id="texts")
        self._notice = Static(id="notice", markup=False)
        self._matrix = HeatMap(id="matrix")
        self._neighbours = NeighbourList(id="neighbours")
        self._status = Static(id="status", markup=False)

    @override
    def compose(self) -> ComposeResult:
        with Horizontal(id="sheet"):
            yield self._texts
            with Vertical(id="answers"):
                yield self._notice
                with Horizontal(id="views"):
                    yield self._matrix
                    yield self._neighbours
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
        if self._tick is not None and self._job is not None:
            self._tick.resume()

    # The state

    @override
    def catch_up(self, topics: Topic) -> None:
        sheet = self.session.state.sheets.opened
        if sheet is not None and sheet.id != self._told_sheet:
            self._told_sheet = sheet.id
            if sheet.id != self._sheet_id:
                self._take_sheet()
        if topics & Topic.CATALOGUE:
            self._choice.read_catalogue()
        self._follow_jobs()
        self._show_all()

    def _take_sheet(self) -> None:
        sheet = self.session.state.sheets.opened
        assert sheet is not None
        if self._sheet_id is None and self._texts.text:
            # Somebody was faster than the database: what is typed stays, as a sheet of its own.
            return
        self._sheet_id = sheet.id
        self._sheet_name = sheet.name or Clean("scratch")
        self._mapped = (None, None)
        lines = tuple(clean_line(text) for text in sheet.texts)
        self._choice.of_sheet = sheet.model.raw if sheet.model else None
        self._saved = (lines, self._choice.of_sheet)
        self._texts.load_text("\n".join(lines))
        self._read_sheet()

    def _follow_jobs(self) -> None:
        state = self.session.state
        for result in state.sheets.results.values():
            if ended := self._waiting.pop(result.job_id, None):
                self._end(ended)
                self._take_result(ended, result)
        passed = state.budget_passed
        if passed is not None and (asking := self._waiting.pop(passed.job_id, None)):
            self._end(asking)
            self._over_budget = passed.refusal
        job = self._job
        if job is None:
            return
        if job.id in state.jobs:
            job.seen = True
        elif job.seen or state.sheets.job_id == job.id:
            # It stays in `_waiting`: its result may be told a moment later.
            self._end(job)

    def _beside(
        self, work: Callable[[], Coroutine[None, None, None]], group: str, *, exclusive: bool = False
    ) -> Worker[None]:
        """Run this while the interface goes on; a function, since a coroutine replaced unbegun is never awaited."""
        return self.run_worker(work, group=group, exclusive=exclusive)

    def _end(self, job: EmbedJob) -> None:
        if self._job is job:
            self._job = None
            if self._tick is not None:
                self._tick.pause()

    def _take_result(self, job: EmbedJob, result: EmbedEnded) -> None:
        self._bills[job.model] = EmbedBill(result.receipt, result.from_store, job.stopped)
        self._failure = None if job.stopped else result.failure
        if result.embedded is not None:
            fresh = result.embedded

            async def keep() -> None:
                await self._keep_vectors(job.model, fresh)

            self._beside(keep, "vectors")

    async def _keep_vectors(self, model: str, fresh: vectors.EmbeddedTexts) -> None:
        earlier = self._embedded.pop(model, None)
        self._embedded[model] = await asyncio.to_thread(vectors.merge, earlier, fresh)
        while len(self._embedded) > _MODELS_KEPT:
            del self._embedded[next(iter(self._embedded))]
        self._show_all()

    # The sheet

    @on(TextArea.Changed)
    def note_edit(self) -> None:
        """Read the lines once nobody has typed for a moment."""
        for timer in (self._read_timer, self._save_timer):
            if timer is not None:
                timer.reset()
                timer.resume()

    def _read_sheet(self) -> None:
        if self._read_timer is not None:
            self._read_timer.pause()
        lines = self._texts.sheet_lines()
        if lines != self._lines:
            self._lines = lines
            self._characters = sum(len(line.text) for line in lines)
            self._over_budget = None
        self._show_all()

    def save_now(self) -> None:
        """Keep the sheet if it changed; the App calls it before it ends."""
        if self._save_timer is not None:
            self._save_timer.pause()
        lines = self._texts.all_lines()
        if self._sheet_id is None and not lines:
            return
        now = (lines, self._choice.picked or self._choice.of_sheet)
        if now == self._saved:
            return
        sheet_id = self._sheet_id or uuid.uuid4().hex
        model = Opaque(now[1]) if now[1] else None
        sheet = Sheet(id=sheet_id, name=self._sheet_name, texts=lines, model=model)
        if self.session.submit(SaveSheet(sheet=sheet)):
            self._sheet_id = sheet_id
            self._saved = now
        elif self._save_timer is not None:
            self._save_timer.resume()

    @on(SheetText.LineSelected)
    def follow_line(self) -> None:
        """The neighbours and the marked row are those of the selected text."""
        self._show_selected()

    @on(HeatMap.Chosen)
    def go_to_row(self, event: HeatMap.Chosen) -> None:
        """Show the text of a row in the sheet."""
        if event.row < len(self._lines):
            self._texts.go_to(self._lines[event.row].line)

    @on(NeighbourList.Chosen)
    def go_to_line(self, event: NeighbourList.Chosen) -> None:
        """Show a neighbour in the sheet."""
        self._texts.go_to(event.line)

    # The model

    @property
    def model_id(self) -> str | None:
        """The id of the model that would be asked, as it is sent."""
        return self._choice.id

    def take_model(self, model: Opaque, routing: Routing | None = None) -> None:
        """Embed with this model from now on; texts are embedded wherever the server likes, so `routing` is not used."""
        self._choice.picked = model.raw
        self._failure = None
        self._over_budget = None
        self.session.submit(Remember(name=REMEMBERED_MODEL, value=model.raw))
        self.note_edit()
        self._show_all()

    # Actions

    def action_embed(self) -> None:
        """Send the texts of the sheet."""
        self._read_sheet()
        if self._job is not None or not self._lines or self._choice.objection() is not None:
            return
        model_id = self.model_id
        assert model_id is not None
        # Each text once: identical ones have one vector.
        texts = tuple(dict.fromkeys(line.text for line in self._lines))
        defaults = self.session.settings.embeddings
        job = EmbedJob(uuid.uuid4().hex, model_id, texts, time.monotonic())
        command = Embed(
            job_id=job.id,
            model=Opaque(model_id),
            texts=texts,
            dimensions=defaults.dimensions,
            user=defaults.user,
            over_budget=self._over_budget is not None,
            as_rows=True,
        )
        if not self.session.submit(command):
            self._failure = Failure(
                kind="own_limit",
                message=Clean("Too much is waiting to be done."),
                advice=Clean("Wait a moment."),
            )
        else:
            self.save_now()
            self._failure = None
            self._over_budget = None
            self._waiting[job.id] = job
            self._job = job
            if self._tick is not None:
                self._tick.resume()
        self._show_all()

    def stop_stream(self) -> bool:
        """Stop what runs, if anything does; texts that have their vectors keep them."""
        if self._job is None:
            return False
        self._job.stopped = True
        self.session.cancel(self._job.id)
        self._show_words()
        return True

    def action_stop(self) -> None:
        """Stop what runs."""
        self.stop_stream()

    def action_leave(self) -> None:
        """Leave the text, so that single keys work."""
        shown = self._matrix if self.view == "matrix" else self._neighbours
        self.set_focus(shown if shown.focusable and self.query_one("#views").display else None)

    def action_view(self, view: View) -> None:
        """Show the matrix or the neighbours."""
        self.view = view
        shown = self._matrix if view == "matrix" else self._neighbours
        if self.focused is not self._texts and self.query_one("#views").display:
            shown.focus()

    def action_other_view(self) -> None:
        """Show the one that is not shown."""
        self.action_view("neighbours" if self.view == "matrix" else "matrix")

    async def action_pick_model(self) -> None:
        """Offer the embedding models, cheapest first."""
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
            for model in self._choice.models
        ]

        def take(model_id: str | None) -> None:
            if model_id is not None:
                self.take_model(Opaque(model_id))

        picker = PickScreen(
            "embedding model",
            items,
            recents=sorted(favourites),
            current=self.model_id,
            empty="No embedding model is in the list of models.",
        )
        await self.app.push_screen(picker, take)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "stop":
                return self._job is not None
            case "leave":
                return self._job is None and self.focused is self._texts
            case "embed":
                # What was typed just now is read when it is embedded, not before the key works.
                nothing = not self._lines and not self._texts.text.strip()
                return None if self._job is not None or nothing or self._choice.objection() else True
            case "pick_model":
                return True if self._choice.models else None
            case "view" | "other_view":
                if action == "other_view" and self.has_class("-wide"):
                    return False
                return None if self._vectors() is None else True
            case _:
                return True

    # What is shown

    def _vectors(self) -> vectors.EmbeddedTexts | None:
        return self._embedded.get(self.model_id or "")

    def _show_all(self) -> None:
        if not self._status.is_mounted:
            return
        self._show_map()
        self._show_selected()
        self._show_words()
        self.refresh_bindings()

    def _show_map(self) -> None:
        known = self._vectors()
        if self._mapped[0] is known and self._mapped[1] is self._lines:
            return
        self._mapped = (known, self._lines)
        self._texts.border_title = Content(f"{self._sheet_name} · {plural(len(self._lines), 'text')}")
        if known is None:
            self._texts.mark_stale(())
            return
        rows = known.rows([line.text for line in self._lines])
        stale = [line.line for line in self._lines if not known.has(line.text)]
        embedded = int((rows >= 0).sum())
        self._counts = (embedded, len(rows) - embedded - len(stale))
        self._texts.mark_stale(stale)
        self._texts.border_subtitle = Content(f"* {formats.count(len(stale))} not embedded" if stale else "")

        def tile(down: range, across: range) -> Sequence[Sequence[float]]:
            unit = known.unit
            above, left = unit[rows[down.start : down.stop]], unit[rows[across.start : across.stop]]
            values: list[list[float]] = vectors.similarity_tile(above, left).tolist()
            return values

        self._matrix.show(self._lines, tile, known.spread)

    def _selected(self) -> int | None:
        """The text that the cursor is on; None on a blank line."""
        line = self._texts.line
        return next((index for index, row in enumerate(self._lines) if row.line == line), None)

    def _show_selected(self) -> None:
        known = self._vectors()
        if known is None:
            return
        listed = (known, self._lines, self._texts.line)
        if (
            all(old is new for old, new in zip(self._listed[:2], listed[:2], strict=True))
            and self._listed[2] == listed[2]
        ):
            return
        self._listed = listed
        index = self._selected()
        self._matrix.select(index)
        if index is None:
            self._neighbours.show_instead(Clean("The cursor is on a blank line: put it on a text."))
            return
        selected = self._lines[index]
        at = known.row_of.get(selected.text)
        if at is None:
            why = "came without a usable vector" if selected.text in known.useless else "is not embedded yet: ctrl+r"
            self._neighbours.show_instead(Clean(f"Text {selected.line + 1} {why}."))
        elif known.unit.size > _THREAD_FROM:

            async def find() -> None:
                await self._find_in_thread(known, selected, at)

            self._beside(find, "neighbours", exclusive=True)
        else:
            self._list_neighbours(selected, find_neighbours(known, self._lines, selected, at))

    async def _find_in_thread(self, known: vectors.EmbeddedTexts, selected: SheetLine, at: int) -> None:
        found = await asyncio.to_thread(find_neighbours, known, self._lines, selected, at)
        self._list_neighbours(selected, found)

    def _list_neighbours(self, selected: SheetLine, found: list[NeighbourRow]) -> None:
        self._neighbours.show(selected.line, selected.text, found)

    def _show_words(self) -> None:
        """The notice, the titles and the status line."""
        facts = self._facts()
        notice = notice_words(facts)
        alone = facts.known is None or not self._lines
        self.query_one("#views").display = not alone
        self._notice.display = notice is not None
        self._notice.set_class(alone, "-alone")
        if notice is not None:
            self._notice.update(notice)
        self._show_titles()
        status = status_words(facts)
        self._status.update(Content(status if cell_len(status) >= self.size.width else f" {status}"), layout=False)

    def watch_view(self) -> None:
        self.query_one("#views").set_class(self.view == "neighbours", "-neighbours")
        self._show_titles()

    def _show_titles(self) -> None:
        lit, dim = "bold", "dim"
        tabs = Content.assemble(
            ("matrix", lit if self.view == "matrix" else dim),
            " │ ",
            ("neighbours", lit if self.view == "neighbours" else dim),
        )
        wide = self.has_class("-wide")
        self._matrix.border_title = Content("matrix") if wide else tabs
        self._neighbours.border_title = Content("neighbours") if wide else tabs
        self._notice.border_title = tabs if self._notice.has_class("-alone") else Content("")

    def on_resize(self) -> None:
        self._show_titles()
        self.refresh_bindings()

    def _facts(self) -> SheetFacts:
        job = self._job
        progress, reason = None, Clean("")
        if job is not None:
            progress = self.session.state.sheets.progress.get(job.id)
            told = self.session.state.jobs.get(job.id)
            if told is not None and told.state is JobState.WAITING:
                reason = clean_line(told.reason)
        tokens, usd = self._choice.estimate(self._characters, len(self._lines))
        return SheetFacts(
            model=self._choice.name(),
            objection=self._choice.objection(),
            can_pick=bool(self._choice.models),
            lines=self._lines,
            tokens=tokens,
            usd=usd,
            known=self._vectors(),
            embedded=self._counts[0],
            unusable=self._counts[1],
            bill=self._bills.get(self.model_id or ""),
            job=job,
            progress=progress or (0, len(job.texts) if job else 0),
            reason=reason,
            failure=self._failure,
            over_budget=self._over_budget,
        )
