"""What the models of the embedded server say and do, the `demo/` ones above all."""

from __future__ import annotations

import base64
import json
import math
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tui.demo.faults import CHAT

Fresh = Callable[..., str]
Start = Callable[..., str]
STATUSES = "400 401 402 403 404 408 413 422 429 500 502 503 504 524 529"
REFUSING = [*STATUSES.split(), "402-in-flight", "403-key-limit", "403-moderation", "429-retry-after"]


class Client:
    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}

    def body(self, model: str, prompt: str = "a long story about rivers", **more: Any) -> dict[str, Any]:
        return {"model": model, "messages": [{"role": "user", "content": prompt}], **more}

    def post(self, model: str, prompt: str = "a long story about rivers", **more: Any) -> httpx.Response:
        body = self.body(model, prompt) | more
        return httpx.post(f"{self.url}/chat/completions", json=body, headers=self.headers, timeout=20)

    def events(self, model: str, prompt: str = "a long story about rivers", **more: Any) -> list[Any]:
        answer = self.post(model, prompt, stream=True, **more)
        assert answer.status_code == 200, answer.text
        return list(payloads(answer.text))

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=self.headers)

    def last(self) -> Any:
        return self.get("/demo/log").json()["data"][-1]

    @contextmanager
    def streaming(self, model: str, **more: Any) -> Iterator[httpx.Response]:
        body = self.body(model, stream=True, **more)
        with httpx.stream("POST", f"{self.url}/chat/completions", json=body, headers=self.headers) as reply:
            yield reply


def payloads(text: str) -> Iterator[Any]:
    """The events of a stream; `[DONE]` as it is."""
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            yield data if data == "[DONE]" else json.loads(data)


def text_of(events: list[Any]) -> str:
    return "".join(
        event["choices"][0]["delta"].get("content") or ""
        for event in events
        if event != "[DONE]" and event["choices"] and "delta" in event["choices"][0]
    )


def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"


@pytest.fixture
def client(demo_server: str, fresh_key: Fresh) -> Client:
    return Client(demo_server, fresh_key())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", REFUSING)
def test_refusals_have_their_status_and_cost_nothing(client: Client, name: str, stream: bool) -> None:
    answer = client.post(f"demo/{name}", stream=stream)
    assert answer.status_code == int(name[:3])
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert error["metadata"]["error_type"]
    assert answer.headers["x-generation-id"].startswith("gen-")
    assert ("retry-after" in answer.headers) == (name in {"503", "402-in-flight", "429-retry-after"})
    assert (client.last()["status"], client.last()["cost"]) == (answer.status_code, "0")


@pytest.mark.parametrize("name", ["flaky-502", "flaky-429", "402-in-flight"])
def test_flaky_models_work_at_the_third_try(client: Client, name: str) -> None:
    found = [client.post(f"demo/{name}").status_code for _ in range(6)]
    assert [status == 200 for status in found] == [False, False, True, False, False, True]


def test_a_flaky_first_event_works_at_the_third_try(client: Client) -> None:
    first, second, third = (client.events("demo/flaky-first-event") for _ in range(3))
    assert [len(first), len(second)] == [1, 1]
    assert first[0]["error"]["code"] == 502
    assert first[0]["choices"] == []
    assert third[-1] == "[DONE]"


def test_below_the_protocol(client: Client) -> None:
    page = client.post("demo/html-502")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (502, "text/html")
    nothing = client.post("demo/empty-403")
    assert (nothing.status_code, nothing.content) == (403, b"")
    assert client.post("demo/zod-400").json()["error"]["name"] == "ZodError"
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("demo/hang-up")
    with pytest.raises(httpx.RemoteProtocolError):
        client.events("demo/connection-lost")


def test_errors_inside_a_200(client: Client) -> None:
    assert client.post("demo/error-in-200").json()["error"]["code"] == 502
    assert client.post("demo/error-in-200", stream=True).json()["error"]["code"] == 502
    (only,) = client.events("demo/first-event-error")
    assert only["error"]["metadata"]["error_type"] == "provider_unavailable"
    events = client.events("demo/mid-stream-error")
    assert text_of(events)
    assert events[-1]["error"]["code"] == 502
    assert events[-1]["choices"][0]["finish_reason"] == "error"
    assert client.last()["cost"] == "0"
    choice = client.post("demo/mid-stream-error").json()["choices"][0]
    assert choice["finish_reason"] == "error"
    assert choice["error"]["code"] == 502
    assert choice["message"]["content"]


