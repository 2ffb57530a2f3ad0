"""What stands under a reply."""

from __future__ import annotations

from decimal import Decimal

from tui.core.conversation import UNKNOWN_COST, Cost, CostKind, Message, Receipt
from tui.core.receipt_line import receipt_line
from tui.openrouter.text import Clean


def message(receipt: Receipt | None, model: str = "anthropic/claude-haiku-4.5") -> Message:
    return Message(
        id="1",
        conversation_id="c",
        parent_id=None,
        role="assistant",
        text=Clean(""),
        created_at=0,
        model=Clean(model),
        receipt=receipt,
    )


def test_a_whole_receipt() -> None:
    receipt = Receipt(
        cost=Cost(Decimal("0.00412"), CostKind.BILLED),
        prompt_tokens=212,
        completion_tokens=1204,
        reasoning_tokens=412,
        cached_tokens=100,
        ttft_ms=600,
        tokens_per_second=86.2,
        provider=Clean("Anthropic"),
        model_answered=Clean("anthropic/claude-haiku-4.5-20251001"),
    )
    assert receipt_line(message(receipt)) == (
        "$0.00412 · 212 in, 1,204 out (412 thinking, 100 cached) · 0.6 s · 86 tok/s · Anthropic"
    )


def test_an_estimate_and_an_unknown_say_so() -> None:
    estimated = Receipt(cost=Cost(Decimal("0.0012"), CostKind.ESTIMATED), completion_tokens=5)
    assert receipt_line(message(estimated)) == "~$0.0012 · – in, 5 out"
    assert receipt_line(message(Receipt(cost=UNKNOWN_COST))) == "–"


def test_without_a_receipt_there_is_no_line() -> None:
    assert receipt_line(message(None)) == ""


def test_another_model_tries_and_notes_are_named() -> None:
    receipt = Receipt(
        cost=UNKNOWN_COST, model_answered=Clean("openai/gpt-4o"), tries=2, billing_note=Clean("the provider bills on")
    )
    assert receipt_line(message(receipt)) == "– · answered by openai/gpt-4o · 2 tries · the provider bills on"
