"""`ortui embed`: a vector for each line of a text, as JSON Lines."""

from __future__ import annotations

import array
import contextlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click
import msgspec

from tui.commands import clicking
from tui.commands.asking import budgeted, know_prices, yes_helps
from tui.commands.common_options import CommandError, CommonOptions
from tui.commands.output import clear_progress, complain, complain_of, is_interactive, show_progress, write_bytes
from tui.commands.running import Stopped, WorkerRun, run, tell_waiting
from tui.core.commands import Embed
from tui.core.conversation import Cost, CostKind
from tui.core.events import EmbedEnded, EmbedProgressed, JobChanged
from tui.core.exit_status import GOOD, of_failure
from tui.core.formats import cost as cost_text
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, Opaque, clean

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.core.conversation import Failure

_WINDOW_LINES: Final = 512
_WINDOW_CHARACTERS: Final = 2_000_000
_LONGEST_OUTPUT_LINE: Final = 64 * 1024 * 1024
_BATCH: Final = 128
_IN_FLIGHT: Final = 4


class Line(msgspec.Struct):
    """A line of the output; `index` counts the lines of the input from 0, blank ones included."""

    index: int
    text: str
    model: str
    vector: msgspec.Raw


class _LastLine(msgspec.Struct):
    index: int
    text: str
    model: str
    vector: list[float]


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
        source = _opened(file, stack)
        output = _Output(options.output, model)
        stack.callback(output.close)
        lines = _after(_lines(source), output, file)
        return run(_embed(settings, Opaque(model), lines, output, options))


def _opened(file: Path | None, stack: contextlib.ExitStack) -> IO[bytes]:
    if file is None or str(file) == "-":
        if sys.stdin is None or (file is None and sys.stdin.isatty()):
            raise CommandError("There is nothing to embed: name a FILE, or pipe lines in.")
        return sys.stdin.buffer
    try:
        return stack.enter_context(file.open("rb"))
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise CommandError(f"{file} cannot be read: {why}.") from None


# Lines in


def _lines(source: IO[bytes]) -> Iterator[tuple[int, Clean]]:
    """Numbered lines that are not blank; only line feeds end a line, so that numbers agree with `wc` and editors."""
    for index, line in enumerate(source):
        text = clean(line.decode("utf-8-sig" if index == 0 else "utf-8", "replace").rstrip("\r\n"))
        if text.strip():
            yield index, text


def _after(lines: Iterator[tuple[int, Clean]], output: _Output, file: Path | None) -> Iterator[tuple[int, Clean]]:
    """The lines that the output lacks; raises `CommandError` where it was made of another text."""
    last = output.last
    if last is None:
        yield from lines
        return
    for index, text in lines:
        if index == last.index and text != last.text:
            raise CommandError(
                f"{output.path} was made of another text: line {index + 1} of {file or 'stdin'} differs. "
                "Name another --output."
            )
        if index > last.index:
            yield index, text


def _windows(lines: Iterator[tuple[int, Clean]], most: int) -> Iterator[list[tuple[int, Clean]]]:
    """As many lines at a time as memory should hold."""
    window: list[tuple[int, Clean]] = []
    characters = 0
    for line in lines:
        window.append(line)
        characters += len(line[1])
        if len(window) >= most or characters >= _WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


# Lines out


class _Output:
    """Stdout, or a file that is carried on with where an earlier run left it."""

    def __init__(self, path: Path | None, model: str) -> None:
        """Cut a torn last line; raises `CommandError` for a file that this model did not write."""
        self.path: Final = path
        self.last: _LastLine | None = None
        self._file: IO[bytes] | None = None
        if path is None:
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            self._file = os.fdopen(descriptor, "r+b")
            self._carry_on(self._file, model)
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
            raise CommandError(f"{path} cannot be written: {why}.") from None

    def _carry_on(self, file: IO[bytes], model: str) -> None:
        end = _end_of_last_line(file)
        if end:
            start = _end_of_last_line(file, end - 1)
            file.seek(start)
            try:
                self.last = msgspec.json.decode(file.read(end - start), type=_LastLine)
            except msgspec.MsgspecError:
                raise CommandError(
                    f"{self.path} holds something else than `ortui embed` writes; name another --output."
                ) from None
            shown = Opaque(model).shown()
            if self.last.model != shown:
                raise CommandError(f"{self.path} was made with {self.last.model}, not {shown}; name another --output.")
        file.seek(end)
        file.truncate()

    @property
    def dimensions(self) -> int | None:
        """Of the vectors that are there."""
        return len(self.last.vector) if self.last else None

    def write(self, data: bytes) -> None:
        """At once, so that what is paid for is not lost."""
        if self._file is None:
            write_bytes(data)
        else:
            self._file.write(data)
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _end_of_last_line(file: IO[bytes], before: int | None = None) -> int:
    """Where the last whole line of the file's first `before` bytes ends; 0 when there is none."""
    end = file.seek(0, os.SEEK_END) if before is None else before
    step = 65_536
    oldest = max(0, end - _LONGEST_OUTPUT_LINE)
    while end > oldest:
        start = max(oldest, end - step)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _numbers(vector: bytes) -> bytes:
    """Float32 as JSON with nine digits, which is all they have."""
    numbers = array.array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b"[" + b",".join([b"%.9g" % number for number in numbers]) + b"]"


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