def test_cut_off_and_broken_streams(client: Client) -> None:
    events = client.events("demo/cut-off")
    assert text_of(events)
    assert "[DONE]" not in events
    assert all(event["choices"][0]["finish_reason"] is None for event in events)
    assert client.last()["cost"] != "0"
    broken = client.post("demo/broken-json", stream=True).text
    lines = [line for line in broken.split("\n") if line.startswith("data: {")]
    bad = [line for line in lines if not line.endswith("}")]
    assert len(bad) == 1
    assert "data: [DONE]" in broken


def test_shapes_of_the_end(client: Client) -> None:
    events = client.events("demo/usage-with-choice")
    assert events[-1] == "[DONE]"
    assert events[-2]["usage"]
    assert [event["choices"][0]["finish_reason"] for event in events[-3:-1]] == ["stop", "stop"]
    events = client.events("demo/finish-then-null")
    assert [event["choices"][0]["finish_reason"] for event in events[-3:-1]] == ["stop", None]
    events = client.events("demo/plain")
    assert events[-2]["choices"] == []
    assert text_of(events) == "This is a short plain reply."
    events = client.events("demo/no-usage")
    assert not any("usage" in event for event in events[:-1])
    assert client.get(f"/generation?id={events[0]['id']}").json()["data"]["total_cost"] > 0
    assert client.events("demo/length")[-3]["choices"][0]["finish_reason"] == "length"
    refusal = client.post("demo/refusal").json()["choices"][0]["message"]
    assert refusal["refusal"]
    assert refusal["content"] is None
    empty = client.events("demo/empty")
    assert empty[-2]["usage"]["cost"] == 0
    assert empty[-3]["choices"][0]["finish_reason"] is None
    assert client.post("demo/image").json()["choices"][0]["message"]["images"]
    assert text_of(client.events("demo/echo", "Grüße, 世界 👩‍👩‍👧")) == "Grüße, 世界 👩‍👩‍👧"
    assert text_of(client.events("openai/gpt-4o", "echo: exactly this")) == "exactly this"


def test_other_bytes_same_text(client: Client) -> None:
    answer = client.post("demo/crlf", "rivers, shortly", stream=True)
    assert b"\r\n\r\ndata:{" in answer.content
    assert list(payloads(answer.text))[-1] == "[DONE]"
    assert text_of(client.events("demo/split-bytes", "rivers, shortly"))


def test_hostile_text_arrives_unharmed(client: Client) -> None:
    answer = client.post("demo/hostile", stream=True)
    text = text_of(list(payloads(answer.content.decode())))
    for piece in (
        "\x1b[31m",
        "\x1b]52;c;eA==\x1b\\",
        "\u202e",
        "[/b]",
        "[@click=app.quit]x[/]",
        "\u2028",
        "\x85",
        "\r\n",
    ):
        assert piece in text


def test_the_flood_is_twenty_thousand_tokens_at_once(client: Client) -> None:
    events = client.events("demo/flood")
    assert events[-2]["usage"]["completion_tokens"] == 20_000
    assert len(events) > 20_000


def test_the_pause_is_in_the_middle(start_demo_server: Callable[..., str], fresh_key: Fresh) -> None:
    client = Client(start_demo_server("--speed", "0", "--pause", "1.5"), fresh_key())
    gaps, before, seen = [], time.monotonic(), b""
    with client.streaming("demo/pause") as reply:
        for part in reply.iter_bytes():
            gaps.append((time.monotonic() - before, len(seen)))
            before = time.monotonic()
            seen += part
    assert seen.endswith(b"[DONE]\n\n")
    # the comments that fill the silence come every 0.7 s
    assert sum(gap for gap, _ in gaps if gap > 0.2) > 1.2
    assert all(1000 < place < len(seen) - 1000 for gap, place in gaps if gap > 0.5)


