"""What a model's own past says of the next request, for the quote on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.core.events import EstimateRead
from tui.database import estimates

if TYPE_CHECKING:
    from tui.openrouter.text import Opaque
    from tui.worker.context import WorkerContext


async def load_estimate(context: WorkerContext, model: Opaque) -> None:
    """Publish how long the model's replies are and by how much our count of tokens is off; raises StorageFailed."""
    run = context.database.run
    ratio = await run(estimates.estimator_ratio, context.origin, model)
    lengths = await run(estimates.reply_lengths, context.origin, model)
    context.publish(
        EstimateRead(
            model=model,
            ratio=ratio,
            replies=lengths.replies if lengths else 0,
            median_tokens=lengths.median if lengths else None,
            ninety_percent_tokens=lengths.ninety_percent if lengths else None,
        )
    )
