"""A turn of a conversation, written down whole before anything is sent."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence

from msgspec.structs import replace

from tui.core.conversation import ConversationSettings, Message
from tui.database import chats
from tui.database.columns import transaction
from tui.openrouter.text import Clean


def add_turn(
    connection: sqlite3.Connection,
    *,
    conversation_id: str,
    title: Clean,
    settings: ConversationSettings,
    question: Message | None,
    reply: Message,
    process: str,
    now: float,
) -> None:
    """Question (None for a reply that is made again) and empty reply; a new conversation is begun by it.

    One that another process has deleted meanwhile is there again: somebody is talking in it.
    """
    with transaction(connection):
        chats.create(connection, conversation_id, title=title, settings=settings, now=now)
        chats.undelete(connection, conversation_id)
        chats.save_settings(connection, conversation_id, settings)
        chats.save_draft(connection, conversation_id, Clean(""))
        if question is not None:
            chats.add_message(connection, question)
        chats.add_message(connection, reply, process=process)


def fork(
    connection: sqlite3.Connection,
    *,
    conversation_id: str,
    title: Clean,
    settings: ConversationSettings,
    messages: Sequence[Message],
    now: float,
) -> None:
    """Begin a conversation with copies of these messages, oldest first; each gets an id of its own."""
    with transaction(connection):
        chats.create(connection, conversation_id, title=title, settings=settings, now=now)
        parent: str | None = None
        for message in messages:
            copy = replace(message, id=uuid.uuid4().hex, conversation_id=conversation_id, parent_id=parent, version=0)
            chats.add_message(connection, copy)
            parent = copy.id


def save_conversation(
    connection: sqlite3.Connection,
    *,
    conversation_id: str,
    title: Clean,
    settings: ConversationSettings,
    draft: Clean,
    now: float,
) -> None:
    """Keep title, settings and draft of a conversation; one that is not there yet is begun."""
    with transaction(connection):
        chats.create(connection, conversation_id, title=title, settings=settings, now=now)
        chats.save_settings(connection, conversation_id, settings)
        chats.save_draft(connection, conversation_id, draft)
