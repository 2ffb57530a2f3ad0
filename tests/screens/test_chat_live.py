"""The moves of the chat on the embedded server, and what is left of it when the program is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_host import screen_text
from live_chat import ask, begin, live_chat
from screen_host import until

from tui.core.conversation import CostKind, MessageState
from tui.openrouter.text import Opaque
from tui.screens.chat import ChatScreen
from tui.widgets.pick_list import PickList


def texts(screen: ChatScreen) -> list[str]:
    assert screen.conversation is not None
    return [message.text for message in screen.conversation.messages]


async def test_the_moves_from_first_question_to_fork(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    async with live_chat(demo_server, fresh_key(), tmp_path) as (pilot, screen):
        await ask(pilot, screen, "demo/echo", "one")
        await ask(pilot, screen, "demo/echo", "two")
        # Another model in mid-conversation.
        reply = await ask(pilot, screen, "demo/plain", "three")
        assert reply.model == "demo/plain"
        # The last reply by another model.
        screen.transcript.focus()
        await pilot.press("M")
        await until(pilot, lambda: pilot.app.screen is not screen)
        await pilot.press(*"demo/echo", "enter")
        await until(pilot, lambda: texts(screen)[-1] == "three" and screen.running is None)
        await until(pilot, lambda: "branch 2 of 2" in screen_text(pilot))
        await pilot.press("<")
        await until(pilot, lambda: texts(screen)[-1] == "This is a short plain reply.")
        await until(pilot, lambda: "branch 1 of 2" in screen_text(pilot))
        # An earlier question, written anew: what followed stays as a branch.
        assert screen.conversation is not None
        screen.transcript.reveal(screen.conversation.messages[2].id)
        await pilot.press("e")
        await until(pilot, lambda: screen.composer.text == "two")
        screen.composer.text = "2"
        await pilot.press("enter")
        await until(pilot, lambda: len(texts(screen)) == 4 and texts(screen)[2] == "2" and screen.running is None)
        screen.transcript.focus()
        screen.transcript.reveal(screen.conversation.messages[2].id)
        await pilot.press("<")
        await until(pilot, lambda: texts(screen)[2:5] == ["two", "two", "three"])
        # Deleted from here on, and brought back.
        screen.transcript.reveal(screen.conversation.messages[3].id)
        await pilot.press("d")
        await until(pilot, lambda: texts(screen) == ["one", "one", "two"])
        await until(pilot, lambda: "ctrl+r" in screen_text(pilot) or "u brings it back" in screen_text(pilot))
        await pilot.press("u")
        await until(pilot, lambda: len(texts(screen)) == 6)
        # A fork goes on by itself.
        screen.transcript.reveal(screen.conversation.messages[1].id)
        first = screen.conversation.id
        await pilot.press("F")
        await until(pilot, lambda: screen.conversation is not None and screen.conversation.id != first)
        await until(pilot, lambda: texts(screen) == ["one", "one"])
        await ask(pilot, screen, "demo/echo", "another way")
        assert texts(screen) == ["one", "one", "another way", "another way"]
        await until(pilot, lambda: len(screen.session.state.conversations) == 2)


async def test_a_stopped_reply_keeps_its_text_gets_its_bill_and_goes_on(
    start_demo_server: Any, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    # Long enough for the screen to be looked at before the bill comes, on a busy machine too.
    url = start_demo_server("--slow-rate", "120", "--generation-delay", "3")
    async with live_chat(url, fresh_key(), tmp_path, (140, 40)) as (pilot, screen):
        await begin(pilot, screen, "demo/slow-billed", "tell me")
        await until(pilot, lambda: screen.running is not None and len(screen.running.text) > 30, 15)
        await pilot.press("escape")
        await until(pilot, lambda: screen.running is None)
        assert screen.conversation is not None
        reply = screen.conversation.messages[-1]
        assert reply.state is MessageState.STOPPED
        assert len(reply.text) > 30
        assert reply.receipt is not None and reply.receipt.cost.kind is CostKind.ESTIMATED
        await until(pilot, lambda: "bill awaited" in screen_text(pilot))
        assert reply.receipt.billing_note is not None and "bills the whole reply" in reply.receipt.billing_note
        await until(pilot, lambda: reply.receipt is not None and reply.receipt.cost.kind is CostKind.BILLED, 10)
        await until(pilot, lambda: "bill awaited" not in screen_text(pilot))
        screen.take_model(Opaque("demo/echo"))
        await pilot.press("alt+c")
        await until(pilot, lambda: len(texts(screen)) == 4 and screen.running is None, 15)
        assert texts(screen)[3] == texts(screen)[2]


async def test_the_parameters_of_the_form_arrive(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    import httpx

    key = fresh_key()
    async with live_chat(demo_server, key, tmp_path) as (pilot, screen):
        screen.take_model(Opaque("demo/reasoning"))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: pilot.app.screen is not screen)
        await pilot.press(*"Be brief.")
        for name, value in {"temperature": "0.3", "reasoning_effort": "low", "zdr": "yes"}.items():
            pilot.app.screen.query_one(f"#{name}").value = value  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        await ask(pilot, screen, "demo/reasoning", "think")
    async with httpx.AsyncClient(trust_env=False) as client:
        root = demo_server.removesuffix("/api/v1")
        log = (await client.get(f"{root}/demo/log", headers={"Authorization": f"Bearer {key}"})).json()["data"]
    body = log[-1]["body"]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["temperature"], body["reasoning"], body["provider"]) == (0.3, {"effort": "low"}, {"zdr": True})


async def test_two_ortui_show_the_same_conversation(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.worker.standing_work._WATCH_S", 0.05)
    key = fresh_key()
    async with live_chat(demo_server, key, tmp_path) as (pilot, screen):
        await ask(pilot, screen, "demo/echo", "from here")
        # A process of its own asks in the same conversation.
        assert screen.conversation is not None
        command = [sys.executable, "-c", OTHER, str(Path(__file__).parent), str(tmp_path), demo_server, key]
        child = await asyncio.create_subprocess_exec(
            *command, screen.conversation.id, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
        )
        out, _ = await child.communicate()
        assert child.returncode == 0
        assert out.decode().split() == ["2"]
        await until(pilot, lambda: texts(screen) == ["from here", "from here", "from there", "from there"])
        await until(pilot, lambda: "from there" in screen_text(pilot))
        await ask(pilot, screen, "demo/echo", "and here again")
        assert len(texts(screen)) == 6


ROOT = Path(__file__).resolve().parents[2]
OTHER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from live_chat import ask, live_chat
from screen_host import until

async def main():
    async with live_chat(sys.argv[3], sys.argv[4], Path(sys.argv[2])) as (pilot, screen):
        screen.open_conversation(sys.argv[5])
        await until(pilot, lambda: screen.conversation is not None)
        print(len(screen.conversation.messages), flush=True)
        await ask(pilot, screen, "demo/echo", "from there")

asyncio.run(main())
"""

