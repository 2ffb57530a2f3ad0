"""Configuration: flags, environment, file and defaults, in this order, made into `Settings`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.base_url import DEMO_ORIGIN, NOT_ENCRYPTED, OPENROUTER, OPENROUTER_ORIGIN, BaseUrl, is_loopback, parse_base_url
from tui.config_file import ConfigError, Problem, shown, shown_path
from tui.config_types import (
    KEY_FORM,
    Budget,
    ChatDefaults,
    EmbeddingDefaults,
    Entry,
    FileContent,
    KeySource,
    Limits,
    OwnPricing,
    Provider,
    Settings,
    UiSettings,
    unique_keys,
)
from tui.folders import Folders, absolute, shared_mode, user_config_file, user_folders
from tui.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEMO_KEY",
    "DEMO_ORIGIN",
    "OPENROUTER",
    "BaseUrl",
    "Budget",
    "ChatDefaults",
    "ConfigError",
    "EmbeddingDefaults",
    "Folders",
    "KeySource",
    "Limits",
    "OwnPricing",
    "Problem",
    "Provider",
    "Report",
    "Settings",
    "UiSettings",
    "check",
    "config_path",
    "is_loopback",
    "keyless_environment",
    "load",
    "parse_base_url",
    "resolve_keyring",
    "unique_keys",
    "with_demo_server",
]

DEMO_KEY: Final = "sk-or-v1-demo-0000000000000000"
"""The one key of the demo; its server knows it, and it opens nothing else."""

_API_KEY: Final = "OPENROUTER_API_KEY"
_BASE_URL: Final = "OPENROUTER_BASE_URL"
_CONFIG: Final = "ORTUI_CONFIG"
_DATA_DIR: Final = "ORTUI_DATA_DIR"
_NO_COLOR: Final = "NO_COLOR"


class Report(msgspec.Struct, frozen=True):
    """What `ortui config check` says about a file."""

    file: Path
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def config_path(config_file: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> tuple[Path, bool]:
    """The configuration file, and whether a flag or the environment named it (then it has to exist)."""
    named = config_file if config_file is not None else environ.get(_CONFIG)
    if named:
        return absolute(Path(named)), True
    if config_file is not None:
        raise ConfigError(Problem("expected a file's name, got nothing", field="--config"))
    return user_config_file(), False


def load(
    *,
    config_file: str | Path | None = None,
    data_dir: str | Path | None = None,
    base_url: str | None = None,
    provider: str | None = None,
    demo: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings from flags, environment, file and defaults; raises `ConfigError`.

    Keys in the keyring are named but not looked up, and no folder is made.
    """
    if demo and (base_url is not None or provider is not None):
        flag = "--base-url" if base_url is not None else "--provider"
        raise ConfigError(Problem("cannot be used with --demo, which brings its own server", field=flag))
    if demo:
        # set to nothing instead of left out: a file that names them is still right
        environ = {name: "" if name.startswith("OPENROUTER_") else value for name, value in environ.items()}
    folders = user_folders(_data_dir(data_dir, environ), demo=demo)
    path, named = config_path(config_file, environ)
    content, warnings, read = FileContent(), list[str](), named or _stands(path)
    if read:
        from tui.config_fields import Reader
        from tui.config_sections import read_file

        reader = Reader(path, environ)
        content = read_file(reader, demo=demo)
        reader.check()
        warnings += [str(warning) for warning in reader.warnings]
    variables = list(content.key_variables)
    if demo:
        active = Provider("demo", "openrouter", (KeySource(Secret(DEMO_KEY), "demo"),), "", DEMO_ORIGIN)
        providers: tuple[Provider, ...] = (active,)
    else:
        providers, number = _providers(content, base_url, provider, environ, warnings)
        active = providers[number]
        variables.append(_API_KEY)
        warnings += _store_warning(folders.data)
    return Settings(
        providers=providers,
        provider=active,
        budget=content.budget,
        ui=msgspec.structs.replace(content.ui, color=not environ.get(_NO_COLOR)),
        chat=content.chat,
        embeddings=content.embeddings,
        allow_http=content.allow_http,
        keymap=content.keymap,
        warnings=tuple(warnings),
        folders=folders,
        demo=demo,
        config_file=path if read else None,
        key_variables=tuple(dict.fromkeys(variables)),
    )


def _stands(path: Path) -> bool:
    """Whether something is at the path, be it unreadable or a link to nowhere: reading it then says what is wrong."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def check(config_file: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Report:
    """Everything that is wrong with the configuration file, and every warning; raises nothing of it."""
    from tui.config_fields import Reader
    from tui.config_sections import read_file
    from tui.keymap import keymap_problems

    path, _ = config_path(config_file, environ)
    reader = Reader(path, environ)
    try:
        content = read_file(reader, demo=False)
        for clash in keymap_problems(content.keymap)[1]:  # a run of the screens finds them when it binds the keys
            reader.warn(clash.text, field=clash.field)
    except ConfigError as error:
        return Report(path, (*reader.errors, *error.problems), tuple(reader.warnings))
    return Report(path, tuple(reader.errors), tuple(reader.warnings))


def with_demo_server(settings: Settings, base_url: str) -> Settings:
    """The demo's settings once its server has said where it listens."""
    provider = msgspec.structs.replace(settings.provider, base_url=base_url.rstrip("/"))
    return msgspec.structs.replace(settings, provider=provider, providers=(provider,))


