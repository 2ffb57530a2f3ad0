"""From a conversation to what is sent, and what that may cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tui.core.billing_on_stop import on_stop, stop_note
from tui.core.chat_turns import carry_on, mended_settings, send, send_again
from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState, Receipt
from tui.core.ledger import OverBudget, SpendRow
from tui.core.prices import estimate_cost
from tui.core.remedies import Remedy, RemedyKind
from tui.core.requests import (
    affordable_tokens,
    budget_sentence,
    dearest,
    image_count,
    is_free_id,
    most_completion_tokens,
    quote,
    request_messages,
    title_from,
)
from tui.openrouter.catalogue import Pricing
from tui.openrouter.chat import ChatParameters, RequestMessage, Role, ToolCall
from tui.openrouter.text import Clean, Opaque

D = Decimal
PRICES = Pricing(prompt=D("0.000003"), completion=D("0.000015"))
CALL = ToolCall(index=0, id=Opaque("c1"), name=Clean("look"), arguments=Opaque('{"a": 1}'))


def message(role: Role, text: str = "", **more: object) -> Message:
    fields: dict[str, object] = {"id": f"{role}-{text}", "conversation_id": "c", "parent_id": None, "created_at": 0.0}
    return Message(role=role, text=Clean(text), **(fields | more))  # type: ignore[arg-type]


def test_the_request_holds_the_whole_conversation() -> None:
    settings = ConversationSettings(system=Clean("Be brief."))
    said = [message("user", "Hi"), message("assistant", "Hello", reasoning_details=Opaque("[1]"))]
    request = request_messages(settings, said, Clean("And?"))
    assert [(one.role, one.content) for one in request] == [
        ("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "And?")
    ]  # fmt: skip
    assert request[2].reasoning_details == Opaque("[1]")


@pytest.mark.parametrize(
    ("reply", "sent"),
    [
        (message("assistant", "half", state=MessageState.STOPPED), "half"),
        (message("assistant", "half", state=MessageState.CUT_OFF), "half"),
        (message("assistant", "", state=MessageState.UNKNOWN), None),
        (message("assistant", "", refusal=Clean("I will not.")), "I will not."),
        (message("assistant", "text", state=MessageState.FAILED), None),
    ],
)
def test_replies_go_with_what_they_brought(reply: Message, sent: str | None) -> None:
    request = request_messages(ConversationSettings(), [message("user", "Hi"), reply], Clean("And?"))
    assert [one.content for one in request if one.role == "assistant"] == ([sent] if sent else [])


def test_only_a_tool_call_that_was_answered_is_sent_back() -> None:
    called = message("assistant", "", tool_calls=(CALL,))
    unanswered = request_messages(ConversationSettings(), [message("user", "Hi"), called], Clean("And?"))
    assert [one.role for one in unanswered] == ["user", "user"]
    answered = request_messages(ConversationSettings(), [called, message("tool", "42")], None)
    assert [one.role for one in answered] == ["assistant", "tool"]
    assert answered[0].tool_calls is not None
    assert '"name":"look"' in answered[0].tool_calls.raw


def test_the_reserve_holds_a_longer_prompt_and_the_dearest_tokens() -> None:
    def quoted(pricing: Pricing) -> Decimal | None:
        return quote(pricing, prompt_tokens=1000, likely_tokens=100, most_tokens=500, searches=0, now=0).reserve_usd

    assert quoted(PRICES) == D("0.0111")
    assert quoted(replace(PRICES, internal_reasoning=D("0.00006"))) == D("0.0336")
    assert quoted(replace(PRICES, internal_reasoning=D("0.000001"))) == D("0.0111")
    assert quoted(Pricing(varies=True)) is None


def test_pictures_and_searches_are_reserved() -> None:
    pricing = replace(PRICES, image=D("0.01"), web_search=D("0.004"), request=D("0.001"))
    figures = quote(pricing, prompt_tokens=0, likely_tokens=0, most_tokens=0, searches=1, images=2, now=0)
    assert figures.reserve_usd == D("0.025")
    picture: dict[str, object] = {"type": "image_url", "image_url": {"url": "data:"}}
    assert image_count([RequestMessage(role="user", content=[picture, {"type": "text"}, picture])]) == 2


def test_of_several_models_the_dearest_counts() -> None:
    cheap, dear, unknown = (
        quote(pricing, prompt_tokens=100, likely_tokens=10, most_tokens=10, searches=0, now=0)
        for pricing in (PRICES, replace(PRICES, completion=D(1)), Pricing(varies=True))
    )
    assert dearest([cheap, dear]).reserve_usd == dear.reserve_usd
    assert dearest([cheap, dear]).likely_usd == cheap.likely_usd
    assert dearest([cheap, unknown]).reserve_usd is None


@given(
    left=st.decimals(min_value=0, max_value=10, places=6),
    prompt=st.integers(min_value=0, max_value=100_000),
    completion=st.decimals(min_value="0.0000001", max_value="0.001", places=7),
)
def test_what_is_affordable_is_not_more_than_what_is_left(left: Decimal, prompt: int, completion: Decimal) -> None:
    pricing = replace(PRICES, completion=completion)
    tokens = affordable_tokens(pricing, left_usd=left, prompt_tokens=prompt, now=0)
    assert tokens is not None
    reserve = quote(pricing, prompt_tokens=prompt, likely_tokens=1, most_tokens=tokens, searches=0, now=0).reserve_usd
    assert reserve is not None
    if tokens:
        assert reserve <= left
        more = estimate_cost(pricing, now=0, prompt_tokens=int(prompt * D("1.2")), completion_tokens=tokens + 1)
        assert more is not None
        assert more > left


@pytest.mark.parametrize(
    ("model", "free"),
    [
        ("a/b:free", True), ("a/b:free:online", True), ("openrouter/free", True), ("a/b:free@preset/x", True),
        ("a/b", False), ("a/free", False), ("a/b:floor", False),
    ],
)  # fmt: skip
def test_which_ids_count_against_the_free_allowance(model: str, free: bool) -> None:
    assert is_free_id(Opaque(model)) is free


def test_a_model_that_nobody_knows_is_taken_to_answer_briefly() -> None:
    assert most_completion_tokens(None) == 1_000


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("  Hello\nthere ", "Hello there"),
        ("", "Untitled"),
        ("x" * 90, "x" * 60 + "…"),
        ("word " * 20, "word " * 11 + "word…"),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert title_from(text) == title


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("OpenAI", "stops"), ("xAI", "stops"), ("Together AI", "stops"), ("Mancer 2", "stops"), ("DeepInfra", "stops"),
        ("Azure", "stops"), ("Google", "bills_on"), ("Google AI Studio", "bills_on"), ("AI21", "bills_on"),
        ("Amazon Bedrock", "bills_on"), ("Mistral", "bills_on"), ("Lambda", "bills_on"), ("Acme", "unlisted"),
        ("", "unlisted"),
    ],
)  # fmt: skip
def test_which_providers_stop_billing(provider: str, expected: str) -> None:
    assert on_stop(provider) == expected


def test_what_a_stopped_receipt_says() -> None:
    assert "stops billing" in stop_note(Clean("OpenAI"))
    assert "may bill" in stop_note(Clean("Acme"))
    assert "not streamed" in stop_note(Clean("OpenAI"), streamed=False)
    assert "before a provider answered" in stop_note(None)


def test_why_a_budget_refused() -> None:
    over = OverBudget(
        budget="day", limit_usd=D(5), spent_usd=D("4.5"), reserved_usd=D("0.25"), this_usd=D("0.4"), action="ask"
    )
    assert budget_sentence(over) == "This could cost up to $0.40; the day budget of $5.00 has $0.25 left."
    assert "price of this model" in budget_sentence(replace(over, limit_usd=None, this_usd=None))
    assert "spent before is not known" in budget_sentence(replace(over, limit_usd=None, earlier_unknown=True))


def conversation() -> Conversation:
    said = [message("user", "Hi", id="q"), message("assistant", "Hel", id="a", parent_id="q")]
    settings = ConversationSettings(model=Opaque("a/b"))
    return Conversation(id="c", title=Clean("T"), settings=settings, messages=said)


def test_sending_again_replaces_and_sending_adds() -> None:
    here = conversation()
    again = send_again(here, here.messages[1], here.settings)
    assert (again.question, again.parent_id, again.replaces) == (None, "q", "a")
    assert [one.content for one in again.history] == ["Hi"]
    more = send(here, "c", here.settings, Clean("And?"), now=1.0)
    assert more.question is not None
    assert (more.question.parent_id, more.parent_id) == ("a", more.question.id)
    assert [one.content for one in carry_on(here, here.settings, now=1.0).history][:2] == ["Hi", "Hel"]


def test_what_a_remedy_changes() -> None:
    settings = ConversationSettings(model=Opaque("a/b:free"), parameters=ChatParameters(provider='{"only": ["x"]}'))
    reply = message("assistant", "", receipt=Receipt(provider=Clean("Google AI Studio")))
    paid = mended_settings(settings, Remedy(RemedyKind.PAID_TWIN, Clean(""), Opaque("a/b")), reply)
    assert paid.model == Opaque("a/b")
    fewer = mended_settings(settings, Remedy(RemedyKind.FEWER_TOKENS, Clean("")), reply)
    assert fewer.parameters.max_tokens == 1024
    other = mended_settings(settings, Remedy(RemedyKind.OTHER_PROVIDER, Clean("")), reply)
    assert other.parameters.provider == '{"only": ["x"], "ignore": ["google-ai-studio"]}'


def test_sums_of_money_keep_every_digit() -> None:
    tiny = Decimal("0.0000000000000000000000000000000000000001")
    row = SpendRow(key=Clean("day"), billed_usd=Decimal(1_000_000), estimated_usd=tiny)
    assert f"{row.total_usd:f}" == "1000000.0000000000000000000000000000000000000001"
    over = OverBudget(
        budget="day", limit_usd=Decimal(1_000_000), spent_usd=tiny, reserved_usd=tiny, this_usd=None, action="ask"
    )
    assert f"{over.left_usd:f}" == "999999.9999999999999999999999999999999999999998"
