"""What the state makes of conversations that are read again, and of branches and drafts."""

from __future__ import annotations

from msgspec.structs import replace

from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.core.events import ConversationOpened, ConversationSaved, MessagesFound, ReplyGrew, TurnQueued
from tui.core.state import State, Topic
from tui.openrouter.text import Clean


def message(
    message_id: str, text: str = "", parent: str | None = None, state: MessageState = MessageState.DONE
) -> Message:
    return Message(
        id=message_id,
        conversation_id="c",
        parent_id=parent,
        role="user" if message_id.startswith("q") else "assistant",
        text=Clean(text),
        created_at=0.0,
        state=state,
    )


def read(*messages: Message, **more: object) -> ConversationOpened:
    fields: dict[str, object] = {"title": Clean("T"), "settings": ConversationSettings()}
    return ConversationOpened(Conversation(id="c", messages=list(messages), **(fields | more)))  # type: ignore[arg-type]


def test_what_is_read_again_keeps_its_objects_and_counts_what_changed() -> None:
    state = State()
    state.apply(read(message("q", "one"), message("a", "two", "q")))
    conversation = state.open["c"]
    question, reply = conversation.messages
    state.apply(read(message("q", "one"), message("a", "two", "q"), message("q2", "three", "a"), title=Clean("U")))
    assert state.open["c"] is conversation
    assert conversation.messages[:2] == [question, reply]
    assert all(now is before for now, before in zip(conversation.messages, (question, reply), strict=False))
    assert (question.version, reply.version) == (0, 0)
    assert (conversation.title, conversation.reads, len(conversation.messages)) == ("U", 2, 3)
    state.apply(read(message("q", "one"), message("a", "other", "q")))
    assert (reply.text, reply.version, question.version) == ("other", 1, 0)
    assert conversation.messages == [question, reply]


def test_a_reply_that_grows_here_is_not_set_back() -> None:
    state = State()
    asked = TurnQueued(
        conversation_id="c",
        title=Clean("T"),
        settings=ConversationSettings(),
        private=False,
        question=message("q", "one"),
        reply=message("a", "", "q", MessageState.WAITING),
    )
    state.apply(asked)
    state.apply(ReplyGrew(conversation_id="c", message_id="a", text=Clean("all of it")))
    reply = state.open["c"].message("a")
    state.apply(read(message("q", "one"), message("a", "all", "q", MessageState.STREAMING)))
    assert state.open["c"].message("a") is reply
    assert reply is not None
    assert reply.text == "all of it"
    state.apply(read(message("q", "one")))
    assert state.open["c"].messages[-1] is reply, "also where the database does not have it yet"


def test_branches_are_counted_as_they_are_made() -> None:
    state = State()
    state.apply(read(message("q", "one"), message("a", "two", "q"), branches={"a": (2, 3)}))
    again = TurnQueued(
        conversation_id="c",
        title=Clean("T"),
        settings=ConversationSettings(),
        private=False,
        question=None,
        reply=message("a4", "", "q", MessageState.WAITING),
        replaces="a",
    )
    state.apply(again)
    assert state.open["c"].branches["a4"] == (4, 4)
    state.apply(
        replace(again, reply=message("b", "", None, MessageState.WAITING), question=message("q2"), replaces="q")
    )
    assert state.open["c"].branches["q2"] == (2, 2)


def test_a_draft_stays_with_its_conversation_until_it_is_sent() -> None:
    state = State()
    state.apply(read(message("q", "one")))
    state.apply(ConversationSaved("c", Clean("T"), ConversationSettings(), Clean("unsent")))
    assert state.open["c"].draft == "unsent"
    state.apply(
        TurnQueued(
            conversation_id="c",
            title=Clean("T"),
            settings=ConversationSettings(),
            private=False,
            question=message("q2", "unsent", "q"),
            reply=message("a", "", "q2", MessageState.WAITING),
        )
    )
    assert state.open["c"].draft == ""


def test_a_search_is_kept_with_its_words() -> None:
    state = State()
    found = MessagesFound(Clean("zebra"), ())
    assert state.apply(found) == Topic.FOUND
    assert state.found is found
