"""What the terms `new`, `changed` and `fav` and the badges of a row go by, the same on the screen and in commands."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

from tui.core.catalogue_filter import QueryContext
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.core.state import State
    from tui.openrouter.catalogue import Model

WEEK_S: Final = 7 * 86_400.0
MONTH_S: Final = 30 * 86_400.0
GONE_SOON_DAYS: Final = 30


def query_context(state: State, now: float) -> QueryContext:
    """What terms need to know besides the catalogue.

    New is what came into the list, or was added to OpenRouter, since the last visit, and at least in the last 7 days;
    changed is all that moved in that time, what came into the list included.
    """
    kept = state.changes
    lately = None if kept is None else kept.lately
    start = now - WEEK_S if lately is None else min(lately.start, now - WEEK_S)
    new = {model.id.raw for model in state.models if model.created is not None and start < model.created}
    changed: dict[str, Decimal | None] = {}
    if lately is not None and lately.moved:
        from tui.core.catalogue_changes import price_changes  # not before there is something to tell

        new |= {moved.id.raw for moved in lately.moved if moved.before is None and moved.after is not None}
        changed = price_changes(lately.moved)
    return QueryContext(now=now, favourites=state.favourites, new=frozenset(new), changed=changed)


def per_cent_text(per_cent: Decimal) -> Clean:
    """A change of a price: `▲12%`, `▼<1%`, `▲>999%`, `▲paid` where it was free."""
    arrow = "▲" if per_cent > 0 else "▼"
    if not per_cent.is_finite():
        return Clean(f"{arrow}paid")
    size = abs(per_cent)
    if size >= Decimal("999.5"):
        return Clean(f"{arrow}>999%")
    if size < Decimal("0.5"):
        return Clean(f"{arrow}<1%")
    return Clean(f"{arrow}{size.quantize(Decimal(1), ROUND_HALF_EVEN)}%")


def badge(model: Model, context: QueryContext) -> Clean:
    """What must not be overlooked about a model: gone soon, price moved, new."""
    if model.expiration_date is not None:
        days = (model.expiration_date - datetime.fromtimestamp(context.now, UTC).date()).days
        if days < 0:
            return Clean("⌛gone")
        if days <= GONE_SOON_DAYS:
            return Clean(f"⌛{days}d")
    moved = context.changed.get(model.id.raw)
    if moved:
        return per_cent_text(moved)
    return Clean("✦") if model.id.raw in context.new else Clean("")
