"""`ortui embed`: a vector for each line of a text, as JSON Lines."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tui.commands import clicking
from tui.commands.asking import budgeted, know_prices, yes_helps
from tui.commands.common_options import CommandError, CommonOptions
from tui.commands.embed_files import (
    Line,
    LineReader,
    Output,
    lines_after,
    numbers_json,
    open_source,
    read_lines,
    windows_of,
)
from tui.commands.output import clear_progress, complain, complain_of, is_interactive, show_progress
from tui.commands.running import Stopped, WorkerRun, run, tell_waiting
from tui.core.commands import Embed
from tui.core.conversation import Cost, CostKind, Failure
from tui.core.events import EmbedEnded, EmbedProgressed, JobChanged
from tui.core.exit_status import GOOD, of_failure
from tui.core.formats import cost as cost_text
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, Opaque

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.core.events import Event

_WINDOW_LINES: Final = 512
_BATCH: Final = 128
_IN_FLIGHT: Final = 8
_PARTS: Final = 2
"""Windows under way at a time: one begins while the last requests of the other are still out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedOptions:
    """What the command line sets of the requests; None = as the configuration says."""

    model: str | None
    output: Path | None
    dimensions: int | None
    input_type: str | None
    batch: int | None
    yes: bool
    wait_s: float


@clicking.command(name="embed")
@click.option("-m", "--model", metavar="MODEL", help="Which embedding model; default: the configuration's.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write there instead of to stdout; a file that is there is carried on with.",
)
@click.option("--dimensions", type=click.IntRange(min=1), metavar="N", help="Shorter vectors, where the model can.")
@click.option("--input-type", metavar="TYPE", help="Such as search_query or search_document, where the model asks.")
@click.option("--batch", type=click.IntRange(1, 2048), metavar="N", help=f"Texts a request; default {_BATCH}.")
@click.option("--yes", is_flag=True, help="Go over a budget whose action is `ask`.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for a limit or a resting key.",
)
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@clicking.given
def command(common: CommonOptions, /, file: Path | None, **given: Any) -> int:
    """Embed each line of FILE (or stdin).

    The output has a JSON object a line: index (of the input's line, from 0), text, model, vector. Blank lines are
    skipped but numbered. Vectors that are in the database already are not paid for again.
    """
    options = EmbedOptions(**given)
    settings = common.settings()
    model = options.model or settings.embeddings.model
    if model is None:
        raise CommandError("Name an embedding model with -m, or set embeddings.model in the configuration.")
    with contextlib.ExitStack() as stack:
        source = open_source(file)
        try:
            output = Output(options.output, model)
        except CommandError:
            source.close()
            raise
        stack.callback(output.close)
        lines = lines_after(read_lines(source, str(file or "stdin")), output, file)
        return run(_embed(settings, Opaque(model), lines, output, options))


# The work


@dataclass(slots=True)
class _Tally:
    """What came so far, over all windows."""

    lines: int = 0
    from_store: int = 0
    spent_usd: Decimal = field(default_factory=lambda: Decimal(0))
    all_billed: bool = True

    def words(self) -> str:
        """For the progress line."""
        kind = CostKind.BILLED if self.all_billed else CostKind.ESTIMATED
        return f"{self.lines:,} lines, {cost_text(Cost(self.spent_usd, kind))}"


@dataclass(slots=True)
class _Part:
    """Some lines that the worker embeds at the moment."""

    window: list[tuple[int, Clean]]
    command: Embed
    done: int = 0
    ended: EmbedEnded | None = None


async def _embed(
    wanted: Settings,
    model: Opaque,
    lines: Iterator[tuple[int, Clean]],
    output: Output,
    options: EmbedOptions,
) -> int:
    settings = budgeted(wanted, yes=options.yes)
    async with WorkerRun(settings) as worker:
        await know_prices(worker)
        windows = windows_of(lines, max(_WINDOW_LINES, (options.batch or _BATCH) * _IN_FLIGHT))
        embedding = _Embedding(worker, settings, model, windows, output, options)
        try:
            failure = await embedding.run()
        except Stopped as stopped:
            return stopped.status
        if failure is not None:
            clear_progress()
            complain_of(yes_helps(wanted, failure, yes=options.yes))
            return of_failure(failure)
        clear_progress()
        if sys.stderr.isatty():
            tally = embedding.tally
            stored = f" ({tally.from_store:,} known already)" if tally.from_store else ""
            complain(f"{tally.words()}{stored}")
    return GOOD


