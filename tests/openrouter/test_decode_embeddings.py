"""Vectors in every form that servers send them in, and refused when they are no good."""

from __future__ import annotations

import base64
import json
import struct
from decimal import Decimal
from typing import Any

import pytest

from tui.openrouter.decode_embeddings import UnreadableVectors, vectors_from
from tui.openrouter.text import Opaque


def packed(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def body(*vectors: Any, **extra: Any) -> bytes:
    rows = [{"object": "embedding", "embedding": vector, "index": index} for index, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "data": rows, "model": "acme/vec", "provider": "P"} | extra).encode()


def test_floats() -> None:
    usage = {"prompt_tokens": 9, "total_tokens": 9, "cost": 2.7e-07}
    reply = vectors_from(body([0.5, 1, -2e-3], [0, 0, 1], id="gen-emb-1", usage=usage), 2, None)
    assert reply.vectors == (packed(0.5, 1, -2e-3), packed(0, 0, 1))
    assert (reply.dimensions, reply.model, reply.provider) == (3, "acme/vec", "P")
    assert reply.generation_id == Opaque("gen-emb-1")
    assert (reply.usage.prompt_tokens, reply.usage.cost_usd) == (9, Decimal("2.7E-7"))


def test_base64_is_told_by_the_type_that_arrives() -> None:
    text = base64.b64encode(packed(0.5, -1)).decode()
    assert vectors_from(body(text, [0.5, -1]), 2, None).vectors == (packed(0.5, -1),) * 2


def test_they_are_put_in_the_order_of_the_texts() -> None:
    rows = [{"embedding": [float(index)], "index": index} for index in (2, 0, 1)]
    reply = vectors_from(json.dumps({"data": rows}).encode(), 3, Opaque("gen-h"))
    assert reply.vectors == (packed(0), packed(1), packed(2))
    assert reply.generation_id == Opaque("gen-h")
    bare = [{"embedding": [float(index)]} for index in (2, 0, 1)]
    assert vectors_from(json.dumps({"data": bare}).encode(), 3, None).vectors == (packed(2), packed(0), packed(1))


@pytest.mark.parametrize("extra", [{"model": 7}, {"provider": "\ud800"}, {"usage": []}, {"id": None}])
def test_bad_surroundings_do_not_cost_the_vectors(extra: dict[str, Any]) -> None:
    assert vectors_from(body([1.0], **extra), 1, None).vectors == (packed(1),)


@pytest.mark.parametrize(
    ("reply", "expected", "what"),
    [
        (body([1.0]), 2, "1 vectors came for 2 texts"),
        (body(), 1, "0 vectors came for 1 texts"),
        (body([1.0], [1.0, 2.0]), 2, "different lengths"),
        (body([]), 1, "empty"),
        (body([1.0, float("nan")]), 1, "no number"),
        (body([1e300]), 1, "no number"),
        (body([1.0, None]), 1, "no number"),
        (body([1.0, "2"]), 1, ""),
        (body("????"), 1, "neither"),
        (body("AAA="), 1, "neither"),
        (body(base64.b64encode(packed(float("inf"))).decode()), 1, "no number"),
        (body(None), 1, "missing"),
        (b'{"data":[{"embedding":[1],"index":1}]}', 1, "not numbered"),
        (b'{"data":[{"embedding":[1],"index":0},{"embedding":[1],"index":0}]}', 2, "not numbered"),
        (b'{"data":[{"embedding":[1],"index":0},{"embedding":[1]}]}', 2, "not numbered"),
        (b'{"data":{}}', 1, "no vectors"),
        (b'{"error":{"code":502}}', 1, "no vectors"),
        (b"<html>", 1, "no JSON"),
        (b"", 1, "no JSON"),
    ],
)
def test_vectors_that_are_no_good(reply: bytes, expected: int, what: str) -> None:
    if what == "":
        assert vectors_from(reply, expected, None).vectors == (packed(1, 2),)
        return
    with pytest.raises(UnreadableVectors, match=what):
        vectors_from(reply, expected, None)
