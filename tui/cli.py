"""The command line: the options that all commands take, then the app or the one command's module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from tui.commands.common_options import HELP as COMMON_HELP
from tui.commands.common_options import CommandError, CommonOptions, refuse_keys, take_common
from tui.core.exit_status import BROKEN_PIPE, BUG, FAILED, GOOD, INTERRUPTED, REFUSED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click import Command

    from tui.app import BackgroundWorker, MakerFor, MakeWorker
    from tui.config import Settings
    from tui.core.events import Event

COMMANDS: Final = {
    "models": ("models", "list and filter models"),
    "ask": ("ask", "one question, one reply, streamed to stdout"),
    "embed": ("embed", "a vector for each line of a text"),
    "chats": ("chats", "list, show, search, export and import conversations"),
    "spend": ("spend", "what it cost, by day, model, key, provider or conversation"),
    "quota": ("quota", "what is left: key limit, credits, free allowance, requests a minute"),
    "keys": ("keys", "keep, test and forget API keys"),
    "config": ("config_commands", "where the configuration is, a commented one, what is wrong in it"),
    "doctor": ("doctor", "check configuration, key, network, terminal and files"),
    "demo-server": ("demo_server", "the embedded server alone"),
    "completion": ("completion", "completion of commands and options for bash, zsh or fish"),
}
"""Name, module and one line of help. A module is imported when its command runs; it holds the command as `command`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `ortui`; the answer is the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = CommonOptions()
    try:
        refuse_keys(arguments)
        options, left = take_common(arguments)
        if not left:
            return _run_app(options)
        return _run(options, left)
    except CommandError as error:
        return _fail(str(error), error.status)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _let_stdout_go()
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last place where an exception can become a sentence
        return _explain(error, options)


def _run(options: CommonOptions, left: list[str]) -> int:
    name, *rest = left
    match name:
        case "--version" | "-V":
            from tui import __version__

            sys.stdout.write(f"ortui {__version__}\n")
            return GOOD
        case "--help" | "-h" | "help":
            sys.stdout.write(_help())
            return GOOD
        case _ if name in COMMANDS:
            status = _run_command(options, name, rest)
            sys.stdout.flush()
            return status
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    what = "option" if name.startswith("-") else "command"
    hint = f"did you mean {near[0]}?" if near else "`ortui --help` lists them."
    raise CommandError(f"There is no {what} {_shown(name)}: {hint}")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = "".join(f"  {name:<{width}}  {words}\n" for name, (_, words) in COMMANDS.items())
    return (
        "ortui [OPTIONS]                      the terminal interface\n"
        "ortui [OPTIONS] COMMAND [ARGUMENTS]  without a screen; `ortui COMMAND --help` says more\n\n"
        f"{lines}\n{COMMON_HELP}  --version, --help\n"
    )


# Commands without a screen


def command_of(name: str) -> Command:
    """Import one command."""
    from importlib import import_module

    found: Command = import_module(f"tui.commands.{COMMANDS[name][0]}").command
    return found


def _run_command(options: CommonOptions, name: str, arguments: list[str]) -> int:
    import signal

    import click

    from tui.openrouter.text import clean_line

    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show a character is no reason to end.
        sys.stdout.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _end_on_signal)
    command = command_of(name)
    try:
        # Not `main`: that would end the process by itself when nobody reads the output.
        with command.make_context(f"ortui {name}", arguments, obj=options) as context:
            result = command.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (click.Abort, EOFError):
        return INTERRUPTED
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else f"ortui {name}"
        raise CommandError(f"{clean_line(error.format_message())} See `{where} --help`.") from None
    return result if isinstance(result, int) else GOOD


def _end_on_signal(*_: object) -> None:
    raise SystemExit(TERMINATED)


# The app


def _run_app(options: CommonOptions) -> int:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise CommandError("The screens need a terminal. `ortui --help` lists the commands that work without one.")
    import gc

    # Starting makes many objects and drops few: collecting among them costs a tenth of the start. The App switches
    # the collector on again once its first screen is drawn.
    gc.disable()
    settings = options.settings()
    from tui.app import OrtuiApp

    maker_for = _worker_makers()
    app = OrtuiApp(settings, maker_for(settings), maker_for=maker_for)
    app.run()
    from tui.leaving import end_now

    end_now(app.return_code or GOOD)


def _worker_makers() -> MakerFor:
    """Makers of workers for settings; those of all providers carry on one session, whose budget they share.

    A worker that takes the place of one that failed begins another: the failed one's open requests are recovered.
    """
    from typing_extensions import override

    from tui.database.processes import new_process_id
    from tui.database.thread import Database
    from tui.worker.worker import Worker

    class WorkerWithDatabase(Worker):
        """A worker whose database is closed when it ends, so that one that is started again opens it anew."""

        def __init__(self, settings: Settings, publish: Callable[[Event], None], process_id: str | None) -> None:
            self._own_database = Database(settings.folders.database)
            super().__init__(settings, self._own_database, publish, for_screen=True, process_id=process_id)

        @override
        async def run(self) -> None:
            try:
                await super().run()
            finally:
                await self._own_database.aclose()

    session = new_process_id()

    def maker_for(settings: Settings) -> MakeWorker:
        ids = [session]

        def make(publish: Callable[[Event], None]) -> BackgroundWorker:
            return WorkerWithDatabase(settings, publish, ids.pop() if ids else None)

        return make

    return maker_for


# Failing


def _fail(message: str, status: int) -> int:
    from tui.crash_report import masked
    from tui.openrouter.text import clean_line

    _complain(f"ortui: {masked(clean_line(message))}")
    return status


def _explain(error: Exception, options: CommonOptions) -> int:
    """One line for what commands may run into; a report for what nobody expects."""
    import errno

    from tui.config_file import ConfigError
    from tui.database.thread import StorageFailed

    if isinstance(error, ConfigError):
        return _fail(str(error), REFUSED)
    if isinstance(error, StorageFailed):
        return _fail(f"{error.message} See `ortui doctor`.", FAILED)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return _fail(f"The output cannot be written: {error.strerror}.", FAILED)
    from tui.crash_report import write_report
    from tui.folders import user_folders

    secrets: list[str] = []
    try:
        settings = options.settings()
        folder = settings.folders.log
        secrets = settings.secrets()
    except ConfigError:
        folder = user_folders().log
    _complain(write_report(error, folder, secrets).rstrip("\n"))
    return BUG


def _complain(line: str) -> None:
    import contextlib

    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _shown(text: str) -> str:
    from tui.config_file import shown

    return shown(text)


def _let_stdout_go() -> None:
    """Nobody reads any more: let the interpreter flush what is left into nothing."""
    import os

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
