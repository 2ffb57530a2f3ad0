"""Which providers a chat asks for: the `provider` object of its requests ("Routing" of the API reference)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tui.openrouter.catalogue import Endpoint, Model, Pricing
from tui.openrouter.text import Clean, Opaque, clean_line

SORTS: Final = ("price", "throughput", "latency")
"""What `provider.sort` takes of the figures that the endpoints list."""
SERVICE_TIERS: Final = frozenset({"flex", "priority"})
"""Last parts of tags whose endpoints answer only when they are asked for."""


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of the providers; the empty parts say nothing."""

    order: tuple[Opaque, ...] = ()
    """Tags that are tried first, in this order; others stand in when all of them fail."""
    only: tuple[Opaque, ...] = ()
    """Tags besides which none may answer."""
    sort: str | None = None
    """One of `SORTS`."""


def routed(known: str | None, routing: Routing) -> str | None:
    """The routing object as JSON text with this order, these providers only, this sort; its other keys stay.

    `known` is what stands there so far; None = nothing.
    """
    import json  # the start does without

    others = {key: value for key, value in _object(known).items() if key not in ("order", "only", "sort")}
    wanted: dict[str, object] = {
        "order": [tag.raw for tag in routing.order],
        "only": [tag.raw for tag in routing.only],
        "sort": routing.sort,
    }
    whole = {**others, **{key: value for key, value in wanted.items() if value}}
    return json.dumps(whole) if whole else None


def routing_words(known: str | None) -> Clean:
    """The routing object as one reads it: `first chutes, then deepinfra/fp4`; empty where nothing is routed."""
    if not known:
        return Clean("")
    import json

    parts = []
    for key, value in _object(known).items():
        names = [clean_line(str(one)) for one in value] if isinstance(value, list) else []
        match key:
            case "order" if names:
                parts.append(f"first {', then '.join(names)}")
            case "only" if names:
                parts.append(f"only {', '.join(names)}")
            case "ignore" if names:
                parts.append(f"not {', '.join(names)}")
            case "sort" if isinstance(value, str) and value:
                parts.append(f"by {clean_line(value)}")
            case "allow_fallbacks" if value is False:
                parts.append("no stand-ins")
            case _ if value not in (None, [], ""):
                parts.append(clean_line(f"{key} {value if isinstance(value, str) else json.dumps(value)}"))
    return Clean(" · ".join(parts))


def names_providers(known: str | None) -> bool:
    """Whether the routing object says who shall be tried first, or who alone may answer."""
    wishes = _object(known)
    return bool(wishes.get("order") or wishes.get("only"))


def routed_prices(listed: Pricing, known: str | None, endpoints: Sequence[Endpoint]) -> tuple[Pricing, ...]:
    """What whoever may answer costs, the likeliest first: the named endpoints, and the listed price for stand-ins.

    `listed` is the model's own price, and all there is where no named endpoint is among those that are known.
    """
    wishes = _object(known)
    first, only = _named(endpoints, wishes.get("order")), _named(endpoints, wishes.get("only"))
    if only:
        first = [one for one in first if one in only]
        cheap_first = sorted(only, key=lambda one: (one.pricing.prompt is None, one.pricing.prompt or 0))
        first += [one for one in cheap_first if one not in first]
    prices = tuple(one.pricing for one in first)
    if not prices or (not only and wishes.get("allow_fallbacks") is not False):
        prices = (*prices, listed)
    return prices


def _named(endpoints: Sequence[Endpoint], tags: object) -> list[Endpoint]:
    """A full tag names one endpoint, the slug of a provider all of its own but those of service tiers."""
    found: dict[int, Endpoint] = {}
    for tag in tags if isinstance(tags, list) else []:
        for at, one in enumerate(endpoints):
            raw = one.tag.raw
            of_it = raw.startswith(f"{tag}/") and raw.rpartition("/")[2] not in SERVICE_TIERS
            if raw == tag or of_it:
                found.setdefault(at, one)
    return list(found.values())


def variants(model: Model, known: dict[str, Model]) -> dict[str, Opaque]:
    """The ids of the model's variants by `nitro`, `floor` and `free`, as far as they exist.

    The first two are dynamic: every chat model with providers of its own takes them. `:free` is a row of the catalogue.
    """
    raw = model.id.raw
    if ":" in raw or "@" in raw or raw.startswith("openrouter/") or "text" not in model.output_modalities:
        return {}
    found = {name: Opaque(f"{raw}:{name}") for name in ("nitro", "floor")}
    free = known.get(Opaque(f"{raw}:free").shown())
    return found if free is None else {**found, "free": free.id}


def _object(known: str | None) -> dict[str, object]:
    import json

    try:
        parsed = json.loads(known) if known else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
