"""Who serves a model: the rows of `/models/{author}/{slug}/endpoints`, and which of them takes a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Final

from tui.demo import families
from tui.demo.errors import unavailable
from tui.demo.faults import provider_of
from tui.demo.settings import Row, Settings

NEGATIVE: Final = (-1, -2, -3, -5, -10)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider's offer of one model."""

    provider: str
    row: Row
    ttft: float
    """Seconds to the first token."""
    rate: float
    """Tokens a second."""
    batch_tokens: int
    """Tokens an event carries."""

    @property
    def billing_stops(self) -> bool:
        """Whether a cancelled stream is billed only for what was produced."""
        return self.provider in families.BILLING_STOPS

    @property
    def tag(self) -> str:
        """The slug by which a request names this endpoint."""
        return str(self.row["tag"])

    def price(self, key: str) -> Decimal:
        """USD per token; 0 where nothing is listed or the price varies."""
        return max(Decimal(0), Decimal(self.row["pricing"].get(key, "0")))


def slug_of(provider: str) -> str:
    """The provider's slug, as in tags."""
    return re.sub(r"[^a-z0-9]+", "-", provider.lower()).strip("-")


def endpoints_of(model: Row, settings: Settings) -> list[Endpoint]:
    """At least two endpoints; the first is the one whose price the catalogue lists."""
    model_id = model["id"]
    if model_id.startswith("openrouter/"):
        return []
    dice = settings.dice("endpoints", model_id)
    author = families.author_of(model_id)
    if author in {"demo", "oddities"}:
        providers = [provider_of(model_id), "Chutes"]
    else:
        homes = families.HOMES.get(author, ())
        closed = author in families.CLOSED and not re.search("gpt-oss|gemma", model_id)
        hosts = [] if closed else [host for host in dice.sample(families.HOSTS, 3) if host not in homes]
        most = 2 if model_id.endswith(":free") else dice.randint(3, 5)
        providers = [*homes, *hosts, *homes[:1]][:most]
        providers += [providers[0]] * max(0, 2 - len(providers))
    rows = [_endpoint(model, provider, rank, dice) for rank, provider in enumerate(providers)]
    _name_regions(rows)
    if author == "openai" and ":" not in model_id and "embedding" not in model_id:
        rows += [
            _tier(rows[0], model, "flex", Decimal("0.5"), dice),
            _tier(rows[0], model, "priority", Decimal(2), dice),
        ]
    if model_id != "demo/plain" and (len(rows) > 3 or model_id == "openai/gpt-4o-mini"):
        last = rows[len(providers) - 1]
        last.row.update(
            status=dice.choice(NEGATIVE), uptime_last_5m=41.7, uptime_last_30m=round(dice.uniform(40, 79), 2)
        )
    return rows


