"""Writing in `$EDITOR` while everything else goes on."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.config import keyless_environment
from tui.openrouter.text import Clean, clean

if TYPE_CHECKING:
    from textual.app import App

    from tui.config import Settings


async def edit_text(app: App[Any], text: Clean, settings: Settings) -> Clean | None:
    """Let the user edit a text; None when the editor failed, with a notice.

    The terminal is the editor's meanwhile, but the event loop goes on, so that replies keep arriving.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    file = await asyncio.to_thread(_write, text)
    try:
        with app.suspend():
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command), str(file), env=keyless_environment(settings, os.environ)
            )
            status = await process.wait()
        if status != 0:
            app.notify(
                f"The editor ended with status {status}; the draft is as it was.", severity="warning", markup=False
            )
            return None
        return await asyncio.to_thread(_read, file)
    except (OSError, ValueError) as error:
        app.notify(f"{command} could not be started: {clean(str(error))}", severity="error", markup=False)
        return None
    finally:
        await asyncio.to_thread(file.unlink, missing_ok=True)


def _write(text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="ortui-", suffix=".md")
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    return Path(name)


def _read(file: Path) -> Clean:
    return clean(file.read_text(encoding="utf-8", errors="replace").removesuffix("\n"))
