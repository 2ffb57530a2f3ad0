"""Spend and limits: what it cost, by day and model, what is left, and the last requests."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import ScreenResume
from textual.timer import Timer
from textual.widget import Widget
from typing_extensions import override

from tui.config import Settings
from tui.core import formats
from tui.core.commands import LoadSpend, PollQuota
from tui.core.conversation import CostKind
from tui.core.ledger import KeyState, KeyUse, LedgerRow, SpendQuery, SpendRow, SpendSummary
from tui.core.state import State, Topic
from tui.openrouter.text import Clean, clean_line
from tui.screens.live_screen import LiveScreen
from tui.screens.session import Session
from tui.stylesheets import style_path
from tui.widgets.bars import DayBars, Gauge, GaugeLine, Gauges, ModelBars
from tui.widgets.meter_strip import next_midnight, next_reset, sum_text
from tui.widgets.request_list import RequestList, state_words

NOTHING_YET = "No requests yet. What Chat (F3) and Embed (F4) send stands here with its bill."


def figures(spend: SpendSummary | None, now: float) -> list[tuple[Clean, Clean]]:
    """The sums at the top, most wanted first: a label and an amount."""
    names = ("today", "week", "month", "all", "session", "reserved")
    if spend is None:
        return [(Clean(name), formats.UNKNOWN) for name in names]
    amounts = (
        sum_text(spend.today),
        sum_text(spend.week),
        sum_text(spend.month),
        sum_text(spend.all_time),
        sum_text(spend.session),
        formats.money(spend.reserved_usd),
    )
    pairs = [(Clean(name), amount) for name, amount in zip(names, amounts, strict=True)]
    unknown = spend.all_time.unknown
    if unknown:
        pairs.append((Clean("cost unknown"), Clean(f"{unknown:,} requests")))
    if spend.month.total_usd:
        pairs.append((Clean("at this rate"), Clean(f"month ~{formats.money(_projected(spend.month, now))}")))
    return pairs


def _projected(month: SpendRow, now: float) -> Decimal:
    """The month's end at the pace so far, at least a day's worth of it being over."""
    at = datetime.fromtimestamp(now, UTC)
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    whole = calendar.monthrange(at.year, at.month)[1] * 86_400
    gone = max(86_400.0, (at - start).total_seconds())
    return month.total_usd * whole / Decimal(int(gone))


def limit_lines(state: State, settings: Settings, now: float) -> list[GaugeLine]:
    """The limits pane: budgets, what the server says is left, each key's last minute, the free allowance."""
    lines = [*_budget_lines(state, settings), *_quota_lines(state, settings, now)]
    lines += [_key_line(key, now) for key in state.keys]
    if (free := state.free) is not None and settings.provider.type == "openrouter":
        least = "≥" if free.at_least and free.day_used else ""
        resets = formats.duration(max(0.0, (free.resets_at or next_midnight(now)) - now))
        day = Gauge(
            Clean(""),
            Decimal(free.day_used),
            Decimal(free.day_limit),
            Clean(f"{least}{free.day_used}/{free.day_limit} today"),
        )
        minute = Gauge(
            Clean(""),
            Decimal(free.minute_used),
            Decimal(free.minute_limit),
            Clean(f"{free.minute_used}/{free.minute_limit} this minute"),
        )
        lines.append(GaugeLine(Clean("free models"), (day, minute), Clean(f"resets in {resets}")))
    return lines


def _budget_lines(state: State, settings: Settings) -> list[GaugeLine]:
    spend, budget = state.spend, settings.budget
    if spend is None:
        return []
    rows = (
        ("day", spend.today, budget.day),
        ("month", spend.month, budget.month),
        ("session", spend.session, budget.session),
    )
    gauges = tuple(
        Gauge(
            Clean(name),
            row.total_usd + spend.reserved_usd,
            limit,
            Clean(f"{sum_text(row)}/{formats.money(limit)[1:]}"),
        )
        for name, row, limit in rows
        if limit is not None
    )
    return [GaugeLine(Clean("budget"), gauges, Clean(f"then {budget.action}"))] if gauges else []


