"""Which model a new conversation starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tui.core.prices import strip_variant
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque

BUILT_IN: Final = (
    "anthropic/claude-sonnet-4.5",
    "anthropic/claude-3.5-sonnet",
    "openai/gpt-4o-mini",
    "google/gemini-2.5-flash",
    "meta-llama/llama-3.1-70b-instruct",
    "mistralai/mistral-7b-instruct",
    "openrouter/auto",
)
"""The first of these that the catalogue has, when nothing else says."""


def default_model(configured: str | None, last_used: str | None, models: Mapping[str, Model]) -> Opaque | None:
    """The entry's own model, else the last used, else the first built-in there is; None = no catalogue yet."""
    if configured:
        return Opaque(configured)
    if last_used:
        return Opaque(last_used)
    return next((Opaque(slug) for slug in BUILT_IN if slug in models), None)


def is_missing(model: Opaque, models: Mapping[str, Model]) -> bool:
    """Whether a loaded catalogue does not have the model (presets and dynamic variants aside)."""
    raw = model.raw
    return bool(models) and "@" not in raw and strip_variant(raw) not in models and raw not in models
