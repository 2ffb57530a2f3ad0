"""What the configuration file says, section by section."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

import msgspec

from tui.base_url import NOT_ENCRYPTED, OPENROUTER, OPENROUTER_ORIGIN, BaseUrl, parse_base_url
from tui.config_fields import Reader, Section, is_null, line_of_text
from tui.config_file import VARIABLE, MappingNode, Node, parse, read_text, shown
from tui.config_types import (
    KEY_FORM,
    KEY_NAME_FORM,
    THEMES,
    Budget,
    BudgetAction,
    ChatDefaults,
    EmbeddingDefaults,
    Entry,
    FileContent,
    KeySource,
    Limits,
    OwnPricing,
    Provider,
    ProviderType,
    UiSettings,
    unique_keys,
)
from tui.folders import shared_mode
from tui.keymap import keymap_problems
from tui.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

_TOP: Final = ("llm_providers", "budget", "ui", "chat", "embeddings", "allow_http", "keymap")
_PROVIDER: Final = ("id", "type", "api_keys", "base_url", "model", "pricing", "limits", "management_key")
_MOST_ENTRIES: Final = 64
_KEYRING: Final = "keyring:"
_A_KEY: Final = 'a key, "${VARIABLE}" or "keyring:NAME"'
_KEY_IN_TEXT: Final = re.compile(r"\bsk-[A-Za-z0-9_-]{8}")


def read_file(reader: Reader, *, demo: bool) -> FileContent:
    """Everything the file says; what is wrong in it is noted in the reader, `ConfigError` where nothing can be read."""
    if reader.file is None:
        return FileContent()
    text = read_text(reader.file)
    root = parse(text, reader.file)
    if root is None or is_null(root):
        reader.warn("the file is empty, defaults are used")
        return FileContent()
    if not isinstance(root, MappingNode):
        reader.wrong("expected fields, as llm_providers: …, got something else", root.line)
        return FileContent()
    top = reader.section(root, "", _TOP)
    allow_http = top.flag("allow_http", default=False)
    keys = _KeyReader(reader)
    if demo:
        # its entries are not read, but the demo's server is not to see their keys either
        keys.variables = [match[1] for match in VARIABLE.finditer(text) if match[1]]
    content = FileContent(
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
    mode = shared_mode(file)
    if mode is not None:
        reader.warn(f"other users can read the keys in this file (mode {mode:04o}), `chmod 600` keeps them private")


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
            if KEY_NAME_FORM.fullmatch(name):
                return KeySource(None, f"{_KEYRING}{name}", name)
            self.reader.wrong("expected keyring:NAME with a name of letters, digits and . _ @ -", value.line, field)
            return None
        if not KEY_FORM.fullmatch(text):
            self.reader.wrong(f"expected {_A_KEY}: printable ASCII without spaces", value.line, field)
            return None
        if not value.used:
            self.literal = True
        if len(value.used) == 1:
            return KeySource(Secret(text), f"environment {value.used[0]}")
        file = self.reader.file.name if self.reader.file is not None else ""
        return KeySource(Secret(text), f"{file} {field}".strip())


def _entries(reader: Reader, keys: _KeyReader, node: Node | None, allow_http: bool) -> tuple[Entry, ...]:
    entries: list[Entry] = []
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


def _entry(section: Section, keys: _KeyReader, allow_http: bool) -> Entry:
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
    return Entry(provider, lists_keys=listed is not None)


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
        reader.wrong(NOT_ENCRYPTED, line, field)
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
        theme=section.choice("theme", UiSettings().theme, THEMES),
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
        title_model=section.text("title_model", "a model's id"),
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
    read = {name: section.text(name, "keys") for name in section.nodes}
    keys = {name: value for name, value in read.items() if value is not None}
    for name, value in keys.items():
        errors, _ = keymap_problems({name: value})
        for problem in errors:
            reader.wrong(problem.text, node.key_lines[name], problem.field)
    return MappingProxyType(keys)
