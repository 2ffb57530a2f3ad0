"""Real recordings decode, where they are at hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from scripted_streams import ended, merged, read, text

from tui.openrouter.chat import ToolCallsChanged, UsageArrived
from tui.openrouter.decode_account import generation_from
from tui.openrouter.decode_catalogue import decode_endpoints, decode_models
from tui.openrouter.decode_embeddings import vectors_from
from tui.openrouter.decode_error import error_from_response
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Opaque

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not at hand")

STREAMS = sorted((DATA / "sse").glob("*.sse")) if DATA.is_dir() else []
ERRORS = sorted((DATA / "errors").glob("*.json")) if DATA.is_dir() else []


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_streams(path: Path) -> None:
    body = path.read_bytes()
    events = read(body)
    last = ended(events)
    assert last.complete
    assert last.broken_events == 0
    assert last.finish_reason in ("stop", "tool_calls")
    assert text(events) or any(isinstance(event, ToolCallsChanged) for event in events)
    usage = [event.usage for event in events if isinstance(event, UsageArrived)][-1]
    assert usage.cost_usd
    assert usage.cost_usd < Decimal("0.01")
    assert merged(read(*(body[i : i + 97] for i in range(0, len(body), 97)))) == merged(events)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_reasoning_for_the_round_trip(path: Path) -> None:
    details = ended(read(path.read_bytes())).reasoning_details
    if "reasoning-signature" in path.stem:
        assert details is not None
        (only,) = json.loads(details.raw)
        assert only["signature"]
    elif "encrypted-summary" in path.stem:
        assert details is not None
        assert {"reasoning.summary", "reasoning.encrypted"} <= {item["type"] for item in json.loads(details.raw)}
    else:
        assert details is None


@pytest.mark.parametrize(
    ("name", "count"), [("models-2026-01", 347), ("models-2026-05", 356), ("models-2026-08-sample", 22)]
)
def test_model_lists(name: str, count: int) -> None:
    embeddings = (DATA / "embeddings-models.json").read_bytes()
    reply = decode_models((DATA / f"{name}.json").read_bytes(), embeddings)
    assert len(reply.models) == count + 21
    assert (reply.mended, reply.unreadable, reply.duplicates) == (0, 0, 0)
    assert sum(model.is_embedding for model in reply.models) == 21
    assert any(model.pricing.varies for model in reply.models)
    assert all(model.author for model in reply.models)


def test_endpoints() -> None:
    endpoints = decode_endpoints((DATA / "endpoints.json").read_bytes())
    assert len(endpoints) > 1
    assert all(endpoint.tag.raw and endpoint.pricing.prompt is not None for endpoint in endpoints)


def test_embeddings() -> None:
    body = (DATA / "embeddings.json").read_bytes()
    expected = len(json.loads(body)["data"])
    reply = vectors_from(body, expected, None)
    assert len(reply.vectors) == expected
    assert len(reply.vectors[0]) == reply.dimensions * 4
    assert reply.usage.cost_usd is not None


def test_generation() -> None:
    record = generation_from((DATA / "generation.json").read_bytes(), Opaque("asked"))
    assert record.usage.cost_usd == Decimal("0.0004688775")
    assert record.usage.prompt_tokens == 4884


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_errors(path: Path) -> None:
    status = int(path.name[:3])
    error = error_from_response(status, {}, path.read_bytes())
    kinds = {
        400: ErrorKind.BAD_REQUEST,
        401: ErrorKind.BAD_KEY,
        404: ErrorKind.NO_ENDPOINTS,
        429: ErrorKind.RATE_LIMITED,
    }
    assert error.kind is kinds[status]
    assert "user_" not in str(error)
    assert len(error.message) > 30