def test_cancelling_stops_the_bill_where_the_provider_does(
    start_demo_server: Callable[..., str], fresh_key: Fresh
) -> None:
    url = start_demo_server("--speed", "0", "--slow-rate", "100", "--generation-delay", "0.5")
    used = {}
    for model in ("demo/slow", "demo/slow-billed"):
        client = Client(url, fresh_key())
        with client.streaming(model) as reply:
            identity = reply.headers["x-generation-id"]
            for part in reply.iter_bytes():
                assert client.get(f"/generation?id={identity}").status_code == 404
                if b'"content":"' in part:
                    break
        until(lambda: client.last()["status"] == 200)  # noqa: B023 - called at once
        assert client.last()["cancelled"]
        assert client.get(f"/generation?id={identity}").status_code == 404
        until(lambda: client.get(f"/generation?id={identity}").status_code == 200)  # noqa: B023 - called at once
        record = client.get(f"/generation?id={identity}").json()["data"]
        assert record["cancelled"] is True
        assert record["finish_reason"] is None
        used[model] = record["native_tokens_completion"]
        assert float(client.last()["cost"]) == pytest.approx(record["total_cost"])
    assert 0 < used["demo/slow"] < 200 < used["demo/slow-billed"]


def test_the_pace_is_believable(start_demo_server: Start, fresh_key: Fresh) -> None:
    client = Client(start_demo_server("--speed", "2"), fresh_key())
    top = client.get("/models/anthropic/claude-3-opus/endpoints").json()["data"]["endpoints"][0]
    started = time.monotonic()
    events = client.events("anthropic/claude-3-opus", max_tokens=60)
    took = time.monotonic() - started
    tokens = events[-2]["usage"]["completion_tokens"]
    expected = top["latency_last_30m"]["p50"] / 1000 / 2 + tokens / top["throughput_last_30m"]["p50"] / 2
    assert 0.9 * expected < took < expected + 1.0


def test_the_same_seed_says_the_same(start_demo_server: Callable[..., str], fresh_key: Fresh) -> None:
    first, same = (Client(start_demo_server("--speed", "0", "--seed", "5"), fresh_key()) for _ in range(2))
    other = Client(start_demo_server("--speed", "0", "--seed", "6"), fresh_key())
    said = [text_of(client.events("anthropic/claude-3.5-sonnet")) for client in (first, same, other)]
    assert said[0] == said[1] != said[2]
    assert text_of(first.events("anthropic/claude-3.5-sonnet")) != said[0], "asked again, it says something else"
    assert text_of(first.events("openai/gpt-4o")) != said[0]
    twice = [text_of(first.events("openai/gpt-4o", seed=9)) for _ in range(2)]
    assert twice[0] == twice[1]


