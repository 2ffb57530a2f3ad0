"""The embedded server's money: bills, balances, caps, caches and free allowances."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

Fresh = Callable[..., str]


class Client:
    """One key's view of the server; amounts as exact decimals."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.headers = {"Authorization": f"Bearer {key}"}

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, headers=self.headers, timeout=20)

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.url}{path}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal)["data"]

    def chat(self, model: str, prompt: str = "hello", **more: Any) -> Any:
        """The whole reply, refusing to go on if there is none."""
        messages = more.pop("messages", [{"role": "user", "content": prompt}])
        answer = self.post("/chat/completions", model=model, messages=messages, **more)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal)

    def refused(self, model: str, status: int, **more: Any) -> httpx.Response:
        answer = self.post("/chat/completions", model=model, messages=[{"role": "user", "content": "hello"}], **more)
        assert answer.status_code == status, answer.text
        return answer

    def prices(self, model: str) -> dict[str, Decimal]:
        """The base prices that the top provider lists."""
        top = self.get(f"/models/{model}/endpoints")["endpoints"][0]["pricing"]
        return {name: Decimal(text) for name, text in top.items() if isinstance(text, str)}


@pytest.fixture
def client(demo_server: str, fresh_key: Fresh) -> Client:
    return Client(demo_server, fresh_key())


def test_the_bill_is_what_the_price_list_says(client: Client) -> None:
    total = Decimal(0)
    for model in ("openai/gpt-4o-mini", "anthropic/claude-3-opus", "google/gemini-2.5-pro", "oddities/22-digit-price"):
        prices, reply = client.prices(model), client.chat(model, "Tell me about rivers")
        usage = reply["usage"]
        expected = prices["prompt"] * usage["prompt_tokens"] + prices["completion"] * usage["completion_tokens"]
        assert abs(usage["cost"] - expected) <= Decimal("1e-14")
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        record = client.get(f"/generation?id={reply['id']}")
        assert record["total_cost"] == record["usage"] == usage["cost"]
        assert record["native_tokens_completion"] == usage["completion_tokens"]
        total += usage["cost"]
    key, ledger = client.get("/key"), client.get("/demo/ledger")
    assert Decimal(ledger["cost"]) == Decimal(ledger["usage"]) == total > 0
    assert [Decimal(str(key[name])) for name in ("usage", "usage_daily", "usage_weekly", "usage_monthly")] == [
        total
    ] * 4
    logged = client.get("/demo/log")
    assert sum(Decimal(line["cost"]) for line in logged) == total
    assert [line["status"] for line in logged] == [200] * 4
    manager = Client(client.url, client.key.replace("sk-or-v1-", "sk-or-v1-mgmt-"))
    assert Decimal(str(manager.get("/credits")["total_usage"])) == total


def test_streams_and_whole_replies_cost_the_same(client: Client, demo_server: str, fresh_key: Fresh) -> None:
    whole = client.chat("openai/gpt-5.2", "about rivers", seed=3)
    streamed = Client(demo_server, fresh_key()).post(
        "/chat/completions",
        model="openai/gpt-5.2",
        messages=[{"role": "user", "content": "about rivers"}],
        seed=3,
        stream=True,
    )
    assert streamed.headers["content-type"].startswith("text/event-stream")
    chunks = [
        json.loads(line.removeprefix("data: "), parse_float=Decimal)
        for line in streamed.text.split("\n")
        if line.startswith("data: {")
    ]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("content") or "" for delta in deltas) == message["content"]
    assert "".join(delta.get("reasoning") or "" for delta in deltas) == message["reasoning"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert {chunk["id"] for chunk in chunks} == {streamed.headers["x-generation-id"]}


def test_reasoning_images_and_requests_have_prices_of_their_own(client: Client) -> None:
    prices = client.prices("oddities/per-request")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "what is this"}, picture, picture]
    usage = client.chat("oddities/per-request", messages=[{"role": "user", "content": content}])["usage"]
    expected = prices["prompt"] * usage["prompt_tokens"] + prices["completion"] * usage["completion_tokens"]
    assert usage["cost"] == expected + prices["request"] + 2 * prices["image"]


def test_long_prompts_pay_the_override(client: Client) -> None:
    def cost(words: int) -> tuple[int, Decimal]:
        usage = client.chat("oddities/long-prompts", "word " * words, max_tokens=16)["usage"]
        return usage["prompt_tokens"], usage["cost"] - [4, 4, 16][words // 2000] * usage["completion_tokens"] / Decimal(
            10**6
        )

    for words, per_million in ((500, 2), (2500, 4), (4500, 8)):
        prompt, paid = cost(words)
        assert paid == prompt * Decimal(per_million) / 10**6, words


