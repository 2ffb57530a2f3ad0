"""Titles by a model: asked for once, paid, and never in the way."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from worker_host import Books

from tui.config import Budget, ChatDefaults
from tui.core.commands import RenameConversation
from tui.openrouter.text import Clean


def titles(host: Any) -> list[str]:
    return [row.title for row in host.state.conversations]


async def settled(host: Any, requests: int) -> None:
    """Wait until that many requests are in the ledger and none is open."""
    deadline = asyncio.get_running_loop().time() + 8
    while True:
        states = await host.states()
        if len(states) == requests and "reserved" not in states:
            return
        assert asyncio.get_running_loop().time() < deadline, states
        await asyncio.sleep(0.01)


async def test_a_model_names_a_new_conversation_once_and_that_is_in_the_ledger(
    start_host: Any, demo_server: str, fresh_key: Any
) -> None:
    key = fresh_key()
    host = await start_host(demo_server, key, host={"watch": True}, chat=ChatDefaults(title_model="demo/plain"))
    ask = host.ask("demo/echo", "What do penguins eat?")
    await host.reply(ask)
    await host.until(lambda: titles(host) == ["This is a short plain reply"])
    assert host.state.open[ask.conversation_id].title == "This is a short plain reply"
    await settled(host, 2)
    assert {row["kind"] for row in await host.requests()} == {"chat"}
    assert await host.billed() == await Books(demo_server, key).cost()
    assert host.state.conversations[0].spent_usd == await host.billed()
    log = await Books(demo_server, key).log()
    assert "What do penguins eat?" in str(log[1]["body"]["messages"])
    assert not host.state.jobs
    await host.reply(host.ask("demo/echo", "And bears?", conversation_id=ask.conversation_id))
    await settled(host, 3)
    assert titles(host) == ["This is a short plain reply"]


async def test_without_such_a_model_and_in_private_the_first_words_stand(start_host: Any) -> None:
    plain = await start_host(host={"watch": True})
    await plain.reply(plain.ask("demo/echo", "Some words"))
    assert titles(plain) == ["Some words"]
    private = await start_host(host={"watch": True}, chat=ChatDefaults(title_model="demo/plain"))
    await private.reply(private.ask("demo/echo", "Secret words", private=True))
    await settled(private, 2)


async def test_a_title_that_cannot_be_had_costs_nothing_but_what_the_server_bills(
    start_host: Any, demo_server: str, fresh_key: Any
) -> None:
    key = fresh_key()
    host = await start_host(demo_server, key, host={"watch": True}, chat=ChatDefaults(title_model="demo/404"))
    ask = host.ask("demo/echo", "Some words")
    await host.reply(ask)
    await settled(host, 2)
    assert titles(host) == ["Some words"]
    assert await host.billed() == await Books(demo_server, key).cost()
    assert host.notices() == []


async def test_a_budget_that_is_used_up_is_not_passed_for_a_title(start_host: Any) -> None:
    host = await start_host(
        host={"watch": True},
        chat=ChatDefaults(title_model="demo/plain"),
        budget=Budget(request=Decimal("0.000001"), action="ask"),
    )
    ask = host.ask("demo/echo", "Some words", over_budget=True)
    await host.reply(ask)
    await host.until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("title:")])
    assert len(await host.states()) == 1
    assert titles(host) == ["Some words"]


async def test_a_title_of_the_users_own_is_left_alone(start_demo_server: Any, start_host: Any) -> None:
    host = await start_host(
        start_demo_server("--slow-rate", "200"), host={"watch": True}, chat=ChatDefaults(title_model="demo/plain")
    )
    ask = host.ask("demo/slow", "Some words")
    await host.until(lambda: titles(host) == ["Some words"])
    host.worker.submit(RenameConversation(conversation_id=ask.conversation_id, title=Clean("Mine")))
    await host.until(lambda: titles(host) == ["Mine"])
    await host.reply(ask, 30)
    await host.until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("title:")])
    assert titles(host) == ["Mine"]
    assert len(await host.states()) == 1
