"""Configuration: flags, environment, file and defaults, in this order, made into `Settings`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

import msgspec

from tui.base_url import DEMO_ORIGIN, OPENROUTER, OPENROUTER_ORIGIN, BaseUrl, is_loopback, parse_base_url
from tui.config_fields import Reader, Section, is_null, line_of_text
from tui.config_file import ConfigError, MappingNode, Node, Problem, parse, read_text, shown, shown_path
from tui.config_types import (
    Budget,
    BudgetAction,
    ChatDefaults,
    EmbeddingDefaults,
    KeySource,
    Limits,
    OwnPricing,
    Provider,
    ProviderType,
    Settings,
    UiSettings,
)
from tui.folders import Folders, absolute, user_config_file, user_folders
from tui.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

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

_TOP: Final = ("llm_providers", "budget", "ui", "chat", "embeddings", "allow_http", "keymap")
_PROVIDER: Final = ("id", "type", "api_keys", "base_url", "model", "pricing", "limits", "management_key")
_MOST_ENTRIES: Final = 64
_KEY: Final = re.compile(r"[\x21-\x7e]{1,512}")
_KEYRING: Final = "keyring:"
_KEYRING_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_A_KEY: Final = 'a key, "${VARIABLE}" or "keyring:NAME"'
_KEY_IN_TEXT: Final = re.compile(r"\bsk-[A-Za-z0-9_-]{8}")


class _Entry(msgspec.Struct, frozen=True):
    """A provider as its entry describes it, before flags and environment."""

    provider: Provider
    lists_keys: bool
    """Whether the entry has `api_keys` at all, be they usable or not."""


class _File(msgspec.Struct, frozen=True):
    """What the file says."""

    entries: tuple[_Entry, ...] = ()
    budget: Budget = Budget()
    ui: UiSettings = UiSettings()
    chat: ChatDefaults = ChatDefaults()
    embeddings: EmbeddingDefaults = EmbeddingDefaults()
    allow_http: bool = False
    keymap: Mapping[str, str] = MappingProxyType({})
    key_variables: tuple[str, ...] = ()


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
    reader = Reader(path, environ)
    read: Path | None = None
    content = _File()
    if named or _stands(path):
        content = _read_file(reader, demo=demo)
        read = path
    reader.check()
    warnings = [str(warning) for warning in reader.warnings]
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
        config_file=read,
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
    path, _ = config_path(config_file, environ)
    reader = Reader(path, environ)
    try:
        _read_file(reader, demo=False)
    except ConfigError as error:
        return Report(path, (*reader.errors, *error.problems), tuple(reader.warnings))
    return Report(path, tuple(reader.errors), tuple(reader.warnings))


def with_demo_server(settings: Settings, base_url: str) -> Settings:
    """The demo's settings once its server has said where it listens."""
    provider = msgspec.structs.replace(settings.provider, base_url=base_url.rstrip("/"))
    return msgspec.structs.replace(settings, provider=provider, providers=(provider,))


def unique_keys(keys: Iterable[KeySource]) -> tuple[KeySource, ...]:
    """The keys without repetitions; the first place a key comes from is kept."""
    return tuple({key.secret or key.keyring_name: key for key in reversed(list(keys))}.values())[::-1]


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
    content: _File, base_url: str | None, provider: str | None, environ: Mapping[str, str], warnings: list[str]
) -> tuple[tuple[Provider, ...], int]:
    """All providers with their keys, and the number of the active one."""
    key = _environment_key(environ)
    default = Provider("openrouter", "openrouter", (), OPENROUTER, OPENROUTER_ORIGIN)
    entries = list(content.entries) or [_Entry(default, lists_keys=False)]
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


def _with_default_key(entry: _Entry, key: KeySource | None) -> Provider:
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
        raise ConfigError(Problem(_NOT_ENCRYPTED, field=name))
    if url.origin == active.origin:
        return msgspec.structs.replace(active, base_url=url.url)
    keys = (key,) if key is not None else ()
    return msgspec.structs.replace(active, base_url=url.url, origin=url.origin, keys=keys, management_key=None)


_NOT_ENCRYPTED: Final = (
    "expected https:// (http:// to another machine would show the key to everyone between, "
    "`allow_http: true` in the configuration file permits it)"
)


def _environment_key(environ: Mapping[str, str]) -> KeySource | None:
    text = environ.get(_API_KEY, "").strip()
    if not text:
        return None
    if not _KEY.fullmatch(text):
        raise ConfigError(Problem("expected a key: printable ASCII without spaces", field=_API_KEY))
    return KeySource(Secret(text), f"environment {_API_KEY}")


