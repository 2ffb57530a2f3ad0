"""Everything the catalogue and the providers say about one model."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar, Final

import msgspec
from msgspec.structs import replace
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer
from typing_extensions import override

from tui.core.conversation import Failure
from tui.core.formats import age, clock, count, duration, length, money
from tui.openrouter.catalogue import Endpoint, Model, PriceOverride, Pricing
from tui.widgets.line_view import Line, LineView, Piece, wrap
from tui.widgets.model_cells import price_text
from tui.widgets.model_columns import Column, Placed, fit, head_cell, place, point_aligned

_LABEL: Final = 20
_FOLDED: Final = 6
"""Lines of a long description that are shown until one asks for all."""

_PER_TOKEN: Final = {
    "prompt": "input",
    "completion": "output",
    "internal_reasoning": "reasoning",
    "input_cache_read": "cache read",
    "input_cache_write": "cache write, 5 min",
    "input_cache_write_1h": "cache write, 1 h",
    "image_token": "image token",
    "audio": "audio in",
    "audio_output": "audio out",
    "input_audio_cache": "cached audio",
}
_PROVIDERS_TITLE: Final[Piece] = ("title", "Providers ")
_LINK: Final = r"\[([^\[\]\n]+)\]\((https?://[^\s()]+)\)"
_EACH: Final = {
    "request": "per request",
    "image": "per image in",
    "image_output": "per image out",
    "web_search": "per search",
}
_ENDPOINT_COLUMNS: Final[tuple[Column[str], ...]] = (
    Column("provider", "Provider", 12, 0, grow=30, right=False),
    Column("in", "In", 7, 1, tail=2),
    Column("out", "Out", 7, 2, tail=2),
    Column("cache", "Cache", 7, 9, tail=2),
    Column("ctx", "Ctx", 5, 6),
    Column("max", "Max out", 7, 10),
    Column("uptime", "Up %", 5, 5),
    Column("latency", "p50 s", 6, 4),
    Column("speed", "tok/s", 5, 3),
    Column("quantization", "Quant", 6, 8, right=False),
    Column("status", "", 7, 7, right=False),
)


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints of a model as far as they are known: an old list may stand while another is awaited or failed."""

    endpoints: tuple[Endpoint, ...] | None = None
    fetched_at: float | None = None
    """Unix seconds."""
    loading_since: float | None = None
    """Unix seconds; None = nothing is asked."""
    failure: Failure | None = None


NOT_ASKED: Final = ProviderList()


