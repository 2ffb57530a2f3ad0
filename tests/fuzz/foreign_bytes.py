"""Bytes that a server might send: what is right, and how it is spoilt."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from tui.openrouter.text import Opaque, clean

JUNK: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=6)
    | st.sampled_from(
        [10**400, "1e999999999", "NaN", "-1", "\x1b]52;c;eA==\x07", "\ud800", "\u202e", "[/b]", "9" * 500]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)

EVENTS: list[dict[str, Any]] = [
    {"id": "gen-1", "model": "a/b", "provider": "Acme", "choices": [{"delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"reasoning": "Hm", "reasoning_details": [{"type": "r", "text": "Hm"}]}}]},
    {"choices": [{"index": 0, "delta": {"content": "Grüße 漢 👩‍👩‍👧 \u2028 x"}}]},
    {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]}}]},
    {"choices": [{"delta": {"annotations": [{"url_citation": {"url": "https://example.test", "title": "T"}}]}}]},
    {"choices": [{"delta": {"images": [{"image_url": {"url": "data:image/png;base64,eA=="}}]}}]},
    {"choices": [{"delta": {"content": ""}, "finish_reason": "stop", "native_finish_reason": "end"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.0001, "cost_details": {}}},
    {"error": {"code": 502, "message": "gone", "metadata": {"provider_name": "Acme", "raw": "{}"}}, "choices": []},
]
MODEL: dict[str, Any] = {
    "id": "acme/atlas",
    "canonical_slug": "acme/atlas-1",
    "name": "Acme: Atlas",
    "created": 1772323200,
    "description": "Invented.",
    "context_length": 131072,
    "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
    "pricing": {
        "prompt": "0.0000012",
        "completion": "0.000006",
        "overrides": [{"min_prompt_tokens": 6, "prompt": "1"}],
    },
    "top_provider": {"context_length": 131072, "max_completion_tokens": 16384, "is_moderated": False},
    "default_parameters": {"temperature": 0.6},
    "supported_parameters": ["max_tokens", "tools"],
    "reasoning": {"mandatory": True, "supported_efforts": ["high"]},
    "benchmarks": {"design_arena": [{"arena": "m", "category": "w", "elo": 1, "win_rate": 5, "rank": 3}]},
}
ENDPOINT: dict[str, Any] = {
    "name": "Acme | acme/atlas",
    "provider_name": "Acme",
    "tag": "acme/fp8",
    "context_length": 131072,
    "pricing": {"prompt": "0.1", "completion": "0.2", "discount": 0},
    "quantization": "fp8",
    "status": 0,
    "supported_parameters": ["max_tokens"],
    "uptime_last_30m": 99.4,
    "latency_last_30m": {"p50": 640, "p75": 910},
}
BODIES: dict[str, Any] = {
    "models": {"data": [MODEL, MODEL | {"id": "acme/other"}], "links": {"next": "/api/v1/models?page=2"}},
    "endpoints": {"data": {"id": "acme/atlas", "architecture": MODEL["architecture"], "endpoints": [ENDPOINT]}},
    "providers": {"data": [{"slug": "acme", "name": "Acme", "datacenters": ["DE"], "headquarters": "DE"}]},
    "key": {"data": {"label": "sk-or-v1-abc...123", "usage": 1.5, "limit": 10, "is_free_tier": False}},
    "credits": {"data": {"total_credits": 10, "total_usage": 2.5}},
    "generation": {"data": {"id": "gen-1", "total_cost": 0.01, "tokens_prompt": 3, "provider_name": "Acme"}},
    "activity": {"data": [{"date": "2027-01-01", "model": "a/b", "usage": 0.1, "requests": 3, "prompt_tokens": 5}]},
    "embeddings": {
        "data": [
            {"index": 0, "embedding": [0.1, 0.2]},
            {"index": 1, "embedding": base64.b64encode(b"\0\0\x80?\0\0\0@").decode()},
        ],
        "model": "a/b",
        "usage": {"prompt_tokens": 3, "cost": 0.1},
    },
    "error": {
        "error": {"code": 429, "message": "slow", "metadata": {"raw": '{"error":{"message":"x"}}', "reasons": ["a"]}}
    },
    "stream": {},
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from _places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield (*path, number)
            yield from _places(inner, (*path, number))


def _changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    copy: Any = json.loads(json.dumps(value))
    target = copy
    try:
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to
    except (LookupError, TypeError):  # an earlier change has taken the place away
        return value
    return copy


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> bytes:
    """The JSON with some values replaced, then perhaps with bytes cut, changed or repeated."""
    places = list(_places(body))
    for _ in range(draw(st.integers(0, 3))):
        body = _changed(body, draw(st.sampled_from(places)), draw(JUNK))
    return draw(damaged(json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with up to three of: a cut, a changed byte, a repeated stretch, something put in."""
    for _ in range(draw(st.integers(0, 3))):
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        match draw(st.sampled_from(["cut", "byte", "repeat", "insert"])):
            case "cut":
                data = data[:at] + data[end:]
            case "byte" if at < len(data):
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
            case "repeat":
                data = data[:end] + data[at:end] + data[end:]
            case _:
                data = data[:at] + draw(st.sampled_from(PUT_IN)) + data[at:]
    return data


PUT_IN = [b"\n", b"\r", b"\n\n", b":", b"data:", b"\xef\xbb\xbf", b"\0", b"\xff", b"\x1b[2J", b"[" * 2000,
          b'{"a":' * 600, b'"', b"\\ud800", b"\\u0000", b"1e999999999", b"NaN", b"[DONE]", b"null"]  # fmt: skip


def unclean(value: object) -> Iterator[str]:
    """Every text in a decoded value that a terminal might obey; what is `Opaque` is never drawn."""
    if isinstance(value, Opaque | bytes | bool | int | float | Decimal | None):
        return
    if isinstance(value, str):
        if clean(value) != value:
            yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from unclean(getattr(value, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from unclean(name)
            yield from unclean(inner)
    elif isinstance(value, tuple | list | frozenset | set):
        for inner in value:
            yield from unclean(inner)