def _quota_lines(state: State, settings: Settings, now: float) -> list[GaugeLine]:
    quota = state.quota
    if quota is None:
        if not settings.provider.keys:
            return [GaugeLine(Clean("key"), note=Clean("none: set OPENROUTER_API_KEY or list one in config.yaml"))]
        return [GaugeLine(Clean("key"), note=Clean("asking what is left …"))]
    lines = []
    old = ""
    if quota.failure is not None:
        old = f", {formats.duration(max(0.0, now - quota.as_of))} old: {quota.failure.message}"
    if (key := quota.key) is not None:
        if key.limit is not None and key.limit_remaining is not None:
            left = Clean(f"{formats.money(key.limit_remaining)} of {formats.money(key.limit)} left")
            reset = next_reset(key.limit_reset, now)
            when = (
                f"{key.limit_reset}, resets in {formats.duration(reset - now)}" if reset is not None else "never resets"
            )
            gauge = Gauge(Clean(""), key.limit - key.limit_remaining, key.limit, left)
            lines.append(GaugeLine(Clean("key limit"), (gauge,), clean_line(when + old), warns=bool(old)))
        elif key.limit is None:
            used = f"no limit, {formats.money(key.usage)} used" if key.usage is not None else "no limit"
            lines.append(GaugeLine(Clean("key limit"), note=clean_line(used + old), warns=bool(old)))
    elif quota.failure is not None:
        lines.append(GaugeLine(Clean("key limit"), note=clean_line(f"unknown: {quota.failure.message}"), warns=True))
    if (credits_ := quota.credits) is not None:
        left_usd = credits_.total_credits - credits_.total_usage
        words = Clean(f"{formats.money(left_usd)} of {formats.money(credits_.total_credits)} left")
        lines.append(
            GaugeLine(Clean("credits"), (Gauge(Clean(""), credits_.total_usage, credits_.total_credits, words),))
        )
    return lines


def _key_line(key: KeyUse, now: float) -> GaugeLine:
    def gauge(label: str, used: int, limit: int) -> Gauge:
        words = f"{formats.short_count(used)}/{formats.short_count(limit)}" if limit else formats.short_count(used)
        return Gauge(Clean(label), Decimal(used), Decimal(limit), Clean(words))

    gauges = (
        gauge("requests", key.requests_60s, key.limits.req_per_min),
        gauge("tokens", key.tokens_60s, key.limits.tokens_per_min),
    )
    rest = f" {formats.duration(max(0.0, key.until - now))}" if key.until is not None else ""
    reason = f": {key.reason}" if key.reason else ""
    match key.state:
        case KeyState.READY:
            note = (
                "last minute" if key.limits.req_per_min or key.limits.tokens_per_min else "last minute, no limits set"
            )
        case KeyState.RESTING:
            note = f"rests{rest}{reason}"
        case KeyState.DEAD:
            note = f"✕ refused{reason}"
        case KeyState.EMPTY:
            note = f"✕ empty{reason}"
    return GaugeLine(key.tail, gauges, clean_line(note), warns=key.state is not KeyState.READY)


def request_details(row: LedgerRow) -> tuple[tuple[str, str], ...]:
    """Names and values of everything that the ledger knows of a request."""
    kinds = {
        CostKind.BILLED: "billed",
        CostKind.ESTIMATED: "estimated, without a bill yet",
        CostKind.UNKNOWN: "unknown",
    }
    at = datetime.fromtimestamp(row.created_at, UTC).astimezone()
    tokens = f"{formats.count(row.prompt_tokens)} in, {formats.count(row.completion_tokens)} out"
    pairs: list[tuple[str, str | None]] = [
        ("time", f"{at:%Y-%m-%d %H:%M:%S}"),
        ("kind", row.kind.value),
        ("cost", f"{formats.cost(row.cost)} {kinds[row.cost.kind]}".rstrip()),
        ("tokens", tokens),
        ("thinking", formats.count(row.reasoning_tokens) if row.reasoning_tokens else None),
        ("from cache", formats.count(row.cached_tokens) if row.cached_tokens else None),
        ("answered by", row.model_answered if row.model_answered != row.model else None),
        ("provider", row.provider or formats.UNKNOWN),
        ("key", row.key_tail),
        ("first token", formats.UNKNOWN if row.ttft_ms is None else formats.duration(row.ttft_ms / 1000)),
        ("took", formats.UNKNOWN if row.duration_ms is None else formats.duration(row.duration_ms / 1000)),
        ("tries", str(row.tries)),
        ("status", str(row.status) if row.status is not None else None),
        ("error", row.error_kind),
    ]
    return tuple((name, value) for name, value in pairs if value is not None)


