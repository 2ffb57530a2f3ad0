"""Exit status: the table of the contract."""

from __future__ import annotations

import pytest

from tui.core.conversation import Failure, MessageState
from tui.core.exit_status import of_failure, of_reply
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean

BY_KIND = {
    2: {ErrorKind.NO_KEY, ErrorKind.BAD_REQUEST},
    3: {ErrorKind.BAD_KEY, ErrorKind.FORBIDDEN, ErrorKind.MODERATED},
    4: {ErrorKind.NO_CREDIT, ErrorKind.KEY_LIMIT, ErrorKind.IN_FLIGHT_BUDGET, ErrorKind.OWN_BUDGET},
    5: {ErrorKind.RATE_LIMITED, ErrorKind.FREE_PER_MINUTE, ErrorKind.FREE_PER_DAY, ErrorKind.OWN_LIMIT},
}


def failure(kind: ErrorKind, status: int | None = None) -> Failure:
    return Failure(kind=kind.value, message=Clean("It failed."), advice=Clean("Again."), status=status)


@pytest.mark.parametrize("kind", ErrorKind)
def test_without_a_status_the_kind_says_it(kind: ErrorKind) -> None:
    wanted = next((status for status, kinds in BY_KIND.items() if kind in kinds), 6)
    assert of_failure(failure(kind)) == wanted


@pytest.mark.parametrize(
    ("status", "kind", "wanted"),
    [
        (400, ErrorKind.BAD_REQUEST, 6),
        (400, ErrorKind.CONTEXT_TOO_LONG, 6),
        (401, ErrorKind.BAD_KEY, 3),
        (402, ErrorKind.NO_CREDIT, 4),
        (402, ErrorKind.IN_FLIGHT_BUDGET, 4),
        (403, ErrorKind.FORBIDDEN, 3),
        (403, ErrorKind.MODERATED, 3),
        (403, ErrorKind.KEY_LIMIT, 4),
        (404, ErrorKind.NO_ENDPOINTS, 6),
        (408, ErrorKind.TIMED_OUT, 6),
        (413, ErrorKind.TOO_LARGE, 6),
        (422, ErrorKind.UNPROCESSABLE, 6),
        (429, ErrorKind.RATE_LIMITED, 5),
        (429, ErrorKind.FREE_PER_DAY, 5),
        (500, ErrorKind.SERVER_ERROR, 6),
        (503, ErrorKind.OVERLOADED, 6),
        (524, ErrorKind.TIMED_OUT, 6),
    ],
)
def test_a_status_is_mapped_as_the_contract_says(status: int, kind: ErrorKind, wanted: int) -> None:
    assert of_failure(failure(kind, status)) == wanted


def test_a_reply() -> None:
    broken = failure(ErrorKind.PROVIDER_DOWN, 502)
    assert of_reply(MessageState.DONE, None, text_began=True) == 0
    assert of_reply(MessageState.STOPPED, None, text_began=True) == 130
    assert of_reply(MessageState.CUT_OFF, broken, text_began=True) == 7
    assert of_reply(MessageState.CUT_OFF, None, text_began=True) == 7
    # Thinking that broke off is not text.
    assert of_reply(MessageState.CUT_OFF, broken, text_began=False) == 6
    assert of_reply(MessageState.UNKNOWN, None, text_began=False) == 6
    assert of_reply(MessageState.FAILED, failure(ErrorKind.NO_CREDIT, 402), text_began=False) == 4


def test_a_kind_of_another_version_is_a_failure() -> None:
    strange = Failure(kind="something_new", message=Clean(""), advice=Clean(""))
    assert of_failure(strange) == 6
