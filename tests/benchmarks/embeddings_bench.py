"""What a sheet of 10,000 texts with 1,536 dimensions costs in time and memory, and what `ortui embed` does at a time.

Run by hand: `python tests/benchmarks/embeddings_bench.py [views] [screen] [command]`. `views`: the mathematics and the
heat map alone; `screen`: the Embeddings screen on a real worker and database, with keys pressed while the map is worked
out; `command`: `ortui embed` on 100,000 lines against the embedded server, its memory and its requests in flight.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

COUNT, WIDTH = 10_000, 1_536
LINES = 100_000
ROOT = Path(__file__).resolve().parents[2]


def rows_of(count: int, width: int) -> Any:
    """Unit vectors in twenty bunches, the same every time."""
    from tui.core.vectors import load_numpy, make_unit

    np = load_numpy()
    dice = np.random.default_rng(1)
    rows = dice.normal(size=(count, width)).astype(np.float32)
    rows += 1.5 * dice.normal(size=(20, width)).astype(np.float32)[dice.integers(0, 20, count)]
    make_unit(rows)
    return rows


def texts_of(count: int) -> list[str]:
    return [f"Text number {number} of a sheet that somebody wants to look at" for number in range(count)]


def middle(work: Callable[[], object], rounds: int = 15) -> str:
    """Milliseconds, the middle and the worst of some rounds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return f"{statistics.median(times):8.1f} ms   (worst {max(times):.1f})"


