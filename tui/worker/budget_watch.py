"""Stops a reply while it runs when what was spent has passed a budget that blocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tui.core.billing_on_stop import stop_note
from tui.core.conversation import Failure
from tui.core.formats import money
from tui.database import running
from tui.database.thread import StorageFailed
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.core.ledger import OverBudget
    from tui.worker.context import WorkerContext
    from tui.worker.reply import GrowingReply

_EVERY_S: Final = 0.5


class BudgetWatch:
    """Of one request; asleep where no budget blocks."""

    def __init__(self, context: WorkerContext, request_id: str) -> None:
        budget = context.settings.budget
        self._limits = {
            "session": budget.session,
            "day": budget.day,
            "month": budget.month,
            "request": budget.request,
        }
        self._blocks = budget.action == "block" and any(limit is not None for limit in self._limits.values())
        self._context = context
        self._request_id = request_id
        self._looked_at = 0.0

    async def passed(self, reply: GrowingReply) -> OverBudget | None:
        """The budget that has been passed; looks every half second, because all processes count."""
        now = time.monotonic()
        if not self._blocks or now - self._looked_at < _EVERY_S:
            return None
        self._looked_at = now
        so_far = reply.estimated_usd()
        if so_far is None:
            return None
        context = self._context
        try:
            return await context.database.run(
                running.crossed,
                self._request_id,
                so_far,
                origin=context.origin,
                process=context.process_id,
                limits=self._limits,  # type: ignore[arg-type]
                now=context.server_now(),
            )
        except StorageFailed:
            return None  # busy or full: what was reserved before sending holds the budget meanwhile


def stop_failure(over: OverBudget, provider: Clean | None, *, streamed: bool) -> Failure:
    """What a reply says that was stopped by a budget, and whether its provider goes on billing."""
    return Failure(
        kind=ErrorKind.OWN_BUDGET.value,
        message=Clean(
            f"Stopped: {money(over.spent_usd)} was spent of the {over.budget} budget of {money(over.limit_usd)}; "
            f"{stop_note(provider, streamed=streamed)}."
        ),
        advice=Clean("Raise the budget to continue it."),
    )
