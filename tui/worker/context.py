"""What every job of the worker works with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from tui.core.conversation import Failure
from tui.core.events import BillArrived, Event, Job, JobChanged, JobState, LimitsRead, Noticed, SpendSummed
from tui.core.prices import listed
from tui.database.thread import Database, StorageFailed
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean, Opaque

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.worker.connection import Connection
    from tui.worker.key_ring import KeyRing

T = TypeVar("T")

_BETWEEN_SUMS_S: Final = 0.1


class WorkerContext(msgspec.Struct):
    """Shared by all jobs; lives as long as the worker."""

    settings: Settings
    database: Database
    connection: Connection
    publish: Callable[[Event], None]
    process_id: str
    models: dict[str, Model] = msgspec.field(default_factory=dict)
    """The catalogue by raw id."""
    on_bill_awaited: Callable[[str, BillArrived | None], None] = lambda _request_id, _receipt: None
    """A request has ended without a bill; with the receipt of the reply as it stands, if it was one."""
    on_spent: Callable[[], None] = lambda: None
    """Money was spent: what the server says is left has moved."""
    on_turn_moved: Callable[[], None] = lambda: None
    """A turn began or ended, or its bill came: the list of conversations has moved."""
    on_bug: Callable[[BaseException], None] = lambda _: None
    """Told of exceptions that nobody waits for."""
    changes_read: bool = False
    """Somebody follows what changes in the catalogue, from `visited_at` on."""
    visited_at: float | None = None
    """Until when the visits before this one have seen the catalogue (Unix seconds)."""
    server_offset_s: float = 0.0
    """The server's clock minus ours."""
    private: Database = msgspec.field(default_factory=lambda: Database(None))
    """In memory: what private conversations are kept in."""
    private_ids: set[str] = msgspec.field(default_factory=set)
    _keys: KeyRing | None = None
    _this_sum: asyncio.Task[None] | None = None
    _next_sum: asyncio.Task[None] | None = None
    """The sum that runs, and the one that waits for it."""

    @property
    def keys(self) -> KeyRing:
        """The keys of the provider."""
        if self._keys is None:
            from tui.worker.key_ring import KeyRing  # the first screen needs no key

            self._keys = KeyRing(self.settings, self.database, self.connection)
        return self._keys

    @property
    def origin(self) -> str:
        return self.settings.provider.origin

    def chats_of(self, conversation_id: str) -> Database:
        """Where this conversation is kept."""
        return self.private if conversation_id in self.private_ids else self.database

    def server_now(self) -> float:
        """Unix seconds by the server's clock, by which prices and allowances go."""
        return time.time() + self.server_offset_s

    def note_server_date(self, server_date: float | None) -> None:
        """Keep the offset of the server's clock; below a few seconds it is only the way and the rounding."""
        if server_date is not None:
            offset = server_date - time.time()
            self.server_offset_s = self.keys.server_offset_s = offset if abs(offset) > 2.5 else 0.0

    def model(self, model_id: Opaque) -> Model | None:
        """The row of the catalogue, also for an id with a dynamic variant."""
        return listed(self.models, model_id)

    def pricing(self, model_id: Opaque) -> Pricing:
        """The listed prices, else those that the configuration gives for its own model, else unknown ones."""
        model = self.model(model_id)
        if model is not None and (model.pricing.prompt is not None or model.pricing.varies):
            return model.pricing
        own = self.settings.provider.pricing
        if own is not None and model_id.raw == self.settings.provider.model:
            return Pricing(prompt=own.prompt_usd, completion=own.completion_usd)
        return model.pricing if model is not None else Pricing()

    def warn(self, text: Clean) -> None:
        """Say something that the user must know and cannot see."""
        self.publish(Noticed(text, "warning"))

    async def sum_up(self) -> None:
        """Publish what was spent and how the limits stand, after anything that moves them.

        Where many requests end at once, all that wait while one sum is made have the next one in common.
        """
        task = self._next_sum
        if task is None:
            task = self._next_sum = asyncio.create_task(self._sum_up(self._this_sum), name="sum")
            # Whoever waits for it may be stopped meanwhile, and then nobody asks what became of it.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(task)

    async def finish_sums(self) -> None:
        """Wait for the sums that are being made."""
        if sums := [task for task in (self._this_sum, self._next_sum) if task is not None and not task.done()]:
            await asyncio.wait(sums, timeout=1.0)

    async def _sum_up(self, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
            # Under load sums made one after the other would leave the database time for little else.
            await asyncio.sleep(_BETWEEN_SUMS_S)
        self._this_sum, self._next_sum = self._next_sum, None
        from tui.database import spend  # its sums are not on the first screen yet

        summary = await self.database.run(spend.summary, self.origin, self.process_id, self.server_now())
        self.publish(SpendSummed(summary))
        await self.read_limits()

    async def read_limits(self) -> None:
        """Publish how the keys and the free-model allowance stand."""
        from tui.database import limits

        uses = await self.keys.uses()
        key = await self.keys.first()
        free = await self.database.run(limits.free_use, key.account if key else "", time.time(), self.server_offset_s)
        self.publish(LimitsRead(keys=uses, free=free))

    async def kept(self, work: Awaitable[object], what: str) -> bool:
        """Write something down whose loss must not stop the job: a failure is told, `what` being the sentence's start.

        Answers whether it was written. Raises DatabaseClosed.
        """
        try:
            await work
        except StorageFailed as error:
            self.warn(Clean(f"{what}: {error.message}"))
            return False
        return True

    def job(
        self,
        job_id: str,
        kind: str,
        state: JobState,
        *,
        reason: Clean | None = None,
        wait_until: float | None = None,
        tries: int = 0,
        key_tail: Clean | None = None,
    ) -> None:
        """Publish where a job stands."""
        self.publish(
            JobChanged(
                Job(
                    id=job_id,
                    kind=kind,  # type: ignore[arg-type]
                    state=state,
                    since=time.monotonic(),
                    reason=reason or Clean(""),
                    wait_until=wait_until,
                    tries=tries,
                    key_tail=key_tail or Clean(""),
                )
            )
        )


def failure_of(error: ApiError) -> Failure:
    """An error as it is shown and stored."""
    return Failure(
        kind=error.kind.value,
        message=error.message,
        advice=error.advice,
        status=error.status,
        retry_after_s=error.retry_after_s,
        fallback_models=error.fallback_models,
    )


def storage_error(error: StorageFailed) -> ApiError:
    """Why a job that must write something down before it sends cannot go on."""
    return ApiError(ErrorKind.INTERNAL, error.message, advice=Clean("`ortui doctor` says more."), request_written=False)


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end even when the job is cancelled meanwhile: what ends a request must be written down.

    The cancellation is raised afterwards, unless the work itself failed.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
        except Exception:  # noqa: BLE001 - it is raised below, by the task's result
            break
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result
