"""What is pasted is text, whatever is in it, and keys before and after it are keys."""

from __future__ import annotations

import random

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from tui.openrouter.text import clean
from tui.whole_pastes import take_pastes_whole

START, END = "\x1b[200~", "\x1b[201~"
HOSTILE = (
    "one\x1b]52;c;UExBTlRFRA==\x07\x1b" + "x" * 40 + "\r\x11\x1b[1~\x9b907;909H\x1bOR two\x00 \x1b[200~ three\x1b[201"
)
"""Sequences that Textual takes for keys, or gives up and hands on as keys, enter and ctrl+q among them."""


def said(*reads: str) -> list[str]:
    """Keys by name and pastes in quotes, as they come out of these reads."""
    take_pastes_whole()
    parser = XTermParser()
    found = [event for data in reads for event in parser.feed(data)]
    return [event.key if isinstance(event, events.Key) else repr(event.text) for event in found]  # type: ignore[attr-defined]


def test_nothing_in_a_paste_presses_a_key() -> None:
    text = clean(HOSTILE.replace("\r", "\n"))
    assert said(f"a{START}{HOSTILE}{END}b") == ["a", repr(text), "b"]
    assert "\x1b" not in text


def test_it_may_be_cut_anywhere() -> None:
    data = f"a\x1b[A{START}{HOSTILE}{END}{START}{END}b{START}ü\n{END}\x1b[20~"
    whole = said(data)
    assert whole[:2] == ["a", "up"] and whole[-1] == "f9" and whole[-3] == "b"
    assert said(*data) == whole
    dice = random.Random(7)
    for _ in range(200):
        cuts = sorted(dice.randrange(len(data)) for _ in range(dice.randrange(1, 6)))
        reads = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]
        assert said(*reads) == whole, reads


@pytest.mark.parametrize("size", [10_000_000])
def test_much_is_pasted_in_little_time(size: int) -> None:
    data = START + "x" * size + END
    [paste] = said(*(data[at : at + 4096] for at in range(0, len(data), 4096)))
    assert len(paste) == size + 2
