"""The official `openai` and `openrouter` packages against the embedded server."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

Fresh = Callable[..., str]
PROMPT = "Tell me about bread and butter, briefly"


def billed(url: str, key: str) -> Decimal:
    ledger = httpx.get(f"{url}/demo/ledger", headers={"Authorization": f"Bearer {key}"}).json()["data"]
    return Decimal(ledger["cost"])


def test_openai_lists_models(demo_server: str, fresh_key: Fresh) -> None:
    import openai

    with openai.OpenAI(base_url=demo_server, api_key=fresh_key()) as client:
        ids = [model.id for model in client.models.list()]
    assert "openai/gpt-4o-mini" in ids
    assert len(ids) > 300


def test_openai_streams_chat(demo_server: str, fresh_key: Fresh) -> None:
    import openai

    key = fresh_key()
    with openai.OpenAI(base_url=demo_server, api_key=key) as client:
        chunks = list(
            client.chat.completions.create(
                model="openai/gpt-4o-mini", stream=True, messages=[{"role": "user", "content": PROMPT}]
            )
        )
        whole = client.chat.completions.create(
            model="openai/gpt-4o-mini", seed=4, messages=[{"role": "user", "content": PROMPT}]
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    usage = [chunk.usage for chunk in chunks if chunk.usage]
    assert len(text) > 20
    assert len(usage) == 1
    assert usage[0].completion_tokens > 5
    assert whole.choices[0].message.content
    assert whole.usage is not None
    costs = [Decimal(str((one.model_extra or {})["cost"])) for one in (usage[0], whole.usage)]
    assert sum(costs) == billed(demo_server, key) > 0


def test_openai_calls_tools(demo_server: str, fresh_key: Fresh) -> None:
    import json

    import openai

    parameters: dict[str, object] = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}},
    }
    with openai.OpenAI(base_url=demo_server, api_key=fresh_key()) as client:
        answer = client.chat.completions.create(
            model="openai/gpt-4o",
            messages=[{"role": "user", "content": "The weather in Bergen, please"}],
            tools=[{"type": "function", "function": {"name": "weather", "parameters": parameters}}],
        )
        calls = answer.choices[0].message.tool_calls
        assert answer.choices[0].finish_reason == "tool_calls"
        assert calls is not None
        call = calls[0].model_dump()
        arguments = json.loads(call["function"]["arguments"])
        assert set(arguments) == {"city", "days", "unit"}
        assert isinstance(arguments["days"], int)
        final = client.chat.completions.create(
            model="openai/gpt-4o",
            messages=[
                {"role": "user", "content": "The weather in Bergen, please"},
                {"role": "assistant", "tool_calls": [call]},  # type: ignore[list-item]
                {"role": "tool", "tool_call_id": call["id"], "content": "rain, 9 C"},
            ],
            tools=[{"type": "function", "function": {"name": "weather", "parameters": parameters}}],
        )
    assert "rain, 9 C" in (final.choices[0].message.content or "")


def test_openai_embeds_in_both_encodings(demo_server: str, fresh_key: Fresh) -> None:
    import openai

    with openai.OpenAI(base_url=demo_server, api_key=fresh_key()) as client:
        # the package asks for base64 unless told otherwise
        packed = client.embeddings.create(model="openai/text-embedding-3-small", input=["one text", "another"])
        plain = client.embeddings.create(
            model="openai/text-embedding-3-small", input=["one text", "another"], encoding_format="float"
        )
    assert [len(one.embedding) for one in plain.data] == [1536, 1536]
    for left, right in zip(packed.data, plain.data, strict=True):
        assert left.embedding == pytest.approx(right.embedding, abs=1e-6)
    assert plain.usage.prompt_tokens == plain.usage.total_tokens > 0


@pytest.mark.parametrize(
    ("model", "status"),
    [("demo/400", 400), ("demo/404", 404), ("demo/422", 422), ("demo/429", 429), ("demo/502", 502), ("acme/nope", 400)],
)
def test_openai_understands_the_errors(demo_server: str, fresh_key: Fresh, model: str, status: int) -> None:
    import openai

    with (
        openai.OpenAI(base_url=demo_server, api_key=fresh_key(), max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as refused,
    ):
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])
    assert refused.value.status_code == status


@pytest.mark.filterwarnings("ignore::DeprecationWarning:openrouter")
def test_openrouter_does_it_all(demo_server: str, fresh_key: Fresh) -> None:
    from openrouter import OpenRouter

    key = fresh_key()
    with OpenRouter(api_key=key, server_url=demo_server) as client:
        listed = client.models.list()
        assert listed is not None
        assert len(listed.result.data) > 300
        assert client.models.count().data.count == len(listed.result.data)

        whole = client.chat.send(model="openai/gpt-5.2", messages=[{"role": "user", "content": PROMPT}])
        assert whole.choices[0].message.content
        with client.chat.send(
            model="anthropic/claude-3.5-sonnet", messages=[{"role": "user", "content": PROMPT}], stream=True
        ) as stream:
            chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        usage = chunks[-1].usage
        assert usage is not None

        vectors = client.embeddings.generate(model="openai/text-embedding-3-small", input=["a", "b"])
        assert len(vectors.data) == 2
        costs = [Decimal(str(cost)) for cost in (whole.usage.cost, usage.cost, vectors.usage.cost)]
        assert sum(costs) == billed(demo_server, key) > 0
