"""What the catalogue says of one model, as lines of a pane: description, prices, limits, benchmarks, providers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from tui.core.formats import age, count
from tui.core.links import readable
from tui.openrouter.catalogue import ArenaScore, Endpoint, Model
from tui.widgets.endpoint_cells import COLUMNS, cell, head_text, is_demoted
from tui.widgets.fact_lines import condition_parts, discount_words, fact, price_parts, section, unit_words
from tui.widgets.line_view import Line, Piece, wrap
from tui.widgets.model_columns import Column, Placed, fit, head_cell, place, point_aligned

_FOLDED: Final = 6
"""Lines of a long description that are shown until one asks for all."""
_NOT_IN_THE_PANE: Final = frozenset({"data", "caching", "off"})
_ENDPOINT_COLUMNS: Final = tuple(column for column in COLUMNS if column.kind not in _NOT_IN_THE_PANE)


def about(model: Model, width: int, now: float, *, unfolded: bool) -> Iterator[Line]:
    """Name, id, maker, what goes in and comes out, age, description; `now` in Unix seconds."""
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
    for line in wrap(_stands_for(model), width):
        if line:
            yield [("plain", line)]
    if model.expiration_date is not None:
        days = (model.expiration_date - datetime.fromtimestamp(now, UTC).date()).days
        when = f"in {days} d" if days >= 0 else "past"
        for line in wrap(f"⌛ may be gone from {model.expiration_date.isoformat()}, {when}", width):
            yield [("warning", line)]
    yield []
    lines = wrap(readable(model.description.strip()) or "No description.", width)
    folded = not unfolded and len(lines) > _FOLDED + 1
    for line in lines[:_FOLDED] if folded else lines:
        yield [("plain", line)]
    if folded:
        yield [("dim", fit(f"… {len(lines) - _FOLDED} more lines: m", width).rstrip())]


def _stands_for(model: Model) -> str:
    if model.alias_target is not None:
        return f"stands for {model.alias_target.shown()}"
    if model.slug.startswith("~"):
        return "stands for the newest model of a family; the list does not say which that is now"
    if model.pricing.varies:
        return "a router: what answers, and at which price, varies"
    return ""


def prices(model: Model, width: int, now: float) -> Iterator[Line]:
    """All prices with their conditions."""
    yield from section("Prices", unit_words(model), width)
    for label, value in price_parts(model, model.pricing):
        yield from fact(label, value, width)
    if words := discount_words(model.pricing):
        yield from fact("discount", words, width)
    for condition, changed in condition_parts(model, model.pricing, now):
        yield from fact(condition, changed, width)


def limits(model: Model, width: int) -> Iterator[Line]:
    """Lengths, parameters and their defaults, reasoning, where else it is to be found."""
    yield from section("Limits and parameters", "", width)
    yield from fact("context", f"{count(model.context_length)} tokens" if model.context_length else "–", width)
    top = model.max_completion_tokens
    yield from fact("longest reply", f"{count(top)} tokens" if top else "–", width)
    yield from fact("knows until", model.knowledge_cutoff or "–", width)
    if model.is_moderated is not None:
        yield from fact("moderated", "yes" if model.is_moderated else "no", width)
    if model.tokenizer:
        yield from fact("tokenizer", model.tokenizer, width)
    if model.instruct_type:
        yield from fact("prompt format", model.instruct_type, width)
    if model.reasoning is not None:
        yield from fact("reasoning", _reasoning(model), width)
    yield from fact("parameters", " ".join(sorted(model.supported_parameters)) or "–", width)
    if model.default_parameters:
        defaults = ", ".join(f"{name} {value:f}" for name, value in model.default_parameters)
        yield from fact("defaults", defaults, width)
    if model.canonical_slug is not None and model.canonical_slug != model.id:
        yield from fact("permanent id", model.canonical_slug.shown(), width)
    if model.hugging_face_id:
        yield from fact("Hugging Face", model.hugging_face_id, width)


def _reasoning(model: Model) -> str:
    thinking = model.reasoning
    assert thinking is not None
    efforts = "any" if thinking.supported_efforts is None else " ".join(thinking.supported_efforts) or "no choice"
    words = ["always on"] if thinking.mandatory else []
    if not thinking.mandatory and thinking.default_enabled is not None:
        words.append("on unless asked otherwise" if thinking.default_enabled else "off unless asked for")
    words.append(f"effort {efforts}")
    if thinking.default_effort:
        words.append(f"else {thinking.default_effort}")
    if thinking.supports_max_tokens:
        words.append("or a number of tokens")
    return ", ".join(words)


def benchmarks(model: Model, width: int) -> Iterator[Line]:
    """The indexes and arena scores that the catalogue has; nothing where it has none."""
    marks = model.benchmarks
    if marks is None:
        return
    indexes = (
        ("intelligence", marks.intelligence_index),
        ("coding", marks.coding_index),
        ("agentic", marks.agentic_index),
    )
    known = [(name, value) for name, value in indexes if value is not None]
    if known:
        yield from section("Benchmarks", "Artificial Analysis", width)
        for name, value in known:
            yield from fact(name, f"{value:.1f}", width)
    if marks.design_arena:
        yield from section("Design Arena", "", width)
        for score in marks.design_arena:
            yield from fact(
                f"{score.category} ({score.arena})" if score.arena else score.category, _arena(score), width
            )


def _arena(score: ArenaScore) -> str:
    parts = []
    if score.elo is not None:
        parts.append(f"Elo {score.elo:,.0f}")
    if score.rank is not None:
        parts.append(f"rank {score.rank}")
    if score.win_rate is not None:
        parts.append(f"wins {score.win_rate:.0f} %")
    return " · ".join(parts) or "–"


def providers(
    model: Model,
    endpoints: Sequence[Endpoint] | None,
    width: int,
    standing: Sequence[tuple[str, str]],
    *,
    now: float,
) -> Iterator[Line]:
    """A row for each endpoint; `standing` are the sentences on how the list stands, with their kinds."""
    yield from section("Providers", "", width)
    for kind, sentence in standing:
        for line in wrap(sentence, max(1, width - 1)):
            yield [(kind, f" {line}")]
    if not endpoints:
        return
    placed = place(_ENDPOINT_COLUMNS, width - 1, start=1)
    head = "".join(head_cell(p.column, head_text(p.column, model), p.width) + " " for p in placed)
    yield [("dim", f" {head}")]
    for endpoint in endpoints:
        yield _endpoint_line(model, endpoint, placed, now)


def _endpoint_line(model: Model, endpoint: Endpoint, placed: Sequence[Placed[str]], now: float) -> list[Piece]:
    low = is_demoted(endpoint)
    line: list[Piece] = [("plain", " ")]
    for placed_column in placed:
        column: Column[str] = placed_column.column
        text, secondary = cell(column.kind, model, endpoint, None, now)
        if column.tail:
            text = point_aligned(text, column.tail, placed_column.width)
        kind = "warning" if low and column.kind == "status" else "dim" if low or secondary else "plain"
        line.append((kind, fit(text, placed_column.width, right=column.right) + " "))
    return line


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):  # a moment that no calendar has
        return "–"
