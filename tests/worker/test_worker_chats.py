"""Conversations as they are kept: private ones, files, search, moves, and two workers on one database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_worker_processes import CHILD
from worker_host import Host

from tui.core.chat_turns import carry_on, delete_from, fork, send_again, send_edited
from tui.core.commands import (
    DeleteConversation,
    ExportConversations,
    ImportConversations,
    OpenConversation,
    PinConversation,
    Remember,
    RenameConversation,
    SaveConversation,
    SearchMessages,
    ShowBranch,
)
from tui.core.conversation import Conversation, CostKind, MessageState
from tui.core.events import BillArrived, MessagesFound, ReplyGrew
from tui.openrouter.text import Clean, Opaque

SECRET = "xyzzyplugh"


def texts(host: Host, conversation_id: str) -> list[str]:
    return [message.text for message in host.state.open[conversation_id].messages]


def opened(host: Host, ask: Any) -> Conversation:
    conversation: Conversation = host.state.open[ask.conversation_id]
    return conversation


async def found(host: Host, words: str) -> MessagesFound:
    host.worker.submit(SearchMessages(words=Clean(words)))
    await host.until(lambda: host.state.found is not None and host.state.found.words == words)
    assert host.state.found is not None
    return host.state.found


# Private conversations


async def test_nothing_of_a_private_conversation_is_in_any_file(start_host: Any, tmp_path: Path, home: Path) -> None:
    host = await start_host()
    ask = host.ask("demo/echo", f"{SECRET} one", private=True)
    await host.reply(ask)
    conversation = opened(host, ask)
    host.worker.submit(RenameConversation(conversation_id=ask.conversation_id, title=Clean(f"{SECRET} title")))
    await host.until(lambda: conversation.title == f"{SECRET} title")
    host.worker.submit(
        SaveConversation(
            conversation_id=ask.conversation_id,
            title=conversation.title,
            settings=conversation.settings,
            draft=Clean(f"{SECRET} draft"),
            private=True,
        )
    )
    second = host.ask("demo/echo", f"{SECRET} two", conversation_id=ask.conversation_id)
    assert second.private, "once private, always private"
    await host.reply(second)
    branch = send_again(conversation, conversation.messages[-1], conversation.settings)
    host.worker.submit(branch)
    await host.reply(branch)
    host.worker.submit(copy := fork(conversation, conversation.messages[-1]))
    await host.until(lambda: copy.new_id in host.state.open)
    assert host.state.open[copy.new_id].private
    assert len((await found(host, SECRET)).hits) > 3
    assert [row.private for row in host.state.conversations] == [True, True]
    asked = await host.requests()
    assert [row["conversation"] for row in asked] == [row["message_id"] for row in asked] == [None] * 3
    assert await host.billed() > 0
    await host.close()
    files = [path for folder in (tmp_path, home) if folder.exists() for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "ortui.db" for path in files)
    for path in files:
        data = path.read_bytes()
        assert SECRET.encode() not in data, path
        assert SECRET.encode("utf-16-le") not in data, path


async def test_a_private_conversation_has_all_moves(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/echo", "one", private=True)
    await host.reply(ask)
    conversation = opened(host, ask)
    again = send_again(conversation, conversation.messages[-1], conversation.settings)
    host.worker.submit(again)
    await host.reply(again)
    assert conversation.branches == {again.reply_id: (2, 2)}
    host.worker.submit(ShowBranch(conversation_id=conversation.id, message_id=again.reply_id, step=-1))
    await host.until(lambda: conversation.messages[-1].id == ask.reply_id)
    assert conversation.branches == {ask.reply_id: (1, 2)}
    assert conversation.private
    delete = delete_from(conversation, conversation.messages[0])
    host.worker.submit(delete)
    await host.until(lambda: not conversation.messages)


# Moves


async def test_branches_are_kept_and_walked(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/echo", "one")
    await host.reply(ask)
    conversation = opened(host, ask)
    edited = send_edited(conversation, conversation.messages[0], conversation.settings, Clean("better"), now=2.0)
    host.worker.submit(edited)
    await host.reply(edited)
    assert texts(host, ask.conversation_id) == ["better", "better"]
    host.worker.submit(ShowBranch(conversation_id=conversation.id, message_id=conversation.messages[0].id, step=-1))
    await host.until(lambda: texts(host, conversation.id) == ["one", "one"])
    assert conversation is opened(host, ask), "views keep their place"
    host.worker.submit(ShowBranch(conversation_id=conversation.id, message_id=conversation.messages[0].id, step=-1))
    await host.until(lambda: "There is no branch before this one." in host.notices())


async def test_another_model_answers_in_mid_conversation_and_instead(start_host: Any) -> None:
    from msgspec.structs import replace

    host = await start_host()
    ask = host.ask("demo/echo", "one")
    await host.reply(ask)
    conversation = opened(host, ask)
    other = replace(conversation.settings, model=Opaque("demo/plain"))
    again = send_again(conversation, conversation.messages[-1], other)
    host.worker.submit(again)
    await host.reply(again)
    assert [(one.text, one.model) for one in conversation.messages] == [
        ("one", None),
        ("This is a short plain reply.", "demo/plain"),
    ]
    host.worker.submit(ShowBranch(conversation_id=conversation.id, message_id=again.reply_id, step=-1))
    await host.until(lambda: conversation.messages[-1].model == "demo/echo")


@pytest.mark.parametrize("name", ["cut-off", "connection-lost", "mid-stream-error", "length"])
async def test_a_reply_that_broke_off_is_continued(start_host: Any, name: str) -> None:
    host = await start_host()
    ask = host.ask(f"demo/{name}", "one")
    await host.reply(ask)
    conversation = opened(host, ask)
    assert conversation.messages[-1].text
    more = carry_on(conversation, conversation.settings, now=3.0)
    host.worker.submit(more)
    await host.reply(more)
    assert more.history[1].content == conversation.messages[1].text
    assert conversation.messages[-1].id == more.reply_id
    assert conversation.messages[-1].text


@pytest.mark.parametrize(
    ("model", "words"),
    [("demo/slow", "FakeProvider may bill the whole reply"), ("demo/slow-billed", "bills the whole reply")],
)
async def test_a_stopped_reply_says_whether_billing_stopped_until_the_bill_is_there(
    start_demo_server: Any, start_host: Any, model: str, words: str
) -> None:
    host = await start_host(start_demo_server("--slow-rate", "100", "--generation-delay", "0.3"))
    ask = host.ask(model)
    await host.until(lambda: len(host.saw(ReplyGrew)) > 4)
    host.worker.cancel(ask.reply_id)
    ended = await host.reply(ask)
    assert ended.state is MessageState.STOPPED
    assert words in ended.receipt.billing_note
    assert ended.receipt.cost.kind is CostKind.ESTIMATED
    [bill] = await host.until(lambda: host.saw(BillArrived))
    assert bill.receipt.cost.kind is CostKind.BILLED
    assert bill.receipt.billing_note is None
    await host.until(lambda: [row.spent_usd for row in host.state.conversations] == [bill.receipt.cost.usd])
    host.worker.submit(OpenConversation(conversation_id=ask.conversation_id))
    await host.until(lambda: opened(host, ask).reads)
    assert host.message(ask).receipt.cost == bill.receipt.cost


# The list, search, files


async def test_conversations_are_pinned_renamed_deleted_and_brought_back(start_host: Any) -> None:
    host = await start_host()
    first, second = host.ask("demo/plain", "first"), host.ask("demo/plain", "second")
    await host.reply(first)
    await host.reply(second)

    def titles() -> list[str]:
        return [row.title for row in host.state.conversations]

    host.worker.submit(PinConversation(conversation_id=first.conversation_id, pinned=True))
    await host.until(lambda: titles() == ["first", "second"] and host.state.conversations[0].pinned)
    host.worker.submit(RenameConversation(conversation_id=first.conversation_id, title=Clean("1st")))
    await host.until(lambda: titles() == ["1st", "second"])
    assert opened(host, first).title == "1st"
    host.worker.submit(DeleteConversation(conversation_id=first.conversation_id))
    await host.until(lambda: titles() == ["second"])
    host.worker.submit(DeleteConversation(conversation_id=first.conversation_id, undo=True))
    await host.until(lambda: titles() == ["1st", "second"])


async def test_a_search_finds_messages_of_all_branches_and_opens_them(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/echo", "about the narwhal")
    await host.reply(ask)
    conversation = opened(host, ask)
    edited = send_edited(conversation, conversation.messages[0], conversation.settings, Clean("about bees"), now=2.0)
    host.worker.submit(edited)
    await host.reply(edited)
    host.worker.submit(SearchMessages(words=Clean("b")))
    host.worker.submit(SearchMessages(words=Clean("be")))
    hits = (await found(host, "narw")).hits
    assert {hit.role for hit in hits} == {"user", "assistant", "title"}
    hit = next(hit for hit in hits if hit.role == "assistant")
    assert [hit.snippet[begin:end] for begin, end in hit.marks] == ["narwhal"]
    host.worker.submit(OpenConversation(conversation_id=hit.conversation_id, message_id=hit.message_id))
    await host.until(lambda: texts(host, conversation.id) == ["about the narwhal"] * 2)
    assert (await found(host, "no such words")).hits == ()


@pytest.mark.parametrize("kind", ["markdown", "json"])
async def test_a_conversation_goes_into_a_file_and_comes_back(start_host: Any, tmp_path: Path, kind: str) -> None:
    host = await start_host()
    ask = host.ask("demo/echo", "out and in")
    await host.reply(ask)
    host.worker.submit(
        ExportConversations(conversation_ids=(ask.conversation_id,), kind=kind, title=Clean("out and in"))  # type: ignore[arg-type]
    )
    await host.until(lambda: [note for note in host.notices() if note.startswith("The conversation is in ")])
    [file] = (tmp_path / "exports").iterdir()
    assert file.name.startswith("out-and-in-")
    assert file.stat().st_mode & 0o777 == 0o600
    other = await start_host(root=tmp_path / "other")
    other.worker.submit(ImportConversations(path=str(file)))
    await other.until(lambda: "1 conversation is imported." in other.notices())
    await other.until(lambda: [row.title for row in other.state.conversations] == ["out and in"])
    other.worker.submit(ImportConversations(path=str(tmp_path / "none")))
    await other.until(
        lambda: other.notices()[-1].startswith("Nothing was imported: ") and "No such file" in other.notices()[-1]
    )


async def test_a_file_with_our_key_in_it_is_not_imported(start_host: Any, tmp_path: Path) -> None:
    host = await start_host()
    file = tmp_path / "leak.json"
    file.write_text(json.dumps([{"role": "user", "content": host.key()}]))
    host.worker.submit(ImportConversations(path=str(file)))
    await host.until(lambda: [note for note in host.notices() if "contains your key" in note])
    assert host.key() not in "".join(host.notices())
    assert host.state.conversations == ()


# Two at once


@pytest.fixture
async def two(
    start_host: Any, start_demo_server: Any, fresh_key: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Host, Host]:
    monkeypatch.setattr("tui.worker.standing_work._WATCH_S", 0.05)
    base_url, key = start_demo_server("--slow-rate", "120", "--speed", "0"), fresh_key()
    return await start_host(base_url, key, host={"watch": True}), await start_host(base_url, key, host={"watch": True})


async def test_each_sees_what_the_other_writes_into_an_open_conversation(two: tuple[Host, Host]) -> None:
    here, there = two
    ask = here.ask("demo/echo", "one")
    await here.reply(ask)
    there.worker.submit(OpenConversation(conversation_id=ask.conversation_id))
    await there.until(lambda: ask.conversation_id in there.state.open)
    same = opened(there, ask)
    second = there.ask("demo/slow", "two", conversation_id=ask.conversation_id)
    await here.until(lambda: len(texts(here, ask.conversation_id)) == 4)
    await here.until(lambda: len(texts(here, ask.conversation_id)[-1]) > 20)
    assert opened(here, ask).messages[-1].state.is_open, "it can be watched while it grows there"
    there.worker.cancel(second.reply_id)
    await there.reply(second)
    await here.until(lambda: opened(here, ask).messages[-1].state is MessageState.STOPPED)
    assert texts(here, ask.conversation_id) == texts(there, ask.conversation_id)
    here.worker.submit(RenameConversation(conversation_id=ask.conversation_id, title=Clean("ours")))
    await there.until(lambda: same.title == "ours" and there.state.conversations[0].title == "ours")
    here.worker.submit(Remember(name="preset:x", value={"seed": "1"}))
    await there.until(lambda: "preset:x" in there.state.preferences)


async def test_a_conversation_that_is_deleted_elsewhere_is_there_again_when_one_talks_in_it(
    two: tuple[Host, Host],
) -> None:
    here, there = two
    ask = here.ask("demo/echo", "one")
    await here.reply(ask)
    await there.until(lambda: there.state.conversations)
    there.worker.submit(DeleteConversation(conversation_id=ask.conversation_id))
    await here.until(lambda: not here.state.conversations)
    assert texts(here, ask.conversation_id) == ["one", "one"]
    await here.reply(here.ask("demo/echo", "two", conversation_id=ask.conversation_id))
    await there.until(lambda: [row.message_count for row in there.state.conversations] == [4])


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
async def test_the_reply_of_an_ortui_that_was_killed_is_closed_by_the_one_that_lives(
    start_host: Any, start_demo_server: Any, fresh_key: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.worker.standing_work._WATCH_S", 0.05)
    base_url, key = start_demo_server("--slow-rate", "120"), fresh_key()
    host = await start_host(base_url, key, host={"watch": True})
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path), base_url, key]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        conversation_id, _ = (await asyncio.to_thread(child.stdout.readline)).split()
        await host.until(lambda: [row for row in host.state.conversations if row.streaming])
        host.worker.submit(OpenConversation(conversation_id=conversation_id))
        await host.until(lambda: conversation_id in host.state.open and len(texts(host, conversation_id)[-1]) > 20)
        assert host.state.open[conversation_id].running is not None
        child.send_signal(signal.SIGKILL)
    await host.until(lambda: host.state.open[conversation_id].messages[-1].state is MessageState.CUT_OFF)
    assert host.state.open[conversation_id].running is None
    await host.until(lambda: not [row for row in host.state.conversations if row.streaming])
    await host.reply(host.ask("demo/echo", "and now?", conversation_id=conversation_id))
    assert texts(host, conversation_id)[-1] == "and now?"
