"""Named prompts as plain files that the user edits: `prompts/*.md` go into the draft, `prompts/system/*.md` before all.

`{{name}}` in a prompt is asked for when it is taken, `{{name|text}}` offers the text, `{{draft}}` is what stands in the
composer.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from tui.openrouter.text import Clean, clean, clean_line

LARGEST: Final = 100_000
"""Bytes of one prompt."""
MOST: Final = 1_000
"""Files that are looked at."""
SYSTEM: Final = "system"
"""The folder of the system prompts within that of the prompts."""
DRAFT: Final = "draft"
_ENDINGS: Final = (".md", ".txt")
_VARIABLE: Final = re.compile(r"\{\{\s*([\w .-]{1,40}?)\s*(?:\|([^{}\n]*))?\}\}")

PromptKind = Literal["template", "system"]


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the library."""

    name: Clean
    kind: PromptKind
    path: str
    """Never drawn; `name` is."""
    text: Clean = Clean("")
    problem: Clean = Clean("")
    """Why it cannot be used, a sentence; empty when it can."""


class Variable(msgspec.Struct, frozen=True):
    """What a prompt asks for."""

    name: Clean
    default: Clean = Clean("")


def read_prompts(folder: Path) -> tuple[Prompt, ...]:
    """All prompts of the library by name, system prompts last; without a folder there are none."""
    found = [*_read_folder(folder, "template"), *_read_folder(folder / SYSTEM, "system")]
    return tuple(found)


def _read_folder(folder: Path, kind: PromptKind) -> list[Prompt]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))[:MOST]
    except OSError:
        return []
    paths = [folder / name for name in names if name.endswith(_ENDINGS) and not name.startswith(".")]
    return [_read(path, kind) for path in paths]


def _read(path: Path, kind: PromptKind) -> Prompt:
    prompt = Prompt(name=clean_line(path.stem.replace("_", " ")), kind=kind, path=str(path))

    def refused(why: str) -> Prompt:
        return msgspec.structs.replace(prompt, problem=clean_line(f"{path.name} {why}."))

    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            return refused("is not a regular file")
        if about.st_size > LARGEST:
            return refused(f"is larger than {LARGEST // 1000} kB")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        return refused(f"cannot be read: {error.strerror or 'it is not there'}")
    if len(data) > LARGEST:
        return refused(f"is larger than {LARGEST // 1000} kB")
    try:
        if b"\0" in data:
            raise ValueError
        text = clean(data.decode("utf-8-sig")).strip()
    except ValueError:
        return refused("is no text file")
    return msgspec.structs.replace(prompt, text=Clean(text)) if text else refused("is empty")


def variables(text: str) -> tuple[Variable, ...]:
    """What the prompt asks for, each once, in the order of their first use."""
    found: dict[str, Variable] = {}
    for match in _VARIABLE.finditer(text):
        known = found.get(match[1])
        default = clean_line(match[2] or "").strip()
        if known is None or (default and not known.default):
            found[match[1]] = Variable(clean_line(match[1]), Clean(default))
    return tuple(found.values())


def filled(text: Clean, values: Mapping[str, str]) -> Clean:
    """The prompt with the values in it, put in as they are; what has none keeps its braces."""
    return clean(_VARIABLE.sub(lambda match: values.get(match[1], match[0]), text))


def keep_prompt(folder: Path, name: str, text: str, kind: PromptKind) -> Path:
    """Write a new prompt, for the user alone; raises OSError, FileExistsError where the name is taken."""
    target = folder / SYSTEM if kind == "system" else folder
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = re.sub(r"[^\w .-]", " ", clean_line(name)).strip(" .")[:60] or "prompt"
    path = target / f"{stem}.md"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")
    return path
