"""The settings that a run of ortui goes by."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal
    from pathlib import Path

    from tui.folders import Folders
    from tui.secret import Secret

ProviderType: TypeAlias = Literal["openrouter", "openai"]
BudgetAction: TypeAlias = Literal["warn", "ask", "block"]

KEY_FORM: Final = re.compile(r"[\x21-\x7e]{1,512}")
"""What can stand in a header as a key."""
KEY_NAME_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What a key in the keyring may be called."""


class KeySource(msgspec.Struct, frozen=True):
    """A key and where it came from; one in the keyring is looked up later, in a thread (`resolve_keyring`)."""

    secret: Secret | None
    source: str
    """In words: `environment OPENROUTER_API_KEY`, `config.yaml llm_providers[0].api_keys[1]`, `keyring:work`."""
    keyring_name: str | None = None


class OwnPricing(msgspec.Struct, frozen=True):
    """Prices of an entry's own model, USD per token; None where not given. Costs from them are estimates."""

    prompt_usd: Decimal | None = None
    completion_usd: Decimal | None = None


class Limits(msgspec.Struct, frozen=True):
    """Limits of each key of an entry; 0 is none."""

    req_per_min: int = 0
    tokens_per_min: int = 0
    max_tokens: int | None = None
    """The most that a request may ask for; None is no cap."""


class Provider(msgspec.Struct, frozen=True):
    """One entry of `llm_providers`, with what flags and environment made of it."""

    id: str
    type: ProviderType
    keys: tuple[KeySource, ...]
    base_url: str
    """Without a slash at the end; empty for the demo until its server says where it listens."""
    origin: str
    model: str | None = None
    pricing: OwnPricing | None = None
    limits: Limits = Limits()
    management_key: KeySource | None = None


class Budget(msgspec.Struct, frozen=True):
    """Budgets in USD; None is none, 0 lets nothing paid through."""

    session: Decimal | None = None
    day: Decimal | None = None
    month: Decimal | None = None
    request: Decimal | None = None
    action: BudgetAction = "ask"


THEMES: Final = (
    "ansi-dark",
    "ansi-light",
    "atom-one-dark",
    "atom-one-light",
    "catppuccin-frappe",
    "catppuccin-latte",
    "catppuccin-macchiato",
    "catppuccin-mocha",
    "dracula",
    "flexoki",
    "gruvbox",
    "monokai",
    "nord",
    "rose-pine",
    "rose-pine-dawn",
    "rose-pine-moon",
    "solarized-dark",
    "solarized-light",
    "textual-ansi",
    "textual-dark",
    "textual-light",
    "tokyo-night",
)
"""Those of the Textual that is required, which commands do not import; `textual-ansi` is an earlier name."""


class UiSettings(msgspec.Struct, frozen=True):
    """How the screens look and behave."""

    theme: str = "textual-dark"
    enter_sends: bool = True
    animations: bool = True
    notify: bool = True
    color: bool = True
    """False where NO_COLOR is set."""


class ChatDefaults(msgspec.Struct, frozen=True):
    """What a new conversation starts with."""

    system: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    user: str | None = None
    title_model: str | None = None
    """The model that names new conversations, paid for each; None: their first words do."""


class EmbeddingDefaults(msgspec.Struct, frozen=True):
    """What embedding requests start with."""

    model: str | None = None
    dimensions: int | None = None
    user: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that flags, environment and file decide."""

    providers: tuple[Provider, ...]
    provider: Provider
    """The active one, also in `providers`."""
    budget: Budget
    ui: UiSettings
    chat: ChatDefaults
    embeddings: EmbeddingDefaults
    allow_http: bool
    keymap: Mapping[str, str]
    """Binding id to keys, as written: whether the ids exist is checked where the bindings are."""
    warnings: tuple[str, ...]
    folders: Folders
    demo: bool
    config_file: Path | None
    """The file that was read, None without one."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that keys came from: child processes get none of them."""

    def secrets(self) -> list[str]:
        """All keys that are known, to be masked where something is written down; those in the keyring are not."""
        providers = (self.provider, *self.providers)
        keys = [key for provider in providers for key in (*provider.keys, provider.management_key)]
        return [key.secret.reveal() for key in keys if key is not None and key.secret is not None]


def unique_keys(keys: Iterable[KeySource]) -> tuple[KeySource, ...]:
    """The keys without repetitions; the first place a key comes from is kept."""
    return tuple({key.secret or key.keyring_name: key for key in reversed(list(keys))}.values())[::-1]


class Entry(msgspec.Struct, frozen=True):
    """A provider as its entry describes it, before flags and environment."""

    provider: Provider
    lists_keys: bool
    """Whether the entry has `api_keys` at all, be they usable or not."""


class FileContent(msgspec.Struct, frozen=True):
    """What the file says."""

    entries: tuple[Entry, ...] = ()
    budget: Budget = Budget()
    ui: UiSettings = UiSettings()
    chat: ChatDefaults = ChatDefaults()
    embeddings: EmbeddingDefaults = EmbeddingDefaults()
    allow_http: bool = False
    keymap: Mapping[str, str] = MappingProxyType({})
    key_variables: tuple[str, ...] = ()
