"""`ortui spend`: the ledger in sums."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from tui.commands import clicking
from tui.commands.common_options import CommandError, CommonOptions
from tui.commands.output import amount, complain, say, write_bytes, write_json, write_table
from tui.config_file import ConfigError
from tui.core.exit_status import GOOD
from tui.core.formats import count, day_utc, money
from tui.core.spend_export import csv_bytes
from tui.database.recovery import recover
from tui.database.spend import spend_rows
from tui.database.thread import Database, StorageFailed
from tui.openrouter.text import clean_line

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.core.ledger import SpendBy, SpendRow
    from tui.core.spend_export import ExportKind


@clicking.command(name="spend")
@click.option(
    "--by",
    type=click.Choice(["day", "model", "key", "provider", "conversation"]),
    default="day",
    show_default=True,
    help="What the rows are.",
)
@click.option("--since", metavar="DAY", help="Only from this UTC day on, as 2026-01-31.")
@clicking.as_json
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a head, for spreadsheets.")
@click.option(
    "--export",
    type=click.Choice(["csv", "json"]),
    help="Write every single request into a new file of the folder for exports, and print where it is.",
)
@clicking.given
def command(
    common: CommonOptions, by: SpendBy, since: str | None, as_json: bool, as_csv: bool, export: ExportKind | None
) -> int:
    """What was spent at the active provider, in USD.

    Days are UTC. Billed and estimated money stand apart; `unknown` counts requests without any figure.
    """
    if sum((as_json, as_csv, export is not None)) > 1:
        raise CommandError("Give one of --json, --csv and --export.")
    if since is not None:
        try:
            since = date.fromisoformat(since).isoformat()
        except ValueError:
            raise CommandError("--since expects a day as 2026-01-31.") from None
    settings = common.settings()
    database = Database(settings.folders.database)
    try:
        with contextlib.suppress(StorageFailed):
            # What a killed process left open is an estimate now.
            database.run_sync(recover, settings.folders.run, time.time())
        if export is not None:
            return _export(database, settings, export)
        total, rows = database.run_sync(spend_rows, settings.provider.origin, by, since)
        if database.notice is not None:
            complain(database.notice)
    finally:
        database.close()
    if as_json:
        write_json({"day_utc": day_utc(time.time()), "total": _sums(total), "rows": [_row(row) for row in rows]})
        return GOOD
    if as_csv:
        names = ["key", *_sums(total)]
        write_bytes(csv_bytes([names, *([*_row(row).values()] for row in rows)]))
        return GOOD
    # Programs go by the id, which stays when a title is changed.
    for_people = sys.stdout.isatty()
    lines = [_cells(row, row.title if for_people and row.title is not None else row.key) for row in rows]
    header = (by.capitalize(), "Requests", "Tokens in", "Tokens out", "Billed", "Estimated", "Unknown")
    write_table(
        header,
        [*lines, _cells(total, "total")],
        right=frozenset(range(1, 7)),
        shortened=0 if by == "conversation" else None,
    )
    return GOOD


def _export(database: Database, settings: Settings, kind: ExportKind) -> int:
    from tui.worker.spend_files import write_requests

    try:
        path, rows = asyncio.run(write_requests(database, settings.provider.origin, settings.folders.exports, kind))
    except OSError as error:
        raise CommandError(f"Nothing was exported: {error.strerror or error}.") from None
    except ConfigError as error:
        raise CommandError(f"Nothing was exported: {error}") from None
    say(clean_line(str(path)))
    complain(f"{rows:,} requests written.")
    return GOOD


def _row(row: SpendRow) -> dict[str, Any]:
    return {"key": row.key, **_sums(row)}


def _sums(row: SpendRow) -> dict[str, Any]:
    return {
        "requests": row.requests,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "billed": amount(row.billed_usd),
        "estimated": amount(row.estimated_usd),
        "unknown": row.unknown,
    }


def _cells(row: SpendRow, name: str) -> tuple[str, ...]:
    estimated = f"~{money(row.estimated_usd)}" if row.estimated_usd else ""
    return (
        name,
        count(row.requests),
        count(row.prompt_tokens),
        count(row.completion_tokens),
        money(row.billed_usd),
        estimated,
        str(row.unknown or ""),
    )
