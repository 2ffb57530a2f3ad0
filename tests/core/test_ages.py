"""How long ago something was, as it is shown."""

from __future__ import annotations

import pytest

from tui.core.formats import age


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "now"), (0, "now"), (59, "now"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"),
        (86_400, "1d"), (40 * 86_400, "1mo"), (800 * 86_400, "2y"),
    ],
)  # fmt: skip
def test_ages(seconds: float, shown: str) -> None:
    assert age(1_000_000_000.0 - seconds, 1_000_000_000.0) == shown


def test_an_unknown_age_is_a_dash() -> None:
    assert age(None, 0.0) == "–"
