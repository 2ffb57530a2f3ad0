"""Putting right what a process left behind that did not end by itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from tui.core.conversation import Failure, MessageState
from tui.database.chats import finish_message, purge_deleted
from tui.database.columns import transaction
from tui.database.ledger import expire_awaited, processes_with_reserves, settle_abandoned, was_sent
from tui.database.message_rows import message_from_row
from tui.database.processes import if_dead, remove_stale_locks
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean

_OPEN: Final = "state IN ('waiting', 'streaming')"
_DELETED_KEPT_S: Final = 30 * 86_400.0
_NEVER_SENT: Final = Failure(
    kind=ErrorKind.INTERNAL.value,
    message=Clean("The program ended before this was sent."),
    advice=Clean("Send it again."),
)
_OUTCOME_UNKNOWN: Final = Failure(
    kind=ErrorKind.CONNECTION_LOST.value,
    message=Clean("The program ended before the answer came."),
    advice=Clean("Sending it again may be billed twice."),
)


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was found and put right."""

    messages: int = 0
    requests: int = 0


def recover(connection: sqlite3.Connection, run_folder: Path | None, now: float) -> Recovered:
    """Close the open messages and requests of processes that died; those of living ones are left alone.

    A reply keeps the text that had arrived and is cut off; without text its outcome is unknown when it was sent, else
    it failed. Requests that were sent have their bill awaited, the others are released. In memory there are no others.
    """
    messages = requests = 0
    for process in _owners(connection):
        with if_dead(run_folder, process) as dead:
            if dead:
                one = _recover_process(connection, process, now)
                messages, requests = messages + one.messages, requests + one.requests
    expire_awaited(connection, now)
    purge_deleted(connection, now - _DELETED_KEPT_S)
    if run_folder is not None:
        remove_stale_locks(run_folder)
    return Recovered(messages=messages, requests=requests)


def _owners(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(f"SELECT DISTINCT process FROM message WHERE {_OPEN}").fetchall()  # noqa: S608
    return {row[0] or "" for row in rows} | set(processes_with_reserves(connection))


def _recover_process(connection: sqlite3.Connection, process: str, now: float) -> Recovered:
    with transaction(connection):
        requests = settle_abandoned(connection, process, now)
        rows = connection.execute(
            f"SELECT * FROM message WHERE {_OPEN} AND coalesce(process, '') = ?",  # noqa: S608
            (process,),
        ).fetchall()
        for row in rows:
            message = message_from_row(connection, row)
            if message.text or message.reasoning or message.refusal:
                ended = replace(message, state=MessageState.CUT_OFF)
            elif was_sent(connection, message.id):
                ended = replace(message, state=MessageState.UNKNOWN, failure=_OUTCOME_UNKNOWN)
            else:
                ended = replace(message, state=MessageState.FAILED, failure=_NEVER_SENT)
            finish_message(connection, ended, now=message.created_at)
    return Recovered(messages=len(rows), requests=requests)
