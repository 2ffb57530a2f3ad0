"""What a key press can do about an error."""

from __future__ import annotations

import pytest

from tui.core.conversation import Failure
from tui.core.remedies import RemedyKind, remedies
from tui.openrouter.catalogue import Model
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, Opaque

FREE = Opaque("a/b:free")
PAID = Model(id=Opaque("a/b"), slug=Clean("a/b"), name=Clean("B"), author=Clean("a"))


def kinds(kind: ErrorKind, *, known: bool = False, unknown: bool = False, model: Opaque = FREE) -> list[RemedyKind]:
    failure = Failure(kind=kind.value, message=Clean("m"), advice=Clean("a"))
    found = remedies(failure, model, {"a/b": PAID}, provider_known=known, outcome_unknown=unknown)
    return [remedy.kind for remedy in found]


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (ErrorKind.PROVIDER_DOWN, RemedyKind.AGAIN), (ErrorKind.REFUSED, RemedyKind.AGAIN),
        (ErrorKind.BAD_KEY, RemedyKind.AGAIN), (ErrorKind.NO_KEY, RemedyKind.AGAIN),
        (ErrorKind.NO_CREDIT, RemedyKind.FEWER_TOKENS), (ErrorKind.OWN_BUDGET, RemedyKind.FEWER_TOKENS),
        (ErrorKind.FREE_PER_DAY, RemedyKind.PAID_TWIN), (ErrorKind.FREE_PER_MINUTE, RemedyKind.AGAIN),
        (ErrorKind.CUT_OFF, RemedyKind.AGAIN),
    ],
)  # fmt: skip
def test_the_likeliest_comes_first(kind: ErrorKind, first: RemedyKind) -> None:
    assert kinds(kind)[0] is first


def test_another_provider_needs_one_that_failed() -> None:
    assert RemedyKind.OTHER_PROVIDER in kinds(ErrorKind.PROVIDER_DOWN, known=True)
    assert RemedyKind.OTHER_PROVIDER not in kinds(ErrorKind.PROVIDER_DOWN)


def test_a_paid_twin_needs_to_be_in_the_catalogue() -> None:
    assert RemedyKind.PAID_TWIN in kinds(ErrorKind.FREE_PER_DAY)
    assert RemedyKind.PAID_TWIN not in kinds(ErrorKind.FREE_PER_DAY, model=Opaque("x/y:free"))
    assert RemedyKind.PAID_TWIN not in kinds(ErrorKind.PROVIDER_DOWN, model=Opaque("a/b"))


def test_what_may_have_been_billed_says_so() -> None:
    failure = Failure(kind=ErrorKind.TIMED_OUT.value, message=Clean("m"), advice=Clean("a"))
    [again, *_] = remedies(failure, FREE, {}, provider_known=False, outcome_unknown=True)
    assert "billed twice" in again.label
    [again, *_] = remedies(failure, FREE, {}, provider_known=False)
    assert "billed twice" not in again.label


def test_a_reply_that_broke_off_can_be_continued_first_of_all() -> None:
    failure = Failure(kind=ErrorKind.CUT_OFF.value, message=Clean("m"), advice=Clean("a"))
    found = remedies(failure, FREE, {}, provider_known=False, broke_off=True)
    assert [one.kind for one in found] == [RemedyKind.CONTINUE, RemedyKind.AGAIN]
    found = remedies(None, FREE, {}, provider_known=False, broke_off=True)
    assert [one.kind for one in found] == [RemedyKind.CONTINUE, RemedyKind.AGAIN]
    assert remedies(None, FREE, {}, provider_known=False) == ()


def test_an_advice_that_names_the_model_comes_with_its_key() -> None:
    for advice, offered in (("Use another key, model or provider.", True), ("Check network and base URL.", False)):
        failure = Failure(kind=ErrorKind.FORBIDDEN.value, message=Clean("m"), advice=Clean(advice))
        found = [one.kind for one in remedies(failure, FREE, {}, provider_known=False)]
        assert (RemedyKind.OTHER_MODEL in found) is offered
    bad = Failure(kind=ErrorKind.BAD_REQUEST.value, message=Clean("m"), advice=Clean("Change the parameters."))
    assert remedies(bad, FREE, {}, provider_known=False)[0].kind is RemedyKind.PARAMETERS
