"""Cutting source text into units: the same whole or in pieces, and the right ones."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.markdown_kinds import Kind, Unit
from tui.widgets.markdown_lines import CODE_PIECE_LINES, LONGEST_UNIT
from tui.widgets.markdown_units import UnitSplitter

FRAGMENTS = [
    "word ", "**bold** ", "`code`", "\n", "\n\n", "# Head\n", "## Head ##\n", "- item\n", "  - deeper\n", "1. one\n",
    "2. two\n", "   text\n", "    indented\n", "```py\n", "```\n", "~~~\n", "> quote\n", ">\n", "| a | b |\n",
    "|---|:-:|\n", "| 1 | 2 |\n", "---\n", "===\n", "-", "|", "*", "#", "[ref]: https://example.com\n", "- [ ] task\n",
    "\t", " ", "<b>", "漢字", "\U0001f469\u200d\U0001f469", "_", "-- ", "x\n---\n", "- - - nested\n", "10) ten\n",
]  # fmt: skip

sources = st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join)


def cut_whole(source: str, *, markdown: bool = True) -> list[Unit]:
    splitter = UnitSplitter(markdown=markdown)
    splitter.feed(source)
    splitter.finish()
    return splitter.units


def alike(first: list[Unit], second: list[Unit]) -> bool:
    return len(first) == len(second) and all(a.same_source(b) for a, b in zip(first, second, strict=True))


@settings(max_examples=300, deadline=None)
@given(sources, st.lists(st.integers(0, 200), max_size=20), st.booleans())
def test_fed_in_pieces_it_gives_what_it_gives_fed_whole(source: str, cuts: list[int], markdown: bool) -> None:
    places = sorted({0, len(source), *(min(cut, len(source)) for cut in cuts)})
    splitter = UnitSplitter(markdown=markdown)
    final: list[Unit] = []
    for start, end in pairwise(places):
        splitter.feed(source[start:end])
        assert alike(splitter.units[: len(final)], final), "a final unit changed"
        final = splitter.units.copy()
        splitter.tail()
    splitter.finish()
    assert alike(splitter.units, cut_whole(source, markdown=markdown))


@settings(max_examples=200, deadline=None)
@given(sources)
def test_looking_at_the_open_end_changes_nothing(source: str) -> None:
    splitter = UnitSplitter()
    for character in source:
        splitter.feed(character)
        for unit in splitter.tail():
            assert 0 <= unit.start <= unit.end <= len(source)
    splitter.finish()
    assert alike(splitter.units, cut_whole(source))


@settings(max_examples=200, deadline=None)
@given(sources)
def test_no_visible_character_is_lost(source: str) -> None:
    """Every line with a letter in it lies inside the offsets of some unit."""
    units = cut_whole(source)
    for unit, following in pairwise(units):
        assert unit.start <= unit.end
        assert unit.start <= following.start
    at = 0
    for line in source.split("\n"):
        middle = at + len(line) - len(line.lstrip())
        is_fence = line.strip().startswith(("```", "~~~"))
        if line.strip() and not is_fence:
            assert any(unit.start <= middle <= unit.end for unit in units), (line, units)
        at += len(line) + 1


def kinds(source: str) -> list[Kind]:
    return [unit.kind for unit in cut_whole(source)]


def test_blocks() -> None:
    source = "# Title\ntext\nmore\n\n> quote\n\n---\n```py\nx\n```\n    \n[a]: https://example.com\n"
    assert kinds(source) == [
        Kind.HEADING, Kind.PARAGRAPH, Kind.QUOTE, Kind.RULE, Kind.CODE, Kind.DEFINITION,
    ]  # fmt: skip


def test_list_items_are_units_with_their_markers_and_depth() -> None:
    units = cut_whole("1. one\n2. two\n   - inner\n     more\n\n   - next\n3. three\n\ntext\n")
    assert [(unit.marker, unit.text, unit.indent) for unit in units] == [
        ("1.", "one", 3),
        ("2.", "two", 3),
        ("•", "inner\nmore", 5),
        ("•", "next", 5),
        ("3.", "three", 3),
        ("", "text", 0),
    ]
    assert [unit.gap for unit in units] == [0, 0, 0, 0, 0, 1]


def test_two_columns_are_enough_for_a_nested_list() -> None:
    units = cut_whole("1. one\n  - inner\n2. two\n")
    assert [unit.marker for unit in units] == ["1.", "•", "2."]
    assert units[1].indent > units[0].indent


def test_numbers_count_on_whatever_is_written() -> None:
    assert [unit.marker for unit in cut_whole("3. a\n3. b\n3. c\n")] == ["3.", "4.", "5."]


def test_tasks() -> None:
    assert [unit.marker for unit in cut_whole("- [ ] a\n- [x] b\n")] == ["☐", "☑"]


def test_an_item_without_text_keeps_its_bullet() -> None:
    units = cut_whole("-\n- b\n")
    assert [(unit.marker, unit.text) for unit in units] == [("•", ""), ("•", "b")]


def test_a_fence_inside_an_item_is_indented_with_it() -> None:
    units = cut_whole("1. run:\n   ```sh\n   ls\n     -l\n   ```\n2. done\n")
    assert [unit.kind for unit in units] == [Kind.PARAGRAPH, Kind.CODE, Kind.PARAGRAPH]
    assert units[1].text == "ls\n  -l"
    assert units[1].indent == units[0].indent
    assert units[2].marker == "2."


def test_a_year_at_the_start_of_a_line_is_no_list() -> None:
    assert kinds("It was in\n1986. A great year.\n") == [Kind.PARAGRAPH]


def test_a_long_fence_is_cut_into_pieces_of_one_fence() -> None:
    lines = [f"line {at}" for at in range(CODE_PIECE_LINES * 2 + 3)]
    units = cut_whole("```py\n" + "\n".join(lines) + "\n```\n")
    assert len({id(unit.fence) for unit in units}) == 1
    assert "\n".join(unit.text for unit in units).split("\n") == lines
    assert [unit.piece for unit in units] == [0, 1, 2]
    assert [unit.closes for unit in units] == [False, False, True]


def test_a_fence_of_exactly_one_piece_gets_its_bottom() -> None:
    units = cut_whole("```\n" + "x\n" * CODE_PIECE_LINES + "```\n")
    assert units[-1].closes


@pytest.mark.parametrize("end", ["", "```"])
def test_an_empty_fence(end: str) -> None:
    (unit,) = cut_whole(f"```py\n{end}")
    assert (unit.kind, unit.lines, unit.closes) == (Kind.CODE, 0, True)


def test_table_rows_are_units_that_share_the_table() -> None:
    units = cut_whole("before\n| a | b |\n|:--|--:|\n| 1 | 2 |\n| 3 \\| 4 |\n\nafter\n")
    assert [unit.kind for unit in units] == [
        Kind.PARAGRAPH, Kind.TABLE_HEAD, Kind.TABLE_ROW, Kind.TABLE_ROW, Kind.PARAGRAPH,
    ]  # fmt: skip
    table = units[1].table
    assert table is not None
    assert table.aligns == ["left", "right"]
    assert table.rows == [["a", "b"], ["1", "2"], ["3 | 4", ""]]
    assert table.closed


def test_while_it_streams_a_table_head_and_a_half_row_are_held_back() -> None:
    splitter = UnitSplitter()
    splitter.feed("| a | b |")
    assert splitter.tail() == []
    splitter.feed("\n|--")
    assert splitter.tail() == []
    splitter.feed("-|---|\n| 1 ")
    assert [unit.kind for unit in splitter.units] == [Kind.TABLE_HEAD]
    assert splitter.tail() == []


def test_no_unit_is_longer_than_a_redraw_may_parse() -> None:
    for source in ("word " * 20_000, "x" * 50_000, "line of text\n" * 5000, "> quoted\n" * 5000, "- " + "y" * 30_000):
        for unit in cut_whole(source):
            assert len(unit.text) <= LONGEST_UNIT + 4200


def test_without_markdown_only_fences_are_seen() -> None:
    units = cut_whole("# no head\n\n- no list\n```py\nx\n```\n**plain**\n", markdown=False)
    assert [unit.kind for unit in units] == [Kind.PLAIN, Kind.CODE, Kind.PLAIN]
    assert units[0].text == "# no head\n\n- no list"


HOSTILE = [
    "- " * 5000, "> " * 5000, ">" * 5000, "#" * 5000, "# " * 4000, "|" * 9000, "|a" * 4000 + "\n" + "|-" * 4000,
    "`" * 9000, " " * 9000 + "x", "1. " * 3000, "[" * 9000, "*" * 9000, "\t" * 5000 + "- x", "-" + " " * 8000 + "x",
    "a|b\n-" + " " * 4000 + "x",
]  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_are_cut_quickly(source: str) -> None:
    begun = time.process_time()
    splitter = UnitSplitter()
    splitter.feed("| a | b |\n" + source + "\n" + source)
    splitter.tail()
    splitter.finish()
    assert time.process_time() - begun < 1.0
