"""The parameters of a conversation as they are written and read: which a model takes, how they stand, what is wrong.

Names, ranges and the routing object are those of "Sampling and length", "Reasoning" and "Routing" of the API reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec
from msgspec.structs import replace

from tui.core.formats import plain
from tui.openrouter.catalogue import Model
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, Opaque, clean, clean_line

EFFORTS: Final = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
SORTS: Final = ("price", "throughput", "latency")
_YES_NO: Final = ("yes", "no")
_MOST_FALLBACKS: Final = 3
"""The server refuses more."""
_MOST_STOPS: Final = 4


class ParameterField(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter as it is written: in the form, in a preset, behind `/set`."""

    name: str
    label: Clean
    expected: Clean
    """What may be written; empty text always means: not sent."""
    default: Clean = Clean("")
    """What holds while nothing is written, as far as the catalogue or the protocol says."""
    choices: tuple[str, ...] = ()
    """All that may be written, where that can be listed."""


def offered_fields(model: Model | None, *, routed: bool) -> tuple[ParameterField, ...]:
    """Those that the model takes, as far as the catalogue says; `routed`: the server is OpenRouter."""
    supported = model.supported_parameters if model is not None else frozenset()

    def takes(*names: str) -> bool:
        return not supported or any(name in supported for name in names)

    defaults: dict[str, Clean] = (
        {name: Clean(plain(value)) for name, value in model.default_parameters} if model is not None else {}
    )
    fields = [
        _field("temperature", "0 to 2", default=defaults.get("temperature")) if takes("temperature") else None,
        _field("top_p", "above 0 to 1", default=defaults.get("top_p")) if takes("top_p") else None,
        _max_tokens(model) if takes("max_tokens", "max_completion_tokens") else None,
        _field("stop", "up to 4 texts, with | between") if takes("stop") else None,
        _field("seed", "a whole number") if takes("seed") else None,
        _effort(model),
        _field("response_format", "text, json or an object", choices=("text", "json"), default=Clean("text"))
        if takes("response_format", "structured_outputs")
        else None,
    ]
    if routed:
        fields += [
            _yes_no("web_search", "no", "yes or no, paid per search") if takes("tools") else None,
            _field("sort", "price, throughput, latency", choices=SORTS, default=Clean("any")),
            _field("order", "tags, with commas", default=Clean("as sorted")),
            _field("only", "tags, with commas", default=Clean("all")),
            _field("ignore", "tags, with commas", default=Clean("none")),
            _yes_no("allow_fallbacks", "yes"),
            _yes_no("zdr", "no"),
            _field("fallback_models", "up to 3 ids, with commas", default=Clean("none")),
        ]
    return tuple(field for field in fields if field is not None)


_LABELS: Final = {
    "reasoning_effort": "reasoning effort",
    "response_format": "response format",
    "web_search": "web search",
    "sort": "providers by",
    "order": "providers first",
    "only": "providers only",
    "ignore": "providers not",
    "allow_fallbacks": "other providers",
    "zdr": "no data kept (ZDR)",
    "fallback_models": "fallback models",
}


def _field(name: str, expected: str, *, choices: tuple[str, ...] = (), default: Clean | None = None) -> ParameterField:
    return ParameterField(
        name=name,
        label=Clean(_LABELS.get(name, name)),
        expected=Clean(expected),
        default=default or Clean(""),
        choices=choices,
    )


def _yes_no(name: str, default: str, expected: str = "yes or no") -> ParameterField:
    return _field(name, expected, choices=_YES_NO, default=Clean(default))


def _max_tokens(model: Model | None) -> ParameterField:
    most = model.max_completion_tokens if model is not None else None
    return _field("max_tokens", "a whole number", default=Clean(f"up to {most:,}") if most else None)


