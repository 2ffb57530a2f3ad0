"""What is found of a message besides its text: its thinking, the files that went along, what it refers to."""

from __future__ import annotations

import sqlite3
from typing import Final

from tui.core.conversation import Message
from tui.openrouter.text import clean

_MOST: Final = 1_000_000
"""Characters of a message that are indexed."""
TABLE: Final = """
    CREATE VIRTUAL TABLE beside_search USING fts5 (text, tokenize = "unicode61 remove_diacritics 2")
"""
TRIGGER: Final = """
    CREATE TRIGGER beside_search_delete AFTER DELETE ON message BEGIN
        DELETE FROM beside_search WHERE rowid = old.number;
    END
"""


def words_beside(message: Message) -> str:
    """All of it as one text."""
    parts = [message.reasoning, message.refusal]
    for attachment in message.attachments:
        parts.append(attachment.name)
        if attachment.kind == "text":
            parts.append(clean(attachment.content.raw[:_MOST]))
    parts += [citation.title for citation in message.citations]
    return "\n".join(filter(None, parts))[:_MOST]


def index_beside(connection: sqlite3.Connection, message: Message) -> None:
    """Let it be found by these words, and by no others that it was found by before."""
    words = words_beside(message)
    row = connection.execute("SELECT number FROM message WHERE id = ?", (message.id,)).fetchone()
    if row is None:
        return
    connection.execute("DELETE FROM beside_search WHERE rowid = ?", (row[0],))
    if words:
        connection.execute("INSERT INTO beside_search (rowid, text) VALUES (?, ?)", (row[0], words))


def index_all(connection: sqlite3.Connection) -> None:
    """Make the index of what is there already."""
    from tui.database.message_rows import READ, without_parts

    connection.execute(TABLE)
    connection.execute(TRIGGER)
    rows = connection.execute(
        f"SELECT {READ} FROM message WHERE reasoning <> '' OR more LIKE '%\"attachments\"%'"  # noqa: S608 - a constant
        " OR more LIKE '%\"citations\"%' OR more LIKE '%\"refusal\"%'"
    )
    for row in rows:
        if words := words_beside(without_parts(row, "", "", None)):
            connection.execute("INSERT INTO beside_search (rowid, text) VALUES (?, ?)", (row["number"], words))
