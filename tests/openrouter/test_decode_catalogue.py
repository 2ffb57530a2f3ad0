"""Model lists and endpoints: what each field becomes, and that one bad field costs that field only."""

from __future__ import annotations

import copy
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.openrouter.catalogue import CatalogueReply, Model, PriceOverride
from tui.openrouter.decode_catalogue import decode_endpoints, decode_models
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque

ROW: dict[str, Any] = {
    "id": "acme/atlas-large",
    "canonical_slug": "acme/atlas-large-20260301",
    "name": "Acme: Atlas Large",
    "created": 1772323200,
    "description": "Invented.\nTwo lines.",
    "context_length": 131072,
    "hugging_face_id": "",
    "knowledge_cutoff": "2026-01-31",
    "expiration_date": "2027-01-31",
    "architecture": {
        "modality": "text+image->text",
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "tokenizer": "Other",
        "instruct_type": None,
    },
    "pricing": {
        "prompt": "0.0000012",
        "completion": "0.000006",
        "request": "0",
        "input_cache_read": "0.00000012",
        "discount": 0.25,
        "overrides": [
            {"min_prompt_tokens": 64000, "prompt": "0.0000024"},
            {"utc_start": 1630, "utc_end": 30, "completion": "0.000003"},
        ],
    },
    "top_provider": {"context_length": 131072, "max_completion_tokens": 16384, "is_moderated": False},
    "per_request_limits": None,
    "default_parameters": {"temperature": 0.6, "top_p": None, "top_k": 40},
    "supported_parameters": ["max_tokens", "tools"],
    "reasoning": {"mandatory": True, "supported_efforts": ["high", "low"], "default_effort": "low"},
    "benchmarks": {
        "design_arena": [{"arena": "models", "category": "website", "elo": 1200, "win_rate": 51.5, "rank": 3}],
        "artificial_analysis": {"intelligence_index": 40, "coding_index": None, "agentic_index": 20.5},
    },
    "links": {"details": "/api/v1/models/acme/atlas-large/endpoints"},
    "brand_new_field": {"x": 1},
}


def listing(*rows: Any, **extra: Any) -> bytes:
    return json.dumps({"data": list(rows), **extra}).encode()


def changed(**fields: Any) -> dict[str, Any]:
    """The row with some fields changed; `architecture__modality` reaches one level down."""
    row = copy.deepcopy(ROW)
    for name, value in fields.items():
        *outer, last = name.split("__")
        target = row
        for step in outer:
            target = target[step]
        target[last] = value
    return row


def only(row: Any, *, mended: int = 0) -> Model:
    reply = decode_models(listing(row))
    assert (len(reply.models), reply.mended, reply.unreadable) == (1, mended, 0)
    return reply.models[0]


def test_every_field_of_a_row() -> None:
    model = only(ROW)
    assert model.id == Opaque("acme/atlas-large")
    assert (model.slug, model.name, model.author) == ("acme/atlas-large", "Acme: Atlas Large", "acme")
    assert model.canonical_slug == Opaque("acme/atlas-large-20260301")
    assert (model.created, model.context_length, model.max_completion_tokens) == (1772323200, 131072, 16384)
    assert model.is_moderated is False
    assert model.description == "Invented.\nTwo lines."
    assert (model.modality, model.tokenizer, model.instruct_type) == ("text+image->text", "Other", None)
    assert (model.input_modalities, model.output_modalities) == (("text", "image"), ("text",))
    assert model.supported_parameters == {"max_tokens", "tools"}
    assert model.default_parameters == (("temperature", Decimal("0.6")), ("top_k", Decimal(40)))
    assert (model.expiration_date, model.knowledge_cutoff) == (date(2027, 1, 31), "2026-01-31")
    assert model.hugging_face_id is None
    assert model.details_path == Opaque("/api/v1/models/acme/atlas-large/endpoints")
    assert model.reasoning is not None
    assert (model.reasoning.mandatory, model.reasoning.supported_efforts) == (True, ("high", "low"))
    assert model.benchmarks is not None
    assert (model.benchmarks.intelligence_index, model.benchmarks.coding_index) == (40.0, None)
    assert model.benchmarks.design_arena[0].elo == 1200
    pricing = model.pricing
    assert (pricing.prompt, pricing.completion) == (Decimal("0.0000012"), Decimal("0.000006"))
    assert (pricing.request, pricing.image, pricing.discount) == (Decimal(0), None, Decimal("0.25"))
    assert pricing.overrides == (
        PriceOverride(min_prompt_tokens=64000, prompt=Decimal("0.0000024")),
        PriceOverride(utc_start=16 * 60 + 30, utc_end=30, completion=Decimal("0.000003")),
    )
    assert not pricing.varies


