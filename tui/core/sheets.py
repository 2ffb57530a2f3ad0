"""Named sets of texts whose embeddings are looked at."""

from __future__ import annotations

import msgspec

from tui.openrouter.text import Clean, Opaque


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


class SheetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list of sheets."""

    id: str
    name: Clean
    text_count: int
    updated_at: float
    """Unix seconds."""