class ModelDetails(LineView):
    """One model: description, prices with their conditions, limits, and the providers once they have been asked for."""

    HELP = """The current model. Prices are USD per million tokens unless they say otherwise; `–` is unknown.

`p` asks for its providers: price, uptime, seconds to the first token and tokens a second
(the middle of the last 30 minutes)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "ask_providers", "providers", id="details.providers", tooltip="Load this model's providers"),
        Binding("m", "more", "more", show=False, id="details.more", tooltip="The whole description, or less of it"),
    ]

    @dataclass
    class ProvidersAsked(Message):
        """`p`: load the endpoints of this model, again if need be."""

        details: ModelDetails
        model: Model

        @property
        @override
        def control(self) -> ModelDetails:
            return self.details

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.model: Model | None = None
        self.providers = NOT_ASKED
        self._now = 0.0
        self._unfolded = False
        self._seeking = False
        """The providers were asked for: they are brought into view, and again when they have come."""
        self._ticking: Timer | None = None

    @override
    def on_mount(self) -> None:
        """Be ready to count the seconds of waiting."""
        self._ticking = self.set_interval(1.0, self.rebuild, pause=True)
        self._tick_while_waiting()

    def show(self, model: Model | None, providers: ProviderList = NOT_ASKED, *, now: float) -> None:
        """Show a model and what is known of its providers; `now` in Unix seconds, for ages."""
        if (model, providers) == (self.model, self.providers) and now // 60 == self._now // 60:
            return
        other = model is None or self.model is None or model.id != self.model.id
        self.model, self.providers, self._now = model, providers, now
        if other:
            self._unfolded = self._seeking = False
            self.scroll_to(y=0, animate=False, immediate=True)
        self.rebuild()
        if self._seeking:
            self.show_providers()
            self._seeking = providers.loading_since is not None or providers.endpoints is None
        self._tick_while_waiting()

    def _tick_while_waiting(self) -> None:
        if self._ticking is not None:
            if self.providers.loading_since is None:
                self._ticking.pause()
            else:
                self._ticking.resume()

    def action_ask_providers(self) -> None:
        """Load the providers, or load them again."""
        if self.model is not None:
            self.show_providers()
            self.post_message(self.ProvidersAsked(self, self.model))

    def show_providers(self) -> None:
        """Bring the providers into view now, and once more when they have come."""
        self._seeking = True
        start = next((at for at, line in enumerate(self._text_lines) if line and line[0] == _PROVIDERS_TITLE), None)
        if start is None:
            return
        end = next(
            (at for at in range(start, len(self._text_lines)) if not self._text_lines[at]), len(self._text_lines)
        )
        top, page = round(self.scroll_y), self.size.height
        if start < top or end > top + page:
            self.scroll_to(y=max(0, min(start - 1, max(start - 1, end - page))), animate=False, immediate=True)

    def action_more(self) -> None:
        """Show the whole description, or its beginning."""
        self._unfolded = not self._unfolded
        self.rebuild()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a model."""
        if action in ("ask_providers", "more") and self.model is None:
            return None
        return super().check_action(action, parameters)

    @override
    def build(self) -> Sequence[Line]:
        model = self.model
        if model is None:
            return [[("dim", line)] for line in wrap("What is known of the current model is shown here.", self.room)]
        return [
            *_about(model, self.room, self._now, self._unfolded),
            *_prices(model, self.room),
            *_providers(model, self.providers, self.room, time.time),
            *_limits(model, self.room),
            *_benchmarks(model, self.room),
        ]


def _section(title: str, state: str, width: int) -> Iterator[Line]:
    yield []
    room = max(1, width - len(title) - 1)
    yield [("title", f"{title} "), ("dim", fit(state, room, right=True))]


