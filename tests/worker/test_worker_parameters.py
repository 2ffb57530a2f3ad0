"""Each parameter of a conversation reaches the server, and stays with the conversation."""

from __future__ import annotations

from typing import Any

from worker_host import Books

from tui.core.commands import OpenConversation, RefreshCatalogue
from tui.core.parameter_fields import not_taken, with_written, written
from tui.openrouter.chat import ChatParameters

WRITTEN = {
    "temperature": "0.2",
    "top_p": "0.9",
    "max_tokens": "500",
    "stop": "END|STOP",
    "seed": "7",
    "reasoning_effort": "high",
    "response_format": "json",
    "web_search": "yes",
    "sort": "latency",
    "order": "fakeprovider, acme",
    "only": "fakeprovider",
    "ignore": "acme",
    "allow_fallbacks": "no",
    "zdr": "yes",
    "fallback_models": "demo/plain, openai/gpt-4o-mini",
}
ARRIVES = {
    "temperature": 0.2,
    "top_p": 0.9,
    "max_tokens": 500,
    "stop": ["END", "STOP"],
    "seed": 7,
    "reasoning": {"effort": "high"},
    "response_format": {"type": "json_object"},
    "tools": [{"type": "openrouter:web_search"}],
    "provider": {
        "sort": "latency",
        "order": ["fakeprovider", "acme"],
        "only": ["fakeprovider"],
        "ignore": ["acme"],
        "allow_fallbacks": False,
        "zdr": True,
    },
    "models": ["demo/plain", "openai/gpt-4o-mini"],
}


async def test_each_parameter_is_sent_and_kept(start_host: Any, demo_server: str, fresh_key: Any) -> None:
    key = fresh_key()
    host = await start_host(demo_server, key)
    host.worker.submit(RefreshCatalogue())
    await host.until(lambda: host.state.models)
    parameters = with_written(ChatParameters(), WRITTEN)
    takes_all = next(one for one in host.state.models if not not_taken(parameters, one, routed=True))
    ask = host.ask(takes_all.id.raw, parameters=parameters)
    await host.reply(ask)
    [line] = await Books(demo_server, key).log()
    arrived = {
        name: float(value) if name in ("temperature", "top_p") else value for name, value in line["body"].items()
    }
    assert {name: arrived[name] for name in ARRIVES} == ARRIVES
    host.state.open.clear()
    host.worker.submit(OpenConversation(conversation_id=ask.conversation_id))
    kept = await host.until(lambda: host.state.open.get(ask.conversation_id))
    assert written(kept.settings.parameters) == WRITTEN


async def test_what_the_model_does_not_take_is_not_sent_but_kept(
    start_host: Any, demo_server: str, fresh_key: Any
) -> None:
    key = fresh_key()
    host = await start_host(demo_server, key)
    host.worker.submit(RefreshCatalogue())
    await host.until(lambda: host.state.models)
    ask = host.ask("demo/echo", parameters=with_written(ChatParameters(), {"seed": "7", "response_format": "json"}))
    assert "response_format" not in host.state.model_by_slug["demo/echo"].supported_parameters
    await host.reply(ask)
    [line] = await Books(demo_server, key).log()
    assert set(line["body"]) == {"model", "messages", "stream", "seed"}
    kept = host.state.open[ask.conversation_id].settings.parameters
    assert written(kept)["response_format"] == "json"


async def test_what_is_not_written_is_not_sent(start_host: Any, demo_server: str, fresh_key: Any) -> None:
    key = fresh_key()
    host = await start_host(demo_server, key)
    await host.reply(host.ask("demo/echo"))
    [line] = await Books(demo_server, key).log()
    assert set(line["body"]) == {"model", "messages", "stream"}


async def test_a_fallback_answers_in_the_place_of_the_model_that_refuses(
    start_host: Any, demo_server: str, fresh_key: Any
) -> None:
    host = await start_host(demo_server, fresh_key())
    ask = host.ask("demo/503", parameters=with_written(ChatParameters(), {"fallback_models": "demo/plain"}))
    ended = await host.reply(ask)
    assert ended.state.value == "done"
    assert ended.receipt.model_answered == "demo/plain"