# The file


def _read_file(reader: Reader, *, demo: bool) -> _File:
    """Everything the file says; what is wrong in it is noted in the reader, `ConfigError` where nothing can be read."""
    if reader.file is None:
        return _File()
    text = read_text(reader.file)
    root = parse(text, reader.file)
    if root is None or is_null(root):
        reader.warn("the file is empty, defaults are used")
        return _File()
    if not isinstance(root, MappingNode):
        reader.wrong("expected fields, as llm_providers: …, got something else", root.line)
        return _File()
    top = reader.section(root, "", _TOP)
    allow_http = top.flag("allow_http", default=False)
    keys = _KeyReader(reader)
    content = _File(
        entries=() if demo else _entries(reader, keys, top.nodes.get("llm_providers"), allow_http),
        budget=_budget(reader.section(top.nodes.get("budget"), "budget", _names(Budget))),
        ui=_ui(reader.section(top.nodes.get("ui"), "ui", ("theme", "enter_sends", "animations", "notify"))),
        chat=_chat(reader.section(top.nodes.get("chat"), "chat", _names(ChatDefaults))),
        embeddings=_embeddings(reader.section(top.nodes.get("embeddings"), "embeddings", _names(EmbeddingDefaults))),
        allow_http=allow_http,
        keymap=_keymap(reader, top.nodes.get("keymap")),
        key_variables=tuple(keys.variables),
    )
    if keys.literal or _KEY_IN_TEXT.search(text):
        _check_mode(reader, reader.file)
    return content


def _names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return kind.__struct_fields__


def _check_mode(reader: Reader, file: Path) -> None:
    mode = _shared_mode(file)
    if mode is not None:
        reader.warn(f"other users can read the keys in this file (mode {mode:04o}), `chmod 600` keeps them private")


def _shared_mode(file: Path) -> int | None:
    """The file's mode where group or others may read it."""
    if os.name == "nt":
        return None
    try:
        mode = file.stat().st_mode & 0o777
    except OSError:
        return None
    return mode if mode & 0o044 else None


def _store_warning(data: Path) -> list[str]:
    file = data / "keys.json"
    mode = _shared_mode(file)
    if mode is None:
        return []
    return [f"{shown_path(file)}: other users can read the keys in this file (mode {mode:04o}), `chmod 600` helps"]


class _KeyReader:
    """Reads keys without ever quoting them."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.variables: list[str] = []
        self.literal = False
        """Whether a key itself stands in the file."""

    def key(self, node: Node | None, field: str, *, drop_unset: bool) -> KeySource | None:
        """One key; None where it is absent, empty, wrong or left out, all but the first noted."""
        value = self.reader.value(node, field, _A_KEY, unset_is_wrong=not drop_unset)
        if value is None:
            return None
        self.variables += value.used
        if value.unset or (drop_unset and not value.text.strip()):
            name = (value.unset or value.used or ("",))[0]
            why = f"the variable {name} is not set" if name else "the key is empty"
            self.reader.warn(f"{why}, this key is left out", value.line, field)
            return None
        text = value.text.strip()
        if not text:
            return None
        if text.startswith(_KEYRING):
            name = text.removeprefix(_KEYRING).strip()
            if _KEYRING_NAME.fullmatch(name):
                return KeySource(None, f"{_KEYRING}{name}", name)
            self.reader.wrong("expected keyring:NAME with a name of letters, digits and . _ @ -", value.line, field)
            return None
        if not _KEY.fullmatch(text):
            self.reader.wrong(f"expected {_A_KEY}: printable ASCII without spaces", value.line, field)
            return None
        if not value.used:
            self.literal = True
        if len(value.used) == 1:
            return KeySource(Secret(text), f"environment {value.used[0]}")
        file = self.reader.file.name if self.reader.file is not None else ""
        return KeySource(Secret(text), f"{file} {field}".strip())


def _entries(reader: Reader, keys: _KeyReader, node: Node | None, allow_http: bool) -> tuple[_Entry, ...]:
    entries: list[_Entry] = []
    lines: dict[str, int] = {}
    for number, item in enumerate(reader.items(node, "llm_providers", _MOST_ENTRIES)):
        section = reader.section(item, f"llm_providers[{number}]", _PROVIDER)
        entry = _entry(section, keys, allow_http)
        line = section.nodes["id"].line if "id" in section.nodes else item.line
        if (name := entry.provider.id) in lines:
            what = f"the id {shown(name)} stands twice (also line {lines[name]}), expected one of its own"
            reader.wrong(what, line, section.path("id"))
        lines.setdefault(name, line)
        entries.append(entry)
    return tuple(entries)


def _entry(section: Section, keys: _KeyReader, allow_http: bool) -> _Entry:
    kind = cast("ProviderType", section.choice("type", "openrouter", ("openrouter", "openai")))
    url = _base_url(section, kind, allow_http)
    listed = section.nodes.get("api_keys")
    field = section.path("api_keys")
    items = section.reader.items(listed, field, _MOST_ENTRIES, secret=True)
    found = [keys.key(item, f"{field}[{number}]", drop_unset=True) for number, item in enumerate(items)]
    provider = Provider(
        id=section.text("id") or kind,
        type=kind,
        keys=unique_keys(key for key in found if key is not None),
        base_url=url.url if url is not None else OPENROUTER,
        origin=url.origin if url is not None else OPENROUTER_ORIGIN,
        model=section.text("model", "a model's id"),
        pricing=_pricing(section),
        limits=_limits(section),
        management_key=keys.key(section.nodes.get("management_key"), section.path("management_key"), drop_unset=False),
    )
    return _Entry(provider, lists_keys=listed is not None)


def _base_url(section: Section, kind: ProviderType, allow_http: bool) -> BaseUrl | None:
    """The entry's base URL; None for the default, and where it is wrong, which is noted."""
    reader, field = section.reader, section.path("base_url")
    value = reader.value(section.nodes.get("base_url"), field, "a URL")
    text = line_of_text(reader, value, "a URL") if value is not None else None
    if text is None:
        if kind == "openai" and field not in {error.field for error in reader.errors}:
            reader.wrong("expected the server's URL (type openai has no default)", section.line, field)
        return None
    line = section.nodes["base_url"].line
    try:
        url = parse_base_url(text)
    except ValueError as error:
        reader.wrong(f"{error}, as {OPENROUTER}", line, field)
        return None
    if not (url.encrypted or url.loopback or allow_http):
        reader.wrong(_NOT_ENCRYPTED, line, field)
    return url