def _fact(label: str, value: str, width: int, kind: str = "plain") -> Iterator[Line]:
    """A label and its value, which goes on below itself where it is long."""
    indent = min(_LABEL, width // 2)
    first, *rest = wrap(value, width - indent - 1) or [""]
    yield [("dim", fit(f" {label}", indent)), ("plain", " "), (kind, first)]
    for line in rest:
        yield [("plain", " " * (indent + 1)), (kind, line)]


def _about(model: Model, width: int, now: float, unfolded: bool) -> Iterator[Line]:
    for line in wrap(model.name, width):
        yield [("title", line)]
    for line in wrap(model.slug, width):
        yield [("lit", line)]
    kinds = f"{' '.join(model.input_modalities) or '–'} → {' '.join(model.output_modalities) or '–'}"
    old = age(model.created, now)
    ago = "just now" if old == "now" else f"{old} ago"
    added = f"added {_day(model.created)}, {ago}" if model.created is not None else "age unknown"
    for line in wrap(f"by {model.author or '–'} · {kinds} · {added}", width):
        yield [("dim", line)]
    if model.alias_target is not None:
        yield [("plain", fit(f"stands for {model.alias_target.shown()}", width))]
    if model.expiration_date is not None:
        days = (model.expiration_date - datetime.fromtimestamp(now, UTC).date()).days
        when = f"in {days} d" if days >= 0 else "past"
        yield [("warning", fit(f"⌛ may be gone from {model.expiration_date.isoformat()}, {when}", width))]
    yield []
    # Descriptions are Markdown, mostly plain; a link reads better with its address behind it.
    lines = wrap(re.sub(_LINK, r"\1 (\2)", model.description.strip()) or "No description.", width)
    folded = not unfolded and len(lines) > _FOLDED + 1
    for line in lines[:_FOLDED] if folded else lines:
        yield [("plain", line)]
    if folded:
        yield [("dim", f"… {len(lines) - _FOLDED} more lines: m")]


def _prices(model: Model, width: int) -> Iterator[Line]:
    pricing = model.pricing
    yield from _section("Prices", "USD per million tokens", width)
    for name, label in _PER_TOKEN.items():
        price: Decimal | None = getattr(pricing, name)
        if price is not None or name in ("prompt", "completion"):
            yield from _fact(label, price_text(model, price), width)
    for name, label in _EACH.items():
        each: Decimal | None = getattr(pricing, name)
        if each:
            yield from _fact(label, str(money(each)), width)
    if pricing.discount:
        yield from _fact("discount", f"{pricing.discount:.0%} listed; not known whether it is in these prices", width)
    for special in pricing.overrides:
        yield from _fact(_condition(special), _overridden(model, pricing, special), width)


def _condition(special: PriceOverride) -> str:
    conditions = []
    if special.min_prompt_tokens is not None:
        conditions.append(f"prompt > {length(special.min_prompt_tokens)}")
    if special.utc_start is not None or special.utc_end is not None:
        start, end = special.utc_start or 0, special.utc_end if special.utc_end is not None else 1440
        conditions.append(f"{start // 60:02}:{start % 60:02}–{end // 60:02}:{end % 60:02}Z")
    return " ".join(conditions) or "always"


def _overridden(model: Model, pricing: Pricing, special: PriceOverride) -> str:
    parts = []
    for name, label in _PER_TOKEN.items():
        price: Decimal | None = getattr(special, name, None)
        if price is not None and price != getattr(pricing, name):
            parts.append(f"{label} {price_text(model, price)}")
    return ", ".join(parts) or "as above"


def _limits(model: Model, width: int) -> Iterator[Line]:
    yield from _section("Limits and parameters", "", width)
    yield from _fact("context", f"{count(model.context_length)} tokens" if model.context_length else "–", width)
    top = model.max_completion_tokens
    yield from _fact("longest reply", f"{count(top)} tokens" if top else "–", width)
    if model.knowledge_cutoff:
        yield from _fact("knows until", model.knowledge_cutoff, width)
    if model.is_moderated is not None:
        yield from _fact("moderated", "yes" if model.is_moderated else "no", width)
    if model.tokenizer:
        yield from _fact("tokenizer", model.tokenizer, width)
    if (thinking := model.reasoning) is not None:
        efforts = "any" if thinking.supported_efforts is None else " ".join(thinking.supported_efforts) or "no choice"
        words = ["always on"] if thinking.mandatory else []
        words.append(f"effort {efforts}")
        if thinking.default_effort:
            words.append(f"else {thinking.default_effort}")
        yield from _fact("reasoning", ", ".join(words), width)
    yield from _fact("parameters", " ".join(sorted(model.supported_parameters)) or "–", width)
    if model.default_parameters:
        defaults = ", ".join(f"{name} {value:f}" for name, value in model.default_parameters)
        yield from _fact("defaults", defaults, width)
    if model.hugging_face_id:
        yield from _fact("Hugging Face", model.hugging_face_id, width)


def _benchmarks(model: Model, width: int) -> Iterator[Line]:
    marks = model.benchmarks
    if marks is None:
        return
    indexes = (
        ("intelligence", marks.intelligence_index),
        ("coding", marks.coding_index),
        ("agentic", marks.agentic_index),
    )
    known = [(name, value) for name, value in indexes if value is not None]
    if not known and not marks.design_arena:
        return
    yield from _section("Benchmarks", "Artificial Analysis, Design Arena", width)
    for name, value in known:
        yield from _fact(name, f"{value:.1f}", width)
    for score in marks.design_arena:
        parts = []
        if score.elo is not None:
            parts.append(f"Elo {score.elo:,.0f}")
        if score.rank is not None:
            parts.append(f"rank {score.rank}")
        if score.win_rate is not None:
            parts.append(f"wins {score.win_rate:.0f} %")
        yield from _fact(score.category, " · ".join(parts) or "–", width)


def _providers(model: Model, providers: ProviderList, width: int, now_s: Callable[[], float]) -> Iterator[Line]:
    at = "" if providers.fetched_at is None else f"as of {clock(providers.fetched_at)}, p loads again"
    yield from _section("Providers", at, width)
    if providers.loading_since is not None:
        yield [("dim", f" asking for them, {duration(max(0.0, now_s() - providers.loading_since))}")]
    elif (failure := providers.failure) is not None:
        for line in wrap(f"{failure.message} {failure.advice}".strip(), width - 1):
            yield [("warning", f" {line}")]
        yield [("dim", " p tries again" + (", the old list:" if providers.endpoints else ""))]
    if providers.endpoints is None:
        if providers.loading_since is None and providers.failure is None:
            yield [("dim", " p asks who offers it: price, uptime, speed")]
        return
    if not providers.endpoints:
        yield [("dim", " nobody offers it now")]
        return
    placed = place(_ENDPOINT_COLUMNS, width, start=1)
    head = "".join(head_cell(p.column, p.column.head, p.width) + " " for p in placed)
    yield [("dim", f" {head}")]
    for endpoint in providers.endpoints:
        yield _endpoint_line(model, endpoint, placed)


def _endpoint_line(model: Model, endpoint: Endpoint, placed: Sequence[Placed[str]]) -> list[Piece]:
    low = endpoint.status is not None and endpoint.status < 0
    priced = replace(model, pricing=endpoint.pricing)
    line: list[Piece] = [("plain", " ")]
    for place_ in placed:
        column = place_.column
        text = _endpoint_cell(column.kind, priced, endpoint)
        if column.tail:
            text = point_aligned(text, column.tail, place_.width)
        kind = "warning" if column.kind == "status" else "dim" if low or text.strip() == "–" else "plain"
        line.append((kind, fit(text, place_.width, right=column.right) + " "))
    return line


def _endpoint_cell(kind: str, priced: Model, endpoint: Endpoint) -> str:
    match kind:
        case "provider":
            # Tiers and regions of one provider are told apart by what their tag adds.
            _, slash, variant = endpoint.tag.shown().partition("/")
            return f"{endpoint.provider} {variant}" if slash else endpoint.provider
        case "in":
            return price_text(priced, endpoint.pricing.prompt)
        case "out":
            return price_text(priced, endpoint.pricing.completion)
        case "cache":
            cached = endpoint.pricing.input_cache_read
            return "–" if cached is None else price_text(priced, cached)
        case "ctx":
            return length(endpoint.context_length)
        case "max":
            return length(endpoint.max_completion_tokens)
        case "uptime":
            uptimes = (endpoint.uptime_30m, endpoint.uptime_5m, endpoint.uptime_1d)
            return next((f"{uptime:.1f}" for uptime in uptimes if uptime is not None), "–")
        case "latency":
            p50 = None if endpoint.latency_ms is None else endpoint.latency_ms.p50
            return "–" if p50 is None else f"{p50 / 1000:.2f}"
        case "speed":
            speed = None if endpoint.throughput is None else endpoint.throughput.p50
            return "–" if speed is None else f"{speed:.0f}"
        case "quantization":
            return "–" if endpoint.quantization in (None, "", "unknown") else str(endpoint.quantization)
        case _:
            return "" if endpoint.status is None or endpoint.status >= 0 else "demoted"


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):  # a moment that no calendar has
        return "–"
