from __future__ import annotations

import pytest
from msgspec.structs import asdict

from tui.core.prices import Workload
from tui.core.workloads import read_count, remembered_workload, workload_words


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2000", 2_000), ("2,000", 2_000), (" 2k ", 2_000), ("1.5M", 1_500_000), ("0", 0), ("1 000", 1_000),
        ("", None), ("k", None), ("1.5", None), ("-1", None), ("2kk", None), ("1e3", None), ("9" * 40, None),
    ],
)  # fmt: skip
def test_counts_as_people_type_them(text: str, number: int | None) -> None:
    assert read_count(text) == number


def test_what_was_remembered_comes_back_and_nonsense_does_not() -> None:
    mine = Workload(prompt_tokens=9, completion_tokens=8, cached_tokens=7, requests=6)
    assert remembered_workload(asdict(mine)) == mine
    wrong: list[object] = [None, [], {"requests": "x"}, {"prompt_tokens": -1}, {"prompt_tokens": 1, "cached_tokens": 2}]
    for nonsense in wrong:
        assert remembered_workload(nonsense) == Workload()


def test_a_workload_in_words() -> None:
    assert workload_words(Workload()) == "1,000 requests a month, each 2,000 in, 500 out"
    assert "2,000 (50 cached) in" in workload_words(Workload(cached_tokens=50))
