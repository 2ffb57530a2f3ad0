"""Every failure of the embedded server through the chat: what the screen says, what is kept, which key mends it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from chat_host import screen_text
from live_chat import LiveApp, ask, begin, live_chat, live_settings
from screen_host import until
from textual.widgets import Static

from tui.core.conversation import MessageState
from tui.demo.faults import CHAT
from tui.demo.launch import DemoProcess
from tui.screens.chat import ChatScreen


class Case(NamedTuple):
    """What a failure comes to."""

    state: str
    says: str = ""
    """Words of the sentence on the screen."""
    keys: str = ""
    """The keys that are offered, in their order."""
    keeps_text: bool = False


FAILED = MessageState.FAILED.value
DONE = MessageState.DONE.value
CUT = MessageState.CUT_OFF.value
UNKNOWN = MessageState.UNKNOWN.value

CASES: dict[str, Case] = {
    "400": Case(FAILED, "", "ctrl+t"),
    "401": Case(FAILED, "key", "ctrl+r"),
    "402": Case(FAILED, "credit", "alt+m ctrl+l"),
    "402-in-flight": Case(DONE, keeps_text=True),
    "403": Case(FAILED, "", "ctrl+l"),
    "403-key-limit": Case(FAILED, "limit", "alt+m"),
    "403-moderation": Case(FAILED, "", "alt+e ctrl+l"),
    "404": Case(FAILED, "", "ctrl+t ctrl+l"),
    "408": Case(FAILED, "", "ctrl+r"),
    "413": Case(FAILED, "", "alt+e"),
    "422": Case(FAILED, "", "ctrl+t"),
    "429": Case(FAILED, "", "ctrl+r"),
    "500": Case(FAILED, "", "ctrl+r"),
    "502": Case(FAILED, "", "ctrl+r"),
    "504": Case(UNKNOWN, "", "ctrl+r"),
    "524": Case(UNKNOWN, "", "ctrl+r"),
    "529": Case(FAILED, "", "ctrl+r"),
    "html-502": Case(FAILED, "", "ctrl+r"),
    "empty-403": Case(FAILED, "", "ctrl+r"),
    "zod-400": Case(FAILED, "", "ctrl+t"),
    "hang-up": Case(UNKNOWN, "", "ctrl+r"),
    "flaky-502": Case(DONE, keeps_text=True),
    "flaky-429": Case(DONE, keeps_text=True),
    "flaky-first-event": Case(DONE, keeps_text=True),
    "error-in-200": Case(FAILED, "", "ctrl+r"),
    "first-event-error": Case(FAILED, "", "ctrl+r"),
    "mid-stream-error": Case(CUT, "", "alt+c ctrl+r", keeps_text=True),
    "cut-off": Case(CUT, "", "alt+c ctrl+r", keeps_text=True),
    "connection-lost": Case(CUT, "", "alt+c ctrl+r", keeps_text=True),
    "broken-json": Case(DONE, "could not be read", keeps_text=True),
    "usage-with-choice": Case(DONE, keeps_text=True),
    "no-usage": Case(DONE, keeps_text=True),
    "finish-then-null": Case(DONE, keeps_text=True),
    "crlf": Case(DONE, keeps_text=True),
    "split-bytes": Case(DONE, keeps_text=True),
    "refusal": Case(DONE),
    "empty": Case(DONE),
    "length": Case(DONE, "", "alt+c", keeps_text=True),
    "image": Case(DONE, keeps_text=True),
    "hostile": Case(DONE, keeps_text=True),
    "plain": Case(DONE, keeps_text=True),
    "reasoning": Case(DONE, keeps_text=True),
    "echo": Case(DONE, keeps_text=True),
    "tools": Case(DONE, keeps_text=True),
}
ELSEWHERE = {"pause", "429-retry-after", "503", "slow", "slow-billed", "flood"}
"""Those that wait for long or are long: other tests have them."""


def test_the_table_has_every_failure_of_the_server() -> None:
    assert {fault.name for fault in CHAT} == set(CASES) | ELSEWHERE


@pytest.mark.parametrize("names", [list(CASES)[at::4] for at in range(4)], ids=["a", "b", "c", "d"])
async def test_each_failure_is_said_and_can_be_mended(
    names: list[str], demo_server: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    for name in names:
        async with live_chat(demo_server, fresh_key(), tmp_path / name) as (pilot, screen):
            wanted = CASES[name]
            reply = await ask(pilot, screen, f"demo/{name}", f"question {name}")
            assert reply.state.value == wanted.state, name
            assert bool(reply.text) == wanted.keeps_text, name
            said = reply.failure.message if reply.failure else wanted.says
            for words in (f"question {name}", " ".join(said.split()[:3]), wanted.says):
                await until(pilot, lambda words=words: words in " ".join(screen_text(pilot).split()))  # type: ignore[misc]
            line = screen.query_one("#remedies", Static)
            offered = str(line.content) if line.display else ""
            assert [key for key in wanted.keys.split() if key in offered] == wanted.keys.split(), (name, offered)
            assert bool(wanted.keys) == bool(offered), (name, offered)
            if name == "413":
                await pilot.press("alt+e")
                await until(pilot, lambda: screen.composer.text == "question 413")
                await pilot.press("escape")
            if name in ("mid-stream-error", "400", "500"):
                # The next question is taken, and the answered part goes with it.
                more = await ask(pilot, screen, "demo/echo", "and now?")
                assert more.text == "and now?", (name, more)


async def test_where_nobody_listens_the_screen_says_so_and_keeps_the_question(
    fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1"
    app = LiveApp(live_settings(nobody, fresh_key(), tmp_path))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        running = asyncio.create_task(app.worker.run())
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: app.state.spend is not None)
        reply = await ask(pilot, screen, "some/model", "anybody there?")
        assert reply.state is MessageState.FAILED
        await until(pilot, lambda: "ctrl+r send again" in screen_text(pilot))
        assert "anybody there?" in screen_text(pilot)
        running.cancel()
        await asyncio.wait([running])
        await app.database.aclose()


async def test_a_server_that_goes_away_in_mid_stream_leaves_what_came(
    fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    server = DemoProcess("--slow-rate", "60")
    base_url = server.start()
    try:
        async with live_chat(base_url, fresh_key(), tmp_path) as (pilot, screen):
            await begin(pilot, screen, "demo/slow", "tell me")
            await until(pilot, lambda: screen.running is not None and len(screen.running.text) > 40, 15)
            server.stop()
            await until(pilot, lambda: screen.running is None, 20)
            assert screen.conversation is not None
            reply = screen.conversation.messages[-1]
            assert reply.state is MessageState.CUT_OFF
            assert len(reply.text) > 40
            await until(pilot, lambda: "alt+c continue" in screen_text(pilot))
            assert "may be billed twice" in screen_text(pilot)
            await pilot.press(*"still here")
            assert screen.composer.text == "still here"
    finally:
        server.stop()
