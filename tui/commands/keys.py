"""`ortui keys set|test|forget NAME`: API keys kept by name, for `keyring:NAME` in the configuration."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final, TypeVar

import click
from msgspec.structs import replace

from tui import keyring_store
from tui.commands import clicking
from tui.commands.common_options import CommandError, CommonOptions
from tui.commands.output import complain, complain_of, say
from tui.commands.running import WorkerRun, run
from tui.config import KeySource, load
from tui.config_types import KEY_FORM, KEY_NAME_FORM
from tui.core.commands import PollQuota
from tui.core.events import QuotaRead
from tui.core.exit_status import FAILED, GOOD, REFUSED, of_failure
from tui.core.formats import money
from tui.keyring_store import KeyStoreError
from tui.openrouter.text import Clean
from tui.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.config import Provider, Settings
    from tui.core.conversation import Failure

T = TypeVar("T")

_LIMIT_S: Final = 5.0
_LONGEST: Final = 4096


@clicking.group(name="keys", short_help="Keep, test and forget API keys.")
def command() -> None:
    """Keep API keys by name, in the system's keyring or in a file that only you can read.

    `api_keys: ["keyring:NAME"]` in the configuration uses one. A key is never an argument: it would stay in the
    shell's history.
    """


@command.command("set")
@click.argument("name")
@click.option("--no-test", is_flag=True, help="Keep it without asking the server whether it works.")
@clicking.given
def set_key(common: CommonOptions, name: str, no_test: bool) -> int:
    """Read a key without echo (or from stdin), test it and keep it under NAME."""
    _check(name)
    settings = common.settings()
    secret = _read_key(name)
    if not no_test:
        failure = run_test(settings, settings.provider, secret, name)
        if failure is not None:
            complain_of(failure)
            complain("The key is not kept; `--no-test` keeps it untested.")
            return of_failure(failure)
    return run(_keep(settings, name, secret))


@command.command("test")
@click.argument("name")
@clicking.given
def test_key(common: CommonOptions, name: str) -> int:
    """Ask the server whether the key kept under NAME works."""
    _check(name)
    settings = common.settings()
    provider = _provider_of(common, settings, name)
    secret = run_store(lambda: keyring_store.get(name, settings.folders.data))
    if secret is None:
        raise CommandError(f"No key is kept under {name}: `ortui keys set {name}`.")
    failure = run_test(settings, provider, secret, name)
    if failure is None:
        return GOOD
    complain_of(failure)
    return of_failure(failure)


@command.command("forget")
@click.argument("name")
@clicking.given
def forget_key(common: CommonOptions, name: str) -> int:
    """Forget the key kept under NAME."""
    _check(name)
    settings = common.settings()
    if not run_store(lambda: keyring_store.forget(name, settings.folders.data)):
        complain(f"No key is kept under {name}.")
        return REFUSED
    say(Clean(f"The key {name} is forgotten."))
    return GOOD


def _check(name: str) -> None:
    if not KEY_NAME_FORM.fullmatch(name):
        raise CommandError("A name for a key has letters, digits and . _ @ -, at most 64.")


def _read_key(name: str) -> Secret:
    if sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        text = getpass(f"Key for {name} (not shown): ", stream=sys.stderr)
    else:
        text = sys.stdin.readline(_LONGEST) if sys.stdin is not None else ""
    text = text.strip()
    if not KEY_FORM.fullmatch(text):
        raise CommandError("A key is printable ASCII without spaces.")
    return Secret(text)


def run_store(work: Callable[[], T]) -> T:
    """Ask the keyring, which may hang on a password that nobody enters; raises `CommandError`."""

    async def limited() -> T:
        async with asyncio.timeout(_LIMIT_S):
            return await asyncio.to_thread(work)

    try:
        return asyncio.run(limited())
    except TimeoutError:
        raise CommandError("The system's keyring does not answer.", FAILED) from None
    except KeyStoreError as error:
        raise CommandError(f"{error}.", FAILED) from None


async def _keep(settings: Settings, name: str, secret: Secret) -> int:
    settings.folders.ensure()
    try:
        async with asyncio.timeout(_LIMIT_S):
            where = await asyncio.to_thread(keyring_store.keep, name, secret, settings.folders.data)
    except TimeoutError:
        raise CommandError("The system's keyring does not answer.", FAILED) from None
    except KeyStoreError as error:
        raise CommandError(f"{error}.", FAILED) from None
    say(Clean(f'The key {secret} is kept in {where}. Use it as "keyring:{name}" in api_keys.'))
    return GOOD


def _provider_of(common: CommonOptions, settings: Settings, name: str) -> Provider:
    """The entry that names the key, else the active one.

    Raises `CommandError` where the active one is at a base URL that only a flag or the environment gave: a kept key
    belongs to the origin of its entry.
    """
    if settings.demo:
        return settings.provider
    environ = {variable: value for variable, value in os.environ.items() if variable != "OPENROUTER_BASE_URL"}
    plain = load(config_file=common.config_file, data_dir=common.data_dir, provider=common.provider, environ=environ)
    naming = [entry for entry in plain.providers if any(key.keyring_name == name for key in entry.keys)]
    known = next((entry for entry in naming if entry.id == plain.provider.id), naming[0] if naming else plain.provider)
    if settings.provider.origin == known.origin:
        return settings.provider
    if common.base_url is not None or settings.provider.id == known.id:
        raise CommandError(
            f"The key {name} belongs to {known.origin}; it is not sent to another server. "
            'Name the server and "keyring:NAME" in one entry of the configuration.'
        )
    return known


def run_test(settings: Settings, provider: Provider, secret: Secret, name: str) -> Failure | None:
    """Ask the server with this key and say what it answers; the answer is why it does not work."""
    found: list[Failure | None] = []

    async def ask() -> int:
        found.append(await _test(settings, provider, secret, name))
        return GOOD

    status = run(ask())
    if not found:
        raise click.exceptions.Exit(status)
    return found[0]


async def _test(settings: Settings, provider: Provider, secret: Secret, name: str) -> Failure | None:
    provider = replace(provider, keys=(KeySource(secret, f"keyring:{name}"),), management_key=None)
    async with WorkerRun(replace(settings, provider=provider, providers=(provider,), warnings=())) as worker:
        if provider.type != "openrouter":
            failure = await worker.load_catalogue()
            if failure is None:
                say(Clean(f"{provider.origin} answers; whether the key works shows at the first request."))
            return failure
        worker.submit(PollQuota())
        while True:
            event = await worker.next()
            if not isinstance(event, QuotaRead) or (event.failure is None and event.key is None):
                continue
            if event.failure is None and event.key is not None:
                left = event.key.limit_remaining
                of = "no limit" if event.key.limit is None else f"{money(left)} of {money(event.key.limit)} left"
                say(Clean(f"The key {secret} works: {of}."))
            return event.failure
