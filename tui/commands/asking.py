"""What `ask` and `embed` share: the model, the budget of a command that nobody sits at, and the catalogue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from tui.commands.common_options import CommandError
from tui.commands.output import complain, complain_of, is_interactive
from tui.core.default_model import default_model, is_missing
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, Opaque
from tui.worker.ask_job import ALLOW_AGAIN

if TYPE_CHECKING:
    from tui.commands.running import WorkerRun
    from tui.config import Settings
    from tui.core.conversation import Failure


def budgeted(settings: Settings, *, yes: bool) -> Settings:
    """Without a terminal nobody can be asked: a budget that asks blocks there, unless the user has said yes."""
    if settings.budget.action != "ask" or yes or is_interactive():
        return settings
    return msgspec.structs.replace(settings, budget=msgspec.structs.replace(settings.budget, action="block"))


def yes_helps(settings: Settings, failure: Failure, *, yes: bool) -> Failure:
    """The failure as a command says it: where a budget asks (by the settings as they were read), `--yes` answers."""
    if failure.kind != ErrorKind.OWN_BUDGET.value or yes:
        return failure
    if failure.advice == ALLOW_AGAIN:
        return replace(failure, advice=Clean("`--yes` allows it."))
    if settings.budget.action == "ask":
        return replace(failure, advice=Clean(f"{failure.advice} `--yes` allows it all the same."))
    return failure


async def know_prices(worker: WorkerRun) -> None:
    """Load the catalogue where it was never loaded: estimates and budgets go by its prices."""
    if worker.state.catalogue_fetched_at is None:
        failure = await worker.load_catalogue()
        if failure is not None and sys.stderr.isatty():
            complain_of(failure)


def chat_model(worker: WorkerRun, named: str | None) -> Opaque:
    """The model that was named, else the entry's, else the last used, else a built-in one; raises `CommandError`."""
    if named is not None:
        return Opaque(named)
    models = {model.id.raw: model for model in worker.state.models}
    configured = worker.settings.provider.model
    last_used = next((raw for raw in worker.state.recents if not _is_embedding(worker, raw)), None)
    model = default_model(configured, last_used, models)
    if model is None:
        raise CommandError("No model is known yet: name one with -m, or set `model` in the configuration.")
    if configured is not None and is_missing(model, models):
        complain(f"The catalogue does not list {model.shown()}, the model of the configuration.")
    return model


def _is_embedding(worker: WorkerRun, raw: str) -> bool:
    return any(model.id.raw == raw and model.is_embedding for model in worker.state.models)
