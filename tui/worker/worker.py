"""THE background worker: commands in, events out. It owns the HTTP client, the keys, the limits and all writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, assert_never

from tui.core.commands import (
    Ask,
    Command,
    DeleteConversation,
    Embed,
    ListConversations,
    LoadEndpoints,
    LoadSheet,
    LoadSpend,
    OpenConversation,
    PollQuota,
    RefreshCatalogue,
    Remember,
    RenameConversation,
    SaveConversation,
    SaveSheet,
    SetFavourite,
)
from tui.core.conversation import Failure, MessageState, Receipt
from tui.core.events import (
    ConversationOpened,
    ConversationSaved,
    ConversationsListed,
    Event,
    JobState,
    PreferencesRead,
    SheetLoaded,
    TurnEnded,
)
from tui.core.sheets import Sheet
from tui.database import chats, recovery, settings_store, turns, vectors
from tui.database import search as search_table
from tui.database.columns import data_version
from tui.database.processes import Process
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, clean_line
from tui.worker.ask_job import AskJob
from tui.worker.bills import BillCollector
from tui.worker.catalogue_job import load_endpoints, load_snapshot, refresh_catalogue
from tui.worker.connection import Connection
from tui.worker.context import WorkerContext
from tui.worker.embed_job import EmbedJob
from tui.worker.key_ring import KeyRing
from tui.worker.quota_job import poll_quota

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.database.thread import Database

_QUEUE: Final = 256
_WATCH_S: Final = 2.0
_QUOTA_AFTER_S: Final = 2.0
_STOP_LIMIT_S: Final = 0.8


class Worker:
    """One object, started once. Screens and commands talk to nobody else.

    `publish` is called on the event loop's thread, in the order things happened. `on_bug` is told of exceptions that
    no job expects; without it they end `run`.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publish: Callable[[Event], None],
        *,
        on_bug: Callable[[BaseException], None] | None = None,
        watch: bool = True,
    ) -> None:
        connection = Connection(settings)
        self._process: Process | None = None
        self._context = WorkerContext(
            settings=settings,
            database=database,
            connection=connection,
            keys=KeyRing(settings, database, connection),
            publish=publish,
            process_id="",
        )
        self._bills = BillCollector(self._context)
        self._context.on_bill_awaited = self._bills.wake
        self._context.on_spent = self._poll_quota_soon
        self._queue: asyncio.Queue[Command] = asyncio.Queue(_QUEUE)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
        self._on_bug = on_bug
        self._watch = watch
        self._bug: asyncio.Future[None] | None = None
        self._quota_handle: asyncio.TimerHandle | None = None
        self._session_origin = settings.provider.origin

    def submit(self, command: Command) -> bool:
        """Hand a command in; False when the queue is full."""
        try:
            self._queue.put_nowait(command)
        except asyncio.QueueFull:
            return False
        return True

    def cancel(self, job_id: str) -> None:
        """Stop a job at once, before anything that waits in the queue."""
        task = self._jobs.pop(job_id, None)
        if task is not None:
            task.cancel()

    def cancel_all(self) -> None:
        """Stop every reply and every embedding."""
        for job_id in list(self._jobs):
            self.cancel(job_id)

    @property
    def busy(self) -> bool:
        """Whether a reply or an embedding runs."""
        return any(not task.done() for task in self._others if task.get_name().startswith(("ask:", "embed:")))

    async def run(self) -> None:
        """Work until cancelled; then stop the jobs, wait for what they write, and close everything."""
        self._bug = asyncio.get_running_loop().create_future()
        try:
            await self._start()
            while True:
                self._dispatch(await self._next())
        finally:
            await self._stop()

    async def _next(self) -> Command:
        """The next command, or the exception of a job that had a bug."""
        assert self._bug is not None
        if self._bug.done():
            self._bug.result()
        if not self._queue.empty():
            return self._queue.get_nowait()
        get = asyncio.ensure_future(self._queue.get())
        try:
            await asyncio.wait((get, self._bug), return_when=asyncio.FIRST_COMPLETED)
            if get.done():
                return get.result()
            self._bug.result()
            raise AssertionError("a bug future is only ever an exception")
        finally:
            get.cancel()

    async def _start(self) -> None:
        context = self._context
        await asyncio.to_thread(context.settings.folders.ensure)
        await context.database.open()
        if context.database.notice is not None:
            context.warn(context.database.notice)
        for warning in context.settings.warnings:
            context.warn(clean_line(warning))
        run_folder = None if context.database.in_memory else context.settings.folders.run
        self._process = await asyncio.to_thread(Process, run_folder)
        context.process_id = self._process.id
        await load_snapshot(context)
        await self._read_preferences()
        await context.sum_up()
        await context.database.run(recovery.recover, run_folder, time.time())
        await self._list_conversations(None)
        self._spawn("bills", self._bills.run())
        if self._watch:
            self._spawn("watch", self._watch_others())

    async def _stop(self) -> None:
        if self._quota_handle is not None:
            self._quota_handle.cancel()
        self.cancel_all()
        running = [task for task in self._others if not task.done()]
        for task in running:
            # A reply that is being stopped already is not disturbed again.
            if not task.cancelling():
                task.cancel()
        if running:
            await asyncio.wait(running, timeout=_STOP_LIMIT_S)
        await self._context.connection.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.end)

    def _dispatch(self, command: Command) -> None:
        context = self._context
        match command:
            case Ask():
                self._spawn(f"ask:{command.reply_id}", self._ask(command), job_id=command.reply_id)
            case Embed():
                self._spawn(f"embed:{command.job_id}", EmbedJob(context, command).run(), job_id=command.job_id)
            case RefreshCatalogue():
                self._spawn("catalogue", refresh_catalogue(context))
            case LoadEndpoints(model=model, force=force):
                self._spawn(f"endpoints:{model.raw}", load_endpoints(context, model, force=force))
            case PollQuota():
                self._spawn("quota", poll_quota(context))
            case LoadSpend():
                self._spawn("spend", context.sum_up())
            case ListConversations(search=search):
                self._spawn("list", self._list_conversations(search))
            case OpenConversation(conversation_id=conversation_id):
                self._spawn(f"open:{conversation_id}", self._open_conversation(conversation_id))
            case (
                RenameConversation()
                | DeleteConversation()
                | SaveConversation()
                | SaveSheet()
                | LoadSheet()
                | Remember()
                | SetFavourite()
            ):
                self._spawn("write", self._write(command), several=True)
            case _:
                assert_never(command)

    def _spawn(
        self, name: str, work: Coroutine[Any, Any, None], *, job_id: str | None = None, several: bool = False
    ) -> None:
        """Run a job; one of that name that runs already does the work, unless `several` may run."""
        if not several and any(task.get_name() == name and not task.done() for task in self._others):
            work.close()
            return
        task = asyncio.create_task(work, name=name)
        self._others.add(task)
        if job_id is not None:
            self._jobs[job_id] = task
        task.add_done_callback(lambda done: self._job_done(done, job_id))

    def _job_done(self, task: asyncio.Task[None], job_id: str | None) -> None:
        self._others.discard(task)
        if job_id is not None and self._jobs.get(job_id) is task:
            del self._jobs[job_id]
        if task.cancelled():
            return
        error = task.exception()
        match error:
            case None | DatabaseClosed():
                return
            case StorageFailed():
                self._context.warn(error.message)
            case _ if self._on_bug is not None:
                self._on_bug(error)
            case _ if self._bug is not None and not self._bug.done():
                self._bug.set_exception(error)

    async def _ask(self, ask: Ask) -> None:
        try:
            await AskJob(self._context, ask).run()
        except StorageFailed as error:
            # Nothing is sent that could not be written down first, and nothing is left hanging on the screen.
            self._context.publish(
                TurnEnded(
                    conversation_id=ask.conversation_id,
                    message_id=ask.reply_id,
                    state=MessageState.FAILED,
                    receipt=Receipt(tries=0),
                    failure=Failure(
                        kind=ErrorKind.INTERNAL.value,
                        message=error.message,
                        advice=Clean("See `ortui doctor`."),
                    ),
                )
            )
            self._context.job(ask.reply_id, "ask", JobState.FAILED)

    async def _write(
        self,
        command: RenameConversation
        | DeleteConversation
        | SaveConversation
        | SaveSheet
        | LoadSheet
        | Remember
        | SetFavourite,
    ) -> None:
        run = self._context.database.run
        match command:
            case RenameConversation(conversation_id=conversation_id, title=title):
                await run(chats.rename, conversation_id, title)
                await self._list_conversations(None)
            case DeleteConversation(conversation_id=conversation_id, undo=undo):
                if undo:
                    await run(chats.undelete, conversation_id)
                else:
                    await run(chats.delete, conversation_id, time.time())
                await self._list_conversations(None)
            case SaveConversation():
                if not command.private:
                    await run(
                        turns.save_conversation,
                        conversation_id=command.conversation_id,
                        title=command.title,
                        settings=command.settings,
                        draft=command.draft,
                        now=time.time(),
                    )
                self._context.publish(ConversationSaved(command.conversation_id, command.title, command.settings))
            case SaveSheet():
                sheet = Sheet(id=command.sheet_id, name=command.name, texts=command.texts, model=command.model)
                await run(vectors.save_sheet, sheet, time.time())
            case LoadSheet(sheet_id=sheet_id):
                await self._load_sheet(sheet_id)
            case Remember(name=name, value=value):
                await run(settings_store.remember, name, value)
                await self._read_preferences()
            case SetFavourite(model=model, favourite=favourite):
                await run(settings_store.set_favourite, self._session_origin, model, favourite)
                await self._read_preferences()

    async def _read_preferences(self) -> None:
        run = self._context.database.run
        values = await run(settings_store.all_remembered)
        favourites = await run(settings_store.favourites, self._session_origin)
        recents = await run(settings_store.recents, self._session_origin)
        self._context.publish(
            PreferencesRead(
                values=values,
                favourites=frozenset(model.raw for model in favourites),
                recents=tuple(model.raw for model in recents),
            )
        )

    async def _load_sheet(self, sheet_id: str | None) -> None:
        run = self._context.database.run
        if sheet_id is None:
            sheets = await run(vectors.list_sheets)
            sheet_id = sheets[0].id if sheets else None
        sheet = await run(vectors.load_sheet, sheet_id) if sheet_id is not None else None
        if sheet is not None:
            self._context.publish(SheetLoaded(sheet.id, sheet.name, sheet.texts, sheet.model))

    async def _list_conversations(self, search: Clean | None) -> None:
        rows = await self._context.database.run(chats.list_conversations)
        if search:
            hits = await self._context.database.run(search_table.search, search)
            found = {hit.conversation_id for hit in hits}
            rows = tuple(row for row in rows if row.id in found)
        self._context.publish(ConversationsListed(rows, search))

    async def _open_conversation(self, conversation_id: str) -> None:
        conversation = await self._context.database.run(chats.open_conversation, conversation_id)
        if conversation is None:
            self._context.warn(Clean("That conversation is gone."))
            return
        self._context.publish(ConversationOpened(conversation))

    def _poll_quota_soon(self) -> None:
        """After money was spent, but once for several replies."""
        if self._quota_handle is None or self._quota_handle.when() < asyncio.get_running_loop().time():
            self._quota_handle = asyncio.get_running_loop().call_later(_QUOTA_AFTER_S, self.submit, PollQuota())

    async def _watch_others(self) -> None:
        """See what other processes write into the same database."""
        seen = await self._context.database.run(data_version)
        while True:
            await asyncio.sleep(_WATCH_S)
            version = await self._context.database.run(data_version)
            if version != seen:
                seen = version
                await self._context.sum_up()
                await self._list_conversations(None)
