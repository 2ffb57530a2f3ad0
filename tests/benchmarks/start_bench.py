"""CPU time from start to the first full screen, beside a bare Textual app in the same run.

Run by hand on Linux: `python tests/benchmarks/start_bench.py [ROUNDS]`. All run in a pseudo-terminal of 80x24; what
is compared is the CPU time of the whole process until its first full screen was written, with compiled bytecode: the
median and the least of all rounds, and the median ratio of neighbours in one round. ortui starts on a database that
holds a catalogue of some 445 models, as on every start but the first: once with a configuration file, which has to be
read with PyYAML, once with what the environment says alone.
"""

from __future__ import annotations

import asyncio
import compileall
import fcntl
import os
import pty
import re
import signal
import statistics
import struct
import sys
import tempfile
import termios
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("a bare app")
Bare().run()
"""
OURS = """
import sys
from tui.cli import main
sys.exit(main(["--config", {config!r}, "--data-dir", {data!r}]))
"""
WITHOUT_FILE = """
import os, sys
os.environ["OPENROUTER_BASE_URL"] = {url!r}
os.environ["OPENROUTER_API_KEY"] = "sk-or-v1-bench-000000000000"
os.environ["XDG_CONFIG_HOME"] = {data!r}
from tui.cli import main
sys.exit(main(["--data-dir", {data!r}]))
"""
PROGRAMS = {"bare Textual": BARE, "ortui, no file": WITHOUT_FILE, "ortui": OURS}
FULL = re.compile(rb"a bare app|\d{3} of \d{3}")
"""What is on the screen once it is full: of ortui, the count of the models in the table."""


async def prepare(config: Path, data: Path) -> str:
    """A configuration and a database that a former run has left behind; the answer is the server's address then."""
    from tui.config import load
    from tui.core.commands import RefreshCatalogue
    from tui.core.events import Event
    from tui.core.state import State
    from tui.database.thread import Database
    from tui.demo.launch import DemoProcess
    from tui.worker.worker import Worker

    with DemoProcess("--speed", "0") as server:
        keys = "api_keys: [sk-or-v1-bench-000000000000]"
        config.write_text(f"llm_providers:\n  - id: bench\n    base_url: {server.url()}\n    {keys}\n")
        config.chmod(0o600)
        settings = load(config_file=config, data_dir=data, environ={})
        database = Database(settings.folders.database)
        state = State()

        def fold(event: Event) -> None:
            state.apply(event)

        worker = Worker(settings, database, fold)
        run = asyncio.create_task(worker.run())
        worker.submit(RefreshCatalogue())
        while state.catalogue_fetched_at is None or state.jobs:
            await asyncio.sleep(0.02)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        database.close()
        return server.url()


def cpu_until_shown(code: str, shown: re.Pattern[bytes]) -> float:
    """Run Python code in a pseudo-terminal until that is on the screen; CPU seconds of all its threads together."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)})
        os.execv(sys.executable, [sys.executable, "-c", code])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    written = b""
    try:
        while not shown.search(written):
            written += os.read(terminal, 65536)
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    compileall.compile_dir(ROOT / "tui", quiet=1)
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        config, data = Path(folder) / "config.yaml", Path(folder) / "data"
        url = asyncio.run(prepare(config, data))
        taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for _ in range(rounds):
            for name, code in PROGRAMS.items():
                taken[name].append(cpu_until_shown(code.format(config=str(config), data=str(data), url=url), FULL))
    bare = taken["bare Textual"]
    print(f"{'':14} {'CPU ms':>8} {'ratio':>7} {'least':>8} {'ratio':>7}   {rounds} rounds")
    for name, figures in taken.items():
        # A round runs all programs one after the other: what slows the machine slows neighbours alike.
        ratio = statistics.median(ours / theirs for ours, theirs in zip(figures, bare, strict=True))
        print(
            f"{name:14} {statistics.median(figures) * 1000:8.0f} {ratio:7.2f}"
            f" {min(figures) * 1000:8.0f} {min(figures) / min(bare):7.2f}"
        )


if __name__ == "__main__":
    main()