def _endpoint(model: Row, provider: str, rank: int, dice: Random) -> Endpoint:
    size = families.size_class(model["id"])
    rate = dice.uniform(*((90, 200), (45, 100), (20, 50))[size]) * (0.85**rank)
    ttft = dice.uniform(*((0.2, 0.6), (0.35, 1.0), (0.7, 1.5))[size])
    author = families.author_of(model["id"])
    told = author in families.OPEN_WEIGHTS or (rank > 0 and author not in families.CLOSED)
    quantization = dice.choice(("fp8", "bf16", "fp4", "fp16")) if told else None
    factor = Decimal(1) if rank == 0 else dice.choice((Decimal(1), Decimal("1.1"), Decimal("1.25"), Decimal("0.9")))
    context = model["top_provider"].get("context_length") or model["context_length"] or 0
    slug = slug_of(provider)
    row: Row = {
        "name": f"{provider} | {model['canonical_slug']}",
        "model_id": model["canonical_slug"],
        "model_name": model["name"],
        "provider_name": provider,
        "tag": f"{slug}/{quantization}" if quantization and rank else slug,
        "context_length": context if rank < 2 else max(4096, context // 2),
        "max_completion_tokens": model["top_provider"].get("max_completion_tokens"),
        "max_prompt_tokens": None,
        "pricing": {**_scaled(model["pricing"], factor), "discount": 0},
        "quantization": quantization or ("unknown" if dice.random() < 0.5 else None),
        "supported_parameters": model["supported_parameters"],
        "supports_implicit_caching": "input_cache_read" in model["pricing"],
        "status": 0,
        "uptime_last_5m": None if dice.random() < 0.2 else round(dice.uniform(97, 100), 2),
        "uptime_last_30m": round(dice.uniform(96, 100), 2),
        "uptime_last_1d": round(dice.uniform(95, 100), 2),
        "latency_last_30m": {
            key: round(ttft * 1000 * by) for key, by in (("p50", 1), ("p75", 1.4), ("p90", 2.2), ("p99", 5.1))
        },
        "throughput_last_30m": {
            key: round(rate * by, 1) for key, by in (("p50", 1), ("p75", 0.82), ("p90", 0.6), ("p99", 0.3))
        },
    }
    return Endpoint(provider, row, ttft, rate, 1 if author == "demo" else dice.choice((1, 1, 2, 3)))


def _name_regions(endpoints: list[Endpoint]) -> None:
    """Tell endpoints with the same tag apart, as regions of their provider."""
    seen: set[str] = set()
    for endpoint in endpoints:
        if endpoint.tag in seen:
            endpoint.row["tag"] = f"{slug_of(endpoint.provider)}/us-east{len(seen)}"
        seen.add(endpoint.tag)


def _tier(base: Endpoint, model: Row, tier: str, factor: Decimal, dice: Random) -> Endpoint:
    """A service tier as a row of its own; its price includes the multiplier."""
    row = {**base.row, "tag": f"{base.tag}/{tier}", "pricing": {**_scaled(model["pricing"], factor), "discount": 0}}
    return Endpoint(base.provider, row, base.ttft, base.rate * dice.uniform(0.7, 1.6), base.batch_tokens)


def _scaled(pricing: Row, factor: Decimal) -> Row:
    """The same prices times a factor, overrides included."""

    def scale(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = f"{Decimal(value) * factor:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    if factor == 1:
        return {key: value for key, value in pricing.items() if key != "discount"}
    scaled = {key: scale(value) for key, value in pricing.items() if key not in {"overrides", "discount"}}
    if "overrides" in pricing:
        scaled["overrides"] = [{key: scale(value) for key, value in each.items()} for each in pricing["overrides"]]
    return scaled


def route(endpoints: list[Endpoint], request: Row, model: str) -> Endpoint:
    """The endpoint that takes the request, by `provider` and `service_tier`; refuses when none is left."""
    wishes = request.get("provider") or {}
    tier = {"fast": "priority"}.get(request.get("service_tier") or "", request.get("service_tier"))
    usable = [one for one in endpoints if _tier_of(one) == (tier if tier in {"flex", "priority"} else None)]
    usable = usable or [one for one in endpoints if _tier_of(one) is None]
    if only := wishes.get("only"):
        usable = [one for one in endpoints if any(_matches(one, tag) for tag in only)]
    if ignored := wishes.get("ignore"):
        usable = [one for one in usable if not any(_matches(one, tag) for tag in ignored)]
    if wanted := wishes.get("quantizations"):
        usable = [one for one in usable if one.row["quantization"] in wanted]
    for key, most in (wishes.get("max_price") or {}).items():
        if key in {"prompt", "completion"} and most is not None:
            usable = [one for one in usable if one.price(key) * 1_000_000 <= Decimal(str(most))]
    if not usable:
        raise unavailable(
            404, "constraint_filtered", model, f"No endpoints found for {model} that fit the provider settings."
        )
    if order := wishes.get("order"):
        ranked = [one for tag in order for one in usable if _matches(one, tag)]
        if not ranked and wishes.get("allow_fallbacks") is False:
            raise unavailable(404, "constraint_filtered", model, f"No allowed providers are available for {model}.")
        return (ranked or usable)[0]
    return min(usable, key=_ranking(wishes.get("sort"))) if wishes.get("sort") else usable[0]


def _tier_of(endpoint: Endpoint) -> str | None:
    last = endpoint.tag.rsplit("/", 1)[-1]
    return last if last in {"flex", "priority"} else None


def _matches(endpoint: Endpoint, tag: str) -> bool:
    """A full tag matches one endpoint, a base slug all but service tiers; display names are taken too."""
    if tag in {endpoint.tag, endpoint.provider}:
        return True
    return endpoint.tag.startswith(f"{tag}/") and _tier_of(endpoint) is None


def _ranking(sort: Any) -> Any:
    by = sort.get("by") if isinstance(sort, dict) else sort
    if by == "price":
        return lambda one: one.price("prompt") + one.price("completion")
    if by == "throughput":
        return lambda one: -one.rate
    return (lambda one: one.ttft) if by == "latency" else (lambda _: 0)
