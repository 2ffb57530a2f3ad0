"""The composer alone: growing, pasting, walking through what was written before, choices and files."""

from __future__ import annotations

from typing import Any

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.events import Key, Paste
from typing_extensions import override
from waiting import until

from tui.core.attachments import PASTE_LINES, text_attachment
from tui.core.filter_completion import Choice
from tui.openrouter.text import Clean
from tui.widgets.completion_list import CompletionList
from tui.widgets.composer import Composer


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.pasted: list[str] = []
        self.completed: list[str] = []

    @override
    def compose(self) -> ComposeResult:
        yield Composer(id="composer")

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @on(Composer.Sent)
    def note_sent(self, event: Composer.Sent) -> None:
        self.sent.append(event.text)

    @on(Composer.PastedLong)
    def note_paste(self, event: Composer.PastedLong) -> None:
        self.pasted.append(event.text)

    @on(Composer.Completed)
    def note_choice(self, event: Composer.Completed) -> None:
        self.completed.append(event.choice.text)


async def settled(pilot: Any, app: Host) -> None:
    await until(pilot, lambda: app.composer.has_focus)


async def test_it_grows_to_a_third_of_the_screen() -> None:
    app = Host()
    async with app.run_test(size=(60, 30)) as pilot:
        await settled(pilot, app)
        assert app.composer.size.height + 2 == 3
        app.composer.put("\n".join(map(str, range(5))))
        await until(pilot, lambda: app.composer.outer_size.height == 7)
        app.composer.put("\n".join(map(str, range(90))))
        await until(pilot, lambda: app.composer.outer_size.height == 10)


async def test_a_paste_of_many_lines_is_written_and_never_sent() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        app.composer.post_message(Paste("one\ntwo\r\n\x1b[31mthree\n"))
        await until(pilot, lambda: app.composer.text)
        assert app.composer.text == "one\ntwo\n␛[31mthree\n"
        assert app.sent == []
        await pilot.press("enter")
        await until(pilot, lambda: app.sent)
        assert app.sent == ["one\ntwo\n␛[31mthree\n"]


async def test_a_long_paste_is_handed_on_instead_of_being_written() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        await pilot.press("a")
        app.composer.post_message(Paste("line\n" * PASTE_LINES))
        await until(pilot, lambda: app.pasted)
        assert app.composer.text == "a"
        app.copy_to_clipboard("x" * 40_000)
        await pilot.press("ctrl+v")
        await until(pilot, lambda: len(app.pasted) == 2)
        assert app.composer.text == "a"


async def test_up_and_down_walk_through_the_past_and_come_back_to_the_draft() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        app.composer.past = lambda: [Clean("first"), Clean("second\nline")]
        await pilot.press("up")
        assert app.composer.text == "second\nline"
        await pilot.press("up")
        assert app.composer.text == "first"
        await pilot.press("up")
        assert app.composer.text == "first"
        await pilot.press("down", "down", "down")
        assert app.composer.text == ""
        app.composer.put("draft")
        await pilot.press("up")
        assert app.composer.text == "draft", "inside a draft up moves the cursor first"
        await pilot.press("home", "up")
        assert app.composer.text == "second\nline"
        await pilot.press("down", "down")
        assert app.composer.text == "draft"


async def test_files_alone_can_be_sent_and_backspace_takes_one_off() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        one, two = (text_attachment(Clean(name), "x", ()) for name in ("a", "b"))
        await pilot.press("enter")
        assert app.sent == []
        app.composer.attach(one, two)
        await pilot.press("enter")
        await until(pilot, lambda: app.sent == [""])
        await pilot.press("backspace")
        assert app.composer.attachments == (one,)
        await pilot.press("x", "backspace")
        assert app.composer.attachments == (one,)
        await pilot.press("alt+d")
        assert not app.composer.attachments
        app.composer.put("y", (two,))
        app.composer.clear_sent(Clean("y"))
        assert not app.composer.text and not app.composer.attachments


@pytest.mark.parametrize(("keymap", "enter"), [({}, "enter"), ({"composer.send": "ctrl+e"}, "ctrl+e")])
async def test_keys_that_come_all_at_once_act_in_their_order(keymap: dict[str, str], enter: str) -> None:
    app = Host()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        app.set_keymap(keymap)
        for key in ("b", "left", "a", enter, "c"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: "c" in app.composer.text)
        assert app.sent == ["ab"]
        app.composer.put("ab more")
        app.composer.clear_sent(Clean("ab"))
        assert app.composer.text == " more", "typed before the text was taken over"


async def test_choices_take_the_keys_while_they_are_open() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await settled(pilot, app)
        app.composer.put("@a")
        offered = app.composer.offered = CompletionList()
        await app.mount(offered)
        offered.show([Choice(Clean("a1")), Choice(Clean("a2"))], 0)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.completed == ["a2"])
        assert app.sent == []
        await pilot.press("escape")
        assert not app.composer.is_offering
        await pilot.press("enter")
        await until(pilot, lambda: app.sent == ["@a"])
        offered.show([Choice(Clean("a1"))], 0)
        await pilot.press("tab")
        await until(pilot, lambda: app.completed == ["a2", "a1"])
        assert app.composer.has_focus
