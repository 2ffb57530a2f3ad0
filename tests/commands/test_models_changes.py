"""`ortui models new` and `ortui models changed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli_runner import Ortui


def test_the_terms_tell_what_moved(ortui: Ortui, start_demo_server: Callable[..., str]) -> None:
    ortui.environment["OPENROUTER_BASE_URL"] = start_demo_server("--speed", "0", "--moves-every", "0")
    assert ortui("models", "changed", "--json").json == []
    came = {row["id"] for row in ortui("models", "new", "--json").json}
    assert "oddities/brand-new" in came
    assert ortui("models", "--refresh", "--json").status == 0
    assert ortui("models", "--refresh", "--json").status == 0
    changed = {row["id"] for row in ortui("models", "changed", "--json").json}
    assert changed
    assert all(name.startswith(("oddities/moving-", "oddities/guest-")) for name in changed)
    guests = {name for name in changed if "guest" in name}
    new = {row["id"] for row in ortui("models", "new", "--json").json}
    assert guests
    assert guests <= new
    everything = {row["id"] for row in ortui("models", "--json").json}
    assert {row["id"] for row in ortui("models", "-changed", "--json").json} == everything - changed
    table = ortui("models", "changed")
    assert table.status == 0
    assert any(line.count("▲") or line.count("▼") for line in table.out.splitlines())
