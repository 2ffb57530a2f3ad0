"""Which model embeds: the one picked, the sheet's, the configured, the remembered, or the cheapest."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tui.core.prices import estimate_cost, token_price
from tui.core.tokens import guess_tokens
from tui.openrouter.text import Clean, Opaque
from tui.screens.session import Session

if TYPE_CHECKING:
    from tui.openrouter.catalogue import Model

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

    def model(self) -> Model | None:
        """Its row of the catalogue, if it has one."""
        return self._session.state.model_by_slug.get(Opaque(self.id).shown()) if self.id else None

    def name(self) -> Clean:
        """Without its author, as there is little room."""
        shown = Opaque(self.id or "").shown()
        return Clean(shown.rpartition("/")[2] or shown)

    def objection(self) -> str | None:
        """Why it cannot embed, in a sentence."""
        if self.id is None:
            listed = self._session.state.models
            return "No embedding model is known." if listed else "The list of models is not here yet."
        model = self.model()
        if model is not None and not model.is_embedding:
            return f"{model.slug} is no embedding model: it answers chats, not vectors."
        return None

    def estimate(self, characters: int, texts: int) -> tuple[int, Decimal | None]:
        """Tokens and USD that embedding these texts would come to, at most: stored vectors are free."""
        tokens = max(guess_tokens(characters), texts)
        model = self.model()
        if model is None or input_price(model) is None:
            return tokens, None
        return tokens, estimate_cost(model.pricing, now=self._session.now(), prompt_tokens=tokens)


def input_price(model: Model) -> Decimal | None:
    return token_price(model, model.pricing.prompt)


def cheapness(model: Model) -> tuple[bool, Decimal, str]:
    price = input_price(model)
    return price is None, price or Decimal(0), model.slug
