"""The lines that `ortui embed` reads, and the file that it writes and carries on with."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Final

import msgspec

from tui.commands.common_options import CommandError
from tui.commands.output import write_bytes
from tui.openrouter.text import Clean, Opaque, clean

_WINDOW_CHARACTERS: Final = 2_000_000
_LONGEST_LINE: Final = 16 * 1024 * 1024
_LOOKED_AT: Final = 65_536
"""Characters from the start that are looked at for what is not UTF-8."""
_STRANGE: Final = 5
"""Bytes that are not UTF-8 and may stand in any text."""
_LONGEST_OUTPUT_LINE: Final = 64 * 1024 * 1024


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


def open_source(file: Path | None) -> IO[bytes]:
    """Open until it has been read: a thread may be waiting for more of it, and closing would wait for that."""
    if file is None or str(file) == "-":
        if sys.stdin is None or (file is None and sys.stdin.isatty()):
            raise CommandError("There is nothing to embed: name a FILE, or pipe lines in.")
        # Not `sys.stdin` itself, which the interpreter clears away at its end while the thread may hold it.
        return open(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return file.open("rb")
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise CommandError(f"{file} cannot be read: {why}.") from None


# Lines in


def read_lines(source: IO[bytes], name: str = "stdin") -> Iterator[tuple[int, Clean]]:
    """Numbered lines that are not blank; only line feeds end a line, so that numbers agree with `wc` and editors.

    Raises `CommandError` at a line that is no text, rather than have it paid for.
    """
    characters = strange = 0
    with source:
        for index, line in enumerate(iter(lambda: source.readline(_LONGEST_LINE + 1), b"")):
            if len(line) > _LONGEST_LINE:
                raise CommandError(
                    f"Line {index + 1:,} of {name} is longer than {_LONGEST_LINE // 1_048_576} MB: is it a text file?"
                )
            if b"\0" in line:
                raise CommandError(f"{name} is no text file: its line {index + 1:,} holds binary data.")
            text = line.decode("utf-8-sig" if index == 0 else "utf-8", "replace").rstrip("\r\n")
            if characters < _LOOKED_AT:
                characters += len(text)
                strange += text.count("\ufffd")
                if strange >= _STRANGE and strange * 20 > characters:
                    raise CommandError(f"{name} is no text file: it is not written in UTF-8 (line {index + 1:,}).")
            if text.strip():
                yield index, clean(text)


def lines_after(lines: Iterator[tuple[int, Clean]], output: Output, file: Path | None) -> Iterator[tuple[int, Clean]]:
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


def windows_of(lines: Iterator[tuple[int, Clean]], most: int) -> Iterator[list[tuple[int, Clean]]]:
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


class LineReader:
    """Reads the next window in a thread: a pipe may have nothing for long, and what came goes out meanwhile."""

    def __init__(self, windows: Iterator[list[tuple[int, Clean]]]) -> None:
        self._windows = windows
        self._wanted: SimpleQueue[asyncio.Future[list[tuple[int, Clean]] | None]] = SimpleQueue()
        # A daemon, because nothing wakes a thread that waits for a pipe when the command is stopped.
        self._thread = threading.Thread(target=self._read, name="lines", daemon=True)

    async def next(self) -> list[tuple[int, Clean]] | None:
        """The next window, None at the end; raises what reading raises."""
        if not self._thread.is_alive():
            self._thread.start()
        future: asyncio.Future[list[tuple[int, Clean]] | None] = asyncio.get_running_loop().create_future()
        self._wanted.put(future)
        return await future

    def _read(self) -> None:
        while True:
            future = self._wanted.get()
            window, problem = None, None
            try:
                window = next(self._windows, None)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the lines
                problem = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: the command has ended
                future.get_loop().call_soon_threadsafe(_settle, future, window, problem)


def _settle(
    future: asyncio.Future[list[tuple[int, Clean]] | None],
    window: list[tuple[int, Clean]] | None,
    problem: Exception | None,
) -> None:
    if future.done():
        return
    if problem is not None:
        future.set_exception(problem)
    else:
        future.set_result(window)


# Lines out


class Output:
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


def numbers_json(vector: bytes) -> bytes:
    """Float32 as JSON with nine digits, which is all they have."""
    numbers = array.array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b"[" + b",".join([b"%.9g" % number for number in numbers]) + b"]"
