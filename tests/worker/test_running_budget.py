"""Running replies that pass a blocking budget are stopped, whichever process spends."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from worker_host import ScriptedServer, chunk, stream

from tui.config import Budget
from tui.config_types import OwnPricing
from tui.core.conversation import MessageState
from tui.core.events import TurnEnded
from tui.openrouter.chat import ChatParameters

DOLLAR = OwnPricing(prompt_usd=Decimal(0), completion_usd=Decimal("0.001"))
"""A token that comes costs a tenth of a cent: the reply below passes a dollar after 4,000 characters."""

FEW = ChatParameters(max_tokens=400)


class Talker:
    """Sends more and more, whatever `max_tokens` says, until the connection is closed."""

    def __init__(self, characters: int = 400) -> None:
        self.characters = characters
        self.open = 0
        self.closed = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        writer.write(stream(head_only=True))
        try:
            while True:
                writer.write(f"data: {json.dumps(chunk('x' * self.characters, provider='Groq'))}\n\n".encode())
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            self.closed += 1


def settings(action: str = "block", **budget: str) -> dict[str, Any]:
    limits: dict[str, Any] = {name: Decimal(amount) for name, amount in budget.items()}
    return {"pricing": DOLLAR, "model": "some/model", "budget": Budget(action=action, **limits)}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["session", "day", "month", "request"])
async def test_a_reply_that_passes_a_blocking_budget_is_stopped_and_says_who_bills_on(
    name: str, start_host: Any
) -> None:
    talker = Talker()
    async with ScriptedServer(talker) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, **settings(**{name: "1"}))
        ask = host.ask("some/model")
        ended = await host.reply(ask, 10.0)
        await host.until(lambda: talker.closed)
    assert ended.state is MessageState.STOPPED
    assert f"the {name} budget of $1.00" in ended.failure.message
    assert "Groq bills the whole reply all the same" in ended.failure.message
    assert ended.failure.message in host.notices()
    assert len(host.message(ask).text) >= 4000
    # It is one of the unpaid: what came stands as an estimate until the bill is there.
    (row,) = await host.requests()
    assert row["state"] == "awaited"
    assert Decimal(row["estimate_usd"]) > 1
    assert Decimal(row["quoted_usd"]) <= 1


@pytest.mark.parametrize("action", ["warn", "ask"])
async def test_only_a_budget_that_blocks_stops(action: str, start_host: Any) -> None:
    talker = Talker()
    async with ScriptedServer(talker) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, **settings(action, day="1"))
        ask = host.ask("some/model", over_budget=True)
        await host.until(lambda: ask.reply_id in host.state.streaming and len(host.message(ask).text) > 12_000)
        assert not host.ended(ask)
        host.worker.cancel(ask.reply_id)
        assert (await host.reply(ask)).failure is None


async def test_what_runs_in_another_process_counts(start_host: Any) -> None:
    slow, fast = Talker(20), Talker(400)
    spender = settings("warn", day="1")
    async with ScriptedServer(slow) as url, ScriptedServer(fast) as other_url:
        # Both have the same ledger; origins differ, and budgets do not mix them.
        careful = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, **settings(day="1"))
        same = await start_host(url, "sk-or-v1-bbbb2222", catalogue=False, **settings(day="1"))
        elsewhere = await start_host(other_url, "sk-or-v1-bbbb2222", catalogue=False, **spender)
        unlimited = elsewhere.ask("some/model")
        first, second = careful.ask("some/model", parameters=FEW), same.ask("some/model", parameters=FEW)
        ends = await asyncio.gather(careful.reply(first, 20.0), same.reply(second, 20.0))
        assert not elsewhere.ended(unlimited)
        elsewhere.worker.cancel(unlimited.reply_id)
        await elsewhere.reply(unlimited)
    assert [end.state for end in ends] == [MessageState.STOPPED] * 2
    # Each had come to less than the budget by itself.
    assert all(len(host.message(ask).text) < 4000 for host, ask in ((careful, first), (same, second)))


async def test_a_reply_that_ends_well_in_the_meantime_is_done(start_host: Any) -> None:
    whole = stream(
        chunk("x" * 8000), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": "0.001"})
    )
    async with ScriptedServer(whole) as url:
        host = await start_host(url, "sk-or-v1-aaaa1111", catalogue=False, **settings(day="1"))
        ended: TurnEnded = await host.reply(host.ask("some/model"))
    assert ended.state is MessageState.DONE
    assert ended.failure is None
    assert await host.billed() == Decimal("0.001")
