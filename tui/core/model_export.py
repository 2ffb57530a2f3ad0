"""Models as rows of JSON and CSV, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from tui.core.formats import plain
from tui.core.prices import token_price
from tui.openrouter.catalogue import Benchmarks, Model

CSV_COLUMNS: Final = (
    "id",
    "name",
    "author",
    "context_length",
    "max_completion_tokens",
    "prompt_price",
    "completion_price",
    "cache_read_price",
    "cache_write_price",
    "request_price",
    "input_modalities",
    "output_modalities",
    "supported_parameters",
    "intelligence_index",
    "coding_index",
    "agentic_index",
    "knowledge_cutoff",
    "created",
    "expires",
)
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def model_row(model: Model) -> dict[str, Any]:
    """The object of a model that `ortui models --json` writes: prices in USD per token as decimal strings."""
    pricing = model.pricing
    return {
        "id": model.slug,
        "name": model.name,
        "context_length": model.context_length,
        "prompt_price": _amount(token_price(model, pricing.prompt)),
        "completion_price": _amount(token_price(model, pricing.completion)),
        "input_modalities": list(model.input_modalities),
        "output_modalities": list(model.output_modalities),
        "supported_parameters": sorted(model.supported_parameters),
    }


def models_json(models: Sequence[Model]) -> bytes:
    """One JSON array, a model a line."""
    body = b",\n".join(msgspec.json.encode(model_row(model)) for model in models)
    return b"[\n" + body + b"\n]\n" if models else b"[]\n"


def models_csv(models: Sequence[Model]) -> bytes:
    """A head and a row a model, in UTF-8: prices in USD per token, per request where it says so; empty is unknown.

    Text that a spreadsheet would take for a formula has a `'` in front.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_csv_row(model) for model in models)
    return written.getvalue().encode()


def _csv_row(model: Model) -> Sequence[str | int | float | None]:
    pricing, marks = model.pricing, model.benchmarks or Benchmarks()
    return (
        _text(model.slug),
        _text(model.name),
        _text(model.author),
        model.context_length,
        model.max_completion_tokens,
        _amount(token_price(model, pricing.prompt)),
        _amount(token_price(model, pricing.completion)),
        _amount(token_price(model, pricing.input_cache_read)),
        _amount(token_price(model, pricing.input_cache_write)),
        _amount(pricing.request),
        _text(" ".join(model.input_modalities)),
        _text(" ".join(model.output_modalities)),
        _text(" ".join(sorted(model.supported_parameters))),
        marks.intelligence_index,
        marks.coding_index,
        marks.agentic_index,
        _text(model.knowledge_cutoff or ""),
        _day(model.created),
        None if model.expiration_date is None else model.expiration_date.isoformat(),
    )


def _text(foreign: str) -> str:
    """Somebody else's text as a cell that no spreadsheet calculates."""
    return f"'{foreign}" if foreign.lstrip(" ").startswith(_FORMULA_SIGNS) else foreign


def _amount(usd: Decimal | None) -> str | None:
    return None if usd is None else plain(usd)


def _day(unix: int | None) -> str | None:
    if unix is None:
        return None
    try:
        return datetime.fromtimestamp(unix, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None
