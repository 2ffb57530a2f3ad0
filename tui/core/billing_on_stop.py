"""Whether stopping a stream stops the bill, by provider ("Cancelling" of the API reference)."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from tui.openrouter.text import Clean

OnStop: TypeAlias = Literal["stops", "bills_on", "unlisted"]

# Compared without spaces, case, punctuation, a number at the end, and the word "AI" at the end.
_STOPS: Final = frozenset(
    {
        "anthropic", "anyscale", "avian", "azure", "chutes", "cloudflare", "cohere", "deepinfra", "deepseek",
        "fireworks", "friendli", "hyperbolic", "infermatic", "lepton", "liquid", "mancer", "nineteen", "novita",
        "octo", "open", "recursal", "sfcompute", "together", "x",
    }
)  # fmt: skip
_BILLS_ON: Final = frozenset(
    {
        "ai21", "aionlabs", "alibaba", "amazonbedrock", "awsbedrock", "bedrock", "featherless", "google",
        "googleaistudio", "googlevertex", "groq", "huggingface", "inferencenet", "inflection", "kluster", "lambda",
        "lynn", "minimax", "mistral", "modal", "nebius", "perplexity", "reflection", "replicate", "sambanova",
        "targon", "zeroone",
    }
)  # fmt: skip


def on_stop(provider: str) -> OnStop:
    """What closing the connection does to the bill; a provider in neither list is to be taken to bill on."""
    name = "".join(character for character in provider.lower() if character.isalnum())
    bare = name.rstrip("0123456789").removesuffix("ai")
    if name in _BILLS_ON or bare in _BILLS_ON:
        return "bills_on"
    return "stops" if bare in _STOPS else "unlisted"


def stop_note(provider: Clean | None, *, streamed: bool = True) -> Clean:
    """What the receipt of a stopped reply says until the bill comes."""
    if not streamed:
        return Clean("a reply that is not streamed is billed whole; bill awaited")
    if provider is None:
        return Clean("stopped before a provider answered; bill awaited")
    match on_stop(provider):
        case "stops":
            return Clean(f"{provider} stops billing when stopped; bill awaited")
        case "bills_on":
            return Clean(f"{provider} bills the whole reply all the same; bill awaited")
        case "unlisted":
            return Clean(f"{provider} may bill the whole reply; bill awaited")
