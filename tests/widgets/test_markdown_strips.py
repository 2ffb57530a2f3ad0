"""Units as strips: exact widths, the right looks, nothing a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui.openrouter.text import clean
from tui.widgets import markdown_wrap
from tui.widgets.markdown_code import LOOKS, colour
from tui.widgets.markdown_inline import CODE, LINK, parse_inline, safe_url
from tui.widgets.markdown_kinds import Kind
from tui.widgets.markdown_page import Line, Page
from tui.widgets.markdown_strips import draw_unit, estimate
from tui.widgets.markdown_tables import ROWS_MEASURED_WHILE_GROWING
from tui.widgets.markdown_units import UnitSplitter
from tui.widgets.markdown_wrap import cells, wrap
from tui.widgets.transcript_look import Look

LOOK = Look(Style(color="white", bgcolor="black"), lambda name: Style(color="white", bgcolor="black"))
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
TEXTS = [
    "plain words that are to be wrapped over some lines of the pane",
    "日本語のテキストは単語の間にスペースがありません。",
    f"{FAMILY} joined \u2764\ufe0f emoji \U0001f1e9\U0001f1ea and e\u0301 accents",
    "x" * 500,
    "漢" * 300,
    "**bold 漢字** *it* ~~no~~ `code` [link](https://example.com/a?b=c) <https://example.org>",
    "\u200d\ufe0f\u200b",
    "a\tb\tc",
    f"| a | 漢字 | c |\n|---|:-:|--:|\n| 1 | {FAMILY} | `x` |\n| long cell with many words | b | https://example.com |",
    "```py\ndef f(x):\n\treturn '漢字' # " + "y" * 200 + "\n```",
    "> quote\n> > deeper\n> - list\n>   ```\n>   code\n>   ```",
    "- a\n  - b\n    - c\n      - d\n        1. e\n           text",
    "# Head 漢字 with `code`",
    "---",
    "![alt](https://example.com/i.png)",
    "[b]x[/b] [@click=app.quit]x[/]",
    "1. " * 30 + "deep",
    "[a]: https://example.com\n\n[a] and [b]",
    "\\*not\\* &amp; <b>html</b>",
    "```a\tb\n```",
]
MIXED = [*TEXTS, "\n", "\n\n", " ", "\x1b]52;c;eA==\x1b\\", "\u2028"]


def draw(source: str, width: int = 60, *, look: Look = LOOK) -> list[Line]:
    splitter = UnitSplitter()
    splitter.feed(clean(source))
    splitter.finish()
    page = Page(look, width, Segment("  ", look.base))
    return [line for unit in splitter.units for line in draw_unit(unit, page)]


def text_of(lines: list[Line]) -> list[str]:
    return [line.strip.text.rstrip() for line in lines]


@pytest.mark.parametrize("width", [3, 5, 8, 12, 20, 40, 79, 140])
@pytest.mark.parametrize("source", TEXTS, ids=range(len(TEXTS)))
def test_every_line_is_exactly_as_wide_as_the_pane(source: str, width: int) -> None:
    for line in draw(source, width):
        assert line.strip.cell_length == width
        assert sum(cell_len(segment.text) for segment in line.strip) == width
        assert "\n" not in line.strip.text
        assert 0 <= line.start <= line.end <= len(line.strip.text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(MIXED), max_size=6), st.integers(2, 50))
def test_mixtures_keep_the_width(parts: list[str], width: int) -> None:
    for line in draw("".join(parts), width):
        assert sum(cell_len(segment.text) for segment in line.strip) == width
        assert "\x1b" not in line.strip.text


GRAPHEMES = [
    "a",
    "b",
    " ",
    "  ",
    "-",
    "漢",
    "字",
    "。",
    FAMILY,
    "\u2764\ufe0f",
    "\U0001f1e9\U0001f1ea",
    "e\u0301",
    "x" * 30,
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(GRAPHEMES), max_size=40).map("".join), st.integers(2, 20))
def test_wrapped_rows_fit_and_lose_only_spaces(text: str, width: int) -> None:
    rows = wrap(text, width)
    assert all(cells(text[row.start : row.end]) <= width for row in rows)
    assert "".join(text[row.start : row.end] for row in rows).replace(" ", "") == text.replace(" ", "")


def test_what_counts_as_narrow_takes_a_cell_each_and_is_broken_like_any_text() -> None:
    """It is measured by its length, and broken where it would be broken if its characters were looked at."""
    narrow = [character for character in map(chr, range(0x20, 0x10000)) if markdown_wrap._NARROW.fullmatch(character)]
    assert {"~", "é", "я", "—", "␛", "│", "�"} <= set(narrow)
    assert all(cell_len(character) == 1 for character in narrow)
    text = "".join(narrow)
    for width in (3, 11, 40):
        assert markdown_wrap._fold(text, width, narrow=True) == markdown_wrap._fold(text, width, narrow=False)


def test_words_are_not_torn() -> None:
    rows = wrap("one two three four", 9)
    assert ["one two three four"[row.start : row.end] for row in rows] == ["one two", "three", "four"]


def test_links_are_for_terminals_only_when_http_or_https() -> None:
    for url, wanted in {
        "https://example.com/a b": "https://example.com/a%20b",
        "HTTP://example.com": "HTTP://example.com",
        "javascript:alert(1)": "",
        "file:///etc/passwd": "",
        "https://example.com/\x1b]8;;": "https://example.com/%1B]8;;",
        "https://example.com/" + "x" * 3000: "",
        "//example.com": "",
    }.items():
        assert safe_url(url) == wanted
    source = "[a](javascript:alert(1)) [b](file:///x) [c](https://example.com/x) https://example.org/y. <ftp://z>"
    styles = [segment.style for line in draw(source, 200) for segment in line.strip if segment.style]
    links = {style.link for style in styles if style.link}
    assert links == {"https://example.com/x", "https://example.org/y"}


def test_the_address_of_a_link_is_visible() -> None:
    (line,) = draw("see [the docs](https://example.com/x) now", 80)
    assert line.strip.text.strip() == "see the docs (https://example.com/x) now"
    (line,) = draw("see [https://example.com/x](https://example.com/x) now", 80)
    assert line.strip.text.strip() == "see https://example.com/x now"


def test_markup_of_textual_is_text() -> None:
    (line,) = draw("[b]x[/b] [@click=app.quit]y[/]")
    assert line.strip.text.strip() == "[b]x[/b] [@click=app.quit]y[/]"
    assert not any(segment.style and segment.style.meta.get("@click") for segment in line.strip)


def test_html_is_text() -> None:
    (line,) = draw("a <b>bold</b> <script>x</script>")
    assert line.strip.text.strip() == "a <b>bold</b> <script>x</script>"


def test_inline_marks() -> None:
    content = parse_inline("a **b** `c` [d](https://e.f)")
    assert content.text == "a b c d (https://e.f)"
    starts = [0, *(run.end for run in content.runs)]
    flags = {content.text[start : run.end]: run.flags for start, run in zip(starts, content.runs, strict=False)}
    assert flags["c"] == CODE
    assert flags["d"] == LINK


@pytest.mark.parametrize("hostile", ["[" * 8000, "![[](" * 1600, "*a" * 4000, "**" * 4000, "`a``b" * 1600, "<" * 8000])
def test_inline_text_that_turns_parsers_in_circles(hostile: str) -> None:
    assert parse_inline(hostile).text


def test_long_lines_of_code_are_wrapped_inside_the_box() -> None:
    lines = text_of(draw("```\n" + "x" * 20 + "\n```", 20))
    assert lines == [
        "  ┌────────────────┐",
        "  │ xxxxxxxxxxxxxx │",
        "  │ xxxxxx         │",
        "  └────────────────┘",
    ]


def test_a_box_says_its_language() -> None:
    assert text_of(draw("```python\nx\n```", 24))[0] == "  ┌ python ────────────┐"


def test_tables_align_and_wrap() -> None:
    lines = text_of(draw("| a | b |\n|:--|--:|\n| x | 1 |\n| long words here | 22 |", 24))
    assert lines == [
        "  a               │  b",
        "  ────────────────┼───",
        "  x               │  1",
        "  long words here │ 22",
    ]
    narrow = text_of(draw("| a | b |\n|:--|--:|\n| x | 1 |\n| long words here | 22 |", 16))
    assert narrow[3:] == ["  long      │ 22", "  words     │", "  here      │"]


def test_a_table_that_cannot_fit_is_drawn_as_lists() -> None:
    head = "|" + "|".join(f"h{at}" for at in range(8)) + "|\n" + "|---" * 8 + "|\n"
    lines = text_of(draw(head + "|" + "|".join(f"value {at}" for at in range(8)) + "|", 30))
    assert lines[0] == "  h0: value 0"
    assert len(lines) == 8


def test_columns_of_a_growing_table_are_fixed_after_some_rows_until_it_ends() -> None:
    splitter = UnitSplitter()
    splitter.feed("| a | b |\n|---|---|\n" + "| x | y |\n" * ROWS_MEASURED_WHILE_GROWING)
    page = Page(LOOK, 60, Segment("  ", LOOK.base))
    before = draw_unit(splitter.units[0], page)[0].strip.text
    splitter.feed("| much wider now | y |\n")
    assert draw_unit(splitter.units[0], page)[0].strip.text == before
    splitter.feed("\nend\n")
    assert draw_unit(splitter.units[0], page)[0].strip.text != before


def test_estimates_of_code_are_exact() -> None:
    page = Page(LOOK, 30, Segment("  ", LOOK.base))
    splitter = UnitSplitter()
    splitter.feed("```py\n" + "\n".join("漢" * at + "x" * at for at in range(80)) + "\n```\n")
    splitter.finish()
    for unit in splitter.units:
        assert unit.kind is Kind.CODE
        assert estimate(unit, page) == len(draw_unit(unit, page))


def looks(language: str, source: str) -> list[list[tuple[str, str]]]:
    return [[tuple(run) for run in line] for line in colour(language, source.split("\n"), None)[0]]  # type: ignore[misc]


def test_code_is_coloured_line_by_line_with_its_state_carried_on() -> None:
    lines = looks("python", 'x = """first\nsecond def\nthird"""\ndef f(): pass')
    assert lines[1] == [("second def", "string")]
    assert ("def", "keyword") in [(text.strip(), look) for text, look in lines[3]]


@pytest.mark.parametrize("language", ["javascript", "c", "java", "go", "rust", "css"])
def test_comments_over_many_lines(language: str) -> None:
    lines = looks(language, "/* first\nsecond\nthird */ a\nb")
    assert lines[1] == [("second", "comment")]
    assert lines[2][0][1] == "comment"
    assert all(look != "comment" for _, look in lines[3])


def test_a_pattern_in_a_string_is_no_comment() -> None:
    lines = looks("javascript", 'glob("src/*.ts")\nconst x = 1')
    assert ("const", "keyword") in [(text.strip(), look) for text, look in lines[1]]


LANGUAGES = "yaml ruby html json bash sql diff nonsense console php toml".split()  # noqa: SIM905


@pytest.mark.parametrize("language", [*LANGUAGES, ""])
def test_colouring_keeps_every_character(language: str) -> None:
    source = "key: [1, 'two']\n  - <b a=\"c\">\n+ def x\n$ ls -l | grep 'x\n\n\tend 漢字 // #\n@@ -1 +1 @@"
    lines, _ = colour(language, source.split("\n"), None)
    assert ["".join(run.text for run in line) for line in lines] == source.split("\n")
    assert all(run.look in LOOKS for line in lines for run in line)
