"""Files that are imported: what is refused, with which sentence, and what comes in."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from tui.core.conversation import Attachment, ConversationSettings, Message
from tui.database import chats
from tui.database.chat_files import (
    ImportRefused,
    export_bytes,
    export_path,
    import_conversations,
    imported_sentence,
    parse_chats,
    read_chats,
    write_new,
)
from tui.database.opening import open_database
from tui.openrouter.text import Clean, Opaque

KEY = "sk-or-v1-planted-0123456789abcdef4f2a"


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


def begin(connection: sqlite3.Connection, conversation_id: str = "c1") -> None:
    chats.create(connection, conversation_id, title=Clean("Ünder [/b]"), settings=ConversationSettings(), now=5.0)
    parent = None
    for at, text in enumerate(("one", "two", "other two")):
        message = Message(
            id=f"{conversation_id}-{at}",
            conversation_id=conversation_id,
            parent_id=parent,
            role="assistant" if at else "user",
            text=Clean(text),
            created_at=float(at),
        )
        chats.add_message(connection, message)
        parent = f"{conversation_id}-0"


def test_files_that_went_along_are_exported_and_imported(connection: sqlite3.Connection) -> None:
    files = (
        Attachment(kind="text", name=Clean("notes.md"), content=Opaque("some\ntext"), size=9),
        Attachment(kind="image", name=Clean("tree.png"), content=Opaque("data:image/png;base64,AAAA"), size=3),
    )
    chats.create(connection, "c1", title=Clean("t"), settings=ConversationSettings(), now=5.0)
    asked = Message(
        id="m1", conversation_id="c1", parent_id=None, role="user", text=Clean("x"), created_at=1.0, attachments=files
    )
    chats.add_message(connection, asked)
    written, _ = export_bytes(connection, ["c1"], "json")
    elsewhere = open_database(None, busy_s=0.1).connection
    import_conversations(elsewhere, parse_chats(written, "file.json", ()))
    kept = chats.open_conversation(elsewhere, "c1")
    assert kept is not None
    assert kept.messages[0].attachments == files
    assert "*with notes.md, tree.png*" in export_bytes(connection, ["c1"], "markdown")[0].decode()


def refused(data: bytes) -> str:
    with pytest.raises(ImportRefused) as why:
        parse_chats(data, "file.json", [KEY])
    return str(why.value)


@pytest.mark.parametrize("kind", ["json", "markdown"])
def test_what_is_exported_is_imported_elsewhere(connection: sqlite3.Connection, tmp_path: Path, kind: str) -> None:
    begin(connection)
    begin(connection, "c2")
    body, number = export_bytes(connection, ["c1"], kind)
    assert number == 1
    assert export_bytes(connection, [], "json")[1] == 2
    path = export_path(tmp_path, Clean("Ünder [/b]"), kind, 86_400.0)
    write_new(path, body)
    assert path.name == f"ünder-b-1970-01-02.{'md' if kind == 'markdown' else 'json'}"
    assert export_path(tmp_path, Clean("Ünder [/b]"), kind, 86_400.0).stem == "ünder-b-1970-01-02-2"
    with pytest.raises(FileExistsError):
        write_new(path, b"")
    other = open_database(None, busy_s=0.1).connection
    assert import_conversations(other, read_chats(path)) == (1, 0)
    [row] = chats.list_conversations(other)
    opened = chats.open_conversation(other, row.id)
    assert opened is not None
    assert [message.text for message in opened.messages] == ["one", "other two"]
    assert opened.title == "Ünder [/b]"
    branches = 3 if kind == "json" else 2
    assert len(chats.message_for_export(other, row.id)) == branches
    if kind == "json":
        assert import_conversations(other, read_chats(path)) == (0, 1)
    more = open_database(None, busy_s=0.1).connection
    assert import_conversations(more, parse_chats(export_bytes(connection, [], kind)[0], "all")) == (2, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, why in (("pipe", "not a regular file"), ("folder", "not a regular file"), ("missing", "No such file")):
        with pytest.raises(ImportRefused, match=why):
            read_chats(tmp_path / name)
    with pytest.raises(ImportRefused, match="the path is not valid"):
        read_chats(tmp_path / "a\0b")


def test_what_cannot_be_a_conversation_is_refused_with_a_sentence(tmp_path: Path) -> None:
    assert refused(b"\x7fELF\0\0") == "file.json is no text file."
    assert refused(b'{"messages": [{"role": "user", "content": "\xff"}]}') == "file.json is no text file."
    assert refused(b"PK\x03\x04...") == "file.json is a ZIP archive: unpack it and import its conversations.json."
    assert refused(b"{") == "file.json is no valid JSON."
    assert refused(b"[" * 300_000) == "file.json is no valid JSON."
    assert "holds no conversation" in refused(b"[]")
    assert "holds no conversation" in refused(b"# Notes\n\nmilk")
    assert refused(b"x" * 20_000_001) == "file.json is larger than 20 MB."
    big = tmp_path / "big.json"
    big.write_bytes(b"[" + b" " * 20_000_001 + b"]")
    with pytest.raises(ImportRefused, match="larger than 20 MB"):
        read_chats(big)


def test_our_own_export_may_be_larger(tmp_path: Path) -> None:
    text = "x" * 7_000_000
    rows = [{"role": "user", "text": text, "id": f"m{at}"} for at in range(3)]
    whole = {"format": "ortui-conversations", "version": 1, "conversations": [{"id": "big", "messages": rows}]}
    path = tmp_path / "own.json"
    path.write_text(json.dumps(whole))
    [(conversation, _)] = read_chats(path)
    assert len(conversation.messages) == 3


def test_a_file_with_a_configured_key_is_refused_and_the_key_not_repeated() -> None:
    said = refused(json.dumps([{"role": "user", "content": f"my key is {KEY}"}]).encode())
    assert said == "file.json contains your key …4f2a: take it out first."


def test_numbers_are_told_in_words() -> None:
    assert imported_sentence(1, 0) == "1 conversation is imported."
    assert imported_sentence(0, 2) == "0 conversations are imported, 2 were there already."
    assert imported_sentence(3, 1) == "3 conversations are imported, 1 was there already."
