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
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "worker"))
sys.path.insert(0, str(Path(__file__).parents[1] / "screens"))

from tui.core.ledger import NewRequest, RequestKind, RequestState, Settlement, SpendQuery
from tui.database import ledger
from tui.database.columns import id_in, opaque_in, word_id
from tui.database.opening import open_database
from tui.database.request_rows import last_requests
from tui.database.spend import summary, view
from tui.database.sums import rebuild
from tui.openrouter.text import Opaque

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
        " prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, cache_write_tokens, generation_id, ttft_ms,"
        " duration_ms, tries, status, error_kind, finish_reason) VALUES (" + ", ".join("?" * 29) + ")",
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
    """Filled in with the screen."""


def main() -> None:
    chosen = dict(argument.split("=") for argument in sys.argv[1:]) or {"rows": "1000000"}
    if "rows" in chosen:
        measure_rows(int(chosen["rows"]))


if __name__ == "__main__":
    main()