def test_a_row_of_another_server() -> None:
    model = only({"id": "qwen3-8b", "object": "model", "created": 1, "owned_by": "vllm", "max_model_len": 40960})
    assert (model.name, model.author, model.context_length) == ("qwen3-8b", "vllm", 40960)
    assert model.pricing.prompt is None
    assert decode_models(b'[{"id":"a/b"}]').models[0].author == "a"


def test_aliases_belong_to_their_author() -> None:
    model = only(changed(id="~acme/atlas-latest", alias_target={"slug": "acme/atlas-large", "name": "x"}))
    assert (model.author, model.alias_target) == ("acme", Opaque("acme/atlas-large"))


@pytest.mark.parametrize(
    ("reasoning", "efforts"),
    [
        ({"supported_efforts": None}, None),
        ({}, ()),
        ({"supported_efforts": []}, ()),
        ({"supported_efforts": ["a"]}, ("a",)),
    ],
)
def test_null_is_every_effort_and_a_missing_list_is_no_choice(reasoning: Any, efforts: Any) -> None:
    support = only(changed(reasoning=reasoning)).reasoning
    assert support is not None
    assert support.supported_efforts == efforts


def test_a_context_of_zero_is_unknown() -> None:
    assert only(changed(context_length=0, top_provider__context_length=0)).context_length is None
    assert only(changed(context_length=None)).context_length == 131072


# Prices


@pytest.mark.parametrize("listed", ["-1", "-0.000001", -1])
def test_negative_prices_vary(listed: Any) -> None:
    pricing = only(changed(pricing={"prompt": listed, "completion": "0.5"})).pricing
    assert (pricing.prompt, pricing.completion, pricing.varies) == (None, Decimal("0.5"), True)


@pytest.mark.parametrize("listed", ["NaN", "Infinity", "1e99999", "", "free", "0." + "1" * 50, "1_000", [], {}, True])
def test_absurd_prices_are_unknown(listed: Any) -> None:
    pricing = only(changed(pricing={"prompt": listed, "completion": "0.5"}), mended=1).pricing
    assert (pricing.prompt, pricing.completion, pricing.varies) == (None, Decimal("0.5"), False)


def test_prices_as_numbers_are_read_exactly() -> None:
    assert only(changed(pricing={"prompt": 2.3e-07, "completion": 1})).pricing.prompt == Decimal("2.3E-7")


@pytest.mark.parametrize(
    ("outputs", "price"),
    [
        (["text"], Decimal(0)),
        (["embeddings"], Decimal(0)),
        (["text", "image"], None),
        (["speech"], None),
        (["rerank"], None),
    ],
)
def test_zero_is_free_only_for_text_and_embeddings(outputs: list[str], price: Decimal | None) -> None:
    row = changed(architecture__output_modalities=outputs, pricing={"prompt": "0", "completion": "0.1"})
    pricing = only(row).pricing
    assert (pricing.prompt, pricing.completion) == (price, Decimal("0.1"))


