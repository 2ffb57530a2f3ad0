"""What stands under a reply."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tui.core.chat_figures import cache_saving
from tui.core.conversation import UNKNOWN_COST, Cost, CostKind, Message, MessageState, Receipt
from tui.core.receipt_line import receipt_details, receipt_line
from tui.openrouter.catalogue import Pricing
from tui.openrouter.text import Clean, Opaque


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


@pytest.mark.parametrize(
    ("asked", "answered", "is_told"),
    [
        ("openai/gpt-4o", "openai/gpt-4o-2024-08-06", False),
        ("openai/gpt-4", "openai/gpt-4-0613", False),
        ("openai/gpt-4o:nitro", "openai/gpt-4o", False),
        ("openai/gpt-4o", "openai/gpt-4o-mini", True),
        ("openai/gpt-4o", "openai/gpt-4o-mini-2024-07-18", True),
        ("openai/gpt-4", "openai/gpt-4.1", True),
    ],
)
def test_a_model_whose_name_begins_like_the_one_that_was_asked_is_another(
    asked: str, answered: str, is_told: bool
) -> None:
    line = receipt_line(replace(message(Receipt(model_answered=Clean(answered))), model=Clean(asked)))
    assert (f"answered by {answered}" in line) is is_told


def test_the_details_say_how_the_quote_did_what_caching_saved_and_the_generation() -> None:
    receipt = Receipt(
        cost=Cost(Decimal("0.00412"), CostKind.BILLED),
        ttft_ms=600,
        duration_ms=14_200,
        quoted_usd=Decimal("0.0038"),
        cache_saved_usd=Decimal("0.0012"),
        generation_id=Opaque("gen-1786\x1b[0m"),
    )
    assert receipt_details(message(receipt)) == (
        "14 s in all · caching saved $0.0012 · quoted ~$0.0038, 8 % more came · gen-1786␛[0m"
    )
    assert "caching cost $0.001 more" in receipt_details(message(replace(receipt, cache_saved_usd=Decimal("-0.001"))))
    assert "quoted ~$0.01, 59 % less came" in receipt_details(message(replace(receipt, quoted_usd=Decimal("0.01"))))
    assert "exact" in receipt_details(message(replace(receipt, quoted_usd=Decimal("0.00412"))))


def test_an_estimate_is_not_held_against_the_quote() -> None:
    receipt = Receipt(cost=Cost(Decimal("0.004"), CostKind.ESTIMATED), quoted_usd=Decimal("0.0038"))
    assert receipt_details(message(receipt)) == ""
    free = Receipt(cost=Cost(Decimal(0), CostKind.BILLED), quoted_usd=Decimal(0))
    assert receipt_details(message(free)) == ""


def test_the_quote_of_a_reply_that_never_came_is_not_held_against_its_bill() -> None:
    receipt = Receipt(cost=Cost(Decimal(0), CostKind.BILLED), quoted_usd=Decimal("0.0025"))
    assert receipt_details(replace(message(receipt), state=MessageState.FAILED)) == ""


def test_what_caching_saves_is_the_difference_to_the_plain_price() -> None:
    prices = Pricing(
        prompt=Decimal("0.000003"),
        completion=Decimal("0.000015"),
        input_cache_read=Decimal("0.0000003"),
        input_cache_write=Decimal("0.00000375"),
    )
    saved = cache_saving(prices, 0, prompt_tokens=1_000, cached_tokens=500, cache_write_tokens=0)
    assert saved == Decimal("0.00135")
    written = cache_saving(prices, 0, prompt_tokens=1_000, cached_tokens=0, cache_write_tokens=400)
    assert written == Decimal("-0.0003")
    assert cache_saving(prices, 0, prompt_tokens=1_000, cached_tokens=0, cache_write_tokens=0) is None
    assert cache_saving(Pricing(varies=True), 0, prompt_tokens=9, cached_tokens=5, cache_write_tokens=0) is None
