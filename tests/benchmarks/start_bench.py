"""CPU time from start to the first full screen, beside a bare Textual app in the same run.

Run by hand: `python tests/benchmarks/start_bench.py [ROUNDS]`. Both run in a pseudo-terminal of 80x24 and end themselves
once their first screen is drawn; what is compared is user + system time of the process until then, the median of all
rounds. ortui starts on a database that holds a catalogue of some 445 models, as on every start but the first.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BARE = """
import resource
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("bare")
    def on_mount(self):
        self.call_after_refresh(self.finish)
    def finish(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        open({out!r}, "w").write(str(usage.ru_utime + usage.ru_stime))
        self.exit()
Bare().run()
"""

OURS = """
import resource, sys
sys.argv = ["ortui", "--config", {config!r}, "--data-dir", {data!r}]
from tui.widgets.model_table import ModelTable
drawn = ModelTable.render_line
import tui.app
def finish(app):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    open({out!r}, "w").write(str(usage.ru_utime + usage.ru_stime))
    app.exit()
def render_line(self, y):
    # The first full screen: the table with its models, not the empty one before the snapshot is read.
    if len(self.result.rows) > 100 and y == self.size.height - 1 and not getattr(self, "counted", False):
        self.counted = True
        self.call_after_refresh(finish, self.app)
    return drawn(self, y)
ModelTable.render_line = render_line
from tui.cli import main
main()
"""

PREPARE = """
import asyncio, sys
from pathlib import Path
from tui.config import load
from tui.core.commands import RefreshCatalogue
from tui.core.state import State
from tui.database.thread import Database
from tui.worker.worker import Worker
from tui.demo.launch import DemoProcess
async def main():
    with DemoProcess("--speed", "0") as server:
        base = server.start()
        Path({config!r}).write_text(
            "llm_providers:\\n  - id: bench\\n    type: openrouter\\n    base_url: " + base + "\\n    api_keys: [sk-or-v1-bench-000000000000]\\n"
        )
        settings = load(config_file={config!r}, data_dir=Path({data!r}), environ={{}})
        database = Database(settings.folders.database)
        state = State()
        worker = Worker(settings, database, state.apply)
        task = asyncio.create_task(worker.run())
        worker.submit(RefreshCatalogue())
        while state.catalogue_fetched_at is None:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        database.close()
asyncio.run(main())
"""


def in_terminal(code: str) -> None:
    """Run Python code in a pseudo-terminal and read what it writes until it ends."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)})
        os.execv(sys.executable, [sys.executable, "-c", code])
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    os.waitpid(pid, 0)
    os.close(terminal)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        out, data, config = f"{folder}/cpu", f"{folder}/data", f"{folder}/config.yaml"
        names = {"out": out, "data": data, "config": config}
        subprocess.run(
            [sys.executable, "-c", PREPARE.format(**names)], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        taken: dict[str, list[float]] = {"bare Textual": [], "ortui": []}
        for _ in range(rounds):
            for name, code in (("bare Textual", BARE), ("ortui", OURS)):
                Path(out).unlink(missing_ok=True)
                in_terminal(code.format(**names))
                taken[name].append(float(Path(out).read_text()))
    bare = statistics.median(taken["bare Textual"])
    print(f"{'':14} {'CPU ms':>8} {'ratio':>7}   median of {rounds}")
    for name, figures in taken.items():
        middle = statistics.median(figures)
        print(f"{name:14} {middle * 1000:8.0f} {middle / bare:7.2f}")


if __name__ == "__main__":
    main()
