"""What is written down when the program fails: where, never with what data."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from tui.openrouter.text import clean_line
from tui.secret import strike_out

EXIT_STATUS: Final = 1
_KEY: Final = r"sk-[A-Za-z0-9_\-]{4,}|Bearer\s+\S+"
"""Compiled when it is first needed, as most runs never do."""
_MOST_FRAMES: Final = 60
_PACKAGE: Final = Path(__file__).parent


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that looks like a key, and without these keys."""
    for secret in secrets:
        text = strike_out(text, secret)
    return re.sub(_KEY, "…", text, flags=re.IGNORECASE)


def report_text(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Type, frames and versions.

    Messages are left out except those of our own exceptions: others may quote a request, a reply or a key.
    """
    lines = [f"ortui {_version('ortui')} ended with an error it did not expect.", ""]
    secrets = tuple(secrets)
    for note, one in _chain(error):
        kind = type(one)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        said = f": {masked(clean_line(str(one)), secrets)}" if kind.__module__.startswith("tui.") else ""
        lines.append(f"{note}{masked(clean_line(name), secrets)}{said}")
        lines += [f"  {frame}" for frame in _frames(one.__traceback__)]
        lines.append("")
    lines.append(
        f"textual {_version('textual')}, Python {platform.python_version()}, {sys.platform} {platform.machine()}, "
        f"TERM={masked(clean_line(os.environ.get('TERM', '')), secrets)}"
    )
    return "\n".join(lines) + "\n"


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    seen: set[int] = set()
    note = ""
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < 8:
        seen.add(id(current))
        yield note, current
        if isinstance(current, BaseExceptionGroup):
            for inner in current.exceptions[:4]:
                if id(inner) not in seen:
                    seen.add(id(inner))
                    yield "holds ", inner
        cause = current.__cause__
        note = "caused by " if cause is not None else "while handling "
        current = cause or (None if current.__suppress_context__ else current.__context__)


def _frames(traceback: TracebackType | None) -> list[str]:
    """`file:line function`, innermost last; paths below the package or the library, never of the user's home."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{_short_path(code.co_filename)}:{traceback.tb_lineno} {code.co_qualname}")
        traceback = traceback.tb_next
    left_out = len(frames) - _MOST_FRAMES
    return [f"… {left_out} more", *frames[-_MOST_FRAMES:]] if left_out > 0 else frames


def _short_path(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(_PACKAGE):
        return str(Path("tui") / path.relative_to(_PACKAGE))
    parts = path.parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return str(Path(*parts[parts.index(folder) + 1 :]))
    return path.name


def _version(distribution: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "(version unknown)"


def write_report(error: BaseException, folder: Path, secrets: Iterable[str] = ()) -> str:
    """Write the report into `folder`, 0600, and return the line for stderr that says where it is."""
    text = report_text(error, secrets)
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    for number in range(100):
        path = folder / (f"{name}-{number}.txt" if number else f"{name}.txt")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        except OSError as problem:
            return f"ortui: {_kind(error)}; the report cannot be written to {folder}: {problem.strerror}\n{text}"
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return f"ortui: {_kind(error)}; a report without keys or messages is in {path}"
    return f"ortui: {_kind(error)}"


def _kind(error: BaseException) -> str:
    return f"an error it did not expect ({type(error).__name__})"
