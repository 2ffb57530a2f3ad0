"""A key is on the screen when its widget has taken it, whatever else is to be painted or laid out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import Input, Static
from typing_extensions import override
from waiting import until

from tui.widgets.filter_line import FilterLine
from tui.widgets.quick_text_area import QuickTextArea
from tui.widgets.sheet_text import SheetText


class Beside(App[None]):
    """A field to type in, and a list that is painted and laid out anew."""

    CSS = "SheetText, QuickTextArea { height: 3; border: none; }"

    def __init__(self, make: Callable[[], Widget]) -> None:
        super().__init__()
        self._make = make
        self.shown: list[str] = []

    @override
    def compose(self) -> ComposeResult:
        yield self._make()
        yield Static("list", id="list")

    @override
    def _display(self, screen: object, renderable: object) -> None:
        super()._display(screen, renderable)  # type: ignore[arg-type]
        self.shown.append("\n".join(strip.text for strip in self.screen._compositor.render_strips()))


def _typed_into(app: App[None]) -> QuickTextArea | Input:
    field = app.focused
    assert isinstance(field, QuickTextArea | Input)
    return field


def _type(field: QuickTextArea | Input) -> None:
    if isinstance(field, Input):
        field.insert_text_at_cursor("ж")
    else:
        field.insert("ж")


@pytest.mark.parametrize("layout", [False, True], ids=["the list is to be painted", "the list is to be laid out"])
@pytest.mark.parametrize("make", [FilterLine, SheetText, QuickTextArea])
async def test_a_key_is_seen_before_what_it_sets_off(make: Callable[[], Widget], layout: bool) -> None:
    app = Beside(make)
    async with app.run_test(size=(60, 12)) as pilot:
        if isinstance(line := app.query("*").first(), FilterLine):
            await line.begin()
        else:
            line.focus()
        await until(pilot, lambda: app.focused is not None and app.focused.size)
        field, beside = _typed_into(app), app.query_one("#list", Static)
        await pilot.press("q")  # the first letter makes room for more
        await until(pilot, lambda: "q" in app.shown[-1])
        await until(pilot, lambda: not app.screen._layout_required and not app.screen._dirty_widgets)
        with app.screen._context():
            beside.update("another\nlist", layout=layout)
            app.screen._layout_required = layout
            app.screen._dirty_widgets.add(beside)
            app.shown.clear()
            _type(field)
        # Nothing has been awaited: this is what the key itself has painted.
        assert len(app.shown) == 1
        assert "ж" in app.shown[0]
        assert beside in app.screen._dirty_widgets
        await until(pilot, lambda: "another" in app.shown[-1])


async def test_nobody_paints_what_has_not_the_keyboard() -> None:
    app = Beside(QuickTextArea)
    async with app.run_test(size=(60, 12)) as pilot:
        field = app.query_one(QuickTextArea)
        app.set_focus(None)
        await pilot.pause()
        app.shown.clear()
        with field._context():
            field.insert("ж")
        assert app.shown == []
        await until(pilot, lambda: app.shown and "ж" in app.shown[-1])


async def test_of_a_sheet_of_one_text_a_key_paints_its_line_alone() -> None:
    app = Beside(SheetText)
    async with app.run_test(size=(60, 12)) as pilot:
        sheet = app.query_one(SheetText)
        sheet.styles.height = 10
        sheet.focus()
        sheet.insert("one text")
        await until(pilot, lambda: sheet.size.height == 10 and not app.screen._layout_required)
        await until(pilot, lambda: "one text" in app.shown[-1])
        app.screen._compositor.update_widgets({sheet})
        app.screen._compositor._dirty_regions.clear()
        sheet.refresh()
        with sheet._context():
            sheet.move_cursor((0, 3))
        regions = sheet._exchange_repaint_regions()
        assert {region.y for region in regions} == {sheet.styles.gutter.top}
