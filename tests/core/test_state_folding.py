"""The state moves by events only, and says which slices moved."""

from __future__ import annotations

from decimal import Decimal

from tui.core.conversation import Conversation, ConversationSettings, Cost, CostKind, Message, MessageState, Receipt
from tui.core.events import (
    BillArrived,
    ConversationOpened,
    Job,
    JobChanged,
    JobState,
    Noticed,
    PreferencesRead,
    QuotaRead,
    ReplyGrew,
    TurnEnded,
    TurnQueued,
)
from tui.core.state import OPEN_AT_MOST, State, Topic
from tui.openrouter.chat import KeyInfo
from tui.openrouter.text import Clean


def message(message_id: str, text: str = "", **more: object) -> Message:
    fields: dict[str, object] = {"conversation_id": "c", "parent_id": None, "created_at": 0.0, "role": "assistant"}
    return Message(id=message_id, text=Clean(text), **(fields | more))  # type: ignore[arg-type]


def queued(reply: str = "a", replaces: str | None = None) -> TurnQueued:
    return TurnQueued(
        conversation_id="c",
        title=Clean("T"),
        settings=ConversationSettings(),
        private=False,
        question=None if replaces else message("q", "Hi", role="user"),
        reply=message(reply, state=MessageState.WAITING),
        replaces=replaces,
    )


def receipt(usd: str, kind: CostKind = CostKind.ESTIMATED) -> Receipt:
    return Receipt(cost=Cost(Decimal(usd), kind))


def test_a_turn_from_question_to_bill() -> None:
    state = State()
    assert Topic.CHAT in state.apply(queued())
    assert state.streaming == {"a": "c"}
    grown = ReplyGrew(conversation_id="c", message_id="a", text=Clean("Hel"), receipt=receipt("0.001"))
    assert state.apply(grown) == Topic.CHAT | Topic.RUNNING
    state.apply(ReplyGrew(conversation_id="c", message_id="a", text=Clean("lo")))
    reply = state.open["c"].message("a")
    assert reply is not None
    assert (reply.text, reply.state, reply.version) == ("Hello", MessageState.STREAMING, 2)
    assert state.running_cost_usd == Decimal("0.001")
    ended = TurnEnded(conversation_id="c", message_id="a", state=MessageState.STOPPED, receipt=receipt("0.002"))
    assert Topic.CONVERSATIONS in state.apply(ended)
    assert state.streaming == {}
    assert state.running_cost_usd == 0
    bill = BillArrived(conversation_id="c", message_id="a", receipt=receipt("0.003", CostKind.BILLED))
    assert state.apply(bill) == Topic.CHAT | Topic.METER
    assert reply.receipt == bill.receipt
    assert reply.state is MessageState.STOPPED


def test_a_reply_that_is_made_again_takes_the_place_of_the_old() -> None:
    state = State()
    state.apply(queued())
    state.apply(TurnEnded(conversation_id="c", message_id="a", state=MessageState.FAILED, receipt=Receipt()))
    state.apply(queued("b", replaces="a"))
    assert [one.id for one in state.open["c"].messages] == ["q", "b"]


def test_reading_a_conversation_keeps_what_grows_in_it() -> None:
    state = State()
    state.apply(queued())
    state.apply(ReplyGrew(conversation_id="c", message_id="a", text=Clean("newest")))
    stored = [message("q", "Hi", role="user"), message("a", "new", state=MessageState.STREAMING)]
    read = Conversation(id="c", title=Clean("T"), settings=ConversationSettings(), messages=stored)
    state.apply(ConversationOpened(read))
    assert [one.text for one in state.open["c"].messages] == ["Hi", "newest"]
    state.apply(TurnEnded(conversation_id="c", message_id="a", state=MessageState.DONE, receipt=Receipt()))
    assert state.open["c"].messages[1].state is MessageState.DONE


def test_conversations_of_long_ago_are_let_go_but_for_those_that_stream() -> None:
    state = State()
    state.apply(queued())
    for number in range(OPEN_AT_MOST + 4):
        state.apply(
            ConversationOpened(Conversation(id=f"c{number}", title=Clean("t"), settings=ConversationSettings()))
        )
        if number == 8:
            known = state.open["c5"]
            state.apply(ConversationOpened(Conversation(id="c5", title=Clean("new"), settings=ConversationSettings())))
            assert state.open["c5"] is known and known.title == "new"
    assert len(state.open) == OPEN_AT_MOST + 1 and "c" in state.open
    assert {"c0", "c4", "c5"} & state.open.keys() == {"c4", "c5"} and f"c{OPEN_AT_MOST + 3}" in state.open
    state.apply(TurnEnded(conversation_id="c", message_id="a", state=MessageState.DONE, receipt=Receipt()))
    state.apply(ConversationOpened(Conversation(id="last", title=Clean("t"), settings=ConversationSettings())))
    assert "c" not in state.open and len(state.open) == OPEN_AT_MOST


def test_events_of_what_is_not_there_change_nothing() -> None:
    state = State()
    state.apply(ReplyGrew(conversation_id="c", message_id="a", text=Clean("x")))
    state.apply(TurnEnded(conversation_id="c", message_id="a", state=MessageState.DONE, receipt=Receipt()))
    state.apply(BillArrived(conversation_id="c", message_id="a", receipt=Receipt()))
    assert state.open == {}


def test_jobs_that_are_over_are_gone() -> None:
    state = State()
    for over in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        state.apply(JobChanged(Job(id="a", kind="ask", state=JobState.WAITING, since=0.0)))
        assert list(state.jobs) == ["a"]
        state.apply(JobChanged(Job(id="a", kind="ask", state=over, since=0.0)))
        assert state.jobs == {}


def test_what_was_known_of_the_quota_stays_when_asking_fails() -> None:
    from tui.core.conversation import Failure

    state = State()
    state.apply(QuotaRead(as_of=1.0, key=KeyInfo(label=Clean("k")), credits=None))
    failure = Failure(kind="dns", message=Clean("no"), advice=Clean(""))
    state.apply(QuotaRead(as_of=2.0, key=None, credits=None, failure=failure))
    assert state.quota is not None
    assert (state.quota.as_of, state.quota.failure) == (1.0, failure)
    assert state.quota.key is not None


def test_notices_are_numbered_and_few_are_kept() -> None:
    state = State()
    for number in range(60):
        assert state.apply(Noticed(Clean(str(number)))) == Topic.NOTICES
    assert state.notice_count == 60
    assert [number for number, _ in state.notices] == list(range(11, 61))


def test_favourites_come_before_what_was_used_last() -> None:
    state = State()
    state.apply(PreferencesRead(values={}, favourites=frozenset({"b/two", "a/one"}), recents=("c/three", "a/one")))
    assert state.picked_first == ("a/one", "b/two", "c/three", "a/one")
