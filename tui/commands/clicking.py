"""What the commands share of click: the options, and the settings they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from tui.commands.common_options import HELP, CommonOptions

F = TypeVar("F", bound=Callable[..., Any])

EPILOG: Final = "\b\n" + HELP
"""The rest of every command's help; `\\b` keeps its lines."""

given = click.make_pass_decorator(CommonOptions)
"""Gives a command the common options as its first argument."""

as_json: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def command(**settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the common options in its help."""
    return click.command(epilog=EPILOG, **settings)


def group(**settings: Any) -> Callable[[Callable[..., Any]], click.Group]:
    """A group of commands with the common options in its help."""
    return click.group(epilog=EPILOG, **settings)
