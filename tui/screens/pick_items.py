"""Models as they are picked from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tui.core.formats import length, per_million
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean
from tui.widgets.pick_list import PickItem


def model_items(models: Sequence[Model], favourites: Collection[str] = (), *, embeddings: bool) -> list[PickItem]:
    """Those that chat, or those that embed: id, and at the right context and prices per million tokens."""
    return [
        PickItem(model.id.raw, model.slug, _note(model), Clean("★" if model.id.raw in favourites else ""))
        for model in models
        if model.is_embedding == embeddings and (embeddings or "text" in model.output_modalities)
    ]


def _note(model: Model) -> Clean:
    if model.pricing.varies:
        return Clean(f"{length(model.context_length)}  varies")
    prices = per_million(model.pricing.prompt)
    if not model.is_embedding:
        prices = Clean(f"{prices} / {per_million(model.pricing.completion)}")
    return Clean(f"{length(model.context_length)}  {'$' if prices[0].isdigit() else ''}{prices}")
