"""A long run of the whole program in a pseudo-terminal: what must not grow while it is used, and how fast it answers.

Run by hand on Linux: `python tests/benchmarks/soak_bench.py [--minutes 10] [--rate 25]`. Four replies stream at all
times, in conversations that grow and in new ones; meanwhile the catalogue is refreshed (and moves), texts are embedded,
the views, palette and help come and go, and the terminal takes one size after the other. Every round looks inside the
process: memory after a collection, open files, threads, tasks and timers. Keys are typed in three views, and timed
until they are seen; the same keys go to a program beside it that does nothing but echo, whose figures are what the
machine and this driver take of ours. Before and after it all, the program rests for some seconds, which shows what goes
on by itself.

Warming up ends when what is kept is full: as many conversations are open as stay in memory, so that each new one lets
an old one go, and every view has been drawn at every size again and again.

`test_soak.py` runs it for some rounds and asks for `complaints`; with `--long` for ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pty_program import ROOT, Program, prepare
from soak_probe import PROBED

sys.path.insert(0, str(ROOT))

from tui.core.state import OPEN_AT_MOST

STREAMS: Final = 4
SIZES: Final = ((120, 40), (80, 24), (140, 45), (100, 30))
COUNTED: Final = ("files", "threads", "tasks", "timers")
MEMORY: Final = 1.05
"""Of what stood after warming up."""
ECHO_MS: Final = 25.0
REST_S: Final = 4.0
ESCAPE: Final = "\x1b[27u"
"""The key as terminals with the keyboard protocol send it, which cannot be the beginning of another."""
FLOOR: Final = """
import os, tty
tty.setraw(0)
os.write(1, b"ready")
while True:
    os.write(1, os.read(0, 64))
"""
LETTERS: Final = "абвгдежзиклмнопрстуфхцчшщэюяΓΔΘΛΞΠΣΦΨΩ"
"""Keys that nothing on the screen has in it, so that seeing one is seeing its echo."""


def more_than(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Of what there are more, and which."""
    found = [f"{name}: {before[name]} before, {after[name]} after" for name in COUNTED if after[name] > before[name]]
    more = Counter(after["names"]) - Counter(before["names"])
    return [*found, f"new: {dict(more)}"] if found else []


@dataclass
class Figures:
    """What a run found, a list entry a round."""

    probes: list[dict[str, Any]] = field(default_factory=list)
    echoes: list[dict[str, list[float]]] = field(default_factory=list)
    """Milliseconds from key to echo, by view."""
    rests: list[dict[str, Any]] = field(default_factory=list)
    """Before and after: a probe, and what the resting program wrote and used."""
    replies: int = 0
    leaving_s: float = 0.0
    status: int = -1

    def complaints(self, memory: float = MEMORY, leaving_s: float = 1.0) -> list[str]:
        """What has grown that must not, or took longer; empty when all is well.

        `memory` is how many times as much there may be.
        """
        found = []
        before, after = self.rests
        found += more_than(before, after)
        if after["sockets"] > before["sockets"] + STREAMS:
            # Connections are kept for a while after an answer, for the next question.
            found.append(f"sockets: {before['sockets']} before, {after['sockets']} after")
        if after["memory"] > before["memory"] * memory:
            found.append(f"memory: {before['memory'] / 1e6:.1f} MB before, {after['memory'] / 1e6:.1f} MB after")
        if after["written"] > before["written"] * 1.5 + 500:
            found.append(f"at rest {before['written']} bytes were written before, {after['written']} after")
        if self.status != 0 or self.leaving_s > leaving_s:
            found.append(f"it ended with {self.status} after {self.leaving_s:.1f} s")
        return found


