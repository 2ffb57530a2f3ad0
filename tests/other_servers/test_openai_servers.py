"""`type: openai` against servers that nobody here wrote: what they have is used, what they lack is said.

They are the extra `ortui[servers]`, and may stand in an environment of their own: `ORTUI_OTHER_SERVERS` names folders
with their programs. Without them these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import Ortui, make_ortui

STUB = """
fixtures:
  - name: all
    match: {provider: openai}
    response: {content: "Hello from a server of others."}
"""
FAKE = """
version: 1
rules:
  - name: all
    when: {}
    respond: {content: "Hello from a server of others."}
"""


def _serve(program: str, folder: Path) -> Iterator[str]:
    """Run the server, and answer with its base URL once it listens."""
    path = os.pathsep.join(filter(None, (os.environ.get("ORTUI_OTHER_SERVERS"), os.environ.get("PATH"))))
    found = shutil.which(program, path=path)
    if found is None:
        pytest.skip(f"{program} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "answers.yaml"
    file.write_text(STUB if program == "stubllm" else FAKE)
    option = "--fixture-file" if program == "stubllm" else "--config"
    line = [found, "serve", "--port", str(port), option, str(file)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as server:
        try:
            end = time.monotonic() + 30
            while True:
                with socket.socket() as trial:
                    if trial.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < end and server.poll() is None, f"{program} did not start"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _ortui(url: str, home: Path) -> Ortui:
    ortui = make_ortui(home, url, "sk-of-others")
    del ortui.environment["OPENROUTER_BASE_URL"]
    ortui.configure(
        f'llm_providers:\n  - {{id: others, type: openai, base_url: "{url}", api_keys: ["${{OPENROUTER_API_KEY}}"]}}\n'
    )
    return ortui


@pytest.fixture(scope="module", params=["stubllm", "fakellm"])
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Ortui]]:
    folder = tmp_path_factory.mktemp(request.param)
    for url in _serve(request.param, folder):
        yield request.param, _ortui(url, folder / "home")


def test_a_streamed_reply_comes_whole(other: tuple[str, Ortui]) -> None:
    _, ortui = other
    done = ortui("ask", "-m", "gpt-4o", "--json", "Hello?")
    assert done.status == 0, done.err
    assert done.json["text"] == "Hello from a server of others."
    assert done.json["finish_reason"] == "stop"
    assert (done.json["cost"], done.json["cost_kind"]) == (None, "unknown")
    assert ortui("ask", "-m", "gpt-4o", "Hello?").out == "Hello from a server of others.\n"


def test_models_where_there_are_any(other: tuple[str, Ortui]) -> None:
    name, ortui = other
    done = ortui("models", "--json")
    if name == "stubllm":
        assert "gpt-4o" in [model["id"] for model in done.json]
        assert all(model["prompt_price"] is None for model in done.json), "a price was guessed"
    else:
        assert done.status != 0 and "does not know this address" in done.err


def test_embeddings_where_there_are_any(other: tuple[str, Ortui]) -> None:
    name, ortui = other
    done = ortui("embed", "-m", "text-embedding-3-small", stdin="one\n\ntwo\n")
    if name == "stubllm":
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert [(row["index"], row["text"]) for row in rows] == [(0, "one"), (2, "two")]
        assert all(row["vector"] for row in rows)
    else:
        assert done.status != 0 and "does not know this address" in done.err
        assert "Traceback" not in done.err


def test_what_is_openrouters_alone_is_not_made_up(other: tuple[str, Ortui]) -> None:
    _, ortui = other
    told = ortui("quota").out
    assert "free models" not in told and "management key" not in told


def test_an_error_of_theirs_is_a_sentence(other: tuple[str, Ortui]) -> None:
    _, ortui = other
    elsewhere = dict(ortui.environment)
    try:
        ortui.configure((ortui.home / "config.yaml").read_text().replace("/v1", "/nowhere"))
        wrong = ortui("ask", "-m", "gpt-4o", "--json", "Hello?")
        assert wrong.status != 0
        assert wrong.json["error"]["kind"] == "not_found"
    finally:
        ortui.configure((ortui.home / "config.yaml").read_text().replace("/nowhere", "/v1"))
        ortui.environment = elsewhere