class _Embedding:
    """Keeps the worker busy with the next lines while those before are still under way, and writes them in order."""

    def __init__(
        self,
        worker: WorkerRun,
        settings: Settings,
        model: Opaque,
        windows: Iterator[list[tuple[int, Clean]]],
        output: Output,
        options: EmbedOptions,
    ) -> None:
        self.tally = _Tally()
        self._worker = worker
        self._settings = settings
        self._model = model
        self._reader = LineReader(windows)
        self._reading: asyncio.Task[list[tuple[int, Clean]] | None] | None = None
        self._at_end = False
        self._output = output
        self._options = options
        self._allowed = options.yes
        self._parts: deque[_Part] = deque()
        self._begun = False

    async def run(self) -> Failure | None:
        """To the end, or to the first failure; raises `Stopped` after what has come by then is written."""
        try:
            return await self._run()
        finally:
            if self._reading is not None:
                self._reading.cancel()

    async def _run(self) -> Failure | None:
        stopped: Stopped | None = None
        while True:
            if self._parts and (first := self._parts[0]).ended is not None:
                self._parts.popleft()
                failure = await self._finish(first)
                if stopped is None and failure is not None:
                    await self._stop_the_others()
                    if not self._may_go_on(failure):
                        return failure
                    self._again(first)
                continue
            if stopped is None:
                self._read_more()
            if not self._parts and (stopped is not None or self._reading is None):
                break
            try:
                await self._wait(read=stopped is None)
            except Stopped as signal:
                if stopped is not None or not self._begun:
                    raise
                stopped = signal
                for part in self._parts:
                    self._worker.cancel(part.command.job_id)
        if stopped is not None:
            raise stopped
        return None

    def _read_more(self) -> None:
        """The first lines go alone until something has come of them: what is wrong with all fails once."""
        most = _PARTS if self.tally.lines or any(part.done for part in self._parts) else 1
        if len(self._parts) < most and self._reading is None and not self._at_end:
            self._reading = asyncio.create_task(self._reader.next())

    async def _wait(self, *, read: bool) -> None:
        """Until the worker says something, or lines have been read."""
        reading = self._reading if read else None
        if reading is None:
            self._note(await self._worker.next())
            return
        telling = asyncio.create_task(self._worker.next())
        try:
            await asyncio.wait({telling, reading}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                self._reading = None
                window = reading.result()
                self._at_end = window is None
                if window is not None:
                    self._begin(_Part(window, self._command(window)))
            if telling.done():
                self._note(telling.result())
        finally:
            if not telling.done():
                telling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await telling

    def _begin(self, part: _Part) -> None:
        self._parts.append(part)
        self._worker.submit(part.command)

    def _command(self, window: list[tuple[int, Clean]]) -> Embed:
        options, defaults = self._options, self._settings.embeddings
        return Embed(
            job_id=uuid.uuid4().hex,
            model=self._model,
            texts=tuple(text for _, text in window),
            dimensions=options.dimensions or defaults.dimensions,
            input_type=options.input_type,
            user=defaults.user,
            over_budget=self._allowed,
            wait_s=options.wait_s,
            batch_size=options.batch,
            first_alone=not self.tally.lines and not any(part.done for part in self._parts),
        )

    def _note(self, event: Event) -> None:
        by_job = {part.command.job_id: part for part in self._parts}
        match event:
            case EmbedProgressed() if part := by_job.get(event.job_id):
                self._begun = True
                part.done = event.done
                show_progress(f"{self.tally.lines + sum(part.done for part in self._parts):,} lines …")
            case JobChanged(job) if job.id in by_job:
                self._begun = True
                tell_waiting(job)
            case EmbedEnded() if part := by_job.get(event.job_id):
                part.ended = event
            case _:
                pass

    async def _finish(self, part: _Part) -> Failure | None:
        assert part.ended is not None
        _check_length(self._output, part.ended)
        # Some million numbers become text: the answers that come meanwhile are not kept waiting.
        await asyncio.to_thread(_write, part.window, part.ended, self._model, self._output, self.tally)
        if part.ended.failure is None and None in part.ended.vectors:
            return Failure(
                kind=ErrorKind.UNREADABLE.value,
                message=Clean("Not all lines came back with a vector."),
                advice=Clean("Run it again: it goes on where it stopped."),
            )
        return part.ended.failure

    async def _stop_the_others(self) -> None:
        """What they have by then is in the database, and not paid for again."""
        for part in self._parts:
            self._worker.cancel(part.command.job_id)
        while any(part.ended is None for part in self._parts):
            self._note(await self._worker.next())

    def _may_go_on(self, failure: Failure) -> bool:
        if self._allowed or not _is_question(self._settings, failure):
            return False
        self._allowed = self._worker.confirm(f"{failure.message} Embed all the same?")
        return self._allowed

    def _again(self, first: _Part) -> None:
        """The same lines once more, those after them too; what was written is left out."""
        assert first.ended is not None
        written = next((at for at, vector in enumerate(first.ended.vectors) if vector is None), len(first.window))
        windows = [first.window[written:], *(part.window for part in self._parts)]
        self._parts.clear()
        for window in windows:
            if window:
                self._begin(_Part(window, self._command(window)))


def _is_question(settings: Settings, failure: Failure) -> bool:
    over_budget = failure.kind == ErrorKind.OWN_BUDGET.value
    return over_budget and settings.budget.action == "ask" and is_interactive()


def _check_length(output: Output, ended: EmbedEnded) -> None:
    before = output.dimensions
    if before is not None and ended.dimensions is not None and ended.dimensions != before:
        raise CommandError(
            f"{output.path} has vectors of {before} numbers, and now {ended.dimensions} came; name another --output."
        )


def _write(window: list[tuple[int, Clean]], ended: EmbedEnded, model: Opaque, output: Output, tally: _Tally) -> None:
    """The lines in order, up to the first that has no vector: a later run goes on there, and pays nothing twice."""
    encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
    rows = []
    for (index, text), vector in zip(window, ended.vectors, strict=True):
        if vector is None:
            break
        rows.append(encode(Line(index, text, model.shown(), msgspec.Raw(numbers_json(vector)))))
    if rows:
        output.write(b"\n".join(rows) + b"\n")
    tally.lines += len(rows)
    tally.from_store += ended.from_store
    cost = ended.receipt.cost
    tally.spent_usd += cost.usd or 0
    tally.all_billed = tally.all_billed and cost.kind is CostKind.BILLED
    show_progress(tally.words())