class Soak:
    """Drives one program; `round()` is what a user does in some ten seconds."""

    def __init__(self, url: str, folder: Path, *, pause_s: float, hurry: float) -> None:
        """`hurry` divides what it waits after each key: 1 for a quick user, more where nobody looks at the figures."""
        self._folder = folder
        self._pause_s = pause_s
        self._hurry = hurry
        self._probe = folder / "probe.json"
        self.figures = Figures()
        config, data = folder / "config.yaml", folder / "data"
        asyncio.run(prepare(url, config, data, 4, "demo/slow"))
        self.database = data / "ortui.db"
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        self.program = Program(PROBED.format(config=str(config), data=str(data), probe=str(self._probe)))
        self.floor = Program(FLOOR)
        self.floor.until(b"ready")
        self.program.until(b" of ")
        self.rest(1.0)
        self._number = 0
        self._floors: list[float] = []

    # What can be seen and done

    def look(self, *, deep: bool = False) -> dict[str, Any]:
        """Inside the process; `deep` after a collection, which takes it a tenth of a second."""
        self._probe.unlink(missing_ok=True)
        flag = Path(f"{self._probe}.deep")
        if deep:
            flag.touch()
        else:
            flag.unlink(missing_ok=True)
        os.kill(self.program.pid, signal.SIGUSR1)
        end = time.monotonic() + 30
        while not self._probe.exists():
            self.program.read(0.01)
            if time.monotonic() > end:
                raise SystemExit("it does not answer a signal any more")
        found: dict[str, Any] = json.loads(self._probe.read_text())
        if "wrong" in found:
            raise SystemExit(found["wrong"])
        return found

    def until(self, condition: str, within_s: float = 20.0) -> dict[str, Any]:
        """Until an expression over what `look` found is true."""
        end = time.monotonic() + within_s
        while True:
            found = self.look()
            if eval(condition, {}, found):
                return found
            if time.monotonic() > end:
                shown = {name: value for name, value in found.items() if name not in ("kinds", "names")}
                raise SystemExit(f"never came true: {condition}; {shown}; {bytes(self.program.written[-4000:])!r}")
            self.rest(0.1)

    def rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds / self._hurry
        while (left := end - time.monotonic()) > 0:
            self.program.read(left)

    def keys(self, *keys: str, pause_s: float = 0.15) -> None:
        for key in keys:
            self.program.keys(key)
            self.rest(pause_s)

    def view(self, key: str, mode: str) -> None:
        self.keys(key)
        self.until(f"mode == {mode!r}")

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.program.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.rest(0.3)

    def echo(self, count: int = 4) -> list[float]:
        """Type letters where a field has the focus, time each until it is seen, and take them back."""
        found = []
        for number in range(count):
            letter = LETTERS[(self._number * count + number) % len(LETTERS)]
            self._floors.append(_time_echo(self.floor, letter))
            found.append(_time_echo(self.program, letter))
            self.rest(0.07 + 0.011 * number)
        self.keys(*["\x7f"] * count, pause_s=0.05)
        return found

    # A round

    def round(self) -> None:
        self._number += 1
        echoes = {"chat": self._chat()}
        self.view("\x1bOQ", "models")
        self.keys("r", "j", "j", "k", "/")
        self.until("focused not in ('ModelTable', 'NoneType')")
        echoes["filter"] = self.echo()
        self.keys(ESCAPE, pause_s=0.3)
        self.view("\x1bOS", "embeddings")
        echoes["sheet"] = self._embed()
        self.view("\x1b[15~", "spend")
        self._dialog("\x10", "mod")  # the palette
        self._dialog("?")
        self.resize(*SIZES[self._number % len(SIZES)])
        self.view("\x1bOR", "chat")
        self.figures.echoes.append(echoes | {"floor": self._floors})
        self._floors = []
        self.until("all(len(stack) <= 1 for stack in stacks.values())")
        self.figures.probes.append(self.look(deep=True))
        self.rest(self._pause_s)

    def _dialog(self, key: str, *typed: str) -> None:
        """Open one, type, and leave it."""
        self.keys(key)
        self.until("screens == 2")
        self.keys(*typed, pause_s=0.3)
        self.keys(ESCAPE)
        self.until("screens == 1")

    def _chat(self) -> list[float]:
        """As many replies as there should be, then some keys beside the one on screen."""
        self.resize(*SIZES[0])
        self.view("\x1bOR", "chat")
        for _ in range(STREAMS * 2):
            found = self.look()
            if found["streaming"] >= STREAMS:
                break
            if found["open"] < STREAMS or self.figures.replies % 8 == 0:
                self.keys("\x0e", pause_s=0.3)
            else:
                os.kill(self.program.pid, signal.SIGUSR2)  # one of those that no reply runs in
                self.rest(0.5)
            self.until("focused == 'Composer'")
            # F7 selects what an earlier try may have left.
            self.keys("\x1b[18~", f"go {self.figures.replies}", "\r", pause_s=0.3)
            self.figures.replies += self.look()["streaming"] > found["streaming"]
        return self.echo()

    def _embed(self) -> list[float]:
        """A text that no round had, and one letter after the other beside it."""
        self.until("focused == 'SheetText'")
        self.keys("\x1b[18~", pause_s=0.1)  # F7: all is selected, and replaced by what is typed
        self.keys(f"text {self._number} one", "\r", f"text {self._number} two", "\x12", pause_s=0.2)
        self.until("embedding == 0")
        return self.echo()

    def fill(self) -> None:
        """As many conversations as stay in memory, each with the beginning of a reply."""
        self.view("\x1bOR", "chat")
        for number in range(OPEN_AT_MOST):
            self.keys("\x0e", pause_s=0.3)
            self.until("focused == 'Composer'")
            self.keys(f"begin {number}", "\r", pause_s=0.3)
        self.until(f"open >= {OPEN_AT_MOST}")
        self._stop_all()

    def _stop_all(self) -> dict[str, Any]:
        self.keys("\x10")
        self.until("screens == 2")
        self.keys("stop all", pause_s=self._hurry)  # found in a thread
        self.keys("\r", pause_s=0.5)
        return self.until(
            "streaming == 0 and embedding == 0 and all(len(stack) <= 1 for stack in stacks.values())", 30.0
        )

    def at_rest(self) -> None:
        """Stop everything, and see what the program does by itself."""
        self.resize(*SIZES[0])
        self.view("\x1bOR", "chat")
        found = self._stop_all()
        # Toasts go, bills come, connections are kept for a while.
        end = time.monotonic() + 15.0
        while time.monotonic() < end:
            self.rest(1.0)
            before, found = found, self.look()
            if all(before[name] == found[name] for name in COUNTED) and not (
                self.figures.rests and more_than(self.figures.rests[0], found)
            ):
                break
        self.program.written.clear()
        cpu = self.program.cpu()
        rest_s = REST_S / self._hurry
        end = time.monotonic() + rest_s
        while (left := end - time.monotonic()) > 0:
            self.program.read(left)
        written, cpu = len(self.program.written), self.program.cpu() - cpu
        logs = sum(file.stat().st_size for file in (self._folder / "state").rglob("*.log*"))
        self.figures.rests.append(
            self.look(deep=True)
            | {"written": written, "cpu": cpu, "database": self.database.stat().st_size, "log": logs}
        )

    def leave(self) -> None:
        began = time.monotonic()
        os.write(self.program.terminal, b"\x11")
        while True:
            try:
                self.program.read(0.02)
            except OSError:
                pass
            done, status = os.waitpid(self.program.pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() - began > 20:
                raise SystemExit("it did not end")
        self.figures.leaving_s = time.monotonic() - began
        self.figures.status = os.waitstatus_to_exitcode(status)
        os.close(self.program.terminal)


def _time_echo(program: Program, letter: str) -> float:
    """Milliseconds from the key to when it is seen."""
    program.written.clear()
    pressed = time.perf_counter()
    os.write(program.terminal, letter.encode())
    while letter.encode() not in program.written:
        program.read(0.5)
        if time.perf_counter() - pressed > 5:
            raise SystemExit(f"a key was never echoed: {bytes(program.written[-4000:])!r}")
    return (time.perf_counter() - pressed) * 1000


def soak(
    minutes: float,
    *,
    rate: float = 25.0,
    warm_rounds: int = 30,
    full: bool = True,
    pause_s: float = 1.0,
    hurry: float = 1.0,
    tell: bool = False,
) -> Figures:
    """Run it; the time is that between the two rests. `full`: warm up with as many conversations as are kept."""
    from tui.demo.launch import DemoProcess

    options = ("--slow-rate", str(rate), "--moves-every", "30", "--generation-delay", "0.2")
    with DemoProcess(*options) as server, tempfile.TemporaryDirectory() as folder:
        run = Soak(server.url(), Path(folder), pause_s=pause_s, hurry=hurry)
        try:
            if full:
                run.fill()
            for _ in range(warm_rounds):
                run.round()
            run.at_rest()
            run.figures.probes.clear()
            run.figures.echoes.clear()
            end = time.monotonic() + minutes * 60
            told = time.monotonic()
            while time.monotonic() < end or not run.figures.probes:
                run.round()
                if tell and time.monotonic() - told > 60:
                    told = time.monotonic()
                    print(_line(run.figures), flush=True)
            run.at_rest()
            run.leave()
        except BaseException:
            if run.figures.status == -1:
                run.program.kill()
            for file in sorted((Path(folder) / "state").rglob("*.*")):
                print(f"== {file.name}\n{file.read_text()[-6000:]}", flush=True)
            raise
        finally:
            run.floor.kill()
        return run.figures


def _line(figures: Figures) -> str:
    """How the last rounds stand."""
    probe = figures.probes[-1]
    late = [ms for one in figures.echoes[-8:] for view, keys in one.items() if view != "floor" for ms in keys]
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%H:%M:%S')} memory {probe['memory'] / 1e6:6.1f} MB  files {probe['files']}  "
        f"threads {probe['threads']}  tasks {probe['tasks']}  timers {probe['timers']}  objects {probe['objects']:,}  "
        f"open {probe['open']}  text {probe['text'] / 1e3:.0f} kB  "
        f"echo p95 {_p95(late):.0f} ms  load {load:.1f}"
    )


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] if values else 0.0


