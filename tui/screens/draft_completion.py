"""Completion in the composer: paths behind `@`, commands behind `/`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.containers import Vertical

from tui.screens.soon import soon

if TYPE_CHECKING:
    from tui.core.filter_completion import Choice
    from tui.screens.chat import ChatScreen


class DraftCompletion:
    """Offers what the word at the cursor can become, above the composer."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._start = 0
        """Column of the line where the word begins that a choice takes the place of."""
        self._is_path = False
        self._line = ""
        """The line up to the cursor as it was when choices were looked for."""

    def offer(self) -> None:
        """Look at the word at the cursor; paths are looked up in a thread, and the last question wins."""
        composer = self._screen.composer
        row, column = composer.cursor_location
        line = composer.document.get_line(row)[:column]
        if "@" in line:
            from tui.screens.attach_files import begun_path

            if (begun := begun_path(line)) is not None:
                soon(self._screen, lambda: self._offer_paths(line, *begun), "complete", latest=True)
                return
        self._screen.workers.cancel_group(self._screen, "complete")
        if row == 0 and line.startswith("/") and composer.document.line_count == 1:
            from tui.screens.slash_commands import command_choices

            start, choices = command_choices(self._screen, line)
            self._show(line, start, choices, is_path=False)
        else:
            composer.close_offer()

    async def _offer_paths(self, line: str, start: int, begun: str) -> None:
        from tui.screens.attach_files import path_choices

        self._show(line, start, await asyncio.to_thread(path_choices, begun), is_path=True)

    def _show(self, line: str, start: int, choices: Sequence[Choice], *, is_path: bool) -> None:
        from tui.widgets.completion_list import CompletionList  # not before one types

        composer = self._screen.composer
        if not choices:
            composer.close_offer()
            return
        self._line, self._start, self._is_path = line, start, is_path
        around = self._screen.query_one("#talk", Vertical)
        if composer.offered is None:
            composer.offered = CompletionList()
            _ = around.mount(composer.offered)
        had = composer.is_offering
        composer.offered.show(choices, 0)
        row, column = composer.cursor_location
        typed = cell_len(composer.document.get_line(row)[start:column])
        across = composer.cursor_screen_offset.x - typed - 1 - around.region.x
        composer.offered.styles.offset = (max(0, across), composer.region.y - around.region.y - len(choices))
        if not had:
            composer.refresh_bindings()

    def take(self, choice: Choice) -> None:
        """Write the choice in the word's place; a file is attached at once."""
        composer = self._screen.composer
        row, column = composer.cursor_location
        composer.close_offer()
        if composer.document.get_line(row)[:column] != self._line:
            return  # tab came close behind a letter: this was offered for the word without it
        if not self._is_path:
            composer.replace(f"{choice.text} ", (row, self._start), (row, column), maintain_selection_offset=False)
        elif choice.text.endswith("/"):
            from tui.screens.attach_files import as_named

            path = as_named(choice.text).removesuffix('"')
            composer.replace(path, (row, self._start), (row, column), maintain_selection_offset=False)
        else:
            self._screen.attach_path(choice.text, named_at=(row, self._start, column))
