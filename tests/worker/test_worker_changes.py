"""What changed in the catalogue, over a server whose list moves each time it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from worker_host import Host

from tui.core.catalogue_changes import ChangeKind, Changes, changes
from tui.core.commands import LoadChanges, RefreshCatalogue
from tui.core.query_context import query_context
from tui.demo.settings import Settings as DemoSettings


@pytest.fixture
def moving_server(start_demo_server: Callable[..., str]) -> str:
    return start_demo_server("--speed", "0", "--moves-every", "0")


async def refresh(host: Host) -> None:
    """Load the list again, until what is to be told about it was told."""
    before, ended = host.state.changes, len(host.jobs("catalogue"))
    host.worker.submit(RefreshCatalogue())
    await host.until(lambda: any(job.state.is_over for job in host.jobs("catalogue")[ended:]))
    if before is not None:
        assert host.state.changes is not before


async def visit(host: Host, *, visit: bool = True) -> Changes:
    count = len(host.saw("ChangesRead"))
    host.worker.submit(LoadChanges(visit=visit))
    await host.until(lambda: len(host.saw("ChangesRead")) > count)
    assert host.state.changes is not None
    return host.state.changes


def kinds(known: Changes | None, span: str) -> set[ChangeKind]:
    return {change.kind for change in changes(getattr(known, span).moved)}


async def test_a_refresh_tells_what_it_changed(start_host: Any, moving_server: str) -> None:
    host = await start_host(moving_server, catalogue=False)
    first = await visit(host)
    assert (first.watched_since, first.visited_at, first.month.moved) == (None, None, ())
    await refresh(host)
    assert host.state.changes.watched_since is not None
    assert kinds(host.state.changes, "month") == set()
    for _ in range(4):
        await refresh(host)
    found = kinds(host.state.changes, "week")
    assert {ChangeKind.NEW, ChangeKind.GONE, ChangeKind.CAME_AND_WENT} <= found
    assert found & {ChangeKind.CHEAPER, ChangeKind.DEARER}
    assert kinds(host.state.changes, "since_visit") == set()
    context = query_context(host.state, host.state.changes.as_of)
    assert context.changed
    assert all(raw in {model.id.raw for model in host.state.models} for raw in context.changed)


async def test_what_a_visit_has_seen_is_no_news_to_the_next(
    start_host: Any, moving_server: str, tmp_path: Path
) -> None:
    one = await start_host(moving_server, catalogue=False)
    await visit(one)
    await refresh(one)
    await refresh(one)
    assert one.state.changes.since_visit.moved == ()
    # A command in between is no visit.
    command = await start_host(moving_server, catalogue=False)
    await refresh(command)
    await one.close()
    two = await start_host(moving_server, catalogue=False)
    known = await visit(two)
    assert kinds(known, "since_visit")
    assert len(known.since_visit.moved) < len(known.month.moved)
    await refresh(two)
    assert len(two.state.changes.since_visit.moved) >= len(known.since_visit.moved)
    # Who only looks is told what the screen shows that runs.
    told = await visit(command, visit=False)
    assert told.visited_at == two.state.changes.visited_at
    assert told.since_visit.moved == two.state.changes.since_visit.moved


async def test_a_worker_that_is_started_anew_goes_on_with_its_visit(start_host: Any, moving_server: str) -> None:
    one = await start_host(moving_server, catalogue=False)
    await visit(one)
    await refresh(one)
    await one.close()
    two = await start_host(moving_server, catalogue=False)
    first = await visit(two)
    await refresh(two)
    again = await visit(two)
    assert again.visited_at == first.visited_at is not None


def test_the_server_moves_by_default() -> None:
    assert DemoSettings().moves_every == 60