def show(figures: Figures) -> None:
    """The figures as a table, and what is wrong with them."""
    before, after = figures.rests
    print(f"{len(figures.probes)} rounds, {figures.replies} replies; left in {figures.leaving_s:.2f} s")
    print(f"{'at rest':24} {'before':>12} {'after':>12}")
    for name in (
        "memory",
        "files",
        "threads",
        "tasks",
        "timers",
        "objects",
        "open",
        "text",
        "database",
        "log",
        "written",
    ):
        print(f"{name:24} {before[name]:>12,} {after[name]:>12,}")
    print(f"{'CPU of ' + str(REST_S) + ' s':24} {before['cpu']:>12.2f} {after['cpu']:>12.2f}")
    print(f"memory {(after['memory'] / before['memory'] - 1) * 100:+.1f} %")
    for view in ("chat", "filter", "sheet", "floor"):
        all_ms = [ms for one in figures.echoes for ms in one[view]]
        fifth = max(1, len(figures.echoes) // 5)
        parts = [figures.echoes[at : at + fifth] for at in range(0, len(figures.echoes), fifth)][:5]
        each = " ".join(f"{_p95([ms for one in part for ms in one[view]]):.0f}" for part in parts)
        print(
            f"echo in {view:8} median {statistics.median(all_ms):.1f} ms, p95 {_p95(all_ms):.1f}, "
            f"most {max(all_ms):.0f}; p95 of each fifth {each}"
        )
    grown = Counter(after["kinds"]) - Counter(before["kinds"])
    print("more of these:", ", ".join(f"{name} {count:+}" for name, count in grown.most_common(12)))
    for complaint in figures.complaints():
        print("TOO MUCH", complaint)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--rate", type=float, default=25.0, help="tokens a second of each reply")
    options.add_argument("--pause", type=float, default=1.0, help="seconds of doing nothing in each round")
    options.add_argument(
        "--warm", type=int, default=30, help="rounds before the first look: until what is kept is full"
    )
    given = options.parse_args()
    show(soak(given.minutes, rate=given.rate, warm_rounds=given.warm, pause_s=given.pause, tell=True))
