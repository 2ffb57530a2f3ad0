"""What a command's exit status says of how its request ended."""

from __future__ import annotations

from typing import Final

from tui.core.conversation import Failure, MessageState
from tui.openrouter.errors import ErrorKind

GOOD: Final = 0
BUG: Final = 1
"""The program failed by itself; a report says where."""
REFUSED: Final = 2
"""Before anything was sent: usage, configuration, filter."""
KEY_REFUSED: Final = 3
NO_MONEY: Final = 4
RATE_LIMITED: Final = 5
FAILED: Final = 6
"""Every other status, network, time-out."""
CUT_OFF: Final = 7
"""Text had begun."""
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
"""Nobody reads the output any more."""
TERMINATED: Final = 143

_CAPS: Final = frozenset({ErrorKind.NO_CREDIT, ErrorKind.KEY_LIMIT, ErrorKind.IN_FLIGHT_BUDGET, ErrorKind.OWN_BUDGET})
_BY_STATUS: Final = {401: KEY_REFUSED, 402: NO_MONEY, 403: KEY_REFUSED, 429: RATE_LIMITED}
_BY_KIND: Final = {
    ErrorKind.BAD_REQUEST: REFUSED,  # without a status it is our own refusal
    ErrorKind.NO_KEY: REFUSED,
    ErrorKind.BAD_KEY: KEY_REFUSED,
    ErrorKind.FORBIDDEN: KEY_REFUSED,
    ErrorKind.MODERATED: KEY_REFUSED,
    ErrorKind.RATE_LIMITED: RATE_LIMITED,
    ErrorKind.FREE_PER_MINUTE: RATE_LIMITED,
    ErrorKind.FREE_PER_DAY: RATE_LIMITED,
    ErrorKind.OWN_LIMIT: RATE_LIMITED,
} | dict.fromkeys(_CAPS, NO_MONEY)


def of_failure(failure: Failure) -> int:
    """The status of a request that failed before any text: by the server's status, else by the kind of failure."""
    kind = next((known for known in ErrorKind if known.value == failure.kind), ErrorKind.INTERNAL)
    if kind in _CAPS and failure.status in (None, 402, 403):
        return NO_MONEY
    if failure.status is not None:
        return _BY_STATUS.get(failure.status, FAILED)
    return _BY_KIND.get(kind, FAILED)


def of_reply(state: MessageState, failure: Failure | None, *, text_began: bool) -> int:
    """The status of a reply; one that the length limit or a content filter ended is good."""
    if state is MessageState.STOPPED:
        return INTERRUPTED
    if state is MessageState.DONE and failure is None:
        return GOOD
    if text_began:
        return CUT_OFF
    return FAILED if failure is None else of_failure(failure)
