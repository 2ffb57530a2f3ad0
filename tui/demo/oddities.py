"""Catalogue rows that a client must survive: routers, strange ids, prices and texts, media that are no text.

All are valid by the protocol's schema; the author `oddities` says that they are invented.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tui.demo.settings import Row, Settings

LONG: Final = (
    "Markup that must stay text: [/b] [@click=app.quit]x[/] [bold red]loud[/] **really** <b>not bold</b>. "
    "Controls: \x1b[31mred\x1b[0m \x1b]52;c;eA==\x1b\\ \x07\x00\x9b. "
    "Direction: \u202egnp.exe\u202c. Lines: a\u2028b\u2029c\r\nd. "
)
LONG_DESCRIPTION: Final = (LONG + "This sentence is here to make a long description longer. " * 80)[:3600]

TINY_PRICE: Final = "0.0000000123456789012345"
"""22 decimal places."""


def odd_rows(settings: Settings, now: datetime) -> list[Row]:
    """Each oddity once."""
    soon = (now + timedelta(days=9)).date().isoformat()
    today = int(now.timestamp())
    rows = [
        _row(
            "openrouter/auto",
            "Auto Router",
            prompt="-1",
            completion="-1",
            tokenizer="Router",
            context=2_000_000,
            parameters=[],
        ),
        _row(
            "openrouter/pareto-code",
            "Pareto Code Router",
            prompt="-1",
            completion="-1",
            tokenizer="Router",
            context=200_000,
        ),
        _row("openrouter/free", "Free Models Router", prompt="0", completion="0", tokenizer="Router", context=131_072),
        _row("oddities/expiring-soon", "gone in nine days") | {"expiration_date": soon},
        _row("oddities/brand-new", "added this hour") | {"created": today - 600},
        _row("oddities/zero-context", "context length 0", context=0),
        _row("oddities/nulls", "null wherever the protocol allows it", context=None),
        _row("oddities/long-description", "3,600 characters [/b] \x1b[31mwith markup\x1b[0m \u202eand controls\u202c")
        | {"description": LONG_DESCRIPTION},
        _row("oddities/22-digit-price", "a price of 22 digits", prompt=TINY_PRICE, completion="0.00000009876543210987"),
        _row("oddities/pinned@2026-08", "an @ in its id"),
        _row("oddities/thinking:extended", "a variant in its id", context=1_000_000),
        _row("oddities/same-slug-a", "shares its slug"),
        _row("oddities/same-slug-b", "shares its slug too") | {"canonical_slug": "oddities/same-slug-a"},
        _row("oddities/night-rate", "half price from 16:30 to 00:30 UTC"),
        _row("oddities/always-override", "an override that always holds"),
        _row("oddities/long-prompts", "dearer over 1,000 and 4,000 prompt tokens"),
        _row("oddities/per-request", "prices for requests, images and searches"),
        _row("oddities/missing-keys", "no optional key at all"),
        _row("oddities/漢字-ünïcode", "wide characters in its id 漢字かな 👩‍👩‍👧‍👦"),
        _row("oddities/painter", "pictures only", prompt="0", completion="0", outputs=["image"]),
        _row("oddities/camera", "films only", prompt="0", completion="0", outputs=["video"]),
        _row("oddities/reader", "speech only", prompt="0", completion="0", outputs=["speech"])
        | {"supported_voices": ["alba", "bruno"]},
        _row(
            "oddities/scribe",
            "transcription only",
            prompt="0",
            completion="0",
            outputs=["transcription"],
            inputs=["audio"],
        ),
        _row("oddities/ranker", "reranking only", prompt="0", completion="0", outputs=["rerank"]),
    ]
    named = {row["id"]: row for row in rows}
    _null(named["oddities/nulls"])
    _strip(named["oddities/missing-keys"])
    named["openrouter/auto"]["description"] = "Picks a model for you; billed at the price of the one that ran."
    base = {"prompt": "0.000002", "completion": "0.000004", "input_cache_read": "0.0000002"}
    half = {"prompt": "0.000001", "completion": "0.000002"}
    named["oddities/night-rate"]["pricing"] = base | {"overrides": [{"utc_start": 1630, "utc_end": 30, **half}]}
    named["oddities/always-override"]["pricing"] = base | {"overrides": [{"utc_start": 0, "utc_end": 2400, **half}]}
    named["oddities/long-prompts"]["pricing"] = base | {
        "overrides": [
            {"min_prompt_tokens": 1000, "prompt": "0.000004"},
            {"min_prompt_tokens": 4000, "prompt": "0.000008", "completion": "0.000016"},
        ]
    }
    extra = {
        "request": "0.001",
        "image": "0.0005",
        "web_search": "0.004",
        "internal_reasoning": "0.000005",
        "discount": 0.1,
    }
    named["oddities/per-request"]["pricing"] = {"prompt": "0.000001", "completion": "0.000002", **extra}
    named["oddities/per-request"]["architecture"]["input_modalities"] = ["text", "image"]
    return rows


def _row(
    model_id: str,
    label: str,
    *,
    prompt: str = "0.0000005",
    completion: str = "0.0000015",
    context: int | None = 65_536,
    tokenizer: str = "Other",
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
    parameters: list[str] | None = None,
) -> Row:
    """An invented row; prices are USD per token as the catalogue writes them."""
    takes, gives = inputs or ["text"], outputs or ["text"]
    return {
        "id": model_id,
        "canonical_slug": model_id,
        "hugging_face_id": "",
        "name": label if model_id.startswith("openrouter/") else f"Oddities: {label}",
        "created": 1_735_689_600,
        "description": f"An invented row: {label}.",
        "context_length": context,
        "architecture": {
            "modality": f"{'+'.join(takes)}->{'+'.join(gives)}",
            "input_modalities": takes,
            "output_modalities": gives,
            "tokenizer": tokenizer,
            "instruct_type": None,
        },
        "pricing": {"prompt": prompt, "completion": completion},
        "top_provider": {"context_length": context, "max_completion_tokens": 8192, "is_moderated": False},
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "temperature"] if parameters is None else parameters,
        "default_parameters": {},
        "supported_voices": None,
        "knowledge_cutoff": None,
        "expiration_date": None,
        "links": {"details": f"/api/v1/models/{model_id}/endpoints"},
    }


odd_row: Final = _row
"""For rows that are made elsewhere."""


def _null(row: Row) -> None:
    """Every field that may be null is."""
    row["architecture"] |= {"modality": None, "instruct_type": None}
    row["top_provider"] |= {"context_length": None, "max_completion_tokens": None}
    row |= {"hugging_face_id": None, "default_parameters": None, "context_length": None}
    row["benchmarks"] = {
        "design_arena": [],
        "artificial_analysis": {"intelligence_index": None, "coding_index": None, "agentic_index": None},
    }


def _strip(row: Row) -> None:
    """Every key that may be missing is."""
    for key in ("description", "hugging_face_id", "knowledge_cutoff", "expiration_date"):
        row.pop(key)
    for key in ("tokenizer", "instruct_type"):
        row["architecture"].pop(key)
    row["top_provider"] = {"is_moderated": False}
