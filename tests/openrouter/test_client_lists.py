"""Lists, records and embeddings against scripted answers."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

import httpx
import pytest
from client_script import BASE, FAILURE, KEY, client_of, replies, streams

from tui.openrouter.chat import EmbeddingRequest
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque

# Lists and records


async def test_all_models_are_asked_for_in_every_modality() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        name = "vec" if "embeddings" in request.url.path else "chat"
        return httpx.Response(200, json={"data": [{"id": name}]}, headers={"Date": "Tue, 04 Aug 2026 12:00:00 GMT"})

    raw = await client_of(answer, seen=seen).models()
    assert raw.models_body == b'{"data":[{"id":"chat"}]}'
    assert raw.embeddings_body == b'{"data":[{"id":"vec"}]}'
    assert raw.server_date == 1785844800
    assert {str(request.url) for request in seen} == {
        f"{BASE}/models?output_modalities=all",
        f"{BASE}/embeddings/models",
    }
    assert not any("authorization" in request.headers for request in seen)


async def test_other_servers_have_one_list_and_want_a_key_for_it() -> None:
    seen: list[httpx.Request] = []
    raw = await client_of(replies({"data": []}), kind="openai", seen=seen).models(KEY)
    assert [str(request.url) for request in seen] == [f"{BASE}/models"]
    assert "authorization" in seen[0].headers
    assert raw.embeddings_body is None


async def test_a_missing_list_of_embedding_models_is_no_failure() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404 if "embeddings" in request.url.path else 200, json={"data": []})

    assert (await client_of(answer).models()).embeddings_body is None


async def test_pages_are_joined() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params.get("offset", "0"))
        following = f"/api/v1/models?offset={offset + 1}" if offset < 2 else None
        return httpx.Response(200, json={"data": [{"id": f"m{offset}"}], "links": {"next": following}})

    raw = await client_of(answer, kind="openai").models()
    assert json.loads(raw.models_body) == {"data": [{"id": "m0"}, {"id": "m1"}, {"id": "m2"}]}


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test/api/v1/models?offset=1",
        "//evil.test/x",
        "http://openrouter.test/x",
        "/api/v1/models",
        "http://[",
        7,
    ],
)
async def test_pages_lead_neither_elsewhere_nor_round_in_circles(following: object) -> None:
    seen: list[httpx.Request] = []
    answer = replies({"data": [{"id": "m"}], "links": {"next": following}})
    raw = await client_of(answer, kind="openai", seen=seen).models(KEY)
    assert {request.url.host for request in seen} == {"openrouter.test"}
    assert {request.url.scheme for request in seen} == {"https"}
    assert len(seen) <= 2
    assert b'"id":"m"' in raw.models_body.replace(b" ", b"")


async def test_endpoints_keep_the_slash() -> None:
    seen: list[httpx.Request] = []
    body = await client_of(replies(b"{}"), seen=seen).endpoints(Opaque("acme/a:free"), KEY)
    assert (body, str(seen[0].url)) == (b"{}", f"{BASE}/models/acme/a:free/endpoints")


async def test_compressed_lists() -> None:
    body = json.dumps({"data": {"label": "x", "limit": None}}).encode()
    good = replies(gzip.compress(body), 200, {"Content-Encoding": "gzip"})
    assert (await client_of(good).key_info(KEY)).label == "x"
    with pytest.raises(ApiError) as caught:
        await client_of(streams(b"broken", **{"Content-Encoding": "gzip"})).key_info(KEY)
    assert caught.value.kind is ErrorKind.UNREADABLE


async def test_key_credits_bills_and_activity() -> None:
    seen: list[httpx.Request] = []
    answers = {
        "/api/v1/key": {"data": {"label": "k", "usage": 3.1}},
        "/api/v1/credits": {"data": {"total_credits": 20, "total_usage": 13.37}},
        "/api/v1/generation": {"data": {"id": "gen-1", "total_cost": 0.5}},
        "/api/v1/activity": {"data": []},
    }
    client = client_of(lambda request: httpx.Response(200, json=answers[request.url.path]), seen=seen)
    assert (await client.key_info(KEY)).usage == Decimal("3.1")
    assert (await client.credits(KEY)).total_usage == Decimal("13.37")
    bill = await client.generation(Opaque("gen-1&x=\u00e4"), KEY)
    assert bill is not None
    assert bill.usage.cost_usd == Decimal("0.5")
    assert json.loads(await client.activity(KEY)) == {"data": []}
    assert seen[2].url.params["id"] == "gen-1&x=\u00e4"
    assert all(request.headers["authorization"] for request in seen)


async def test_a_bill_that_is_not_there_yet() -> None:
    missing = replies({"error": {"code": 404, "message": "Generation not found"}}, 404)
    assert await client_of(missing).generation(Opaque("gen-1"), KEY) is None
    with pytest.raises(ApiError):
        await client_of(replies({"error": {"code": 500}}, 500)).generation(Opaque("gen-1"), KEY)


async def test_a_200_without_a_record_is_told() -> None:
    with pytest.raises(ApiError) as caught:
        await client_of(replies(b"<html>")).credits(KEY)
    assert caught.value.kind is ErrorKind.UNREADABLE
    with pytest.raises(ApiError) as caught:
        await client_of(replies({"error": {"code": 401, "message": "No"}})).key_info(KEY)
    assert caught.value.kind is ErrorKind.BAD_KEY


# Embeddings


async def test_embeddings() -> None:
    seen: list[httpx.Request] = []
    body = {"data": [{"embedding": [2.0], "index": 1}, {"embedding": [1.0], "index": 0}], "usage": {"cost": 1e-7}}
    client = client_of(replies(body, 200, {"X-Generation-Id": "gen-emb"}), seen=seen)
    reply = await client.embeddings(EmbeddingRequest(model=Opaque("m"), input=("a", "b")), KEY)
    assert reply.vectors == (b"\x00\x00\x80?", b"\x00\x00\x00@")
    assert (reply.dimensions, reply.generation_id, reply.usage.cost_usd) == (1, Opaque("gen-emb"), Decimal("1E-7"))
    assert str(seen[0].url) == f"{BASE}/embeddings"


async def test_many_vectors_are_decoded_beside_the_loop() -> None:
    body = {"data": [{"embedding": [0.25] * 3000} for _ in range(20)]}
    reply = await client_of(replies(body)).embeddings(EmbeddingRequest(model=Opaque("m"), input=("x",) * 20), KEY)
    assert (len(reply.vectors), reply.dimensions) == (20, 3000)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"data": [{"embedding": [1.0]}]}, ErrorKind.UNREADABLE),
        ({"error": FAILURE}, ErrorKind.PROVIDER_DOWN),
        (b"<html>", ErrorKind.UNREADABLE),
    ],
)
async def test_embeddings_that_are_no_good(body: object, kind: ErrorKind) -> None:
    with pytest.raises(ApiError) as caught:
        await client_of(replies(body)).embeddings(EmbeddingRequest(model=Opaque("m"), input=("a", "b")), KEY)
    assert caught.value.kind is kind
    assert caught.value.retryable == (kind is ErrorKind.PROVIDER_DOWN)
