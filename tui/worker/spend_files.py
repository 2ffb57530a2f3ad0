"""The requests of the ledger as a file, read in parts so that whoever writes meanwhile gets its turn."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.config_file import ConfigError, shown_path
from tui.core import spend_export
from tui.core.events import Noticed
from tui.database import request_rows
from tui.folders import write_export
from tui.openrouter.text import clean_line

if TYPE_CHECKING:
    from tui.core.spend_export import ExportKind
    from tui.database.thread import Database
    from tui.worker.context import WorkerContext

_ROWS: Final = 2_000


async def export_requests(context: WorkerContext, kind: ExportKind) -> None:
    """Write all requests of this provider into a new 0600 file, and say where it is."""
    try:
        folder = context.settings.folders.exports
        path, rows = await write_requests(context.database, context.origin, folder, kind)
    except (OSError, ConfigError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        context.warn(clean_line(f"Nothing was exported: {why}."))
        return
    context.publish(Noticed(clean_line(f"{rows:,} requests written to {shown_path(path)}"), "information"))


async def write_requests(database: Database, origin: str, folder: Path, kind: ExportKind) -> tuple[Path, int]:
    """Write all requests of an origin into a new 0600 file of the folder: where it is, and how many they are.

    Raises OSError, ConfigError and StorageFailed, and leaves no half file then.
    """
    run = database.run
    until = await run(request_rows.last_number)
    path = await asyncio.to_thread(write_export, folder, "requests", kind, spend_export.head(kind), time.time())
    after: int | None = 0
    count = 0
    try:
        while after is not None:
            rows, after = await run(request_rows.all_requests, origin, after, until, _ROWS)
            await asyncio.to_thread(_append, path, spend_export.body(rows, kind, first=not count))
            count += len(rows)
        await asyncio.to_thread(_append, path, spend_export.foot(kind))
    except BaseException:
        path.unlink(missing_ok=True)  # half an export is none
        raise
    return path, count


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        _ = file.write(data)
