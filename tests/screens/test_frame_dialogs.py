"""Dialogs: picking from many rows, one question, help."""

from __future__ import annotations

import time

import pytest
from screen_host import until
from textual.app import App
from textual.events import Key
from textual.widgets import Input

from tui.openrouter.text import Clean, clean
from tui.screens.confirm import Confirm
from tui.screens.pick import PickItem, PickScreen
from tui.stylesheets import style_path
from tui.widgets.pick_list import PickList


class DialogHost(App[None]):
    """Shows one dialog and keeps its answer."""

    CSS_PATH = [style_path("app.tcss"), style_path("dialogs.tcss")]

    def __init__(self, dialog: PickScreen | Confirm) -> None:
        super().__init__()
        self._dialog = dialog
        self.answers: list[object] = []

    async def on_mount(self) -> None:
        await self.push_screen(self._dialog, self.answers.append)


ITEMS = [
    PickItem("b", Clean("Beta model"), Clean("$1")),
    PickItem("a", Clean("Alpha model"), Clean("$2")),
    PickItem("c", Clean("Gamma"), Clean("free")),
]


async def test_recents_come_first_and_the_current_is_lit() -> None:
    app = DialogHost(PickScreen("model", ITEMS, recents=["c", "gone"], current="a"))
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.screen.query_one(PickList)
        assert [item.key for item in rows.shown] == ["c", "b", "a"]
        assert rows.lit is not None and rows.lit.key == "a"
        assert " ✓ Alpha model" in rows.render_line(2).text
        await pilot.press("up", "enter")
        await until(pilot, lambda: app.answers)
    assert app.answers == ["b"]


@pytest.mark.parametrize(("keys", "picked"), [(("g", "enter"), "c"), (("m", "o", "down", "enter"), "a")])
async def test_keys_that_come_all_at_once_act_in_their_order(keys: tuple[str, ...], picked: str) -> None:
    app = DialogHost(PickScreen("model", ITEMS))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.focused, Input))
        for key in keys:
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.answers)
    assert app.answers == [picked]


async def test_typing_filters_by_words_anywhere() -> None:
    app = DialogHost(PickScreen("model", ITEMS))
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.screen.query_one(PickList)
        await pilot.press(*"mod al")
        await until(pilot, lambda: [item.key for item in rows.shown] == ["a"])
        await pilot.press(*"zzz")
        await until(pilot, lambda: not rows.shown)
        await pilot.press("enter")
        assert not app.answers and rows.lit is None
        assert app.screen.query_one("#none").display
        await pilot.press("escape")
        await until(pilot, lambda: app.answers)
    assert app.answers == [None]


async def test_five_thousand_rows_cost_what_is_seen() -> None:
    items = [PickItem(str(number), Clean(f"author/model-{number}"), Clean(f"{number} $/M")) for number in range(5000)]
    app = DialogHost(PickScreen("model", items))
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.screen.query_one(PickList)
        drawn: list[int] = []
        original = rows._draw

        def counted(item: PickItem, lit: bool, width: int) -> object:
            drawn.append(1)
            return original(item, lit, width)

        rows._draw = counted  # type: ignore[method-assign, assignment]
        start = time.process_time()
        rows.filter("model 9 4")
        assert time.process_time() - start < 0.25
        await pilot.press("pagedown", "pagedown", "end")
        await pilot.pause()
        assert len(drawn) < 200
        await pilot.press("enter")
        await until(pilot, lambda: app.answers)


async def test_a_click_takes_a_row() -> None:
    app = DialogHost(PickScreen("model", ITEMS))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(PickList, offset=(5, 1))
        await until(pilot, lambda: app.answers)
    assert app.answers == ["a"]


async def test_hostile_labels_stay_text() -> None:
    label = clean("[/b] [@click=app.quit]x[/] \x1b]52;c;eA==\x1b\\ \u2028 👩‍👩‍👧\nsecond\tline " + "y" * 5000)
    app = DialogHost(PickScreen(label, [PickItem("x", label, label)]))
    async with app.run_test(size=(80, 24)):
        rows = app.screen.query_one(PickList)
        line = rows.render_line(0)
        assert line.cell_length == rows.scrollable_content_region.width
        assert "\x1b" not in line.text and "\n" not in line.text


async def test_an_empty_list_says_why() -> None:
    app = DialogHost(PickScreen("model", [], empty="The catalogue is not there yet."))
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.screen.query_one("#none").display
        assert app.focused is app.screen.query_one(Input)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: app.answers)
    assert app.answers == [None]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [(["escape"], False), (["enter"], False), (["n"], False), (["y"], True), (["right", "enter"], True)],
)
async def test_a_question_is_answered_no_unless_somebody_says_yes(keys: list[str], answer: bool) -> None:
    app = DialogHost(Confirm("Delete [/b]?", "It [@click=app.quit]stays[/] deleted."))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.focused)
        await pilot.press(*keys)
        await until(pilot, lambda: app.answers)
    assert app.answers == [answer]
