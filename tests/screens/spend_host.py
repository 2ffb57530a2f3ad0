"""What the tests of the Spend screen start from: rows, sums, a quota, and the words made of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from screen_host import NOW

from tui.config import Settings
from tui.core.conversation import Cost, CostKind
from tui.core.events import (
    QuotaRead,
    SpendViewed,
)
from tui.core.ledger import (
    LedgerRow,
    RequestKind,
    RequestState,
    SpendQuery,
    SpendRow,
    SpendSummary,
    SpendView,
)
from tui.core.state import State
from tui.openrouter.chat import KeyInfo
from tui.openrouter.text import Clean, clean
from tui.screens.spend_figures import notes
from tui.screens.spend_limits import limit_lines

HOSTILE = clean("[/b] [@click=app.quit]x[/] \x1b]52;c;eA==\x1b\\ \u2028 👩‍👩‍👧 " + "y" * 5000)


def sums(key: str, billed: str = "0", estimated: str = "0", unknown: int = 0, requests: int = 1) -> SpendRow:
    return SpendRow(
        key=Clean(key),
        requests=requests,
        billed_usd=Decimal(billed),
        estimated_usd=Decimal(estimated),
        unknown=unknown,
    )


def request(number: int = 0, **changes: Any) -> LedgerRow:
    fields: dict[str, Any] = {
        "id": f"r{number}",
        "kind": RequestKind.CHAT,
        "state": RequestState.BILLED,
        "created_at": NOW - number * 60,
        "key_tail": Clean("…4f2a"),
        "model": Clean("anthropic/claude-haiku-4.5"),
        "model_answered": None,
        "provider": Clean("Anthropic"),
        "cost": Cost(Decimal("0.00412"), CostKind.BILLED),
        "prompt_tokens": 212,
        "completion_tokens": 1204,
        "reasoning_tokens": None,
        "cached_tokens": None,
        "ttft_ms": 600,
        "duration_ms": 4100,
        "tries": 1,
        "status": 200,
        "error_kind": None,
        "conversation_id": None,
    }
    return LedgerRow(**(fields | changes))


def summary(**changes: Any) -> SpendSummary:
    fields: dict[str, Any] = {
        "day_utc": "2026-08-06",
        "session": sums("s", "0.01"),
        "today": sums("t", "0.0123"),
        "month": sums("m", "4.21"),
        "all_time": sums("a", "61.07"),
        "reserved_usd": Decimal("0.04"),
        "week": sums("w", "18"),
        "by_day": tuple(sums(f"2026-08-0{day}", str(day)) for day in range(1, 7)),
        "last": (request(0), request(1)),
    }
    return SpendSummary(**(fields | changes))


def view(**changes: Any) -> SpendViewed:
    parts = (sums("anthropic/claude-haiku-4.5", "2.10"), sums("openai/gpt-4o-mini", "0.81"))
    fields: dict[str, Any] = {
        "query": SpendQuery(),
        "total": sums("month", "4.21"),
        "parts": parts,
        "by_model": parts,
        "by_hour": tuple(sums(str(int(NOW) // 3600 * 3600 - hour * 3600), "0.01") for hour in range(47, -1, -1)),
    }
    return SpendViewed(SpendView(**(fields | changes)))


def lines(state: State, settings: Settings, now: float = NOW) -> list[str]:
    """The limits pane as words, without bars."""
    said = []
    for line in limit_lines(state, settings, now):
        gauges = [f"{gauge.label} {gauge.text}{gauge.level.value}".strip() for gauge in line.gauges]
        said.append(" | ".join([line.name, *gauges, *([line.note] if line.note else [])]))
    return said


def key_quota(**changes: Any) -> QuotaRead:
    key = KeyInfo(label=Clean("k"), limit=Decimal(10), limit_remaining=Decimal("7.5"), limit_reset=Clean("weekly"))
    fields: dict[str, Any] = {"as_of": NOW - 30, "key": key, "credits": None}
    return QuotaRead(**(fields | changes))


def told(state: State, now: float = NOW) -> list[str]:
    return [str(note) for note in notes(state, now)]
