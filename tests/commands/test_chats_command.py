"""`ortui chats import` with what other programs write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runner import Ortui

CHATGPT = [
    {
        "title": "Bears",
        "id": "6f1c2b9e-0000-4000-8000-000000000002",
        "mapping": {
            "question-0001": {
                "parent": None,
                "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Any bears?"]}},
            },
            "answer00-0001": {
                "parent": "question-0001",
                "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["Many."]}},
            },
        },
        "current_node": "answer00-0001",
    }
]


def test_a_chatgpt_export_is_imported_and_found(ortui: Ortui, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps(CHATGPT))
    assert ortui("chats", "import", str(file)).out == "1 conversation is imported.\n"
    assert ortui("chats", "import", str(file)).out == "0 conversations are imported, 1 was there already.\n"
    [hit] = ortui("chats", "search", "bears", "--json").json
    shown = ortui("chats", "show", hit["conversation_id"], "--json").json
    assert [message["text"] for message in shown["messages"]] == ["Any bears?", "Many."]


def test_markdown_goes_out_and_comes_in(ortui: Ortui, tmp_path: Path) -> None:
    ortui("ask", "-m", "demo/echo", "A heading:\n## You\n\nnot me")
    file = tmp_path / "talk.md"
    assert ortui("chats", "export", "-o", str(file)).err == f"ortui: 1 conversation is in {file}.\n"
    ortui.environment["ORTUI_DATA_DIR"] = str(tmp_path / "elsewhere")
    assert ortui("chats", "import", str(file)).status == 0
    [row] = ortui("chats", "list", "--json").json
    shown = ortui("chats", "show", row["id"], "--json").json
    assert [message["text"] for message in shown["messages"]] == ["A heading:\n## You\n\nnot me"] * 2
    assert shown["messages"][1]["model"] == "demo/echo"


@pytest.mark.parametrize("body", [b"\0\1\2", b"[" * 200_000, b"PK\x03\x04", b"{}"])
def test_what_is_none_is_refused_in_one_line(ortui: Ortui, tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(body)
    done = ortui("chats", "import", str(file))
    assert done.status == 2
    assert done.err.startswith("ortui: ")
    assert done.err.count("\n") == 1
    assert ortui("chats", "list", "--json").json == []
