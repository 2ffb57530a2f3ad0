"""What the sparing compositor paints is what Textual's own paints, for less."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static
from typing_extensions import override

from tui.screens.sparing_compositor import SparingCompositor


class Counted(Static):
    """Counts the lines it is asked for."""

    asked = 0

    @override
    def render_lines(self, crop: Region) -> Any:
        self.asked += crop.height
        return super().render_lines(crop)


class Page(Screen[None]):
    def __init__(self, compositor: Compositor) -> None:
        super().__init__()
        self._compositor = compositor

    @override
    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("side 漢字\n" * 12, id="side")
            with Vertical():
                yield Counted("漢字 wide and plain text\n" * 9, id="text")
                with VerticalScroll(id="rows"):
                    for number in range(30):
                        yield Static(f"row {number} " * 5)
                yield Static("low", id="low")
                yield Input("typed")
        yield Static("over all", id="over")


class Host(App[None]):
    CSS = """
    #side { width: 11; border: round red; }
    #over { position: absolute; overlay: screen; offset: 5 3; width: 20; height: 4; background: blue; }
    #low { height: 3; border: heavy green; }
    Input { height: 3; }
    """

    def __init__(self, compositor: Compositor) -> None:
        super().__init__()
        self._page = Page(compositor)

    @override
    def get_default_screen(self) -> Screen[Any]:
        return self._page


def written(update: ChopsUpdate | None) -> str:
    assert update is not None
    text = update.render_segments(Console(width=60, color_system="truecolor", force_terminal=True))
    # Textual moves the cursor to what begins just behind a change, and writes nothing of it.
    return re.sub(r"\x1b\[\d+;\d+H(?=\x1b\[\d+;\d+H|\n|$)", "", text)


@pytest.mark.parametrize("seed", range(25))
async def test_partial_updates_are_the_same(seed: int) -> None:
    dice = random.Random(seed)
    app = Host(Compositor())
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        own = app.screen._compositor
        sparing = SparingCompositor()
        sparing.__dict__.update(own.__dict__)
        for _ in range(4):
            regions = {
                Region(dice.randint(0, 58), dice.randint(0, 22), dice.randint(1, 40), dice.randint(1, 6)).intersection(
                    Region(0, 0, 60, 24)
                )
                for _ in range(dice.randint(1, 4))
            }
            own._dirty_regions = set(regions)
            expected = written(own.render_partial_update())
            sparing._dirty_regions = set(regions)
            assert written(sparing.render_partial_update()) == expected


async def test_full_updates_are_the_same() -> None:
    app = Host(Compositor())
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        own = app.screen._compositor
        sparing = SparingCompositor()
        sparing.__dict__.update(own.__dict__)
        plain = [strip.text for strip in own.render_strips()]
        assert [strip.text for strip in sparing.render_strips()] == plain
        assert plain[3][5:13] == "over all"


async def test_what_did_not_change_is_not_asked() -> None:
    app = Host(SparingCompositor())
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        text = app.screen.query_one("#text", Counted)
        low = app.screen.query_one("#low", Static)
        text.asked = 0
        asked: list[Widget] = []
        before = Widget.render_lines

        def note(self: Widget, crop: Region) -> Any:
            asked.append(self)
            return before(self, crop)

        Widget.render_lines = note  # type: ignore[method-assign]
        try:
            low.update("lower")
            await pilot.pause()
            app.screen._on_timer_update()
        finally:
            Widget.render_lines = before  # type: ignore[method-assign]
        assert text.asked == 0
        assert "lower" in str(low.render())
        assert app.screen not in asked
        compositor = app.screen._compositor
        compositor._dirty_regions = {Region(text.region.x, text.region.y + 2, 5, 1)}
        assert compositor.render_partial_update() is not None
        assert text.asked == 1


async def test_nothing_dirty_is_no_update() -> None:
    app = Host(SparingCompositor())
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        app.screen._compositor._dirty_regions.clear()
        assert app.screen._compositor.render_partial_update() is None
