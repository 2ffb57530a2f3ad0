"""A limit that comes near is told of once."""

from __future__ import annotations

from tui.core.limit_alarm import LimitAlarm


def test_once_at_eighty_and_once_at_ninety_five() -> None:
    alarm = LimitAlarm()
    told = [alarm.news({"today": level}) for level in (0, 1, 1, 2, 2, 1, 2, 0, 1)]
    assert told == [[], ["today"], [], ["today"], [], [], [], [], ["today"]]


def test_a_limit_that_is_full_at_first_sight_is_told_of_once() -> None:
    alarm = LimitAlarm()
    assert alarm.news({"key": 2, "month": 1}) == ["key", "month"]
    assert alarm.news({"key": 2, "month": 1}) == []


def test_limits_of_a_minute_come_and_go_untold() -> None:
    alarm = LimitAlarm()
    assert alarm.news({"rpm": 2, "tpm": 2, "free-minute": 2, "resting": 1, "dead": 2}) == []


def test_a_limit_that_is_not_shown_for_a_moment_is_not_told_of_again() -> None:
    alarm = LimitAlarm()
    assert alarm.news({"month": 1}) == ["month"]
    assert alarm.news({}) == []
    assert alarm.news({"month": 1}) == []
