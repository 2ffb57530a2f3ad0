"""The endpoints of a model in the order of one of their figures; what is unknown comes last."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from tui.core.prices import price_at
from tui.openrouter.catalogue import Endpoint, Percentiles, Pricing

Figure: TypeAlias = Decimal | float | str | None

DOWN_FIRST: Final = frozenset(
    {"ctx", "max", "caching", "off", "up5m", "up30m", "up1d", "speed50", "speed75", "speed90", "speed99"}
)
"""Where the most is what one looks for."""


def prices_now(endpoint: Endpoint, now: float) -> Pricing:
    """What holds at that time (Unix seconds) for a short prompt: time windows are in, long prompts are not."""
    return price_at(endpoint.pricing, 0, now)


def figure(endpoint: Endpoint, kind: str, now: float) -> Figure:
    """The figure of a column: USD per token, tokens, per cent, ms, tokens a second, or text; None = unknown."""
    match kind:
        case "provider":
            return f"{endpoint.provider} {endpoint.tag.shown()}".casefold()
        case "in":
            return prices_now(endpoint, now).prompt
        case "out":
            return prices_now(endpoint, now).completion
        case "cache":
            return prices_now(endpoint, now).input_cache_read
        case "off":
            return endpoint.pricing.discount
        case "ctx":
            return endpoint.context_length
        case "max":
            return endpoint.max_completion_tokens
        case "up5m":
            return endpoint.uptime_5m
        case "up30m":
            return endpoint.uptime_30m
        case "up1d":
            return endpoint.uptime_1d
        case "quant":
            return None if endpoint.quantization in (None, "", "unknown") else endpoint.quantization
        case "caching":
            return None if endpoint.supports_implicit_caching is None else float(endpoint.supports_implicit_caching)
        case "status":
            # 0 is normal and the more negative the worse: the normal ones come first.
            return None if endpoint.status is None else float(-endpoint.status)
        case _:
            return _percentile(endpoint, kind)


def _percentile(endpoint: Endpoint, kind: str) -> float | None:
    name, rank = kind[:-2], kind[-2:]
    percentiles: Percentiles | None = {"latency": endpoint.latency_ms, "speed": endpoint.throughput}.get(name)
    if percentiles is None:
        return None
    return {"50": percentiles.p50, "75": percentiles.p75, "90": percentiles.p90, "99": percentiles.p99}.get(rank)


def ordered(endpoints: Sequence[Endpoint], kind: str | None, *, descending: bool, now: float) -> tuple[int, ...]:
    """The places of the endpoints in the order of that column; None = as the server lists them."""
    places = range(len(endpoints))
    if kind is None:
        return tuple(reversed(places)) if descending else tuple(places)
    figures = [figure(endpoint, kind, now) for endpoint in endpoints]
    known = [place for place in places if figures[place] is not None]
    known.sort(key=lambda place: figures[place], reverse=descending)  # type: ignore[arg-type,return-value]
    return (*known, *(place for place in places if figures[place] is None))


def routing_sort(kind: str | None) -> str | None:
    """The `provider.sort` that goes by the same figure; None where there is none."""
    if kind in ("in", "out"):
        return "price"
    if kind is not None and kind.startswith("latency"):
        return "latency"
    return "throughput" if kind is not None and kind.startswith("speed") else None
