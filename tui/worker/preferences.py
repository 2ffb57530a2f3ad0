"""What was remembered from one start to the next: choices, favourites, and the models used last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.core.commands import Remember, SetFavourite
from tui.core.events import PreferencesRead
from tui.database import settings_store

if TYPE_CHECKING:
    from tui.worker.context import WorkerContext


async def read_preferences(context: WorkerContext) -> None:
    """Publish all of it; favourites and recents are those of the provider's origin."""
    run, origin = context.database.run, context.origin
    values = await run(settings_store.all_remembered)
    favourites = await run(settings_store.favourites, origin)
    recents = await run(settings_store.recents, origin)
    context.publish(
        PreferencesRead(
            values=values,
            favourites=frozenset(model.raw for model in favourites),
            recents=tuple(model.raw for model in recents),
        )
    )


async def write_preference(context: WorkerContext, command: Remember | SetFavourite) -> None:
    """Keep one, and publish them all again."""
    run = context.database.run
    match command:
        case Remember(name=name, value=value):
            await run(settings_store.remember, name, value)
        case SetFavourite(model=model, favourite=favourite):
            await run(settings_store.set_favourite, context.origin, model, favourite)
    await read_preferences(context)
