"""What is said to the user for each kind of error, and what to do next."""

from __future__ import annotations

from typing import Final

import msgspec

from tui.openrouter.errors import ErrorKind


class Words(msgspec.Struct, frozen=True):
    """A sentence without its full stop, so that what the server says can follow, and the next step."""

    sentence: str
    advice: str


_OF_KIND: Final = {
    ErrorKind.BAD_REQUEST: Words("The server refused the request", "Change the parameters or the model."),
    ErrorKind.UNKNOWN_MODEL: Words("There is no such model", "Choose another model."),
    ErrorKind.CONTEXT_TOO_LONG: Words(
        "The conversation is too long for the model", "Shorten it, lower max_tokens, or choose a longer context."
    ),
    ErrorKind.BAD_KEY: Words("The key was refused", "Check the key, or use another one."),
    ErrorKind.NO_CREDIT: Words("The balance is too small", "Lower max_tokens, or add credits."),
    ErrorKind.KEY_LIMIT: Words("The key's spending limit is reached", "Raise the limit, or use another key."),
    ErrorKind.IN_FLIGHT_BUDGET: Words(
        "Running requests hold the balance already", "Wait until some of them have ended."
    ),
    ErrorKind.FORBIDDEN: Words("The server does not permit this", "Use another key, model or provider."),
    ErrorKind.MODERATED: Words("The content was refused by moderation", "Reword it, or choose another model."),
    ErrorKind.NOT_FOUND: Words("The server does not know this address or record", "Check the base URL and the model."),
    ErrorKind.NO_ENDPOINTS: Words(
        "No provider can serve this model now", "Loosen the routing settings, or choose another model."
    ),
    ErrorKind.TIMED_OUT: Words("The request timed out", "Try again."),
    ErrorKind.TOO_LARGE: Words("The request is too large", "Send less at once."),
    ErrorKind.UNPROCESSABLE: Words("The server could not process the request", "Change the parameters."),
    ErrorKind.RATE_LIMITED: Words("Too many requests", "Wait, or choose another provider or model."),
    ErrorKind.FREE_PER_MINUTE: Words(
        "The free models' requests for this minute are used up", "Wait a minute, or use a paid model."
    ),
    ErrorKind.FREE_PER_DAY: Words(
        "The free models' requests for today are used up", "Wait for 00:00 UTC, or use a paid model."
    ),
    ErrorKind.SERVER_ERROR: Words("The server failed", "Try again."),
    ErrorKind.PROVIDER_DOWN: Words("The provider is down or gave no valid answer", "Try again, or another provider."),
    ErrorKind.OVERLOADED: Words("The provider is overloaded", "Try again later, or another provider."),
    ErrorKind.EDGE_ERROR: Words("The network in front of the server failed", "Try again later."),
    ErrorKind.PROXY: Words("The proxy wants a name and a password", "Put them into the proxy variables."),
    ErrorKind.UNREADABLE: Words("The server's answer cannot be read", "Check the base URL."),
}
_FALLBACK: Final = Words("The request failed", "Try again.")

_OF_AVAILABILITY: Final = {
    "wrong_endpoint": Words("This model does not answer this kind of request", "Choose another model."),
    "model_deprecated": Words("The model has been retired", "Choose another model."),
    "model_unavailable_upstream": Words("No provider offers this model any more", "Choose another model."),
    "privacy_restricted": Words(
        "Your privacy settings leave no provider for this model", "Loosen them, or choose another model."
    ),
    "constraint_filtered": Words(
        "Your routing settings leave no provider for this model", "Loosen them, or choose another model."
    ),
    "free_variant_ended": Words("The free variant of this model has ended", "Choose a paid model."),
    "region_restricted": Words("The model is not offered in your region", "Choose another model."),
}

_OF_LIMIT: Final = {
    "openrouter_guardrail_budget": Words("A guardrail's budget is used up", "Ask who set it to raise it."),
    "openrouter_workspace_budget": Words("The workspace's budget is used up", "Ask who set it to raise it."),
    "upstream_provider_shared_pool": Words(
        "The provider's shared capacity for this model is used up", "Wait a little, or choose another model."
    ),
}

_OF_STATUS: Final = {
    408: Words("The request timed out", "Try again."),
    412: Words("The server's precondition failed", "Change the parameters."),
    504: Words("The provider took too long", "It may have been billed: look before sending again."),
    524: Words("The server took too long", "It may have been billed: look before sending again."),
}

_OUTCOME_UNKNOWN: Final = "It may have been billed: look before sending again."


def words_for(kind: ErrorKind, status: int | None, availability: str, limit_source: str, *, html: bool) -> Words:
    """The words of an answer; `html` when it came from something in front of the API."""
    if status is not None and 300 <= status < 400:
        return Words("The server points to another address, which is not followed with a key", "Check the base URL.")
    if availability in _OF_AVAILABILITY:
        return _OF_AVAILABILITY[availability]
    if limit_source in _OF_LIMIT:
        return _OF_LIMIT[limit_source]
    if status in _OF_STATUS and status is not None:
        return _OF_STATUS[status]
    words = _OF_KIND.get(kind, _FALLBACK)
    if kind is ErrorKind.EDGE_ERROR and status != 530:
        return Words(words.sentence, _OUTCOME_UNKNOWN)
    if kind is ErrorKind.FORBIDDEN and html:
        return Words("Something in front of the server blocked the request", "Check network, proxy and base URL.")
    return words
