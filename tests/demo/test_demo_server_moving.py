"""The rows of the embedded server's catalogue that move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from tui.demo.moving import moving_rows
from tui.demo.settings import Settings

NOW = datetime(2026, 8, 6, tzinfo=UTC)


def listed(url: str) -> dict[str, Any]:
    rows = httpx.get(f"{url}/models?output_modalities=all").json()["data"]
    return {row["id"]: row for row in rows}


def test_the_list_moves_and_the_true_facts_do_not(start_demo_server: Callable[..., str]) -> None:
    url = start_demo_server("--speed", "0", "--moves-every", "0")
    first, second = listed(url), listed(url)
    came, went = set(second) - set(first), set(first) - set(second)
    assert len(came) == len(went) == 1
    assert all(name.startswith("oddities/guest-") for name in came | went)
    other = {name for name in first.keys() & second.keys() if first[name] != second[name]}
    assert other
    assert all(name.startswith(("oddities/moving-", "oddities/guest-")) for name in other)
    (gone,) = went
    answer = httpx.get(f"{url}/models/{gone}/endpoints")
    assert answer.status_code == 404
    (new,) = set(listed(url)) - set(second)
    price = listed(url)["oddities/moving-price"]["pricing"]["prompt"]
    endpoints = httpx.get(f"{url}/models/oddities/moving-price/endpoints").json()["data"]["endpoints"]
    assert price or new
    assert endpoints


def test_the_same_seed_and_step_give_the_same_rows() -> None:
    one, other = Settings(seed=3), Settings(seed=4)
    assert moving_rows(one, 77, NOW) == moving_rows(Settings(seed=3), 77, NOW)
    assert moving_rows(one, 77, NOW) != moving_rows(other, 77, NOW)


def test_each_kind_of_change_happens_within_some_steps() -> None:
    steps = [{row["id"]: row for row in moving_rows(Settings(), step, NOW)} for step in range(12)]
    for name, field in (
        ("oddities/moving-price", "pricing"),
        ("oddities/moving-free", "pricing"),
        ("oddities/moving-context", "context_length"),
        ("oddities/moving-expiry", "expiration_date"),
    ):
        assert len({str(step[name][field]) for step in steps}) > 1, name
    assert {step["oddities/moving-free"]["pricing"]["prompt"] for step in steps} == {"0", "0.0000002"}
    assert all("e" not in row["pricing"]["prompt"] for step in steps for row in step.values())
