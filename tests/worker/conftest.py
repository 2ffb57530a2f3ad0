"""Workers that end with their test, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from worker_host import Host, make_settings

StartHost = Callable[..., Awaitable[Host]]


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """Workers write a log."""


@pytest.fixture
async def start_host(tmp_path: Path, demo_server: str, fresh_key: Callable[..., str]) -> AsyncIterator[StartHost]:
    """Start workers: `await start_host()` talks to the embedded server with a key of its own."""
    hosts: list[Host] = []

    async def start(
        base_url: str | None = None,
        *keys: str,
        catalogue: bool = True,
        root: Path | None = None,
        host: dict[str, Any] | None = None,
        keyless: bool = False,
        **changes: Any,
    ) -> Host:
        chosen = () if keyless else keys or (fresh_key(),)
        settings = make_settings(root or tmp_path, base_url or demo_server, *chosen, **changes)
        hosts.append(Host(settings, **(host or {})))
        return await hosts[-1].start(catalogue=catalogue)

    before = asyncio.all_tasks()
    yield start
    for one in hosts:
        await one.close()
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not left, f"still running: {left}"
