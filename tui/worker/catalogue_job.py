"""Loads the model lists and the providers of a model from the server."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from tui.core.events import (
    CatalogueFailed,
    ChangesRead,
    Connection,
    ConnectionChanged,
    EndpointsFailed,
    EndpointsLoaded,
    JobState,
    ProvidersListed,
)
from tui.database import catalogue as catalogue_table
from tui.database.thread import StorageFailed
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean
from tui.worker.context import failure_of
from tui.worker.kept_catalogue import decode_lists, show_catalogue
from tui.worker.retry import repeat_get

if TYPE_CHECKING:
    from tui.openrouter.catalogue import Endpoint
    from tui.openrouter.text import Opaque
    from tui.worker.context import WorkerContext

_ENDPOINTS_KEPT_S: Final = 300.0
_PROVIDERS_KEPT_S: Final = 86_400.0


async def refresh_catalogue(context: WorkerContext) -> None:
    """Load the lists from the server; a failure keeps what is shown."""
    context.job("catalogue", "catalogue", JobState.SENT, reason=Clean("loading the model list"))
    state = JobState.FAILED
    try:
        client = await context.connection.client()
        key = await context.keys.first()
        lists = await repeat_get(lambda: client.models(key.secret if key else None))
        context.note_server_date(lists.server_date)
        reply = await decode_lists(lists.models_body, lists.embeddings_body)
        if not reply.models:
            raise ApiError(
                ErrorKind.UNREADABLE,
                Clean("The server's model list could not be read."),
                advice=Clean("Press r to try again."),
            )
        now = time.time()
        show_catalogue(context, reply, now, from_network=True)
        context.publish(ConnectionChanged(Connection.LIVE))
        state = JobState.DONE
        try:
            await context.database.run(
                catalogue_table.save_lists,
                context.origin,
                lists.models_body,
                lists.embeddings_body,
                now,
                context.process_id,
                reply.models,
            )
            if context.changes_read:
                await _tell_changes(context)
        except StorageFailed as error:
            context.warn(Clean(f"The model list was not kept for the next start: {error.message}"))
    except ApiError as error:
        context.publish(CatalogueFailed(failure_of(error)))
        context.publish(ConnectionChanged(Connection.CACHED if error.status else Connection.DOWN))
    finally:
        context.job("catalogue", "catalogue", state)


async def load_changes(context: WorkerContext, *, visit: bool) -> None:
    """Say what has changed, and from now on after every refresh too; a `visit` is what the next one is told from."""
    from tui.database import catalogue_history  # not for the first screen

    run, origin = context.database.run, context.origin
    if visit:
        begin = catalogue_history.begin_visit
        context.visited_at = await run(begin, origin, context.process_id, time.time())
    else:
        run_folder = None if context.database.in_memory else context.settings.folders.run
        context.visited_at = await run(catalogue_history.current_visit, origin, run_folder)
    context.changes_read = True
    await _tell_changes(context)


async def _tell_changes(context: WorkerContext) -> None:
    from tui.database import catalogue_history

    read = catalogue_history.read_changes
    changes = await context.database.run(read, context.origin, context.visited_at, time.time())
    context.publish(ChangesRead(changes))


async def load_endpoints(context: WorkerContext, model: Opaque, *, force: bool) -> None:
    """Load the providers of a model; what is some minutes old is not asked for again unless forced."""
    job_id = f"endpoints:{model.raw}"
    context.job(job_id, "endpoints", JobState.SENT, reason=Clean("loading the providers"))
    state = JobState.FAILED
    try:
        await _show_endpoints(context, model, force=force)
        state = JobState.DONE
    except ApiError as error:
        context.publish(EndpointsFailed(model, failure_of(error)))
    finally:
        context.job(job_id, "endpoints", state)


async def _show_endpoints(context: WorkerContext, model: Opaque, *, force: bool) -> None:
    from tui.openrouter.decode_catalogue import decode_endpoints

    kept = await _kept_endpoints(context, model)
    if kept is not None:
        endpoints = await asyncio.to_thread(decode_endpoints, kept.body)
        context.publish(EndpointsLoaded(model=model, endpoints=endpoints, fetched_at=kept.fetched_at))
        if not force and time.time() - kept.fetched_at < _ENDPOINTS_KEPT_S:
            return
    client = await context.connection.client()
    key = await context.keys.first()
    body = await repeat_get(lambda: client.endpoints(model, key.secret if key else None))
    endpoints = await asyncio.to_thread(decode_endpoints, body)
    now = time.time()
    context.publish(EndpointsLoaded(model=model, endpoints=endpoints, fetched_at=now))
    try:
        await context.database.run(catalogue_table.save_endpoints, context.origin, model, body, now)
    except StorageFailed as error:
        context.warn(Clean(f"The providers were not kept: {error.message}"))


async def known_endpoints(context: WorkerContext, model: Opaque) -> tuple[Endpoint, ...]:
    """The endpoints of a model as they were last seen, also for an id with a dynamic variant; empty = never."""
    from tui.openrouter.decode_catalogue import decode_endpoints

    known = context.model(model)
    kept = await _kept_endpoints(context, known.id if known is not None else model)
    return () if kept is None else await asyncio.to_thread(decode_endpoints, kept.body)


async def list_providers(context: WorkerContext) -> None:
    """Tell what is known of the companies behind the endpoints; a day old is good enough, and missing is no mistake."""
    from tui.openrouter.decode_providers import decode_providers

    if context.settings.provider.type != "openrouter":
        return
    kind: Final = "providers"
    try:
        kept = await context.database.run(catalogue_table.last_snapshot, context.origin, kind)
    except StorageFailed:
        kept = None
    if kept is not None:
        context.publish(ProvidersListed(decode_providers(kept.body)))
        if time.time() - kept.fetched_at < _PROVIDERS_KEPT_S:
            return
    try:
        client = await context.connection.client()
        body = await client.providers()
        if providers := decode_providers(body):
            context.publish(ProvidersListed(providers))
            await context.database.run(catalogue_table.save_snapshot, context.origin, kind, body, time.time())
    except (ApiError, StorageFailed):
        return  # the endpoints are there; what is not known of their providers is shown as such


async def _kept_endpoints(context: WorkerContext, model: Opaque) -> catalogue_table.EndpointsReply | None:
    try:
        return await context.database.run(catalogue_table.endpoints, context.origin, model)
    except StorageFailed:
        return None
