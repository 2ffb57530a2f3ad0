"""What goes on beside the jobs as long as the worker lives: bills, what is left, the network, other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Final

from tui.core.commands import Command, PollQuota, RefreshCatalogue
from tui.core.events import ConversationsListed
from tui.database import recovery
from tui.database.columns import data_version, file_marks
from tui.database.thread import StorageFailed
from tui.worker.bills import BillCollector
from tui.worker.chat_store import ChatStore
from tui.worker.network_watch import NetworkWatch
from tui.worker.quota_job import read_quota
from tui.worker.quota_watch import QuotaWatch

if TYPE_CHECKING:
    from pathlib import Path

    from tui.worker.context import WorkerContext

_WATCH_S: Final = 2.0
_ASKED_EVERY: Final = 10
"""Looks after which SQLite is asked whatever the file system says: not all note each write at once."""


class StandingWork:
    """Closes what an earlier run left open, reads how things stand, and keeps watch from then on."""

    def __init__(self, context: WorkerContext, submit: Callable[[Command], object], busy: Callable[[], bool]) -> None:
        """`busy` says whether a reply or an embedding runs."""
        self._context = context
        self.chats: Final = ChatStore(context)
        self.quota: Final = QuotaWatch(lambda: submit(PollQuota()), busy)
        self.network: Final = NetworkWatch(lambda: submit(RefreshCatalogue()))
        self._bills = BillCollector(context)
        context.on_bill_awaited = self._bills.expect
        context.on_spent = self.quota.note_spent

    async def read_all(self, run_folder: Path | None) -> None:
        """Close what died with an earlier process, then publish sums, limits and conversations, whatever fails."""
        context = self._context
        recovered = context.database.run(recovery.recover, run_folder, context.server_now())
        await context.kept(recovered, "What an earlier run left open could not be closed")
        await context.kept(context.sum_up(), "What was spent could not be read")
        if not await context.kept(self.chats.list(), "The conversations could not be read"):
            context.publish(ConversationsListed(()))

    async def show_known_quota(self) -> None:
        """What the server said last, with its age, until it answers."""
        if (known := await read_quota(self._context)) is not None:
            self._context.publish(known)

    async def collect_bills(self) -> None:
        """Ask for the bills that are missing, as they come."""
        await self._bills.run()

    async def watch_others(self, replying: Mapping[str, str], read_preferences: Callable[[], Awaitable[None]]) -> None:
        """See what other processes write into the same database; `replying` has the conversations that stream here."""
        context = self._context
        path = context.database.path
        assert path is not None  # in memory there are no others
        seen: int | None = None
        marks: object = None
        for look in count():
            try:
                now = file_marks(path)
                if now != marks or look % _ASKED_EVERY == 0:
                    marks = now
                    version = await context.database.run(data_version)
                    if seen is not None and version != seen:
                        self._bills.wake()
                        await context.sum_up()
                        await self.chats.look_again()
                        await read_preferences()
                    seen = version
                await self.chats.close_what_died(replying)
            except StorageFailed:
                marks = None  # busy or full; whoever needs it says so
            await asyncio.sleep(_WATCH_S)
