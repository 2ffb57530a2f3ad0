"""Embeddings that were asked for, one after the other, and the vectors that came for each variant."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from tui.core import vectors
from tui.core.commands import Embed, LoadVectors
from tui.core.conversation import Failure
from tui.core.ledger import OverBudget
from tui.core.sheets import Variant
from tui.openrouter.text import Clean
from tui.screens.embedded_sheet import EmbedBill, EmbedJob

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tui.core.events import EmbedEnded
    from tui.screens.session import Session

_LOOK_S: Final = 0.05
_LOOK_EACH_S: Final = 0.0001
"""How long the store may take, and for each text."""
_SPACES_KEPT: Final = 8
_BYTES_KEPT: Final = 16_000_000
"""Of vectors that nobody looks at; those of the sheet's own variants stay in any case."""


class Beside(Protocol):
    """Runs a coroutine while the interface goes on."""

    def __call__(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> object: ...


class EmbedRuns:
    """What is asked of the worker, and what it has answered."""

    def __init__(self, session: Session, beside: Beside, changed: Callable[[], None]) -> None:
        """`changed` is called when vectors have come that were merged in a thread."""
        self._session = session
        self._beside = beside
        self._changed = changed
        self.job: EmbedJob | None = None
        """The one that runs."""
        self.failure: Failure | None = None
        self.over_budget: OverBudget | None = None
        self.spaces: dict[Variant, vectors.EmbeddedTexts] = {}
        self.bills: dict[Variant, EmbedBill] = {}
        self.wanted: frozenset[Variant] = frozenset()
        """Variants whose vectors are looked at."""
        self._next: deque[tuple[Variant, tuple[Clean, ...], bool]] = deque()
        self._waiting: dict[str, EmbedJob] = {}
        """Asked for, no result yet; the one that runs and any that went away without."""
        self._looking: dict[str, tuple[Variant, float]] = {}
        """What the store was asked for, and until when (monotonic) its answer is worth waiting for."""
        self._opened = False
        self._looked_up: dict[Variant, set[str]] = {}
        """Texts that the store has been asked for."""
        self._merging: dict[Variant, list[vectors.EmbeddedTexts]] = {}

    @property
    def waiting(self) -> int:
        """Embeddings that come after the one that runs."""
        return len(self._next)

    def lacking(self, variant: Variant, texts: Iterable[Clean]) -> tuple[Clean, ...]:
        """Those that have no answer of the model yet, each once."""
        known = self.spaces.get(variant)
        unique = dict.fromkeys(texts)
        if known is None:
            return tuple(unique)
        missing = unique.keys() - known.row_of.keys() - known.useless
        return tuple(filter(missing.__contains__, unique)) if missing else ()

    def ask(self, wanted: Sequence[tuple[Variant, tuple[Clean, ...]]], *, queries: bool = False) -> None:
        """Embed these, one variant after the other; what the store has is not paid for.

        `queries`: these are no texts of the sheet, and their bill is not the sheet's.
        """
        self._next.extend((variant, tuple(dict.fromkeys(texts)), queries) for variant, texts in wanted if texts)
        self.failure = None
        if self.job is None:
            self._begin_next()

    def _begin_next(self) -> None:
        if not self._next:
            return
        variant, texts, is_query = self._next.popleft()
        job = EmbedJob(uuid.uuid4().hex, variant, texts, time.monotonic(), is_query=is_query)
        command = Embed(
            job_id=job.id,
            model=variant.model,
            texts=texts,
            dimensions=variant.dimensions,
            input_type=variant.input_type,
            user=self._session.settings.embeddings.user,
            over_budget=self.over_budget is not None,
            as_rows=True,
        )
        if not self._session.submit(command):
            self.failure = Failure(
                kind="own_limit",
                message=Clean("Too much is waiting to be done."),
                advice=Clean("Wait a moment."),
            )
            self._next.clear()
            return
        self._waiting[job.id] = job
        self.job = job

    def stop(self) -> bool:
        """Stop what runs and what comes after it; texts that have their vectors keep them."""
        self._next.clear()
        if self.job is None:
            return False
        self.job.stopped = True
        self._session.cancel(self.job.id)
        return True

    def look_up(self, variant: Variant, texts: Iterable[Clean]) -> None:
        """Ask the store for the vectors of these texts, once for each."""
        asked = self._looked_up.setdefault(variant, set())
        fresh = tuple(text for text in self.lacking(variant, texts) if text not in asked)
        if not fresh:
            return
        until = time.monotonic() + _LOOK_S + len(fresh) * _LOOK_EACH_S if self._opened and not asked else 0.0
        request_id = uuid.uuid4().hex
        if self._session.submit(LoadVectors(request_id=request_id, variant=variant, texts=fresh)):
            asked.update(fresh)
            self._looking[request_id] = variant, until

    def forget(self, *, opened: bool = False) -> None:
        """Another sheet has come: what the store has for it is read faster than two sheets are put together.

        `opened`: it was kept, so that the store may have all its vectors.
        """
        self._opened = opened
        self.spaces.clear()
        self._looked_up.clear()
        self._looking.clear()

    def awaits(self, variant: Variant) -> float:
        """Seconds within which the store will say what it has for a sheet just opened; 0 where it has, or is late."""
        latest = max((until for one, until in self._looking.values() if one == variant), default=0.0)
        return max(0.0, latest - time.monotonic())

    def follow(self) -> None:
        """Take over what the state says has come."""
        state = self._session.state
        for found in tuple(state.sheets.found.values()):
            if looked := self._looking.pop(found.request_id, None):
                self._keep(looked[0], found.embedded)
        for result in tuple(state.sheets.results.values()):
            if ended := self._waiting.pop(result.job_id, None):
                self._take_result(ended, result)
        passed = state.budget_passed
        if passed is not None and (asking := self._waiting.pop(passed.job_id, None)):
            self._next.clear()
            self._end(asking)
            self.over_budget = passed.refusal
        job = self.job
        if job is None:
            return
        if job.id in state.jobs:
            job.seen = True
        elif job.seen or state.sheets.job_id == job.id:
            # It stays in `_waiting`: its result may be told a moment later.
            self._end(job)

    def _end(self, job: EmbedJob) -> None:
        if self.job is job:
            self.job = None
            self._begin_next()

    def _take_result(self, job: EmbedJob, result: EmbedEnded) -> None:
        if not job.is_query:
            self.bills[job.variant] = EmbedBill(result.receipt, result.from_store, len(job.texts), job.stopped)
        self.failure = None if job.stopped else result.failure
        if self.failure is not None:
            self._next.clear()
        else:
            self.over_budget = None if not self._next else self.over_budget
        self._end(job)
        self._keep(job.variant, result.embedded, () if job.is_query else job.texts)

    def _keep(self, variant: Variant, given: vectors.GivenRows | None, whole: Sequence[Clean] = ()) -> None:
        """Put them to those that are there; many are put together in a thread, one batch after the other.

        `whole`: all texts of the sheet; rows that have them all need no earlier ones.
        """
        if given is None or (fresh := given.take()) is None:
            return
        waiting = self._merging.get(variant)
        if waiting is not None:
            waiting.append(fresh)
            return
        earlier = self.spaces.get(variant)
        if earlier is None or (whole and all(map(fresh.has, whole))) or all(map(fresh.has, earlier.row_of)):
            self._put(variant, fresh)
            return
        self._merging[variant] = [fresh]

        async def merge() -> None:
            queue = self._merging[variant]
            while queue:
                merged = await asyncio.to_thread(vectors.merge, self.spaces.get(variant), queue.pop(0))
                self._put(variant, merged)
            del self._merging[variant]
            self._changed()

        self._beside(merge, "vectors")

    def _put(self, variant: Variant, embedded: vectors.EmbeddedTexts) -> None:
        self.spaces.pop(variant, None)
        self.spaces[variant] = embedded
        others = [one for one in self.spaces if one not in self.wanted and one != variant]
        size = sum(self.spaces[one].unit.nbytes for one in others)
        while others and (len(others) > _SPACES_KEPT or size > _BYTES_KEPT):
            gone = others.pop(0)
            size -= self.spaces[gone].unit.nbytes
            del self.spaces[gone]
            self._looked_up.pop(gone, None)


def same_things(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    """Whether these are the same things; lists of 10,000 texts are not compared one by one."""
    return len(left) == len(right) and all(
        one is other or (isinstance(one, Variant | tuple) and one == other)
        for one, other in zip(left, right, strict=True)
    )
