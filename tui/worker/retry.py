"""When a request is sent again: never where it could be billed twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from tui.openrouter.errors import ApiError, ErrorKind

T = TypeVar("T")

MOST_TRIES: Final = 3
_BASE_S: Final = 0.5
_CAP_S: Final = 60.0

OTHER_KEY_MAY_HELP: Final = frozenset(
    {ErrorKind.BAD_KEY, ErrorKind.NO_CREDIT, ErrorKind.KEY_LIMIT, ErrorKind.RATE_LIMITED}
)
"""The free-model allowance is not among them: it is counted per account, whatever the key."""

_OTHER_KEY_AFTER: Final = (401, 402, 429, None)
"""Never after 403, though it may be the cap of a key; None is a key that cannot even be written into a header."""

KEY_RESTS: Final = frozenset({ErrorKind.RATE_LIMITED})


class Again(msgspec.Struct, frozen=True):
    """Send it once more after `delay_s` seconds, with another key if `other_key`."""

    delay_s: float
    other_key: bool


def backoff_s(failures: int, jitter: random.Random) -> float:
    """Exponential with full jitter: up to 0.5, 1, 2 … 60 s for the first, second, third … failure in a row."""
    return jitter.uniform(0.1, min(_CAP_S, _BASE_S * 2 ** min(failures, 10)))


def wanted_wait_s(error: ApiError) -> float | None:
    """How long the server asks to wait: `Retry-After`, else the reset time read against the server's own clock."""
    if error.retry_after_s is not None:
        return max(0.0, error.retry_after_s)
    if error.reset_at_ms is not None and error.server_date is not None:
        return max(0.0, error.reset_at_ms / 1000 - error.server_date)
    return None


def plan_again(error: ApiError, tries: int, *, other_key: bool, jitter: random.Random) -> Again | None:
    """Whether and when to try again after `tries` tries; None = the error stands.

    `error` came before any content. What may be repeated stands in its `retryable`, by status and stage.
    """
    if tries >= MOST_TRIES:
        return None
    if other_key and error.kind in OTHER_KEY_MAY_HELP and error.status in _OTHER_KEY_AFTER:
        return Again(0.0, other_key=True)
    if not error.retryable:
        return None
    wait = wanted_wait_s(error)
    return Again(backoff_s(tries - 1, jitter) if wait is None else wait, other_key=False)


_LONGEST_GET_WAIT_S: Final = 10.0


async def repeat_get(call: Callable[[], Awaitable[T]]) -> T:
    """A GET may always be sent again: up to three tries on a failure that may pass; raises the last `ApiError`."""
    jitter = random.Random()
    tries = 0
    while True:
        tries += 1
        try:
            return await call()
        except ApiError as error:
            passing = error.retryable or error.outcome_unknown
            wait = wanted_wait_s(error)
            if tries >= MOST_TRIES or not passing or (wait or 0.0) > _LONGEST_GET_WAIT_S:
                raise
            await asyncio.sleep(backoff_s(tries - 1, jitter) if wait is None else wait)
