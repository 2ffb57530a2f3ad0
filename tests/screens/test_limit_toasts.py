"""The App says once that a limit comes near, and tells the worker whether somebody looks."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from screen_host import make_settings, until
from test_frame_app import Harness
from textual.events import AppBlur, AppFocus

from tui.config import Budget
from tui.core.commands import NoteFocus
from tui.core.events import SpendSummed
from tui.core.ledger import SpendRow, SpendSummary
from tui.openrouter.text import Clean


def spent(today: str) -> SpendSummed:
    def row(usd: str) -> SpendRow:
        return SpendRow(key=Clean("x"), requests=1, billed_usd=Decimal(usd))

    return SpendSummed(
        SpendSummary(
            day_utc="2026-08-06",
            session=row("0"),
            today=row(today),
            month=row(today),
            all_time=row(today),
            reserved_usd=Decimal(0),
        )
    )


async def test_a_toast_at_eighty_and_one_at_ninety_five_percent(tmp_path: Path) -> None:
    harness = Harness(make_settings(tmp_path, budget=Budget(day=Decimal(5), action="block")))
    app = harness.app
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for amount, count in (("3.9", 0), ("4.1", 1), ("4.2", 1), ("4.8", 2), ("4.9", 2), ("5.5", 2)):
            harness.worker.publish(spent(amount))
            await until(pilot, lambda amount=amount: f"today ${amount}" in str(harness.view._strip.render()))  # type: ignore[misc]
            # The strip is drawn before the toast is there.
            await until(pilot, lambda count=count: len(app._notifications) >= count)  # type: ignore[misc]
            assert len(app._notifications) == count
        said = [(notice.message, notice.severity) for notice in app._notifications]
        assert said[0][0].startswith("today $4.10/5.00: ") and "80 % is used, then block" in said[0][0]
        assert "95 % is used" in said[1][0]
        assert [severity for _, severity in said] == ["warning", "error"]


async def test_the_worker_hears_whether_somebody_looks(tmp_path: Path) -> None:
    harness = Harness(make_settings(tmp_path))
    async with harness.app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: harness.workers)
        for event, focused in ((AppBlur(), False), (AppFocus(), True)):
            harness.app.post_message(event)
            await until(pilot, lambda focused=focused: NoteFocus(focused=focused) in harness.worker.submitted[-1:])  # type: ignore[misc]