def _pricing(section: Section) -> OwnPricing | None:
    costs = section.reader.section(
        section.nodes.get("pricing"), section.path("pricing"), ("input_token_cost", "output_token_cost")
    )
    prompt, completion = costs.amount("input_token_cost"), costs.amount("output_token_cost")
    if prompt is None and completion is None:
        return None
    return OwnPricing(_per_token(prompt), _per_token(completion))


def _per_token(per_thousand: Decimal | None) -> Decimal | None:
    """USD per token from USD per 1,000 tokens, exact: only the exponent moves."""
    if per_thousand is None:
        return None
    sign, digits, exponent = per_thousand.as_tuple()
    return type(per_thousand)((sign, digits, cast("int", exponent) - 3))


def _limits(section: Section) -> Limits:
    limits = section.reader.section(section.nodes.get("limits"), section.path("limits"), _names(Limits))
    return Limits(
        limits.whole("req_per_min", 0) or 0,
        limits.whole("tokens_per_min", 0) or 0,
        limits.whole("max_tokens", 0) or None,
    )


def _budget(section: Section) -> Budget:
    return Budget(
        session=section.amount("session"),
        day=section.amount("day"),
        month=section.amount("month"),
        request=section.amount("request"),
        action=cast("BudgetAction", section.choice("action", "ask", ("warn", "ask", "block"))),
    )


def _ui(section: Section) -> UiSettings:
    return UiSettings(
        theme=section.text("theme", "a theme's name") or UiSettings().theme,
        enter_sends=section.flag("enter_sends", default=True),
        animations=section.flag("animations", default=True),
        notify=section.flag("notify", default=True),
    )


def _chat(section: Section) -> ChatDefaults:
    return ChatDefaults(
        system=section.long_text("system") or "",
        temperature=section.fraction("temperature", 2),
        top_p=section.fraction("top_p", 1),
        max_tokens=section.whole("max_tokens", 1),
        stop=section.texts("stop", 16),
        user=section.text("user"),
    )


def _embeddings(section: Section) -> EmbeddingDefaults:
    return EmbeddingDefaults(
        model=section.text("model", "a model's id"),
        dimensions=section.whole("dimensions", 1),
        user=section.text("user"),
    )


def _keymap(reader: Reader, node: Node | None) -> Mapping[str, str]:
    if not isinstance(node, MappingNode):
        reader.section(node, "keymap", ("binding",))
        return MappingProxyType({})
    section = reader.section(node, "keymap", tuple(node.entries))
    keys = {name: section.text(name, "keys") for name in section.nodes}
    return MappingProxyType({name: value for name, value in keys.items() if value is not None})
