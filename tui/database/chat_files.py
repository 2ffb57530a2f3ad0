"""Conversations as files: JSON that holds all of a conversation, and whatever else can be imported."""

from __future__ import annotations

import os
import re
import stat
import uuid
from typing import TYPE_CHECKING, Any, Final

from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.core.foreign_chats import Imported, read_foreign
from tui.database import chats
from tui.database.columns import from_json, to_json, transaction
from tui.openrouter.text import Clean, clean, clean_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

FORMAT: Final = "ortui-conversations"
VERSION: Final = 1
LARGEST: Final = 20_000_000
"""Bytes of a file that some other program wrote."""
LARGEST_OWN: Final = 1 << 30
"""Bytes of a file that this program wrote: what it exports it takes back."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLES: Final = ("system", "user", "assistant", "tool")


class ImportRefused(Exception):
    """Why nothing was imported, a sentence for the user."""


def conversation_json(conversation: Conversation, messages: Sequence[Message]) -> dict[str, Any]:
    """A conversation with all its branches."""
    import json

    return {
        "id": conversation.id,
        "title": conversation.title,
        "settings": json.loads(to_json(conversation.settings)),
        "head": conversation.messages[-1].id if conversation.messages else None,
        "messages": [json.loads(to_json(message)) for message in messages],
    }


def file_json(conversations: Sequence[dict[str, Any]]) -> bytes:
    """The whole file."""
    import json

    whole = {"format": FORMAT, "version": VERSION, "conversations": conversations}
    return json.dumps(whole, indent=1, ensure_ascii=True).encode() + b"\n"


def read_chats(file: Path, secrets: Sequence[str] = ()) -> list[Imported]:
    """The conversations of a file; raises `ImportRefused`. `secrets` are keys that no file may carry in."""
    name = clean_line(str(file))
    try:
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):
            raise ImportRefused(f"{name} is not a regular file.")
        with file.open("rb") as opened:
            head = opened.read(1 << 16)
            data = head + opened.read(_limit(head) + 1 - len(head))
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise ImportRefused(f"{name} cannot be read: {why}.") from None
    return parse_chats(data, name, secrets)


def _limit(head: bytes) -> int:
    return LARGEST_OWN if FORMAT.encode() in head[:200] else LARGEST


def parse_chats(data: bytes, name: str, secrets: Sequence[str] = ()) -> list[Imported]:
    """The conversations of a file's bytes; raises `ImportRefused`."""
    limit = _limit(data[:200])
    if len(data) > limit:
        raise ImportRefused(f"{name} is larger than {limit // 1_000_000:,} MB.")
    if data.startswith(b"PK\x03\x04"):
        raise ImportRefused(f"{name} is a ZIP archive: unpack it and import its conversations.json.")
    try:
        if b"\0" in data[:8192]:
            raise ValueError
        text = data.decode("utf-8-sig")
    except ValueError:
        raise ImportRefused(f"{name} is no text file.") from None
    for secret in secrets:
        if secret and secret in text:
            raise ImportRefused(f"{name} contains your key …{clean_line(secret[-4:])}: take it out first.")
    found = _parse_json(text, name) if text.lstrip()[:1] in ("{", "[") else _parse_markdown(text)
    if not found:
        raise ImportRefused(
            f"{name} holds no conversation that ortui knows: its own JSON or Markdown, ChatGPT's conversations.json, "
            "or an export of OpenRouter's chatroom."
        )
    return found


def _parse_markdown(text: str) -> list[Imported]:
    from tui.core.chat_markdown import read_all_markdown

    return [(conversation, conversation.messages[-1].id) for conversation in read_all_markdown(text)]


def _parse_json(text: str, name: str) -> list[Imported]:
    import json

    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        raise ImportRefused(f"{name} is no valid JSON.") from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        return read_foreign(whole)
    if whole.get("version") != VERSION:
        raise ImportRefused(f"{name} was written by a later version of ortui.")
    rows = whole.get("conversations")
    if not isinstance(rows, list):
        raise ImportRefused(f"{name} has no list of conversations.")
    return [_conversation(name, number, one) for number, one in enumerate(rows, 1)]


def _conversation(name: str, number: int, value: object) -> Imported:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        raise ImportRefused(f"{name}: conversation {number} has no messages.")
    conversation_id = _known_id(value.get("id"))
    messages: list[Message] = []
    for place, entry in enumerate(value["messages"], 1):
        message = _message(conversation_id, entry)
        if message is None:
            raise ImportRefused(f"{name}: message {place} of conversation {number} has no role and text.")
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


def import_conversations(connection: sqlite3.Connection, found: Sequence[Imported]) -> tuple[int, int]:
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


def imported_sentence(taken: int, known: int) -> Clean:
    """`3 conversations are imported, 1 was there already.`"""
    verb = "conversation is" if taken == 1 else "conversations are"
    rest = "" if not known else f", {known} {'was' if known == 1 else 'were'} there already"
    return Clean(f"{taken:,} {verb} imported{rest}.")


def export_bytes(connection: sqlite3.Connection, conversation_ids: Sequence[str], kind: str) -> tuple[bytes, int]:
    """The file of these conversations (none named: all), `markdown` or `json`, and how many are in it."""
    parts = [export_part(connection, each, kind) for each in conversation_ids or chats.all_ids(connection)]
    found = [part for part in parts if part is not None]
    return joined_parts(found, kind), len(found)


def export_part(connection: sqlite3.Connection, conversation_id: str, kind: str) -> dict[str, Any] | str | None:
    """One conversation of the file; None when it is gone."""
    from tui.core.chat_markdown import markdown

    found = chats.open_conversation(connection, conversation_id)
    if found is None:
        return None
    if kind == "markdown":
        return markdown(found)
    return conversation_json(found, chats.message_for_export(connection, conversation_id))


def joined_parts(parts: Sequence[dict[str, Any] | str], kind: str) -> bytes:
    """The whole file of what `export_part` gave."""
    if kind == "markdown":
        return "\n".join(part for part in parts if isinstance(part, str)).encode()
    return file_json([part for part in parts if isinstance(part, dict)])


def write_new(path: Path, body: bytes) -> None:
    """A file for the user alone; raises FileExistsError where there is one already, and other OSErrors."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)


def export_path(folder: Path, title: Clean, kind: str, now: float) -> Path:
    """A name in the folder that is not taken yet, from title and day."""
    from datetime import UTC, datetime

    words = re.findall(r"[^\W_]+", title.casefold())
    stem = "-".join(words)[:50].strip("-") or "conversation"
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    ending = "md" if kind == "markdown" else "json"
    number = 1
    path = folder / f"{stem}-{day}.{ending}"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{day}-{number}.{ending}"
    return path
