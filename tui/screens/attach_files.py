"""Files that the user names: read into attachments, and their paths completed. All of it belongs in a thread."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tui.core.attachments import MOST_BYTES, AttachmentRefused, attachment_from, too_large
from tui.core.conversation import Attachment
from tui.core.filter_completion import Choice
from tui.core.formats import file_size
from tui.openrouter.text import Clean, clean, clean_line

_MOST_CHOICES: Final = 8
_MOST_ENTRIES: Final = 20_000
"""Of a folder, that are looked at."""
_NAMED: Final = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"]+))')
_BEGUN: Final = re.compile(r'(?<!\S)@(?:"([^"\n]*)|([^\s"]*))$')
_ENDING: Final = re.compile(r"[^/\\]\.\w{1,4}$")


def read_attachment(path_text: str, secrets: Iterable[str]) -> Attachment:
    """Read the file a user has named; raises `AttachmentRefused` with a sentence."""
    path = Path(os.path.expanduser(path_text))  # noqa: PTH111 - leaves `~nobody` as it is where Path raises
    name = clean_line(path.name or path_text)
    try:
        _check(os.stat(path), name)  # noqa: PTH116 - before opening: a pipe would wait for its other end
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(file.fileno()), name)
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise AttachmentRefused(f"There is no file {clean_line(path_text)}: nothing was attached.") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise AttachmentRefused(f"{name} cannot be read: {clean_line(why)}. Nothing was attached.") from None
    return attachment_from(name, data, secrets)


def _check(status: os.stat_result, name: Clean) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise AttachmentRefused(f"{name} is a folder: attach its files one by one.")
    if not stat.S_ISREG(status.st_mode):
        raise AttachmentRefused(f"{name} is no regular file: it was not attached.")
    if status.st_size > MOST_BYTES:
        raise too_large(name, status.st_size)


def named_paths(text: str) -> tuple[str, ...]:
    """The paths behind `@` in a draft that name a file or look as if they should; `@somebody` does not."""
    paths = [quoted or bare for quoted, bare in _NAMED.findall(text)]
    return tuple(dict.fromkeys(path for path in paths if _looks_like_path(path) or _is_file(path)))


def _looks_like_path(path: str) -> bool:
    return "/" in path or path.startswith(("~", ".")) or _ENDING.search(path) is not None


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def begun_path(before_cursor: str) -> tuple[int, str] | None:
    """Where in the line the `@` stands whose path is being written, and the path so far; None when there is none."""
    found = _BEGUN.search(before_cursor)
    return None if found is None else (found.start(), found[1] if found[1] is not None else found[2])


def path_choices(begun: str) -> tuple[Choice, ...]:
    """Files and folders that the path can become: first those that begin with it, folders with a slash behind them."""
    typed, _, part = begun.rpartition("/")
    folder = typed + "/" if "/" in begun else ""
    wanted = part.casefold()
    found: list[tuple[bool, str, Choice]] = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111
            for number, entry in enumerate(entries):
                if number >= _MOST_ENTRIES:
                    break
                name = entry.name
                if wanted not in name.casefold() or (name.startswith(".") and not part.startswith(".")):
                    continue
                if clean(name) == name and '"' not in name:
                    found.append((not name.casefold().startswith(wanted), name.casefold(), _choice(folder, entry)))
    except (OSError, ValueError):
        return ()
    return tuple(choice for _, _, choice in sorted(found, key=lambda one: one[:2])[:_MOST_CHOICES])


def _choice(folder: str, entry: os.DirEntry[str]) -> Choice:
    try:
        if entry.is_dir():
            return Choice(Clean(f"{folder}{entry.name}/"), Clean("folder"))
        return Choice(Clean(f"{folder}{entry.name}"), file_size(entry.stat().st_size))
    except OSError:
        return Choice(Clean(f"{folder}{entry.name}"), Clean("cannot be read"))


def as_named(path: str) -> str:
    """The path as it is written behind `@`, in quotes where it has a space."""
    return f'@"{path}"' if " " in path else f"@{path}"
