"""Conversations and their messages.

Messages form a tree: each names its parent, and a conversation's head is the leaf of the branch that is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from tui.core.conversation import (
    Conversation,
    ConversationSettings,
    ConversationSummary,
    Message,
    Receipt,
)
from tui.core.ledger import MONEY, ZERO
from tui.database.columns import (
    Row,
    clean_out,
    from_json,
    json_out,
    line_or_none,
    line_out,
    money_out,
    to_json,
    transaction,
)
from tui.database.message_rows import READ, add_parts, folded_parts, message_from_row, more_in, without_parts
from tui.database.search import match_words
from tui.database.search_beside import index_beside
from tui.openrouter.text import Clean

PartKind: TypeAlias = Literal["text", "reasoning", "refusal"]
Part: TypeAlias = tuple[str, int, PartKind, Clean]
"""Message id, number within the message, kind, text."""

_AT_ONCE: Final = 500
"""Messages that one statement reads."""
_OPEN: Final = "state IN ('waiting', 'streaming')"


def create(
    connection: sqlite3.Connection,
    conversation_id: str,
    *,
    title: Clean,
    settings: ConversationSettings,
    now: float,
    private: bool = False,
) -> None:
    """Begin a conversation; a second time changes nothing."""
    connection.execute(
        "INSERT OR IGNORE INTO conversation (id, title, settings, is_private, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (conversation_id, "" if private else title, "{}" if private else to_json(settings), private, now, now),
    )


def save_settings(connection: sqlite3.Connection, conversation_id: str, settings: ConversationSettings) -> None:
    """What the next request of the conversation sends."""
    connection.execute(
        "UPDATE conversation SET settings = ? WHERE id = ? AND NOT is_private", (to_json(settings), conversation_id)
    )


def save_draft(connection: sqlite3.Connection, conversation_id: str, draft: Clean) -> None:
    """What stands in the composer."""
    connection.execute("UPDATE conversation SET draft = ? WHERE id = ? AND NOT is_private", (draft, conversation_id))


def rename(connection: sqlite3.Connection, conversation_id: str, title: Clean) -> None:
    connection.execute("UPDATE conversation SET title = ? WHERE id = ? AND NOT is_private", (title, conversation_id))


def pin(connection: sqlite3.Connection, conversation_id: str, pinned: bool) -> None:
    """Keep it at the top of the list, or no longer."""
    connection.execute("UPDATE conversation SET is_pinned = ? WHERE id = ?", (pinned, conversation_id))


def delete(connection: sqlite3.Connection, conversation_id: str, now: float) -> None:
    """Take a conversation out of every list and search; `undelete` brings it back."""
    connection.execute("UPDATE conversation SET deleted_at = ? WHERE id = ?", (now, conversation_id))


def undelete(connection: sqlite3.Connection, conversation_id: str) -> None:
    connection.execute("UPDATE conversation SET deleted_at = NULL WHERE id = ?", (conversation_id,))


def purge_deleted(connection: sqlite3.Connection, before: float) -> int:
    """Remove for good what was deleted before a time (Unix seconds); the answer is how many conversations."""
    with transaction(connection):
        connection.execute("DELETE FROM message WHERE deleted_at < ?", (before,))
        return connection.execute("DELETE FROM conversation WHERE deleted_at < ?", (before,)).rowcount


def list_conversations(
    connection: sqlite3.Connection, limit: int = 1_000, offset: int = 0, *, search: str | None = None
) -> tuple[ConversationSummary, ...]:
    """The pinned ones first, then by the last change, newest first; with `search` those whose title or text has it."""
    wanted = ""
    parameters: tuple[str, ...] = ()
    if search is not None and search.strip():
        wanted = (
            " AND (title LIKE ? ESCAPE '!' OR id IN (SELECT conversation_id FROM message WHERE deleted_at IS NULL"
            " AND number IN (SELECT rowid FROM message_search WHERE message_search MATCH ?"
            " UNION ALL SELECT rowid FROM beside_search WHERE beside_search MATCH ?)))"
        )
        match = match_words(search) or '""'
        parameters = (_like(search.strip()), match, match)
    rows = connection.execute(
        "SELECT id, title, updated_at, is_pinned,"  # noqa: S608
        " CASE WHEN json_valid(settings) THEN json_extract(settings, '$.model') END AS model,"
        " (SELECT count(*) FROM message WHERE conversation_id = conversation.id AND deleted_at IS NULL) AS messages,"
        " (SELECT group_concat(billed_usd) FROM word JOIN conversation_sum ON conversation = word.id"
        " WHERE word.text = conversation.id) AS billed,"
        f" EXISTS (SELECT 1 FROM message WHERE conversation_id = conversation.id AND {_OPEN}) AS streaming"
        f" FROM conversation WHERE deleted_at IS NULL AND NOT is_private{wanted}"
        " ORDER BY is_pinned DESC, updated_at DESC LIMIT ? OFFSET ?",
        (*parameters, limit, offset),
    ).fetchall()
    return tuple(_summary(row) for row in rows)


def all_ids(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Every conversation that is listed, the latest first."""
    rows = connection.execute(
        "SELECT id FROM conversation WHERE deleted_at IS NULL AND NOT is_private ORDER BY updated_at DESC"
    )
    return tuple(row[0] for row in rows.fetchall())


