"""Spend and limits: what it cost, by time and by model, what is left, and the last requests."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec.structs import replace
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import ScreenResume
from textual.timer import Timer
from textual.widgets import Input
from typing_extensions import override

from tui.core import formats
from tui.core.commands import ExportSpend, LoadSpend, PollQuota, RepriceHistory
from tui.core.ledger import LedgerRow, Period, SpendBy, SpendQuery
from tui.core.state import Topic
from tui.screens.live_screen import LiveScreen
from tui.screens.request_page import open_page, why_no_page
from tui.screens.session import Session
from tui.screens.spend_figures import figures, notes
from tui.screens.spend_limits import limit_lines
from tui.stylesheets import style_path
from tui.widgets.bars import CourseBars, Gauges, PartBars
from tui.widgets.figures import Figures
from tui.widgets.request_list import RequestList

if TYPE_CHECKING:
    from tui.core.ledger import SpendSummary
    from tui.openrouter.text import Opaque
    from tui.widgets.bars import GaugeLine

NOTHING_YET: Final = "No requests yet. What Chat (F3) and Embed (F4) send is listed with its bill."
_BY: Final[tuple[SpendBy, ...]] = ("model", "provider", "key", "conversation")
_PERIODS: Final[dict[Period, str]] = {
    "today": "today",
    "week": "this week",
    "month": "this month",
    "30 days": "30 days",
    "all": "all time",
}
_MORE_ROWS: Final = 400
_TICK_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""How long the countdowns may rest, shortest first."""
_TYPING_S: Final = 0.15
"""So long nothing was typed before words are looked for."""


