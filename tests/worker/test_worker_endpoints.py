"""The endpoints of a model and the companies behind them, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from worker_host import ScriptedServer, http

from tui.core.commands import LoadEndpoints
from tui.openrouter.decode_providers import decode_providers
from tui.openrouter.text import Opaque

MODEL = Opaque("some/model")
ENDPOINTS = http(200, {"data": {"endpoints": [{"provider_name": "Acme", "tag": "acme/fp8"}]}})
PROVIDERS = http(200, {"data": [{"name": "Acme", "slug": "acme", "headquarters": "IS"}]})
LISTS = {"/models/some/model/endpoints": ENDPOINTS, "/providers": PROVIDERS}


def asked(server: ScriptedServer) -> list[str]:
    return [seen.path.removeprefix("/api/v1") for seen in server.seen]


async def test_who_is_behind_the_endpoints_is_known_with_them(start_host: Any) -> None:
    host = await start_host()
    host.worker.submit(LoadEndpoints(model=Opaque("anthropic/claude-3-haiku")))
    await host.until(lambda: host.state.provider_facts)
    endpoints = host.state.endpoints["anthropic/claude-3-haiku"].endpoints
    for endpoint in endpoints:
        assert host.state.provider_facts[endpoint.tag.raw.partition("/")[0]].name == endpoint.provider


async def test_both_are_kept_and_asked_for_again_by_force_or_when_old(start_host: Any, tmp_path: Path) -> None:
    server = ScriptedServer(gets=LISTS)
    async with server as url:
        host = await start_host(url, catalogue=False, root=tmp_path)
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: host.state.provider_facts and not host.worker.busy)
        assert asked(server) == ["/models/some/model/endpoints", "/providers"]
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: len(host.saw("ProvidersListed")) == 2)
        assert len(asked(server)) == 2
        host.worker.submit(LoadEndpoints(model=MODEL, force=True))
        await host.until(lambda: len(host.saw("ProvidersListed")) == 3)
        assert asked(server)[2:] == ["/models/some/model/endpoints"]
        await host.rows("UPDATE endpoints_reply SET fetched_at = fetched_at - 301")
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: len(host.saw("ProvidersListed")) == 4)
        assert asked(server)[3:] == ["/models/some/model/endpoints"]


async def test_endpoints_are_there_without_the_companies(start_host: Any) -> None:
    server = ScriptedServer(gets={"/models/some/model/endpoints": ENDPOINTS, "/providers": http(200, "no list")})
    async with server as url:
        host = await start_host(url, catalogue=False)
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: len(server.seen) == 2 and not host.worker.busy)
        assert host.state.endpoints["some/model"].endpoints
        assert host.state.endpoints["some/model"].failure is None
        assert not host.saw("ProvidersListed")
        assert not host.notices()


async def test_a_failure_keeps_the_old_list(start_host: Any) -> None:
    server = ScriptedServer(gets=dict(LISTS))
    async with server as url:
        host = await start_host(url, catalogue=False)
        host.worker.submit(LoadEndpoints(model=MODEL))
        await host.until(lambda: host.state.provider_facts and not host.worker.busy)
        server.gets["/models/some/model/endpoints"] = http(404, {"error": {"code": 404, "message": "gone"}})
        host.worker.submit(LoadEndpoints(model=MODEL, force=True))
        await host.until(lambda: host.state.endpoints["some/model"].failure)
        assert host.state.endpoints["some/model"].endpoints


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