KILLED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from live_chat import begin, live_chat
from screen_host import until

async def main():
    async with live_chat(sys.argv[3], sys.argv[4], Path(sys.argv[2])) as (pilot, screen):
        await begin(pilot, screen, "demo/slow", "Tell me all")
        await until(pilot, lambda: screen.running.text)
        print(screen.conversation.id, flush=True)
        while True:
            await pilot.pause(0.01)
            print(len(screen.running.text), flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
async def test_what_was_on_the_screen_when_it_was_killed_stands_there_after_the_restart_and_goes_on(
    start_demo_server: Any, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    url, key = start_demo_server("--slow-rate", "120", "--generation-delay", "0.2"), fresh_key()
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path), url, key]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        conversation_id = (await asyncio.to_thread(child.stdout.readline)).strip()
        shown: list[tuple[float, int]] = []
        while len(shown) < 60:
            line = await asyncio.to_thread(child.stdout.readline)
            shown.append((time.monotonic(), int(line)))
        child.send_signal(signal.SIGKILL)
        killed = time.monotonic()
    async with live_chat(url, key, tmp_path) as (pilot, screen):
        screen.action_conversations()
        await until(pilot, lambda: pilot.app.screen is not screen)
        await until(pilot, lambda: any(rows.shown for rows in pilot.app.screen.query(PickList)))
        await pilot.press("enter")
        await until(pilot, lambda: screen.conversation is not None and screen.conversation.id == conversation_id)
        assert screen.conversation is not None
        reply = screen.conversation.messages[-1]
        assert reply.state is MessageState.CUT_OFF
        before = max(length for at, length in shown if at <= killed - 0.25)
        assert len(reply.text) >= before > 0
        await until(pilot, lambda: "cut off" in screen_text(pilot) and "alt+c continue" in screen_text(pilot))
        screen.take_model(Opaque("demo/echo"))
        await pilot.press("alt+c")
        await until(pilot, lambda: len(texts(screen)) == 4 and screen.running is None)
        assert texts(screen)[1] == reply.text
        assert texts(screen)[3]


async def test_nothing_that_is_written_in_private_is_in_any_file(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, elsewhere = tmp_path / "data", tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    notes = tmp_path / "notes.txt"
    notes.write_text("plughxyzzy attached")
    async with live_chat(demo_server, fresh_key(), root) as (pilot, screen):
        await pilot.press("alt+n")
        await until(pilot, lambda: screen.conversation is not None and screen.conversation.private)
        screen.attach_path(str(notes))
        await until(pilot, lambda: screen.composer.attachments)
        await pilot.press(*"plughxyzzy draft")
        screen.save_now()
        await pilot.press("ctrl+g")
        await ask(pilot, screen, "demo/echo", "plughxyzzy question")
        await until(pilot, lambda: "plughxyzzy" in texts(screen)[-1])
        await pilot.press(*"plughxyzzy more")
        screen.save_now()
        # Back to what is stored, and here again: the draft is still there.
        first = screen.conversation
        assert first is not None
        screen.action_new()
        screen.open_conversation(first.id)
        await until(pilot, lambda: screen.composer.text == "plughxyzzy more")
        await until(pilot, lambda: any(row.private for row in screen.session.state.conversations))
    files = [path for folder in (root, elsewhere) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "ortui.db" for path in files)
    for path in files:
        assert b"plughxyzzy" not in path.read_bytes(), path
