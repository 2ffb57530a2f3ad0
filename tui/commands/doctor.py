"""`ortui doctor`: what stands in the way, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import time
from enum import Enum
from importlib import metadata
from typing import TYPE_CHECKING, Final

import msgspec

from tui.commands import clicking
from tui.commands.output import say
from tui.commands.running import WorkerRun, run
from tui.commands.terminal_answers import ask_terminal
from tui.config import check, config_path
from tui.config_file import ConfigError, shown_path
from tui.core.commands import PollQuota
from tui.core.events import QuotaRead
from tui.core.exit_status import FAILED, GOOD
from tui.core.formats import count, duration, money
from tui.database.thread import Database, StorageFailed
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, clean_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from tui.commands.common_options import CommonOptions
    from tui.config import Provider, Settings
    from tui.core.conversation import Failure

_CHECKED_WHOLE_BYTES: Final = 256 * 1024 * 1024
_CLOCK_S: Final = 30.0
_KEYRING_S: Final = 5.0


class Verdict(Enum):
    """How a check came out, and the sign for it."""

    GOOD = "✓"
    WARNING = "!"
    BAD = "✗"


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    verdict: Verdict
    what: str
    text: str
    advice: str = ""


@clicking.command(name="doctor")
@clicking.given
def command(common: CommonOptions) -> int:
    """Check configuration, folders, database, key, network, clock and terminal, and say what to do.

    Exit status: 0 when ortui can work, 6 when something stands in its way.
    """
    return run(_examine(common))


async def _examine(common: CommonOptions) -> int:
    worst = GOOD

    def tell(finding: Finding) -> None:
        nonlocal worst
        if finding.verdict is Verdict.BAD:
            worst = FAILED
        say(Clean(clean_line(f"{finding.verdict.value} {finding.what:<13} {finding.text}")))
        if finding.advice:
            say(Clean(clean_line(f"  {'':<13} → {finding.advice}")))
        sys.stdout.flush()

    tell(_versions())
    told = set()
    for finding in _configuration(common):
        told.add(finding.text)
        tell(finding)
    for finding in _terminal():
        tell(finding)
    try:
        settings = common.settings()
    except ConfigError as error:
        if worst is GOOD:
            tell(Finding(Verdict.BAD, "configuration", str(error), "Correct it; `ortui config check` lists all."))
        return worst
    for warning in settings.warnings:
        if warning not in told:  # what concerns other files, or the environment
            tell(Finding(Verdict.WARNING, "configuration", warning))
    for finding in _folders(settings):
        tell(finding)
    for finding in await _database(settings):
        tell(finding)
    tell(await _keyring(settings))
    for finding in await _network(settings):
        tell(finding)
    return worst


def _versions() -> Finding:
    parts = [f"{name} {metadata.version(name)}" for name in ("ortui", "textual", "httpx", "msgspec")]
    return Finding(Verdict.GOOD, "versions", ", ".join([*parts, f"Python {platform.python_version()}", sys.platform]))


# Files


def _configuration(common: CommonOptions) -> Iterator[Finding]:
    path, named = config_path(common.config_file)
    if not named and not os.path.lexists(path):
        yield Finding(Verdict.GOOD, "configuration", f"no {shown_path(path)}: defaults are used")
        return
    report = check(common.config_file)
    for problem in report.errors:
        yield Finding(Verdict.BAD, "configuration", str(problem), "Correct this line.")
    for problem in report.warnings:
        yield Finding(Verdict.WARNING, "configuration", str(problem))
    if not report.errors:
        mode = _mode(path)
        yield Finding(Verdict.GOOD, "configuration", shown_path(path) + ("" if mode is None else f", mode {mode:04o}"))


def _folders(settings: Settings) -> Iterator[Finding]:
    folders = settings.folders
    try:
        folders.ensure()
    except ConfigError as error:
        yield Finding(Verdict.BAD, "folders", str(error), "Name another folder with --data-dir or ORTUI_DATA_DIR.")
        return
    for path in (folders.data, folders.log, folders.run, folders.exports, folders.drafts):
        if not path.exists():
            continue
        mode = _mode(path)
        if not os.access(path, os.W_OK):
            yield Finding(Verdict.BAD, "folders", f"{shown_path(path)} cannot be written", "Change its owner or mode.")
        elif mode is not None and mode & 0o077:
            yield Finding(
                Verdict.WARNING,
                "folders",
                f"{shown_path(path)} is open to other users (mode {mode:04o})",
                f"chmod 700 {shown_path(path)}",
            )
        else:
            free = shutil.disk_usage(path).free
            low = free < 100 * 1024 * 1024
            yield Finding(
                Verdict.WARNING if low else Verdict.GOOD,
                "folders",
                f"{shown_path(path)}, {free // 1_000_000:,} MB free",
                "Make room on this disk." if low else "",
            )


def _mode(path: Path) -> int | None:
    return None if os.name == "nt" else path.stat().st_mode & 0o777


async def _database(settings: Settings) -> list[Finding]:
    path = settings.folders.database
    database = Database(path)
    try:
        await database.open()
        if database.notice is not None:
            return [Finding(Verdict.BAD if database.in_memory else Verdict.WARNING, "database", database.notice)]
        requests, wrong = await database.run(_look_through, path.stat().st_size <= _CHECKED_WHOLE_BYTES)
    except StorageFailed as error:
        return [Finding(Verdict.BAD, "database", error.message, "Close programs that hold it open; free the disk.")]
    finally:
        await database.aclose()
    if wrong is not None:
        return [Finding(Verdict.BAD, "database", f"{shown_path(path)}: {wrong}", "Keep a copy and start anew.")]
    found = [Finding(Verdict.GOOD, "database", f"{shown_path(path)}, {count(requests)} requests")]
    mode = _mode(path)
    if mode is not None and mode & 0o077:
        found.append(Finding(Verdict.WARNING, "database", f"mode {mode:04o}", f"chmod 600 {shown_path(path)}"))
    return found


def _look_through(connection: sqlite3.Connection, whole: bool) -> tuple[int, str | None]:
    requests = connection.execute("SELECT count(*) FROM request").fetchone()[0]
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0] if whole else "ok"
    return int(requests), None if answer == "ok" else str(answer)


async def _keyring(settings: Settings) -> Finding:
    from tui import keyring_store

    try:
        async with asyncio.timeout(_KEYRING_S):
            where = await asyncio.to_thread(keyring_store.where, settings.folders.data)
    except TimeoutError:
        return Finding(Verdict.WARNING, "key store", "the system's keyring does not answer", "Unlock it.")
    return Finding(Verdict.GOOD, "key store", f"`ortui keys set` keeps keys in {where}")


# Network


async def _network(settings: Settings) -> list[Finding]:
    provider = settings.provider
    where = "the embedded server" if settings.demo else provider.base_url
    found: list[Finding] = []
    async with WorkerRun(msgspec.structs.replace(settings, warnings=())) as worker:
        began = time.monotonic()
        failure = await worker.load_catalogue()
        took = time.monotonic() - began
        if failure is not None:
            what = "TLS" if failure.kind == ErrorKind.TLS.value else "network"
            return [_failed(what, f"{where}: {failure.message}", failure), _untried_key(provider)]
        models = count(len(worker.state.models))
        found.append(Finding(Verdict.GOOD, "network", f"{where} answers in {duration(took)}, {models} models"))
        if provider.base_url.startswith("https:"):
            found.append(Finding(Verdict.GOOD, "TLS", "the server's certificate is good"))
        elif not settings.demo:
            found.append(Finding(Verdict.WARNING, "TLS", "the connection is not encrypted (http://)"))
        if worker.state.catalogue_mended:
            mended = f"{count(worker.state.catalogue_mended)} rows of the model list could not be read whole"
            found.append(Finding(Verdict.WARNING, "network", mended))
        found.append(_clock(worker.server_offset_s))
        found.append(await _key(settings, worker))
    return found


def _clock(offset: float) -> Finding:
    if abs(offset) < _CLOCK_S:
        return Finding(Verdict.GOOD, "clock", "agrees with the server's")
    way = "behind" if offset > 0 else "ahead of"
    text = f"this machine's clock is {duration(abs(offset))} {way} the server's"
    return Finding(Verdict.WARNING, "clock", text, "Set the clock: TLS, day sums and limits go by it.")


def _untried_key(provider: Provider) -> Finding:
    """What can be said of the key without its server."""
    if not provider.keys:
        none = "none: models can be looked at, not used"
        return Finding(Verdict.WARNING, "key", none, "Set OPENROUTER_API_KEY, or run `ortui keys set NAME`.")
    source = provider.keys[0]
    return Finding(Verdict.WARNING, "key", f"{source.secret or source.keyring_name} from {source.source}, not tried")


async def _key(settings: Settings, worker: WorkerRun) -> Finding:
    provider = settings.provider
    if not provider.keys:
        return _untried_key(provider)
    source = provider.keys[0]
    if provider.type != "openrouter":
        return Finding(Verdict.GOOD, "key", f"from {source.source}; whether it works shows at the first request")
    worker.submit(PollQuota())
    while True:
        event = await worker.next()
        if not isinstance(event, QuotaRead) or (event.failure is None and event.key is None):
            continue
        if event.failure is not None:
            return _failed("key", f"from {source.source}: {event.failure.message}", event.failure)
        assert event.key is not None
        left = "" if event.key.limit is None else f", {money(event.key.limit_remaining)} left"
        return Finding(Verdict.GOOD, "key", f"{source.secret or source.keyring_name} from {source.source} works{left}")


def _failed(what: str, text: str, failure: Failure) -> Finding:
    return Finding(Verdict.BAD, what, text, failure.advice)


# The terminal


def _terminal() -> Iterator[Finding]:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        yield Finding(Verdict.WARNING, "terminal", "stdin or stdout is none: commands work, the screens do not")
        return
    size = shutil.get_terminal_size()
    name = os.environ.get("TERM", "")
    colours = _colours(name)
    text = f"TERM={name or '(not set)'}, {size.columns}x{size.lines}, {colours}"
    if name in ("", "dumb"):
        yield Finding(Verdict.BAD, "terminal", text, "Set TERM to what the terminal is, as xterm-256color.")
    elif size.columns < 80 or size.lines < 24:
        yield Finding(Verdict.WARNING, "terminal", text, "The screens are made for 80x24 and more.")
    else:
        yield Finding(Verdict.GOOD, "terminal", text)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding(
            Verdict.WARNING, "Unicode", f"the terminal's encoding is {sys.stdout.encoding}", "Use a UTF-8 locale."
        )
        return
    answers = ask_terminal()
    yield _widths(answers.widths)
    yield _keyboard(answers.keyboard_protocol)


def _widths(cells: tuple[int, ...]) -> Finding:
    if not cells:
        return Finding(Verdict.GOOD, "Unicode", "UTF-8; these should be two cells each: 漢 字")
    wide, joined, accented = cells
    if (wide, accented) != (2, 1):
        text = f"UTF-8, but a wide character takes {wide} cells and an accented letter {accented}"
        return Finding(Verdict.WARNING, "Unicode", text, "Lines with them shift; use another terminal or font.")
    if joined != 2:
        text = f"UTF-8; wide characters are right, a joined emoji takes {joined} cells instead of 2"
        return Finding(Verdict.WARNING, "Unicode", text, "Lines with such emoji shift; nothing else does.")
    return Finding(Verdict.GOOD, "Unicode", "UTF-8, characters as wide as they should be")


def _keyboard(protocol: bool | None) -> Finding:
    if protocol:
        return Finding(Verdict.GOOD, "keyboard", "shift+enter and ctrl+digits arrive (Kitty keyboard protocol)")
    said = "the terminal does not say" if protocol is None else "no Kitty keyboard protocol"
    return Finding(Verdict.GOOD, "keyboard", f"{said}: ctrl+j breaks the line wherever shift+enter does not")


def _colours(name: str) -> str:
    if os.environ.get("NO_COLOR"):
        return "no colours (NO_COLOR)"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in name else "16 colours or unknown"
