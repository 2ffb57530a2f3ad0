"""What is attached to drafts, kept in files across a restart; the drafts' text is in the database."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from tui.core.conversation import Attachment
from tui.openrouter.text import Opaque, clean_line

_UNSAFE: Final = re.compile(r"\W")


def keep_attachments(folder: Path, conversation_id: str, attachments: Sequence[Attachment]) -> None:
    """Write down what is attached to a draft, readable by its owner only; nothing attached leaves no file.

    Raises OSError. Call it in a thread.
    """
    path = _path(folder, conversation_id)
    if not attachments:
        path.unlink(missing_ok=True)
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(attachments, enc_hook=_raw))
    part.replace(path)


def kept_attachments(folder: Path, conversation_id: str) -> tuple[Attachment, ...]:
    """What was attached to a draft; nothing where there is no file or one that cannot be read. Call it in a thread."""
    try:
        written = _path(folder, conversation_id).read_bytes()
        kept = msgspec.json.decode(written, type=tuple[Attachment, ...], dec_hook=_opaque)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return ()
    return tuple(replace(one, name=clean_line(one.name)) for one in kept)


def _path(folder: Path, conversation_id: str) -> Path:
    return folder / f"{_UNSAFE.sub('_', conversation_id)[:80]}.json"


def _raw(value: object) -> Any:
    if isinstance(value, Opaque):
        return value.raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    raise NotImplementedError


def _opaque(kind: type[Any], value: object) -> Any:
    if kind is Opaque and isinstance(value, str):
        return Opaque(value)
    raise NotImplementedError