@pytest.mark.parametrize(
    "override",
    [
        {"prompt": "1"},
        {"new_condition": 1, "prompt": "1"},
        {"min_prompt_tokens": "many", "prompt": "1"},
        {"min_prompt_tokens": -5, "prompt": "1"},
        {"utc_start": 1630, "prompt": "1"},
        {"utc_start": 1675, "utc_end": 30, "prompt": "1"},
        {"min_prompt_tokens": 5, "prompt": "-1"},
        {"min_prompt_tokens": 5, "prompt": []},
        7,
    ],
)
def test_an_override_with_half_a_condition_is_none(override: Any) -> None:
    good = {"min_prompt_tokens": 9, "prompt": "2"}
    pricing = only(changed(pricing__overrides=[override, good]), mended=1).pricing
    assert pricing.overrides == (PriceOverride(min_prompt_tokens=9, prompt=Decimal(2)),)
    assert pricing.prompt == Decimal("0.0000012")


# Malformed rows


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("name", 7),
        ("created", "yesterday"),
        ("description", ["x"]),
        ("architecture", "text"),
        ("architecture__input_modalities", [1, "text"]),
        ("architecture__tokenizer", {}),
        ("pricing", []),
        ("top_provider", 3),
        ("top_provider__is_moderated", "no"),
        ("supported_parameters", {"a": 1}),
        ("default_parameters", {"temperature": "hot", "top_p": 0.5}),
        ("links", "x"),
        ("reasoning", True),
        ("reasoning__mandatory", "yes"),
        ("benchmarks__design_arena", [{"arena": 3}, None]),
        ("alias_target", "x"),
    ],
)
def test_one_bad_field_costs_that_field_only(field: str, bad: Any) -> None:
    model = only(changed(**{field: bad}), mended=1)
    assert model.slug == "acme/atlas-large"
    whole = only(ROW)
    kept = ["name", "created", "description", "context_length", "pricing", "supported_parameters", "reasoning"]
    lost = {"architecture": "modality", "top_provider": "max_completion_tokens"}.get(field, field.partition("__")[0])
    for name in kept:
        if name != lost:
            assert getattr(model, name) == getattr(whole, name)


def test_what_is_good_in_a_bad_list_is_kept() -> None:
    model = only(changed(architecture__input_modalities=[1, "text"], default_parameters={"a": "x", "b": 1}), mended=1)
    assert model.input_modalities == ("text",)
    assert model.default_parameters == (("b", Decimal(1)),)


@pytest.mark.parametrize("half", [b"\\ud800", b"\xed\xa0\x80", b"\xff"])
def test_half_a_character_in_one_description_costs_nothing_else(half: bytes) -> None:
    body = listing(ROW, changed(id="acme/other", description="HERE"), changed(id="acme/third")).replace(b"HERE", half)
    reply = decode_models(body)
    assert [model.slug for model in reply.models] == ["acme/atlas-large", "acme/other", "acme/third"]
    assert set(reply.models[1].description) == {"\ufffd"}
    assert (reply.mended, reply.unreadable) == (1, 0)
    assert reply.models[0].pricing == only(ROW).pricing
    assert reply.models[1].pricing == only(ROW).pricing


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": ""}, {"id": 7}, {"id": "a/\ud800"}, None, 7, [], "x"])
def test_rows_without_an_id_are_left_out(row: Any) -> None:
    reply = decode_models(listing(ROW, row))
    assert (len(reply.models), reply.unreadable) == (1, 1)


def test_of_rows_with_one_id_the_first_is_kept() -> None:
    reply = decode_models(listing(ROW, changed(name="Second")))
    assert [model.name for model in reply.models] == ["Acme: Atlas Large"]
    assert reply.duplicates == 1