def test_replies_are_varied_markdown(client: Client) -> None:
    whole = "".join(text_of(client.events("openai/gpt-4o", f"everything about rivers, part {n}")) for n in range(6))
    for mark in ("\n## ", "\n- ", "\n    - ", "\n1. ", "| --- |", "```", "\n> ", "](https://"):
        assert mark in whole, mark
    assert (
        sum(f"```{name}" in whole for name in ("python", "rust", "javascript", "sql", "bash", "go", "json", "yaml"))
        >= 4
    )
    assert "rivers" in whole
    assert len(text_of(client.events("openai/gpt-4o", "rivers, in one sentence"))) < 200
    assert "```rust" in text_of(client.events("openai/gpt-4o", "code in rust please"))


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        ("anthropic/claude-opus-4.5", {"reasoning.text"}),
        ("openai/gpt-5.2", {"reasoning.summary", "reasoning.encrypted"}),
        ("google/gemini-2.5-pro", {"reasoning.text", "reasoning.encrypted"}),
        ("deepseek/deepseek-r1", {"reasoning.text"}),
    ],
)
def test_reasoning_in_the_dialect_of_its_maker(client: Client, model: str, kinds: set[str]) -> None:
    events = client.events(model, reasoning={"effort": "high"})
    details = [
        each
        for event in events[:-1]
        if event["choices"]
        for each in event["choices"][0]["delta"].get("reasoning_details", ())
    ]
    assert {each["type"] for each in details} == kinds
    assert any("signature" in each for each in details) == model.startswith("anthropic")
    usage = events[-2]["usage"]
    high = usage["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < high < usage["completion_tokens"]
    hidden = client.post(model, reasoning={"effort": "low", "exclude": True}).json()
    assert hidden["choices"][0]["message"]["reasoning"] is None
    assert 0 < hidden["usage"]["completion_tokens_details"]["reasoning_tokens"] < high
    capped = client.post(model, reasoning={"effort": "high"}, max_tokens=20).json()
    assert capped["choices"][0]["finish_reason"] == "length"
    assert capped["usage"]["completion_tokens"] == 20
    assert not capped["choices"][0]["message"]["content"]


def test_the_model_that_ran_may_have_another_name(client: Client) -> None:
    assert client.post("~anthropic/claude-sonnet-latest").json()["model"].startswith("anthropic/claude-sonnet-5.5")
    assert client.post("openrouter/auto").json()["model"] != "openrouter/auto"
    assert client.post("openrouter/free").json()["model"].endswith(":free")
    fallback = client.post("demo/502", models=["demo/429", "demo/plain"]).json()
    assert fallback["model"] == "demo/plain"
    unknown = client.post("acme/nope").json()["error"]
    assert (unknown["code"], unknown["availability"]["code"]) == (400, "model_not_found")
    wrong = client.post("openai/text-embedding-3-small").json()["error"]
    assert wrong["availability"]["code"] == "wrong_endpoint"


def test_parameters_are_heeded(client: Client) -> None:
    short = client.post("openai/gpt-4o", max_tokens=17).json()
    assert short["usage"]["completion_tokens"] == 17
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["choices"][0]["native_finish_reason"] == "max_output_tokens"
    stopped = client.post("openai/gpt-4o", "echo: one two three", stop=["three", "tw"]).json()
    assert stopped["choices"][0]["message"]["content"] == "one "
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "sizes": {"type": "array", "items": {"type": "integer"}}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    structured = json.loads(
        client.post("openai/gpt-4o", response_format=wanted).json()["choices"][0]["message"]["content"]
    )
    assert set(structured) == {"name", "sizes"}
    too_hot = client.post("openai/gpt-4o", temperature=5)
    assert too_hot.json()["error"]["message"] == "Expected temperature to be at most 2, received 5"


def test_tool_calls_come_in_fragments(client: Client) -> None:
    parameters = {"type": "object", "properties": {"place": {"type": "string"}}}
    names = ("look", "listen")
    tools = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in names]
    merged: dict[int, dict[str, str]] = {}
    events = client.events("openai/gpt-4o", tools=tools)
    for event in events[:-1]:
        for call in event["choices"][0]["delta"].get("tool_calls", ()) if event["choices"] else ():
            known = merged.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            known["id"] += call.get("id", "")
            known["name"] += call["function"].get("name", "")
            known["arguments"] += call["function"]["arguments"]
    assert [call["name"] for call in merged.values()] == ["look", "listen"]
    assert all(set(json.loads(call["arguments"])) == {"place"} for call in merged.values())
    assert events[-3]["choices"][0]["finish_reason"] == "tool_calls"
    assert client.post("openai/gpt-4o", tools=tools, tool_choice="none").json()["choices"][0]["finish_reason"] == "stop"


def test_demo_tools_calls_without_being_given_any(client: Client) -> None:
    choice = client.post("demo/tools").json()["choices"][0]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["search_notes", "read_page"]
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": "hi"},
        {"messages": [5]},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": [5]}]},
        {"provider": "openai"},
        {"provider": {"only": 5}},
        {"reasoning": "high", "model": "openai/gpt-5.2"},
        {"tools": [5]},
        {"models": 5},
        {"response_format": "json"},
        {"temperature": "warm"},
        {"max_tokens": "many"},
        {"max_tokens": True},
        {"stop": 5},
        {"stop": ["a"] * 5},
    ],
)
def test_wrong_fields_are_the_clients_mistake(client: Client, wrong: dict[str, Any]) -> None:
    answer = client.post(wrong.pop("model", "openai/gpt-4o"), **wrong)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["metadata"]["error_type"] == "invalid_request"
    assert client.last()["status"] == 400
    assert client.get("/demo/ledger").json()["data"]["running"] == 0


def test_bodies_that_are_no_json_object(client: Client) -> None:
    for raw in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        answer = httpx.post(f"{client.url}/chat/completions", content=raw, headers=client.headers)
        assert answer.status_code == 400, raw[:9]


