"""Neighbours with bars and scores."""

from __future__ import annotations

from textual.app import App, ComposeResult
from typing_extensions import override

from tui.openrouter.text import Clean, clean
from tui.widgets.neighbour_list import NeighbourList, NeighbourRow

HOSTILE = [
    "[/b]",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;eA==\x1b\\",
    "a\u2028b",
    "👩‍👩‍👧 wide 漢字",
    "x" * 5000,
    "tab\tin it",
]
ROWS = [NeighbourRow(line, clean(HOSTILE[line % len(HOSTILE)]), 1 - line / 20) for line in range(40)]


class ListHost(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.list = NeighbourList()
        self.chosen: list[int] = []

    @override
    def compose(self) -> ComposeResult:
        yield self.list

    def on_neighbour_list_chosen(self, event: NeighbourList.Chosen) -> None:
        self.chosen.append(event.line)


def drawn(widget: NeighbourList) -> list[str]:
    return [widget.render_line(y).text for y in range(widget.size.height)]


async def test_lines_are_exact_whatever_stands_in_them() -> None:
    app = ListHost()
    for width in (20, 37, 90):
        async with ListHost().run_test(size=(width, 15)) as pilot:
            widget = pilot.app.query_one(NeighbourList)
            widget.show(4, clean(HOSTILE[4]), ROWS)
            await pilot.pause()
            for y in range(15):
                strip = widget.render_line(y)
                assert strip.cell_length == sum(segment.cell_length for segment in strip)
                assert strip.cell_length == widget.scrollable_content_region.width
                assert "\x1b" not in strip.text
    assert app.chosen == []


async def test_best_first_with_score_bar_and_number() -> None:
    app = ListHost()
    async with app.run_test(size=(60, 10)) as pilot:
        app.list.show(2, Clean("Quarterly tax"), [NeighbourRow(3, Clean("File your return"), 0.75)])
        await pilot.pause()
        lines = drawn(app.list)
    assert lines[0].rstrip() == "▌3 Quarterly tax"
    assert lines[2].rstrip() == " 4  0.75 █████████░░░ File your return"


async def test_moving_scrolls_and_enter_goes_to_the_text() -> None:
    app = ListHost()
    async with app.run_test(size=(60, 10)) as pilot:
        app.list.focus()
        app.list.show(50, Clean("x"), ROWS)
        await pilot.press("j", "down", "k", "enter")
        assert app.chosen == [1]
        await pilot.press("G", "enter")
        assert app.chosen == [1, 39]
        assert any(line.startswith(" 40 ") for line in drawn(app.list))
        await pilot.press("g", "enter")
        assert app.chosen == [1, 39, 0]
        assert drawn(app.list)[0].startswith("▌51")


async def test_the_cursor_starts_anew_with_another_text() -> None:
    app = ListHost()
    async with app.run_test(size=(60, 10)) as pilot:
        app.list.focus()
        app.list.show(1, Clean("a"), ROWS)
        await pilot.press("j", "j")
        app.list.show(1, Clean("a"), ROWS[:2])
        assert app.list.cursor == 1
        app.list.show(2, Clean("b"), ROWS)
        assert app.list.cursor == 0


async def test_it_says_why_it_is_empty() -> None:
    app = ListHost()
    async with app.run_test(size=(70, 10)) as pilot:
        app.list.show(0, Clean("alone"), [])
        await pilot.pause()
        assert "No other text has a vector" in drawn(app.list)[2]
        app.list.show_instead(Clean("The cursor is on a blank line."))
        await pilot.pause()
        assert drawn(app.list)[0].strip() == "The cursor is on a blank line."
        await pilot.press("enter")
        assert app.chosen == []


async def test_a_text_that_is_cut_says_so() -> None:
    app = ListHost()
    async with app.run_test(size=(40, 10)) as pilot:
        long = "Quarterly tax is due in April and in July"
        app.list.show(2, Clean(long), [NeighbourRow(3, Clean(long), 0.75), NeighbourRow(4, Clean("short"), 0.5)])
        await pilot.pause()
        lines = drawn(app.list)
    assert [lines[at].rstrip()[-1] for at in (0, 2, 3)] == ["…", "…", "t"]