def open_conversation(connection: sqlite3.Connection, conversation_id: str) -> Conversation | None:
    """The conversation with the branch that is shown, oldest message first; None when there is none (or no longer)."""
    row = connection.execute(
        "SELECT * FROM conversation WHERE id = ? AND deleted_at IS NULL", (conversation_id,)
    ).fetchone()
    if row is None:
        return None
    settings = from_json(ConversationSettings, json_out(row["settings"]), ConversationSettings())
    messages, branches = _branch(connection, conversation_id, row["head_id"])
    return Conversation(
        id=row["id"],
        title=line_out(row["title"]),
        settings=settings,
        messages=messages,
        draft=clean_out(row["draft"]),
        private=bool(row["is_private"]),
        branches=branches,
    )


def stamp(connection: sqlite3.Connection, conversation_id: str) -> tuple[object, ...] | None:
    """What is another whenever anything of the conversation is, as far as one sees it; None when it is gone."""
    row = connection.execute(
        "SELECT title, settings, head_id, updated_at,"
        " (SELECT count(*) FROM message WHERE conversation_id = conversation.id AND deleted_at IS NULL),"
        " (SELECT max(seq) FROM reply_part WHERE message_id = head_id),"
        " (SELECT state || more FROM message WHERE id = head_id)"
        " FROM conversation WHERE id = ? AND deleted_at IS NULL",
        (conversation_id,),
    ).fetchone()
    return None if row is None else tuple(row)


def add_message(connection: sqlite3.Connection, message: Message, *, process: str | None = None) -> None:
    """Write a message down and make it the head of its conversation; `process` is who fills it while it is open."""
    with transaction(connection):
        if _is_private(connection, message.conversation_id):
            return
        connection.execute(
            "INSERT INTO message (id, conversation_id, parent_id, role, state, process, created_at, model, text,"
            " reasoning, more) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message.id,
                message.conversation_id,
                message.parent_id,
                message.role,
                message.state.value,
                process if message.state.is_open else None,
                message.created_at,
                message.model,
                message.text,
                message.reasoning,
                more_in(message),
            ),
        )
        index_beside(connection, message)
        connection.execute(
            "UPDATE conversation SET head_id = ?, updated_at = max(updated_at, ?) WHERE id = ?",
            (message.id, message.created_at, message.conversation_id),
        )


