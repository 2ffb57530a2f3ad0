"""`ortui chats`, `keys`, `doctor`, `completion` and `demo-server`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli_runner import Ortui


# Conversations


def test_conversations_are_found_by_their_words_and_the_beginning_of_their_id(ortui: Ortui) -> None:
    ortui("ask", "-m", "demo/plain", "Where do penguins live?")
    ortui("ask", "-m", "demo/plain", "And bears?")
    (hit,) = ortui("chats", "search", "penguin", "--json").json
    assert (hit["role"], hit["title"]) == ("user", "Where do penguins live?")
    shown = ortui("chats", "show", hit["conversation_id"][:12])
    assert "## You\n\nWhere do penguins live?" in shown.out
    assert "## demo/plain\n\nThis is a short plain reply." in shown.out
    assert ortui("chats", "show", "nothing").status == 2
    assert ortui("chats", "search", "walrus", "--json").json == []


def test_exported_conversations_can_be_imported_once(ortui: Ortui, tmp_path: Path) -> None:
    ortui("ask", "-m", "demo/hostile", "One\nwith two lines")
    ortui("ask", "-m", "demo/cut-off", "Two")
    file = tmp_path / "chats.json"
    assert ortui("chats", "export", "--format", "json", "--output", str(file)).status == 0
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600
    assert ortui("chats", "export", "--output", str(file)).status == 2
    before = [ortui("chats", "show", row["id"], "--json").json for row in ortui("chats", "list", "--json").json]
    ortui.environment["ORTUI_DATA_DIR"] = str(tmp_path / "elsewhere")
    assert ortui("chats", "import", str(file)).out == "2 conversations are imported.\n"
    assert ortui("chats", "import", "-", stdin=file.read_bytes()).out.startswith("0 conversations")
    after = [ortui("chats", "show", row["id"], "--json").json for row in ortui("chats", "list", "--json").json]
    assert sorted(after, key=lambda one: one["id"]) == sorted(before, key=lambda one: one["id"])
    assert ortui("chats", "search", "two lines", "--json").json


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"format": "ortui-conversations", "version": 99, "conversations": []}',
        '{"format": "ortui-conversations", "version": 1, "conversations": [{"messages": [{"role": "boss"}]}]}',
        '{"format": "ortui-conversations", "version": 1, "conversations": [3]}',
    ],
)
def test_other_files_are_refused(ortui: Ortui, body: str) -> None:
    done = ortui("chats", "import", "-", stdin=body)
    assert done.status == 2
    assert done.err.startswith("ortui: ")


def test_a_hostile_file_is_cleaned_and_cannot_touch_what_is_there(ortui: Ortui) -> None:
    ortui("ask", "-m", "demo/plain", "Mine")
    (mine,) = ortui("chats", "list", "--json").json
    messages = ortui("chats", "show", mine["id"], "--json").json["messages"]
    own = messages[0]["id"]
    hostile = {
        "format": "ortui-conversations",
        "version": 1,
        "conversations": [
            {
                "id": "x",
                "title": "\x1b]0;owned\x07",
                "messages": [
                    {
                        "id": messages[0]["id"],
                        "role": "user",
                        "text": "\x1b[2J",
                        "created_at": 1e300,
                        "state": "waiting",
                    },
                    {"id": own, "role": "user", "text": "again", "parent_id": own},
                ],
                "head": messages[1]["id"],
                "settings": {"model": 7, "parameters": "none"},
            }
        ],
    }
    assert ortui("chats", "import", "-", stdin=json.dumps(hostile)).status == 0
    assert ortui("chats", "show", mine["id"], "--json").json["messages"] == messages
    shown = ortui("chats", "show", "x", "--json").json
    assert [message["text"] for message in shown["messages"]] == ["␛[2J", "again"]
    assert shown["messages"][0]["state"] == "cut_off"
    assert "\x1b" not in ortui("chats", "show", "x").out


# Keys


def test_a_key_is_tested_kept_used_and_forgotten(ortui: Ortui, demo_server: str, fresh_key: Callable[..., str]) -> None:
    del ortui.environment["OPENROUTER_API_KEY"]
    key = fresh_key()
    done = ortui("keys", "set", "work", stdin=f"{key}\n")
    assert done.status == 0, done.err
    assert "works" in done.out
    assert key not in done.out + done.err
    kept = ortui.data / "keys.json"
    assert os.name == "nt" or kept.stat().st_mode & 0o777 == 0o600
    ortui.configure(
        f"llm_providers: [{{id: here, type: openrouter, base_url: '{demo_server}', api_keys: ['keyring:work']}}]\n"
    )
    assert ortui("keys", "test", "work").status == 0
    assert ortui("ask", "-m", "demo/plain", "Hello?").status == 0
    assert ortui("keys", "forget", "work").status == 0
    assert ortui("keys", "forget", "work").status == 2
    assert ortui("keys", "test", "work").status == 2
    assert key not in kept.read_text()


def test_a_key_that_does_not_work_is_not_kept(ortui: Ortui) -> None:
    bad = "sk-or-v1-invalid-0123456789"
    done = ortui("keys", "set", "work", stdin=bad)
    assert done.status == 3
    assert "0123456789" not in done.out + done.err
    assert not (ortui.data / "keys.json").exists()
    assert ortui("keys", "set", "work", "--no-test", stdin=bad).status == 0
    assert (ortui.data / "keys.json").exists()
    assert ortui("keys", "set", "work", stdin="two words").status == 2
    assert ortui("keys", "set", "../up", stdin=bad).status == 2


def test_a_kept_key_is_not_sent_to_another_server(
    ortui: Ortui, demo_server: str, fresh_key: Callable[..., str]
) -> None:
    assert ortui("keys", "set", "work", stdin=fresh_key()).status == 0
    done = ortui("keys", "test", "work")
    assert done.status == 2
    assert "belongs to https://openrouter.ai:443" in done.err


# The others


def test_doctor_finds_nothing_wrong_and_what_is_wrong(ortui: Ortui) -> None:
    done = ortui("doctor")
    assert done.status == 0, done.out
    assert ortui.environment["OPENROUTER_API_KEY"] not in done.out
    for what in ("configuration", "folders", "database", "network", "clock", "key"):
        assert f"✓ {what}" in done.out
    ortui.environment["OPENROUTER_API_KEY"] = "sk-or-v1-invalid-0000000000"
    refused = ortui("doctor")
    assert refused.status == 6
    assert "✗ key" in refused.out
    assert "→" in refused.out


def test_doctor_says_what_stands_in_the_way(ortui: Ortui) -> None:
    ortui.environment["OPENROUTER_BASE_URL"] = "http://127.0.0.1:9/api/v1"
    gone = ortui("doctor")
    assert gone.status == 6
    assert "✗ network" in gone.out
    assert "! key" in gone.out
    assert "not tried" in gone.out
    ortui.configure("budget: {day: x}\n")
    wrong = ortui("doctor")
    assert wrong.status == 6
    assert "✗ configuration" in wrong.out
    assert "budget.day" in wrong.out


@pytest.mark.skipif(os.name == "nt", reason="modes as on POSIX")
def test_doctor_warns_of_open_folders(ortui: Ortui) -> None:
    ortui.data.mkdir(mode=0o755)
    ortui.data.chmod(0o755)
    done = ortui("doctor")
    assert done.status == 0
    assert f"chmod 700 {ortui.data}" in done.out
    keys = ortui.data / "keys.json"
    keys.write_text("{}")
    keys.chmod(0o644)
    assert f"{keys}: other users can read" in ortui("doctor").out


def test_doctor_tries_the_network_whatever_else_is_wrong(ortui: Ortui) -> None:
    ortui.data.write_text("no folder")
    done = ortui("doctor")
    assert done.status == 6
    assert "✗ folders" in done.out
    for what in ("network", "clock", "key"):
        assert f"✓ {what}" in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_its_shell_reads(ortui: Ortui, shell: str) -> None:
    done = ortui("completion", shell)
    assert done.status == 0
    assert "demo-server" in done.out
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=done.out, text=True, check=True, timeout=20)


def test_bash_completes(ortui: Ortui) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    script = ortui("completion", "bash").out
    ask = f'{script}\nCOMP_WORDS=(ortui spend --b); COMP_CWORD=2; _ortui; echo "${{COMPREPLY[*]}}"'
    done = subprocess.run([bash, "-c", ask], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == ["--by", "--base-url"]


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_demo_server_says_where_it_is_and_ends_on_a_signal(ortui: Ortui, number: int, status: int) -> None:
    process = ortui.start("demo-server", "--seed", "3")
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    assert url.endswith("/api/v1")
    with urllib.request.urlopen(f"{url}/models", timeout=20) as answer:
        assert json.load(answer)["data"]
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == status


def test_a_port_that_is_taken_is_a_sentence(ortui: Ortui, demo_server: str) -> None:
    port = demo_server.split(":")[2].split("/")[0]
    done = ortui("demo-server", "--port", port)
    assert done.status == 2
    assert f"Port {port} cannot be used" in done.err


def test_it_runs_as_a_module(ortui: Ortui) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "--version"], env=ortui.environment, capture_output=True, timeout=20, check=True
    )
    assert done.stdout.startswith(b"ortui ")
