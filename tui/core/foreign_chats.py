"""Conversations out of other programs' exports: ChatGPT's `conversations.json`, OpenRouter's chatroom, plain messages.

None of these files has a published description; what is read was learnt from programs that read them too. Whatever is
missing or of another shape is left out; what remains is a conversation or nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

from tui.core.chat_markdown import unix_seconds
from tui.core.conversation import Conversation, ConversationSettings, Message
from tui.openrouter.chat import Role
from tui.openrouter.text import Clean, Opaque, clean, clean_line

Imported = tuple[Conversation, str | None]
"""A conversation with the messages of all its branches, parents before children, and where the shown branch ends."""

_ROLES: Final[dict[str, Role]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "system": "system",
    "developer": "system",
}
_LONGEST_ID: Final = 64


def read_foreign(whole: object) -> list[Imported]:
    """All conversations of a decoded JSON file, of whichever kind; empty where there is none."""
    if isinstance(whole, dict):
        if found := _one(whole):
            return found
        inner = next((whole[name] for name in ("conversations", "data", "chats") if name in whole), None)
        whole = inner
    if not isinstance(whole, list):
        return []
    if any(isinstance(one, dict) and "role" in one and "content" in one for one in whole):
        return _kept([_plain(whole, None)])
    return [found for one in whole if isinstance(one, dict) for found in _one(one)]


def _one(whole: dict[str, Any]) -> list[Imported]:
    """The conversation that this object is; none where it is of no known shape."""
    if isinstance(whole.get("version"), str) and whole["version"].startswith("orpg."):
        return _kept([_openrouter(whole)])
    if isinstance(whole.get("mapping"), dict):
        return _kept([_chatgpt(whole)])
    return _kept([_plain(whole["messages"], whole.get("title"))]) if isinstance(whole.get("messages"), list) else []


def _kept(found: Iterable[Imported]) -> list[Imported]:
    return [one for one in found if one[0].messages]


def _known_id(*values: object) -> str:
    """The first that can be an id of ours; else a new one."""
    for value in values:
        if isinstance(value, str) and 8 <= len(value) <= _LONGEST_ID and value.replace("-", "").isalnum():
            return value if value.isascii() else uuid.uuid4().hex
    return uuid.uuid4().hex


def _begin(conversation_id: str, title: object) -> Conversation:
    named = clean_line(title[:300]).strip() if isinstance(title, str) else ""
    return Conversation(id=conversation_id, title=Clean(named), settings=ConversationSettings())


def _add(conversation: Conversation, role: Role, text: str, parent: str | None, **more: Any) -> Message:
    message = Message(
        id=more.pop("id", None) or uuid.uuid4().hex,
        conversation_id=conversation.id,
        parent_id=parent,
        role=role,
        text=clean(text),
        created_at=unix_seconds(more.pop("at", 0.0)),
        model=more.pop("model", None),
        reasoning=clean(more.pop("reasoning", "")),
    )
    conversation.messages.append(message)
    return message


def _finished(conversation: Conversation, head: str | None) -> Imported:
    """A title from the first question where there is none, the model of the last reply as the one to go on with."""
    from tui.core.requests import title_from

    if not conversation.title:
        first = next((one.text for one in conversation.messages if one.role == "user"), "")
        conversation.title = title_from(first) if first else Clean("Imported")
    model = next((one.model for one in reversed(conversation.messages) if one.model and "/" in one.model), None)
    if model is not None:
        conversation.settings = ConversationSettings(model=Opaque(model), system=conversation.settings.system)
    return conversation, head or (conversation.messages[-1].id if conversation.messages else None)


def content_text(content: object) -> str:
    """The text of a message's content: a string, parts of a list, or an object that holds either."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(content_text(part) for part in content if isinstance(part, str | dict))
    if not isinstance(content, dict):
        return ""
    if isinstance(content.get("text"), str):
        text: str = content["text"]
        return text
    kind = str(content.get("type") or content.get("content_type") or "")
    if "image" in kind:
        return "[image]\n"
    return "[file]\n" if kind in ("file", "input_file") else ""


# A list of messages


