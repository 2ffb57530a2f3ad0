"""`ortui config path|init|check|keys`: where the configuration is, a commented one, what is wrong in it, its keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from tui.commands import clicking
from tui.commands.output import write_table
from tui.config import Problem, check, config_path
from tui.config_example import EXAMPLE
from tui.config_file import ConfigError, shown_path
from tui.core.exit_status import REFUSED
from tui.folders import make_private
from tui.keymap import bound_keys

if TYPE_CHECKING:
    from pathlib import Path

    from tui.commands.common_options import CommonOptions


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


def list_keys() -> int:
    """Print what `keymap` may name, each with the keys it has by itself; returns the exit status."""
    found: dict[str, list[str]] = {}
    for bound in bound_keys():
        found.setdefault(bound.id, []).extend(bound.keys)
    rows = [(name, ", ".join(dict.fromkeys(keys))) for name, keys in sorted(found.items())]
    write_table(("Binding", "Keys"), rows)
    return 0


@clicking.group(name="config", short_help="Where the configuration is, a commented one, what is wrong in it.")
def command() -> None:
    """Where the configuration is, a commented one, and what is wrong in it."""


@command.command("path")
@clicking.given
def path_command(common: CommonOptions) -> int:
    """Print where the configuration file is."""
    return show_path(common.config_file)


@command.command("init")
@clicking.given
def init_command(common: CommonOptions) -> int:
    """Write a commented configuration file; an existing one is left as it is."""
    return write_example(common.config_file)


@command.command("check")
@clicking.given
def check_command(common: CommonOptions) -> int:
    """Say what is wrong in the configuration file, with line and field."""
    return report(common.config_file)


@command.command("keys")
def keys_command() -> int:
    """List the ids of all key bindings, for `keymap` in the configuration, and the keys they have."""
    return list_keys()