def resolve_keyring(name: str, folders: Folders) -> Secret | None:
    """The key of `keyring:NAME`, None where there is none; raises `KeyStoreError`.

    It may block for as long as somebody takes to unlock the keyring: call it in a thread, with a limit of 5 s.
    """
    from tui import keyring_store

    return keyring_store.get(name, folders.data)


def keyless_environment(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for child processes: no variable that a key came from or that holds one."""
    secrets = {key.secret.reveal() for entry in settings.providers for key in _all_keys(entry) if key.secret}
    return {
        name: value
        for name, value in environ.items()
        if name not in settings.key_variables
        and name not in (_API_KEY, "OPENROUTER_MANAGEMENT_KEY")
        and value.strip() not in secrets
    }


def _all_keys(provider: Provider) -> tuple[KeySource, ...]:
    return provider.keys if provider.management_key is None else (*provider.keys, provider.management_key)


def _data_dir(flag: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    if flag is not None and not str(flag):
        raise ConfigError(Problem("expected a folder's name, got nothing", field="--data-dir"))
    named = flag if flag is not None else environ.get(_DATA_DIR)
    return Path(named) if named else None


# Flags and environment over the file


def _providers(
    content: FileContent, base_url: str | None, provider: str | None, environ: Mapping[str, str], warnings: list[str]
) -> tuple[tuple[Provider, ...], int]:
    """All providers with their keys, and the number of the active one."""
    key = _environment_key(environ)
    default = Provider("openrouter", "openrouter", (), OPENROUTER, OPENROUTER_ORIGIN)
    entries = list(content.entries) or [Entry(default, lists_keys=False)]
    ids = [entry.provider.id for entry in entries]
    if provider is not None and provider not in ids:
        known = ", ".join(shown(name) for name in ids)
        raise ConfigError(Problem(f"there is no provider {shown(provider)!r}, known: {known}", field="--provider"))
    number = ids.index(provider) if provider is not None else 0
    found = [_with_default_key(entry, key) for entry in entries]
    active = found[number]
    if (
        key is not None
        and provider is None
        and active.type == "openrouter"
        and active.origin == OPENROUTER_ORIGIN
        and all(own.secret != key.secret for own in active.keys)
    ):
        # OPENROUTER_API_KEY is a key of openrouter.ai: it is not given to another server in place of that one's own
        if active.keys:
            warnings.append(f"{_API_KEY} is used instead of the keys of {shown(active.id)} in the configuration file")
        active = msgspec.structs.replace(active, keys=(key,))
    found[number] = _with_base_url(active, key, base_url, content.allow_http, environ, warnings)
    return tuple(found), number


def _with_default_key(entry: Entry, key: KeySource | None) -> Provider:
    """An entry of type openrouter that lists no keys takes the environment's."""
    if key is None or entry.lists_keys or entry.provider.type != "openrouter":
        return entry.provider
    return msgspec.structs.replace(entry.provider, keys=(key,))


def _with_base_url(
    active: Provider,
    key: KeySource | None,
    flag: str | None,
    allow_http: bool,
    environ: Mapping[str, str],
    warnings: list[str],
) -> Provider:
    """The provider at the base URL of flag or environment; at another origin it has none of its own keys."""
    text, name = (flag, "--base-url") if flag is not None else (environ.get(_BASE_URL, "").strip(), _BASE_URL)
    if not text and flag is None:
        return active
    if flag is None and active.type != "openrouter":
        warnings.append(f"{_BASE_URL} is not used: the provider {shown(active.id)} is of type {active.type}")
        return active
    try:
        url = parse_base_url(text)
    except ValueError as error:
        raise ConfigError(Problem(f"{error}, as {OPENROUTER}", field=name)) from None
    if not (url.encrypted or url.loopback or allow_http):
        raise ConfigError(Problem(NOT_ENCRYPTED, field=name))
    if url.origin == active.origin:
        return msgspec.structs.replace(active, base_url=url.url)
    keys = (key,) if key is not None else ()
    return msgspec.structs.replace(active, base_url=url.url, origin=url.origin, keys=keys, management_key=None)


def _environment_key(environ: Mapping[str, str]) -> KeySource | None:
    text = environ.get(_API_KEY, "").strip()
    if not text:
        return None
    if not KEY_FORM.fullmatch(text):
        raise ConfigError(Problem("expected a key: printable ASCII without spaces", field=_API_KEY))
    return KeySource(Secret(text), f"environment {_API_KEY}")


def _store_warning(data: Path) -> list[str]:
    file = data / "keys.json"
    mode = shared_mode(file)
    if mode is None:
        return []
    return [f"{shown_path(file)}: other users can read the keys in this file (mode {mode:04o}), `chmod 600` helps"]
