"""Whatever a server, a model, a file or a hand types: it is read, or refused with a sentence.

Small here; `--long` looks fifty times longer. What was found once stands in `corpus/`, a file for each target,
one input a line as a Python bytes literal.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from foreign_bytes import BODIES, EVENTS, JUNK, damaged, spoilt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import KEY, TARGETS, configuration, events_of

from tui.config_example import EXAMPLE
from tui.openrouter.chat import ReasoningDelta, TextDelta
from tui.openrouter.sse import EventTooLarge

CORPUS = Path(__file__).parent / "corpus"
FUZZ = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
MARKDOWN = st.lists(
    st.sampled_from(
        ["word ", "**b** ", "`c`", "\n", "\n\n", "# H\n", "- i\n", "  - d\n", "1. o\n", "    in\n", "```py\n", "```\n",
         "> q\n", "| a | b |\n", "|---|:-:|\n", "---\n", "===\n", "-", "|", "*", "#", "[r]: https://e.test\n", "[r]",
         "[x](javascript:y)", "![i](u)", "\t", "<b>", "漢字", "👩‍👩‍👧", "_", "~~", "\\", "&amp;", "[/b]", "\x1b[2J",
         "\u202e", "\u2028", "\r", "$$", "10) t\n", "- [ ] t\n", "http://a.test/_(x)_", "<https://b.test>", "e\u0301"]
    ) | st.text(max_size=8),
    max_size=30,
).map("".join)  # fmt: skip
FILTERS = st.lists(
    st.sampled_from(
        ["tools", "-", "author:", "ctx>=128k", "in=", "..", "1", "m", "age<30d", "expires<", "sort:", "-price", '"',
         " ", "free", "fav", "changed", ":", ">=", "<", "=", "NaN", "1e999999999", "9" * 30, "٣",
         "in:text", "out:image", "é"]
    ) | st.text(max_size=5),
    max_size=12,
).map("".join)  # fmt: skip
STREAM = b": OPENROUTER PROCESSING\n\n" + b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in EVENTS)


@pytest.mark.parametrize("target", sorted(set(BODIES) - {"stream"}))
def test_any_answer_is_read_or_refused(target: str) -> None:
    @FUZZ
    @given(st.one_of(spoilt(BODIES[target]), st.binary(max_size=60)))
    def search(data: bytes) -> None:
        TARGETS[target](data)
        TARGETS["pages"](data)

    search()


@FUZZ
@given(st.lists(st.sampled_from(EVENTS).flatmap(spoilt) | JUNK.map(lambda junk: json.dumps(junk).encode()), max_size=5))
def test_any_event_is_read_or_counted_as_broken(events: list[bytes]) -> None:
    TARGETS["stream"](b"".join(b"data: " + event + b"\n\n" for event in events) + b"data: [DONE]\n\n")


@FUZZ
@given(damaged(STREAM), st.lists(st.integers(0, 2500), max_size=12))
def test_a_stream_means_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    try:
        whole, _ = events_of(data)
    except EventTooLarge:
        return
    pieces, _ = events_of(data, tuple(cuts))
    for channel in (TextDelta, ReasoningDelta):
        assert _text(whole, channel) == _text(pieces, channel)
    ended_whole, ended_pieces = whole[-1], pieces[-1]
    assert str(ended_whole) == str(ended_pieces)


def _text(events: list[Any], channel: Any) -> str:
    return "".join(event.text for event in events if isinstance(event, channel))


@FUZZ
@given(FILTERS)
def test_any_filter_is_understood_or_its_mistake_named(text: str) -> None:
    TARGETS["filter"](text.encode("utf-8", "replace"))


@FUZZ
@given(st.text(st.characters(codec=None), max_size=60) | MARKDOWN)
def test_nothing_that_is_obeyed_passes_the_cleaning(text: str) -> None:
    TARGETS["cleaning"](text.encode("utf-8", "surrogatepass"))


@FUZZ
@given(MARKDOWN)
def test_markdown_fed_in_pieces_is_what_it_is_fed_whole(text: str) -> None:
    TARGETS["markdown"](text.encode("utf-8", "replace"))


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "config.yaml"


@FUZZ
@given(damaged(EXAMPLE.replace("# ", "  ").encode() + f'\n  - "{KEY}"\n'.encode()) | damaged(EXAMPLE.encode()))
def test_any_configuration_loads_or_is_refused_by_name(one_file: Path, data: bytes) -> None:
    configuration(data, one_file)


def _found() -> list[tuple[str, bytes]]:
    return [
        (file.stem, ast.literal_eval(line))
        for file in sorted(CORPUS.glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("b")
    ]


@pytest.mark.parametrize(("target", "data"), _found())
def test_what_was_found_once(target: str, data: bytes, one_file: Path) -> None:
    if target == "configuration":
        configuration(data, one_file)
    else:
        TARGETS[target](data)


def test_each_target_has_a_corpus() -> None:
    assert {file.stem for file in CORPUS.glob("*.txt")} == {*TARGETS, "configuration"}
