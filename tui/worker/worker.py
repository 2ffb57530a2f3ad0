"""THE background worker: commands in, events out. It owns the HTTP client, the keys, the limits and all writes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, assert_never

from tui.config_file import ConfigError
from tui.core.commands import (
    Ask,
    Command,
    DeleteConversation,
    DeleteMessages,
    DeleteSheet,
    Embed,
    ExportConversations,
    ExportSpend,
    ForkConversation,
    ImportConversations,
    ListConversations,
    ListSheets,
    LoadChanges,
    LoadEndpoints,
    LoadEstimate,
    LoadSheet,
    LoadSpend,
    LoadVectors,
    NoteFocus,
    OpenConversation,
    PinConversation,
    PollQuota,
    RefreshCatalogue,
    Remember,
    RenameConversation,
    RenameSheet,
    RepriceHistory,
    SaveConversation,
    SaveSheet,
    SearchMessages,
    SetFavourite,
    ShowBranch,
)
from tui.core.conversation import Failure, MessageState, Receipt
from tui.core.events import (
    Event,
    JobState,
    PreferencesRead,
    SpendViewed,
    TurnEnded,
)
from tui.core.ledger import SpendQuery
from tui.database.processes import Process
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.errors import ErrorKind
from tui.openrouter.patience import PATIENCE, Patience
from tui.openrouter.text import Clean, Opaque, clean_line
from tui.worker.activity_log import ActivityLog
from tui.worker.connection import Connection
from tui.worker.context import WorkerContext
from tui.worker.kept_catalogue import load_snapshot
from tui.worker.preferences import read_preferences, write_preference

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.database.thread import Database
    from tui.worker.sheet_store import SheetCommand
    from tui.worker.standing_work import StandingWork

_QUEUE: Final = 256
_DRAWN_LATEST_S: Final = 2.0
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
        for_screen: bool = False,
        process_id: str | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        """`for_screen`: what the first screen does not show waits for the first command, which comes once it is drawn.

        `process_id` carries on the session of a worker that ended in order; None begins one."""
        connection = Connection(settings, patience)
        self._process: Process | None = None
        self._process_id = process_id
        self._tell = publish
        self._log = ActivityLog(settings.folders.log, settings.secrets())
        self._context = WorkerContext(
            settings=settings,
            database=database,
            connection=connection,
            publish=self._publish,
            process_id="",
        )
        self._context.on_turn_moved = self._list_again
        self._context.on_bug = self._note_bug
        self._commands: deque[Command] = deque()
        self._woken = asyncio.Event()
        self._not_begun: dict[str, bool] = {}
        """Replies and embeddings that were handed in and have not begun yet; True: they are to be stopped."""
        self._jobs: dict[str, asyncio.Task[None]] = {}
        """Those that run and were not stopped yet."""
        self._replying: dict[str, str] = {}
        """The reply that runs, by conversation."""
        self._standing: StandingWork | None = None
        """None until the first screen is drawn."""
        self._for_screen = for_screen
        self._stopping = False
        self._others: set[asyncio.Task[None]] = set()
        self._on_bug = on_bug
        self._watch = watch
        self._bug: BaseException | None = None

    def submit(self, command: Command) -> bool:
        """Hand a command in; False when the queue is full."""
        if len(self._commands) >= _QUEUE:
            return False
        self._commands.append(command)
        self._woken.set()
        if isinstance(command, Ask | Embed):
            self._not_begun.setdefault(_job_id(command), False)
        return True

    def cancel(self, job_id: str) -> None:
        """Stop a job at once, before anything that waits in the queue; twice is harmless."""
        if job_id in self._not_begun:
            self._not_begun[job_id] = True
            return
        task = self._jobs.pop(job_id, None)
        if task is not None:
            task.cancel()

    def cancel_all(self) -> None:
        """Stop every reply and every embedding."""
        for job_id in (*self._not_begun, *self._jobs):
            self.cancel(job_id)

    @property
    def server_offset_s(self) -> float:
        """The server's clock minus ours, as the last answer said; below some seconds it is 0."""
        return self._context.server_offset_s

    @property
    def _begun(self) -> StandingWork:
        """What jobs may rely on: none runs before it."""
        assert self._standing is not None
        return self._standing

    @property
    def busy(self) -> bool:
        """Whether a reply or an embedding runs."""
        return any(not task.done() for task in self._others if task.get_name().startswith(("ask:", "embed:")))

    async def run(self) -> None:
        """Work until cancelled; then stop the jobs, wait for what they write, and close everything."""
        try:
            await self._show_first()
            if self._for_screen and not self._commands:
                await self._drawn()
            await self._begin_standing_work()
            while True:
                self._dispatch(await self._next())
        finally:
            await self._stop()

    async def _next(self) -> Command:
        """The next command; raises what a job had a bug of."""
        while True:
            if self._bug is not None:
                raise self._bug
            if self._commands:
                return self._commands.popleft()
            self._woken.clear()
            await self._woken.wait()

    async def _show_first(self) -> None:
        """Open the database, and publish from it what the first screen shows."""
        context = self._context
        try:
            await asyncio.to_thread(context.settings.folders.ensure)
        except ConfigError as error:
            context.warn(clean_line(str(error)))
        await context.database.open()
        if context.database.notice is not None:
            context.warn(context.database.notice)
        for warning in context.settings.warnings:
            context.warn(clean_line(warning))
        await context.kept(load_snapshot(context), "The last model list could not be read")
        if not await context.kept(read_preferences(context), "What was remembered could not be read"):
            context.publish(PreferencesRead(values={}, favourites=frozenset(), recents=()))

    async def _drawn(self) -> None:
        """Wait until the screen asks for something, which it does once it is drawn; but not for ever."""
        self._woken.clear()
        try:
            await asyncio.wait_for(self._woken.wait(), _DRAWN_LATEST_S)
        except TimeoutError:
            pass

    async def _begin_standing_work(self) -> None:
        from tui.worker.standing_work import StandingWork  # a tenth of all modules, and none is for the first screen

        context = self._context
        run_folder = None if context.database.in_memory else context.settings.folders.run
        self._process = await asyncio.to_thread(Process, run_folder, self._process_id)
        context.process_id = self._process.id
        standing = self._standing = StandingWork(context, self.submit, lambda: self.busy)
        await standing.read_all(run_folder)
        self._spawn("bills", standing.collect_bills())
        if self._watch and context.settings.provider.type == "openrouter":
            await context.kept(standing.show_known_quota(), "What was left could not be read")
            self._spawn("quota watch", standing.quota.run())
        if self._watch:
            self._spawn("network watch", standing.network.run())
        if self._watch and not context.database.in_memory:
            self._spawn("watch", standing.watch_others(self._replying, lambda: read_preferences(context)))

    async def _stop(self) -> None:
        """Stop what runs, write down what was handed in, wait for that (not for ever), and close everything."""
        self._stopping = True
        self.cancel_all()
        while self._standing is not None and self._commands:
            command = self._commands.popleft()
            if isinstance(command, _WRITTEN_AT_THE_END):
                self._dispatch(command)
        for task in self._others:
            if not task.get_name().startswith(("ask:", "embed:", "write")):
                task.cancel()
        if self._others:
            await asyncio.wait(self._others, timeout=_STOP_LIMIT_S)
        await self._context.finish_sums()
        try:
            await self._context.connection.close()
            await self._context.private.aclose()
        finally:
            if self._process is not None:
                await asyncio.to_thread(self._process.end)
            await asyncio.to_thread(self._log.close)

    def _dispatch(self, command: Command) -> None:
        from tui.worker import catalogue_job, estimate_job  # nothing of them is for the first screen

        context, standing, chats = self._context, self._begun, self._begun.chats
        match command:
            case Ask():
                self._spawn(f"ask:{command.reply_id}", self._ask(command), job_id=command.reply_id)
            case Embed():
                self._spawn(f"embed:{command.job_id}", self._embed(command), job_id=command.job_id)
            case RefreshCatalogue():
                self._spawn("catalogue", catalogue_job.refresh_catalogue(context))
            case LoadChanges(visit=visit):
                self._spawn("changes", catalogue_job.load_changes(context, visit=visit))
            case LoadEndpoints(model=model, force=force):
                self._spawn(f"endpoints:{model.raw}", catalogue_job.load_endpoints(context, model, force=force))
                self._spawn("providers", catalogue_job.list_providers(context))
            case PollQuota():
                self._spawn("quota", self._poll_quota())
            case NoteFocus(focused=focused):
                standing.quota.note_focus(focused)
            case ExportSpend(kind=kind):
                self._spawn(f"export spend {kind}", self._export_spend(command))
            case LoadSpend(query=query):
                self._spawn(f"spend:{query}", self._load_spend(query))
            case RepriceHistory(models=models):
                asked = ",".join(model.raw for model in models)
                self._spawn(f"history:{command.days}:{asked}", self._reprice(command))
            case LoadEstimate(model=model):
                self._spawn(f"estimate:{model.raw}", estimate_job.load_estimate(context, model))
            case ListConversations(search=search):
                chats.listed_search = search or None
                self._list_again()
            case OpenConversation(conversation_id=conversation_id, message_id=message_id):
                self._spawn(f"open:{conversation_id}:{message_id}", chats.open(conversation_id, message_id))
            case SearchMessages(words=words):
                self._spawn("search", chats.search(words), several=True)
            case (
                RenameConversation()
                | PinConversation()
                | DeleteConversation()
                | SaveConversation()
                | ShowBranch()
                | DeleteMessages()
                | ForkConversation()
                | ExportConversations()
                | ImportConversations()
            ):
                self._spawn("write", chats.carry_out(command), several=True)
            case SaveSheet() | LoadSheet() | ListSheets() | RenameSheet() | DeleteSheet() | LoadVectors():
                self._spawn("write", self._sheets(command), several=True)
            case Remember() | SetFavourite():
                self._spawn("write", write_preference(context, command), several=True)
            case _:
                assert_never(command)

    def _spawn(
        self, name: str, work: Coroutine[Any, Any, None], *, job_id: str | None = None, several: bool = False
    ) -> None:
        """Run a job; one of that name that runs already does the work, unless `several` may run."""
        if not several and any(task.get_name() == name and not task.done() for task in self._others):
            work.close()
            self._not_begun.pop(job_id or "", None)
            return
        task = asyncio.create_task(work, name=name)
        self._others.add(task)
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
            case _:
                self._note_bug(error)

    def _note_bug(self, error: BaseException) -> None:
        self._log.note_bug(error)
        if self._on_bug is not None:
            self._on_bug(error)
        elif self._bug is None:
            self._bug = error
            self._woken.set()

    def _publish(self, event: Event) -> None:
        if isinstance(event, TurnEnded) and self._replying.get(event.conversation_id) == event.message_id:
            # From now on the next question may come.
            del self._replying[event.conversation_id]
        self._log.note(event)
        changed = self._standing.network.note(event) if self._watch and self._standing is not None else None
        try:
            self._tell(event)
            if changed is not None:
                self._tell(changed)
        except Exception as bug:  # noqa: BLE001 - whoever takes the events has it, and no job must end for it
            self._note_bug(bug)

    def _begins(self, command: Ask | Embed, task: asyncio.Task[None] | None) -> bool:
        """Whether it may run on; from now on `cancel` reaches its task."""
        job_id = _job_id(command)
        stopped = self._not_begun.pop(job_id, False)
        if task is not None and not stopped:
            self._jobs[job_id] = task
            self._begun.quota.note_running()
        return not stopped

    async def _ask(self, ask: Ask) -> None:
        goes_on = self._begins(ask, asyncio.current_task())
        if ask.settings.model is None:
            self._refuse(ask, Clean("No model is chosen."), Clean("Choose one."))
            return
        if ask.conversation_id in self._replying:
            # Each conversation may have one reply running.
            running = Clean("A reply is still running in this conversation.")
            self._refuse(ask, running, Clean("Wait until it has ended, or stop it."))
            return
        self._replying[ask.conversation_id] = ask.reply_id
        self._begun.chats.follow(ask.conversation_id)
        try:
            from tui.worker.ask_job import AskJob  # not before somebody asks: the first screen does not need it

            await AskJob(self._context, ask).run(stopped=not goes_on)
        finally:
            if self._replying.get(ask.conversation_id) == ask.reply_id:
                del self._replying[ask.conversation_id]
        await self._context.kept(read_preferences(self._context), "What was remembered could not be read")
        if self._watch and not self._stopping and ask.question is not None:
            self._spawn(f"title:{ask.reply_id}", self._title(ask))

    async def _title(self, ask: Ask) -> None:
        """Have a model name a new conversation, where the user wants that."""
        from tui.worker.title_job import TitleJob, wants_title

        model = self._context.settings.chat.title_model
        if model is not None and wants_title(ask, model) and await TitleJob(self._context, ask, Opaque(model)).run():
            await self._begun.chats.open(ask.conversation_id, quietly=True)
            await self._begun.chats.list()

    async def _embed(self, embed: Embed) -> None:
        goes_on = self._begins(embed, asyncio.current_task())
        from tui.worker.embed_job import EmbedJob

        await EmbedJob(self._context, embed).run(stopped=not goes_on)

    async def _sheets(self, command: SheetCommand) -> None:
        from tui.worker.sheet_store import SheetStore  # not before somebody looks at a sheet

        await SheetStore(self._context).carry_out(command)

    async def _export_spend(self, command: ExportSpend) -> None:
        from tui.worker.spend_files import export_requests  # not before somebody asks

        await export_requests(self._context, command.kind)

    async def _load_spend(self, query: SpendQuery | None) -> None:
        from tui.database import spend

        context = self._context
        if query is not None:
            # The sums are kept up and known already, as a rule: what is not known comes first.
            found = await context.database.run(spend.view, context.origin, query, context.server_now())
            context.publish(SpendViewed(found))
        await context.sum_up()

    async def _reprice(self, command: RepriceHistory) -> None:
        from tui.worker.history_job import reprice_history  # not before somebody asks

        await reprice_history(self._context, command)

    def _refuse(self, ask: Ask, message: Clean, advice: Clean) -> None:
        """Nothing is written and nothing sent."""
        self._context.warn(message)
        self._context.publish(
            TurnEnded(
                conversation_id=ask.conversation_id,
                message_id=ask.reply_id,
                state=MessageState.FAILED,
                receipt=Receipt(tries=0),
                failure=Failure(kind=ErrorKind.BAD_REQUEST.value, message=message, advice=advice),
            )
        )
        self._context.job(ask.reply_id, "ask", JobState.FAILED)

    def _list_again(self) -> None:
        """Read the list of conversations as it was last asked for."""
        if self._standing is not None and not self._stopping:
            self._spawn("list", self._standing.chats.list(), several=True)

    async def _poll_quota(self) -> None:
        from tui.worker.quota_job import poll_quota, read_activity

        answered = await poll_quota(self._context)
        self._begun.quota.note_asked(answered)
        if self._watch:
            await read_activity(self._context)


def _job_id(command: Ask | Embed) -> str:
    return command.reply_id if isinstance(command, Ask) else command.job_id


_WRITTEN_AT_THE_END: Final = (
    Ask,
    Embed,
    RenameConversation,
    PinConversation,
    DeleteConversation,
    SaveConversation,
    SaveSheet,
    RenameSheet,
    DeleteSheet,
    Remember,
    SetFavourite,
    DeleteMessages,
    ForkConversation,
)
"""Commands that are carried out also when the worker is ending: replies and embeddings as stopped ones."""
