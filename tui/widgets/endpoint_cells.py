"""What is said of an endpoint: the cells of its row, and every figure as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from tui.core.endpoint_order import prices_now
from tui.core.formats import UNKNOWN, count, length
from tui.core.prices import is_per_token
from tui.core.routing import SERVICE_TIERS
from tui.openrouter.catalogue import Endpoint, Model, Percentiles, ProviderFacts
from tui.openrouter.text import Clean
from tui.widgets.fact_lines import condition_parts, discount_words, fact, price_parts, price_words, unit_words
from tui.widgets.line_view import Line
from tui.widgets.model_columns import Column, fit

_LABEL: Final = 15

COLUMNS: Final[tuple[Column[str], ...]] = (
    Column("provider", "Provider", 18, 0, grow=30, right=False),
    Column("in", "In $/M", 8, 1, tail=2),
    Column("out", "Out $/M", 8, 2, tail=2),
    Column("cache", "Cache $/M", 9, 9, tail=1),
    Column("off", "Off", 4, 12),
    Column("ctx", "Ctx", 5, 6),
    Column("max", "Max out", 7, 10),
    Column("quant", "Quant", 6, 8, right=False),
    Column("up5m", "Up 5m", 5, 13),
    Column("up30m", "Up 30m", 6, 5),
    Column("up1d", "Up 1d", 5, 11),
    Column("latency50", "p50 s", 5, 4),
    Column("latency75", "p75 s", 5, 16),
    Column("latency90", "p90 s", 5, 15),
    Column("latency99", "p99 s", 5, 14),
    Column("speed50", "tok/s", 5, 3),
    Column("speed75", "p75 t/s", 7, 19),
    Column("speed90", "p90 t/s", 7, 18),
    Column("speed99", "p99 t/s", 7, 17),
    Column("caching", "Caches", 6, 20, right=False),
    Column("data", "Data policy", 12, 21, grow=40, right=False),
    Column("status", "Status", 8, 7, right=False),
)
COLUMN_MEANS: Final = {
    "provider": "provider",
    "in": "input price",
    "out": "output price",
    "cache": "cache price",
    "off": "listed discount",
    "ctx": "context",
    "max": "longest output",
    "quant": "quantization",
    "up5m": "uptime, 5 min",
    "up30m": "uptime, 30 min",
    "up1d": "uptime, 1 day",
    "caching": "caching",
    "status": "status",
} | {
    f"{kind}{rank}": f"{words} p{rank}"
    for kind, words in (("latency", "latency"), ("speed", "throughput"))
    for rank in (50, 75, 90, 99)
}


def endpoint_name(endpoint: Endpoint) -> str:
    """The provider, with what its tag adds to tell tiers and regions of one provider apart."""
    _, slash, variant = endpoint.tag.shown().partition("/")
    return f"{endpoint.provider} {variant}" if slash else endpoint.provider


def head_text(column: Column[str], model: Model) -> str:
    """The head of a column; prices for units of the model's own are not per million."""
    return column.head if is_per_token(model) else column.head.replace(" $/M", " $")


def cell(kind: str, model: Model, endpoint: Endpoint, facts: ProviderFacts | None, now: float) -> tuple[str, bool]:
    """A cell's text and whether it is secondary; a price with conditions carries a `*`."""
    match kind:
        case "provider":
            return endpoint_name(endpoint), False
        case "in" | "out" | "cache":
            text = _price(kind, model, endpoint, now)
        case "off":
            discount = endpoint.pricing.discount
            text = UNKNOWN if discount is None else f"{discount:.0%}"
            return text, not discount
        case "ctx":
            text = length(endpoint.context_length)
        case "max":
            text = length(endpoint.max_completion_tokens)
        case "quant":
            text = quantization(endpoint)
        case "up5m":
            text = _per_cent(endpoint.uptime_5m)
        case "up30m":
            text = _per_cent(endpoint.uptime_30m)
        case "up1d":
            text = _per_cent(endpoint.uptime_1d)
        case "caching":
            text = _caching(endpoint)
        case "data":
            return policy_words(facts), True
        case "status":
            text = status_words(endpoint.status)
            return text, text in (UNKNOWN, "normal")
        case _ if kind.startswith("latency"):
            text = latency_text(_rank(endpoint.latency_ms, kind))
        case _:
            text = speed_text(_rank(endpoint.throughput, kind))
    return text, text == UNKNOWN


def is_demoted(endpoint: Endpoint) -> bool:
    """Whether it is used only when nothing better is left."""
    return endpoint.status is not None and endpoint.status < 0


def status_words(status: int | None) -> str:
    """What the numbers mean is documented nowhere: 0 is normal, below it is demoted, and the lower the worse."""
    return str(UNKNOWN) if status is None else "demoted" if status < 0 else "normal"


def quantization(endpoint: Endpoint) -> str:
    """The format of the weights; `unknown` is what it says."""
    return str(UNKNOWN) if endpoint.quantization in (None, "", "unknown") else str(endpoint.quantization)


def latency_text(ms: float | None) -> str:
    """Seconds."""
    return str(UNKNOWN) if ms is None else f"{ms / 1000:.2f}" if ms < 99_950 else f"{ms / 1000:.0f}"


