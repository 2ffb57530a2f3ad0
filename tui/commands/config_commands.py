"""`ortui config path|init|check`: where the configuration is, a commented one, and what is wrong in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from tui.config import Problem, check, config_path
from tui.config_example import EXAMPLE
from tui.config_file import ConfigError, shown_path
from tui.folders import make_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFUSED: Final = 2
"""Exit status where the configuration is wrong."""


def show_path(config_file: str | Path | None) -> int:
    """Print where the configuration file is, or would be; returns the exit status."""
    path, _ = config_path(config_file)
    click.echo(shown_path(path))
    if not os.path.lexists(path):
        click.echo("There is no such file yet: `ortui config init` makes one.", err=True)
    return 0


def write_example(config_file: str | Path | None) -> int:
    """Write the commented configuration, mode 0600, where none is; returns the exit status."""
    path, _ = config_path(config_file)
    try:
        make_private(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(Problem("the file exists and is left as it is", path)) from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise ConfigError(Problem(f"the file cannot be written: {why}", path)) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(EXAMPLE)
    click.echo(shown_path(path))
    return 0


def report(config_file: str | Path | None) -> int:
    """Print every error and warning of the configuration file; returns the exit status."""
    path, named = config_path(config_file)
    if not named and not os.path.lexists(path):
        click.echo(f"There is no {shown_path(path)}: defaults are used.")
        return 0
    found = check(config_file)
    for problem in found.errors:
        click.echo(f"error: {problem}", err=True)
    for problem in found.warnings:
        click.echo(f"warning: {problem}", err=True)
    if found.errors:
        return REFUSED
    click.echo(f"{shown_path(path)} is in order" + (", but for the warnings." if found.warnings else "."))
    return 0


@click.group("config", short_help="Where the configuration is, a commented one, what is wrong in it.")
def config_group() -> None:
    """Where the configuration is, a commented one, and what is wrong in it."""


_COMMANDS: Final[dict[str, tuple[Callable[[str | None], int], str]]] = {
    "path": (show_path, "Print where the configuration file is."),
    "init": (write_example, "Write a commented configuration file; an existing one is left as it is."),
    "check": (report, "Say what is wrong in the configuration file, with line and field."),
}


def _command(name: str) -> click.Command:
    """One command of the group, with the options that every command of ortui takes."""
    run, text = _COMMANDS[name]

    def callback(**_: object) -> None:
        context = click.get_current_context()
        try:
            status = run(_config_file(context))
        except ConfigError as error:
            click.echo(f"error: {error}", err=True)
            status = REFUSED
        context.exit(status)

    options: list[click.Parameter] = [
        click.Option(["--config", "config_file"], metavar="FILE", help="The configuration file."),
        click.Option(["--data-dir"], hidden=True),
        click.Option(["--base-url"], hidden=True),
        click.Option(["--provider"], hidden=True),
        click.Option(["--demo"], is_flag=True, hidden=True),
    ]
    return click.Command(name, params=options, callback=callback, help=text)


def _config_file(context: click.Context | None) -> str | None:
    """`--config` of the command itself, else as it stands before the command's name."""
    while context is not None:
        named = context.params.get("config_file")
        if named is not None:
            return str(named)
        context = context.parent
    return None


for _name in _COMMANDS:
    config_group.add_command(_command(_name))
