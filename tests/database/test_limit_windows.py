"""Requests and tokens per minute, the free-model allowance and the rests of keys, on a clock that the test sets."""

from __future__ import annotations

import random
import sqlite3

import pytest

from tui.core.ledger import KeyLimits, KeyState, NeverFits, NoRoom, Take, Taken
from tui.database import keys, limits
from tui.database.opening import open_database
from tui.openrouter.text import Clean

NOW = 1_760_000_000.0
TAIL = Clean("…4f2a")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


def a_try(tokens: int = 10, requests: int = 0, per_min: int = 0, *, account: str = "a", free: bool = False) -> Take:
    return Take(
        request_id="r",
        account=account,
        key_tail=TAIL,
        limits=KeyLimits(req_per_min=requests, tokens_per_min=per_min),
        tokens=tokens,
        is_free_model=free,
    )


def test_the_request_limit_has_room_again_after_61_seconds(connection: sqlite3.Connection) -> None:
    for second in (0, 10):
        assert isinstance(limits.take(connection, a_try(requests=2), NOW + second), Taken)
    refused = limits.take(connection, a_try(requests=2), NOW + 20)
    assert isinstance(refused, NoRoom)
    assert refused.until == NOW + 61
    assert "request limit of key …4f2a" in refused.reason
    assert isinstance(limits.take(connection, a_try(requests=2), NOW + 60.9), NoRoom)
    assert isinstance(limits.take(connection, a_try(requests=2), NOW + 61), Taken)


def test_the_token_limit_waits_until_enough_has_left(connection: sqlite3.Connection) -> None:
    for second, tokens in ((0, 30), (5, 30), (9, 30)):
        limits.take(connection, a_try(tokens, per_min=100), NOW + second)
    assert isinstance(limits.take(connection, a_try(10, per_min=100), NOW + 10), Taken)
    refused = limits.take(connection, a_try(50, per_min=100), NOW + 12)
    assert isinstance(refused, NoRoom)
    assert refused.until == NOW + 66
    assert "token limit" in refused.reason


def test_what_is_larger_than_the_limit_never_fits(connection: sqlite3.Connection) -> None:
    assert limits.take(connection, a_try(101, per_min=100), NOW) == NeverFits(tokens=101, limit=100)
    assert isinstance(limits.take(connection, a_try(100, per_min=100), NOW), Taken)


def test_the_bill_corrects_the_tokens(connection: sqlite3.Connection) -> None:
    taken = limits.take(connection, a_try(90, per_min=100), NOW)
    assert isinstance(taken, Taken)
    assert isinstance(limits.take(connection, a_try(20, per_min=100), NOW), NoRoom)
    limits.correct_take(connection, taken.try_id, 30)
    assert isinstance(limits.take(connection, a_try(70, per_min=100), NOW), Taken)
    (use,) = limits.key_uses(connection, [("a", TAIL, KeyLimits(tokens_per_min=100))], NOW)
    assert (use.requests_60s, use.tokens_60s, use.state) == (2, 100, KeyState.READY)


def test_a_try_that_never_left_can_be_given_back(connection: sqlite3.Connection) -> None:
    taken = limits.take(connection, a_try(requests=1, free=True), NOW)
    assert isinstance(taken, Taken)
    limits.give_back(connection, taken.try_id)
    limits.give_back(connection, taken.try_id)
    assert limits.free_use(connection, "a", NOW).day_used == 0
    assert isinstance(limits.take(connection, a_try(requests=1), NOW), Taken)


def test_keys_do_not_share_their_limits(connection: sqlite3.Connection) -> None:
    assert isinstance(limits.take(connection, a_try(requests=1), NOW), Taken)
    assert isinstance(limits.take(connection, a_try(requests=1, account="b"), NOW), Taken)


def test_a_clock_set_back_delays_by_a_window_at_most(connection: sqlite3.Connection) -> None:
    limits.take(connection, a_try(requests=1), NOW)
    back = NOW - 7200
    refused = limits.take(connection, a_try(requests=1), back)
    assert isinstance(refused, NoRoom)
    assert refused.until == back + 61
    assert isinstance(limits.take(connection, a_try(requests=1), back + 61), Taken)


def test_no_window_of_a_minute_is_ever_over(connection: sqlite3.Connection) -> None:
    chance = random.Random(5)
    now, taken = NOW, []
    for _ in range(600):
        now += chance.random() * 4
        tokens = chance.randint(1, 60)
        outcome = limits.take(connection, a_try(tokens, requests=12, per_min=300), now)
        if isinstance(outcome, Taken):
            taken.append((now, tokens))
        else:
            assert isinstance(outcome, NoRoom)
            assert now < outcome.until <= now + 61
    assert len(taken) > 50
    for start, _ in taken:
        window = [tokens for at, tokens in taken if start <= at < start + 60]
        assert len(window) <= 12
        assert sum(window) <= 300