async def _embed(
    wanted: Settings,
    model: Opaque,
    lines: Iterator[tuple[int, Clean]],
    output: _Output,
    options: EmbedOptions,
) -> int:
    tally = _Tally()
    settings = budgeted(wanted, yes=options.yes)
    async with WorkerRun(settings) as worker:
        await know_prices(worker)
        allowed = options.yes
        for window in _windows(lines, max(_WINDOW_LINES, (options.batch or _BATCH) * _IN_FLIGHT)):
            while True:
                command = Embed(
                    job_id=uuid.uuid4().hex,
                    model=model,
                    texts=tuple(text for _, text in window),
                    dimensions=options.dimensions or settings.embeddings.dimensions,
                    input_type=options.input_type,
                    user=settings.embeddings.user,
                    over_budget=allowed,
                    wait_s=options.wait_s,
                    batch_size=options.batch,
                )
                ended, stopped = await _run(worker, command, tally)
                failure = ended.failure if ended else None
                if failure is None or allowed or not _is_question(settings, failure):
                    break
                allowed = worker.confirm(f"{failure.message} Embed all the same?")
                if not allowed:
                    break
            if ended is not None:
                _check_length(output, ended)
                _write(window, ended, model, output, tally)
            if stopped is not None:
                return stopped.status
            if failure is not None:
                clear_progress()
                complain_of(yes_helps(wanted, failure, yes=options.yes))
                return of_failure(failure)
        clear_progress()
        if sys.stderr.isatty():
            stored = f" ({tally.from_store:,} known already)" if tally.from_store else ""
            complain(f"{tally.words()}{stored}")
    return GOOD


async def _run(worker: WorkerRun, command: Embed, tally: _Tally) -> tuple[EmbedEnded | None, Stopped | None]:
    """One window to its end; a signal stops it, and what has come by then is kept."""
    worker.submit(command)
    stopped: Stopped | None = None
    begun = False
    while True:
        try:
            event = await worker.next()
        except Stopped as signal:
            if stopped is not None or not begun:
                return None, signal
            stopped = signal
            worker.cancel(command.job_id)
            continue
        match event:
            case EmbedProgressed() if event.job_id == command.job_id:
                begun = True
                show_progress(f"{tally.lines + event.done:,} lines …")
            case JobChanged(job) if job.id == command.job_id:
                begun = True
                tell_waiting(job)
            case EmbedEnded() if event.job_id == command.job_id:
                return event, stopped
            case _:
                pass


def _is_question(settings: Settings, failure: Failure) -> bool:
    over_budget = failure.kind == ErrorKind.OWN_BUDGET.value
    return over_budget and settings.budget.action == "ask" and is_interactive()


def _check_length(output: _Output, ended: EmbedEnded) -> None:
    before = output.dimensions
    if before is not None and ended.dimensions is not None and ended.dimensions != before:
        raise CommandError(
            f"{output.path} has vectors of {before} numbers, and now {ended.dimensions} came; name another --output."
        )


def _write(window: list[tuple[int, Clean]], ended: EmbedEnded, model: Opaque, output: _Output, tally: _Tally) -> None:
    """The lines in order, up to the first that has no vector: a later run goes on there, and pays nothing twice."""
    encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
    rows = []
    for (index, text), vector in zip(window, ended.vectors, strict=True):
        if vector is None:
            break
        rows.append(encode(Line(index, text, model.shown(), msgspec.Raw(_numbers(vector)))))
    if rows:
        output.write(b"\n".join(rows) + b"\n")
    tally.lines += len(rows)
    tally.from_store += ended.from_store
    cost = ended.receipt.cost
    tally.spent_usd += cost.usd or 0
    tally.all_billed = tally.all_billed and cost.kind is CostKind.BILLED
    show_progress(tally.words())
