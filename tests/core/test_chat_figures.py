"""The line below the draft: whole figures, whatever the room."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tui.core.chat_figures import draft_line
from tui.core.spending import BudgetLeft
from tui.openrouter.text import Clean

QUOTE = Clean("~$0.0000015 + reply: ~$0.000016, 9 of 10 ≤ ~$0.00029")
NEAR = BudgetLeft(Clean("day"), Decimal("0.0123"), is_near=True)
FAR = BudgetLeft(Clean("day"), Decimal(4), is_near=False)


@pytest.mark.parametrize(
    ("left", "room", "line"),
    [
        (None, 90, f"draft ~6, request ~10 · {QUOTE}"),
        (None, 74, f"draft ~6 · {QUOTE}"),
        (None, 60, f"{QUOTE}"),
        (None, 40, "~$0.0000015 + reply: ~$0.000016"),
        (None, 20, "~$0.0000015"),
        (FAR, 80, f"{QUOTE} · day budget $4.00 left"),
        (FAR, 74, f"{QUOTE}"),
        (NEAR, 90, f"day budget $0.0123 left · draft ~6 · {QUOTE}"),
        (NEAR, 74, "day budget $0.0123 left · ~$0.0000015 + reply: ~$0.000016"),
    ],
)
def test_what_does_not_fit_goes_whole(left: BudgetLeft | None, room: int, line: str) -> None:
    assert draft_line(6, 10, QUOTE, left, room) == line


def test_without_a_draft_nothing_is_counted() -> None:
    assert draft_line(0, 10, QUOTE, None, 90) == QUOTE
    assert draft_line(0, 10, Clean(""), None, 90) == ""