def speed_text(per_s: float | None) -> str:
    """Tokens a second."""
    return str(UNKNOWN) if per_s is None else f"{per_s:.1f}" if per_s < 9.95 else f"{per_s:.0f}"


def policy_words(facts: ProviderFacts | None) -> str:
    """Where the company sits and whether it links a privacy policy: that is all that is listed of what it does."""
    if facts is None:
        return str(UNKNOWN)
    parts = [str(facts.headquarters)] if facts.headquarters else []
    if facts.privacy_policy_url:
        parts.append("policy linked")
    return ", ".join(parts) or str(UNKNOWN)


def facts_of(endpoint: Endpoint, known: dict[str, ProviderFacts]) -> ProviderFacts | None:
    """What is known of the company: by the slug that the tag begins with."""
    return known.get(endpoint.tag.raw.partition("/")[0])


def endpoint_lines(
    model: Model, endpoint: Endpoint, facts: ProviderFacts | None, width: int, now: float
) -> Iterator[Line]:
    """Every figure of one endpoint."""
    priced = replace(model, pricing=endpoint.pricing)
    tag = endpoint.tag.shown() or Clean("no tag: cannot be routed to")
    title = f"{endpoint.provider} · {tag}"
    yield [("title", fit(title, width).rstrip())]
    parts = [f"{label} {value}" for label, value in price_parts(priced, endpoint.pricing)]
    unit = "" if is_per_token(model) else f" ({unit_words(model)})"
    yield from fact("price $/M" if not unit else "price", " · ".join(parts) + unit, width, label_width=_LABEL)
    for condition, prices in condition_parts(priced, endpoint.pricing, now):
        yield from fact("* if", f"{condition}: {prices}", width, label_width=_LABEL)
    if words := discount_words(endpoint.pricing):
        yield from fact("discount", words, width, label_width=_LABEL)
    first = _percentiles(endpoint.latency_ms, latency_text)
    yield from fact("first token s", first, width, label_width=_LABEL)
    yield from fact("tokens/s", _percentiles(endpoint.throughput, speed_text), width, label_width=_LABEL)
    uptime = f"5 min {_per_cent(endpoint.uptime_5m)} · 30 min {_per_cent(endpoint.uptime_30m)}"
    yield from fact("uptime %", f"{uptime} · 1 day {_per_cent(endpoint.uptime_1d)}", width, label_width=_LABEL)
    limits = (
        f"context {count(endpoint.context_length)} · output {count(endpoint.max_completion_tokens)}"
        f" · prompt {count(endpoint.max_prompt_tokens)} tokens"
    )
    yield from fact("limits", limits, width, label_width=_LABEL)
    tier = endpoint.tag.raw.rpartition("/")[2]
    status = status_words(endpoint.status) + (f" ({endpoint.status})" if is_demoted(endpoint) else "")
    state = f"{status} · quantization {quantization(endpoint)} · caches {_caching(endpoint)}"
    yield from fact("status", state, width, "warning" if is_demoted(endpoint) else "plain", label_width=_LABEL)
    if tier in SERVICE_TIERS:
        yield from fact("tier", f"{tier}, used only when it is asked for", width, label_width=_LABEL)
    yield from fact("data policy", _policy(facts), width, label_width=_LABEL)
    yield from fact("parameters", " ".join(sorted(endpoint.supported_parameters)) or "–", width, label_width=_LABEL)


def _policy(facts: ProviderFacts | None) -> str:
    if facts is None:
        return str(UNKNOWN)
    places = None if facts.datacenters is None else " ".join(facts.datacenters) or None
    return (
        f"{facts.privacy_policy_url or UNKNOWN} · company in {facts.headquarters or UNKNOWN}"
        f" · data centers {places or UNKNOWN}"
    )


def _price(kind: str, model: Model, endpoint: Endpoint, now: float) -> str:
    pricing = prices_now(endpoint, now)
    price = {"in": pricing.prompt, "out": pricing.completion}.get(kind, pricing.input_cache_read)
    if kind == "cache" and price is None:
        return str(UNKNOWN)
    # The head of the column says the unit.
    text = price_words(replace(model, pricing=endpoint.pricing), price).removeprefix("$")
    name = {"in": "prompt", "out": "completion"}.get(kind, "input_cache_read")
    special = any(getattr(override, name) is not None for override in endpoint.pricing.overrides)
    return f"{text}*" if special else text


def _per_cent(value: float | None) -> str:
    """Two digits matter near 100, where 99.95 and 99.5 are ten times apart; 100 only where it is so."""
    if value is None:
        return str(UNKNOWN)
    text = f"{value:.2f}" if value < 99.995 else "100"
    return "99.99" if text == "100" and value < 100 else text


def _caching(endpoint: Endpoint) -> str:
    """Whether it caches prompts without being asked."""
    known = endpoint.supports_implicit_caching
    return str(UNKNOWN) if known is None else "itself" if known else "no"


def _rank(percentiles: Percentiles | None, kind: str) -> float | None:
    if percentiles is None:
        return None
    return {"50": percentiles.p50, "75": percentiles.p75, "90": percentiles.p90, "99": percentiles.p99}[kind[-2:]]


def _percentiles(percentiles: Percentiles | None, text: Callable[[float | None], str]) -> str:
    return " · ".join(f"p{rank} {text(_rank(percentiles, str(rank)))}" for rank in (50, 75, 90, 99))
