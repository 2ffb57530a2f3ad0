"""Every response of the embedded server against the official OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema
import pytest

from tui.demo.faults import CHAT, EMBEDDINGS

Fresh = Callable[..., str]
Check = Callable[[httpx.Response, str, str], None]
HELLO = [{"role": "user", "content": "Compare two kinds of tea in a table, with code in python"}]
TEXT = {"type": "text", "text": "a"}
SLOW = {"pause", "slow", "slow-billed"}
WRONG_ON_PURPOSE = {
    "html-502", "empty-403", "zod-400", "hang-up", "connection-lost", "error-in-200", "first-event-error",
    "flaky-first-event", "cut-off", "broken-json", "mid-stream-error", "504",
}  # fmt: skip
"""What these send is no answer that the schema knows (504 stands in the guides only)."""


@pytest.fixture(scope="module")
def check(openapi: dict[str, Any]) -> Check:
    """Validate a response by the path, method and status that it answers."""
    validators: dict[str, Any] = {}

    def schema_for(place: str, schema: dict[str, Any]) -> Any:
        if place not in validators:
            whole = {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **schema,
                "components": openapi["components"],
            }
            validators[place] = jsonschema.Draft202012Validator(whole)
        return validators[place]

    def check(response: httpx.Response, method: str, path: str) -> None:
        documented = openapi["paths"][path][method]["responses"]
        assert str(response.status_code) in documented, f"{response.status_code} is not documented for {path}"
        content = documented[str(response.status_code)]["content"]
        kind = response.headers["content-type"].partition(";")[0]
        place = f"{path} {method} {response.status_code} {kind}"
        if kind == "application/json":
            schema_for(place, content[kind]["schema"]).validate(response.json())
            return
        chunk = schema_for(place, {"$ref": "#/components/schemas/ChatStreamChunk"})
        for line in response.text.replace("\r\n", "\n").split("\n"):
            if line.startswith("data:") and (payload := line.removeprefix("data:").strip()) != "[DONE]":
                chunk.validate(json.loads(payload))

    return check


def test_lists(demo_server: str, fresh_key: Fresh, check: Check) -> None:
    key, manager = fresh_key(), "sk-or-v1-mgmt-demo"
    for query in ("", "?output_modalities=all", "?limit=7&offset=3"):
        check(httpx.get(f"{demo_server}/models{query}"), "get", "/models")
    check(httpx.get(f"{demo_server}/models?limit=0"), "get", "/models")
    for path, bearer in (
        ("/models/count", ""),
        ("/models/user", key),
        ("/models/user", ""),
        ("/embeddings/models", ""),
        ("/key", key),
        ("/key", "sk-or-v1-demo"),
        ("/key", ""),
        ("/credits", manager),
        ("/credits", key),
        ("/activity", manager),
        ("/activity", key),
        ("/providers", ""),
    ):
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        check(httpx.get(f"{demo_server}{path}", headers=headers), "get", path)
    check(
        httpx.get(f"{demo_server}/activity?date=x", headers={"Authorization": f"Bearer {manager}"}), "get", "/activity"
    )


def test_the_endpoints_of_one_model_of_each_author(demo_server: str, fresh_key: Fresh, check: Check) -> None:
    path = "/models/{author}/{slug}/endpoints"
    with httpx.Client() as client:
        rows = client.get(f"{demo_server}/models?output_modalities=all").json()["data"]
        by_author = {row["id"].split("/")[0]: row for row in rows}
        chosen = [*list(by_author.values())[:30], *(row for row in rows if row["id"].startswith("oddities/"))]
        for number, row in enumerate(chosen):
            client.headers["Authorization"] = f"Bearer {fresh_key()}" if number % 2 else ""
            found = client.get(demo_server.replace("/api/v1", row["links"]["details"]))
            check(found, "get", path)
            least = 0 if row["id"].startswith("openrouter/") else 2
            assert len(found.json()["data"]["endpoints"]) >= least, row["id"]
        check(client.get(f"{demo_server}/models/acme/nope/endpoints"), "get", path)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", [fault.name for fault in CHAT if fault.name not in WRONG_ON_PURPOSE | SLOW])
def test_chat_of_every_demo_model(demo_server: str, fresh_key: Fresh, check: Check, name: str, stream: bool) -> None:
    headers = {"Authorization": f"Bearer {fresh_key()}"}
    body = {"model": f"demo/{name}", "stream": stream, "messages": HELLO}
    check(
        httpx.post(f"{demo_server}/chat/completions", json=body, headers=headers, timeout=30),
        "post",
        "/chat/completions",
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-mini",
        "openai/gpt-5.2",
        "anthropic/claude-opus-4.5",
        "google/gemini-2.5-pro",
        "deepseek/deepseek-r1",
        "google/gemini-2.5-flash-image",
        "openrouter/auto",
        "openrouter/free",
        "~anthropic/claude-sonnet-latest",
        "oddities/per-request",
        "acme/nope",
        "openai/text-embedding-3-small",
    ],
)
def test_chat_of_real_models(demo_server: str, fresh_key: Fresh, check: Check, model: str, stream: bool) -> None:
    headers = {"Authorization": f"Bearer {fresh_key()}"}
    tools = [
        {"type": "function", "function": {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}}
    ]
    for more in ({}, {"tools": tools}, {"reasoning": {"effort": "high"}}, {"max_tokens": 16}, {"temperature": 5}):
        body = {"model": model, "stream": stream, "messages": HELLO, **more}
        answer = httpx.post(f"{demo_server}/chat/completions", json=body, headers=headers)
        check(answer, "post", "/chat/completions")
        if answer.status_code == 200:
            found = httpx.get(f"{demo_server}/generation?id={answer.headers['x-generation-id']}", headers=headers)
            assert found.status_code == 200
            check(found, "get", "/generation")
    check(httpx.get(f"{demo_server}/generation?id=gen-none", headers=headers), "get", "/generation")


def test_chat_refusals(demo_server: str, fresh_key: Fresh, check: Check) -> None:
    def post(key: str, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.post(f"{demo_server}/chat/completions", json=body, headers=headers)

    key = fresh_key()
    for answer, status in (
        (post("", model="demo/plain", messages=HELLO), 401),
        (post(key, model="demo/plain"), 400),
        (post(key, model="demo/plain", messages=[{"role": "elf", "content": ""}]), 400),
        (post(key, model="demo/plain", messages=HELLO, max_tokens=0), 400),
        (post(key, model="demo/plain", messages=HELLO, provider={"only": ["groq"]}), 404),
        (post(key, model="openai/gpt-3.5-turbo", messages=[{"role": "user", "content": "word " * 20_000}]), 400),
        (post(fresh_key("credits-0"), model="demo/plain", messages=HELLO), 402),
        (post(fresh_key("credits-0.001"), model="demo/plain", messages=HELLO), 402),
        (post(fresh_key("limit-0.001"), model="demo/plain", messages=HELLO), 403),
    ):
        assert answer.status_code == status, answer.text
        check(answer, "post", "/chat/completions")


def test_embeddings(demo_server: str, fresh_key: Fresh, check: Check) -> None:
    headers = {"Authorization": f"Bearer {fresh_key()}"}

    def post(**body: Any) -> httpx.Response:
        answer = httpx.post(f"{demo_server}/embeddings", json=body, headers=headers)
        check(answer, "post", "/embeddings")
        return answer

    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    right: list[Any] = [
        "a",
        ["a", "b"],
        [1, 2, 3],
        [[1, 2], [3]],
        [{"content": [{"type": "text", "text": "a"}, picture]}],
    ]
    for given in right:
        assert post(model="google/gemini-embedding-2", input=given, dimensions=64).status_code == 200
    assert post(model="openai/text-embedding-3-small", input="a", encoding_format="base64").status_code == 200
    wrong: list[Any] = ["", [], [""], None, [[]], [{"content": []}], {"text": "a"}]
    for given in wrong:
        assert post(model="demo/embed-plain", input=given).status_code == 400
    assert post(model="acme/nope", input="a").status_code == 404
    assert post(model="openai/gpt-4o", input="a").status_code == 404
    for fault in EMBEDDINGS:
        if fault.name != "embed-error-in-200":
            post(model=f"demo/{fault.name}", input=["a", "b"])
    assert post(model="demo/embed-limit-10", input=["a"] * 11).status_code == 413
