"""The catalogue as it was last seen: what a start shows before the server has answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui.core.events import CatalogueLoaded, Connection, ConnectionChanged
from tui.database import catalogue as catalogue_table

if TYPE_CHECKING:
    from tui.openrouter.catalogue import CatalogueReply
    from tui.worker.context import WorkerContext


async def load_snapshot(context: WorkerContext) -> None:
    """Show the catalogue as it was last seen, if it ever was."""
    models = await context.database.run(catalogue_table.last_snapshot, context.origin, "models")
    if models is None:
        return
    embeddings = await context.database.run(catalogue_table.last_snapshot, context.origin, "embeddings")
    reply = await decode_lists(models.body, embeddings.body if embeddings else None)
    show_catalogue(context, reply, models.fetched_at, from_network=False)
    context.publish(ConnectionChanged(Connection.CACHED))


def show_catalogue(context: WorkerContext, reply: CatalogueReply, fetched_at: float, *, from_network: bool) -> None:
    """From now on these are the models."""
    context.models = {model.id.raw: model for model in reply.models}
    context.publish(
        CatalogueLoaded(
            models=reply.models,
            fetched_at=fetched_at,
            from_network=from_network,
            mended=reply.mended,
            unreadable=reply.unreadable,
        )
    )


async def decode_lists(models_body: bytes, embeddings_body: bytes | None) -> CatalogueReply:
    """Both lists as one catalogue; some hundred models take ten milliseconds and more, so a thread does it."""
    return await asyncio.to_thread(_decode, models_body, embeddings_body)


def _decode(models_body: bytes, embeddings_body: bytes | None) -> CatalogueReply:
    from tui.openrouter.decode_catalogue import decode_models  # in the thread, too

    return decode_models(models_body, embeddings_body)
