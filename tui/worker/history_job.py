"""What the requests of the last days would have cost on other models."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tui.core.conversation import Failure
from tui.core.events import HistoryRepriced
from tui.core.ledger import RequestKind
from tui.core.repricing import History, distinctions, reprice, typical_workload
from tui.database.history import history_part, last_days
from tui.database.thread import StorageFailed
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.core.commands import RepriceHistory
    from tui.core.repricing import Distinctions
    from tui.worker.context import WorkerContext


async def reprice_history(context: WorkerContext, command: RepriceHistory) -> None:
    """Sum the ledger by what these models' prices tell apart, and publish what the sums come to on each."""
    known = [model for model_id in command.models if (model := context.model(model_id)) is not None]
    models = [replace(model, pricing=context.pricing(model.id)) for model in known]
    try:
        history = await _history(context, command.days, distinctions(model.pricing for model in models))
    except StorageFailed as error:
        failure = Failure(
            kind=ErrorKind.INTERNAL.value, message=error.message, advice=Clean("`ortui doctor` says more.")
        )
        context.publish(HistoryRepriced(models=command.models, days=command.days, failure=failure))
        return
    context.publish(
        HistoryRepriced(
            models=command.models,
            days=command.days,
            rows=reprice(models, history),
            chat=typical_workload(history, RequestKind.CHAT, command.days),
            embedding=typical_workload(history, RequestKind.EMBEDDING, command.days),
        )
    )


async def _history(context: WorkerContext, days: int, apart: Distinctions) -> History:
    """In parts, so that requests are written down between them."""
    since, until = last_days(time.time(), days)
    whole = History(apart=apart)
    after: int | None = 0
    while after is not None:
        part, after = await context.database.run(history_part, context.origin, since, until, apart, after)
        whole = whole.plus(part)
    return whole
