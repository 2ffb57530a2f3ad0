"""A message as it lies in the database: most of it in columns, what nothing searches together as JSON."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any, Final, get_type_hints

import msgspec
from msgspec.structs import fields

from tui.core.conversation import Message, MessageState
from tui.database.columns import Row, clean_out, from_json, json_decoder, json_out, line_or_none, quick_json, to_json
from tui.openrouter.text import Clean

_IN_COLUMNS: Final = frozenset(
    {"id", "conversation_id", "parent_id", "role", "text", "created_at", "state", "model", "reasoning", "version"}
)
_MORE: Final = tuple(field.name for field in fields(Message) if field.name not in _IN_COLUMNS)
"""Fields of a message that are kept together as JSON: nothing searches them."""
_ROLES: Final = ("system", "user", "assistant", "tool")
READ: Final = "number, role, state, created_at, model, text, reasoning, more"
"""What a message is made of that is known by its place."""


def folded_parts(connection: sqlite3.Connection, message_id: str) -> tuple[Clean, Clean, Clean]:
    """Text, thinking and refusal as they stand in the parts of a message that still grows."""
    text: list[Clean] = []
    others: dict[str, list[Clean]] = {"reasoning": [], "refusal": []}
    for row in connection.execute(
        "SELECT kind, text FROM reply_part WHERE message_id = ? ORDER BY seq", (message_id,)
    ).fetchall():
        others.get(row["kind"], text).append(clean_out(row["text"]))
    return Clean("".join(text)), Clean("".join(others["reasoning"])), Clean("".join(others["refusal"]))


def message_from_row(connection: sqlite3.Connection, row: Row) -> Message:
    """A message from its row; what another version wrote and this one cannot read is left out."""
    message = without_parts(row, row["id"], row["conversation_id"], row["parent_id"])
    add_parts(connection, message)
    return message


def add_parts(connection: sqlite3.Connection, message: Message) -> None:
    """What has arrived of a message that still grows."""
    if message.state.is_open:
        text, reasoning, refusal = folded_parts(connection, message.id)
        message.text, message.reasoning = Clean(message.text + text), Clean(message.reasoning + reasoning)
        message.refusal = Clean(message.refusal + refusal)


def without_parts(row: Row, message_id: str, conversation_id: str, parent_id: str | None) -> Message:
    """The message of a row that has the columns of `READ`, without what lies in parts of it."""
    role = row["role"]
    blank = Message(
        id=message_id,
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=role if role in _ROLES else "user",
        text=clean_out(row["text"]),
        created_at=row["created_at"],
        state=_STATES.get(row["state"], MessageState.DONE),
        model=line_or_none(row["model"]),
        reasoning=clean_out(row["reasoning"]),
    )
    stored = row["more"]
    if stored == "{}":
        return blank
    quick = quick_json(_quick_more(), stored)
    if quick is not None:
        for name in _MORE:
            setattr(blank, name, getattr(quick, name))
        return blank
    more: Any = json_out(stored)
    if not isinstance(more, dict) or not more:
        return blank
    own = {name: getattr(blank, name) for name in _IN_COLUMNS}
    return from_json(Message, {name: more[name] for name in _MORE if name in more} | own, blank)


_STATES: Final = {state.value: state for state in MessageState}


@cache
def _quick_more() -> msgspec.json.Decoder[Any]:
    """Reads `more` at once, as long as this version wrote it and nothing in it has to be cleaned."""
    hints = get_type_hints(Message)
    rows = [(field.name, hints[field.name], field.default) for field in fields(Message) if field.name in _MORE]
    return json_decoder(msgspec.defstruct("More", rows))


def more_in(message: Message) -> str:
    """The column `more`: the fields that are not their defaults."""
    blank = {field.name: field.default for field in fields(Message)}
    values = {name: getattr(message, name) for name in _MORE}
    return to_json({name: value for name, value in values.items() if value != blank[name]})
