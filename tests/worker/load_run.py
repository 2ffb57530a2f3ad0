"""Many requests at once against the embedded server, some of which fail, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace
from worker_host import Books, Host

from tui.core.chat_turns import first_settings
from tui.core.commands import Ask
from tui.core.conversation import MessageState
from tui.core.events import ReplyGrew, TurnEnded
from tui.core.ledger import MONEY
from tui.openrouter.chat import ChatParameters, RequestMessage
from tui.openrouter.text import Clean, Opaque

FAILING: Final = (
    "400", "403", "404", "408", "413", "422", "429", "500", "502", "504", "524", "529", "html-502", "empty-403",
    "zod-400", "hang-up", "flaky-502", "flaky-first-event", "error-in-200", "first-event-error", "mid-stream-error",
    "cut-off", "connection-lost", "broken-json", "no-usage",
)  # fmt: skip
"""Models of the embedded server that go wrong, each in its own way."""
HARSH: Final = ("401", "402", "402-in-flight", "403-key-limit", "429-retry-after", "flaky-429", "503")
"""Those that also put a key out of use, or have the next try wait for seconds."""
STOPPED: Final = "slow"
"""A reply that its user stops."""


@dataclass
class Run:
    """What became of it."""

    ends: list[TurnEnded]
    seconds: float


async def run_many(
    host: Host, number: int, *, together: int, failing: Sequence[str], share: float = 0.05, wait_s: float = 300.0
) -> Run:
    """So many private questions, some of them to models that go wrong; private, so that it is the ledger that works."""
    dice = random.Random(11)
    ended: dict[str, asyncio.Future[TurnEnded]] = {}
    grown: dict[str, asyncio.Event] = {}
    loop = asyncio.get_running_loop()

    def note(event: object) -> None:
        if isinstance(event, ReplyGrew) and event.message_id in grown:
            grown[event.message_id].set()
        if isinstance(event, TurnEnded) and event.message_id in ended:
            ended[event.message_id].set_result(event)
            host.state.open.pop(event.conversation_id, None)
        host.events.clear()

    host.on_event = note
    names = [f"demo/{dice.choice(failing)}" if dice.random() < share else "demo/plain" for _ in range(number)]
    places = asyncio.Semaphore(together)
    began = time.monotonic()

    async def one(place: int, model: str) -> TurnEnded:
        async with places:
            reply_id = f"reply{place}"
            ended[reply_id] = loop.create_future()
            question = (RequestMessage(role="user", content=f"Question {place} " + "word " * (place % 40)),)
            settings = replace(
                first_settings(host.settings.chat), model=Opaque(model), parameters=ChatParameters(max_tokens=60)
            )
            ask = Ask(
                conversation_id=f"talk{place}",
                reply_id=reply_id,
                settings=settings,
                history=question,
                question=None,
                parent_id=None,
                title=Clean("t"),
                private=True,
                wait_s=wait_s,
            )
            stopped = model == f"demo/{STOPPED}"
            if stopped:
                grown[reply_id] = asyncio.Event()
            while not host.worker.submit(ask):
                await asyncio.sleep(0.01)
            if stopped:
                # Of what is stopped before the server has named it no bill can be asked for.
                begun = asyncio.create_task(grown[reply_id].wait())
                await asyncio.wait((begun, ended[reply_id]), return_when=asyncio.FIRST_COMPLETED)
                begun.cancel()
                host.worker.cancel(reply_id)
            return await ended[reply_id]

    ends = await asyncio.gather(*(one(place, model) for place, model in enumerate(names)))
    return Run(list(ends), time.monotonic() - began)


async def bills_are_there(host: Host, within_s: float = 60.0) -> None:
    """Wait until all bills that can be had are there.

    Those of requests that the server never named, and of gateways that timed out, have none: they stay awaited.
    """
    deadline = time.monotonic() + within_s
    while left := await host.rows(
        "SELECT word.text AS model, bill_asks, status FROM request JOIN word ON word.id = model"
        " WHERE state = 'awaited' AND generation_id IS NOT NULL AND coalesce(status, 0) NOT IN (504, 524)"
    ):
        assert time.monotonic() < deadline, f"bills did not come: {left}"
        await asyncio.sleep(0.1)


async def check(host: Host, run: Run, books: Sequence[Books], *, req_per_min: int = 0, tokens_per_min: int = 0) -> str:
    """Ours equals the server's to the last digit, nothing is lost or doubled, no window is over a limit."""
    states = await host.rows("SELECT state, count(*) AS n, count(DISTINCT id) AS ids FROM request GROUP BY state")
    written = sum(row["n"] for row in states)
    # One that was stopped before its money was reserved was never a request.
    too_early = sum(end.state is MessageState.STOPPED and not end.receipt.tries for end in run.ends)
    assert len(run.ends) - too_early <= written == sum(row["ids"] for row in states) <= len(run.ends), states
    assert not any(row["state"] == "reserved" for row in states)
    ours = await host.billed()
    theirs, most_requests, most_tokens, seen = Decimal(0), 0, 0, 0
    for book in books:
        theirs = MONEY.add(theirs, await book.cost())
        log = await book.log()
        seen += len(log)
        requests, tokens = _fullest(log)
        most_requests, most_tokens = max(most_requests, requests), max(most_tokens, tokens)
    assert ours == theirs, f"ours {ours:f}, the server's {theirs:f}"
    spent = host.state.spend
    assert spent is not None
    assert spent.all_time.billed_usd == ours
    tries = (await host.rows("SELECT sum(tries) AS n FROM request"))[0]["n"]
    assert tries >= seen, "the server saw more tries than were counted"
    assert not req_per_min or most_requests <= req_per_min
    assert not tokens_per_min or most_tokens <= tokens_per_min
    counted = ", ".join(f"{row['n']:,} {row['state']}" for row in states)
    return (
        f"${ours:f} on both sides; {counted}; {seen:,} tries; fullest 60 s of a key: {most_requests:,} requests, "
        f"{most_tokens:,} tokens"
    )


def _fullest(log: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Most requests and tokens in any 60 seconds of a key's log."""
    window: deque[tuple[float, int]] = deque()
    requests = tokens = most = 0
    for entry in sorted(log, key=lambda entry: float(entry["time"])):
        at, used = float(entry["time"]), int(entry["prompt_tokens"]) + int(entry["completion_tokens"])
        window.append((at, used))
        tokens += used
        while window[0][0] <= at - 60.0:
            tokens -= window.popleft()[1]
        requests, most = max(requests, len(window)), max(most, tokens)
    return requests, most
