"""ChatGPT's and OpenRouter's exports, and what is left of them where they are of another shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.foreign_chats import Imported, read_foreign


def node(key: str, parent: str | None, role: str | None, text: Any = "", **more: Any) -> tuple[str, dict[str, Any]]:
    content = text if isinstance(text, dict) else {"content_type": "text", "parts": [text]}
    about = more.pop("metadata", {})
    message = {"id": key, "author": {"role": role}, "content": content, "metadata": about, "create_time": 1.5, **more}
    return key, {"id": key, "parent": parent, "children": [], "message": message if role else None}


def chatgpt(*nodes: tuple[str, dict[str, Any]], current: str) -> dict[str, Any]:
    return {
        "title": "Penguins",
        "conversation_id": "6f1c2b9e-0000-4000-8000-000000000001",
        "create_time": 1.0,
        "mapping": dict(nodes),
        "current_node": current,
    }


CHATGPT = chatgpt(
    node("root", None, None),
    node("00000000-sys1", "root", "system", ""),
    node("hidden00-0001", "00000000-sys1", "user", "about me", metadata={"is_visually_hidden_from_conversation": True}),
    node("question-0001", "hidden00-0001", "user", "Where do penguins live?"),
    node("thoughts-0001", "question-0001", "assistant", {"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
    node("answer00-0001", "thoughts-0001", "assistant", "In the south.", metadata={"model_slug": "gpt-4o"}),
    node("answer00-0002", "question-0001", "assistant", "Far \x1b[2Jaway."),
    node(
        "question-0002",
        "answer00-0001",
        "user",
        {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "And this one?"]},
    ),
    node("tool0000-0001", "question-0002", "tool", "searching"),
    node("code0000-0001", "tool0000-0001", "assistant", {"content_type": "code", "language": "python", "text": "1+1"}),
    current="code0000-0001",
)


def texts(imported: Imported) -> list[str]:
    """Of the shown branch."""
    conversation, here = imported
    by_id = {message.id: message for message in conversation.messages}
    found: list[str] = []
    while here is not None:
        found.insert(0, by_id[here].text)
        here = by_id[here].parent_id
    return found


def test_a_chatgpt_export_keeps_branches_and_leaves_out_what_nobody_saw() -> None:
    [found] = read_foreign([CHATGPT])
    conversation, _ = found
    assert (conversation.id, conversation.title) == ("6f1c2b9e-0000-4000-8000-000000000001", "Penguins")
    assert texts(found) == [
        "Where do penguins live?",
        "In the south.",
        "[image]\nAnd this one?",
        "```python\n1+1\n```",
    ]
    by_text = {str(message.text): message for message in conversation.messages}
    assert by_text["In the south."].model == "gpt-4o"
    assert by_text["In the south."].reasoning == "hm\n\n"
    assert by_text["Far ␛[2Jaway."].parent_id == by_text["In the south."].parent_id == "question-0001"
    assert by_text["In the south."].created_at == 1.5
    assert len(conversation.messages) == 5


def test_a_tree_that_closes_in_a_circle_ends() -> None:
    circle = chatgpt(
        node("question-0001", "answer00-0001", "user", "a"),
        node("answer00-0001", "question-0001", "assistant", "b"),
        node("question-0002", None, "user", "c"),
        current="question-0002",
    )
    [found] = read_foreign(circle)
    assert texts(found) == ["c"]


def test_a_long_conversation_needs_no_deep_stack() -> None:
    nodes = [node(f"node-{at:06}", f"node-{at - 1:06}" if at else None, "user", f"{at}") for at in range(20_000)]
    [found] = read_foreign(chatgpt(*nodes, current="node-019999"))
    assert len(found[0].messages) == 20_000


ROOM_1 = {
    "version": "orpg.1.0",
    "characters": {
        "char-1": {"model": "anthropic/claude-3.5-haiku", "modelInfo": {"short_name": "Haiku"}},
        "char-2": {"modelInfo": {"slug": "openai/gpt-4o", "name": "GPT"}},
    },
    "messages": {
        "msg-3": {"characterId": "char-2", "content": "three", "updatedAt": "2024-12-25T23:37:09.000Z"},
        "msg-1": {"characterId": "USER", "content": "How many?", "updatedAt": "2024-12-25T23:37:06.203Z"},
        "msg-2": {"characterId": "char-1", "content": "two", "updatedAt": "2024-12-25T23:37:07.790Z"},
        "msg-4": {"characterId": "USER", "content": "Sure?", "updatedAt": "2024-12-25T23:38:00Z"},
    },
}
ROOM_3 = {
    "version": "orpg.3.0",
    "title": "Counting",
    "characters": {"char-1": {"model": "a/b", "systemPrompt": "Count."}},
    "messages": {
        "msg-b": {
            "id": "msg-b",
            "type": "assistant",
            "characterId": "char-1",
            "createdAt": "2025-11-02T10:00:01Z",
            "parentMessageId": "msg-a",
            "items": [{"id": "i1"}, {"id": "i2"}, {"id": "gone"}],
        },
        "msg-a": {
            "id": "msg-a",
            "type": "user",
            "characterId": "USER",
            "createdAt": "2025-11-02T10:00:00Z",
            "items": [{"id": "i0"}],
        },
    },
    "items": {
        "i0": {"data": {"type": "message", "content": [{"type": "input_text", "text": "How many?"}]}},
        "i1": {"data": {"type": "reasoning", "content": [{"type": "text", "text": "hm"}]}},
        "i2": {"data": {"type": "message", "content": [{"type": "output_text", "text": "Two."}]}},
    },
}


def test_a_chatroom_of_several_models_keeps_their_replies_side_by_side() -> None:
    [found] = read_foreign(ROOM_1)
    conversation, _ = found
    assert conversation.title == "How many?"
    assert [(one.text, one.model) for one in conversation.messages] == [
        ("How many?", None),
        ("two", "anthropic/claude-3.5-haiku"),
        ("three", "openai/gpt-4o"),
        ("Sure?", None),
    ]
    question, two, three, _ = conversation.messages
    assert two.parent_id == three.parent_id == question.id
    assert texts(found) == ["How many?", "three", "Sure?"]
    assert conversation.settings.model is not None
    assert conversation.settings.model.raw == "openai/gpt-4o"
    assert read_foreign(ROOM_1)[0][0].id == conversation.id, "so that it is known when it comes again"


def test_the_chatrooms_later_exports_keep_texts_in_items() -> None:
    [found] = read_foreign(ROOM_3)
    assert texts(found) == ["How many?", "Two."]
    assert (found[0].title, found[0].settings.system) == ("Counting", "Count.")
    assert found[0].messages[1].reasoning == "hm"


def test_a_list_of_messages_is_a_conversation() -> None:
    rows = [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": "Hello", "model": "a/b"},
        {"role": "tool", "content": "no"},
        7,
    ]
    for whole in (rows, {"messages": rows, "title": "T"}, {"conversations": [{"messages": rows}]}):
        [found] = read_foreign(whole)
        assert texts(found) == ["Hi[image]\n", "Hello"]
        assert found[0].settings.system == "Be brief"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "mapping",
                    "message",
                    "messages",
                    "content",
                    "parts",
                    "author",
                    "role",
                    "parent",
                    "items",
                    "characters",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("known", [CHATGPT, ROOM_1, ROOM_3])
@given(damage=st.tuples(st.randoms(use_true_random=False), JSON))
def test_whatever_is_in_it_only_costs_what_it_damages(known: dict[str, Any], damage: tuple[Any, Any]) -> None:
    dice, value = damage

    def damaged(here: Any) -> Any:
        if dice.random() < 0.06:
            return value
        if isinstance(here, dict):
            return {key: damaged(inner) for key, inner in here.items()}
        return [damaged(inner) for inner in here] if isinstance(here, list) else here

    for conversation, head in read_foreign(damaged(known)):
        ids = {message.id for message in conversation.messages}
        assert head is None or head in ids
        assert all(message.parent_id is None or message.parent_id in ids for message in conversation.messages)


@given(JSON)
def test_any_json_is_taken(whole: Any) -> None:
    read_foreign(whole)