def _plain(rows: list[Any], title: object) -> Imported:
    conversation = _begin(uuid.uuid4().hex, title)
    last: str | None = None
    for row in rows:
        role = _ROLES.get(str(row.get("role") or row.get("type"))) if isinstance(row, dict) else None
        text = content_text(row.get("content") or row.get("text")) if role is not None else ""
        if role is None or not text:
            continue
        if role == "system" and not conversation.messages:
            conversation.settings = ConversationSettings(system=clean(text))
            continue
        model = row.get("model")
        named = clean_line(model[:200]) if isinstance(model, str) and role == "assistant" else None
        last = _add(conversation, role, text, last, model=named, at=row.get("created_at")).id
    return _finished(conversation, last)


# ChatGPT: a tree of nodes, many of which nobody is meant to see


def _chatgpt(whole: dict[str, Any]) -> Imported:
    conversation = _begin(_known_id(whole.get("conversation_id"), whole.get("id")), whole.get("title"))
    nodes: dict[str, dict[str, Any]] = {key: node for key, node in whole["mapping"].items() if isinstance(node, dict)}
    children: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        parent = node.get("parent")
        children.setdefault(parent if isinstance(parent, str) and parent in nodes else None, []).append(key)
    shown: dict[str, str | None] = {}
    """For each node the message that stands for it: its own, or the nearest above."""
    thought: dict[str, str] = {}
    todo: list[tuple[str, str | None]] = [(key, None) for key in reversed(children.get(None, []))]
    while todo:
        key, above = todo.pop()
        if key in shown:
            continue
        parent = nodes[key].get("parent")
        thinking = thought.get(parent, "") if isinstance(parent, str) else ""
        message = _chatgpt_message(conversation, key, nodes[key].get("message"), above, thinking)
        if message is None:
            thought[key] = thinking + _chatgpt_thoughts(nodes[key].get("message"))
        shown[key] = message.id if message is not None else above
        todo.extend((child, shown[key]) for child in reversed(children.get(key, [])))
    current = whole.get("current_node")
    return _finished(conversation, shown.get(current) if isinstance(current, str) else None)


def _chatgpt_message(
    conversation: Conversation, key: str, row: object, above: str | None, thinking: str
) -> Message | None:
    """The node's message in the conversation; None where it has nothing to be seen."""
    if not isinstance(row, dict):
        return None
    author, content, about = _object(row, "author"), _object(row, "content"), _object(row, "metadata")
    role = _ROLES.get(str(author.get("role")))
    text = _chatgpt_text(content)
    if role is None or not text.strip() or about.get("is_visually_hidden_from_conversation") is True:
        return None
    if role == "system":
        if not conversation.messages:
            conversation.settings = ConversationSettings(system=clean(text))
        return None
    model = about.get("model_slug")
    return _add(
        conversation,
        role,
        text,
        above,
        id=_known_id(key),
        at=row.get("create_time"),
        model=clean_line(model[:200]) if isinstance(model, str) and role == "assistant" else None,
        reasoning=thinking if role == "assistant" else "",
    )


