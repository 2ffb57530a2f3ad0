"""Places in a key's last 61 seconds, shared by all processes.

The windows are a second longer than the server's, so that a request that travels slowly does not land in a fuller one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from tui.core.ledger import FreeUse, KeyLimits, KeyState, KeyUse, NeverFits, NoRoom, Take, Taken, TakeOutcome
from tui.database.columns import Row, day_number, id_in, line_out, transaction, word_id
from tui.openrouter.text import Clean, clean_line

WINDOW_S: Final = 61.0

_KEPT_S: Final = 3600.0
_DAY_S: Final = 86_400
_FREE_MINUTE: Final = 20
_FREE_DAYS: Final = (50, 1000)
"""A day, without and with enough credits ever bought."""


def take(connection: sqlite3.Connection, request: Take, now: float) -> TakeOutcome:
    """Count one try of the request, or say when there is room for it; check and count are one transaction.

    A key that rests gives no room before its time. The free-model allowance is only counted as long as nobody said what
    it is; from then on it is kept.
    """
    limits = request.limits
    if limits.tokens_per_min and request.tokens > limits.tokens_per_min:
        return NeverFits(tokens=request.tokens, limit=limits.tokens_per_min)
    with transaction(connection):
        _mend_clock(connection, request.account, now)
        refusal = (
            _rest(connection, request, now)
            or _window(connection, request, now)
            or (_free_room(connection, request, now) if request.is_free_model else None)
        )
        if refusal is not None:
            return refusal
        connection.execute("DELETE FROM try WHERE account = ? AND taken_at < ?", (request.account, now - _KEPT_S))
        taken = connection.execute(
            "INSERT INTO try (request_id, account, taken_at, tokens, is_free_model) VALUES (?, ?, ?, ?, ?)",
            (id_in(request.request_id), request.account, now, request.tokens, request.is_free_model),
        ).lastrowid
        connection.execute(
            "UPDATE request SET account = ?, key_tail = ?, tries = tries + 1 WHERE id = ? AND state = 'reserved'",
            (
                word_id(connection, request.account),
                word_id(connection, request.key_tail),
                id_in(request.request_id),
            ),
        )
        if request.is_free_model:
            _count_free(connection, request.account, now + request.server_offset_s)
    return Taken(taken or 0)


def correct_take(connection: sqlite3.Connection, try_id: int, tokens: int) -> None:
    """Put the billed number of tokens in the place of the estimate; a try long gone stays gone."""
    connection.execute("UPDATE try SET tokens = ? WHERE id = ?", (max(0, tokens), try_id))


def give_back(connection: sqlite3.Connection, try_id: int) -> None:
    """Forget a try of which nothing reached the server."""
    with transaction(connection):
        row = connection.execute("DELETE FROM try WHERE id = ? RETURNING *", (try_id,)).fetchall()
        if row and row[0]["is_free_model"]:
            connection.execute(
                # Of the day that is counted, by whichever clock: a try is given back within minutes.
                "UPDATE free_allowance SET day_used = max(0, day_used - 1) WHERE account = ?",
                (row[0]["account"],),
            )


def key_uses(
    connection: sqlite3.Connection, keys: Sequence[tuple[str, Clean, KeyLimits]], now: float
) -> tuple[KeyUse, ...]:
    """How each key stands: `(account, last characters, limits)` in, one answer for each in the same order."""
    uses: list[KeyUse] = []
    for account, tail, limits in keys:
        tries = _tries(connection, account, now)
        state, until, reason, failures = KeyState.READY, None, Clean(""), 0
        row = connection.execute("SELECT * FROM key_state WHERE account = ?", (account,)).fetchone()
        if row is not None:
            failures, reason = row["failures"], line_out(row["reason"])
            state = KeyState(row["state"]) if row["state"] in set(KeyState) else KeyState.READY
            until = row["until"]
            if state is KeyState.RESTING and (until is None or until <= now or row["changed_at"] > now + 1):
                state, until, reason = KeyState.READY, None, Clean("")
        uses.append(
            KeyUse(
                account=account,
                tail=tail,
                state=state,
                until=until,
                reason=reason,
                failures=failures,
                requests_60s=len(tries),
                tokens_60s=sum(row["tokens"] for row in tries),
                limits=limits,
                room_at=_room_at(tries, limits),
            )
        )
    return tuple(uses)


def _room_at(tries: Sequence[Row], limits: KeyLimits) -> float | None:
    """When the oldest tries have left that keep a limit full; None while none is full."""
    requests, tokens = len(tries), sum(row["tokens"] for row in tries)
    room_at = None
    for row in tries:
        full = limits.req_per_min and requests >= limits.req_per_min
        if not full and not (limits.tokens_per_min and tokens >= limits.tokens_per_min):
            break
        room_at = row["taken_at"] + WINDOW_S
        requests, tokens = requests - 1, tokens - row["tokens"]
    return room_at


def free_use(connection: sqlite3.Connection, account: str, now: float, server_offset_s: float = 0.0) -> FreeUse:
    """The free-model allowance as far as it is known; others may use the same account, hence `at_least`.

    `server_offset_s` is the server's clock minus ours.
    """
    row = _allowance(connection, account)
    today = day_number(now + server_offset_s)
    day_used = row["day_used"] if row is not None and row["day"] == today else 0
    day_limit = row["day_limit"] if row is not None and row["day_limit"] is not None else _FREE_DAYS[0]
    if day_used > day_limit:
        day_limit = _FREE_DAYS[1]
    free = [entry for entry in _tries(connection, account, now) if entry["is_free_model"]]
    minute = row["minute_limit"] if row is not None and row["minute_limit"] is not None else _FREE_MINUTE
    room_at = free[len(free) - max(1, minute)]["taken_at"] + WINDOW_S if len(free) >= max(1, minute) else None
    full_until = _minute_full_until(row, now)
    return FreeUse(
        # Where the server calls the minute full, others have used what is not counted here.
        minute_used=len(free) if full_until is None else max(len(free), minute),
        minute_limit=minute,
        day_used=day_used,
        day_limit=day_limit,
        at_least=day_used < day_limit,
        resets_at=(today + 1) * _DAY_S - server_offset_s,
        minute_room_at=max((at for at in (room_at, full_until) if at is not None), default=None),
    )


def correct_free(
    connection: sqlite3.Connection,
    account: str,
    now: float,
    *,
    day_used: int | None = None,
    day_limit: int | None = None,
    minute_limit: int | None = None,
    minute_full_until: float | None = None,
) -> None:
    """Take over what a 429 or `/key` says of the free-model allowance; None leaves what is known.

    `now` is the server's time, `minute_full_until` ours.
    """
    today = day_number(now)
    with transaction(connection):
        connection.execute(
            "INSERT INTO free_allowance (account, day, day_used) VALUES (?1, ?2, 0) ON CONFLICT (account) DO UPDATE"
            " SET day_used = CASE WHEN day = ?2 THEN day_used ELSE 0 END, day = ?2",
            (account, today),
        )
        connection.execute(
            "UPDATE free_allowance SET day_used = coalesce(?1, day_used), minute_limit = coalesce(?2, minute_limit),"
            " day_limit = coalesce(?3, day_limit), minute_full_until = coalesce(?6, minute_full_until),"
            " day_limit_told = CASE WHEN ?3 IS NULL THEN day_limit_told ELSE ?4 END WHERE account = ?5",
            (
                None if day_used is None else max(0, day_used),
                minute_limit,
                day_limit,
                today,
                account,
                minute_full_until,
            ),
        )


def _tries(connection: sqlite3.Connection, account: str, now: float) -> list[Row]:
    """The tries of the last 61 seconds, oldest first."""
    return connection.execute(
        "SELECT taken_at, tokens, is_free_model FROM try WHERE account = ? AND taken_at > ? ORDER BY taken_at, id",
        (account, now - WINDOW_S),
    ).fetchall()


def _mend_clock(connection: sqlite3.Connection, account: str, now: float) -> None:
    """After the clock was set back, tries of the future would hold the key for as long as it was set back."""
    connection.execute("UPDATE try SET taken_at = ? WHERE account = ? AND taken_at > ?", (now, account, now + 1))


def _rest(connection: sqlite3.Connection, request: Take, now: float) -> NoRoom | None:
    row = connection.execute(
        # What was written down in the future says that the clock was set back: its time means nothing.
        "SELECT until, reason FROM key_state WHERE account = ? AND state = ? AND until > ? AND changed_at <= ?",
        (request.account, KeyState.RESTING.value, now, now + 1),
    ).fetchone()
    if row is None:
        return None
    return NoRoom(until=row["until"], reason=clean_line(f"key {request.key_tail} rests: {line_out(row['reason'])}"))


def _window(connection: sqlite3.Connection, request: Take, now: float) -> NoRoom | None:
    limits = request.limits
    if not limits.req_per_min and not limits.tokens_per_min:
        return None
    tries = _tries(connection, request.account, now)
    requests, tokens = len(tries), sum(row["tokens"] for row in tries)
    until, what = 0.0, ""
    for row in tries:  # the oldest leave first
        if limits.req_per_min and requests + 1 > limits.req_per_min:
            what = f"the request limit of key {request.key_tail}"
        elif limits.tokens_per_min and tokens + request.tokens > limits.tokens_per_min:
            what = f"the token limit of key {request.key_tail}"
        else:
            break
        until = row["taken_at"] + WINDOW_S
        requests, tokens = requests - 1, tokens - row["tokens"]
    return NoRoom(until=until, reason=clean_line(what)) if until else None


def _free_room(connection: sqlite3.Connection, request: Take, now: float) -> NoRoom | None:
    row = _allowance(connection, request.account)
    if row is None:
        return None
    today = day_number(now + request.server_offset_s)
    # A limit that was told on another day may have grown since: the server is asked once before it is kept to again.
    if row["day"] == row["day_limit_told"] == today and row["day_used"] >= (row["day_limit"] or 0):
        return NoRoom(
            until=(today + 1) * _DAY_S - request.server_offset_s,
            reason=clean_line(f"the free-model allowance of {row['day_limit']} a day (UTC)"),
        )
    if (full_until := _minute_full_until(row, now)) is not None:
        return NoRoom(
            until=full_until,
            reason=clean_line(f"the free-model allowance of {row['minute_limit'] or _FREE_MINUTE} a minute"),
        )
    if row["minute_limit"] is not None:
        free = [entry for entry in _tries(connection, request.account, now) if entry["is_free_model"]]
        if len(free) >= max(1, row["minute_limit"]):
            return NoRoom(
                until=free[len(free) - max(1, row["minute_limit"])]["taken_at"] + WINDOW_S,
                reason=clean_line(f"the free-model allowance of {row['minute_limit']} a minute"),
            )
    return None


def _minute_full_until(row: Row | None, now: float) -> float | None:
    """When there is room again in a minute that the server called full; a time further away than any says nothing."""
    until: float | None = None if row is None else row["minute_full_until"]
    return until if until is not None and now < until <= now + WINDOW_S else None


def _allowance(connection: sqlite3.Connection, account: str) -> Row | None:
    row: Row | None = connection.execute("SELECT * FROM free_allowance WHERE account = ?", (account,)).fetchone()
    return row


def _count_free(connection: sqlite3.Connection, account: str, now: float) -> None:
    connection.execute(
        "INSERT INTO free_allowance (account, day, day_used) VALUES (?1, ?2, 1) ON CONFLICT (account) DO UPDATE"
        " SET day_used = CASE WHEN day = ?2 THEN day_used + 1 ELSE 1 END, day = ?2",
        (account, day_number(now)),
    )
