"""What changed in the catalogue: since the last visit, in the last 7 and 30 days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Static
from typing_extensions import override

from tui.core.catalogue_changes import Change, Changes, Span, changes
from tui.core.commands import RefreshCatalogue
from tui.core.formats import age
from tui.core.state import Topic
from tui.openrouter.text import Opaque
from tui.screens.dialog import Dialog
from tui.widgets.change_list import ChangeList

if TYPE_CHECKING:
    from tui.screens.session import Session

_SpanName: TypeAlias = Literal["since_visit", "week", "month"]
_SPANS: Final[tuple[_SpanName, ...]] = ("since_visit", "week", "month")
_LABELS: Final[dict[_SpanName, str]] = {"since_visit": "since your last visit", "week": "7 days", "month": "30 days"}


class ChangesDialog(Dialog[Opaque | None]):
    """Gives back the model to go to in the table, None for esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w,tab,l,right", "span(1)", "next span", key_display="w", id="changes.next_span",
                tooltip="Since the last visit, 7 days, 30 days"),
        Binding("h,left,shift+tab", "span(-1)", "previous span", show=False, id="changes.previous_span",
                tooltip="The span before"),
        Binding("r", "load", "load again", id="changes.load", tooltip="Load the list of models again"),
        Binding("escape,q", "leave", "back", id="changes.leave", tooltip="Back to the table"),
    ]  # fmt: skip
    HELP = (
        "What changed in the list of models: new ones, prices, context lengths, expiry, and what is gone. w goes "
        "from your last visit to the last 7 and 30 days; enter goes to the model in the table; r loads the list again."
    )

    rows = query_one(ChangeList)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._known: Changes | None = session.state.changes
        self._told: dict[str, tuple[Change, ...]] = {}
        self._span: _SpanName = "since_visit"

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="model-dialog") as pane:
            pane.border_title = Content("what changed")
            yield Static("", id="changes-spans", markup=False)
            yield ChangeList()
            yield Static("", id="changes-standing", markup=False)

    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self._note_changes, immediate=True)
        # The first span that has something to say: a screen of nothing helps nobody.
        self._span = next((name for name in _SPANS if self._changes(name)), "since_visit")
        self.rows.focus()
        self._show()

    def _note_changes(self, topics: Topic) -> None:
        if topics & (Topic.CATALOGUE | Topic.JOBS):
            self.call_next(self._show)

    def _changes(self, name: _SpanName) -> tuple[Change, ...]:
        if (known := self._session.state.changes) is not self._known:
            self._known = known
            self._told.clear()
        if name not in self._told:
            span = self._of(name)
            self._told[name] = () if span is None else changes(span.moved)
        return self._told[name]

    def _of(self, name: _SpanName) -> Span | None:
        known = self._session.state.changes
        if known is None:
            return None
        return {"since_visit": known.since_visit, "week": known.week, "month": known.month}[name]

    # What is shown

    def _show(self) -> None:
        shown = self._changes(self._span)
        self.rows.show(shown, empty=self._why_empty())
        parts: list[Content] = []
        for name in _SPANS:
            count = len(self._changes(name))
            text = f" {_LABELS[name]} · {count} "
            parts += [Content.styled(text, "reverse") if name == self._span else Content(text), Content(" ")]
        self.query_one("#changes-spans", Static).update(Content.assemble(*parts), layout=False)
        self.query_one("#changes-standing", Static).update(Content(self._standing()), layout=False)

    def _why_empty(self) -> str:
        known = self._session.state.changes
        if known is None or known.watched_since is None:
            return "What changes in the list of models is told here once it has been loaded twice.\nr loads it again."
        watched = f"The list has been watched since {_moment(known.watched_since)}."
        if self._span == "since_visit" and known.visited_at is None:
            return f"This is your first visit: nothing to compare with before it.\n{watched} r loads it again."
        return f"Nothing has changed in this time.\n{watched} r loads it again."

    def _standing(self) -> str:
        """The lowest line: since when, and against which list."""
        state, now = self._session.state, self._session.now()
        parts = []
        if "catalogue" in state.jobs:
            parts.append("↻ loading the list")
        elif state.catalogue_failure is not None:
            parts.append(f"✕ {state.catalogue_failure.message} r tries again")
        elif state.catalogue_fetched_at is not None:
            old = age(state.catalogue_fetched_at, now)
            parts.append("just loaded" if old == "now" else f"loaded {old} ago")
        span, known = self._of(self._span), state.changes
        if span is not None and span.compared_with is not None:
            parts.append(f"compared with that of {_moment(span.compared_with)}")
        elif self._span == "since_visit" and known is not None and known.visited_at is not None:
            parts.append(f"your last visit ended {_moment(known.visited_at)}")
        if (
            known is not None
            and known.watched_since is not None
            and span is not None
            and span.start < known.watched_since
        ):
            parts.append(f"watched since {_moment(known.watched_since)}")
        return " · ".join(parts)

    # Keys

    def action_span(self, steps: int) -> None:
        """Another span."""
        self._span = _SPANS[(_SPANS.index(self._span) + steps) % len(_SPANS)]
        self._show()

    def action_load(self) -> None:
        """Load the list of models again."""
        self._session.submit(RefreshCatalogue())

    @on(ChangeList.Chosen)
    def go(self, event: ChangeList.Chosen) -> None:
        _ = self.dismiss(event.model)

    def action_leave(self) -> None:
        _ = self.dismiss(None)


def _moment(at: float) -> str:
    """Local day and time: `6 Aug 14:02`."""
    moment = datetime.fromtimestamp(at, UTC).astimezone()
    return f"{moment.day} {moment:%b %H:%M}"
