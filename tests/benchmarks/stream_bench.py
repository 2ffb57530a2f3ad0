"""CPU time of streamed replies, beside the floor: one `Markdown` widget fed by `Markdown.get_stream`, in the same run.

Run by hand on Linux: `python tests/benchmarks/stream_bench.py [--rounds N] [--only full|slow|echo]`. Every program runs
whole in a pseudo-terminal of 120x40; what is measured is the CPU time of the client alone, all its threads, from the
key that sends until nothing has been written for a second after the end. Each reply comes after a short one that pays
for imports and the first connection.

full  20,000 Markdown tokens at full speed (`demo/flood` of the embedded server), with 0, 100 and 1,000 earlier
      messages. Redraws are bursts of output between the first and the last of the reply.
slow  2,000 tokens at 100 a second, and the bytes that are written to the terminal.
echo  from a key to its echo in the composer while replies of 100 tokens a second stream in four conversations.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from paced_server import MODEL, PacedServer
from pty_program import FLOOR, MARKDOWN, OURS, ROOT, Program, prepare

LETTERS = "абвгдежзиклмнопрстуфхцчшщэюяΓΔΘΛΞΠΣΦΨΩαβγδεζηθικλμνξπρσ"
"""Keys that no reply has in it, so that seeing one is seeing its echo."""


def ours(url: str, earlier: int, model: str = "demo/flood", within_s: float = 60.0) -> tuple[float, float, int]:
    """CPU seconds, redraws a second and bytes written of one reply in the program."""
    with tempfile.TemporaryDirectory() as folder:
        program = _begun(url, Path(folder), earlier, model)
        try:
            program.redraws.clear()
            program.keys("go")
            program.quiet(0.5)
            program.redraws.clear()
            before = program.cpu()
            program.keys("\r")
            program.until(b"esc stop")
            program.until(b"quoted", within_s)
            program.quiet(1.0)
            span = program.redraws[-1] - program.redraws[0]
            return program.cpu() - before, (len(program.redraws) - 1) / span, len(program.written)
        finally:
            program.kill()


def _begun(url: str, folder: Path, earlier: int, model: str) -> Program:
    """The program with its conversation open, after a first short reply."""
    config, data = folder / "config.yaml", folder / "data"
    asyncio.run(prepare(url, config, data, earlier, model))
    program = Program(OURS.format(config=str(config), data=str(data)))
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
    program.keys("hi" if model == MODEL else "echo: warm")
    program.quiet(0.5)
    program.keys("\r")
    program.quiet(2.5)
    return program


def printed(url: str, model: str) -> float:
    """CPU seconds of `httpx` and `print`."""
    program = Program(FLOOR.format(url=url, model=model))
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


def widget(url: str, model: str) -> tuple[float, int]:
    """CPU seconds of one Markdown widget fed by `Markdown.get_stream`, and bytes written."""
    program = Program(MARKDOWN.format(url=url, model=model))
    try:
        program.until(b"ready ==")
        program.quiet(0.5)
        program.keys("hi\r")
        program.until(b"end of hi")
        program.quiet(1.0)
        before = program.cpu()
        program.keys("go\r")
        program.until(b"end of go", 300.0)
        program.quiet(1.0)
        return program.cpu() - before, len(program.written)
    finally:
        program.kill()


def echoes(url: str, streams: int, keys: int) -> list[float]:
    """Milliseconds from key to echo, with that many replies streaming; the last is on screen."""
    dice = Random(7)
    with tempfile.TemporaryDirectory() as folder:
        program = _begun(url, Path(folder), 0, MODEL)
        try:
            for number in range(streams):
                program.keys("\x0e")  # a new conversation
                program.quiet(0.3)
                program.keys(f"go {number}")
                program.quiet(0.3)
                program.keys("\r")
                program.until(b"esc stop")
                program.redraws.clear()
            pause_to = time.monotonic() + 2.0
            while time.monotonic() < pause_to:
                program.read(0.05)
            found = []
            for number in range(keys):
                letter = LETTERS[number % len(LETTERS)].encode()
                program.written.clear()
                pressed = time.perf_counter()
                os.write(program.terminal, letter)
                while letter not in program.written:
                    program.read(0.5)
                    if time.perf_counter() - pressed > 5:
                        raise SystemExit("a key was never echoed")
                found.append((time.perf_counter() - pressed) * 1000)
                rest_to = time.monotonic() + dice.uniform(0.05, 0.15)
                while time.monotonic() < rest_to:
                    program.read(0.01)
            return found
        finally:
            program.kill()


def tokens(count: int) -> list[str]:
    """Markdown of that many tokens."""
    from tui.demo.replies import compose
    from tui.demo.tokens import pieces

    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        found += pieces(compose(f"part {number} (in detail)", Random(number)) + "\n\n")
    return found[:count]


def full(rounds: int) -> None:
    """20,000 tokens at full speed."""
    from tui.demo.launch import DemoProcess

    with DemoProcess("--speed", "0") as server:
        url = server.url()
        bare = statistics.median(printed(url, "demo/flood") for _ in range(rounds))
        floor = widget(url, "demo/flood")[0]
        print(f"20,000 Markdown tokens at full speed, median of {rounds} (the widget: of 1)")
        print(f"{'':26} {'CPU s':>6} {'x widget':>9} {'x print':>8} {'x none':>7} {'redraws/s':>10}")
        print(f"{'httpx + print':26} {bare:6.2f} {bare / floor:9.3f} {1:8.1f}")
        print(f"{'Markdown.get_stream':26} {floor:6.2f} {1:9.3f} {floor / bare:8.1f}")
        none = 0.0
        for earlier in (0, 100, 1_000):
            figures = [ours(url, earlier) for _ in range(rounds)]
            cpu = statistics.median(figure[0] for figure in figures)
            redraws = statistics.median(figure[1] for figure in figures)
            none = none or cpu
            row = f"ortui, {earlier:,} earlier messages"
            print(f"{row:26} {cpu:6.2f} {cpu / floor:9.3f} {cpu / bare:8.1f} {cpu / none:7.2f} {redraws:10.0f}")


def slow(rounds: int) -> None:
    """2,000 tokens at 100 a second."""
    with PacedServer(tokens(2_000), 100) as url:
        floor, floor_bytes = widget(url, MODEL)
        figures = [ours(url, 0, MODEL, 60) for _ in range(rounds)]
        cpu = statistics.median(figure[0] for figure in figures)
        written = statistics.median(figure[2] for figure in figures)
        print(f"2,000 Markdown tokens at 100 a second, median of {rounds} (the widget: of 1)")
        print(f"{'':26} {'CPU s':>6} {'x widget':>9} {'MB written':>11} {'redraws/s':>10}")
        print(f"{'Markdown.get_stream':26} {floor:6.2f} {1:9.3f} {floor_bytes / 1e6:11.2f}")
        redraws = statistics.median(figure[1] for figure in figures)
        print(f"{'ortui':26} {cpu:6.2f} {cpu / floor:9.3f} {written / 1e6:11.2f} {redraws:10.0f}")


def echo(keys: int) -> None:
    """Key to echo while four replies stream."""
    with PacedServer(tokens(6_000), 100) as url:
        print(f"{'key to echo, ms':26} {'p50':>6} {'p95':>6} {'worst':>6}")
        for streams in (0, 1, 4):
            found = sorted(echoes(url, streams, keys))
            p95 = found[max(0, -(-95 * len(found) // 100) - 1)]
            print(f"{f'{streams} replies stream':26} {statistics.median(found):6.1f} {p95:6.1f} {found[-1]:6.1f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--keys", type=int, default=100)
    options.add_argument("--only", choices=("full", "slow", "echo"))
    chosen = options.parse_args()
    compileall.compile_dir(ROOT / "tui", quiet=1)
    sys.path.insert(0, str(ROOT))
    if chosen.only in (None, "full"):
        full(chosen.rounds)
    if chosen.only in (None, "slow"):
        slow(min(3, chosen.rounds))
    if chosen.only in (None, "echo"):
        echo(chosen.keys)


if __name__ == "__main__":
    main()
