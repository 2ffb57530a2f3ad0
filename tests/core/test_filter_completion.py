"""What is offered while a filter is being typed, and what taking it makes of the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.catalogue_filter import FilterMistake, parse
from tui.core.filter_completion import Completion, Vocabulary, complete

WORDS = Vocabulary(authors=("anthropic", "meta-llama", "openai"), inputs=("text", "image", "file"), outputs=("text",))


def offered(text: str, cursor: int | None = None) -> list[str]:
    found = complete(text, len(text) if cursor is None else cursor, WORDS)
    return [choice.text for choice in found.choices]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("to", ["tools"]),
        ("-re", ["-reasoning"]),
        ("au", ["author:"]),
        ("claude a", ["author:", "age<"]),
        ("author:", ["author:anthropic", "author:meta-llama", "author:openai"]),
        ("author:llama", ["author:meta-llama"]),
        ("author:openai,", ["author:openai,anthropic", "author:openai,meta-llama"]),
        ("AUTHOR:Op", ["author:openai", "author:anthropic"]),
        ("in:", ["in:text", "in:image", "in:file"]),
        ("in:image,f", ["in:image,file"]),
        ("ctx>=1", ["ctx>=128k", "ctx>=1m"]),
        ("ctx=..1", ["ctx=..128k", "ctx=..1m"]),
        ("in<", ["in<0.1", "in<0.5", "in<1", "in<3"]),
        ("sort:-c", ["sort:-ctx", "sort:-cache"]),
        ("out:t", ["out:text"]),
    ],
)
def test_names_and_values_are_offered(typed: str, first: list[str]) -> None:
    assert offered(typed) == first


@pytest.mark.parametrize(
    "typed", ["", " ", "tools", "tools ", "claude", '"to', "-", "author:openai", "ctx>=128k", "x:y"]
)
def test_nothing_is_offered_for_words_and_whole_terms(typed: str) -> None:
    assert offered(typed) == []


def test_nothing_is_offered_inside_a_term() -> None:
    assert offered("to free", 1) == []
    assert offered("to free", 2) == ["tools"]


@pytest.mark.parametrize(
    ("typed", "cursor", "becomes", "at"),
    [
        ("to", 2, "tools ", 6),
        ("to free", 2, "tools free", 6),
        ("au", 2, "author:", 7),
        ("gpt author:op", 13, "gpt author:openai ", 18),
        ("ct", 2, "ctx>=", 5),
    ],
)
def test_what_is_taken_stands_in_the_terms_place(typed: str, cursor: int, becomes: str, at: int) -> None:
    found = complete(typed, cursor, WORDS)
    assert found.applied(typed, found.choices[0]) == (becomes, at)


@given(st.text(alphabet='abcdeinotrux:<>=.-," 19km', max_size=20), st.integers(0, 20))
def test_whatever_is_typed_a_whole_choice_is_understood(text: str, cursor: int) -> None:
    found = complete(text, min(cursor, len(text)), WORDS)
    assert isinstance(found, Completion)
    for choice in found.choices:
        if not choice.text.endswith((":", "=", "<", ">")):
            assert not isinstance(parse(choice.text), FilterMistake), choice.text
