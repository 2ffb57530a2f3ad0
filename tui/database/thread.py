"""The one thread that has the database open."""

from __future__ import annotations

import asyncio
import heapq
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar, final

from tui.database.opening import Opened, check_marker, is_damage, open_database, reason_of
from tui.openrouter.text import Clean, clean_line

P = ParamSpec("P")
T = TypeVar("T")

_BUSY_S: Final = 5.0
_Handed: TypeAlias = tuple[float, Callable[[], None]]
"""A unit, and the monotonic time from which it is due; 0: at once."""


class StorageFailed(Exception):
    """The database could not do it: disk full, locked for long, gone, damaged. The unit left no trace in it."""

    def __init__(self, message: Clean, *, is_damage: bool) -> None:
        super().__init__(message)
        self.message: Final = message
        self.is_damage: Final = is_damage


class DatabaseClosed(Exception):
    """Work was handed in after `close()`."""


@final
class Database:
    """Runs units of work, plain functions `(connection, …) -> result`, one after the other in a thread of its own.

    The file is opened by the first unit; `notice` says what the user must hear about it then, and `ask_first` whether
    earlier spending is unknown. `None` as the path is a database in memory. A unit that was handed in is carried out
    even when the task that waits for it is cancelled: what was billed gets into the ledger.
    """

    def __init__(self, path: Path | None, *, busy_s: float = _BUSY_S) -> None:
        self.path: Final = path
        self._busy_s = busy_s
        self._work: queue.SimpleQueue[_Handed | None] = queue.SimpleQueue()
        self._opened: Opened | None = None
        self._closed = False
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def notice(self) -> Clean | None:
        """Why the file is not used or is new; None when all is well, and before the first unit has run."""
        return self._opened.notice if self._opened else None

    @property
    def ask_first(self) -> bool:
        """Whether earlier spending is unknown, so that every paid request is asked about."""
        return self._opened.ask_first if self._opened else False

    @property
    def replaced_at(self) -> float | None:
        """When a damaged file was last replaced (Unix seconds): budgets that reach back so far are not certain."""
        return self._opened.replaced_at if self._opened else None

    @property
    def in_memory(self) -> bool:
        """Whether nothing is kept after the end."""
        return self._opened.in_memory if self._opened else self.path is None

    async def run(self, unit: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit and wait for its result; raises StorageFailed, DatabaseClosed and what the unit raises."""
        return await asyncio.wrap_future(self._submit(lambda connection: unit(connection, *args, **kwargs)))

    def run_sync(self, unit: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for callers without an event loop; blocks."""
        return self._submit(lambda connection: unit(connection, *args, **kwargs)).result()

    def post(
        self, unit: Callable[Concatenate[sqlite3.Connection, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> Future[object]:
        """Hand a unit in without waiting; units run in the order in which they were handed in."""
        return self._submit(lambda connection: unit(connection, *args, **kwargs))

    def post_later(
        self,
        delay_s: float,
        unit: Callable[Concatenate[sqlite3.Connection, P], object],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[object]:
        """The same, to be carried out when that time has passed, before what is handed in then; when the file is
        closed, at once. The event loop has no part in it, so that it is not late when that is busy."""
        return self._submit(lambda connection: unit(connection, *args, **kwargs), at=time.monotonic() + delay_s)

    async def open(self) -> None:
        """Have the file open, so that `notice` and `ask_first` are known."""
        await self.run(_nothing)

    def open_sync(self) -> None:
        """The same for callers without an event loop."""
        self.run_sync(_nothing)

    def close(self) -> None:
        """Carry out what was handed in, close the file and end the thread; blocks. Twice is harmless."""
        with self._guard:
            already, self._closed = self._closed, True
            thread = self._thread
            if thread is not None and not already:
                self._work.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    async def aclose(self) -> None:
        """The same without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def _submit(self, unit: Callable[[sqlite3.Connection], T], at: float = 0.0) -> Future[T]:
        future: Future[T] = Future()
        # A future that runs cannot be cancelled, so a cancelled caller takes nothing out of the queue.
        future.set_running_or_notify_cancel()

        def carry_out() -> None:
            try:
                result = self._run_in_thread(unit)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the unit
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._guard:
            if self._closed:
                raise DatabaseClosed
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="database", daemon=True)
                self._thread.start()
            self._work.put((at, carry_out))
        return future

    def _loop(self) -> None:
        later: list[tuple[float, int, Callable[[], None]]] = []
        number = 0
        while True:
            if later and later[0][0] <= time.monotonic():
                heapq.heappop(later)[2]()
                continue
            try:
                handed = self._work.get(timeout=max(0.0, later[0][0] - time.monotonic()) if later else None)
            except queue.Empty:
                continue
            if handed is None:
                break
            at, carry_out = handed
            if at:
                number += 1
                heapq.heappush(later, (at, number, carry_out))
            else:
                carry_out()
            del handed, carry_out
        for _, _, carry_out in sorted(later, key=itemgetter(0, 1)):
            carry_out()
        if self._opened is not None:
            with suppress(sqlite3.Error):
                self._opened.connection.close()
            if self._opened.use is not None:
                self._opened.use.release()

    def _run_in_thread(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        if self._opened is None:
            self._opened = open_database(self.path, busy_s=self._busy_s)
        connection = self._opened.connection
        try:
            return unit(connection)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise
        except sqlite3.Error as error:
            if is_damage(error) and self.path is not None:
                with suppress(OSError):
                    check_marker(self.path).touch(mode=0o600)
            raise StorageFailed(
                clean_line(f"The database could not be used: {reason_of(error)}."), is_damage=is_damage(error)
            ) from error
        finally:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")


def _nothing(connection: sqlite3.Connection, /, *_: Any) -> None:
    """A unit whose only effect is that the file is open."""
