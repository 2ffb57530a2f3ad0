"""An App that leaves well, whatever ends it, and whose crashes tell no keys and no texts."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

from textual.app import App
from typing_extensions import override

from tui.config import keyless_environment
from tui.crash_report import EXIT_STATUS, write_report
from tui.leaving import (
    SIGNAL_STATUS,
    LastResort,
    drain_dead_writer,
    let_dead_streams_go,
    signals_handled,
    watch_terminal,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.app import AutopilotCallbackType

    from tui.config import Settings

_LEAVE_LIMIT_S: Final = 0.95
"""After a signal, the process ends by force after this long."""
_QUIT_LIMIT_S: Final = 4.0


class WellEndingApp(App[None], inherit_bindings=False):
    """ctrl+q, a signal, a closed terminal, an exception: the terminal is restored and work is written down."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.leaving = False
        """Whether the end has begun."""
        self._last_resort = LastResort()
        self._last_words: list[str] = []

    async def stop_work(self) -> None:
        """End what runs in the background and wait for what it writes; the App that has such work overrides it."""

    @override
    async def run_async(
        self,
        *,
        headless: bool = False,
        inline: bool = False,
        inline_no_clear: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
        auto_pilot: AutopilotCallbackType | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()

        def leave(why: str) -> None:
            # In a signal's handler or another thread: the loop may be busy or stuck.
            self._last_resort.arm(_LEAVE_LIMIT_S, SIGNAL_STATUS[why])
            loop.call_soon_threadsafe(self._leave_for, why)

        if headless:
            await super().run_async(headless=True, size=size, auto_pilot=auto_pilot, mouse=mouse)
            return
        loop.set_exception_handler(self._note_stray_exception)
        for variable in set(os.environ) - set(keyless_environment(self.settings)):
            # The clipboard's helper programs would inherit the keys; here they are read already.
            del os.environ[variable]
        with signals_handled(leave):
            watch_terminal(lambda: leave("SIGHUP"))
            try:
                await super().run_async(
                    inline=inline, inline_no_clear=inline_no_clear, mouse=mouse, size=size, auto_pilot=auto_pilot
                )
            finally:
                self._last_resort.disarm()
                let_dead_streams_go()

    def remember_terminal(self) -> None:
        """Once the driver runs: how the terminal was before, for the way out when nothing else works."""
        self._last_resort.remember_terminal(getattr(self._driver, "attrs_before", None))

    def _leave_for(self, why: str) -> None:
        if why == "SIGHUP":
            writer = getattr(self._driver, "_writer_thread", None)
            if writer is not None:
                drain_dead_writer(writer, writer._queue)
        self.run_worker(self.leave(SIGNAL_STATUS[why]), group="leave", exit_on_error=False)

    async def leave(self, status: int) -> None:
        """Stop the worker, then the App; the first call decides the status."""
        if self.leaving:
            return
        self.leaving = True
        if not self.is_headless:
            self._last_resort.arm(_QUIT_LIMIT_S, status)
        await self.stop_work()
        self.exit(return_code=status)

    @override
    async def _shutdown(self) -> None:
        # After a crash nobody has waited for the worker yet.
        self.leaving = True
        await self.stop_work()
        await super()._shutdown()

    def report(self, error: BaseException) -> str:
        """Write a crash report; the answer is one line that says where it is."""
        return write_report(error, self.settings.folders.log, self.settings.secrets())

    @override
    def _handle_exception(self, error: Exception) -> None:
        # Textual's own report prints the locals of every frame: keys, prompts and replies.
        self._return_code = EXIT_STATUS
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            self._last_words.append(self.report(error))
        self._close_messages_no_wait()

    @override
    def _fatal_error(self) -> None:
        error = sys.exc_info()[1]
        self._handle_exception(error if isinstance(error, Exception) else RuntimeError())

    @override
    def panic(self, *renderables: RenderableType) -> None:
        """Textual calls it when the thread that reads the keyboard has died: the terminal is gone."""
        self._last_resort.arm(_LEAVE_LIMIT_S, SIGNAL_STATUS["SIGHUP"])
        self._leave_for("SIGHUP")

    @override
    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
        for words in self._last_words:
            print(words, file=sys.stderr)  # noqa: T201 - the terminal is restored; this is all that is left to say it with
        self._last_words.clear()

    def _note_stray_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A task that nobody waits for has failed: asyncio would print the message, which may quote anything."""
        error = context.get("exception")
        if isinstance(error, Exception) and "TEXTUAL" not in os.environ:
            self.report(error)
