"""What a key press can do about an error."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from tui.core.conversation import Failure
from tui.core.formats import duration
from tui.openrouter.catalogue import Model
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, Opaque


class RemedyKind(StrEnum):
    CONTINUE = "continue"
    """Have the reply that broke off carried on, as a question of its own."""
    AGAIN = "again"
    """Send the same request again."""
    PAID_TWIN = "paid_twin"
    """The same model without `:free`, or the fallback the server names."""
    OTHER_PROVIDER = "other_provider"
    """Send again and let the provider that failed be skipped."""
    FEWER_TOKENS = "fewer_tokens"
    """Send again with half of `max_tokens`."""
    EDIT = "edit"
    """Write the question anew in the composer."""
    OTHER_MODEL = "other_model"
    """Open the model picker."""
    PARAMETERS = "parameters"
    """Open the parameters."""


class Remedy(msgspec.Struct, frozen=True):
    kind: RemedyKind
    label: Clean
    """What the key does, a few words."""
    model: Opaque | None = None


_PASSING: Final = {
    ErrorKind.RATE_LIMITED,
    ErrorKind.FREE_PER_MINUTE,
    ErrorKind.PROVIDER_DOWN,
    ErrorKind.OVERLOADED,
    ErrorKind.SERVER_ERROR,
    ErrorKind.EDGE_ERROR,
    ErrorKind.TIMED_OUT,
    ErrorKind.IN_FLIGHT_BUDGET,
    ErrorKind.OWN_LIMIT,
    ErrorKind.UNREADABLE,
    ErrorKind.REFUSED,
    ErrorKind.DNS,
    ErrorKind.TLS,
    ErrorKind.CONNECT_TIMEOUT,
    ErrorKind.PROXY,
}
_MAYBE_BILLED: Final = {ErrorKind.CONNECTION_LOST, ErrorKind.STALLED, ErrorKind.CUT_OFF}
_PROVIDERS_FAULT: Final = {
    ErrorKind.RATE_LIMITED,
    ErrorKind.PROVIDER_DOWN,
    ErrorKind.OVERLOADED,
    ErrorKind.TIMED_OUT,
    ErrorKind.STALLED,
    ErrorKind.MODERATED,
}
_MONEY: Final = {ErrorKind.NO_CREDIT, ErrorKind.OWN_BUDGET, ErrorKind.KEY_LIMIT, ErrorKind.OWN_LIMIT}
_OF_THE_PARAMETERS: Final = {ErrorKind.BAD_REQUEST, ErrorKind.UNPROCESSABLE, ErrorKind.NO_ENDPOINTS}
_OF_THE_QUESTION: Final = {ErrorKind.TOO_LARGE, ErrorKind.CONTEXT_TOO_LONG, ErrorKind.MODERATED}
_ANOTHER_MODEL: Final = {
    ErrorKind.UNKNOWN_MODEL,
    ErrorKind.NO_ENDPOINTS,
    ErrorKind.NOT_FOUND,
    ErrorKind.FREE_PER_DAY,
    ErrorKind.CONTEXT_TOO_LONG,
    ErrorKind.OVERLOADED,
    ErrorKind.NO_CREDIT,
    ErrorKind.MODERATED,
}


def remedies(
    failure: Failure | None,
    model: Opaque,
    models: Mapping[str, Model],
    *,
    provider_known: bool,
    outcome_unknown: bool = False,
    broke_off: bool = False,
) -> tuple[Remedy, ...]:
    """What may help, the likeliest first; `broke_off`: there is text, and more was to come."""
    found = [Remedy(RemedyKind.CONTINUE, Clean("continue"))] if broke_off else []
    if failure is None:
        return (*found, Remedy(RemedyKind.AGAIN, Clean("from the start"))) if broke_off else ()
    kind = next((known for known in ErrorKind if known.value == failure.kind), ErrorKind.INTERNAL)
    if outcome_unknown or kind in _MAYBE_BILLED:
        found.append(Remedy(RemedyKind.AGAIN, Clean("send again (may be billed twice)")))
    elif kind in _PASSING:
        wait = f" in {duration(failure.retry_after_s)}" if failure.retry_after_s else ""
        found.append(Remedy(RemedyKind.AGAIN, Clean(f"send again{wait}")))
    elif kind in (ErrorKind.BAD_KEY, ErrorKind.NO_KEY):
        found.append(Remedy(RemedyKind.AGAIN, Clean("test the key and send again")))
    elif kind in _OF_THE_PARAMETERS:
        found.append(Remedy(RemedyKind.PARAMETERS, Clean("parameters")))
    elif kind in _OF_THE_QUESTION:
        found.append(Remedy(RemedyKind.EDIT, Clean("edit the question")))
    if kind in _MONEY:
        found.append(Remedy(RemedyKind.FEWER_TOKENS, Clean("fewer max tokens")))
    if kind in _PROVIDERS_FAULT and provider_known:
        found.append(Remedy(RemedyKind.OTHER_PROVIDER, Clean("another provider")))
    twin = _paid_twin(failure, model, models)
    if twin is not None:
        found.append(Remedy(RemedyKind.PAID_TWIN, Clean(f"paid {twin.shown()}"), twin))
    # An advice that names the key's work comes with the key.
    if kind in _ANOTHER_MODEL or "model" in failure.advice.lower():
        found.append(Remedy(RemedyKind.OTHER_MODEL, Clean("another model")))
    return tuple(found) or (Remedy(RemedyKind.AGAIN, Clean("send again")),)


def _paid_twin(failure: Failure, model: Opaque, models: Mapping[str, Model]) -> Opaque | None:
    if failure.fallback_models:
        return failure.fallback_models[0]
    base = model.raw.removesuffix(":free")
    return Opaque(base) if base != model.raw and base in models else None
