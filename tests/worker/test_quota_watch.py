"""When the server is asked what is left, by a clock that the test sets."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from worker_host import ScriptedServer, http

from tui.config import KeySource
from tui.core.commands import NoteFocus, PollQuota
from tui.core.events import QuotaRead
from tui.secret import Secret
from tui.worker.quota_watch import QuotaWatch, pause_s


@pytest.mark.parametrize(
    ("running", "away_s", "failures", "pause"),
    [
        (False, 0, 0, 120),
        (True, 0, 0, 15),
        (True, 599, 0, 15),
        (True, 600, 0, None),
        (False, 10_000, 0, None),
        (True, 0, 2, 60),
        (False, 0, 3, 900),
        (False, 0, 1000, 900),
    ],
)
def test_pauses(running: bool, away_s: float, failures: int, pause: float | None) -> None:
    assert pause_s(running=running, away_s=away_s, failures=failures) == pause


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.running = False
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1


def make() -> tuple[Clock, QuotaWatch]:
    clock = Clock()
    return clock, QuotaWatch(clock.ask, lambda: clock.running, lambda: clock.now)


async def test_before_the_first_answer_only_spending_makes_one_ask() -> None:
    _, watch = make()
    assert watch.due_in_s() is None
    watch.note_spent()
    assert watch.due_in_s() == 2


async def test_after_spending_it_is_asked_soon_and_once() -> None:
    clock, watch = make()
    watch.note_asked(True)
    assert watch.due_in_s() == 120
    clock.now += 10
    watch.note_spent()
    assert watch.due_in_s() == 2
    clock.now += 1
    watch.note_spent()
    assert watch.due_in_s() == 1
    watch.note_asked(True)
    assert watch.due_in_s() == 120
    clock.running = True
    assert watch.due_in_s() == 15


async def test_failures_make_it_rarer_also_after_spending() -> None:
    clock, watch = make()
    for _ in range(3):
        watch.note_asked(False)
    clock.running = True
    watch.note_spent()
    assert watch.due_in_s() == 120
    watch.note_asked(True)
    assert watch.due_in_s() == 15


async def test_a_terminal_that_nobody_looks_at_asks_nothing_until_somebody_does() -> None:
    clock, watch = make()
    watch.note_asked(True)
    watch.note_focus(False)
    clock.now += 300
    watch.note_focus(False)
    assert watch.due_in_s() == 0
    clock.now += 300
    assert watch.due_in_s() is None
    watch.note_focus(True)
    assert watch.due_in_s() == 0


async def test_it_asks_once_for_each_time_that_comes() -> None:
    clock, watch = make()
    watch.note_asked(True)
    clock.now += 121
    task = asyncio.create_task(watch.run())
    while not clock.asked:
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert clock.asked == 1
    clock.now += 121
    watch.note_running()
    while clock.asked < 2:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


KEY = {"data": {"label": "k", "limit": 10, "limit_remaining": 4, "usage": 999}}


async def test_what_was_known_is_shown_at_the_start_until_the_server_answers(start_host: Any, tmp_path: Path) -> None:
    server = ScriptedServer(b"", gets={"/key": http(200, KEY)})
    async with server as url:
        first = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, host={"watch": True})
        first.worker.submit(PollQuota())
        await first.until(lambda: first.state.quota is not None)
        as_of = first.state.quota.as_of
        await first.close()
        server.gets.clear()
        again = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, host={"watch": True})
        await again.until(lambda: again.state.quota is not None)
        assert abs(again.state.quota.as_of - as_of) < 0.1
        as_of = again.state.quota.as_of
        again.worker.submit(PollQuota())
        await again.until(lambda: again.state.quota.failure is not None)
        # The old figure stays, with its age beside the reason.
        assert (again.state.quota.key.limit_remaining, again.state.quota.as_of) == (Decimal(4), as_of)


async def test_focus_reaches_the_watch(start_host: Any) -> None:
    server = ScriptedServer(b"", gets={"/key": http(200, KEY)})
    async with server as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, host={"watch": True})
        host.worker.submit(PollQuota())
        await host.until(lambda: host.saw(QuotaRead))
        host.worker.submit(NoteFocus(focused=False))
        await host.until(lambda: host.worker._begun.quota._away_since is not None)
        host.worker.submit(NoteFocus(focused=True))
        await host.until(lambda: host.worker._begun.quota._away_since is None)


ACTIVITY = {
    "data": [
        {"date": "2026-01-02", "model": "a/b", "usage": 0.5, "byok_usage_inference": 0, "requests": 3},
        {"date": "2026-01-01", "model": "a/b", "usage": "0.25", "requests": 1},
        {"date": "2026-01-01", "model": "c/d", "usage": 1, "requests": 1},
        {"date": "2026-01-01", "model": "no amount", "usage": None},
        "nonsense",
    ]
}


async def test_a_management_key_brings_the_account_s_days(start_host: Any) -> None:
    gets = {
        "/key": http(200, KEY),
        "/credits": http(200, {"data": {"total_credits": 20, "total_usage": 13}}),
        "/activity": http(200, ACTIVITY),
    }
    server = ScriptedServer(b"", gets=gets)
    management_key = KeySource(Secret("sk-or-v1-mgmt-activity-0001"), "test")
    async with server as url:
        host = await start_host(
            url, "sk-or-v1-aaaa1111", catalogue=False, host={"watch": True}, management_key=management_key
        )
        for _ in range(2):
            host.worker.submit(PollQuota())
            await host.until(lambda: host.saw("ActivityRead"))
            host.events.clear()
    assert host.state.quota.credits.total_usage == 13
    days = host.state.activity.days
    assert [(day.day, day.account_usd, day.account_requests) for day in days] == [
        ("2026-01-01", Decimal("1.25"), 2),
        ("2026-01-02", Decimal("0.5"), 3),
    ]
    assert all(day.own_usd == 0 and day.difference_usd == day.account_usd for day in days)
    # Closed days do not change: within the hour the server is asked once.
    asked = [seen for seen in server.seen if seen.path.endswith("/activity")]
    assert len(asked) == 1
    assert asked[0].headers["authorization"].endswith("activity-0001")


async def test_without_a_management_key_nobody_asks_for_the_account(start_host: Any) -> None:
    server = ScriptedServer(b"", gets={"/key": http(200, KEY), "/activity": http(200, ACTIVITY)})
    async with server as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, host={"watch": True})
        host.worker.submit(PollQuota())
        await host.until(lambda: host.state.quota is not None)
        await host.until(lambda: not any(task.get_name() == "quota" for task in asyncio.all_tasks()))
    assert host.state.activity is None
    assert not [seen for seen in server.seen if "activity" in seen.path]
