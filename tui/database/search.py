"""Searching all conversations for words."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from tui.core.conversation import SearchHit
from tui.database.columns import Row, clean_out, line_out
from tui.openrouter.text import Clean

_MOST_WORDS: Final = 16
_LONGEST_WORD: Final = 64
_BEGIN, _END = "\x01", "\x02"
"""Mark a found word within a snippet; cleaned text has neither."""
_MARK: Final = f"[{_BEGIN}{_END}]"


def search(connection: sqlite3.Connection, words: str, limit: int = 50) -> tuple[SearchHit, ...]:
    """Messages that hold all the words in any order, the newest first; each may be unfinished. Behind them those that
    have them only beside their text: in a file that went along, in the thinking.

    Any text may be given: only its letters and digits are searched for. Without any there are no hits. To put the
    best first all hits would have to be weighed, which takes a second for a common word in 100,000 messages.
    """
    query = match_words(words)
    if not query:
        return ()
    hits = _found_in(connection, "message_search", "message.role", query, limit)
    if len(hits) < limit:
        beside = "CASE message.role WHEN 'user' THEN 'file' ELSE 'thinking' END"
        known = {hit.message_id for hit in hits}
        more = _found_in(connection, "beside_search", beside, query, limit)
        hits += [hit for hit in more if hit.message_id not in known]
    return tuple(hits[:limit])


def _found_in(connection: sqlite3.Connection, table: str, role: str, query: str, limit: int) -> list[SearchHit]:
    rows = connection.execute(
        f"SELECT message.id, {role} AS role, message.created_at, message.conversation_id, conversation.title,"  # noqa: S608
        f" snippet({table}, 0, ?, ?, '…', 16) AS snippet"
        f" FROM {table} JOIN message ON message.number = {table}.rowid"
        " JOIN conversation ON conversation.id = message.conversation_id"
        f" WHERE {table} MATCH ? AND conversation.deleted_at IS NULL AND message.deleted_at IS NULL"
        f" ORDER BY {table}.rowid DESC LIMIT ?",
        (_BEGIN, _END, query, limit),
    ).fetchall()
    return [_hit(row) for row in rows]


def search_titles(connection: sqlite3.Connection, words: str, limit: int = 5) -> tuple[SearchHit, ...]:
    """Conversations whose title has all the words, the latest first; the hit is the title itself."""
    found = _words(words)
    if not found:
        return ()
    rows = connection.execute(
        "SELECT id, title, updated_at FROM conversation WHERE deleted_at IS NULL AND NOT is_private"  # noqa: S608
        + " AND title LIKE ?" * len(found)
        + " ORDER BY updated_at DESC LIMIT ?",
        (*(f"%{word}%" for word in found), limit),
    ).fetchall()
    return tuple(_title_hit(row, found) for row in rows)


def _title_hit(row: Row, words: list[str]) -> SearchHit:
    title = line_out(row["title"])
    marks = sorted((at, at + len(word)) for word in words if (at := title.casefold().find(word.casefold())) >= 0)
    return SearchHit(
        conversation_id=clean_out(row["id"]),
        message_id="",
        title=title,
        role=Clean("title"),
        created_at=row["updated_at"],
        snippet=title,
        marks=tuple(marks),
    )


def _words(words: str) -> list[str]:
    return [word[:_LONGEST_WORD] for word in re.findall(r"[^\W_]+", words)][:_MOST_WORDS]


def match_words(words: str) -> str:
    """What to MATCH: each word in quotes, which FTS5 takes as text and never as syntax; empty without any word."""
    found = _words(words)
    if not found:
        return ""
    # All words that begin with one letter would be half of the index.
    return " ".join(f'"{word}"*' if len(word) > 1 else f'"{word}"' for word in found)


def _hit(row: Row) -> SearchHit:
    pieces: list[Clean] = []
    marks: list[tuple[int, int]] = []
    length, begun = 0, 0
    marked = str(row["snippet"])
    position = 0
    for mark in re.finditer(_MARK, marked):
        piece = line_out(marked[position : mark.start()])
        pieces.append(piece)
        length += len(piece)
        if mark.group() == _BEGIN:
            begun = length
        else:
            marks.append((begun, length))
        position = mark.end()
    pieces.append(line_out(marked[position:]))
    return SearchHit(
        conversation_id=clean_out(row["conversation_id"]),
        message_id=clean_out(row["id"]),
        title=line_out(row["title"]),
        role=line_out(row["role"]),
        created_at=row["created_at"],
        snippet=Clean("".join(pieces)),
        marks=tuple(marks),
    )