def _effort(model: Model | None) -> ParameterField | None:
    if model is not None and model.supported_parameters and model.reasoning is None:
        takes = model.supported_parameters & {"reasoning", "reasoning_effort"}
        return _field("reasoning_effort", _listed(EFFORTS), choices=EFFORTS) if takes else None
    support = model.reasoning if model is not None else None
    if support is None:
        return None if model is not None and model.supported_parameters else _field("reasoning_effort", "low … high")
    listed: tuple[str, ...] = EFFORTS if support.supported_efforts is None else tuple(support.supported_efforts)
    if support.supported_efforts is not None and not listed:
        return None  # it thinks as it likes
    if not support.mandatory and "none" not in listed:
        listed = (*listed, "none")
    elif support.mandatory:
        listed = tuple(effort for effort in listed if effort != "none")
    default = support.default_effort
    if not support.mandatory and not support.default_enabled:
        default = Clean("none")
    return _field("reasoning_effort", _listed(listed), choices=listed, default=default)


def _listed(choices: tuple[str, ...]) -> str:
    whole = ", ".join(choices)
    return whole if len(whole) <= 24 else f"{choices[0]} … {choices[-1]}"


def written(parameters: ChatParameters) -> dict[str, str]:
    """All parameters as text, by the fields' names; empty = not set."""
    routing = _object(parameters.provider)
    return {
        "temperature": "" if parameters.temperature is None else plain(parameters.temperature),
        "top_p": "" if parameters.top_p is None else plain(parameters.top_p),
        "max_tokens": "" if parameters.max_tokens is None else str(parameters.max_tokens),
        "stop": "|".join(parameters.stop),
        "seed": "" if parameters.seed is None else str(parameters.seed),
        "reasoning_effort": parameters.reasoning_effort or "",
        "response_format": _format_written(parameters.response_format),
        "web_search": "yes" if parameters.web_search else "",
        "sort": _sort_written(routing.get("sort")),
        "order": _tags_written(routing.get("order")),
        "only": _tags_written(routing.get("only")),
        "ignore": _tags_written(routing.get("ignore")),
        "allow_fallbacks": _flag_written(routing.get("allow_fallbacks")),
        "zdr": _flag_written(routing.get("zdr")),
        "fallback_models": ", ".join(model.raw for model in parameters.fallback_models),
    }


def with_written(known: ChatParameters, values: dict[str, str], models: Collection[str] = ()) -> ChatParameters:
    """The parameters with these written into them; what is not named stays. Raises ValueError with a sentence.

    `models` are the slugs of the catalogue, against which fallback models are checked; none: any id will do.
    """
    routing = _object(known.provider)
    changed = known
    for name, text in values.items():
        text = text.strip()
        if name in _ROUTING:
            value = _ROUTING[name](name, text)
            routing = {key: other for key, other in routing.items() if key != name}
            if value is not None:
                routing[name] = value
        elif name in _READERS:
            changed = _READERS[name](changed, text)
        elif name == "fallback_models":
            changed = replace(changed, fallback_models=_models_read(text, models))
    return replace(changed, provider=json.dumps(routing) if routing else None)


def not_taken(parameters: ChatParameters, model: Model | None, *, routed: bool) -> dict[str, str]:
    """What is written in the parameters but the model does not take: it is kept, but not sent to this one.

    Where the catalogue says nothing of the model, or not what it takes, everything is sent.
    """
    if model is None:
        return {}
    fields = {field.name: field for field in offered_fields(model, routed=routed)}

    def is_taken(name: str, text: str) -> bool:
        field = fields.get(name)
        return field is not None and (name != "reasoning_effort" or not field.choices or text in field.choices)

    return {name: text for name, text in written(parameters).items() if text and not is_taken(name, text)}


def taken(parameters: ChatParameters, model: Model | None, *, routed: bool) -> ChatParameters:
    """The parameters as they are sent to this model."""
    left_out = not_taken(parameters, model, routed=routed)
    return with_written(parameters, dict.fromkeys(left_out, "")) if left_out else parameters


def parameter_names() -> tuple[str, ...]:
    """The names of all parameters that can be written."""
    return tuple(written(ChatParameters()))


def _object(text: str | None) -> dict[str, object]:
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


# Writing


def _format_written(text: str | None) -> str:
    if text is None:
        return ""
    whole = _object(text)
    short = {"json_object": "json", "text": "text"}.get(str(whole.get("type")))
    return short if short is not None and len(whole) == 1 else text


def _sort_written(value: object) -> str:
    by = value.get("by") if isinstance(value, dict) else value
    return by if isinstance(by, str) else ""


def _tags_written(value: object) -> str:
    return ", ".join(str(tag) for tag in value) if isinstance(value, list) else ""


