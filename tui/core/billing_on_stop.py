"""Whether stopping a stream stops the bill, by provider."""

from __future__ import annotations

from typing import Final

from tui.openrouter.text import Clean

# "Cancelling" in OpenRouter's streaming guide; compared without spaces, case and punctuation.
_STOPS: Final = frozenset(
    {
        "anthropic", "anyscale", "avian", "azure", "chutes", "cloudflare", "cohere", "deepinfra", "deepseek",
        "fireworks", "friendli", "hyperbolic", "infermatic", "lepton", "liquid", "mancer", "nineteen", "novita",
        "octoai", "openai", "recursal", "sfcompute", "together", "xai",
    }
)  # fmt: skip


def stops_billing(provider: str | None) -> bool | None:
    """True when closing the connection ends the bill, False when the whole reply is billed, None when nobody answered.

    A provider in neither list is taken to bill on.
    """
    if provider is None:
        return None
    name = "".join(character for character in provider.lower() if character.isalnum())
    return name in _STOPS or name.removesuffix("ai") in _STOPS


def stop_note(provider: Clean | None) -> Clean:
    """What the receipt of a stopped reply says."""
    match stops_billing(provider):
        case True:
            return Clean(f"{provider} stops billing when stopped; bill awaited")
        case False:
            return Clean(f"{provider} bills the whole reply all the same; bill awaited")
        case None:
            return Clean("stopped before a provider answered; bill awaited")
