"""Which model embeds: the one picked, the sheet's, the configured, the remembered, or the cheapest."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tui.core.prices import estimate_cost, token_price
from tui.core.sheets import Variant
from tui.core.tokens import guess_tokens
from tui.openrouter.text import Clean, Opaque
from tui.screens.session import Session

if TYPE_CHECKING:
    from tui.openrouter.catalogue import Model

INPUT_TYPES: Final = (
    ("", "none: as the model does by itself"),
    ("search_document", "texts that are to be found"),
    ("search_query", "what is looked for"),
    ("classification", "to sort into kinds"),
    ("clustering", "to find groups"),
)
_TELLS_QUERIES: Final = re.compile(r"^cohere/|^voyage|/voyage|nv-embed|gemini-embedding|/e5-|/bge-|jina-embeddings")

REMEMBERED_MODEL: Final = "embeddings.model"
"""The name under which the model picked last is remembered."""


class ModelChoice:
    """The embedding model of the screen, and what is to be said about it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.picked: str | None = None
        """By the user, since the start."""
        self.of_sheet: str | None = None
        self.models: list[Model] = []
        """Embedding models, cheapest first."""

    def read_catalogue(self) -> None:
        """The list of models has changed."""
        self.models = sorted((model for model in self._session.state.models if model.is_embedding), key=cheapness)

    @property
    def id(self) -> str | None:
        """As it is sent; None when there is none to choose."""
        remembered = self._session.state.preferences.get(REMEMBERED_MODEL)
        for model_id in (
            self.picked,
            self.of_sheet,
            self._session.settings.embeddings.model,
            remembered if isinstance(remembered, str) else None,
        ):
            if model_id:
                return model_id
        return self.models[0].id.raw if self.models else None

    def model(self, model_id: str | None = None) -> Model | None:
        """Its row of the catalogue, or that of another, if it has one."""
        wanted = model_id or self.id
        return self._session.state.model_by_slug.get(Opaque(wanted).shown()) if wanted else None

    def name(self) -> Clean:
        """Without its author, as there is little room."""
        return short_name(Opaque(self.id or ""))

    def objection(self) -> str | None:
        """Why it cannot embed, in a sentence."""
        if self.id is None:
            listed = self._session.state.models
            return "No embedding model is known." if listed else "The list of models is not here yet."
        model = self.model()
        if model is not None and not model.is_embedding:
            return f"{model.slug} is no embedding model: it answers chats, not vectors."
        return None

    def estimate(self, characters: int, texts: int, model_id: str | None = None) -> tuple[int, Decimal | None]:
        """Tokens and USD that embedding these texts would come to, by this model or the chosen one."""
        tokens = max(guess_tokens(characters), texts)
        model = self.model(model_id)
        if model is None or input_price(model) is None:
            return tokens, None
        return tokens, estimate_cost(model.pricing, now=self._session.now(), prompt_tokens=tokens)


def short_name(model: Opaque) -> Clean:
    """A model's id without its author, where there is little room."""
    shown = model.shown()
    return Clean(shown.rpartition("/")[2] or shown)


def variant_name(variant: Variant) -> Clean:
    """The model without its author, and what is asked of it."""
    asked = [f"{variant.dimensions:,} d"] if variant.dimensions else []
    asked += [variant.input_type] if variant.input_type else []
    return Clean(" ".join([short_name(variant.model), *asked]))


def query_variant(variant: Variant) -> Variant:
    """How a query to a sheet of this variant is embedded: as `search_query` where the model knows it.

    That is where the sheet was embedded as `search_document`, and with the families of models whose documentation
    tells queries from documents; others would refuse the parameter or drop it.
    """
    known = _TELLS_QUERIES.search(variant.model.raw) is not None
    if variant.input_type == "search_document" or (variant.input_type is None and known):
        return Variant(variant.model, variant.dimensions, Clean("search_query"))
    return variant


def input_price(model: Model) -> Decimal | None:
    return token_price(model, model.pricing.prompt)


def cheapness(model: Model) -> tuple[bool, Decimal, str]:
    price = input_price(model)
    return price is None, price or Decimal(0), model.slug
