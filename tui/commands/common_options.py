"""The options that all commands take, before or after the command's name, read without click."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from tui.core.exit_status import REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.config import Settings

_VALUES: Final = {
    "--config": "config_file",
    "--data-dir": "data_dir",
    "--base-url": "base_url",
    "--provider": "provider",
}
COMMON_NAMES: Final = (*_VALUES, "--demo")
_WANTED: Final = {
    "--config": "a file",
    "--data-dir": "a folder",
    "--base-url": "a URL",
    "--provider": "a provider's id",
}
_KEY_OPTION: Final = r"--?(?:open-?router-?)?(?:api-?)?(?:key|token)(?:=.*)?"
_KEY: Final = r"(?:--?[a-z-]+=)?\s*sk-[A-Za-z0-9_\-]{4,}\s*"
_KEY_WITHIN: Final = r"(?<![A-Za-z0-9])sk-(?:(?:or|ant|proj|svcacct|admin)-[\w\-]{6,}|[A-Za-z0-9]{20,})"

HELP: Final = """\
Options of every command, before or after its name:
  --config FILE    the configuration file
  --data-dir DIR   where database, exports and drafts are kept
  --base-url URL   another server
  --provider ID    another entry of llm_providers
  --demo           the embedded server: no key, no network
"""


class CommandError(Exception):
    """A command cannot go on: one sentence for stderr, and the exit status."""

    def __init__(self, message: str, status: int = REFUSED) -> None:
        super().__init__(message)
        self.status: Final = status


class CommonOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was given of them; None = not given."""

    config_file: str | None = None
    data_dir: str | None = None
    base_url: str | None = None
    provider: str | None = None
    demo: bool = False

    def settings(self) -> Settings:
        """The settings that these options, the environment and the file make; raises `ConfigError`."""
        from tui.config import load

        return load(
            config_file=self.config_file,
            data_dir=self.data_dir,
            base_url=self.base_url,
            provider=self.provider,
            demo=self.demo,
        )


def take_common(arguments: Sequence[str]) -> tuple[CommonOptions, list[str]]:
    """Take the common options out of a command line; what follows `--` is left alone. Raises `CommandError`."""
    given: dict[str, str] = {}
    demo = False
    left: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        if argument == "--":
            left += [argument, *rest]
            break
        if argument == "--demo":
            demo = True
        elif name == "--demo":
            raise CommandError("--demo takes no value.")
        elif name in _VALUES:
            if not equals:
                if not rest or rest[0].startswith("--"):
                    raise CommandError(f"{name} expects {_WANTED[name]}.")
                value = rest.pop(0)
            given[_VALUES[name]] = value
        else:
            left.append(argument)
    return CommonOptions(demo=demo, **given), left


def _names_a_key(argument: str) -> bool:
    # Looked at with plain words first: compiling patterns is dear where nothing like a key is in sight.
    likely = "key" in argument.casefold() or "token" in argument.casefold()
    return likely and re.fullmatch(_KEY_OPTION, argument, re.IGNORECASE | re.DOTALL) is not None


def _holds_a_key(argument: str) -> bool:
    if "sk-" not in argument.casefold():
        return False
    return re.fullmatch(_KEY, argument, re.IGNORECASE) is not None or re.search(_KEY_WITHIN, argument) is not None


def refuse_keys(arguments: Sequence[str]) -> None:
    """Refuse a key on the command line without repeating it: it would stay in the shell's history."""
    options = True
    for argument in arguments:
        if argument == "--":
            options = False
        if (options and _names_a_key(argument)) or _holds_a_key(argument):
            raise CommandError(
                "A key on the command line is refused: it would stay in the shell's history. "
                "Set OPENROUTER_API_KEY, or run `ortui keys set NAME`."
            )
