"""CPU time of a reply of 20,000 Markdown tokens at full speed, with 0, 100 and 1,000 earlier messages.

Run by hand on Linux: `python tests/benchmarks/stream_bench.py [ROUNDS]`. The whole program runs in a pseudo-terminal of
120x40 against the embedded server, which sends `demo/flood` as fast as it can; what is measured is the CPU time of the
client alone, all its threads, from the key that sends until nothing has been written for a second after the end. Each
reply comes after a short one that pays for imports and the first connection. Beside it, in the same run, `httpx` and
`print` with the same reply. Redraws are bursts of output, counted between the first and the last of the reply; the
server sends all of it within a fraction of a second, so there are only a few of them.
"""

from __future__ import annotations

import asyncio
import compileall
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
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
    reply(prompt, "demo/plain" if prompt == "hi" else "demo/flood")
"""
OURS = """
import sys
from tui.cli import main
sys.exit(main(["--config", {config!r}, "--data-dir", {data!r}]))
"""


_BLINKING = 2_000
"""Bytes a second that a cursor at rest may write."""


_BLINK = 1_000
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


async def prepare(url: str, config: Path, data: Path, earlier: int) -> None:
    """A configuration, and a conversation with that many earlier messages of some 300 tokens."""
    from tui.config import load
    from tui.core.conversation import ConversationSettings, Message
    from tui.database import chats
    from tui.database.thread import Database
    from tui.demo.replies import compose
    from tui.openrouter.text import Clean, Opaque

    key = "api_keys: [sk-or-v1-bench-credits-9000-0000]"
    config.write_text(f"llm_providers:\n  - id: bench\n    base_url: {url}\n    model: demo/flood\n    {key}\n")
    config.chmod(0o600)
    settings = load(config_file=config, data_dir=data, environ={})
    settings.folders.ensure()
    database = Database(settings.folders.database)
    model = ConversationSettings(model=Opaque("demo/flood"))
    await database.run(chats.create, "bench", title=Clean("bench"), settings=model, now=time.time())
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


def ours(url: str, earlier: int) -> tuple[float, float]:
    """CPU seconds and redraws a second of one reply in the program."""
    with tempfile.TemporaryDirectory() as folder:
        config, data = Path(folder) / "config.yaml", Path(folder) / "data"
        asyncio.run(prepare(url, config, data, earlier))
        program = Program(OURS.format(config=str(config), data=str(data)))
        try:
            program.until(b" of ")
            program.quiet(1.0)
            program.keys("\x1bOR")  # F3
            program.quiet(0.7)
            program.keys("\x13")  # the list of conversations, focused
            program.quiet(0.5)
            program.keys("\x13")
            program.quiet(0.5)
            program.keys("\r")
            program.quiet(1.0)
            program.keys("echo: warm")
            program.quiet(0.5)
            program.keys("\r")
            program.quiet(2.5)
            program.keys("go")
            program.quiet(0.5)
            program.redraws.clear()
            before = program.cpu()
            program.keys("\r")
            program.until(b"esc stop")
            program.quiet(1.0)
            span = program.redraws[-1] - program.redraws[0]
            return program.cpu() - before, (len(program.redraws) - 1) / span
        finally:
            program.kill()


def floor(url: str) -> float:
    """CPU seconds of `httpx` and `print`."""
    program = Program(FLOOR.format(url=url))
    try:
        program.until(b"you> ")
        program.keys("hi\n")
        program.until(b"== end ==")
        program.quiet(0.3)
        before = program.cpu()
        program.keys("go\n")
        program.until(b"== end ==")
        program.quiet(0.3)
        return program.cpu() - before
    finally:
        program.kill()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    compileall.compile_dir(ROOT / "tui", quiet=1)
    sys.path.insert(0, str(ROOT))
    from tui.demo.launch import DemoProcess

    with DemoProcess("--speed", "0") as server:
        url = server.url()
        floors = [floor(url) for _ in range(rounds)]
        bare = statistics.median(floors)
        print(f"20,000 Markdown tokens, median of {rounds}")
        print(f"{'':22} {'CPU s':>6} {'x floor':>8} {'x none':>7} {'redraws/s':>10}")
        print(f"{'httpx + print':22} {bare:6.2f} {1:8.1f}")
        none = 0.0
        for earlier in (0, 100, 1_000):
            figures = [ours(url, earlier) for _ in range(rounds)]
            cpu = statistics.median(figure[0] for figure in figures)
            redraws = statistics.median(figure[1] for figure in figures)
            none = none or cpu
            print(f"{earlier:6,} earlier messages {cpu:6.2f} {cpu / bare:8.1f} {cpu / none:7.2f} {redraws:10.0f}")


if __name__ == "__main__":
    main()