def _flag_written(value: object) -> str:
    return "" if not isinstance(value, bool) else "yes" if value else "no"


# Reading


def _number(text: str, name: str, least: Decimal, most: Decimal) -> Decimal | None:
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not least <= number <= most:
        above = "above 0" if least else "0"
        raise ValueError(f"{name} takes a number from {above} to {most}, not {clean_line(text[:40])!r}.")
    return number


def _whole(text: str, name: str, least: int | None) -> int | None:
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"{name} takes a whole number, not {clean_line(text[:40])!r}.") from None
    if least is not None and number < least:
        raise ValueError(f"{name} is at least {least}.")
    if abs(number) >= 1 << 63:
        raise ValueError(f"{name} is too large.")
    return number


def _stops(text: str) -> tuple[str, ...]:
    stops = tuple(part for part in text.split("|") if part)
    if len(stops) > _MOST_STOPS:
        raise ValueError(f"stop takes at most {_MOST_STOPS} texts.")
    return stops


def _format_read(text: str) -> str | None:
    match text.casefold():
        case "":
            return None
        case "text":
            return '{"type": "text"}'
        case "json" | "json_object":
            return '{"type": "json_object"}'
    whole = _object(text)
    if not (whole.get("type") and isinstance(whole["type"], str)):
        raise ValueError('response format takes text, json, or an object like {"type": "json_schema", …}.')
    return json.dumps(whole)


def _flag(name: str, text: str) -> bool | None:
    match text.casefold():
        case "":
            return None
        case "yes" | "y" | "on" | "true":
            return True
        case "no" | "n" | "off" | "false":
            return False
    raise ValueError(f"{_LABELS[name]} takes yes or no, not {clean_line(text[:40])!r}.")


def _tags(_name: str, text: str) -> list[str] | None:
    tags = [tag.strip() for tag in text.split(",") if tag.strip()]
    return list(dict.fromkeys(tags)) or None


def _sort_read(_name: str, text: str) -> str | None:
    if text and text not in SORTS:
        raise ValueError(f"providers are sorted by {', '.join(SORTS)}, not {clean_line(text[:40])!r}.")
    return text or None


def _effort_read(text: str) -> str | None:
    if text and not text.isidentifier():
        raise ValueError(f"reasoning effort is one word, as {', '.join(EFFORTS)}.")
    return text.casefold() or None


def _models_read(text: str, models: Collection[str]) -> tuple[Opaque, ...]:
    ids = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(ids) > _MOST_FALLBACKS:
        raise ValueError(f"at most {_MOST_FALLBACKS} fallback models.")
    for one in ids:
        if models and one not in models and one.partition(":")[0] not in models:
            raise ValueError(f"the catalogue has no model {clean_line(one[:60])}.")
    return tuple(Opaque(one) for one in ids)


_READERS: Final[dict[str, Callable[[ChatParameters, str], ChatParameters]]] = {
    "temperature": lambda known, text: replace(known, temperature=_number(text, "temperature", Decimal(0), Decimal(2))),
    "top_p": lambda known, text: replace(known, top_p=_number(text, "top_p", Decimal("0.000001"), Decimal(1))),
    "max_tokens": lambda known, text: replace(known, max_tokens=_whole(text, "max_tokens", 1)),
    "seed": lambda known, text: replace(known, seed=_whole(text, "seed", None)),
    "stop": lambda known, text: replace(known, stop=_stops(text)),
    "reasoning_effort": lambda known, text: replace(known, reasoning_effort=_effort_read(text)),
    "response_format": lambda known, text: replace(known, response_format=_format_read(text)),
    "web_search": lambda known, text: replace(known, web_search=_flag("web_search", text) or False),
}
_ROUTING: Final[dict[str, Callable[[str, str], object]]] = {
    "sort": _sort_read,
    "order": _tags,
    "only": _tags,
    "ignore": _tags,
    "allow_fallbacks": _flag,
    "zdr": _flag,
}


def parameter_lines(values: dict[str, str]) -> list[tuple[Clean, Clean]]:
    """What is written, label and value, to be shown."""
    return [(Clean(_LABELS.get(name, name)), clean(text)) for name, text in values.items() if text]