class SpendScreen(LiveScreen):
    """Every cent and every limit."""

    FOLLOWS = Topic.METER | Topic.SPEND | Topic.JOBS | Topic.REPRICED
    MODE = "spend"
    CSS_PATH = style_path("spend.tcss")
    AUTO_FOCUS = "RequestList"
    HELP = (
        "What was spent, billed figures without a mark, estimates with ~. Reserved is what running requests may cost "
        "at most; burn is the rate of the last 15 minutes, the day's end goes by it, the month's end by the month so "
        "far. Days, weeks and months are UTC, as OpenRouter counts them."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/", tooltip="Find requests by words.", id="spend.filter"),
        Binding("b", "next_by", "by …", tooltip="By model, provider, key or conversation.", id="spend.by"),
        Binding("p", "next_period", "period", tooltip="Today, week, month, 30 days, all.", id="spend.period"),
        Binding("v", "plot", "plot", tooltip="Spending over time, as large as the terminal.", id="spend.plot"),
        Binding(
            "w", "what_if", "what if", tooltip="What 30 days would have cost on another model.", id="spend.what_if"
        ),
        Binding("e", "export", "export", tooltip="All requests into a CSV or JSON file.", id="spend.export"),
        Binding("h", "turn_time", "hours/days", show=False, tooltip="By the hour or by the day.", id="spend.hours"),
        Binding("a", "account", "account", show=False, tooltip="The account's days beside ours.", id="spend.account"),
        Binding("m", "limits", "all limits", show=False, tooltip="All lines of the limits pane.", id="spend.limits"),
        Binding("r", "reload", "refresh", show=False, tooltip="Sum again and ask what is left.", id="spend.refresh"),
        Binding("escape", "clear_filter", "all requests", tooltip="All requests again.", id="spend.clear"),
    ]

    figures = getters.query_one(Figures)
    course = getters.query_one(CourseBars)
    parts = getters.query_one(PartBars)
    gauges = getters.query_one(Gauges)
    requests = getters.query_one(RequestList)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._clock: Timer | None = None
        """Wakes the countdowns; while the view is hidden there is none."""
        self.rests_s = 0.0
        """How long they rest this time."""
        self._query = SpendQuery()
        self._asked: tuple[SpendQuery, SpendSummary | None] | None = None
        """What the view that is awaited was asked with; None: none is."""
        self._shown_for: tuple[SpendQuery, SpendSummary | None] | None = None
        self._poll_due = False
        """Whether to ask what is left as soon as the figures are there."""
        self._by_hour = False
        self._limits: tuple[list[GaugeLine], str] = ([], "")
        """What the limits pane says, and how old that is."""
        self._what_if: Opaque | None = None
        self._typed: Timer | None = None
        self._filter: Input | None = None
        """The field for words, made when one first wants it."""

    @override
    def compose(self) -> ComposeResult:
        yield Figures()
        with Horizontal(id="bars"):
            yield CourseBars()
            yield PartBars()
        gauges = Gauges()
        gauges.border_title = "limits"
        yield gauges
        yield RequestList("Reading the ledger …", self._has_page)

    @override
    def on_mount(self) -> None:
        self._show_titles()

    @override
    def on_screen_resume(self, event: ScreenResume) -> None:
        self._tick_in(_TICK_S[0])
        self._asked = None
        self._ask_view()
        # What is left is asked over the network; it may come after the figures that are at hand.
        self._poll_due = True

    @override
    def on_screen_suspend(self) -> None:
        if self._clock is not None and not self.is_current_view:
            self._clock.stop()

    # what is looked at

    def action_reload(self) -> None:
        """Sum the ledger again and ask what is left."""
        self._asked = None
        if not self._reload():
            self.notify("Too much is waiting already; press r in a moment.", severity="warning", markup=False)

    def action_next_by(self) -> None:
        self._change(by=_BY[(_BY.index(self._query.by) + 1) % len(_BY)])

    def action_next_period(self) -> None:
        periods = tuple(_PERIODS)
        self._change(period=periods[(periods.index(self._query.period) + 1) % len(periods)])

    def action_turn_time(self) -> None:
        self._by_hour = not self._by_hour
        self._show_titles()
        self.catch_up(Topic.SPEND)

    def _change(self, **changes: object) -> None:
        self._query = replace(self._query, **changes)
        self._show_titles()
        self._ask_view()

    def _reload(self) -> bool:
        return self._ask_view() and self.session.submit(PollQuota())

    def _ask_view(self) -> bool:
        """Ask for what is to be seen, unless just that is being answered; one answer is awaited at a time."""
        if self._asked is not None:
            return True
        wanted = (self._query, self.session.state.spend)
        if not self.session.submit(LoadSpend(query=self._query)):
            return False
        self._asked = wanted
        return True

    @override
    def catch_up(self, topics: Topic) -> None:
        state = self.session.state
        spend, view = state.spend, state.spend_view
        if topics & Topic.SPEND and self._asked is not None and view is not None and view.query == self._asked[0]:
            self._shown_for, self._asked = (view.query, spend), None
            if self._poll_due:
                self._poll_due = False
                self.session.submit(PollQuota())
        if self._shown_for is not None and self._shown_for != (self._query, spend):
            self._ask_view()
        self.figures.show_figures(figures(spend), notes(state, self.session.now()))
        self._show_limits()
        if view is not None:
            self.parts.show_parts(view.parts, view.query.by)
        if spend is not None:
            self.course.show_rows(view.by_hour if self._by_hour and view is not None else spend.by_day)
            self._show_requests()
        if topics & Topic.REPRICED:
            self._show_what_if()

    def _show_requests(self) -> None:
        state = self.session.state
        assert state.spend is not None
        view = state.spend_view
        older = view.requests if view is not None and view.query.words == self._query.words else None
        if self._query.words:
            self.requests.say_when_empty(f"No request of the last 100,000 has “{self._query.words}”. esc shows all.")
            if older is not None:
                self.requests.show_rows(older)
            return
        self.requests.say_when_empty(NOTHING_YET)
        rows = state.spend.last
        if older is not None:
            newest = {row.id for row in rows}
            rows = (*rows, *(row for row in older if row.id not in newest))
        self.requests.show_rows(rows)

    def _show_titles(self) -> None:
        utc = datetime.now().astimezone().utcoffset() == timedelta(0)
        self.course.border_title = "per hour, 48 h" if self._by_hour else f"per day, 30 d{'' if utc else ', UTC'}"
        self.parts.border_title = Content(f"by {self._query.by}, {_PERIODS[self._query.period]}")

    def _limits_at(self, now: float) -> tuple[list[GaugeLine], str]:
        """What the limits pane says at a time (Unix seconds): its lines, and how old they are."""
        quota = self.session.state.quota
        age = now - quota.as_of if quota is not None else 0.0
        lines = limit_lines(self.session.state, self.session.settings, now)
        return lines, f"{formats.duration(age)} ago" if age >= 60 else ""

    def _show_limits(self) -> None:
        limits = self._limits_at(self.session.now())
        if limits == self._limits:
            return
        self._limits = limits
        self.gauges.show_lines(limits[0])
        if limits[1] != self.gauges.border_subtitle:
            # Textual draws the whole pane again whenever it is set.
            self.gauges.border_subtitle = limits[1]
        self._tick_in(_TICK_S[0])

    def tick(self) -> None:
        """Count down; then rest until there is something else to say: most countdowns go by minutes."""
        self._show_limits()
        now = self.session.now()
        for pause in _TICK_S:
            if self._limits_at(now + pause) != self._limits:
                break
        self._tick_in(pause)

    def _tick_in(self, seconds: float) -> None:
        if self._clock is not None:
            self._clock.stop()
        self.rests_s = seconds
        self._clock = self.set_timer(seconds, self.tick)

    # the requests

    async def action_filter(self) -> None:
        if self._filter is None:
            self._filter = Input(
                placeholder="words of model, provider, key, error, conversation", id="request-filter", compact=True
            )
            await self.mount(self._filter, before=self.requests)
        self._filter.display = True
        self._filter.focus()

    def action_clear_filter(self) -> None:
        if self._filter is not None:
            self._filter.value = ""
            self._filter.display = False
        self.requests.focus()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "clear_filter":
            return self._filter is not None and self._filter.display
        if action == "filter":
            return self._filter is None or not self._filter.has_focus
        if action == "account":
            return self.session.state.activity is not None
        return super().check_action(action, parameters)

    @on(Input.Changed, "#request-filter")
    def note_typing(self) -> None:
        if self._typed is None:
            self._typed = self.set_timer(_TYPING_S, self._look_for, pause=True)
        self._typed.reset()
        self._typed.resume()

    def _look_for(self) -> None:
        self._typed = None
        words = " ".join(self._filter.value.split()) if self._filter is not None else ""
        if words != self._query.words:
            self._change(words=words)
            self._show_requests()

    @on(Input.Submitted, "#request-filter")
    def leave_filter(self) -> None:
        self.requests.focus()

    @on(RequestList.Chosen)
    def show_details(self, event: RequestList.Chosen) -> None:
        """All that is known of a request."""
        from tui.screens.request_dialog import RequestDialog

        _ = self.app.push_screen(RequestDialog(self.session, event.row, self.session.now()))

    @on(RequestList.Wanted)
    def give(self, event: RequestList.Wanted) -> None:
        match event.what:
            case "older":
                if self._query.rows < _MORE_ROWS:
                    self._change(rows=_MORE_ROWS)
            case "page":
                open_page(self.app, event.row, self.session.settings)
            case "id" if event.row.generation_id is not None:
                self.session.copy(event.row.generation_id.raw)
            case _:
                self.notify("OpenRouter gave this request no id.", severity="warning", markup=False)

    def _has_page(self, row: LedgerRow) -> bool:
        return why_no_page(row, self.session.settings) is None

    # dialogs

    @work(group="plot", exclusive=True)
    async def action_plot(self) -> None:
        # It brings numpy, a tenth of a second and more, in which nothing would be painted.
        await asyncio.to_thread(import_module, "tui.widgets.spend_plot")
        from tui.screens.spend_dialogs import PlotDialog

        state = self.session.state
        days = state.spend.by_day if state.spend is not None else ()
        hours = state.spend_view.by_hour if state.spend_view is not None else ()
        _ = self.app.push_screen(PlotDialog(days, hours, by_hour=self._by_hour))

    def action_limits(self) -> None:
        from tui.screens.help import HelpScreen
        from tui.screens.spend_dialogs import limits_section

        section = limits_section(self._limits_at(self.session.now())[0])
        _ = self.app.push_screen(HelpScreen([section], "limits"))

    def action_account(self) -> None:
        from tui.screens.help import HelpScreen
        from tui.screens.spend_dialogs import account_section

        if (activity := self.session.state.activity) is not None:
            section = account_section(activity, self.session.now())
            _ = self.app.push_screen(HelpScreen([section], "account"))

    def action_export(self) -> None:
        from tui.openrouter.text import Clean
        from tui.screens.pick import PickScreen
        from tui.widgets.pick_list import PickItem

        items = [
            PickItem("csv", Clean("CSV"), Clean("for spreadsheets")),
            PickItem("json", Clean("JSON"), Clean("for programs")),
        ]

        def write(kind: str | None) -> None:
            if kind is not None:
                _ = self.session.submit(ExportSpend(kind="json" if kind == "json" else "csv"))

        _ = self.app.push_screen(PickScreen("export all requests as", items), write)

    def action_what_if(self) -> None:
        """What the last 30 days would have cost on a model."""
        from tui.screens.pick import PickScreen
        from tui.screens.pick_items import model_items

        state = self.session.state
        chats, embeds = (model_items(state.models, state.favourites, embeddings=kind) for kind in (False, True))

        def ask(raw: str | None) -> None:
            model = next((model for model in state.models if model.id.raw == raw), None)
            if model is not None:
                self._what_if = model.id
                _ = self.session.submit(RepriceHistory(models=(model.id,)))

        empty = "The list of models is not there yet: F2, then r loads it."
        picker = PickScreen("the last 30 days on", [*chats, *embeds], recents=state.picked_first, empty=empty)
        _ = self.app.push_screen(picker, ask)

    def _show_what_if(self) -> None:
        answer = self.session.state.repriced
        if answer is None or self._what_if is None or answer.models != (self._what_if,):
            return
        from tui.screens.help import HelpScreen
        from tui.screens.spend_dialogs import repriced_section

        self._what_if = None
        _ = self.app.push_screen(HelpScreen([repriced_section(answer)], "what if"))
