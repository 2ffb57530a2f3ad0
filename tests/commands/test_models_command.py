"""`ortui models`: the catalogue for people and for programs."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tui.demo.launch import DemoProcess

if TYPE_CHECKING:
    from cli_runner import Ortui

FIELDS = [
    "id",
    "name",
    "context_length",
    "prompt_price",
    "completion_price",
    "input_modalities",
    "output_modalities",
    "supported_parameters",
]


def ids(ortui: Ortui, *words: str) -> set[str]:
    done = ortui("models", *words, "--json")
    assert done.status == 0, done.err
    return {row["id"] for row in done.json}


def test_the_whole_list_works_without_a_key(ortui: Ortui) -> None:
    del ortui.environment["OPENROUTER_API_KEY"]
    done = ortui("models", "--json")
    assert (done.status, done.err) == (0, "")
    rows = {row["id"]: row for row in done.json}
    assert len(rows) >= 300
    assert all(list(row) == FIELDS for row in rows.values())
    sonnet = rows["anthropic/claude-3.5-sonnet"]
    assert (sonnet["prompt_price"], sonnet["completion_price"]) == ("0.000003", "0.000015")
    assert sonnet["context_length"] == 200_000
    assert sonnet["output_modalities"] == ["text"]
    assert any("embeddings" in row["output_modalities"] for row in rows.values())
    prices = [row[name] for row in rows.values() for name in ("prompt_price", "completion_price")]
    assert all(price is None or ("e" not in price.lower() and Decimal(price) >= 0) for price in prices)
    assert None in prices


def test_the_filter_is_the_screens(ortui: Ortui) -> None:
    everything = ids(ortui)
    assert ids(ortui, "claude", "sonnet") == {one for one in everything if "claude" in one and "sonnet" in one}
    assert ids(ortui, "claude sonnet") == ids(ortui, "sonnet", "claude")
    free = ids(ortui, "free")
    assert free
    assert not free & ids(ortui, "-free")
    assert {row["id"] for row in ortui("models", "--json", "--", "-free").json} == ids(ortui, "-free")
    assert all(one.lstrip("~").startswith("anthropic/") for one in ids(ortui, "author:anthropic", "-opus"))
    assert ids(ortui, "out:embeddings", "-demo/") < everything


def test_nothing_found_is_an_empty_array_and_never_a_guess(ortui: Ortui) -> None:
    done = ortui("models", "claudee-sonet", "--json")
    assert (done.status, done.out) == (0, "[]\n")
    table = ortui("models", "claudee-sonet")
    assert table.status == 0
    assert "claude" in table.out
    assert "similar" in table.err


def test_a_mistake_in_the_filter_is_status_2(ortui: Ortui) -> None:
    done = ortui("models", "tools", "ctx>=many", "--json")
    assert (done.status, done.out) == (2, "")
    assert "'ctx>=many'" in done.err
    assert "like ctx>=128k" in done.err


@pytest.mark.parametrize(
    ("typed", "told"), [("--jsn", "--json"), ("--refesh", "--refresh"), ("--dmeo", "--demo"), ("--opus", "-opus would")]
)
def test_a_mistyped_option_is_told_and_no_word_of_the_filter(ortui: Ortui, typed: str, told: str) -> None:
    done = ortui("models", "claude", typed)
    assert (done.status, done.out) == (2, "")
    assert f"no option {typed}" in done.err
    assert told in done.err
    assert done.err.count("\n") == 1


def test_what_looks_like_an_option_is_a_word_behind_two_dashes(ortui: Ortui) -> None:
    assert ids(ortui, "claude") == {row["id"] for row in ortui("models", "--json", "claude", "--", "--jsn").json}


def test_the_last_list_stands_in_when_the_server_is_gone(ortui: Ortui) -> None:
    with DemoProcess("--speed", "0") as server:
        ortui.environment["OPENROUTER_BASE_URL"] = server.url()
        before = ids(ortui, "claude")
    # Some minutes long nobody is asked; then the old list is better than none.
    fresh = ortui("models", "claude", "--json")
    assert (fresh.status, fresh.err) == (0, "")
    old = ortui("models", "claude", "--refresh", "--json")
    assert old.status == 0
    assert {row["id"] for row in fresh.json} == {row["id"] for row in old.json} == before
    assert "This is the list of" in old.err
    ortui.environment["ORTUI_DATA_DIR"] = str(ortui.home / "elsewhere")
    none = ortui("models", "claude", "--json")
    assert (none.status, none.out) == (6, "")
    assert none.err.count("\n") == 1


@pytest.mark.parametrize("place", ["before", "after", "equals"])
def test_options_stand_before_or_after_the_name(ortui: Ortui, place: str) -> None:
    url = ortui.environment.pop("OPENROUTER_BASE_URL")
    line = {
        "before": ("--base-url", url, "models", "claude", "--json"),
        "after": ("models", "--base-url", url, "claude", "--json"),
        "equals": ("models", "claude", "--json", f"--base-url={url}"),
    }[place]
    done = ortui(*line)
    assert done.status == 0, done.err
    assert done.json


def test_the_demo_needs_nothing(ortui: Ortui) -> None:
    for name in ("OPENROUTER_BASE_URL", "OPENROUTER_API_KEY"):
        del ortui.environment[name]
    done = ortui("models", "--demo", "claude", "--json")
    assert done.status == 0
    assert done.json
    assert (ortui.data / "demo" / "ortui.db").exists()
    assert not (ortui.data / "ortui.db").exists()
    assert ortui("models", "--demo", "--provider", "x").status == 2


def test_csv_for_spreadsheets(ortui: Ortui) -> None:
    done = ortui("models", "author:anthropic", "--csv")
    assert (done.status, done.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.out, newline="")))
    assert {row["id"] for row in rows} == ids(ortui, "author:anthropic")
    assert next(row for row in rows if row["id"] == "anthropic/claude-3.5-sonnet")["prompt_price"] == "0.000003"
    assert ortui("models", "--csv", "--json").status == 2