def test_lone_surrogates_do_no_harm(client: Client) -> None:
    raw = b'{"model": "demo/echo", "messages": [{"role": "user", "content": "a\\uD800b"}]}'
    answer = httpx.post(f"{client.url}/chat/completions", content=raw, headers=client.headers)
    assert answer.json()["choices"][0]["message"]["content"] == "a\ufffdb"
    assert client.last()["body"]["messages"][0]["content"] == "a\ufffdb"


def test_the_log_tells_attribution_and_bodies(client: Client) -> None:
    client.headers |= {"HTTP-Referer": "https://example.test/ortui", "X-OpenRouter-Title": "ortui"}
    client.post("demo/plain", user="someone")
    line = client.last()
    assert line["headers"]["http-referer"] == "https://example.test/ortui"
    assert line["headers"]["x-openrouter-title"] == "ortui"
    assert line["body"]["user"] == "someone"
    assert "authorization" not in line["headers"]


def embed(client: Client, texts: Any, model: str = "openai/text-embedding-3-small", **more: Any) -> list[Any]:
    body = {"model": model, "input": texts, "encoding_format": "float", **more}
    answer = httpx.post(f"{client.url}/embeddings", json=body, headers=client.headers)
    assert answer.status_code == 200, answer.text
    return [row["embedding"] for row in sorted(answer.json()["data"], key=lambda row: int(row["index"]))]


def cosine(left: list[float], right: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(left, right, strict=True))


def test_similar_texts_have_similar_vectors(client: Client) -> None:
    models = [row["id"] for row in client.get("/embeddings/models").json()["data"] if not row["id"].startswith("demo/")]
    assert len(models) >= 8
    for model in models:
        cat, kitten, tax, invoice = embed(
            client,
            ["The cat sat on the mat", "A kitten lay on the rug", "Quarterly tax is due", "The invoice must be paid"],
            model,
        )
        assert math.isclose(cosine(cat, cat), 1.0, abs_tol=1e-5)
        assert cosine(cat, kitten) > cosine(cat, tax) + 0.15, model
        assert cosine(tax, invoice) > cosine(kitten, invoice) + 0.05, model


def test_vectors_are_the_same_every_time_and_as_wide_as_asked(client: Client) -> None:
    (whole,) = embed(client, "some text")
    assert [whole] == embed(client, ["some text"])
    assert len(whole) == 1536
    (short,) = embed(client, "some text", dimensions=64)
    scale = math.sqrt(cosine(whole[:64], whole[:64]))
    assert short == pytest.approx([number / scale for number in whole[:64]], abs=1e-6)
    assert embed(client, [[1, 2, 3]]) == embed(client, [1, 2, 3])
    refused = {"model": "openai/text-embedding-ada-002", "input": "a", "dimensions": 8}
    assert httpx.post(f"{client.url}/embeddings", json=refused, headers=client.headers).status_code == 400


def test_base64_is_little_endian_float32(client: Client) -> None:
    (plain,) = embed(client, "some text", dimensions=32)
    (packed,) = embed(client, "some text", dimensions=32, encoding_format="base64")
    assert list(struct.unpack("<32f", base64.b64decode(packed))) == pytest.approx(plain, abs=1e-6)
    (always,) = embed(client, "some text", "demo/embed-base64-always")
    assert len(base64.b64decode(always)) == 4 * 256


def test_demo_embedding_models(client: Client) -> None:
    body = {"model": "demo/embed-shuffled", "input": [f"text {number}" for number in range(8)]}
    data = httpx.post(f"{client.url}/embeddings", json=body, headers=client.headers).json()["data"]
    assert [row["index"] for row in data] != list(range(8))
    assert sorted(row["index"] for row in data) == list(range(8))

    def status(model: str) -> httpx.Response:
        return httpx.post(f"{client.url}/embeddings", json={"model": model, "input": "a"}, headers=client.headers)

    assert [status("demo/embed-flaky").status_code for _ in range(3)] == [502, 502, 200]
    assert status("demo/embed-429").headers["retry-after"] == "2"
    assert status("demo/embed-502").status_code == 502
    assert status("demo/embed-error-in-200").json()["error"]["code"] == 502


def test_names_of_demo_models_say_what_they_do(client: Client) -> None:
    rows = {row["id"]: row["name"] for row in client.get("/models").json()["data"]}
    for fault in CHAT:
        assert rows[f"demo/{fault.name}"] == f"Demo: {fault.label}"