def append_parts(connection: sqlite3.Connection, parts: Sequence[Part]) -> None:
    """Keep text as it arrives: every 100 ms, for all replies that grow. A part that is there already is left out."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR IGNORE INTO reply_part (message_id, seq, kind, text)"
            " SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM message WHERE id = ?1)",
            parts,
        )


def finish_message(connection: sqlite3.Connection, message: Message, *, now: float) -> None:
    """Write down how a message ended, with its search entry; its parts are no longer needed.

    Where the message itself has no text, thinking or refusal, what arrived in parts stands in for it.
    """
    with transaction(connection):
        text, reasoning, refusal = folded_parts(connection, message.id)
        connection.execute(
            "UPDATE message SET state = ?, process = NULL, model = ?, text = ?, reasoning = ?, more = ? WHERE id = ?",
            (
                message.state.value,
                message.model,
                message.text or text,
                message.reasoning or reasoning,
                more_in(message if message.refusal else replace(message, refusal=refusal)),
                message.id,
            ),
        )
        index_beside(connection, message if message.reasoning else replace(message, reasoning=reasoning))
        connection.execute("DELETE FROM reply_part WHERE message_id = ?", (message.id,))
        connection.execute(
            "UPDATE conversation SET updated_at = max(updated_at, ?) WHERE id = ?", (now, message.conversation_id)
        )


def update_receipt(connection: sqlite3.Connection, message_id: str, receipt: Receipt) -> None:
    """A bill came after the message had ended."""
    with transaction(connection):
        message = message_of(connection, message_id)
        if message is not None:
            message.receipt = receipt
            connection.execute("UPDATE message SET more = ? WHERE id = ?", (more_in(message), message_id))


def message_of(connection: sqlite3.Connection, message_id: str) -> Message | None:
    """One message, with what has arrived of it so far."""
    row = connection.execute("SELECT * FROM message WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else message_from_row(connection, row)


def siblings(connection: sqlite3.Connection, message_id: str) -> tuple[str, ...]:
    """The messages that stand in the same place of different branches, this one included, oldest first."""
    rows = connection.execute(
        "SELECT other.id FROM message AS this JOIN message AS other ON other.conversation_id = this.conversation_id"
        " AND other.parent_id IS this.parent_id AND other.deleted_at IS NULL WHERE this.id = ? ORDER BY other.number",
        (message_id,),
    )
    return tuple(row[0] for row in rows.fetchall())


def show_message(connection: sqlite3.Connection, message_id: str) -> None:
    """Show the branch that this message is in, unless the one that is shown has it already."""
    with transaction(connection):
        row = connection.execute(
            "SELECT conversation.id AS id, head_id FROM message JOIN conversation ON conversation.id = conversation_id"
            " WHERE message.id = ? AND message.deleted_at IS NULL",
            (message_id,),
        ).fetchone()
        if row is None:
            return
        parents: dict[str, str | None] = dict(
            connection.execute("SELECT id, parent_id FROM message WHERE conversation_id = ?", (row["id"],)).fetchall()
        )
        here = row["head_id"]
        while here is not None and here != message_id:
            here = parents.pop(here, None)
        if here is None:
            show_branch(connection, message_id)


def show_branch(connection: sqlite3.Connection, message_id: str) -> None:
    """Show the branch through a message, down to its newest leaf."""
    with transaction(connection):
        row = connection.execute("SELECT conversation_id FROM message WHERE id = ?", (message_id,)).fetchone()
        if row is None:
            return
        newest: dict[str | None, str] = {
            entry["parent_id"]: entry["id"]
            for entry in connection.execute(
                "SELECT id, parent_id FROM message WHERE conversation_id = ? AND deleted_at IS NULL ORDER BY number",
                (row[0],),
            ).fetchall()
        }
        leaf, seen = message_id, {message_id}
        while (below := newest.get(leaf)) is not None and below not in seen:
            seen.add(below)
            leaf = below
        set_head(connection, row[0], leaf)


def step_branch(connection: sqlite3.Connection, message_id: str, step: int) -> bool:
    """Show the branch through the next (1) or the previous (-1) message in this place; False where there is none."""
    places = siblings(connection, message_id)
    at = places.index(message_id) + step if message_id in places else -1
    if not 0 <= at < len(places):
        return False
    show_branch(connection, places[at])
    return True


def delete_messages(
    connection: sqlite3.Connection, conversation_id: str, message_ids: Sequence[str], parent_id: str | None, now: float
) -> None:
    """Delete the end of the shown branch (`message_ids` down to its last); `parent_id` is shown as the last then."""
    with transaction(connection):
        connection.executemany("UPDATE message SET deleted_at = ? WHERE id = ?", [(now, one) for one in message_ids])
        set_head(connection, conversation_id, parent_id)


def undelete_messages(connection: sqlite3.Connection, conversation_id: str, message_ids: Sequence[str]) -> None:
    """Bring back what `delete_messages` took, and show it again."""
    with transaction(connection):
        connection.executemany("UPDATE message SET deleted_at = NULL WHERE id = ?", [(one,) for one in message_ids])
        set_head(connection, conversation_id, message_ids[-1])


def set_head(connection: sqlite3.Connection, conversation_id: str, message_id: str | None) -> None:
    """End the branch that is shown at a message; None shows an empty conversation."""
    connection.execute("UPDATE conversation SET head_id = ? WHERE id = ?", (message_id, conversation_id))


def titles(connection: sqlite3.Connection, conversation_ids: Iterable[str]) -> dict[str, Clean]:
    """The titles of conversations that are still there."""
    found: dict[str, Clean] = {}
    for conversation_id in conversation_ids:
        row = connection.execute("SELECT title FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
        if row is not None:
            found[conversation_id] = line_out(row["title"])
    return found


def message_for_export(connection: sqlite3.Connection, conversation_id: str) -> tuple[Message, ...]:
    """All messages of all branches, in the order in which they were written."""
    rows = connection.execute(
        "SELECT * FROM message WHERE conversation_id = ? AND deleted_at IS NULL ORDER BY number", (conversation_id,)
    ).fetchall()
    return tuple(message_from_row(connection, row) for row in rows)


def _branch(
    connection: sqlite3.Connection, conversation_id: str, head_id: str | None
) -> tuple[list[Message], dict[str, tuple[int, int]]]:
    """From the head up to the root, turned round; a circle (in a file that others wrote) ends where it closes.

    Besides, which messages of it have others in their place: the how many-th of how many each is.
    """
    parents: dict[str, tuple[int, str | None]] = {}
    places: dict[str | None, list[str]] = {}
    for message_id, number, parent_id in _rows(
        connection,
        "SELECT id, number, parent_id FROM message WHERE conversation_id = ? AND deleted_at IS NULL ORDER BY number",
        (conversation_id,),
    ):
        parents[message_id] = (number, parent_id)
        places.setdefault(parent_id, []).append(message_id)
    found: list[tuple[int, str, str | None]] = []
    branches: dict[str, tuple[int, int]] = {}
    here = head_id
    while here is not None and (place := parents.pop(here, None)) is not None:
        found.append((place[0], here, place[1]))
        if len(beside := places[place[1]]) > 1:
            branches[here] = (beside.index(here) + 1, len(beside))
        here = place[1]
    found.reverse()
    rows: dict[int, Row] = {}
    for first in range(0, len(found), _AT_ONCE):
        numbers = [number for number, _, _ in found[first : first + _AT_ONCE]]
        marks = ",".join("?" * len(numbers))
        query = f"SELECT {READ} FROM message WHERE number IN ({marks})"  # noqa: S608 - question marks
        rows |= {row["number"]: row for row in _rows(connection, query, numbers)}
    messages = [without_parts(rows[number], own, conversation_id, parent) for number, own, parent in found]
    for message in messages:
        add_parts(connection, message)
    return messages, branches


def _rows(connection: sqlite3.Connection, query: str, parameters: Sequence[object]) -> list[Row]:
    """Many rows: text is decoded by SQLite's own hand, and by ours, which takes anything, only where that fails."""
    ours = connection.text_factory
    connection.text_factory = str
    try:
        return connection.execute(query, parameters).fetchall()
    except sqlite3.OperationalError:
        connection.text_factory = ours
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.text_factory = ours


def _like(text: str) -> str:
    escaped = "".join(f"!{character}" if character in "%_!" else character for character in text)
    return f"%{escaped}%"


def _is_private(connection: sqlite3.Connection, conversation_id: str) -> bool:
    row = connection.execute("SELECT is_private FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return row is not None and bool(row[0])


def _summary(row: Row) -> ConversationSummary:
    spent = ZERO
    for amount in (row["billed"] or "").split(","):
        spent = MONEY.add(spent, money_out(amount) or ZERO)
    return ConversationSummary(
        id=row["id"],
        title=line_out(row["title"]),
        model=line_or_none(row["model"]) if isinstance(row["model"], str) else None,
        updated_at=row["updated_at"],
        message_count=row["messages"],
        spent_usd=spent,
        pinned=bool(row["is_pinned"]),
        streaming=bool(row["streaming"]),
    )
