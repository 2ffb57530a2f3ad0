"""Reads of a reply that streams gather what has arrived, and hold nothing back that is waited for."""

from __future__ import annotations

import asyncio
import time

import pytest

from tui.openrouter import spaced_reads
from tui.openrouter.spaced_reads import SpacedReads

_EVERY_S = 0.03


class NetworkStream:
    """Answers each read at once with so many bytes."""

    def __init__(self, size: int = 100) -> None:
        self.size = size
        self.reads = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.reads += 1
        return b"x" * min(self.size, max_bytes)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaced_reads, "_EVERY_S", _EVERY_S)


async def test_small_reads_are_spaced_once_the_first_words_have_come() -> None:
    stream = NetworkStream()
    spaced = SpacedReads(stream)
    await stream.read(10)
    await stream.read(10)
    assert spaced._rest is None
    spaced.begin()
    began = time.monotonic()
    for _ in range(3):
        assert await stream.read(10) == b"x" * 10
    assert time.monotonic() - began >= 2 * _EVERY_S
    assert stream.reads == 5


async def test_what_fills_a_read_is_followed_at_once() -> None:
    stream = NetworkStream(size=64 * 1024)
    spaced = SpacedReads(stream)
    spaced.begin()
    for _ in range(5):
        await stream.read(64 * 1024)
    assert spaced._rest is None


async def test_the_end_wakes_a_read_that_rests_and_leaves_the_connection_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spaced_reads, "_EVERY_S", 3600.0)
    stream = NetworkStream()
    spaced = SpacedReads(stream)
    spaced.begin()
    await stream.read(10)
    resting = asyncio.create_task(stream.read(10))
    await asyncio.sleep(0)
    assert not resting.done()
    spaced.end()
    assert await asyncio.wait_for(resting, 5) == b"x" * 10
    assert "read" not in vars(stream)
    await asyncio.wait_for(stream.read(10), 5)


async def test_a_response_without_a_connection_is_left_alone() -> None:
    for nothing in (None, object()):
        spaced = SpacedReads(nothing)
        spaced.begin()
        spaced.end()