def test_embedding_models_come_from_their_own_list() -> None:
    vectors = changed(id="acme/vec", architecture__output_modalities=["embeddings"])
    bare = {"id": "acme/bare"}
    reply = decode_models(listing(ROW, vectors), listing(vectors, bare))
    assert [(model.slug, model.is_embedding) for model in reply.models] == [
        ("acme/atlas-large", False),
        ("acme/vec", True),
        ("acme/bare", True),
    ]
    assert reply.duplicates == 0
    assert len(decode_models(listing(ROW), b"<html>").models) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"data":{}}', b'{"data":[{"id":"a/b"', b"null", b"[" * 100_000]
)
def test_a_list_that_is_none(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode_models(body)
    assert caught.value.kind is ErrorKind.UNREADABLE
    with pytest.raises(ApiError):
        decode_endpoints(body)


def test_an_error_instead_of_a_list() -> None:
    with pytest.raises(ApiError) as caught:
        decode_models(b'{"error":{"code":403,"message":"No."}}')
    assert (caught.value.kind, caught.value.status) == (ErrorKind.FORBIDDEN, 403)


def test_names_are_cleaned_and_ids_stay_raw() -> None:
    model = only(changed(id="acme/\x1b[2J", name="[/b]\x1b]0;x\x07\n", supported_parameters=["\u202ex"]))
    assert model.id.raw == "acme/\x1b[2J"
    assert (model.slug, model.name) == ("acme/␛[2J", "[/b]␛]0;x␇ ")
    assert model.supported_parameters == {"\ufffdx"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    *((name,) for name in ROW if name != "id"),
    *((outer, inner) for outer in ("architecture", "pricing", "top_provider", "reasoning") for inner in ROW[outer]),
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PLACES), JSON)
def test_anything_anywhere_leaves_the_catalogue_standing(place: tuple[str, ...], value: Any) -> None:
    reply: CatalogueReply = decode_models(listing(changed(**{"__".join(place): value}), changed(id="acme/other")))
    assert [model.slug for model in reply.models] == ["acme/atlas-large", "acme/other"]


# Endpoints

ENDPOINT: dict[str, Any] = {
    "name": "FakeProvider | acme/atlas-large-20260301",
    "provider_name": "FakeProvider",
    "tag": "fakeprovider/fp8",
    "context_length": 131072,
    "max_completion_tokens": 16384,
    "max_prompt_tokens": None,
    "pricing": {"prompt": "0", "completion": "0.000006", "discount": 0},
    "quantization": "fp8",
    "status": -2,
    "supported_parameters": ["max_tokens"],
    "supports_implicit_caching": False,
    "uptime_last_5m": None,
    "uptime_last_30m": 99.4,
    "uptime_last_1d": 120,
    "latency_last_30m": {"p50": 640, "p75": 910, "p90": 1480, "p99": -4100},
    "throughput_last_30m": None,
}


def offers(*rows: Any, outputs: Any = ("text",)) -> bytes:
    data = {"id": "acme/a", "architecture": {"output_modalities": list(outputs)}, "endpoints": list(rows)}
    return json.dumps({"data": data}).encode()


def test_every_field_of_an_endpoint() -> None:
    (endpoint,) = decode_endpoints(offers(ENDPOINT))
    assert (endpoint.provider, endpoint.tag, endpoint.quantization) == (
        "FakeProvider",
        Opaque("fakeprovider/fp8"),
        "fp8",
    )
    assert (endpoint.status, endpoint.max_prompt_tokens, endpoint.supports_implicit_caching) == (-2, None, False)
    assert (endpoint.uptime_5m, endpoint.uptime_30m, endpoint.uptime_1d) == (None, 99.4, None)
    assert endpoint.latency_ms is not None
    assert (endpoint.latency_ms.p50, endpoint.latency_ms.p99) == (640, None)
    assert endpoint.throughput is None
    assert endpoint.pricing.prompt == Decimal(0)
    assert decode_endpoints(offers(ENDPOINT, outputs=["image"]))[0].pricing.prompt is None


def test_bad_endpoints_cost_only_what_is_bad() -> None:
    odd = ENDPOINT | {"context_length": "long", "latency_last_30m": {"p50": "x", "p75": 1}, "name": "\ud800"}
    endpoints = decode_endpoints(offers(ENDPOINT, odd, None, {}, {"name": "Bare"}))
    assert [endpoint.provider for endpoint in endpoints] == ["FakeProvider", "FakeProvider", "Bare"]
    assert endpoints[1].context_length is None
    assert endpoints[1].latency_ms is not None
    assert (endpoints[1].latency_ms.p50, endpoints[1].latency_ms.p75) == (None, 1)
    assert endpoints[1].pricing == endpoints[0].pricing