def _object(row: dict[str, Any], name: str) -> dict[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _chatgpt_text(content: dict[str, Any]) -> str:
    kind = str(content.get("content_type"))
    if kind == "code":
        language = content.get("language")
        name = language if isinstance(language, str) and language.isalnum() and language != "unknown" else ""
        text = content.get("text")
        return f"```{name}\n{text}\n```" if isinstance(text, str) and text.strip() else ""
    if kind in ("text", "multimodal_text") or "parts" in content:
        parts = content.get("parts")
        return "".join(content_text(part) for part in parts) if isinstance(parts, list) else ""
    return ""


def _chatgpt_thoughts(row: object) -> str:
    content = row.get("content") if isinstance(row, dict) else None
    thoughts = content.get("thoughts") if isinstance(content, dict) else None
    if not isinstance(thoughts, list):
        return ""
    said = [one.get("content") for one in thoughts if isinstance(one, dict)]
    return "".join(f"{text}\n\n" for text in said if isinstance(text, str))


# OpenRouter's chatroom: `orpg.1.0` and `2.0` keep the text in the message, `3.0` in items beside it


def _openrouter(whole: dict[str, Any]) -> Imported:
    rows = whole.get("messages")
    named = {key: row for key, row in rows.items() if isinstance(row, dict)} if isinstance(rows, dict) else {}
    items: dict[str, Any] = whole["items"] if isinstance(whole.get("items"), dict) else {}
    characters: dict[str, Any] = whole["characters"] if isinstance(whole.get("characters"), dict) else {}
    conversation = _begin(_known_id(f"or-{min(named)}"[:_LONGEST_ID] if named else None), whole.get("title"))
    conversation.settings = ConversationSettings(system=_room_system(characters))
    ordered = sorted(named.items(), key=lambda one: unix_seconds(one[1].get("createdAt") or one[1].get("updatedAt")))
    is_tree = any(isinstance(row.get("parentMessageId"), str) for row in named.values())
    own: dict[str, str] = {}
    before: tuple[Message, str] | None = None
    last_question: str | None = None
    for key, row in _parents_first(named, ordered) if is_tree else ordered:
        who = str(row.get("characterId") or "")
        role: Role = "user" if who == "USER" or row.get("type") == "user" or row.get("role") == "user" else "assistant"
        text, thinking = _room_text(row, items)
        if is_tree:
            parent = own.get(str(row.get("parentMessageId")))
        elif role == "assistant" and before is not None and before[0].role == "assistant" and before[1] != who:
            parent = last_question  # several models answered the same question
        else:
            parent = before[0].id if before is not None else None
        if not text.strip():
            if parent is not None:
                own[key] = parent
            continue
        message = _add(
            conversation,
            role,
            text,
            parent,
            id=_known_id(key),
            at=row.get("createdAt") or row.get("updatedAt"),
            model=_room_model(characters.get(who), row) if role == "assistant" else None,
            reasoning=thinking,
        )
        own[key] = message.id
        before = (message, who)
        last_question = message.id if role == "user" else last_question
    return _finished(conversation, None)


def _parents_first(
    named: dict[str, dict[str, Any]], ordered: list[tuple[str, dict[str, Any]]]
) -> list[tuple[str, dict[str, Any]]]:
    """Parents before children, else by time; what hangs in a circle is left out."""
    children: dict[str | None, list[str]] = {}
    for key, row in ordered:
        parent = row.get("parentMessageId")
        children.setdefault(parent if isinstance(parent, str) and parent in named else None, []).append(key)
    found: list[tuple[str, dict[str, Any]]] = []
    todo = list(reversed(children.get(None, [])))
    while todo:
        key = todo.pop()
        found.append((key, named[key]))
        todo.extend(reversed(children.pop(key, [])))
    return found


def _room_text(row: dict[str, Any], items: dict[str, Any]) -> tuple[str, str]:
    """Text and thinking of a message, its own and those of its items."""
    text = content_text(row.get("content"))
    thinking = content_text(row.get("reasoning"))
    references = row.get("items")
    for reference in references if isinstance(references, list) else ():
        item = items.get(str(reference.get("id"))) if isinstance(reference, dict) else None
        data = item.get("data") if isinstance(item, dict) else None
        if not isinstance(data, dict):
            continue
        if data.get("type") == "message":
            text += content_text(data.get("content"))
        elif data.get("type") == "reasoning":
            thinking += content_text(data.get("content")) or content_text(data.get("summary"))
    return text, thinking


def _room_model(character: object, row: dict[str, Any]) -> Clean | None:
    known: dict[str, Any] = character if isinstance(character, dict) else {}
    about = _object(known, "modelInfo")
    for name in (known.get("model"), about.get("slug"), row.get("model"), about.get("name")):
        if isinstance(name, str) and name:
            return clean_line(name[:200])
    return None


def _room_system(characters: dict[str, Any]) -> Clean:
    for character in characters.values():
        if isinstance(character, dict):
            for name in ("systemPrompt", "system_prompt", "system"):
                if isinstance(character.get(name), str):
                    return clean(character[name])
    return Clean("")
