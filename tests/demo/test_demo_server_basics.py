"""The embedded server's lists, keys and life, as a plain HTTP client sees them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import httpx
import pytest

from tui.demo.launch import DemoFailed, DemoProcess, clean_environment

Fresh = Callable[..., str]

NAMED_IDS = [
    "anthropic/claude-3.5-sonnet",
    "anthropic/claude-3-opus",
    "anthropic/claude-3-haiku",
    "openai/gpt-4o",
    "openai/gpt-4o-mini",
    "openai/gpt-3.5-turbo",
    "meta-llama/llama-3.2-90b-instruct",
    "meta-llama/llama-3.1-70b-instruct",
    "google/gemini-pro-1.5",
    "mistralai/mistral-7b-instruct",
]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_the_catalogue_holds_the_promised_models(demo_server: str) -> None:
    found = httpx.get(f"{demo_server}/models").json()
    ids = [row["id"] for row in found["data"]]
    assert set(NAMED_IDS) <= set(ids)
    assert len(set(ids)) == len(ids) == found["total_count"]
    real = [name for name in ids if not name.startswith(("demo/", "oddities/", "openrouter/"))]
    assert len(real) >= 300
    assert any(name.endswith(":free") for name in ids)
    assert {row["pricing"]["prompt"] for row in found["data"] if row["id"] == "openrouter/auto"} == {"-1"}
    assert all("text" in row["architecture"]["output_modalities"] for row in found["data"])


def test_output_modalities_choose_what_is_listed(demo_server: str) -> None:
    def count(query: str) -> int:
        listed = len(httpx.get(f"{demo_server}/models{query}").json()["data"])
        assert httpx.get(f"{demo_server}/models/count{query}").json() == {"data": {"count": listed}}
        return listed

    text, embeddings, everything = count(""), count("?output_modalities=embeddings"), count("?output_modalities=all")
    assert embeddings >= 8
    assert len(httpx.get(f"{demo_server}/embeddings/models").json()["data"]) == embeddings
    assert everything >= text + embeddings + 5
    assert count("?output_modalities=image,audio") > 5


def test_each_catalogue_oddity_is_there(demo_server: str) -> None:
    rows = httpx.get(f"{demo_server}/models?output_modalities=all").json()["data"]
    ids = [row["id"] for row in rows]
    for mark in ("~", ":", "@"):
        assert any(mark in name for name in ids)
    assert any(row["context_length"] == 0 for row in rows)
    assert any(row["context_length"] is None for row in rows)
    assert any(len(row.get("description", "")) == 3600 and "\x1b" in row["description"] for row in rows)
    assert any(len(row["pricing"]["prompt"].partition(".")[2]) >= 22 for row in rows)
    assert any("description" not in row for row in rows)
    assert any(row.get("expiration_date") for row in rows)
    assert any(row["created"] > time.time() - 86_400 for row in rows)
    assert any("utc_start" in each for row in rows for each in row["pricing"].get("overrides", ()))
    assert any("min_prompt_tokens" in each for row in rows for each in row["pricing"].get("overrides", ()))
    assert any("alias_target" in row for row in rows)
    silent = [row for row in rows if set(row["architecture"]["output_modalities"]) & {"image", "audio", "video"}]
    assert any(row["pricing"]["prompt"] == row["pricing"]["completion"] == "0" for row in silent)


def test_endpoints_hide_their_speed_from_strangers(demo_server: str, fresh_key: Fresh) -> None:
    url = f"{demo_server}/models/openai/gpt-4o-mini/endpoints"
    shown = httpx.get(url).json()["data"]["endpoints"]
    known = httpx.get(url, headers=bearer(fresh_key())).json()["data"]["endpoints"]
    assert len(shown) >= 2
    assert all(row["latency_last_30m"] is None and row["throughput_last_30m"] is None for row in shown)
    assert all(row["latency_last_30m"]["p50"] > 100 for row in known)
    assert min(row["status"] for row in known) < 0
    assert httpx.get(f"{demo_server}/models/acme/nope/endpoints").status_code == 404


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing Authentication header"),
        (bearer("sk-or-v1-invalid-key"), "User not found."),
        (bearer("sk-something-else"), "User not found."),
    ],
)
def test_unknown_keys_are_refused_where_keys_matter(demo_server: str, headers: dict[str, str], message: str) -> None:
    for path in ("/key", "/auth/key", "/credits", "/activity", "/models/user", "/generation?id=gen-1", "/demo/log"):
        answer = httpx.get(f"{demo_server}{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, message), path
    for path in ("/chat/completions", "/embeddings"):
        assert httpx.post(f"{demo_server}{path}", headers=headers, json={}).status_code == 401
    assert httpx.get(f"{demo_server}/models", headers=headers).status_code == 200


def test_credits_and_activity_are_for_management_keys(demo_server: str, fresh_key: Fresh) -> None:
    ordinary = fresh_key()
    for path in ("/credits", "/activity"):
        refused = httpx.get(f"{demo_server}{path}", headers=bearer(ordinary))
        assert refused.status_code == 403
        assert refused.json()["error"]["message"] == "Only management keys can perform this operation"
    manager = "sk-or-v1-mgmt-demo"
    left = httpx.get(f"{demo_server}/credits", headers=bearer(manager)).json()["data"]
    assert left["total_credits"] > left["total_usage"] > 0
    rows = httpx.get(f"{demo_server}/activity", headers=bearer(manager)).json()["data"]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert rows
    assert all(row["date"] < today for row in rows)
    body = {"model": "demo/plain", "messages": [{"role": "user", "content": "hi"}]}
    assert httpx.post(f"{demo_server}/chat/completions", headers=bearer(manager), json=body).status_code == 403


def test_open_credits_answer_ordinary_keys(start_demo_server: Callable[..., str], fresh_key: Fresh) -> None:
    url = start_demo_server("--open-credits", "--credits", "3")
    left = httpx.get(f"{url}/credits", headers=bearer(fresh_key())).json()["data"]
    assert left == {"total_credits": 3.0, "total_usage": 0}


def test_unknown_routes_are_json_404s(demo_server: str) -> None:
    for path in ("/nope", "/models/only-author"):
        answer = httpx.get(f"{demo_server}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, 404)
    assert httpx.get(demo_server.replace("/api/v1", "/")).json()["error"]["code"] == 404


def test_the_same_seed_invents_the_same_catalogue(start_demo_server: Callable[..., str]) -> None:
    def rows(seed: int) -> list[dict[str, object]]:
        with DemoProcess(seed=seed) as server:
            listed: list[dict[str, object]] = httpx.get(f"{server.url()}/models?output_modalities=all").json()["data"]
            return [row for row in listed if not str(row["id"]).startswith(("oddities/", "demo/"))]

    first, other = rows(7), rows(8)
    assert rows(7) == first
    assert other != first
    facts = ("id", "context_length", "pricing")
    assert [[row[name] for name in facts] for row in other] == [[row[name] for name in facts] for row in first]


def test_the_child_ends_when_its_stdin_closes() -> None:
    server = DemoProcess()
    url = server.start()
    child = server._child
    assert child is not None
    assert child.stdin is not None
    assert httpx.get(f"{url}/models/count").status_code == 200
    child.stdin.close()
    assert child.wait(5) == 0
    server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly_even_while_it_streams(number: int, fresh_key: Fresh) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tui.demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    )
    assert child.stdout is not None
    assert child.stderr is not None
    url = child.stdout.readline().decode().strip()
    body = {"model": "demo/slow", "stream": True, "messages": [{"role": "user", "content": "a long story"}]}
    with httpx.stream("POST", f"{url}/chat/completions", headers=bearer(fresh_key()), json=body) as reply:
        arriving = reply.iter_bytes()
        next(arriving)
        child.send_signal(number)
        assert child.wait(5) == 0
    assert child.stderr.read() == b""
    child.stdout.close()
    child.stderr.close()


def test_a_taken_port_is_one_sentence(demo_server: str) -> None:
    port = httpx.URL(demo_server).port
    ended = subprocess.run(
        [sys.executable, "-m", "tui.demo", "--port", str(port)],
        capture_output=True,
        env=clean_environment(),
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.decode().startswith(f"port {port} cannot be used")
    assert ended.stderr.count(b"\n") == 1
    with pytest.raises(DemoFailed, match="cannot be used"):
        DemoProcess(port=port or 1).start()


def test_the_child_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "MY_SECRET", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("WORK", "sk-or-v1-0123456789")
    assert not {"hidden", "sk-or-v1-0123456789"} & set(clean_environment().values())
    assert "PATH" in clean_environment()
