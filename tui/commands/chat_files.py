"""Conversations as files: Markdown to read, JSON that can be imported again."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from tui.commands.common_options import CommandError
from tui.commands.output import timestamp
from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.core.formats import cost
from tui.database import chats
from tui.database.columns import from_json, to_json, transaction
from tui.openrouter.text import Clean, clean, clean_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

FORMAT: Final = "ortui-conversations"
VERSION: Final = 1
_LARGEST: Final = 1 << 30
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLES: Final = ("system", "user", "assistant", "tool")
_MARKS: Final = {
    MessageState.STOPPED: "stopped",
    MessageState.CUT_OFF: "cut off",
    MessageState.FAILED: "failed",
    MessageState.UNKNOWN: "outcome unknown",
    MessageState.WAITING: "no reply yet",
    MessageState.STREAMING: "still arriving",
}


def markdown(conversation: Conversation) -> Clean:
    """The branch that is shown, to be read."""
    parts = [f"# {clean_line(conversation.title)}\n"]
    if conversation.settings.system:
        parts.append(f"## System\n\n{conversation.settings.system}\n")
    for message in conversation.messages:
        who = "You" if message.role == "user" else message.model or message.role.capitalize()
        mark = f" ({_MARKS[message.state]})" if message.state in _MARKS else ""
        parts.append(f"## {clean_line(who)}{mark}\n\n{message.text or message.refusal}\n")
        details = [timestamp(message.created_at)]
        if message.receipt is not None:
            details.append(cost(message.receipt.cost))
        if message.failure is not None:
            details.append(clean_line(message.failure.message))
        if message.role == "assistant":
            parts.append(f"*{' · '.join(filter(None, details))}*\n")
    return Clean("\n".join(parts))


def conversation_json(conversation: Conversation, messages: Sequence[Message]) -> dict[str, Any]:
    """A conversation with all its branches."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "settings": json.loads(to_json(conversation.settings)),
        "head": conversation.messages[-1].id if conversation.messages else None,
        "messages": [json.loads(to_json(message)) for message in messages],
    }


def file_json(conversations: Sequence[dict[str, Any]]) -> bytes:
    """The whole file."""
    whole = {"format": FORMAT, "version": VERSION, "conversations": conversations}
    return json.dumps(whole, indent=1, ensure_ascii=True).encode() + b"\n"


def read_file(file: Path) -> list[tuple[Conversation, str | None]]:
    """The conversations of a file, each with the message its shown branch ends at; raises `CommandError`."""
    try:
        with click_open(file) as opened:
            data = opened.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise CommandError(f"{file} cannot be read: {why}.") from None
    try:
        whole = json.loads(data) if len(data) <= _LARGEST else None
    except (ValueError, RecursionError):
        whole = None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT or not isinstance(whole.get("conversations"), list):
        raise CommandError(f"{file} is not a file that `ortui chats export --format json` writes.")
    if whole.get("version") != VERSION:
        raise CommandError(f"{file} was written by a later version of ortui.")
    return [_conversation(file, number, one) for number, one in enumerate(whole["conversations"], 1)]


def click_open(file: Path) -> Any:
    """The file, or stdin for `-`."""
    import click

    return click.open_file(str(file), "rb")


def _conversation(file: Path, number: int, value: object) -> tuple[Conversation, str | None]:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        raise CommandError(f"{file}: conversation {number} has no messages.")
    conversation_id = _known_id(value.get("id"))
    messages: list[Message] = []
    for place, entry in enumerate(value["messages"], 1):
        message = _message(conversation_id, entry)
        if message is None:
            raise CommandError(f"{file}: message {place} of conversation {number} has no role and text.")
        messages.append(message)
    title = value.get("title")
    conversation = Conversation(
        id=conversation_id,
        title=clean_line(title) if isinstance(title, str) and title else Clean("Imported"),
        settings=from_json(ConversationSettings, value.get("settings"), ConversationSettings()),
        messages=messages,
    )
    head = value.get("head")
    return conversation, head if isinstance(head, str) else None


def _message(conversation_id: str, value: object) -> Message | None:
    if not isinstance(value, dict) or value.get("role") not in _ROLES or not isinstance(value.get("text"), str):
        return None
    created_at = value.get("created_at")
    parent = value.get("parent_id")
    blank = Message(
        id=_known_id(value.get("id")),
        conversation_id=conversation_id,
        parent_id=parent if isinstance(parent, str) and _ID.fullmatch(parent) else None,
        role=value["role"],
        text=clean(value["text"]),
        created_at=float(created_at) if isinstance(created_at, int | float) and 0 <= created_at < 1e11 else 0.0,
    )
    own = {name: getattr(blank, name) for name in ("id", "conversation_id", "parent_id", "role", "text", "created_at")}
    message = from_json(Message, value | own, blank)
    if message.state.is_open:
        # Nobody fills it any more.
        message.state = MessageState.CUT_OFF
    return message


def _known_id(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else uuid.uuid4().hex


def import_conversations(
    connection: sqlite3.Connection, found: Sequence[tuple[Conversation, str | None]]
) -> tuple[int, int]:
    """Write conversations down; the answer is how many, and how many were there already. All of them or none."""
    taken = known = 0
    with transaction(connection):
        for conversation, head in found:
            if connection.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation.id,)).fetchone():
                chats.undelete(connection, conversation.id)
                known += 1
                continue
            _import(connection, conversation, head)
            taken += 1
    return taken, known


def _import(connection: sqlite3.Connection, conversation: Conversation, head: str | None) -> None:
    messages = conversation.messages
    last = max((message.created_at for message in messages), default=0.0)
    chats.create(connection, conversation.id, title=conversation.title, settings=conversation.settings, now=last)
    renamed: dict[str, str] = {}
    for message in messages:
        own = message.id
        if own in renamed or connection.execute("SELECT 1 FROM message WHERE id = ?", (own,)).fetchone():
            message.id = uuid.uuid4().hex
        renamed.setdefault(own, message.id)
        message.parent_id = renamed.get(message.parent_id) if message.parent_id is not None else None
        chats.add_message(connection, message)
    if head in renamed:
        chats.set_head(connection, conversation.id, renamed[head])
