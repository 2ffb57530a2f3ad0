"""The filter line: typing, completion, mistakes, the count."""

from __future__ import annotations

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.events import Key
from textual.geometry import Size
from textual.widgets import Input, Static
from typing_extensions import override
from waiting import until

from tui.core.catalogue_filter import FilterMistake
from tui.core.filter_completion import Vocabulary
from tui.widgets.filter_line import FilterLine


class FilterHost(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.typed: list[str] = []
        self.left = 0

    @override
    def compose(self) -> ComposeResult:
        yield FilterLine("start")
        yield Static("below\n" * 9)

    @on(FilterLine.Changed)
    def note(self, event: FilterLine.Changed) -> None:
        self.typed.append(event.text)

    @on(FilterLine.Left)
    def leave(self) -> None:
        self.left += 1


async def test_the_filter_line_tells_what_is_typed_and_how_much_is_left() -> None:
    app = FilterHost()
    async with app.run_test(size=(80, 5)) as pilot:
        line = app.query_one(FilterLine)
        await line.begin()
        line.report(312, 1421)
        await pilot.press("x")
        await until(pilot, lambda: app.typed[-1:] == ["startx"])
        assert line.text == "startx"
        await pilot.pause()
        screen = _screen(app)
        assert "/ startx" in screen
        assert "312 of 1,421" in screen
        line.report(2, 421, fuzzy=True)
        await pilot.pause()
        assert "nothing matches exactly" in _screen(app)
        assert "~2 of 421" in _screen(app)
        # In one go, as a terminal hands in what was typed while the program was busy.
        for key, character in (("ctrl+u", None), ("a", "a"), ("b", "b"), ("backspace", None), ("c", "c")):
            pilot.app.post_message(Key(key, character))
        await until(pilot, lambda: app.typed[-1:] == ["ac"])
        await pilot.press("enter", "down", "escape")
        await until(pilot, lambda: app.left == 3)


async def test_a_mistake_is_underlined_and_explained() -> None:
    app = FilterHost()
    async with app.run_test(size=(80, 5)) as pilot:
        line = app.query_one(FilterLine)
        line.put("tools ctx>=")
        line.report(3, 4, mistake=FilterMistake(6, 11, "tokens, like ctx>=128k"))
        await pilot.pause()
        screen = _screen(app)
        assert "expected tokens, like ctx>=128k" in screen
        assert "3 of 4" in screen
        assert _underlined(app) == "ctx>="
        await line.begin()
        await until(pilot, lambda: line.field is not None and line.field.size.width > 0)
        assert _underlined(app) == "ctx>="
        line.report(3, 4)
        await pilot.pause()
        assert "expected" not in _screen(app)
        assert _underlined(app) == ""


def _screen(app: App[None]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def _underlined(app: App[None]) -> str:
    segments = app.screen._compositor.render_strips()[0]
    return "".join(segment.text for segment in segments if segment.style and segment.style.underline)


async def test_the_field_is_made_when_one_begins_to_type() -> None:
    app = FilterHost()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(FilterLine)
        assert "/ start" in _screen(app)
        assert not app.query(Input)
        line.put("tools free")
        await until(pilot, lambda: app.typed == ["tools free"])
        assert "/ tools free" in _screen(app)
        await line.begin()
        await pilot.press("x")
        await until(pilot, lambda: app.typed[-1] == "tools freex")


async def test_what_is_typed_is_completed_from_a_list() -> None:
    app = FilterHost()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(FilterLine)
        line.put("")
        line.vocabulary = Vocabulary(authors=("anthropic", "openai"))
        await line.begin()
        await pilot.press(*"to")
        await until(pilot, lambda: "can call tools" in _screen(app))
        await pilot.press("right")
        await until(pilot, lambda: line.text == "tools ")
        assert "can call tools" not in _screen(app)
        await pilot.press(*"au", "right")
        await until(pilot, lambda: line.text == "tools author:")
        await until(pilot, lambda: "author:openai" in _screen(app))
        # Down goes into the list, enter takes what is lit and stays in the line.
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: line.text == "tools author:openai ")
        assert app.left == 0
        await pilot.press("r")
        await until(pilot, lambda: "thinks before" in _screen(app))
        # Escape closes the list first, then leaves.
        await pilot.press("escape")
        await until(pilot, lambda: "thinks before" not in _screen(app))
        assert app.left == 0
        await pilot.press("escape")
        await until(pilot, lambda: app.left == 1)


async def test_choices_stay_below_their_word_when_the_field_scrolls() -> None:
    app = FilterHost()
    async with app.run_test(size=(60, 12)) as pilot:
        line = app.query_one(FilterLine)
        line.put("")
        await line.begin()
        field = line.field
        assert field is not None
        for letter in "claude sonnet opus haiku fable mythos and some more words t":
            await pilot.press("space" if letter == " " else letter)
        await until(pilot, lambda: "can call tools" in _screen(app) and field.scroll_x > 0)

        def below() -> bool:
            typed, choices, *_ = _screen(app).split("\n")
            return choices.index("tools") == typed.index("words t") + len("words ")

        await until(pilot, below)
        # A wider field scrolls back, and they move with it.
        await pilot.resize_terminal(100, 12)
        await until(pilot, lambda: field.scroll_x == 0 and below())


async def test_a_foreign_author_is_no_markup_in_the_list() -> None:
    app = FilterHost()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(FilterLine)
        line.put("author:")
        line.vocabulary = Vocabulary(authors=("[/b]x", "[@click=app.quit]y[/]"))
        await line.begin()
        await pilot.press("y", "backspace")
        await until(pilot, lambda: "author:[/b]x" in _screen(app))
        assert "[@click=app.quit]y[/]" in _screen(app)


async def test_the_list_of_choices_comes_and_goes_without_laying_out_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = FilterHost()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(FilterLine)
        line.put("")
        await line.begin()
        await pilot.press("t")
        await until(pilot, lambda: "can call tools" in _screen(app))
        layouts: list[str] = []
        lay_out = app.screen._refresh_layout

        def note_layout(size: Size | None = None, scroll: bool = False) -> None:
            layouts.append(line.text)
            lay_out(size, scroll)

        monkeypatch.setattr(app.screen, "_refresh_layout", note_layout)
        await pilot.press("backspace")
        await until(pilot, lambda: "can call tools" not in _screen(app))
        assert "below" in _screen(app).split("\n")[1]
        await pilot.press(*"re")
        await until(pilot, lambda: "thinks before" in _screen(app))
        await pilot.press("space", "s")
        await until(pilot, lambda: "answers by a JSON schema" in _screen(app) and "thinks" not in _screen(app))
        assert _screen(app).split("\n")[1].index("structured") == len(" / re ")
        assert not layouts
        # The next layout finds it where it lies.
        app.screen.refresh(layout=True)
        await until(pilot, lambda: layouts)
        assert _screen(app).split("\n")[1].index("structured") == len(" / re ")
