"""Requests of the ledger as rows of CSV and JSON, for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from tui.core.conversation import CostKind
from tui.core.formats import plain
from tui.core.ledger import LedgerRow

ExportKind: TypeAlias = Literal["csv", "json"]

COLUMNS: Final = (
    "time",
    "kind",
    "state",
    "key",
    "model",
    "model_answered",
    "provider",
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cost",
    "cost_kind",
    "upstream_cost",
    "byok",
    "estimate_at_sending",
    "ttft_ms",
    "duration_ms",
    "tries",
    "status",
    "error_kind",
    "finish_reason",
    "generation_id",
    "conversation_id",
    "conversation",
)
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def request_object(row: LedgerRow) -> dict[str, Any]:
    """All that the ledger knows of a request: amounts are decimal strings in USD, unknown ones null; times are UTC."""
    return {
        "time": _time(row.created_at),
        "kind": row.kind.value,
        "state": row.state.value,
        "key": row.key_tail,
        "model": row.model,
        "model_answered": row.model_answered,
        "provider": row.provider,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cached_tokens": row.cached_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "cost": _amount(row.cost.usd),
        "cost_kind": row.cost.kind.value if row.cost.usd is not None else CostKind.UNKNOWN.value,
        "upstream_cost": _amount(row.upstream_usd),
        "byok": row.is_byok,
        "estimate_at_sending": _amount(row.quoted_usd),
        "ttft_ms": row.ttft_ms,
        "duration_ms": row.duration_ms,
        "tries": row.tries,
        "status": row.status,
        "error_kind": row.error_kind,
        "finish_reason": row.finish_reason,
        "generation_id": row.generation_id.raw if row.generation_id is not None else None,
        "conversation_id": row.conversation_id,
        "conversation": row.conversation,
    }


def head(kind: ExportKind) -> bytes:
    """What a file begins with."""
    return b"[" if kind == "json" else csv_bytes([COLUMNS])


def body(rows: Sequence[LedgerRow], kind: ExportKind, *, first: bool) -> bytes:
    """The next rows of a file, in UTF-8; a text that a spreadsheet would take for a formula has a `'` in front."""
    if kind == "csv":
        return csv_bytes([list(request_object(row).values()) for row in rows])
    # In ASCII: an id may hold what UTF-8 cannot.
    lines = [json.dumps(request_object(row), separators=(",", ":")) for row in rows]
    return "".join(f"{'' if first and not place else ','}\n{line}" for place, line in enumerate(lines)).encode()


def foot(kind: ExportKind) -> bytes:
    """What a file ends with."""
    return b"\n]\n" if kind == "json" else b""


def csv_bytes(lines: Sequence[Sequence[object]]) -> bytes:
    """Lines of cells in UTF-8; a text that a spreadsheet would take for a formula has a `'` in front."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([_cell(value) for value in line] for line in lines)
    return written.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_SIGNS):
        return f"'{value}"
    return value


def _amount(usd: Decimal | None) -> str | None:
    return None if usd is None else plain(usd)


def _time(unix: float) -> str | None:
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError, OSError):
        return None
