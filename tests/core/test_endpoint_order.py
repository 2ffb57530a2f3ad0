"""Endpoints in the order of a figure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tui.core.endpoint_order import figure, ordered, routing_sort
from tui.openrouter.catalogue import Endpoint, Percentiles, PriceOverride, Pricing
from tui.openrouter.text import Clean, Opaque

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC


def endpoint(name: str, price: str | None = None, p50: float | None = None, status: int | None = 0) -> Endpoint:
    pricing = Pricing(
        prompt=None if price is None else Decimal(price),
        overrides=(PriceOverride(utc_start=11 * 60, utc_end=13 * 60, prompt=Decimal("0.000009")),)
        if name == "noon"
        else (),
    )
    return Endpoint(
        name=Clean(name),
        provider=Clean(name),
        tag=Opaque(name),
        pricing=pricing,
        status=status,
        latency_ms=None if p50 is None else Percentiles(p50=p50),
    )


ROWS = (
    endpoint("none"),
    endpoint("dear", "0.000003", 900.0, -2),
    endpoint("noon", "0.000001", 300.0),
    endpoint("cheap", "0.000002", 600.0, None),
)


@pytest.mark.parametrize(
    ("kind", "descending", "expected"),
    [
        (None, False, "none dear noon cheap"),
        (None, True, "cheap noon dear none"),
        # The window of `noon` holds: 9, not 1.
        ("in", False, "cheap dear noon none"),
        ("in", True, "noon dear cheap none"),
        ("latency50", False, "noon cheap dear none"),
        ("latency50", True, "dear cheap noon none"),
        ("provider", False, "cheap dear none noon"),
        ("status", False, "none noon dear cheap"),
        ("speed99", True, "none dear noon cheap"),
    ],
)
def test_unknown_is_last_in_either_direction(kind: str | None, descending: bool, expected: str) -> None:
    places = ordered(ROWS, kind, descending=descending, now=NOON)
    assert " ".join(ROWS[place].name for place in places) == expected


def test_a_time_window_holds_only_while_it_does() -> None:
    assert figure(ROWS[2], "in", NOON) == Decimal("0.000009")
    assert figure(ROWS[2], "in", NOON + 2 * 3600) == Decimal("0.000001")


def test_sorts_that_can_be_asked_for() -> None:
    assert [routing_sort(kind) for kind in ("in", "out", "latency99", "speed50", "ctx", None)] == [
        "price",
        "price",
        "latency",
        "throughput",
        None,
        None,
    ]
