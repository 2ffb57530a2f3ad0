"""Pictures that a model has drawn, saved to files: a terminal shows their names."""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from tui.config_file import shown_path
from tui.core.formats import file_size
from tui.openrouter.text import Clean, Opaque, clean_line

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_URL: Final = 500
_ENDINGS: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/svg+xml": "svg",
}


def keep_image(url: Opaque, folder: Path | None, name: str) -> Clean:
    """Save a data URL's picture in the folder (None: nowhere); the answer is what stands for it in the reply's text.

    The file is readable by its owner only. Call it in a thread.
    """
    raw = url.raw
    if not raw.startswith("data:"):
        return _note(url.shown()[:_LONGEST_URL])
    head, _, body = raw[5:].partition(",")
    kind = clean_line(head[:60].partition(";")[0]) or Clean("unknown kind")
    try:
        data = base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        return _note(f"{kind}, cannot be read")
    said = f"{kind}, {file_size(len(data))}"
    if folder is None:
        return _note(f"{said}, not saved: the conversation is private")
    path = folder / f"{name}.{_ENDINGS.get(kind, 'bin')}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        return _note(f"{said}, not saved: {clean_line(error.strerror or 'the file cannot be written')}")
    return _note(f"{said}, saved as {clean_line(shown_path(path))}")


def _note(said: str) -> Clean:
    return Clean(f"\n\n[image: {said}]\n")
