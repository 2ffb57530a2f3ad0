"""The key, the credits and the bill of a past request ("GET /key", "/credits", "/generation" of the API reference)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tui.openrouter.chat import ActivityRow, Credits, FreeAllowance, Generation, KeyInfo
from tui.openrouter.decode_usage import usage_of_generation
from tui.openrouter.lenient import (
    NotJson,
    as_bool,
    as_count,
    as_decimal,
    as_float,
    as_line,
    as_mapping,
    as_opaque,
    loads,
)
from tui.openrouter.text import Clean, Opaque


def data_of(body: bytes) -> Mapping[str, object]:
    """The object under `data`. Raises `NotJson` when there is none."""
    data = as_mapping(loads(body)).get("data")
    if not isinstance(data, dict):
        raise NotJson("no data")
    return data


def key_info_from(body: bytes) -> KeyInfo:
    """What `/key` says about the key. Raises `NotJson`."""
    data = data_of(body)
    return KeyInfo(
        label=as_line(data.get("label")) or Clean(""),
        limit=as_decimal(data.get("limit")),
        limit_remaining=as_decimal(data.get("limit_remaining")),
        limit_reset=as_line(data.get("limit_reset")),
        usage=as_decimal(data.get("usage")),
        usage_daily=as_decimal(data.get("usage_daily")),
        usage_weekly=as_decimal(data.get("usage_weekly")),
        usage_monthly=as_decimal(data.get("usage_monthly")),
        byok_usage=as_decimal(data.get("byok_usage")),
        is_free_tier=as_bool(data.get("is_free_tier")),
        is_management_key=_first_bool(data.get("is_management_key"), data.get("is_provisioning_key")),
        expires_at=as_line(data.get("expires_at")),
        free_daily=_free_allowance(data.get("free_model_daily_requests")),
    )


def credits_from(body: bytes) -> Credits:
    """What `/credits` says. Raises `NotJson`, also when an amount is missing."""
    data = data_of(body)
    total, used = as_decimal(data.get("total_credits")), as_decimal(data.get("total_usage"))
    if total is None or used is None:
        raise NotJson("no amounts")
    return Credits(total_credits=total, total_usage=used)


def activity_from(body: bytes) -> tuple[ActivityRow, ...]:
    """What `/activity` says, row by row: one without a day or an amount is left out. Raises `NotJson`."""
    rows = as_mapping(loads(body)).get("data")
    if not isinstance(rows, list):
        raise NotJson("no rows")
    found = []
    for row in map(as_mapping, rows):
        day, usage = as_line(row.get("date")), as_decimal(row.get("usage"))
        if day is None or usage is None:
            continue
        found.append(
            ActivityRow(
                day=Clean(day[:10]),
                model=as_line(row.get("model")) or Clean(""),
                usage_usd=usage,
                byok_usd=as_decimal(row.get("byok_usage_inference")) or Decimal(0),
                requests=as_count(row.get("requests")) or 0,
            )
        )
    return tuple(found)


def generation_from(body: bytes, asked: Opaque) -> Generation:
    """The record of one request. Raises `NotJson`."""
    data = data_of(body)
    return Generation(
        id=as_opaque(data.get("id")) or asked,
        usage=usage_of_generation(data),
        model=as_line(data.get("model")),
        provider=as_line(data.get("provider_name")),
        finish_reason=as_line(data.get("finish_reason")),
        cancelled=as_bool(data.get("cancelled")),
        latency_ms=as_float(data.get("latency")),
        generation_time_ms=as_float(data.get("generation_time")),
    )


def _first_bool(*values: object) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)


def _free_allowance(value: object) -> FreeAllowance | None:
    fields = as_mapping(value)
    used, limit = as_count(fields.get("used")), as_count(fields.get("limit"))
    return None if used is None or limit is None else FreeAllowance(used=used, limit=limit)
