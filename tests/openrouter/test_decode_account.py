"""Key, credits and past bills, whole and damaged."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tui.openrouter.decode_account import credits_from, generation_from, key_info_from
from tui.openrouter.lenient import NotJson
from tui.openrouter.text import Opaque


def data(**fields: Any) -> bytes:
    return json.dumps({"data": fields}).encode()


def test_the_key() -> None:
    info = key_info_from(
        data(
            label="sk-or-v1-0a1...f9e",
            limit=5,
            limit_remaining=-0.25,
            limit_reset="monthly",
            usage=3.1,
            usage_daily=0.05,
            byok_usage=0,
            is_free_tier=False,
            is_provisioning_key=True,
            expires_at=None,
            free_model_daily_requests={"used": 3, "limit": 50, "remaining": 47},
        )
    )
    assert (info.label, info.limit, info.limit_remaining) == ("sk-or-v1-0a1...f9e", Decimal(5), Decimal("-0.25"))
    assert (info.usage, info.usage_daily, info.usage_weekly) == (Decimal("3.1"), Decimal("0.05"), None)
    assert (info.is_free_tier, info.is_management_key) == (False, True)
    assert info.free_daily is not None
    assert (info.free_daily.used, info.free_daily.limit) == (3, 50)


def test_a_damaged_key_is_unknown_where_it_is_damaged() -> None:
    info = key_info_from(data(label=7, limit="lots", usage="1.5", is_free_tier="no", free_model_daily_requests=[]))
    assert (info.label, info.limit, info.usage) == ("", None, Decimal("1.5"))
    assert (info.is_free_tier, info.free_daily) == (None, None)


def test_credits() -> None:
    found = credits_from(data(total_credits=20, total_usage=13.37))
    assert (found.total_credits, found.total_usage) == (Decimal(20), Decimal("13.37"))
    with pytest.raises(NotJson):
        credits_from(data(total_credits=20))


def test_a_bill() -> None:
    record = generation_from(
        data(
            id="gen-1",
            model="acme/a",
            provider_name="P\x1b",
            total_cost=0.0000624,
            usage=7,
            is_byok=True,
            upstream_inference_cost=0.001,
            tokens_prompt=11,
            native_tokens_prompt=12,
            native_tokens_completion=8,
            native_tokens_reasoning=5,
            native_tokens_cached=None,
            cancelled=True,
            latency=640,
            generation_time=410.5,
            finish_reason=None,
        ),
        Opaque("asked"),
    )
    assert (record.id, record.model, record.provider) == (Opaque("gen-1"), "acme/a", "P␛")
    assert record.usage.spent_usd == Decimal("0.0010624")
    assert (record.usage.prompt_tokens, record.usage.completion_tokens, record.usage.cached_tokens) == (12, 8, None)
    assert (record.cancelled, record.latency_ms, record.generation_time_ms) == (True, 640, 410.5)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data":[]}', b'{"error":{"code":500}}'])
def test_no_record_at_all(body: bytes) -> None:
    with pytest.raises(NotJson):
        generation_from(body, Opaque("asked"))
    with pytest.raises(NotJson):
        key_info_from(body)
