"""`ortui spend` and `ortui quota`: what it cost and what is left."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tui.cli import main
from tui.commands.quota import free_words, left_words
from tui.core.conversation import ConversationSettings
from tui.core.events import QuotaRead
from tui.core.ledger import FreeUse, NewRequest, RequestKind, RequestState, Settlement
from tui.database import chats, ledger
from tui.database.opening import open_database
from tui.openrouter.chat import Credits, KeyInfo
from tui.openrouter.text import Clean, Opaque

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli_runner import Ortui

SUMS = {"requests", "prompt_tokens", "completion_tokens", "billed", "estimated", "unknown"}


def test_an_empty_ledger_is_zero(ortui: Ortui) -> None:
    spend = ortui("spend", "--json").json
    assert set(spend) == {"day_utc", "total", "rows"}
    assert (spend["rows"], spend["total"]["requests"], spend["total"]["billed"]) == ([], 0, "0")


@pytest.mark.parametrize("by", ["day", "model", "key", "provider", "conversation"])
def test_the_parts_make_the_total(ortui: Ortui, by: str) -> None:
    cost = sum(
        Decimal(ortui("ask", "-m", model, "--json", "Hello?").json["cost"])
        for model in ("demo/plain", "demo/echo", "demo/402")
    )
    spend = ortui("spend", "--by", by, "--json").json
    total, rows = spend["total"], spend["rows"]
    assert set(total) == SUMS
    assert all(set(row) == SUMS | {"key"} for row in rows)
    assert Decimal(total["billed"]) == cost > 0
    assert sum(Decimal(row["billed"]) for row in rows) == cost
    assert sum(row["requests"] for row in rows) == total["requests"]
    keys = {row["key"] for row in rows}
    wanted = {
        "day": {spend["day_utc"]},
        "model": {"demo/plain", "demo/echo"},
        "key": {f"…{ortui.environment['OPENROUTER_API_KEY'][-4:]}"},
        "provider": {"FakeProvider"},
    }
    assert wanted.get(by, set()) <= keys


def test_since_a_day(ortui: Ortui) -> None:
    ortui("ask", "-m", "demo/plain", "Hello?")
    assert ortui("spend", "--since", "2999-01-01", "--json").json["rows"] == []
    assert len(ortui("spend", "--since", "2020-01-01", "--json").json["rows"]) == 1
    bad = ortui("spend", "--since", "tuesday")
    assert (bad.status, bad.err) == (2, "ortui: --since expects a day as 2026-01-31.\n")


def test_sums_of_another_server_are_not_mixed_in(ortui: Ortui, start_demo_server: Callable[..., str]) -> None:
    ortui("ask", "-m", "demo/plain", "Hello?")
    other = start_demo_server("--speed", "0")
    assert ortui("spend", "--base-url", other, "--json").json["total"]["requests"] == 0


def test_quota_has_the_fields_of_the_contract(ortui: Ortui, fresh_key: Callable[..., str]) -> None:
    key = ortui.environment["OPENROUTER_API_KEY"] = fresh_key("limit-0.05")
    done = ortui("quota", "--json")
    quota = done.json
    assert (done.status, done.err) == (0, "")
    assert set(quota) == {"as_of", "key", "credits", "free", "keys", "spend"}
    assert set(quota["spend"]) == {"day_utc", "reserved", "action", "today", "month"}
    assert quota["spend"]["today"] == {"billed": "0", "estimated": "0", "unknown": 0, "budget": None}
    assert quota["as_of"].endswith("Z")
    assert quota["key"]["limit"] == "0.05"
    assert quota["free"]["minute"] == {"used": 0, "limit": 20}
    assert set(quota["free"]["day"]) == {"used", "limit", "at_least"}
    assert quota["free"]["resets_at"].endswith("T00:00:00Z")
    (use,) = quota["keys"]
    assert list(use) == ["id", "state", "until", "requests_60s", "req_per_min", "tokens_60s", "tokens_per_min"]
    assert (use["id"], use["state"], use["requests_60s"]) == (f"…{key[-4:]}", "ready", 0)
    assert key not in done.out


def test_the_network_is_used_only_when_it_is_old(ortui: Ortui) -> None:
    first = ortui("quota", "--json").json
    assert ortui("quota", "--json").json["as_of"] == first["as_of"]
    ortui("ask", "-m", "demo/plain", "Hello?")
    again = ortui("quota", "--json", "--max-age", "0").json
    assert Decimal(again["key"]["usage"]) > Decimal(first["key"]["usage"])
    assert again["keys"][0]["requests_60s"] == 1
    assert "last minute requests 1, tokens " in ortui("quota").out


def test_a_line_for_a_status_bar(ortui: Ortui) -> None:
    done = ortui("quota", "--line")
    assert done.status == 0
    assert done.out.count("\n") == 1
    assert "free 0/50" in done.out
    assert done.out.startswith("today $0 · ")


def test_what_is_left_has_its_countdown_its_age_and_a_mark_when_it_is_short() -> None:
    now = datetime(2026, 8, 6, 7, 0, tzinfo=UTC).timestamp()

    def left(remaining: str, limit: str = "10", *, read_s_ago: float = 5.0, reset: str | None = "weekly") -> str | None:
        key = KeyInfo(
            label=Clean("k"),
            limit=Decimal(limit),
            limit_remaining=Decimal(remaining),
            limit_reset=Clean(reset) if reset else None,
        )
        return left_words(QuotaRead(as_of=now - read_s_ago, key=key, credits=None), now)

    assert left("7.5") == "$7.50/$10.00 left 3d"
    assert left("7.5", reset=None) == "$7.50/$10.00 left"
    assert left("1.5", read_s_ago=3700) == "$1.50/$10.00 left 3d (61m old) !"
    assert left("0", "0") == "$0/$0 left 3d !!"
    balance = Credits(total_credits=Decimal(10), total_usage=Decimal("9.9"))
    assert left_words(QuotaRead(as_of=now, key=None, credits=balance), now) == "$0.10 left !!"
    assert left_words(None, now) is None


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (FreeUse(), "free 0/50"),
        (FreeUse(day_used=39, minute_used=15), "free ≥39/50"),
        (FreeUse(day_used=40, minute_used=16), "free ≥40/50 ! · free 16/20 this min !"),
        (FreeUse(day_used=50, minute_used=20, at_least=False), "free 50/50 !! · free 20/20 this min !!"),
    ],
)
def test_the_free_allowance_is_marked_as_in_the_strip(free: FreeUse, words: str) -> None:
    assert free_words(free) == words


def test_what_was_never_told_is_unknown_and_not_left_out(ortui: Ortui, tmp_path: Path) -> None:
    del ortui.environment["OPENROUTER_BASE_URL"]
    config = tmp_path / "nobody.yaml"
    config.write_text(
        "llm_providers: [{id: here, type: openrouter, api_keys: [sk-or-v1-0123456789abcdef],"
        " management_key: sk-or-v1-mgmt56789abcdef, base_url: 'http://127.0.0.1:9/api/v1'}]\n"
    )
    lines = [line.split(maxsplit=2) for line in ortui("--config", str(config), "quota").out.splitlines()]
    assert ["key", "limit", "–"] in lines
    assert ["credits", "–"] in lines


def test_spending_and_budgets_are_in_every_form(ortui: Ortui, tmp_path: Path) -> None:
    key = ortui.environment["OPENROUTER_API_KEY"]
    base_url = ortui.environment["OPENROUTER_BASE_URL"]
    config = tmp_path / "budget.yaml"
    config.write_text(
        f"llm_providers: [{{id: here, type: openrouter, api_keys: ['{key}'], base_url: '{base_url}'}}]\n"
        "budget: {day: 0.00003, month: 5.00, action: warn}\n"
    )
    cost = ortui("--config", str(config), "ask", "-m", "demo/plain", "--json", "Hello?").json["cost"]
    spend = ortui("--config", str(config), "quota", "--json").json["spend"]
    assert (spend["today"]["billed"], spend["month"]["billed"]) == (cost, cost)
    assert (spend["today"]["budget"], spend["month"]["budget"], spend["action"]) == ("0.00003", "5", "warn")
    line = ortui("--config", str(config), "quota", "--line").out
    level = " !!" if Decimal(cost) >= Decimal("0.0000285") else " !" if Decimal(cost) >= Decimal("0.000024") else ""
    assert f"/0.00003{level} · month $" in line and "/5.00 · " in line
    assert "today, " in ortui("--config", str(config), "quota").out


def test_sums_as_csv_and_requests_as_files(ortui: Ortui) -> None:
    cost = ortui("ask", "-m", "demo/plain", "--json", "Hello?").json["cost"]
    rows = list(csv.DictReader(io.StringIO(ortui("spend", "--by", "model", "--csv").out)))
    assert [(row["key"], row["requests"], row["billed"]) for row in rows] == [("demo/plain", "1", cost)]
    for kind in ("csv", "json"):
        done = ortui("spend", "--export", kind)
        path = Path(done.out.strip())
        assert (done.status, path.suffix) == (0, f".{kind}")
        assert "1 requests written" in done.err
        if os.name != "nt":
            assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text()
        (row,) = json.loads(text) if kind == "json" else csv.DictReader(io.StringIO(text))
        assert (row["cost"], row["cost_kind"], row["model"]) == (cost, "billed", "demo/plain")
    both = ortui("spend", "--csv", "--json")
    assert (both.status, both.err) == (2, "ortui: Give one of --json, --csv and --export.\n")


def test_conversations_have_their_titles_on_a_terminal_and_their_ids_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = open_database(home / "ortui.db", busy_s=1).connection
    title = Clean("Which of the trees in our park keep their leaves in winter?")
    chats.create(connection, "0123abcd", title=title, settings=ConversationSettings(), now=1.0)
    for number, conversation in enumerate(("0123abcd", None)):
        new = NewRequest(
            id=str(number),
            kind=RequestKind.CHAT,
            origin="http://127.0.0.1:9",
            created_at=1.0,
            model=Opaque("a/b"),
            conversation_id=conversation,
            reserve_usd=None,
            estimate_usd=None,
        )
        ledger.reserve(connection, new, limits={}, action="warn", process="p", now=1.0)
        bill = Settlement(request_id=str(number), state=RequestState.BILLED, ended_at=2.0, cost_usd=Decimal(2 - number))
        ledger.settle(connection, bill)
    connection.close()
    monkeypatch.setenv("ORTUI_DATA_DIR", str(home))
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:9/api/v1")
    monkeypatch.setenv("COLUMNS", "80")

    def printed(*options: str) -> str:
        assert main(["spend", "--by", "conversation", *options]) == 0
        return capsys.readouterr().out

    for text in (printed(), printed("--csv")):
        assert "0123abcd" in text and "trees" not in text
    assert [row["key"] for row in json.loads(printed("--json"))["rows"]] == ["0123abcd", "–"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    head, named, nowhere, total = printed().splitlines()
    # The title gives way to the figures, not they to it.
    assert named.startswith("Which of the ") and "…" in named and len(head) == 80
    assert [line.split()[-1] for line in (named, nowhere, total)] == ["$2.00", "$1.00", "$3.00"]
    assert nowhere.startswith("–  ")
    monkeypatch.setenv("COLUMNS", "200")
    assert title in printed()


def test_a_refused_key_and_no_key(ortui: Ortui) -> None:
    ortui.environment["OPENROUTER_API_KEY"] = "sk-or-v1-invalid-0000000000"
    refused = ortui("quota", "--json")
    assert refused.status == 3
    assert refused.json["key"] is None
    del ortui.environment["OPENROUTER_API_KEY"]
    none = ortui("quota", "--json")
    assert (none.status, none.json["keys"]) == (2, [])
    assert "OPENROUTER_API_KEY" in none.err


def test_what_came_to_nothing_is_no_row(ortui: Ortui) -> None:
    ortui("ask", "-m", "demo/402", "Hello?")
    for by in ("day", "model", "provider"):
        assert ortui("spend", "--by", by, "--json").json["rows"] == []
