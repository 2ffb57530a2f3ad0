"""Conversations, messages and search in the database."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tui.core.conversation import (
    Attachment,
    ConversationSettings,
    Cost,
    CostKind,
    Failure,
    Message,
    MessageState,
    Receipt,
)
from tui.database import chats, turns
from tui.database.opening import open_database
from tui.database.recovery import recover
from tui.database.search import search
from tui.openrouter.chat import ChatParameters, Citation, ToolCall
from tui.openrouter.text import Clean, Opaque

HOSTILE = ("[/b]", "\x1b]52;c;eA==\x1b\\", "\u202e", "\u2028", "a\x00b", '"; DROP TABLE message; --')


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


def begin(connection: sqlite3.Connection, conversation_id: str = "c1", *, private: bool = False) -> None:
    chats.create(
        connection,
        conversation_id,
        title=Clean("A talk"),
        settings=ConversationSettings(model=Opaque("a/b")),
        now=1.0,
        private=private,
    )


def message(message_id: str, parent: str | None = None, text: str = "", conversation_id: str = "c1") -> Message:
    return Message(
        id=message_id,
        conversation_id=conversation_id,
        parent_id=parent,
        role="user",
        text=Clean(text),
        created_at=2.0,
    )


def texts(connection: sqlite3.Connection, conversation_id: str = "c1") -> list[str]:
    opened = chats.open_conversation(connection, conversation_id)
    assert opened is not None
    return [one.text for one in opened.messages]


def test_everything_of_a_message_comes_back(connection: sqlite3.Connection) -> None:
    begin(connection)
    whole = Message(
        id="m1",
        conversation_id="c1",
        parent_id=None,
        role="assistant",
        text=Clean("Grüße 👩‍👩‍👧\n"),
        created_at=3.5,
        state=MessageState.CUT_OFF,
        model=Clean("a/b"),
        reasoning=Clean("hm"),
        reasoning_seconds=1.25,
        refusal=Clean("no"),
        tool_calls=(ToolCall(index=0, id=Opaque("t\ud800"), name=Clean("f"), arguments=Opaque("{bad")),),
        citations=(Citation(Opaque("https://x"), Clean("X")),),
        reasoning_details=Opaque('[{"type":"x"}]'),
        finish_reason=Clean("length"),
        failure=Failure(kind="cut_off", message=Clean("m"), advice=Clean("a"), fallback_models=(Opaque("z"),)),
        receipt=Receipt(cost=Cost(Decimal("0.000000012300"), CostKind.BILLED), tokens_per_second=12.5, tries=2),
    )
    chats.add_message(connection, whole)
    assert chats.message_of(connection, "m1") == whole


def test_settings_and_draft_come_back(connection: sqlite3.Connection) -> None:
    begin(connection)
    wanted = ConversationSettings(
        model=Opaque("x\udc00"),
        system=Clean("Be brief."),
        parameters=ChatParameters(temperature=Decimal("0.70"), stop=("\n", "\ud83d"), web_search=True),
    )
    chats.save_settings(connection, "c1", wanted)
    chats.save_draft(connection, "c1", Clean("half a thou"))
    opened = chats.open_conversation(connection, "c1")
    assert opened is not None
    assert opened.settings == wanted
    assert opened.draft == "half a thou"


def test_unreadable_settings_cost_only_what_is_unreadable(connection: sqlite3.Connection) -> None:
    begin(connection)
    connection.execute(
        "UPDATE conversation SET settings = ?",
        ('{"model": 5, "system": "s\\u001b[31m", "parameters": {"max_tokens": 7}, "new": 1}',),
    )
    opened = chats.open_conversation(connection, "c1")
    assert opened is not None
    assert opened.settings == ConversationSettings(system=Clean("s␛[31m"), parameters=ChatParameters(max_tokens=7))
    connection.execute("UPDATE conversation SET settings = '[[[', title = ?", ("a\x1b[31m\nb",))
    opened = chats.open_conversation(connection, "c1")
    assert opened is not None
    assert opened.settings == ConversationSettings()
    assert opened.title == "a␛[31m b"


def test_branches_are_kept_and_walked(connection: sqlite3.Connection) -> None:
    begin(connection)
    chats.add_message(connection, message("q", None, "question"))
    chats.add_message(connection, message("a1", "q", "first answer"))
    chats.add_message(connection, message("f", "a1", "follow-up"))
    chats.add_message(connection, message("a2", "q", "second answer"))
    assert texts(connection) == ["question", "second answer"]
    assert chats.siblings(connection, "a2") == ("a1", "a2")
    chats.show_branch(connection, "a1")
    assert texts(connection) == ["question", "first answer", "follow-up"]
    assert len(chats.message_for_export(connection, "c1")) == 4


def test_a_circle_of_parents_ends(connection: sqlite3.Connection) -> None:
    begin(connection)
    chats.add_message(connection, message("a", "b", "a"))
    chats.add_message(connection, message("b", "a", "b"))
    assert texts(connection) == ["a", "b"]
    chats.show_branch(connection, "a")


def test_parts_are_shown_while_open_and_folded_at_the_end(connection: sqlite3.Connection) -> None:
    begin(connection)
    reply = replace(message("r"), role="assistant", state=MessageState.STREAMING)
    chats.add_message(connection, reply, process="p")
    chats.append_parts(connection, [("r", 0, "reasoning", Clean("think")), ("r", 1, "text", Clean("zebra "))])
    chats.append_parts(connection, [("r", 1, "text", Clean("again")), ("r", 2, "text", Clean("stripes"))])
    assert texts(connection) == ["zebra stripes"]
    assert not search(connection, "zebra")
    assert chats.list_conversations(connection)[0].streaming
    chats.finish_message(connection, replace(reply, state=MessageState.DONE), now=9.0)
    assert texts(connection) == ["zebra stripes"]
    assert search(connection, "zebra")
    assert connection.execute("SELECT count(*) FROM reply_part").fetchone()[0] == 0
    assert not chats.list_conversations(connection)[0].streaming


def test_a_refusal_is_kept_as_it_arrives(connection: sqlite3.Connection, tmp_path: Path) -> None:
    begin(connection)
    reply = replace(message("r"), role="assistant", state=MessageState.STREAMING)
    chats.add_message(connection, reply, process="gone")
    chats.append_parts(connection, [("r", 0, "refusal", Clean("I will ")), ("r", 1, "refusal", Clean("not."))])
    shown = chats.message_of(connection, "r")
    assert shown is not None and (shown.text, shown.refusal) == ("", "I will not.")
    assert recover(connection, tmp_path, 9.0).messages == 1
    kept = chats.message_of(connection, "r")
    assert kept is not None and (kept.state, kept.refusal) == (MessageState.CUT_OFF, "I will not.")


def test_a_finished_message_replaces_its_parts(connection: sqlite3.Connection) -> None:
    begin(connection)
    reply = replace(message("r"), role="assistant", state=MessageState.STREAMING)
    chats.add_message(connection, reply, process="p")
    chats.append_parts(connection, [("r", 0, "text", Clean("zeb"))])
    chats.finish_message(connection, replace(reply, state=MessageState.DONE, text=Clean("zebra")), now=9.0)
    assert texts(connection) == ["zebra"]
    assert [hit.message_id for hit in search(connection, "zebra")] == ["r"]
    assert search(connection, "zeb")[0].marks == ((0, 5),)


def test_private_conversations_leave_no_text_behind(connection: sqlite3.Connection) -> None:
    begin(connection, "secret", private=True)
    chats.save_draft(connection, "secret", Clean("sesame"))
    chats.save_settings(connection, "secret", ConversationSettings(system=Clean("sesame")))
    chats.rename(connection, "secret", Clean("sesame"))
    reply = replace(message("r", None, "sesame", "secret"), state=MessageState.STREAMING)
    chats.add_message(connection, reply, process="p")
    chats.append_parts(connection, [("r", 0, "text", Clean("sesame"))])
    chats.finish_message(connection, replace(reply, state=MessageState.DONE), now=9.0)
    assert "sesame" not in "\n".join(connection.iterdump())
    assert chats.list_conversations(connection) == ()


def test_delete_can_be_undone_until_it_is_purged(connection: sqlite3.Connection) -> None:
    begin(connection)
    chats.add_message(connection, message("q", None, "needle"))
    chats.delete(connection, "c1", 10.0)
    assert chats.list_conversations(connection) == ()
    assert search(connection, "needle") == ()
    assert chats.open_conversation(connection, "c1") is None
    chats.undelete(connection, "c1")
    assert search(connection, "needle")
    chats.delete(connection, "c1", 20.0)
    assert chats.purge_deleted(connection, 15.0) == 0
    assert chats.purge_deleted(connection, 25.0) == 1
    assert connection.execute("SELECT count(*) FROM message").fetchone()[0] == 0
    connection.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')")


def test_the_list_has_pinned_ones_first(connection: sqlite3.Connection) -> None:
    for number in range(5):
        chats.create(
            connection,
            f"c{number}",
            title=Clean(str(number)),
            settings=ConversationSettings(),
            now=float(number),
        )
    chats.pin(connection, "c1", True)
    assert [one.id for one in chats.list_conversations(connection)] == ["c1", "c4", "c3", "c2", "c0"]
    assert [one.id for one in chats.list_conversations(connection, 2, 1)] == ["c4", "c3"]


@pytest.mark.parametrize(
    "words", ['"', "a AND", "NEAR(", "*", "text:x", "a OR b", "-", "^", "()", "", "a\x00b", *HOSTILE]
)
def test_any_query_is_only_words(connection: sqlite3.Connection, words: str) -> None:
    begin(connection)
    chats.add_message(connection, message("q", None, "plain text of a b"))
    search(connection, words)


@given(words=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_no_query_raises(connection: sqlite3.Connection, words: str) -> None:
    search(connection, words)


def test_snippets_are_clean_and_say_where_the_words_are(connection: sqlite3.Connection) -> None:
    begin(connection)
    connection.execute(
        "INSERT INTO message (id, conversation_id, role, state, created_at, text)"
        " VALUES ('x', 'c1', 'user', 'done', 1, ?)",
        ("one\x1b[31m Needle\x02 and\nneedles\x01",),
    )
    (hit,) = search(connection, "needle")
    assert not set(hit.snippet) & {"\x1b", "\x01", "\x02", "\n"}
    begin_at, end_at = hit.marks[0]
    assert hit.snippet[begin_at:end_at] == "Needle"


def test_a_bill_that_comes_late_reaches_the_receipt(connection: sqlite3.Connection) -> None:
    begin(connection)
    chats.add_message(connection, message("q", None, "x"))
    receipt = Receipt(cost=Cost(Decimal("0.5"), CostKind.BILLED))
    chats.update_receipt(connection, "q", receipt)
    found = chats.message_of(connection, "q")
    assert found is not None
    assert found.receipt == receipt


def test_the_branch_beside_is_shown_and_there_is_none_beyond_the_last(connection: sqlite3.Connection) -> None:
    begin(connection)
    for one in (message("q", None, "q"), message("a1", "q", "a1"), message("b", "a1", "b"), message("a2", "q", "a2")):
        chats.add_message(connection, one)
    assert texts(connection) == ["q", "a2"]
    assert chats.step_branch(connection, "a2", -1)
    assert texts(connection) == ["q", "a1", "b"]
    assert not chats.step_branch(connection, "a1", -1)
    assert not chats.step_branch(connection, "nobody", 1)
    assert chats.step_branch(connection, "a1", 1)
    assert texts(connection) == ["q", "a2"]


def test_files_and_thinking_are_found_behind_what_is_said(connection: sqlite3.Connection) -> None:
    begin(connection, "c")
    files = (
        Attachment(kind="text", name=Clean("quokka.md"), content=Opaque("of wombats \x01"), size=9),
        Attachment(kind="image", name=Clean("tree.png"), content=Opaque("data:image/png;base64,wombats"), size=3),
    )
    asked = Message(
        id="q", conversation_id="c", parent_id=None, role="user", text=Clean("look"), created_at=1.0, attachments=files
    )
    chats.add_message(connection, asked)
    reply = Message(
        id="r", conversation_id="c", parent_id="q", role="assistant", text=Clean(""), created_at=2.0,
        state=MessageState.STREAMING,
    )  # fmt: skip
    chats.add_message(connection, reply, process="p")
    reply.state, reply.text, reply.reasoning = MessageState.DONE, Clean("of quokka"), Clean("wombats dig")
    chats.finish_message(connection, reply, now=3.0)
    assert [(hit.message_id, hit.role) for hit in search(connection, "quokka")] == [("r", "assistant"), ("q", "file")]
    found = search(connection, "wombats")
    assert [(hit.message_id, hit.role) for hit in found] == [("r", "thinking"), ("q", "file")]
    assert found[0].snippet[slice(*found[0].marks[0])] == "wombats"
    assert [row.id for row in chats.list_conversations(connection, search="wombats")] == ["c"]
    chats.delete_messages(connection, "c", ["r"], "q", now=4.0)
    assert [hit.message_id for hit in search(connection, "wombats")] == ["q"]
    chats.purge_deleted(connection, before=5.0)
    assert connection.execute("SELECT count(*) FROM beside_search").fetchone()[0] == 1


def test_deleted_messages_leave_the_branch_the_siblings_and_the_search(connection: sqlite3.Connection) -> None:
    begin(connection)
    for one in (message("q", None, "question"), message("a", "q", "walrus"), message("more", "a", "thanks")):
        chats.add_message(connection, one)
    chats.delete_messages(connection, "c1", ("a", "more"), "q", now=5.0)
    assert texts(connection) == ["question"]
    assert not search(connection, "walrus")
    chats.add_message(connection, message("a2", "q", "another"))
    assert chats.siblings(connection, "a2") == ("a2",)
    chats.undelete_messages(connection, "c1", ("a", "more"))
    assert texts(connection) == ["question", "walrus", "thanks"]
    assert chats.siblings(connection, "a2") == ("a", "a2")


def test_a_fork_has_copies_and_leaves_the_original_alone(connection: sqlite3.Connection) -> None:
    begin(connection)
    failure = Failure(kind="cut_off", message=Clean("It broke off."), advice=Clean("Go on."))
    said = [
        message("q", None, "question"),
        replace(message("a", "q", "half"), role="assistant", state=MessageState.CUT_OFF, failure=failure),
    ]
    for one in said:
        chats.add_message(connection, one)
    turns.fork(
        connection,
        conversation_id="c2",
        title=Clean("A fork"),
        settings=ConversationSettings(model=Opaque("x/y")),
        messages=said,
        now=9.0,
    )
    chats.add_message(connection, message("only-here", "a", "further"))
    copy = chats.open_conversation(connection, "c2")
    assert copy is not None
    assert [one.text for one in copy.messages] == ["question", "half"]
    assert copy.messages[1].parent_id == copy.messages[0].id
    assert (copy.messages[1].state, copy.messages[1].failure) == (MessageState.CUT_OFF, failure)
    assert copy.settings.model == Opaque("x/y")
    assert {one.id for one in copy.messages}.isdisjoint({"q", "a"})
    assert texts(connection) == ["question", "half", "further"]
