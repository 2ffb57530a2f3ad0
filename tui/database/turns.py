"""A turn of a conversation, written down whole before anything is sent."""

from __future__ import annotations

import sqlite3

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
    private: bool,
    question: Message | None,
    reply: Message,
    process: str,
    now: float,
) -> None:
    """Question (None for a reply that is made again) and empty reply; a new conversation is begun by it."""
    with transaction(connection):
        chats.create(connection, conversation_id, title=title, settings=settings, now=now, private=private)
        chats.save_settings(connection, conversation_id, settings)
        chats.save_draft(connection, conversation_id, Clean(""))
        if question is not None:
            chats.add_message(connection, question)
        chats.add_message(connection, reply, process=process)


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
