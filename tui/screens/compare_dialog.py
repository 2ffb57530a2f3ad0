"""The marked models side by side, and what one's own work would cost on each."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec.structs import asdict
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static
from typing_extensions import override

from tui.core.commands import Remember, RepriceHistory
from tui.core.events import HistoryRepriced
from tui.core.formats import count, money
from tui.core.ledger import RequestKind
from tui.core.prices import Workload
from tui.core.repricing import Paid, Repriced, kind_of
from tui.core.state import Topic
from tui.core.workloads import remembered_workload
from tui.openrouter.catalogue import Model
from tui.screens.dialog import Dialog
from tui.stylesheets import style_path
from tui.widgets.compare_table import MOST_MODELS, PAST_LABEL, CompareTable
from tui.widgets.workload_line import WorkloadLine

if TYPE_CHECKING:
    from tui.screens.session import Session

_DAYS: Final = 30
_SAVE_AFTER_S: Final = 0.5
_NAMES: Final = {RequestKind.CHAT: "chat", RequestKind.EMBEDDING: "embedding"}


class CompareDialog(Dialog[None]):
    """The marked models, a column each, under the workload that they are priced for."""

    CSS_PATH = [style_path("dialogs.tcss"), style_path("comparison.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,c,q", "leave", "back", tooltip="Back to the table.", id="compare_dialog.leave"),
        Binding("w", "edit_workload", "workload", tooltip="Type the workload.", id="compare_dialog.workload"),
        Binding(
            "m",
            "take_history",
            "my 30 days",
            tooltip="Fill in your last 30 days, and price each of their requests on each model.",
            id="compare_dialog.history",
        ),
        Binding("y", "copy", "copy", tooltip="Copy as a Markdown table.", id="compare_dialog.copy"),
    ]
    HELP = (
        "The marked models side by side; ◂ points at the best of a row, e folds equal rows, y copies a Markdown table. "
        "w types the workload of a month. m fills in the mean request of your last 30 UTC days and adds what every one "
        "of their requests would have cost on each model at today's list prices: long prompts, times of the day, cache "
        "and reasoning included, images and searches not."
    )

    def __init__(self, session: Session, models: Sequence[Model]) -> None:
        """Compares the first six of `models`."""
        super().__init__()
        self._session = session
        self._models = tuple(models[:MOST_MODELS])
        self._marked = len(models)
        self._workload = remembered_workload(session.state.preferences.get("compare.workload", {}))
        self._asked = False
        self._told: HistoryRepriced | None = None
        self._mistake = ""
        self._save_timer: Timer | None = None

    @override
    def compose(self) -> ComposeResult:
        some = f"{len(self._models)} of {self._marked} marked" if self._marked > MOST_MODELS else str(self._marked)
        with Vertical(classes="model-dialog -wide") as pane:
            pane.border_title = Content(f"compare {some} models")
            yield WorkloadLine(self._workload)
            yield Static(self._standing(), id="told", markup=False)
            yield CompareTable()

    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self._note_changes, immediate=True)
        self._show()
        self.query_one(CompareTable).focus()

    def _note_changes(self, topics: Topic) -> None:
        told = self._session.state.repriced
        if self._asked and topics & Topic.REPRICED and told is not None and told.models == self._ids():
            self.call_next(self._take_answer, told)

    def _ids(self) -> tuple[object, ...]:
        return tuple(model.id for model in self._models)

    def _show(self) -> None:
        past: dict[str, Decimal | None] | None = None
        if self._told is not None and self._told.failure is None:
            past = {row.model.raw: row.cost_usd if row.paid.requests else None for row in self._told.rows}
        table = self.query_one(CompareTable)
        table.show(self._models, now=self._session.now(), workload=self._workload, past=past)
        self.query_one("#told", Static).update(self._standing())

    def _standing(self) -> str:
        """The line under the workload: what is wrong with it, or what the history says."""
        if self._mistake:
            return f"✕ {self._mistake}"
        if self._asked and self._told is None:
            return "↻ summing your last 30 days …"
        if self._told is None:
            more = f" Only {MOST_MODELS} fit: the first marked are shown." if self._marked > MOST_MODELS else ""
            return f"m prices your own last 30 days on each.{more}"
        if self._told.failure is not None:
            return f"✕ {self._told.failure.message} m tries again."
        told = {row.kind: paid_words(row) for row in self._told.rows}
        return f"{PAST_LABEL}: {'; '.join(told.values())}"

    # the workload

    def action_edit_workload(self) -> None:
        self.query_one(WorkloadLine).begin()

    @on(WorkloadLine.Left)
    def leave_workload(self) -> None:
        self.query_one(CompareTable).focus()

    @on(WorkloadLine.Wrong)
    def note_mistake(self, event: WorkloadLine.Wrong) -> None:
        if event.mistake != self._mistake:
            self._mistake = event.mistake
            self.query_one("#told", Static).update(self._standing())

    @on(WorkloadLine.Changed)
    def take_workload(self, event: WorkloadLine.Changed) -> None:
        self._workload = event.workload
        self._show()
        if self._save_timer is not None:
            self._save_timer.stop()
        self._save_timer = self.set_timer(_SAVE_AFTER_S, partial(self._remember, event.workload))

    def _remember(self, workload: Workload) -> None:
        self._save_timer = None
        self._session.submit(Remember(name="compare.workload", value=asdict(workload)))

    # the history

    def action_take_history(self) -> None:
        self._asked, self._told = True, None
        if not self._session.submit(RepriceHistory(models=tuple(model.id for model in self._models), days=_DAYS)):
            self._asked = False
            self.notify("Too much is waiting already: try again in a moment.", severity="warning", markup=False)
        self._show()

    def _take_answer(self, told: HistoryRepriced) -> None:
        self._told = told
        chats = any(kind_of(model) is RequestKind.CHAT for model in self._models)
        typical = told.chat if chats else told.embedding
        if typical is not None:
            self.query_one(WorkloadLine).put(typical)
        self._show()

    # the rest

    def action_copy(self) -> None:
        told = ""
        if self._told is not None and self._told.failure is None:
            told = f"{self._standing()}\n"
        self._session.copy(self.query_one(CompareTable).markdown() + told)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action != "leave" and isinstance(self.focused, Input):
            return False  # numbers are being typed
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        if self._save_timer is not None:
            self._save_timer.stop()
            self._remember(self._workload)
        _ = self.dismiss(None)


def paid_words(row: Repriced) -> str:
    """What the requests of a kind really cost: `214 chat requests, paid $1.23, ~$0.02 estimated, 3 unknown`."""
    paid, name = row.paid, _NAMES[row.kind]
    if not paid.requests:
        return f"no {name} requests" + _uncounted(row.uncounted)
    parts = [
        f"{count(paid.requests)} {name} request{'s' if paid.requests > 1 else ''}",
        f"paid {money(paid.billed_usd)}",
    ]
    if paid.estimated_usd:
        parts.append(f"~{money(paid.estimated_usd)} estimated")
    if paid.unknown:
        parts.append(f"{count(paid.unknown)} unknown")
    return ", ".join(parts) + _uncounted(row.uncounted)


def _uncounted(paid: Paid) -> str:
    return f" ({count(paid.requests)} more without token counts)" if paid.requests else ""
