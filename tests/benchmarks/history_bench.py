"""How long it takes to say what many requests would have cost on other models.

Run by hand: `python tests/benchmarks/history_bench.py [REQUESTS]` (1,000,000 without). All requests are of the last 30
days; the models have prices for long prompts at four lengths and a cheaper time of the day.
"""

from __future__ import annotations

import random
import sys
import time
import uuid
from decimal import Decimal

from tui.core.repricing import History, distinctions, reprice
from tui.database.columns import id_in, word_id
from tui.database.history import history_part, last_days
from tui.database.opening import open_database
from tui.openrouter.catalogue import Model, PriceOverride, Pricing
from tui.openrouter.text import Clean, Opaque

ORIGIN = "https://openrouter.ai:443"
NOW = 1_760_000_000.0
LENGTHS = (32_000, 128_000, 200_000, 256_000)


def main(requests: int) -> None:
    connection = open_database(None, busy_s=1.0).connection
    dice = random.Random(3)
    origin, model = word_id(connection, ORIGIN), word_id(connection, "some/model")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO request (id, kind, state, origin, process, created_at, model, cost_usd, prompt_tokens,"
        " completion_tokens, reasoning_tokens, cached_tokens) VALUES (?, 'chat', 'billed', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                id_in(uuid.UUID(int=number).hex), origin, origin, NOW - dice.random() * 29 * 86_400, model,
                f"0.00{dice.randrange(10**9)}", dice.randrange(300_000), dice.randrange(5_000), 100, 1_000,
            )
            for number in range(requests)
        ),
    )  # fmt: skip
    connection.execute("COMMIT")
    long = tuple(PriceOverride(min_prompt_tokens=length, prompt=Decimal("0.000004")) for length in LENGTHS)
    night = PriceOverride(utc_start=990, utc_end=30, completion=Decimal("0.000003"))
    pricing = Pricing(prompt=Decimal("0.000002"), completion=Decimal("0.000008"), overrides=(*long, night))
    models = [
        Model(id=Opaque(f"a/{one}"), slug=Clean("a"), name=Clean("a"), author=Clean("a"), pricing=pricing,
              output_modalities=(Clean("text"),))
        for one in range(6)
    ]  # fmt: skip
    apart = distinctions([pricing])
    since, until = last_days(NOW, 30)
    whole, parts = History(apart=apart), list[float]()
    after: int | None = 0
    began = time.perf_counter()
    while after is not None:
        at = time.perf_counter()
        part, after = history_part(connection, ORIGIN, since, until, apart, after)
        whole = whole.plus(part)
        parts.append(time.perf_counter() - at)
    summed = time.perf_counter() - began
    costs = reprice(models, whole)
    priced = time.perf_counter() - began - summed
    assert costs[0].paid.requests == requests
    print(f"{requests:,} requests in {len(whole.groups)} groups: summed in {summed:.2f} s, {len(parts):,} parts,")
    print(f"the longest {max(parts) * 1000:.0f} ms; priced on 6 models in {priced * 1000:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