def resident_mb() -> float:
    """Of this process, now."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


# The mathematics and the heat map


def measure_views() -> None:
    from tui.core import text_map, vectors
    from tui.core.matrix import Matrix

    np = vectors.load_numpy()
    unit = np.vstack([rows_of(COUNT, WIDTH), np.full((1, WIDTH), np.nan, dtype=np.float32)])
    rows = np.arange(COUNT)
    print(f"{COUNT:,} texts x {WIDTH:,} dimensions, one thread")
    print("neighbours of one text      ", middle(lambda: vectors.nearest(unit, rows, unit[17], 200, without=17)))
    print("PCA map                     ", middle(lambda: text_map.principal(unit), 5))
    matrix = Matrix(unit, rows)
    begun = time.perf_counter()
    matrix.prepare()
    print(f"means for the zoomed matrix  {(time.perf_counter() - begun) * 1000:8.1f} ms once, in a thread")
    for block in (1, 16, 128):
        cells = min(80, COUNT // block)
        print(f"a tile of 80 x 80, block {block:4}", middle(lambda: matrix.tile(range(cells), range(cells), block)))  # noqa: B023
    asyncio.run(_measure_heat_map(matrix))


async def cost_ms(app: Any, key: str) -> float:
    """CPU milliseconds of the process for one key, as the driver hands it in, and all that is drawn for it.

    Waiting costs no CPU, so it is over when nothing was used between two looks; the pilot's own waiting is left out.
    """
    from textual import events

    before = last = time.process_time()
    app.post_message(events.Key(key, key if len(key) == 1 else None))
    while True:
        await asyncio.sleep(0.05)
        after = time.process_time()
        if after - last < 0.0005:
            return (after - before) * 1000
        last = after


def encoding(base: Any) -> Any:
    """That App class, but what it draws is written out as for a terminal, and the time and the text of it noted."""
    from textual._compositor import CompositorUpdate

    class Encoding(base):  # type: ignore[misc,unused-ignore]
        drawn_at, drawn = 0.0, ""

        @override
        def _display(self, screen: Any, renderable: Any) -> None:
            if isinstance(renderable, CompositorUpdate) and not self._batch_count:
                self.drawn += renderable.render_segments(self.console)
                self.drawn_at = time.perf_counter()

    return Encoding


async def _measure_heat_map(matrix: Any) -> None:
    from textual.app import App, ComposeResult
    from textual.screen import Screen

    from tui.openrouter.text import Clean
    from tui.screens.sparing_compositor import SparingCompositor
    from tui.widgets.heat_map import HeatMap
    from tui.widgets.sheet_reading import SheetLine

    class Sparing(Screen[None]):
        """Paints as the views do."""

        def __init__(self) -> None:
            super().__init__()
            self._compositor = SparingCompositor()

        @override
        def compose(self) -> ComposeResult:
            yield HeatMap()

    class Alone(App[None]):
        CSS = "HeatMap { border: round $foreground 30%; }"

        @override
        def get_default_screen(self) -> Screen[None]:
            return Sparing()

    app = encoding(Alone)()
    async with app.run_test(size=(140, 45)) as pilot:
        heat_map = app.screen.query_one(HeatMap)
        heat_map.show([SheetLine(line, Clean(text)) for line, text in enumerate(texts_of(COUNT))], matrix.tile)
        heat_map.focus()
        await pilot.pause()

        async def steps(name: str, keys: list[str]) -> None:
            times = []
            for key in keys:
                app.drawn = ""
                times.append(await cost_ms(app, key))
            print(f"{name:29}{statistics.median(times):8.1f} ms   (worst {max(times):.1f}) CPU, from key to screen")

        await steps("a key that does nothing", ["f12"] * 10)
        await steps("zoom in, all the way", ["plus"] * (len(heat_map._levels()) - 3))
        await steps("zoom out, all the way", ["minus"] * (len(heat_map._levels()) - 3))
        while heat_map.texts_a_cell > 1:
            await pilot.press("plus")
        await steps("scroll by a page, half-blocks", ["pagedown"] * 12)
        await steps("step at the lower edge", ["down"] * 12)
        heat_map.move_to(0, 0)
        await steps("step without scrolling", ["down"] * 12)


# The screen


async def measure_screen() -> None:
    from tui.core.sheets import Sheet
    from tui.database import sheets, vectors
    from tui.openrouter.text import Clean, Opaque

    sys.path.insert(0, str(ROOT / "tests" / "screens"))
    with tempfile.TemporaryDirectory() as folder:
        from tui.database.thread import Database

        root = Path(folder)
        database = Database(root / "ortui.db")
        rows, texts = rows_of(COUNT, WIDTH), texts_of(COUNT)
        space = vectors.VectorSpace(origin="https://openrouter.ai:443", model=Opaque("x/embed"))
        for start in range(0, COUNT, 1_000):
            part = {
                vectors.text_digest(texts[at]): rows[at].astype("<f4").tobytes() for at in range(start, start + 1_000)
            }
            await database.run(vectors.store_vectors, space, part)
        for name, chosen in (("other", texts[:3]), ("bench", texts)):
            sheet = Sheet(id=name, name=Clean(name), texts=tuple(map(Clean, chosen)), model=Opaque("x/embed"))
            await database.run(sheets.save_sheet, sheet, 2.0 if name == "bench" else 1.0)
        await database.aclose()
        del rows
        code = f"import asyncio, sys; sys.path.insert(0, {str(ROOT / 'tests' / 'benchmarks')!r}); "
        code += f"sys.path.insert(0, {str(ROOT / 'tests' / 'screens')!r}); "
        code += f"import embeddings_bench; asyncio.run(embeddings_bench.look_at({folder!r}))"
        # In a process of its own: what making the vectors took is no part of its memory.
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True, cwd=ROOT)


async def look_at(folder: str) -> None:
    """Open the sheet, press keys while the map is worked out, and say what it took."""
    from screen_host import Host, make_settings  # type: ignore[import-not-found,unused-ignore]
    from textual import events

    from tui.core.commands import LoadSheet
    from tui.core.state import State
    from tui.database.thread import Database
    from tui.screens.embeddings import EmbeddingsScreen
    from tui.stylesheets import style_path
    from tui.worker.sheet_store import SheetStore

    class Bench(Host):  # type: ignore[misc,unused-ignore]
        CSS_PATH = [*Host.CSS_PATH, style_path("embeddings.tcss")]

    settings = make_settings(Path(folder))
    state = State()
    database = Database(Path(folder) / "ortui.db")

    class Context:
        origin = settings.provider.origin

        def __init__(self) -> None:
            self.database = database

        def publish(self, event: Any) -> None:
            app.session.changed.publish(state.apply(event))

    class Worker:
        """Carries out what the screen asks of sheets on the real database, and nothing else."""

        state = None
        now = 1.0

        def submit(self, command: Any) -> bool:
            if type(command).__name__ in ("LoadSheet", "LoadVectors", "SaveSheet", "ListSheets"):
                tasks.add(asyncio.ensure_future(SheetStore(context).carry_out(command)))
            return True

        def cancel(self, _job_id: str) -> None: ...
        def cancel_all(self) -> None: ...
        def copy(self, _text: str) -> None: ...

    tasks: set[Any] = set()
    context: Any = Context()
    worker: Any = Worker()
    worker.state = state
    app = encoding(Bench)(EmbeddingsScreen, settings, worker)
    await database.open()
    print(f"resident before anything is shown {resident_mb():8.0f} MB")
    begun = time.perf_counter()
    async with app.run_test(size=(140, 45)) as pilot:
        screen: Any = app.screen

        async def until(condition: Callable[[], object]) -> None:
            while not condition():
                await asyncio.sleep(0.004)  # more often, and looking would be measured

        def lines_stand() -> bool:
            return len(screen.lines) == COUNT and "number 7 of" in app.drawn

        def matrix_stands() -> bool:
            return "matrix" in screen.panes._done and len(screen.panes._matrix_order) == COUNT and "◆" in app.drawn

        async def opening(name: str) -> None:
            app.drawn = ""
            begun, busy = time.perf_counter(), time.process_time()
            app.session.submit(LoadSheet(sheet_id="bench"))
            await until(lines_stand)
            lines = (time.perf_counter() - begun) * 1000
            await until(matrix_stands)
            matrix = (time.perf_counter() - begun) * 1000
            used = (time.process_time() - busy) * 1000
            print(f"{name:33} {lines:8.0f} ms to its lines, {matrix:.0f} to its matrix; {used:.0f} of CPU")

        await until(matrix_stands)
        took = (time.perf_counter() - begun) * 1000
        print(f"the screen with {COUNT:,} texts       {took:8.0f} ms, Textual's start and numpy's import in it")
        print(f"resident after opening            {resident_mb():8.0f} MB")
        for _ in range(5):
            app.session.submit(LoadSheet(sheet_id="other"))
            await until(lambda: len(screen.lines) == 3)
            await asyncio.sleep(0.5)
            await opening("the sheet opened again")
            await asyncio.sleep(0.5)
        print(f"resident after that               {resident_mb():8.0f} MB, peak {peak_mb():.0f} MB")
        await pilot.press("escape")
        begun = time.perf_counter()
        app.post_message(events.Key("p", "p"))
        await until(lambda: "map" in screen.panes._done)
        print(f"from p to the PCA map             {(time.perf_counter() - begun) * 1000:8.0f} ms")
        screen._texts.focus()
        await pilot.pause()

        async def echo(pause: float) -> str:
            """Letters that nothing on the screen has in it, so that seeing one is seeing its echo."""
            times = []
            for letter in "абвгдежзиклмнопрстуфхцчшщэюяΓΔΘΛΞΠΣΦΨΩδεζηθικλμνξπρσ":
                app.drawn = ""
                at = time.perf_counter()
                app.post_message(events.Key(letter, letter))
                await until(lambda: letter in app.drawn)  # noqa: B023
                times.append((app.drawn_at - at) * 1000)
                await asyncio.sleep(pause)
            times.sort()
            middle, high = times[len(times) // 2], times[int(len(times) * 0.95)]
            return f"p50 {middle:5.1f}  p95 {high:5.1f}  worst {times[-1]:5.1f} ms"

        print(f"echo of a letter, quick typing    {await echo(0.04)}")
        print(f"with pauses, read in each         {await echo(0.25)}")
        from tui.core import text_map

        ended = False

        def again_and_again() -> None:
            while not ended:
                text_map.principal(screen.panes.known.unit[:-1])

        busy = asyncio.create_task(asyncio.to_thread(again_and_again))
        print(f"while PCA is worked out           {await echo(0.04)}")
        ended = True
        await busy
        await asyncio.sleep(2.5)
        print(f"resident with matrix and map      {resident_mb():8.0f} MB, peak {peak_mb():.0f} MB")
    await database.aclose()


def peak_mb() -> float:
    """Of this process alone: what `getrusage` says begins with what the process had that started it."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


