"""Notices that the network is gone, and that it has come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from tui.core.conversation import Failure, MessageState
from tui.core.events import Connection, ConnectionChanged, Event, QuotaRead, TurnEnded
from tui.openrouter.errors import ErrorKind

PAUSES_S: Final = (5.0, 10.0, 20.0, 30.0, 60.0)
"""Between two looks whether the server can be reached; the last for ever."""

_GONE: Final = frozenset({ErrorKind.REFUSED.value, ErrorKind.DNS.value, ErrorKind.CONNECT_TIMEOUT.value})
"""Failures of connecting; one of a connection that stood says nothing of the next."""


class NetworkWatch:
    """While the server cannot be reached, `look` is called now and then, and at once when any answer comes.

    `look` loads the model list, whose success or failure says how the connection is.
    """

    def __init__(self, look: Callable[[], object], pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._look = look
        self._pauses_s = pauses_s
        self._looks = 0
        self._down = False
        self._moved = asyncio.Event()

    def note(self, event: Event) -> ConnectionChanged | None:
        """Take in what an event says of the network; the answer is what has to be told besides it."""
        match event:
            case ConnectionChanged(connection=connection):
                self._set(connection is Connection.DOWN)
            case TurnEnded(failure=Failure() as failure) | QuotaRead(failure=Failure() as failure):
                if failure.kind in _GONE and not self._down:
                    self._set(True)
                    return ConnectionChanged(Connection.DOWN)
            case TurnEnded(state=MessageState.DONE) | QuotaRead() if self._down:
                self._looks = 0
                self._look()
            case _:
                pass
        return None

    def _set(self, down: bool) -> None:
        if down != self._down:
            self._looks = 0
        self._down = down
        self._moved.set()

    async def run(self) -> None:
        """Until cancelled: sleeps while the network is there."""
        while True:
            self._moved.clear()
            if not self._down:
                await self._moved.wait()
                continue
            pause = self._pauses_s[min(self._looks, len(self._pauses_s) - 1)]
            await asyncio.sleep(pause)
            if self._down:
                self._looks += 1
                self._look()