def test_waiting_until_the_time_that_was_said_is_enough(connection: sqlite3.Connection) -> None:
    chance = random.Random(6)
    now = NOW
    for _ in range(200):
        wanted = a_try(chance.randint(1, 90), requests=5, per_min=100)
        outcome = limits.take(connection, wanted, now)
        if isinstance(outcome, NoRoom):
            now = outcome.until
            assert isinstance(limits.take(connection, wanted, now), Taken)
        now += chance.random() * 3


def test_a_resting_key_gives_no_room(connection: sqlite3.Connection) -> None:
    keys.rest_key(connection, "a", until=NOW + 30, reason=Clean("429 from Acme"), now=NOW)
    keys.rest_key(connection, "a", until=NOW + 10, reason=Clean("429 from Acme"), now=NOW)
    refused = limits.take(connection, a_try(), NOW + 1)
    assert refused == NoRoom(until=NOW + 30, reason=Clean("key …4f2a rests: 429 from Acme"))
    (use,) = limits.key_uses(connection, [("a", TAIL, KeyLimits())], NOW + 29)
    assert (use.state, use.until, use.failures) == (KeyState.RESTING, NOW + 30, 2)
    (use,) = limits.key_uses(connection, [("a", TAIL, KeyLimits())], NOW + 30)
    assert (use.state, use.until, use.failures) == (KeyState.READY, None, 2)
    assert isinstance(limits.take(connection, a_try(), NOW + 30), Taken)


def test_dead_and_empty_keys_stay_so_until_they_do_well(connection: sqlite3.Connection) -> None:
    keys.mark_dead(connection, "a", reason=Clean("401"), now=NOW)
    keys.mark_empty(connection, "b", reason=Clean("402"), now=NOW)
    states = [use.state for use in limits.key_uses(connection, [(a, TAIL, KeyLimits()) for a in "abc"], NOW + 1e6)]
    assert states == [KeyState.DEAD, KeyState.EMPTY, KeyState.READY]
    keys.mark_ready(connection, "a")
    assert limits.key_uses(connection, [("a", TAIL, KeyLimits())], NOW)[0].state is KeyState.READY


def test_the_free_allowance_is_counted_and_starts_anew_at_midnight_utc(connection: sqlite3.Connection) -> None:
    for second in range(25):
        assert isinstance(limits.take(connection, a_try(free=True), NOW + second), Taken)
    use = limits.free_use(connection, "a", NOW + 25)
    assert (use.minute_used, use.minute_limit, use.day_used, use.day_limit, use.at_least) == (25, 20, 25, 50, True)
    midnight = NOW - NOW % 86_400 + 86_400
    assert use.resets_at == midnight
    assert limits.free_use(connection, "a", midnight).day_used == 0
    limits.take(connection, a_try(free=True), midnight)
    assert limits.free_use(connection, "a", midnight).day_used == 1


def test_a_minute_that_others_have_used_up_is_full_until_the_time_that_was_told(connection: sqlite3.Connection) -> None:
    limits.take(connection, a_try(free=True), NOW)
    limits.correct_free(connection, "a", NOW, minute_limit=20, minute_full_until=NOW + 42)
    use = limits.free_use(connection, "a", NOW + 1)
    assert (use.minute_used, use.minute_limit, use.minute_room_at) == (20, 20, NOW + 42)
    refused = limits.take(connection, a_try(free=True), NOW + 1)
    assert isinstance(refused, NoRoom)
    assert refused.until == NOW + 42
    assert isinstance(limits.take(connection, a_try(), NOW + 1), Taken)
    # A clock that was set back would hold it for as long.
    assert isinstance(limits.take(connection, a_try(free=True), NOW - 3600), Taken)
    assert isinstance(limits.take(connection, a_try(free=True), NOW + 42), Taken)
    assert limits.free_use(connection, "a", NOW + 42).minute_room_at is None


def test_an_allowance_that_was_told_is_kept(connection: sqlite3.Connection) -> None:
    limits.correct_free(connection, "a", NOW, day_used=999, day_limit=1000, minute_limit=20)
    assert isinstance(limits.take(connection, a_try(free=True), NOW), Taken)
    refused = limits.take(connection, a_try(free=True), NOW)
    assert isinstance(refused, NoRoom)
    assert refused.until == NOW - NOW % 86_400 + 86_400
    assert isinstance(limits.take(connection, a_try(), NOW), Taken)
    assert not limits.free_use(connection, "a", NOW).at_least
    limits.correct_free(connection, "a", NOW, day_used=0)
    for second in range(19):
        assert isinstance(limits.take(connection, a_try(free=True), NOW + second), Taken)
    refused = limits.take(connection, a_try(free=True), NOW + 20)
    assert isinstance(refused, NoRoom)
    assert refused.until == NOW + 61


def test_quota_replies_are_kept_with_their_age(connection: sqlite3.Connection) -> None:
    assert keys.quota_reply(connection, "a", "key") is None
    keys.save_quota_reply(connection, "a", "key", b"{1}", NOW)
    keys.save_quota_reply(connection, "a", "key", b"{2}", NOW + 1)
    assert keys.quota_reply(connection, "a", "key") == keys.QuotaReply(b"{2}", NOW + 1)