# The command


class _Counting(BaseHTTPRequestHandler):
    """Stands between the command and nothing: answers after a while, and counts how many wait at once."""

    protocol_version = "HTTP/1.1"
    now, most, requests, pause = 0, 0, 0, 0.2
    guard = threading.Lock()

    @override
    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._answer({"data": []})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = type(self)
        with kind.guard:
            kind.now += 1
            kind.requests += 1
            kind.most = max(kind.most, kind.now)
        time.sleep(kind.pause)
        with kind.guard:
            kind.now -= 1
        count = len(body["input"])
        vector = [0.125] * 64
        self._answer(
            {
                "data": [{"index": at, "embedding": vector} for at in range(count)],
                "model": "x/embed",
                "id": f"gen-{kind.requests}",
                "usage": {"prompt_tokens": count * 4, "total_tokens": count * 4, "cost": 0.0000001},
            }
        )

    def _answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def measure_command() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for lines in (LINES // 10, LINES):
            _Counting.most = _Counting.requests = 0
            text, output = root / f"{lines}.txt", root / f"{lines}.jsonl"
            with text.open("w") as file:
                file.writelines(f"line {number} of a long file\n" for number in range(lines))
            environment = {
                **os.environ,
                "OPENROUTER_API_KEY": "sk-or-v1-bench-000000000000",
                "ORTUI_DATA_DIR": str(root / f"data-{lines}"),
                "XDG_CONFIG_HOME": folder,
            }
            command = [sys.executable, "-m", "tui", "--base-url", f"http://127.0.0.1:{server.server_port}/api/v1"]
            command += ["embed", "-m", "x/embed", "--output", str(output), str(text)]
            begun = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
            peak = 0.0
            while process.poll() is None:
                try:
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    peak = max(
                        [peak, *(int(line.split()[1]) / 1000 for line in status.splitlines() if "VmRSS" in line)]
                    )
                except OSError:
                    pass
                time.sleep(0.05)
            took = time.perf_counter() - begun
            with output.open("rb") as file:
                written = sum(1 for _ in file)
            print(
                f"{lines:7,} lines: {took:6.1f} s, {lines / took:6,.0f} lines/s, at most {peak:5.0f} MB resident, "
                f"{_Counting.requests} requests, up to {_Counting.most} in flight, {written:,} lines written"
            )
    server.shutdown()


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["views", "screen", "command"]
    if "views" in chosen:
        measure_views()
    if "screen" in chosen:
        asyncio.run(measure_screen())
    if "command" in chosen:
        measure_command()
