"""The text of a sheet: read again only where it changed, one text a line whatever is in it, painted line by line."""

from __future__ import annotations

import random
from typing import Any

from textual.app import App, ComposeResult
from textual.events import Paste
from textual.strip import Strip
from textual.widgets import TextArea
from typing_extensions import override
from waiting import until

from tui.openrouter.text import Clean, clean
from tui.widgets.group_marks import group_marks
from tui.widgets.sheet_document import SheetDocument, UnwrappedDocument
from tui.widgets.sheet_reading import NOTHING, Marks, ReadSheet, same_end, same_start
from tui.widgets.sheet_text import SheetText


class SheetHost(App[None]):
    CSS = "SheetText { border: round white; }"

    def __init__(self) -> None:
        super().__init__()
        self.offered: list[tuple[int, int]] = []

    def on_sheet_text_paragraphs_pasted(self, event: SheetText.ParagraphsPasted) -> None:
        self.offered.append((event.lines, event.paragraphs))

    @override
    def compose(self) -> ComposeResult:
        yield SheetText()


def written(app: App[None]) -> list[str]:
    """What is on the screen."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def test_what_is_read_after_an_edit_is_what_reading_all_of_it_would_give() -> None:
    dice = random.Random(5)
    lines: list[str] = [f"text {number}" for number in range(700)]
    marks: list[Marks] = [NOTHING] * len(lines)
    reading = ReadSheet()
    for _ in range(60):
        at = dice.randrange(len(lines))
        match dice.randrange(5):
            case 0:
                lines, marks = [*lines[:at], "", *lines[at:]], [*marks[:at], NOTHING, *marks[at:]]
            case 1:
                lines, marks = lines[:at] + lines[at + 1 :], marks[:at] + marks[at + 1 :]
            case 2:
                lines = [*lines[:at], f"other {dice.random()}", *lines[at + 1 :]]
            case 3:
                marks = [*marks[:at], (Clean("label"), Clean("group")), *marks[at + 1 :]]
            case _:
                lines, marks = lines[at:] + lines[:at], marks[at:] + marks[:at]
        fresh = ReadSheet()
        assert reading.lines(lines, marks) == fresh.lines(lines, marks)
        assert reading.texts(lines, marks) == fresh.texts(lines, marks)


def test_how_much_is_the_same_at_both_ends() -> None:
    for size, at in ((0, 0), (1, 0), (600, 3), (600, 255), (600, 256), (600, 599)):
        before = list(range(size))
        assert (same_start(before, before), same_end(before, before, size)) == (size, 0)
        after = [*before[:at], -1, *before[at:]]
        start = same_start(before, after)
        assert (start, same_end(before, after, start)) == (at, size - at)


def test_only_newlines_part_texts() -> None:
    document = SheetDocument("one\u2028still one\nt\x0bwo\u0085")
    assert document.lines == ["one\u2028still one", "t\x0bwo\u0085"]
    assert document.replace_range((0, 3), (1, 1), "A\u2028\nB\n").end_location == (2, 0)
    assert document.lines == ["oneA\u2028", "B", "\x0bwo\u0085"]
    wrapped = UnwrappedDocument(document)
    assert wrapped.height == 3
    assert wrapped.offset_to_location(wrapped.location_to_offset((1, 1))) == (1, 1)


async def test_texts_come_back_as_they_were_loaded() -> None:
    app = SheetHost()
    texts = [clean(text) for text in ("a\nb", "c\u2028d", "", "漢字\tx", "[/b]")]
    async with app.run_test(size=(40, 12)) as pilot:
        sheet = app.query_one(SheetText)
        sheet.load(texts)
        await pilot.pause()
        assert sheet.all_lines()[0] == tuple(texts)
        assert [one.line for one in sheet.sheet_lines()] == [0, 1, 3, 4]


async def test_a_key_paints_the_line_it_is_on_and_every_line_looks_as_textual_draws_it() -> None:
    app = SheetHost()
    async with app.run_test(size=(40, 12)) as pilot:
        sheet = app.query_one(SheetText)
        sheet.load([Clean(f"text number {number}") for number in range(300)])
        sheet.show_groups(group_marks(["one"]))
        sheet.focus()
        await pilot.pause()
        drawn: list[int] = []
        plain = SheetText.render_line

        def counted(self: SheetText, y: int) -> Strip:
            drawn.append(y)
            return plain(self, y)

        SheetText.render_line = counted  # type: ignore[method-assign, assignment]
        try:
            await pilot.press("x")
            await pilot.pause()
            assert set(drawn) == {0}
            drawn.clear()
            await pilot.press("down")
            await pilot.pause()
            assert set(drawn) == {0, 1}
        finally:
            SheetText.render_line = plain  # type: ignore[method-assign]
        await pilot.press("shift+down", "pagedown", "shift+right", "end", "Z")
        sheet.mark_stale([12, 13])
        await pilot.pause()
        shown = written(app)
        assert any("*" in line for line in shown)
        # The rows of the cursor and of the selection come from the base class, the others must look the same.
        top = sheet.scroll_offset.y
        for y in range(sheet.size.height):
            text = TextArea._render_line(sheet, y)
            _number, *rest = text
            assert f"{top + y + 1}" in shown[y + 1]
            assert "".join(segment.text for segment in rest).strip() in shown[y + 1]


async def test_what_is_pasted_is_a_text_a_line_and_paragraphs_become_texts_when_asked() -> None:
    app = SheetHost()
    async with app.run_test(size=(60, 14)) as pilot:
        sheet = app.query_one(SheetText)
        sheet.load([Clean("kept")])
        sheet.focus()
        await pilot.press("end", "enter")
        app.post_message(Paste("one\ntwo\r\n\n  \nthree\n\nfour"))
        await until(pilot, lambda: len(sheet.sheet_lines()) == 5)
        await until(pilot, lambda: app.offered == [(7, 3)])
        await pilot.press("alt+p")
        texts = [line.text for line in sheet.sheet_lines()]
        assert texts == ["kept", "one\ntwo", "three", "four"]
        await pilot.press("ctrl+z")
        assert len(sheet.sheet_lines()) == 5
        # Single lines are no paragraphs that somebody would join.
        app.post_message(Paste("a\n\nb\n"))
        await until(pilot, lambda: sheet.sheet_lines()[-1].text == "b")
        assert len(app.offered) == 1


async def test_a_placeholder_goes_when_something_is_written_and_comes_back() -> None:
    app: Any = SheetHost()
    async with app.run_test(size=(40, 8)) as pilot:
        app.query_one(SheetText).focus()
        await pilot.pause()
        assert "a text a line" in "".join(written(app))
        await pilot.press("q")
        await pilot.pause()
        assert "a text a line" not in "".join(written(app))
        assert "1  q" in written(app)[1]
        await pilot.press("backspace")
        await pilot.pause()
        assert "a text a line" in "".join(written(app))


async def test_texts_begin_at_their_beginning_once_nobody_writes_a_long_one() -> None:
    app = SheetHost()
    async with app.run_test(size=(40, 8)) as pilot:
        sheet = app.query_one(SheetText)
        sheet.load([Clean("The cat sat on the mat"), Clean("long " * 12)])
        sheet.focus()
        await pilot.press("down", "end")
        await until(pilot, lambda: "cat" not in written(app)[1] and sheet.scroll_x > 0)
        app.screen.set_focus(None)
        await until(pilot, lambda: "The cat sat on the mat" in written(app)[1])
        sheet.focus()
        await until(pilot, lambda: sheet.scroll_x > 0)
