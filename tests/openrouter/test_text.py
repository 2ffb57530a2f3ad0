"""Foreign text: nothing that a terminal would obey passes, and what must go back stays as it came."""

from __future__ import annotations

import itertools
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.openrouter.text import Opaque, StreamCleaner, clean, clean_line

OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
ANY = st.text(st.characters(codec=None), max_size=60)
NASTY = st.text(st.sampled_from("a\r\n\t\x1b\x9b\u2028\u202e\ud83d\ude00\ud800é漢"), max_size=30)


@settings(deadline=None)
@given(ANY | NASTY)
def test_nothing_obeyed_is_left(foreign: str) -> None:
    assert not OBEYED.search(clean(foreign))
    assert not set("\n\t") & set(clean_line(foreign))
    clean(foreign).encode()


def test_every_character_that_is_obeyed_is_replaced() -> None:
    assert [code for code in range(0x110000) if OBEYED.match(clean(f"a{chr(code)}b")[1])] == []


@settings(deadline=None)
@given(ANY | NASTY)
def test_cleaning_twice_changes_nothing(foreign: str) -> None:
    assert clean(clean(foreign)) == clean(foreign)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain", "plain"),
        ("[/b] [@click=app.quit]x[/]", "[/b] [@click=app.quit]x[/]"),
        ("\x1b]52;c;eA==\x1b\\", "␛]52;c;eA==␛\\"),
        ("a\r\nb\rc\x00", "a\nb␍c␀"),
        ("\x7f\x9b2J", "\ufffd\ufffd2J"),
        ("x\u2028y\u202ez", "x\ufffdy\ufffdz"),
        ("👩‍👩‍👧‍👦 漢字 é", "👩‍👩‍👧‍👦 漢字 é"),
        ("a\tb\n", "a\tb\n"),
    ],
)
def test_what_is_shown(foreign: str, shown: str) -> None:
    assert clean(foreign) == shown


def test_ordinary_text_of_all_languages_is_left_alone() -> None:
    ordinary = "".join(
        character
        for character in map(chr, range(0x20, 0x30000))
        if unicodedata.category(character)[0] in "LMNPSZ" and character not in "\u2028\u2029"
    )
    assert clean(ordinary) == ordinary


@settings(deadline=None)
@given(NASTY, st.lists(st.integers(0, 30), max_size=6))
def test_pieces_are_cleaned_as_the_whole(foreign: str, cuts: list[int]) -> None:
    whole = foreign.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    cleaner = StreamCleaner()
    places = [0, *sorted(cuts), len(foreign)]
    shown = "".join(cleaner.feed(foreign[a:b]) for a, b in itertools.pairwise(places)) + cleaner.finish()
    assert shown == clean(whole)


def test_opaque_text_goes_back_as_it_came_and_is_shown_clean() -> None:
    tag = Opaque("a\x1b[2J\nb")
    assert tag.raw == "a\x1b[2J\nb"
    assert tag.shown() == str(tag) == f"{tag}" == "a␛[2J b"
    assert "\x1b" not in repr(tag)
    assert tag == Opaque("a\x1b[2J\nb")
    assert tag != "a\x1b[2J\nb"
    assert len({tag, Opaque(tag.raw)}) == 1


@pytest.mark.parametrize("length", [4095, 4096, 4097, 9000])
def test_long_texts_are_cleaned_as_their_characters(length: int) -> None:
    """They are cleaned in parts; few bad characters and many are made visible in different ways."""
    for bad in ("\x1b\x9b\u202e", "".join(map(chr, (*range(1, 9), *range(0x7F, 0xA0), *range(0xD800, 0xD900))))):
        text = ("good 漢\r\n\t" + bad) * (length // 7)
        one_by_one = "".join(clean(character) for character in text[:length].replace("\r\n", "\n"))
        assert clean(text[:length]) == one_by_one
