"""Texts for a sheet out of what somebody pastes or a file holds: lines, paragraphs, a column, or chunks of a whole."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tui.openrouter.text import Clean, clean, clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

Cutting: TypeAlias = Literal["lines", "paragraphs", "column", "chunks"]

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_TEXTS: Final = 100_000
_CHUNK_CHARACTERS: Final = 1_000
_CHUNK_OVERLAP: Final = 100
_LOOKED_AT: Final = 65_536
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n\s*")
_USUAL_COLUMNS: Final = ("text", "content", "body", "chunk", "sentence", "document", "question", "title")


class NoTexts(ValueError):
    """A file cannot be read as texts; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a text is taken apart."""

    cutting: Cutting
    column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    size: int = _CHUNK_CHARACTERS
    """Characters of a chunk, at most."""
    overlap: int = _CHUNK_OVERLAP
    """Characters that a chunk shares with the one before, at most."""


@dataclass(frozen=True, slots=True)
class CutTexts:
    """Texts, and where they say so a label and a group for each."""

    texts: tuple[Clean, ...]
    labels: tuple[Clean, ...] = ()
    groups: tuple[Clean, ...] = ()
    left_out: int = 0
    """Rows that had no text, or were more than a sheet takes."""


@dataclass(frozen=True, slots=True)
class FileText:
    """A text file that was read whole."""

    name: Clean
    text: str
    kind: Literal["plain", "csv", "jsonl"]
    columns: tuple[str, ...] = ()
    """Of CSV and JSON Lines, as the file names them."""


def read_text_file(path_text: str) -> FileText:
    """Read the file a user has named; raises `NoTexts` with a sentence. Belongs in a thread."""
    path = Path(os.path.expanduser(path_text))  # noqa: PTH111 - leaves `~nobody` as it is where Path raises
    name = clean_line(path.name or path_text)
    try:
        status = os.stat(path)  # noqa: PTH116 - before opening: a pipe would wait for its other end
        if stat.S_ISDIR(status.st_mode):
            raise NoTexts(f"{name} is a folder: name one of its files.")
        if not stat.S_ISREG(status.st_mode):
            raise NoTexts(f"{name} is no regular file.")
        if status.st_size > MOST_BYTES:
            size = f"{status.st_size / 1_000_000:,.0f} MB"
            raise NoTexts(
                f"{name} has {size}; a sheet takes files of up to {MOST_BYTES // 1_048_576} MB. "
                "`ortui embed` does files of any size."
            )
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NoTexts(f"There is no file {clean_line(path_text)}.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, NoTexts):
            raise
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise NoTexts(f"{name} cannot be read: {clean_line(why)}.") from None
    return file_text(name, data)


def file_text(name: Clean, data: bytes) -> FileText:
    """The text of a file's bytes; raises `NoTexts` where it is none."""
    if not data.strip():
        raise NoTexts(f"{name} is empty.")
    head = data[:_LOOKED_AT]
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in head:
        raise NoTexts(f"{name} is no text file: it holds binary data.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
        if text[:_LOOKED_AT].count("\ufffd") > len(text[:_LOOKED_AT]) // 20:
            raise NoTexts(f"{name} is no text file: it is not written in UTF-8.") from None
    suffix = name.rpartition(".")[2].casefold()
    if suffix in ("csv", "tsv"):
        return FileText(name, text, "csv", _csv_columns(text))
    if suffix in ("jsonl", "ndjson"):
        return FileText(name, text, "jsonl", _jsonl_columns(text))
    return FileText(name, text, "plain")


def usual_column(columns: Sequence[str]) -> str | None:
    """The column that most likely holds the texts."""
    by_name = {column.casefold(): column for column in columns}
    return next((by_name[name] for name in _USUAL_COLUMNS if name in by_name), columns[0] if columns else None)


def cut_texts(text: str, cut: Cut, kind: Literal["plain", "csv", "jsonl"] = "plain") -> CutTexts:
    """Take a text apart; raises `NoTexts` where nothing comes of it. Belongs in a thread for more than a screenful."""
    if cut.cutting == "column":
        return _of_columns(text, cut, kind)
    whole = clean(text).replace("\r", "\n")
    if cut.cutting == "lines":
        parts: Iterator[str] = iter(whole.split("\n"))
    elif cut.cutting == "paragraphs":
        parts = iter(_BLANK_LINES.split(whole.strip("\n")))
    else:
        parts = _chunks(whole, cut.size, cut.overlap)
    texts = [Clean(part.strip("\n")) for part in parts if part.strip()]
    return _bounded(texts, [], [], 0)


def _bounded(texts: list[Clean], labels: list[Clean], groups: list[Clean], left_out: int) -> CutTexts:
    if not texts:
        raise NoTexts("There is no text in it.")
    left_out += max(0, len(texts) - MOST_TEXTS)
    return CutTexts(
        tuple(texts[:MOST_TEXTS]),
        tuple(labels[:MOST_TEXTS]) if any(labels) else (),
        tuple(groups[:MOST_TEXTS]) if any(groups) else (),
        left_out,
    )


def _chunks(text: str, size: int, overlap: int) -> Iterator[str]:
    """Pieces of at most `size` characters that end where a paragraph, a line, a sentence or at least a word ends.

    Each begins up to `overlap` characters before the last one's end, at a word.
    """
    size = max(1, size)
    overlap = max(0, min(overlap, size // 2))
    text = text.strip()
    start = 0
    while start < len(text):
        end = start + size
        if end < len(text):
            end = _good_end(text, start + max(1, size // 2), end)
        yield text[start:end].strip()
        if end >= len(text):
            return
        back = end - overlap
        if overlap:
            space = max(text.find(" ", back, end), text.find("\n", back, end))
            first = min((at for at in (text.find(" ", back, end), text.find("\n", back, end)) if at >= 0), default=-1)
            back = first + 1 if space >= 0 else back
        start = max(back, start + 1)


def _good_end(text: str, least: int, most: int) -> int:
    for ending in ("\n\n", "\n", ". ", "! ", "? ", " "):
        at = text.rfind(ending, least, most)
        if at >= 0:
            return at + len(ending)
    return most


# Columns


def _csv_rows(text: str) -> Iterator[list[str]]:
    import csv

    # A field longer than the module's usual limit is a text too.
    csv.field_size_limit(MOST_BYTES)
    sample = text[:_LOOKED_AT]
    first = sample.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        yield from csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    except csv.Error as error:
        raise NoTexts(f"The table cannot be read: {clean_line(str(error))}.") from None


def _csv_columns(text: str) -> tuple[str, ...]:
    first = next(_csv_rows(text), [])
    return tuple(name.strip() for name in first)


def _jsonl_rows(text: str) -> Iterator[object]:
    import msgspec

    for line in text.split("\n"):
        if line.strip():
            try:
                yield msgspec.json.decode(line.encode("utf-8", "replace"))
            except msgspec.DecodeError:
                yield None


def _jsonl_columns(text: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for number, row in enumerate(_jsonl_rows(text[: _LOOKED_AT * 4])):
        if isinstance(row, dict):
            names.update(dict.fromkeys(key for key, value in row.items() if isinstance(value, str | int | float)))
        if number >= 50:
            break
    return tuple(names)


def _of_columns(text: str, cut: Cut, kind: str) -> CutTexts:
    texts: list[Clean] = []
    labels: list[Clean] = []
    groups: list[Clean] = []
    left_out = 0
    for row in _dict_rows(text, kind):
        value = clean(_as_text(row.get(cut.column or "")))
        if not value.strip():
            left_out += 1
            continue
        texts.append(Clean(value.strip("\n")))
        labels.append(clean_line(_as_text(row.get(cut.label_column or ""))))
        groups.append(clean_line(_as_text(row.get(cut.group_column or ""))))
        if len(texts) > MOST_TEXTS:
            break
    if not texts:
        raise NoTexts(f"The column {clean_line(cut.column or '')} holds no text.")
    return _bounded(texts, labels, groups, left_out)


def _dict_rows(text: str, kind: str) -> Iterator[dict[str, object]]:
    if kind == "jsonl":
        for row in _jsonl_rows(text):
            yield row if isinstance(row, dict) else {}
        return
    rows = _csv_rows(text)
    names = [name.strip() for name in next(rows, [])]
    for fields in rows:
        if fields:
            yield dict(zip(names, fields, strict=False))


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