def test_a_time_window_that_holds_is_paid(client: Client) -> None:
    usage = client.chat("oddities/always-override")["usage"]
    assert usage["cost"] == (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) * Decimal("0.000001")


def test_repeated_beginnings_are_cached(client: Client) -> None:
    system = {"role": "system", "content": "You know the rivers of the north. " * 20}
    first = client.chat("openai/gpt-4o-mini", messages=[system, {"role": "user", "content": "one"}])["usage"]
    again = client.chat("openai/gpt-4o-mini", messages=[system, {"role": "user", "content": "two"}])["usage"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    cached = again["prompt_tokens_details"]["cached_tokens"]
    assert 64 < cached < again["prompt_tokens"]
    prices = client.prices("openai/gpt-4o-mini")
    expected = prices["prompt"] * (again["prompt_tokens"] - cached) + prices["input_cache_read"] * cached
    assert again["cost"] == expected + prices["completion"] * again["completion_tokens"]
    other = client.chat("openai/gpt-4o", messages=[system, {"role": "user", "content": "two"}])["usage"]
    assert other["prompt_tokens_details"]["cached_tokens"] == 0


def test_explicit_caching_is_paid_when_written_and_cheap_when_read(client: Client) -> None:
    mark = {"type": "text", "text": "A long story about rivers. " * 30, "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "user", "content": [mark]}]
    prices = client.prices("anthropic/claude-opus-4.5")
    first = client.chat("anthropic/claude-opus-4.5", messages=messages)
    again = client.chat("anthropic/claude-opus-4.5", messages=messages)
    written = first["usage"]["prompt_tokens_details"]["cache_write_tokens"]
    read = again["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert written > 64 < read
    usage = first["usage"]
    expected = prices["prompt"] * (usage["prompt_tokens"] - written) + prices["input_cache_write"] * written
    assert usage["cost"] == expected + prices["completion"] * usage["completion_tokens"]
    assert client.get(f"/generation?id={first['id']}")["cache_discount"] < 0
    assert client.get(f"/generation?id={again['id']}")["cache_discount"] > 0


def test_embeddings_are_billed(client: Client) -> None:
    answer = client.post("/embeddings", model="openai/text-embedding-3-large", input=["some text", "more text"])
    usage = json.loads(answer.text, parse_float=Decimal)["usage"]
    assert usage["cost"] == usage["prompt_tokens"] * Decimal("0.00000013") > 0
    record = client.get(f"/generation?id={answer.headers['x-generation-id']}")
    assert (record["api_type"], record["total_cost"]) == ("embeddings", usage["cost"])


def test_money_runs_out(demo_server: str, fresh_key: Fresh) -> None:
    poor = Client(demo_server, fresh_key("credits-0.004"))
    told = poor.refused("demo/plain", 402).json()["error"]
    assert "fewer max_tokens" in told["message"]
    assert told["metadata"]["limit_source"] == "openrouter_credits"
    affordable = int(told["message"].rpartition(" ")[2].rstrip("."))
    poor.refused("demo/plain", 402, max_tokens=affordable + 1)
    poor.chat("demo/plain", max_tokens=affordable)
    before = Decimal(poor.get("/demo/ledger")["balance"])
    poor.chat("demo/length", max_tokens=100)
    assert Decimal(poor.get("/demo/ledger")["balance"]) < before
    broke = Client(demo_server, fresh_key("credits-0"))
    broke.refused("demo/plain", 402, max_tokens=1)


def test_a_key_has_its_cap(demo_server: str, fresh_key: Fresh) -> None:
    capped = Client(demo_server, fresh_key("limit-0.001"))
    key = capped.get("/key")
    assert (key["limit"], key["limit_remaining"], key["limit_reset"]) == (Decimal("0.001"), Decimal("0.001"), "monthly")
    spent = capped.chat("demo/plain", max_tokens=100)["usage"]["cost"]
    assert capped.get("/key")["limit_remaining"] == Decimal("0.001") - spent
    told = capped.refused("demo/plain", 403).json()["error"]
    assert told["message"] == "Key limit exceeded (monthly limit)"
    assert told["metadata"]["limit_source"] == "openrouter_key_limit"


def test_running_requests_reserve_the_balance(demo_server: str, fresh_key: Fresh) -> None:
    client = Client(demo_server, fresh_key("credits-0.001"))
    body = {"model": "demo/slow", "stream": True, "max_tokens": 400, "messages": [{"role": "user", "content": "long"}]}
    with httpx.stream("POST", f"{demo_server}/chat/completions", headers=client.headers, json=body) as reply:
        arriving = reply.iter_bytes()
        next(arriving)
        told = client.refused("demo/plain", 402, max_tokens=400)
        assert told.json()["error"]["metadata"]["reason"] == "in_flight_budget_exhausted"
        assert int(told.headers["retry-after"]) >= 1
    deadline = time.monotonic() + 30
    while client.get("/demo/ledger")["running"]:
        assert time.monotonic() < deadline
    client.chat("demo/plain", max_tokens=100)


def test_free_models_have_an_allowance_a_minute(demo_server: str, fresh_key: Fresh) -> None:
    client, other = Client(demo_server, fresh_key()), Client(demo_server, fresh_key())
    model = "google/gemma-4-31b-it:free"
    for _ in range(20):
        assert client.chat(model)["usage"]["cost"] == 0
    told = client.refused("nvidia/nemotron-3.5-lightning:free", 429)
    error = told.json()["error"]
    assert error["message"] == "Rate limit exceeded: free-models-per-min"
    assert error["metadata"]["limit_source"] == "openrouter_free_tier_minute"
    assert error["metadata"]["headers"]["X-RateLimit-Limit"] == told.headers["x-ratelimit-limit"] == "20"
    assert told.headers["x-ratelimit-remaining"] == "0"
    wait_ms = int(told.headers["x-ratelimit-reset"]) - time.time() * 1000
    assert 0 < wait_ms <= 60_000
    assert 0 < int(told.headers["retry-after"]) <= 61
    client.chat("demo/plain")
    other.chat(model)
    assert client.get("/key")["free_model_daily_requests"] == {"used": 20, "limit": 50, "remaining": 30}


def test_free_models_have_an_allowance_a_day(start_demo_server: Callable[..., str], fresh_key: Fresh) -> None:
    url = start_demo_server("--speed", "0", "--free-per-minute", "99", "--free-per-day", "2")
    client = Client(url, fresh_key())
    for _ in range(2):
        client.chat("openrouter/free")
    told = client.refused("openrouter/free", 429)
    assert told.json()["error"]["message"] == "Rate limit exceeded: free-models-per-day"
    assert told.json()["error"]["metadata"]["limit_source"] == "openrouter_free_tier_daily"
    reset = int(told.headers["x-ratelimit-reset"]) / 1000
    assert reset % 86_400 == 0
    assert 0 < reset - time.time() <= 86_400
    rich = Client(url, fresh_key("credits-10"))
    for _ in range(4):
        rich.chat("openrouter/free")


def test_the_provider_that_serves_sets_the_price(client: Client) -> None:
    endpoints = client.get("/models/meta-llama/llama-3.1-70b-instruct/endpoints")["endpoints"]
    for row in endpoints[:3]:
        reply = client.chat("meta-llama/llama-3.1-70b-instruct", provider={"only": [row["tag"]]})
        usage = reply["usage"]
        assert reply["provider"] == row["provider_name"]
        expected = Decimal(row["pricing"]["prompt"]) * usage["prompt_tokens"]
        assert usage["cost"] == expected + Decimal(row["pricing"]["completion"]) * usage["completion_tokens"]
    fastest = max(endpoints, key=lambda row: row["throughput_last_30m"]["p50"])
    assert client.chat("meta-llama/llama-3.1-70b-instruct:nitro")["provider"] == fastest["provider_name"]
    order = {"order": [endpoints[2]["tag"]]}
    assert client.chat("meta-llama/llama-3.1-70b-instruct", provider=order)["provider"] == endpoints[2]["provider_name"]
    told = client.refused("meta-llama/llama-3.1-70b-instruct", 404, provider={"max_price": {"prompt": 0.000001}})
    assert told.json()["error"]["availability"]["code"] == "constraint_filtered"


def test_many_at_once_add_up(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        costs = list(
            pool.map(lambda n: client.chat("demo/plain", f"number {n}", max_tokens=99)["usage"]["cost"], range(40))
        )
    assert Decimal(client.get("/demo/ledger")["cost"]) == sum(costs)
