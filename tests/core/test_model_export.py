"""Models as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tui.core.model_export import CSV_COLUMNS, model_row, models_csv, models_json
from tui.folders import shared_mode, write_export
from tui.openrouter.catalogue import Benchmarks, Model, Pricing
from tui.openrouter.text import Clean, Opaque

MODEL = Model(
    id=Opaque("maker/large"),
    slug=Clean("maker/large"),
    name=Clean('Maker, "Large" | one'),
    author=Clean("maker"),
    created=1_790_000_000,
    context_length=131_072,
    input_modalities=(Clean("text"), Clean("image")),
    output_modalities=(Clean("text"),),
    pricing=Pricing(prompt=Decimal("4.5E-7"), completion=Decimal("0.00000180")),
    supported_parameters=frozenset({Clean("tools"), Clean("max_tokens")}),
    expiration_date=date(2027, 1, 20),
    benchmarks=Benchmarks(intelligence_index=41.5),
)


def read(models: list[Model]) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(models_csv(models).decode(), newline="")))


def test_csv_says_prices_plainly_and_nothing_of_the_unknown() -> None:
    (row,) = read([MODEL])
    assert tuple(row) == CSV_COLUMNS
    assert row["name"] == 'Maker, "Large" | one'
    assert (row["prompt_price"], row["completion_price"]) == ("0.00000045", "0.0000018")
    assert row["cache_read_price"] == row["coding_index"] == ""
    assert (row["input_modalities"], row["supported_parameters"]) == ("text image", "max_tokens tools")
    assert (row["intelligence_index"], row["created"], row["expires"]) == ("41.5", "2026-09-21", "2027-01-20")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "  ="])
def test_no_cell_of_foreign_text_is_a_formula(sign: str) -> None:
    evil = f'{sign}HYPERLINK("http://evil.test")'
    (row,) = read([replace(MODEL, name=Clean(evil), slug=Clean(evil), knowledge_cutoff=Clean(evil))])
    assert row["name"] == row["id"] == row["knowledge_cutoff"] == f"'{evil}"


def test_a_price_of_nothing_is_unknown_where_pictures_come_out_and_a_wild_date_too() -> None:
    nothing = Pricing(prompt=Decimal(0), completion=Decimal(0))
    picture = replace(MODEL, pricing=nothing, output_modalities=(Clean("image"),), created=10**17)
    (row,) = read([picture])
    assert row["prompt_price"] == row["created"] == ""
    (row,) = read([replace(picture, output_modalities=(Clean("text"),))])
    assert row["prompt_price"] == "0"


def test_json_is_an_array_of_the_commands_objects() -> None:
    assert json.loads(models_json([MODEL, MODEL])) == [model_row(MODEL)] * 2
    assert json.loads(models_json([])) == []


def test_an_export_is_private_and_replaces_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "exports"
    first = write_export(folder, "models", "csv", b"1", 1_790_000_000.0)
    second = write_export(folder, "models", "csv", b"2", 1_790_000_000.0)
    assert first.name == "models-20260921-141320.csv"
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert shared_mode(first) is None
    assert folder.stat().st_mode & 0o077 == 0
