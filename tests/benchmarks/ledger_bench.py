"""What a large ledger costs: opening Spend, a new row on its screen, the file; and 10,000 requests billed to the cent.

Run by hand, any of the parts: `python tests/benchmarks/ledger_bench.py rows=1000000`, `… requests=10000`, `… idle=30`.
Rows are made in SQL as the ledger writes them; what is measured goes through the same units as in the program.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "worker"))
sys.path.insert(0, str(Path(__file__).parents[1] / "screens"))

from load_run import FAILING, HARSH, STOPPED, bills_are_there, check, run_many
from msgspec.structs import replace
from screen_host import HandWorker, Host
from screen_host import make_settings as make_screen_settings
from textual.app import ComposeResult
from textual.events import Key
from textual.screen import Screen
from typing_extensions import override
from worker_host import Books
from worker_host import Host as WorkerHost
from worker_host import make_settings as make_worker_settings

from tui.app import OrtuiApp
from tui.cli import _worker_makers
from tui.config import Limits, load
from tui.core.events import SpendSummed, SpendViewed
from tui.core.ledger import NewRequest, RequestKind, RequestState, Settlement, SpendQuery
from tui.database import ledger
from tui.database.columns import id_in, opaque_in, word_id
from tui.database.opening import open_database
from tui.database.request_rows import last_requests
from tui.database.spend import summary, view
from tui.database.sums import rebuild
from tui.demo.launch import DemoProcess
from tui.openrouter.text import Opaque
from tui.screens.spend import SpendScreen
from tui.widgets.request_list import RequestList

ORIGIN = "https://openrouter.ai:443"
DAYS = 365
MODELS, PROVIDERS, KEYS, TALKS = 60, 20, 4, 20_000
ROUNDS = 9


def fill(connection: sqlite3.Connection, rows: int, now: float) -> float:
    """So many requests over a year, and their sums; answers how many seconds the sums took."""
    dice = random.Random(5)
    number: Callable[[str], int | None] = lambda text: word_id(connection, text)  # noqa: E731
    connection.execute("BEGIN IMMEDIATE")
    origin, process = number(ORIGIN), number("p")
    models = [number(f"author{one % 9}/model-{one}") for one in range(MODELS)]
    providers = [number(f"Provider {one}") for one in range(PROVIDERS)]
    accounts = [number(f"{one:016x}") for one in range(KEYS)]
    tails = [number(f"…{one:04x}") for one in range(KEYS)]
    talks = [number(uuid.UUID(int=dice.getrandbits(128)).hex) for _ in range(TALKS)]
    stop, cut = number("stop"), number("cut_off")

    def one_row(place: int) -> tuple[object, ...]:
        model, key = dice.randrange(MODELS), dice.randrange(KEYS)
        prompt, completion = dice.randrange(50, 20_000), dice.randrange(5, 4_000)
        broken = dice.random() < 0.03
        at = now - DAYS * 86_400 * (1 - place / rows)
        cost = f"{Decimal(prompt * 3 + completion * 15) / 1_000_000:f}"
        return (
            id_in(uuid.UUID(int=dice.getrandbits(128)).hex), "chat", "billed", origin, process, round(at, 3),
            12,
            dice.randrange(900, 30_000), accounts[key], tails[key], models[model], providers[model % PROVIDERS],
            talks[place * TALKS // rows], id_in(uuid.UUID(int=dice.getrandbits(128)).hex),
            f"{Decimal(prompt * 3 + 700 * 15) / 1_000_000:f}", cost, prompt, prompt + 7, completion, 0,
            prompt // 2 if place % 4 == 0 else 0, 0,
            opaque_in(Opaque(f"gen-{int(at)}-{uuid.UUID(int=dice.getrandbits(128)).hex[:20]}")),
            dice.randrange(200, 3_000), dice.randrange(900, 30_000), 1, 200, cut if broken else None, stop,
        )  # fmt: skip

    connection.executemany(
        "INSERT INTO request (id, kind, state, origin, process, created_at, sent_after_ms, ended_after_ms, account,"
        " key_tail, model, provider, conversation, message_id, estimate_usd, cost_usd, prompt_tokens_estimate,"
        " prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, cache_write_tokens, generation_id,"
        " ttft_ms, duration_ms, tries, status, error_kind, finish_reason) VALUES (" + ", ".join("?" * 29) + ")",
        map(one_row, range(rows)),
    )
    began = time.perf_counter()
    rebuild(connection)
    took = time.perf_counter() - began
    connection.execute("COMMIT")
    return took


def timed(work: Callable[[], object]) -> str:
    """Milliseconds, median (worst)."""
    spans = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        spans.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(spans):.1f} ({max(spans):.1f}) ms"


def measure_rows(rows: int) -> None:
    """A ledger of so many rows: its size, its sums, a new row."""
    with tempfile.TemporaryDirectory() as folder:
        path, now = Path(folder) / "ortui.db", time.time()
        connection = open_database(path, busy_s=5).connection
        empty = path.stat().st_size
        took = fill(connection, rows, now)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        print(f"{rows:,} requests over {DAYS} days; sums made anew in {took:.0f} s")
        print(f"size              {(path.stat().st_size - empty) / rows:.0f} bytes a request")
        connection.close()
        print("first, after opening the file:")
        began = time.perf_counter()
        connection = open_database(path, busy_s=5).connection
        opened = time.perf_counter()
        summary(connection, ORIGIN, "p", now)
        summed = time.perf_counter()
        view(connection, ORIGIN, SpendQuery(), now)
        print(
            f"  open {(opened - began) * 1000:.1f} ms, meter {(summed - opened) * 1000:.1f} ms,"
            f" Spend {(time.perf_counter() - summed) * 1000:.1f} ms"
        )
        print(f"meter             {timed(lambda: summary(connection, ORIGIN, 'p', now))}")
        for query in (
            SpendQuery(),
            SpendQuery(period="all"),
            SpendQuery(by="conversation"),
            SpendQuery(period="all", by="conversation"),
            SpendQuery(words="model-7", rows=200),
            SpendQuery(words="nobody-has-this", rows=200),
        ):
            name = " ".join(filter(None, (query.period, query.by, query.words)))
            print(f"Spend, {name:<28} {timed(lambda query=query: view(connection, ORIGIN, query, now))}")  # type: ignore[misc]
        print(f"last 50 requests  {timed(lambda: last_requests(connection, ORIGIN))}")
        print(f"reserve           {timed(lambda: reserve(connection, now))}")
        print(f"reserve + settle  {timed(lambda: settle(connection, reserve(connection, now), now))}")
        connection.close()
        asyncio.run(measure_screen(path))
        with DemoProcess("--speed", "0") as server:
            url = server.url()
            connection = open_database(path, busy_s=5).connection
            with connection:
                connection.execute("UPDATE word SET text = ? WHERE text = ?", (url.partition("/api/")[0], ORIGIN))
            connection.close()
            asyncio.run(measure_opening(path.parent, url))


def reserve(connection: sqlite3.Connection, now: float) -> str:
    new = NewRequest(
        id=uuid.uuid4().hex,
        kind=RequestKind.CHAT,
        origin=ORIGIN,
        created_at=now,
        model=Opaque("author1/model-1"),
        reserve_usd=Decimal("0.01"),
        estimate_usd=Decimal("0.004"),
    )
    limits: dict[str, Decimal | None] = {"day": Decimal(10**9), "month": Decimal(10**9)}
    ledger.reserve(connection, new, limits=limits, action="block", process="p", now=now)  # type: ignore[arg-type]
    return new.id


def settle(connection: sqlite3.Connection, request_id: str, now: float) -> None:
    ledger.settle(
        connection,
        Settlement(request_id=request_id, state=RequestState.BILLED, ended_at=now, cost_usd=Decimal("0.003")),
    )


async def measure_screen(path: Path) -> None:
    """A new row on a headless terminal, with what the ledger says; CPU time."""
    connection = open_database(path, busy_s=5).connection
    now = time.time()
    worker = HandWorker()
    worker.now = now
    with tempfile.TemporaryDirectory() as folder:
        app = Host(lambda session: Screen(), make_screen_settings(Path(folder)), worker)
        async with app.run_test(size=(120, 40)) as pilot:
            shown = summary(connection, ORIGIN, "p", now)
            await app.push_screen(SpendScreen(app.session))
            worker.publish(SpendSummed(shown), SpendViewed(view(connection, ORIGIN, SpendQuery(), now)))
            rows = app.screen.query_one(RequestList)
            while rows.lit is None:
                await pilot.pause()
            await pilot.pause()
            spans, nothing = [], []
            for place in range(30):
                new = replace(shown.last[0], id=f"new{place}")
                today = replace(shown.today, requests=shown.today.requests + place + 1)
                later = replace(shown, today=today, last=(new, *shown.last[:-1]))
                await asyncio.sleep(0.1)
                began = time.process_time()
                await asyncio.sleep(0.08)
                nothing.append((time.process_time() - began) * 1000)
                began = time.process_time()
                worker.publish(SpendSummed(later))
                await asyncio.sleep(0.08)
                spans.append((time.process_time() - began) * 1000)
                assert rows.lit is not None
                assert rows.lit.id == new.id
            row = statistics.median(spans) - statistics.median(nothing)
            print(f"a new row on screen {row:.1f} ms CPU (worst {max(spans) - min(nothing):.1f})")


async def measure_opening(folder: Path, url: str) -> None:
    """F5 in the whole program: milliseconds of CPU (of all threads) and by the clock until everything is painted.

    The view is made anew each time; the first time it also reads its rules. The program has rested before, as it has
    when somebody has looked at the first screen for some seconds.
    """
    app = whole_program(folder, url)
    async with app.run_test(size=(120, 40)) as pilot:
        await at_rest(app)
        spans: list[tuple[float, float, float]] = []
        for _ in range(ROUNDS):
            app.state.spend_view = None
            cpu, wall, thread = time.process_time(), time.perf_counter(), time.thread_time()
            app.post_message(Key("f5", None))
            while not painted(app):
                await asyncio.sleep(0.001)
            spans.append((time.process_time() - cpu, time.perf_counter() - wall, time.thread_time() - thread))
            await pilot.press("f2")
            await asyncio.sleep(1)
            await app.remove_mode("spend")
            app.add_mode("spend", lambda: app._made_view(app._views["spend"]))
        for name, rounds in (("first", spans[:1]), ("then, median", spans[1:])):
            cpu, wall, thread = (statistics.median(span[part] for span in rounds) * 1000 for part in range(3))
            print(f"F5, {name:<14} {cpu:.0f} ms CPU ({thread:.0f} of the loop's thread), {wall:.0f} ms by the clock")


def whole_program(folder: Path, url: str) -> OrtuiApp:
    """ortui as it is, on the database in the folder, with that server."""
    settings = load(data_dir=folder, environ={"OPENROUTER_API_KEY": "sk-or-v1-bench-0000", "OPENROUTER_BASE_URL": url})
    return OrtuiApp(settings, _worker_makers()(settings))


async def at_rest(app: OrtuiApp) -> None:
    """Until the ledger is summed and what the other views need is read ahead."""
    while app.state.spend is None or "tui.screens.embeddings" not in sys.modules:
        await asyncio.sleep(0.05)
    await asyncio.sleep(2)


def painted(app: OrtuiApp) -> bool:
    """Whether Spend shows the sums, the bars of the models and the requests."""
    view = app.screen
    if not isinstance(view, SpendScreen) or not view.is_mounted or app.state.spend_view is None:
        return False
    waits = app._batch_count or app._moved or view._layout_required or view._dirty_widgets
    return not waits and view.requests.lit is not None and bool(view.parts._rows)


async def measure_requests(number: int) -> None:
    """So many requests, 50 at a time, 5 % of which fail, against the embedded server with two keys and limits."""
    limits = Limits(req_per_min=6_000, tokens_per_min=2_000_000)
    options = ("--speed", "0", "--generation-delay", "0.2", "--credits", "1000000")
    keys = tuple(f"sk-or-v1-bench-{uuid.uuid4().hex}" for _ in range(2))
    with tempfile.TemporaryDirectory() as folder, DemoProcess(*options) as server:
        url = server.url()
        host = WorkerHost(make_worker_settings(Path(folder), url, *keys, limits=limits))
        await host.start()
        run = await run_many(host, number, together=50, failing=(*FAILING * 9, *HARSH, STOPPED))
        await bills_are_there(host, 120.0)
        books = [Books(url, key) for key in keys]
        told = await check(host, run, books, req_per_min=limits.req_per_min, tokens_per_min=limits.tokens_per_min)
        print(f"{number:,} requests in {run.seconds:.0f} s: {told}")
        await host.close()


async def measure_idle(seconds: float) -> None:
    """CPU and wake-ups of a second of doing nothing: Spend, beside a bare app with the same list focused."""
    worker = HandWorker()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_screen_settings(Path(folder))
        for name, build in (("Spend", SpendScreen), ("bare", lambda _session: Bare())):
            app = Host(build, settings, worker)
            async with app.run_test(size=(120, 40)):
                await asyncio.sleep(1)
                with counted_wakes() as wakes:
                    began = time.process_time()
                    await asyncio.sleep(seconds)
                    used = time.process_time() - began
                told = f"{used / seconds * 100:.2f} % of a core, {len(wakes) / seconds:.1f} wake-ups a second"
                print(f"idle {name:<6} {told}")


async def measure_program_idle(seconds: float) -> None:
    """The same of the whole program, first on Models, then on Spend."""
    with tempfile.TemporaryDirectory() as folder, DemoProcess("--speed", "0") as server:
        app = whole_program(Path(folder), server.url())
        async with app.run_test(size=(120, 40)) as pilot:
            await at_rest(app)
            for name, key in (("Models", "f2"), ("Spend", "f5")):
                await pilot.press(key)
                await asyncio.sleep(12)  # the cursor has stopped blinking, the countdowns rest
                with counted_wakes() as wakes:
                    began = time.process_time()
                    await asyncio.sleep(seconds)
                    used = time.process_time() - began
                print(
                    f"program on {name:<6} {used / seconds * 100:.2f} % of a core, {len(wakes) / seconds:.1f} wake-ups"
                )


@contextmanager
def counted_wakes() -> Iterator[list[float]]:
    """Each time at which the event loop has waited for something."""
    wakes: list[float] = []
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select = selector.select

    def counting(timeout: float | None = None) -> object:
        if timeout is None or timeout > 0:  # else it only looks in between
            wakes.append(time.monotonic())
        return select(timeout)

    selector.select = counting
    try:
        yield wakes
    finally:
        selector.select = select


class Bare(Screen[None]):
    """Nothing but the list."""

    @override
    def compose(self) -> ComposeResult:
        yield RequestList("empty", lambda row: row.generation_id is not None)


def main() -> None:
    chosen = dict(argument.split("=") for argument in sys.argv[1:]) or {"rows": "1000000"}
    if "rows" in chosen:
        measure_rows(int(chosen["rows"]))
    if "requests" in chosen:
        asyncio.run(measure_requests(int(chosen["requests"])))
    if "idle" in chosen:
        asyncio.run(measure_idle(float(chosen["idle"])))
        asyncio.run(measure_program_idle(float(chosen["idle"])))


if __name__ == "__main__":
    main()
