"""Programs measured in a pseudo-terminal: ours, and the floors beside it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]

FLOOR = """
import json, sys
import httpx
def reply(prompt, model):
    body = {{"model": model, "stream": True, "messages": [{{"role": "user", "content": prompt}}]}}
    key = {{"Authorization": "Bearer sk-or-v1-floor-0000000000"}}
    with httpx.stream("POST", {url!r} + "/chat/completions", headers=key, json=body, timeout=60) as response:
        for row in response.iter_lines():
            if row.startswith("data: {{"):
                for choice in json.loads(row[6:])["choices"]:
                    print(choice["delta"].get("content") or "", end="", flush=True)
    print("\\n== end ==")
while True:
    prompt = input("you> ")
    reply(prompt, "demo/plain" if prompt == "hi" else {model!r})
"""
MARKDOWN = """
import asyncio, json
import httpx
from textual import work
from textual.app import App
from textual.containers import VerticalScroll
from textual.widgets import Input, Markdown

class Floor(App):
    CSS = "VerticalScroll {{ height: 1fr; }} Input {{ dock: bottom; }}"
    def compose(self):
        with VerticalScroll():
            yield Markdown()
        yield Input(placeholder="== ready ==")
    def on_mount(self):
        self.query_one(VerticalScroll).anchor()
        self.query_one(Input).focus()
    def on_input_submitted(self, event):
        event.input.clear()
        self.answer(event.value)
    @work
    async def answer(self, prompt):
        model = "demo/plain" if prompt == "hi" else {model!r}
        body = {{"model": model, "stream": True, "messages": [{{"role": "user", "content": prompt}}]}}
        key = {{"Authorization": "Bearer sk-or-v1-floor-0000000000"}}
        writer = Markdown.get_stream(self.query_one(Markdown))
        async with httpx.AsyncClient(timeout=None) as client:
            async with client.stream("POST", {url!r} + "/chat/completions", headers=key, json=body) as response:
                async for row in response.aiter_lines():
                    if row.startswith("data: {{"):
                        for choice in json.loads(row[6:])["choices"]:
                            if choice["delta"].get("content"):
                                await writer.write(choice["delta"]["content"])
        await writer.stop()
        self.query_one(Input).placeholder = "== end of " + prompt
Floor().run()
"""
OURS = """
import sys
from tui.cli import main
sys.exit(main(["--config", {config!r}, "--data-dir", {data!r}]))
"""


_BLINKING = 2_000
"""Bytes a second that a cursor at rest may write."""


_BLINK = 200
"""Bytes of a burst that may still be the cursor or a key's echo."""


class Program:
    """A child in a pseudo-terminal: what it writes, how often, and its CPU time."""

    def __init__(self, code: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)})
            os.execv(sys.executable, [sys.executable, "-c", code])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.written = bytearray()
        self.redraws: list[float] = []
        """When each burst of output came that is more than a blinking cursor."""
        self._burst = 0
        self._last = 0.0

    def read(self, seconds: float) -> bool:
        """Read what comes within that time; False when nothing came."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if not ready:
            return False
        piece = os.read(self.terminal, 1 << 16)
        self.written += piece
        self._burst += len(piece) if (now := time.monotonic()) - self._last <= 0.01 else len(piece) - self._burst
        self._last = now
        if self._burst > _BLINK and (not self.redraws or now - self.redraws[-1] > 0.01):
            self.redraws.append(now)
        return True

    def until(self, shown: bytes, within_s: float = 60.0) -> None:
        """Wait until it has written that since the last call."""
        end = time.monotonic() + within_s
        while shown not in self.written:
            if time.monotonic() > end:
                raise SystemExit(f"{shown!r} never came; the last output was {bytes(self.written[-800:])!r}")
            self.read(0.1)

    def quiet(self, seconds: float) -> None:
        """Wait until next to nothing was written for that long: a cursor may go on blinking."""
        began, before = time.monotonic(), len(self.written)
        while time.monotonic() - began < seconds:
            self.read(0.05)
            if len(self.written) - before > _BLINKING * seconds:
                began, before = time.monotonic(), len(self.written)

    def keys(self, keys: str) -> None:
        self.written.clear()
        os.write(self.terminal, keys.encode())

    def cpu(self) -> float:
        """Seconds, of all threads together, those that have ended included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


async def prepare(url: str, config: Path, data: Path, earlier: int, model: str = "demo/flood") -> None:
    """A configuration, and a conversation with that many earlier messages of some 300 tokens."""
    from tui.config import load
    from tui.core.conversation import ConversationSettings, Message
    from tui.database import chats
    from tui.database.thread import Database
    from tui.demo.replies import compose
    from tui.openrouter.text import Clean, Opaque

    key = "api_keys: [sk-or-v1-bench-credits-9000-0000]"
    config.write_text(f"llm_providers:\n  - id: bench\n    base_url: {url}\n    model: {model}\n    {key}\n")
    config.chmod(0o600)
    settings = load(config_file=config, data_dir=data, environ={})
    settings.folders.ensure()
    database = Database(settings.folders.database)
    settings_of = ConversationSettings(model=Opaque(model))
    await database.run(chats.create, "bench", title=Clean("bench"), settings=settings_of, now=time.time())
    parent = None
    for number in range(earlier):
        message = Message(
            id=f"m{number}",
            conversation_id="bench",
            parent_id=parent,
            role="user" if number % 2 == 0 else "assistant",
            text=Clean(compose(f"question {number}", Random(number))[:1200]),
            created_at=time.time(),
        )
        await database.run(chats.add_message, message)
        parent = message.id
    await database.aclose()
