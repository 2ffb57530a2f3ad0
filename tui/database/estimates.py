"""What a model's own past says: how long its replies are, and how far the token estimate is off."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from tui.core.ledger import RequestKind, RequestState
from tui.database.columns import known_word_id, opaque_in, transaction
from tui.openrouter.text import Opaque

_REPLIES: Final = 200
_KEPT_SHARE: Final = 0.9
"""How much of the past's weight each new reply leaves: the last ten count for about two thirds."""
_RATIOS: Final = (0.25, 4.0)


class ReplyLengths(msgspec.Struct, frozen=True):
    """Completion tokens of the last replies of a model."""

    replies: int
    median: int
    ninety_percent: int
    """Nine replies of ten were no longer."""


def reply_lengths(connection: sqlite3.Connection, origin: str, model: Opaque) -> ReplyLengths | None:
    """From the last 200 replies that ended well and were billed; None when there are none."""
    rows = connection.execute(
        "SELECT completion_tokens FROM request WHERE model = ? AND origin = ? AND state = ? AND kind = ?"
        " AND completion_tokens > 0 ORDER BY number DESC LIMIT ?",
        (
            known_word_id(connection, model.raw),
            known_word_id(connection, origin),
            RequestState.BILLED.value,
            RequestKind.CHAT.value,
            _REPLIES,
        ),
    ).fetchall()
    counts = sorted(int(row[0]) for row in rows)
    if not counts:
        return None
    return ReplyLengths(len(counts), counts[(len(counts) - 1) // 2], counts[(9 * len(counts) + 9) // 10 - 1])


def completion_median(connection: sqlite3.Connection, origin: str, model: Opaque) -> int | None:
    """The median of the last 200 replies, in tokens."""
    lengths = reply_lengths(connection, origin, model)
    return None if lengths is None else lengths.median


def estimator_ratio(connection: sqlite3.Connection, origin: str, model: Opaque) -> float:
    """Billed divided by estimated prompt tokens, lately; 1.0 when nothing was billed yet."""
    row = connection.execute(
        "SELECT billed, estimated FROM estimator WHERE origin = ? AND model = ?", (origin, opaque_in(model))
    ).fetchone()
    if row is None or row["estimated"] <= 0:
        return 1.0
    ratio = float(row["billed"]) / float(row["estimated"])
    return min(max(ratio, _RATIOS[0]), _RATIOS[1])


def learn_ratio(connection: sqlite3.Connection, origin: str, model: Opaque, *, estimated: int, billed: int) -> None:
    """Compare an estimate (without the ratio applied) with its bill; absurd pairs teach nothing."""
    if estimated <= 0 or billed <= 0 or not 0.05 <= billed / estimated <= 20:
        return
    key = (origin, opaque_in(model))
    with transaction(connection):
        row = connection.execute(
            "SELECT billed, estimated, samples FROM estimator WHERE origin = ? AND model = ?", key
        ).fetchone()
        before = (0.0, 0.0, 0) if row is None else tuple(row)
        connection.execute(
            "INSERT OR REPLACE INTO estimator (origin, model, billed, estimated, samples) VALUES (?, ?, ?, ?, ?)",
            (
                *key,
                before[0] * _KEPT_SHARE + billed,
                before[1] * _KEPT_SHARE + estimated,
                before[2] + 1,
            ),
        )
