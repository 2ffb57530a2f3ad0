"""What a refusal means: whose limit it was, when there is room again, and what to do now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.core.formats import clock, duration, money
from tui.core.ledger import LedgerRow, RequestState
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.core.ledger import FreeUse


def what_helps(row: LedgerRow, free: FreeUse | None, now: float) -> Clean | None:
    """Of a request that did not end well; None for one that did. `now` is Unix seconds."""
    said = [part for part in (_money(row), _limit(row, free, now)) if part]
    return Clean(" ".join(said)) if said else None


def _money(row: LedgerRow) -> str | None:
    match row.state:
        case RequestState.AWAITED:
            return "The bill is not there yet: OpenRouter is asked again, at longer and longer pauses, for a day."
        case RequestState.ESTIMATED:
            return "No bill came within a day; the estimate stays."
        case RequestState.FREE if row.error_kind:
            return "Nothing was billed."
        case RequestState.BILLED if row.error_kind and row.cost.usd:
            return f"{money(row.cost.usd)} was billed for an answer that is not whole."
        case _:
            return None


def _limit(row: LedgerRow, free: FreeUse | None, now: float) -> str | None:
    provider = row.provider or "the provider"
    resets = (
        f" at {clock(free.resets_at)}, in {duration(free.resets_at - now)}" if free and free.resets_at > now else ""
    )
    match row.error_kind:
        case ErrorKind.FREE_PER_MINUTE:
            limit = f" of {free.minute_limit}" if free else ""
            return (
                f"OpenRouter's own limit: the free models' allowance{limit} a minute, counted per account. There is "
                "room again within a minute. In the chat, R sends again, or ask the paid twin of the model (without "
                ":free)."
            )
        case ErrorKind.FREE_PER_DAY:
            limit = f" of {free.day_limit}" if free else ""
            return (
                f"OpenRouter's own limit: the free models' allowance{limit} a day (UTC), counted per account; other "
                f"free models and other keys do not help. It starts again{resets or ' at 00:00 UTC'}. Until then ask "
                "the paid twin of the model (without :free), in the chat by ctrl+l."
            )
        case ErrorKind.RATE_LIMITED:
            return (
                f"A limit of {provider}, not of OpenRouter: it says how long to wait, and the key rests so long (see "
                "the limits). In the chat, R sends again, ctrl+l takes another model; another provider may have room."
            )
        case ErrorKind.OWN_LIMIT:
            return (
                "Your own limit of requests or tokens a minute (llm_providers.limits in config.yaml): the limits above "
                "say when there is room. Other keys, fewer max_tokens or a higher limit help."
            )
        case ErrorKind.OWN_BUDGET:
            return "Your own budget (config.yaml): raise it, choose a cheaper model, or lower max_tokens."
        case ErrorKind.NO_CREDIT:
            return "The account has too little credit for this: buy some, or lower max_tokens; the key is used last."
        case ErrorKind.KEY_LIMIT:
            return "The key's own limit is used up: it is not used until it starts again. Another key helps."
        case ErrorKind.IN_FLIGHT_BUDGET:
            return "Requests that run hold the rest of the balance: it was tried again when they had ended."
        case ErrorKind.BAD_KEY:
            return "The key was refused, perhaps revoked: it is not used until `ortui keys test` finds it good."
        case _:
            return None
