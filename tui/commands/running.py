"""The worker for the length of one command, and what it says, event by event."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import click

from tui.commands.output import clear_progress, complain
from tui.core.commands import LoadChanges, RefreshCatalogue
from tui.core.events import (
    CatalogueFailed,
    CatalogueLoaded,
    ChangesRead,
    ConversationsListed,
    Event,
    Job,
    JobState,
    Noticed,
)
from tui.core.exit_status import INTERRUPTED, TERMINATED
from tui.core.state import State
from tui.database.thread import Database
from tui.worker.worker import Worker

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.core.commands import Command
    from tui.core.conversation import Failure

_STATUS: Final = {"SIGINT": INTERRUPTED, "SIGTERM": TERMINATED, "SIGHUP": 129}
_Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None


class Stopped(Exception):
    """The user or the system wants the command to end; `status` is the exit status for that."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(signal_name)
        self.status: Final = _STATUS[signal_name]


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run a command's coroutine to its exit status."""
    try:
        return asyncio.run(work)
    except Stopped as stopped:
        return stopped.status


class WorkerRun:
    """Starts the worker, folds its events into a state, tells its warnings on stderr, and ends it well."""

    def __init__(self, settings: Settings) -> None:
        self.settings: Final = settings
        self.database: Final = Database(settings.folders.database)
        self.state: Final = State()
        self._events: asyncio.Queue[Event | Stopped | None] = asyncio.Queue()
        self._worker: Final = Worker(settings, self.database, self._events.put_nowait, watch=False)
        self._task: asyncio.Task[None] | None = None
        self._before: dict[int, _Handler] = {}

    async def __aenter__(self) -> Self:
        self._watch_signals()
        self._task = asyncio.create_task(self._worker.run())
        self._task.add_done_callback(lambda _: self._events.put_nowait(None))
        try:
            # What the worker reads at its start ends with this; then the last catalogue is there, if any was.
            while not isinstance(await self.next(), ConversationsListed):
                pass
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        clear_progress()
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait({self._task})
        finally:
            await self.database.aclose()
            for number in list(self._before):
                self._give_back(number)

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def stop(number: int, _frame: FrameType | None) -> None:
            # The second time the signal does what it did before.
            self._give_back(number)
            loop.call_soon_threadsafe(self._events.put_nowait, Stopped(signal.Signals(number).name))

        for name in _STATUS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, stop)

    def _give_back(self, number: int) -> None:
        if number in self._before:
            signal.signal(number, self._before.pop(number))

    def submit(self, command: Command) -> None:
        """Hand a command to the worker."""
        if not self._worker.submit(command):
            raise RuntimeError("the worker's queue is full")

    def cancel(self, job_id: str) -> None:
        """Stop a job."""
        self._worker.cancel(job_id)

    async def next(self) -> Event:
        """The next event, in the state already. Raises `Stopped` for a signal, and what the worker died of."""
        event = await self._events.get()
        if event is None:
            assert self._task is not None
            self._task.result()
            raise RuntimeError("the worker has ended")
        if isinstance(event, Stopped):
            raise event
        self.state.apply(event)
        if isinstance(event, Noticed) and event.severity != "information":
            complain(event.text)
        return event

    @property
    def server_offset_s(self) -> float:
        """The server's clock minus ours, as the last answer said; below some seconds it is 0."""
        return self._worker.server_offset_s

    async def load_catalogue(self) -> Failure | None:
        """Load the model lists from the server; the answer is why that failed."""
        self.submit(RefreshCatalogue())
        while True:
            match await self.next():
                case CatalogueLoaded(from_network=True):
                    return None
                case CatalogueFailed(failure):
                    return failure

    async def load_changes(self) -> None:
        """Have what changed in the catalogue in the state, a list that came just now included."""
        while "catalogue" in self.state.jobs:  # what it brought is kept before that job is over
            await self.next()
        self.submit(LoadChanges())
        while True:
            match await self.next():
                case ChangesRead():
                    return
                case Noticed(severity="warning"):
                    return  # they could not be read, and that was said

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; only where somebody is there. Raises `click.Abort` for ctrl+c."""
        clear_progress()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return click.confirm(question, err=True)
        finally:
            signal.signal(signal.SIGINT, before)


def tell_waiting(job: Job) -> None:
    """Say on a terminal why a job waits."""
    if job.state is JobState.WAITING and job.reason and sys.stderr.isatty():
        complain(job.reason)
