"""A moderate form of the benchmark: hundreds of requests at once, failures of all kinds, two keys with limits."""

from __future__ import annotations

from typing import Any

from load_run import FAILING, STOPPED, bills_are_there, check, run_many
from worker_host import Books

from tui.config import Limits


async def test_every_cent_and_every_limit_of_many_requests(
    start_demo_server: Any, start_host: Any, fresh_key: Any
) -> None:
    base_url = start_demo_server("--speed", "0", "--generation-delay", "0.2", "--credits", "1000")
    keys = (fresh_key(), fresh_key())
    # Fewer places than tries: some requests find none, and must not be sent all the same.
    host = await start_host(base_url, *keys, limits=Limits(req_per_min=140, tokens_per_min=40_000))
    run = await run_many(host, 320, together=50, failing=(*FAILING, STOPPED), share=0.2, wait_s=1.0)
    assert len(run.ends) == 320
    await bills_are_there(host)
    books = [Books(base_url, key) for key in keys]
    told = await check(host, run, books, req_per_min=140, tokens_per_min=40_000)
    assert "released" in told
    kinds = {end.failure.kind for end in run.ends if end.failure is not None}
    assert "own_limit" in kinds
    assert len(kinds) > 6
    assert await host.reserved() >= 0