class Figures(Widget):
    """The sums, a label over each amount; what does not fit drops from the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"figures--label", "figures--amount"}
    DEFAULT_CSS = "Figures { height: 2; }"

    def __init__(self) -> None:
        super().__init__()
        self._pairs: list[tuple[Clean, Clean]] = []

    def show_pairs(self, pairs: list[tuple[Clean, Clean]]) -> None:
        """Draw these."""
        if pairs != self._pairs:
            self._pairs = pairs
            self.refresh()

    @override
    def render(self) -> Content:
        label = self.get_visual_style("figures--label", partial=True)
        amount = self.get_visual_style("figures--amount", partial=True)
        room = self.content_size.width
        above: list[tuple[str, object]] = []
        below: list[tuple[str, object]] = []
        for name, value in self._pairs:
            width = max(len(name), len(value), 9) + 3
            if width - 3 > room:
                break
            room -= width
            above.append((name.ljust(width), label))
            below.append((value.ljust(width), amount))
        return Content.assemble(*above, "\n", *below)  # type: ignore[arg-type]


class SpendScreen(LiveScreen):
    """Every cent and every limit."""

    FOLLOWS = Topic.METER | Topic.SPEND
    MODE = "spend"
    CSS_PATH = style_path("spend.tcss")
    AUTO_FOCUS = "RequestList"
    HELP = (
        "What was spent, billed figures without a mark, estimates with ~. Reserved is what running requests may cost "
        "at most. Days, weeks and months are UTC, as OpenRouter counts them."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reload", "refresh", tooltip="Sum the ledger again and ask what is left.", id="spend.refresh"),
    ]

    figures = getters.query_one(Figures)
    days = getters.query_one(DayBars)
    models = getters.query_one(ModelBars)
    gauges = getters.query_one(Gauges)
    requests = getters.query_one(RequestList)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._clock: Timer | None = None

    @override
    def compose(self) -> ComposeResult:
        yield Figures()
        with Horizontal(id="bars"):
            days = DayBars()
            utc = datetime.now().astimezone().utcoffset() == timedelta(0)
            days.border_title = "per day, 30 d" if utc else "per day, 30 d, UTC"
            yield days
            models = ModelBars()
            models.border_title = "by model, this month"
            yield models
        gauges = Gauges()
        gauges.border_title = "limits"
        yield gauges
        yield RequestList("Reading the ledger …")

    @override
    def on_mount(self) -> None:
        # Countdowns; while the view is hidden nothing ticks.
        self._clock = self.set_interval(1.0, self._show_limits, pause=True)

    @override
    def on_screen_resume(self, event: ScreenResume) -> None:
        if self._clock is not None:
            self._clock.resume()
        self._ask()

    @override
    def on_screen_suspend(self) -> None:
        if self._clock is not None and not self.is_current_view:
            self._clock.pause()

    def action_reload(self) -> None:
        """Sum the ledger again and ask what is left."""
        if not self._ask():
            self.notify("Too much is waiting already; press r in a moment.", severity="warning", markup=False)

    @on(RequestList.Chosen)
    def show_details(self, event: RequestList.Chosen) -> None:
        """All that is known of a request."""
        from tui.screens.help import HelpScreen, HelpSection

        row = event.row
        section = HelpSection(row.model, state_words(row), request_details(row))
        _ = self.app.push_screen(HelpScreen([section], "request"))

    def _ask(self) -> bool:
        return self.session.submit(LoadSpend(query=SpendQuery())) and self.session.submit(PollQuota())

    @override
    def catch_up(self, topics: Topic) -> None:
        state = self.session.state
        spend = state.spend
        self.figures.show_pairs(figures(spend, self.session.now()))
        self._show_limits()
        if state.spend_view is not None:
            self.models.show_rows(state.spend_view.by_model)
        if spend is not None:
            self.days.show_rows(spend.by_day)
            self.requests.say_when_empty(NOTHING_YET)
            self.requests.show_rows(spend.last)

    def _show_limits(self) -> None:
        quota = self.session.state.quota
        now = self.session.now()
        self.gauges.show_lines(limit_lines(self.session.state, self.session.settings, now))
        age = now - quota.as_of if quota is not None else 0.0
        self.gauges.border_subtitle = f"{formats.duration(age)} ago" if age >= 60 else ""
