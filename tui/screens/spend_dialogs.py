"""What Spend opens over itself: the plot, the account's days, and what the last 30 days would have cost elsewhere."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from typing_extensions import override

from tui.core import formats
from tui.core.ledger import MONEY
from tui.screens.dialog import Dialog
from tui.screens.help import HelpSection
from tui.stylesheets import style_path
from tui.widgets.bars import short_time
from tui.widgets.meter_strip import sum_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.core.events import ActivityRead, HistoryRepriced
    from tui.core.ledger import SpendRow
    from tui.widgets.bars import GaugeLine


class PlotDialog(Dialog[None]):
    """Spending by the day or by the hour, as large as the terminal."""

    CSS_PATH = [style_path("dialogs.tcss"), style_path("spend.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v", "leave", "close", tooltip="Back to Spend.", id="spend_plot.close"),
        Binding("h", "turn", "hours/days", tooltip="Change between hours and days.", id="spend_plot.unit"),
    ]

    def __init__(self, days: Sequence[SpendRow], hours: Sequence[SpendRow], *, by_hour: bool) -> None:
        super().__init__()
        self._days = days
        self._hours = hours
        self._by_hour = by_hour

    @override
    def compose(self) -> ComposeResult:
        from tui.widgets.spend_plot import SpendPlot  # brings numpy

        with Vertical(id="spend-plot"):
            yield SpendPlot(allow_pan_and_zoom=False)
            yield Static("", id="spend-plot-said", markup=False)

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def action_turn(self) -> None:
        self._by_hour = not self._by_hour
        self._show()

    def action_leave(self) -> None:
        _ = self.dismiss(None)

    def _show(self) -> None:
        from tui.widgets.spend_plot import SpendPlot

        rows = self._hours if self._by_hour else self._days
        pane = self.query_one("#spend-plot")
        pane.border_title = "per hour, 48 h" if self._by_hour else "per day, 30 d (UTC)"
        self.query_one(SpendPlot).show_rows(rows)
        billed = estimated = Decimal(0)
        for row in rows:
            billed, estimated = MONEY.add(billed, row.billed_usd), MONEY.add(estimated, row.estimated_usd)
        requests = sum(row.requests for row in rows)
        total = MONEY.add(billed, estimated)
        said = f"{'~' if estimated else ''}{formats.money(total)} for {requests:,} requests"
        if total:
            dearest = max(rows, key=lambda row: row.total_usd)
            said += f", most {sum_text(dearest)} {'at' if self._by_hour else 'on'} {short_time(dearest.key)}"
        self.query_one("#spend-plot-said", Static).update(Content(said))


def account_section(activity: ActivityRead, now: float) -> HelpSection:
    """The account's closed days beside ours, newest first."""
    rows = []
    for day in reversed(activity.days):
        byok = f", BYOK {formats.money(day.account_byok_usd)} apart" if day.account_byok_usd else ""
        theirs = f"account {formats.money(day.account_usd):>9} for {day.account_requests:,}"
        ours = f"here {formats.money(day.own_usd):>9} for {day.own_requests:,}"
        rows.append((day.day, f"{theirs}   {ours}   difference {formats.money(day.difference_usd):>9}{byok}"))
    old = f" They are {formats.duration(max(0.0, now - activity.as_of))} old." if activity.failure is not None else ""
    text = (
        "What the whole account spent on closed days (UTC) and what went through this ledger; the difference are other "
        f"programs, other keys and other machines.{old}"
    )
    if not rows:
        text += " There are no closed days yet: the first is there after 00:00 UTC."
    return HelpSection("Account and ledger", text, tuple(rows))


def limits_section(lines: Sequence[GaugeLine]) -> HelpSection:
    """All lines of the limits pane in words, for terminals in which not all have room."""
    rows = []
    for line in lines:
        figures = [f"{gauge.label} {gauge.text}{gauge.level.value}".strip() for gauge in line.gauges]
        rows.append((str(line.name), "; ".join(part for part in (*figures, line.note) if part)))
    text = "A budget counts what is reserved by requests that run; ! is from 80 %, !! from 95 % of a limit."
    return HelpSection("Limits", text, tuple(rows))


def repriced_section(answer: HistoryRepriced) -> HelpSection:
    """What the last days would have cost on the models that were asked about."""
    if answer.failure is not None:
        return HelpSection("Not known", f"{answer.failure.message} {answer.failure.advice}".strip(), ())
    if not answer.rows:
        return HelpSection("Not known", "The model is not in the list of models.", ())
    lines: list[tuple[str, str]] = []
    for row in answer.rows:
        paid = MONEY.add(row.paid.billed_usd, row.paid.estimated_usd)
        what = "chats" if row.kind.value == "chat" else "embeddings"
        said = "a price is unknown"
        if row.cost_usd is not None:
            said = f"{'~' if row.paid.requests else ''}{formats.money(row.cost_usd)}"
            if paid:
                factor = float(row.cost_usd / paid)
                said += f", {factor:.2f} of what was paid" if factor < 10 else f", {factor:.0f} times what was paid"
        lines.append((row.model.shown(), said))
        estimated = f" (~{formats.money(row.paid.estimated_usd)} of it estimated)" if row.paid.estimated_usd else ""
        lines.append(("paid", f"{formats.money(paid)} for {row.paid.requests:,} {what}{estimated}"))
        if row.uncounted.requests:
            lines.append(("left out", f"{row.uncounted.requests:,} whose tokens nobody counted"))
    text = (
        f"The tokens of the last {answer.days} UTC days at today's list prices: long prompts, times of the day, reads "
        "and writes of a cache and thinking count as listed; images and searches are in no figure."
    )
    return HelpSection(f"The last {answer.days} days elsewhere", text, tuple(lines))
