"""Counts of tokens are kept, the texts they were counted of are not."""

from __future__ import annotations

import sys

import pytest

from tui.core import tokens


def test_a_text_is_counted_once_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text[:9])
        return len(text)

    monkeypatch.setattr(tokens, "_counted", count)
    monkeypatch.setattr(tokens, "_kept", {})
    text = " ".join(["a reply of many words"] * 2_000)
    holders = sys.getrefcount(text)
    assert [tokens.count_tokens(text) for _ in range(3)] == [len(text)] * 3
    assert len(counted) == 1
    assert sys.getrefcount(text) == holders
    assert tokens.count_tokens(text + ".") == len(text) + 1
    assert tokens.count_tokens("") == 0


def test_no_more_than_so_many_counts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_counted", len)
    kept: dict[tuple[int, int], int] = {}
    monkeypatch.setattr(tokens, "_kept", kept)
    for number in range(tokens._MOST_KEPT * 2):
        assert tokens.count_tokens(f"text {number}") == len(f"text {number}")
        assert len(kept) <= tokens._MOST_KEPT
