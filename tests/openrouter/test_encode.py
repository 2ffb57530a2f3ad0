"""What is sent: only what is set, numbers as numbers, foreign parts as they came."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tui.openrouter.chat import ChatParameters, ChatRequest, EmbeddingRequest, RequestMessage
from tui.openrouter.encode import ServerKind, chat_body, embedding_body, endpoints_path
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque

HELLO = RequestMessage(role="user", content="Hi")


def sent(
    *messages: RequestMessage, kind: ServerKind = "openrouter", stream: bool = True, **parameters: Any
) -> dict[str, Any]:
    request = ChatRequest(
        model=Opaque("acme/a"), messages=messages or (HELLO,), parameters=ChatParameters(**parameters), stream=stream
    )
    body: dict[str, Any] = json.loads(chat_body(request, kind))
    return body


def test_only_what_is_set_is_sent() -> None:
    assert sent() == {"model": "acme/a", "messages": [{"role": "user", "content": "Hi"}], "stream": True}


def test_everything_that_can_be_set() -> None:
    body = sent(
        stream=False,
        max_tokens=100,
        temperature=Decimal("0.70"),
        top_p=Decimal("1E-2"),
        stop=("a", "b"),
        seed=0,
        reasoning_effort="low",
        response_format='{"type":"json_object"}',
        user="me",
        provider='{"order":["x"],"max_price":{"prompt":1.50}}',
        fallback_models=(Opaque("acme/b"),),
        web_search=True,
    )
    assert body == {
        "model": "acme/a",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": False,
        "max_tokens": 100,
        "temperature": 0.7,
        "top_p": 0.01,
        "stop": ["a", "b"],
        "seed": 0,
        "reasoning": {"effort": "low"},
        "response_format": {"type": "json_object"},
        "user": "me",
        "provider": {"order": ["x"], "max_price": {"prompt": 1.5}},
        "models": ["acme/b"],
        "tools": [{"type": "openrouter:web_search"}],
    }


def test_other_servers_get_no_routing_but_are_asked_for_usage() -> None:
    body = sent(kind="openai", reasoning_effort="low", provider="{}", fallback_models=(Opaque("x"),), web_search=True)
    assert body["stream_options"] == {"include_usage": True}
    assert body["reasoning_effort"] == "low"
    assert not body.keys() & {"provider", "models", "tools", "reasoning"}
    assert "stream_options" not in sent(kind="openai", stream=False)


def test_reasoning_and_tool_calls_go_back_as_they_came() -> None:
    raw = '[{"type":"reasoning.encrypted", "data":"x", "n":1.50}]'
    request = ChatRequest(
        model=Opaque("m"),
        messages=(
            RequestMessage(role="assistant", content=None, reasoning_details=Opaque(raw), tool_calls=Opaque("[ ]")),
        ),
    )
    body = chat_body(request, "openrouter")
    assert raw.encode() in body
    assert b'"tool_calls":[ ]' in body
    assert b'"content":null' in body


def test_broken_parts_do_not_spoil_the_request() -> None:
    message = sent(RequestMessage(role="assistant", content="x", reasoning_details=Opaque('[{"type')))["messages"][0]
    assert message == {"role": "assistant", "content": "x"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"provider": "{no"},
        {"response_format": "\ud800"},
        {"temperature": Decimal("NaN")},
        {"top_p": Decimal("Infinity")},
    ],
)
def test_what_cannot_be_sent_is_said_before_sending(parameters: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        sent(**parameters)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.BAD_REQUEST, False)
    assert next(iter(parameters)) in caught.value.message


def test_half_a_character_is_replaced() -> None:
    parts: list[dict[str, object]] = [{"type": "text", "text": "a\ud83d\ude00 \ud800b"}]
    assert sent(RequestMessage(role="user", content=parts))["messages"][0]["content"] == [
        {"type": "text", "text": "a\U0001f600 \ufffdb"}
    ]


def test_embedding_requests() -> None:
    plain = EmbeddingRequest(model=Opaque("m"), input=("a", "b"))
    assert json.loads(embedding_body(plain, "openrouter")) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "float",
    }
    full = EmbeddingRequest(
        model=Opaque("m"), input=("a",), user="me", dimensions=8, input_type="search_query", provider='{"only":["x"]}'
    )
    assert json.loads(embedding_body(full, "openrouter")) == {
        "model": "m",
        "input": ["a"],
        "encoding_format": "float",
        "user": "me",
        "dimensions": 8,
        "input_type": "search_query",
        "provider": {"only": ["x"]},
    }
    assert json.loads(embedding_body(full, "openai")).keys() == {
        "model",
        "input",
        "encoding_format",
        "user",
        "dimensions",
    }


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("acme/a:free", "/models/acme/a:free/endpoints"),
        ("~acme/latest", "/models/~acme/latest/endpoints"),
        ("a/b?x=1#y%2f z\u00e4", "/models/a/b%3Fx%3D1%23y%252f%20z%C3%A4/endpoints"),
    ],
)
def test_paths_of_endpoints(model: str, path: str) -> None:
    assert endpoints_path(Opaque(model)).replace("=", "%3D") == path


@pytest.mark.parametrize("model", ["", "a/../../key", "a//b", "/a", "a/.", ".."])
def test_ids_that_lead_elsewhere_are_refused(model: str) -> None:
    with pytest.raises(ApiError) as caught:
        endpoints_path(Opaque(model))
    assert not caught.value.request_written
