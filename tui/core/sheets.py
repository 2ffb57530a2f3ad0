"""Named sets of texts whose embeddings are looked at."""

from __future__ import annotations

import msgspec

from tui.openrouter.text import Clean, Opaque


class Variant(msgspec.Struct, frozen=True):
    """One way to embed a sheet; vectors of different variants are never compared with each other."""

    model: Opaque
    dimensions: int | None = None
    """Asked of the model; None = its own."""
    input_type: Clean | None = None
    """What the texts are for, where the model knows it: `search_document` …"""


class Relevance(msgspec.Struct, frozen=True):
    """A query and the texts of the sheet that are right answers to it."""

    query: Clean
    right: tuple[Clean, ...]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet with its texts in order, and the model that it was last embedded with."""

    id: str
    name: Clean
    texts: tuple[Clean, ...] = ()
    labels: tuple[Clean, ...] = ()
    """One a text, or none at all."""
    groups: tuple[Clean, ...] = ()
    """One a text, or none at all."""
    model: Opaque | None = None
    dimensions: int | None = None
    """Asked of the model; None = its own."""
    input_type: Clean | None = None
    others: tuple[Variant, ...] = ()
    """What it is compared with in the A/B view."""
    relevance: tuple[Relevance, ...] = ()


class SheetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list of sheets."""

    id: str
    name: Clean
    text_count: int
    updated_at: float
    """Unix seconds."""
