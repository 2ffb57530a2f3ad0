"""The endpoints of a model and the companies behind them, over real HTTP."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from worker_host import ScriptedServer, chunk, http, silent, stream

from tui.config import Budget
from tui.core.commands import LoadEndpoints
from tui.core.conversation import MessageState
from tui.openrouter.chat import ChatParameters
from tui.openrouter.decode_providers import decode_providers
from tui.openrouter.text import Opaque

MODEL = Opaque("some/model")
ENDPOINTS = http(200, {"data": {"endpoints": [{"provider_name": "Acme", "tag": "acme/fp8"}]}})
PROVIDERS = http(200, {"data": [{"name": "Acme", "slug": "acme", "headquarters": "IS"}]})
LISTS = {"/models/some/model/endpoints": ENDPOINTS, "/providers": PROVIDERS}


async def test_who_is_behind_the_endpoints_is_known_with_them(start_host: Any) -> None:
    host = await start_host()
    host.worker.submit(LoadEndpoints(model=Opaque("anthropic/claude-3-haiku")))
    await host.until(lambda: host.state.provider_facts and host.state.endpoints)
    endpoints = host.state.endpoints["anthropic/claude-3-haiku"].endpoints
    for endpoint in endpoints:
        assert host.state.provider_facts[endpoint.tag.raw.partition("/")[0]].name == endpoint.provider


async def test_both_are_kept_and_asked_for_again_by_force_or_when_old(start_host: Any, tmp_path: Path) -> None:
    server = ScriptedServer(gets=LISTS)

    def asked(path: str) -> int:
        return sum(seen.path == f"/api/v1{path}" for seen in server.seen)

    async with server as url:
        host = await start_host(url, catalogue=False, root=tmp_path)

        async def load(force: bool = False) -> tuple[int, int]:
            """How often each was asked for until now."""
            over = len(done(host))
            host.worker.submit(LoadEndpoints(model=MODEL, force=force))
            await host.until(lambda: len(done(host)) > over and host.state.provider_facts)
            await host.rows("SELECT 1")  # what came is kept by now
            return asked("/models/some/model/endpoints"), asked("/providers")

        assert await load() == (1, 1)
        assert await load() == (1, 1)
        assert await load(force=True) == (2, 1)
        await host.rows("UPDATE endpoints_reply SET fetched_at = fetched_at - 301")
        assert await load() == (3, 1)


def done(host: Any) -> list[Any]:
    return [job for job in host.jobs(f"endpoints:{MODEL.raw}") if job.state.is_over]


async def test_endpoints_are_there_without_the_companies(start_host: Any) -> None:
    server = ScriptedServer(gets={"/models/some/model/endpoints": ENDPOINTS, "/providers": http(200, "no list")})
    async with server as url:
        host = await start_host(url, catalogue=False)
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: len(server.seen) == 2 and done(host))
        assert host.state.endpoints["some/model"].endpoints
        assert host.state.endpoints["some/model"].failure is None
        assert not host.saw("ProvidersListed")
        assert not host.notices()


async def test_a_failure_keeps_the_old_list(start_host: Any) -> None:
    server = ScriptedServer(gets=dict(LISTS))
    async with server as url:
        host = await start_host(url, catalogue=False)
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: done(host))
        server.gets["/models/some/model/endpoints"] = http(404, {"error": {"code": 404, "message": "gone"}})
        host.worker.submit(LoadEndpoints(model=MODEL, force=True))
        await host.until(lambda: host.state.endpoints["some/model"].failure)
        assert host.state.endpoints["some/model"].endpoints


async def test_slow_companies_hold_back_no_second_look(start_host: Any) -> None:
    server = ScriptedServer(gets=dict(LISTS))
    server.gets["/providers"] = silent  # type: ignore[assignment]
    async with server as url:
        host = await start_host(url, catalogue=False)
        for times in (1, 2, 3):
            host.worker.submit(LoadEndpoints(model=MODEL, force=True))
            await host.until(lambda times=times: len(done(host)) == times)
        assert sum(seen.path == "/api/v1/providers" for seen in server.seen) == 1


@pytest.mark.parametrize(
    ("routing", "sent"), [(None, True), ('{"only": ["cheap"]}', True), ('{"order": ["dear"]}', False)]
)
async def test_a_budget_goes_by_the_price_of_the_providers_that_are_asked_for(
    start_host: Any, routing: str | None, sent: bool
) -> None:
    """Ten cents a request: the listed price and the cheap provider stay below, the dear one does not."""
    price = {"cheap": "0.000001", "dear": "0.01"}
    offers = [
        {"provider_name": tag, "tag": tag, "pricing": {"prompt": usd, "completion": usd}} for tag, usd in price.items()
    ]
    row = {"id": MODEL.raw, "pricing": {"prompt": "0.000001", "completion": "0.000001"}}
    gets = {
        "/models": http(200, {"data": [row]}),
        "/models/some/model/endpoints": http(200, {"data": {"endpoints": offers}}),
    }
    server = ScriptedServer(stream(chunk("Fine."), chunk(finish="stop", usage={"cost": 0.0001})), gets=gets)
    async with server as url:
        host = await start_host(url, budget=Budget(request=Decimal("0.10"), action="block"))
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: done(host))
        await host.rows("SELECT 1")
        ended = await host.reply(host.ask(MODEL.raw, parameters=ChatParameters(max_tokens=20, provider=routing)))
        assert bool(server.posts) is sent
        assert (ended.state is MessageState.DONE) is sent
        if sent:
            assert server.posts[0].json.get("provider") == (json.loads(routing) if routing else None)


def test_rows_of_providers_that_are_half_there() -> None:
    rows = [
        {"name": "A\x1b[31m", "slug": "a", "privacy_policy_url": "", "datacenters": ["US", 3, "D\nE"]},
        {"name": None, "slug": "b", "datacenters": None},
        {"name": "no slug"},
        7,
    ]
    first, second = decode_providers(json.dumps({"data": rows}).encode())
    assert first.name == "A␛[31m"
    assert first.privacy_policy_url is None
    assert first.datacenters == ("US", "D E")
    assert (second.name, second.datacenters) == ("", None)
    assert decode_providers(b"\xff") == decode_providers(b'{"data": 3}') == ()
