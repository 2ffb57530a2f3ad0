"""Model lists and endpoints from the bytes of a reply ("Model lists" and "Endpoints" of the API reference).

Each row is first read as what it should be; a row that is not is read field by field, and only what is wrong in it
becomes unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from tui.openrouter import catalogue_rows as rows
from tui.openrouter.catalogue import (
    ArenaScore,
    Benchmarks,
    CatalogueReply,
    Endpoint,
    Model,
    Percentiles,
    ReasoningSupport,
)
from tui.openrouter.decode_pricing import pricing_from, zero_is_unknown
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.lenient import NotJson, as_decimal, as_mapping, as_opaque, can_be_sent, loads
from tui.openrouter.text import Clean, Opaque, clean, clean_line

_LARGEST_COUNT: Final = 2**53
_NOT_AS_EXPECTED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_EMPTY: Final = Clean("")

Row = TypeVar("Row", rows.ModelRow, rows.EndpointRow)


class _List(msgspec.Struct):
    data: list[msgspec.Raw]


class _EndpointList(msgspec.Struct):
    endpoints: list[msgspec.Raw]
    architecture: rows.ArchitectureRow | None = None


class _EndpointReply(msgspec.Struct):
    data: _EndpointList


_decode_list: Final = msgspec.json.Decoder(_List).decode
_decode_endpoints: Final = msgspec.json.Decoder(_EndpointReply).decode


class _Tally(msgspec.Struct):
    models: dict[str, Model] = msgspec.field(default_factory=dict)
    mended: int = 0
    unreadable: int = 0
    duplicates: int = 0


def decode_models(body: bytes, embedding_body: bytes | None = None) -> CatalogueReply:
    """All models of a list and, if given, of the list of embedding models; of rows with one id the first is kept.

    Raises `ApiError` when the list is no list at all; one of embedding models that is none is left out.
    """
    tally = _Tally()
    _add_rows(body, tally, frozenset(), outputs=None)
    if embedding_body is not None:
        # What both lists have is no mistake.
        known = frozenset(tally.models)
        try:
            _add_rows(embedding_body, tally, known, outputs=["embeddings"])
        except ApiError:
            tally.unreadable += 1
    return CatalogueReply(
        models=tuple(tally.models.values()),
        mended=tally.mended,
        unreadable=tally.unreadable,
        duplicates=tally.duplicates,
    )


def decode_endpoints(body: bytes) -> tuple[Endpoint, ...]:
    """The providers' offers of one model, in the server's order. Raises `ApiError` when there is no list."""
    try:
        reply = _decode_endpoints(body).data
        outputs = reply.architecture.output_modalities if reply.architecture is not None else None
        items: Iterable[msgspec.Raw | object] = reply.endpoints
    except _NOT_AS_EXPECTED:
        data = as_mapping(as_mapping(_parsed(body)).get("data"))
        listed = data.get("endpoints")
        if not isinstance(listed, list):
            raise _no_list(body) from None
        architecture, _ = rows.mended(as_mapping(data.get("architecture")), rows.ArchitectureRow)
        outputs, items = architecture.output_modalities, listed
    zero_unknown = zero_is_unknown(outputs)
    endpoints: list[Endpoint] = []
    for item in items:
        read = _row(item, rows.EndpointRow)
        if read is not None and (read[0].provider_name or read[0].name or read[0].tag):
            endpoints.append(_endpoint(read[0], zero_unknown=zero_unknown))
    return tuple(endpoints)


def _add_rows(body: bytes, tally: _Tally, known: frozenset[str], outputs: list[str] | None) -> None:
    for item in _rows_of(body):
        read = _row(item, rows.ModelRow)
        if read is None or not read[0].id or not can_be_sent(read[0].id):
            tally.unreadable += 1
            continue
        row, bad = read
        if row.id in tally.models:
            tally.duplicates += row.id not in known
            continue
        model, bad_price = _model(row, outputs)
        tally.models[row.id] = model
        tally.mended += bad or bad_price


def _rows_of(body: bytes) -> Iterable[msgspec.Raw | object]:
    try:
        return _decode_list(body).data
    except _NOT_AS_EXPECTED:
        parsed = _parsed(body)
    listed = parsed if isinstance(parsed, list) else as_mapping(parsed).get("data")
    if not isinstance(listed, list):
        raise _no_list(body)
    return listed


def _row(item: msgspec.Raw | object, kind: type[Row]) -> tuple[Row, bool] | None:
    """The row and whether something in it was malformed; None when nothing can be made of it."""
    malformed = isinstance(item, msgspec.Raw)
    if isinstance(item, msgspec.Raw):
        try:
            decode = rows.decode_model_row if kind is rows.ModelRow else rows.decode_endpoint_row
            return decode(item), False  # type: ignore[return-value]  # the decoder is that of the kind
        except _NOT_AS_EXPECTED:
            try:
                item = loads(bytes(item), exact=False)
            except NotJson:
                return None
    if not isinstance(item, dict):
        return None
    try:
        return rows.converted(item, kind), malformed or not _is_whole_text(item)
    except msgspec.ValidationError:
        pass
    try:
        return rows.mended(item, kind)[0], True
    except msgspec.ValidationError:
        return None


def _is_whole_text(item: object) -> bool:
    """Whether no half of a character is in it."""
    import json  # only for rows that are malformed

    try:
        return can_be_sent(json.dumps(item, ensure_ascii=False))
    except (ValueError, RecursionError):
        return False


def _parsed(body: bytes) -> object:
    try:
        return loads(body, exact=False)
    except NotJson:
        return None


def _no_list(body: bytes) -> ApiError:
    """Why there is no list: the error that came instead of it, or that this is no answer of the API."""
    from tui.openrouter.decode_error import error_in_body  # only where there is no list

    error = error_in_body(_parsed(body), {}, method="GET")
    return error or ApiError(
        ErrorKind.UNREADABLE,
        Clean("The server's list cannot be read."),
        advice=Clean("Check the base URL, and try again."),
    )


def _model(row: rows.ModelRow, outputs: list[str] | None) -> tuple[Model, bool]:
    architecture = row.architecture or rows.ArchitectureRow()
    top = row.top_provider or rows.TopProviderRow()
    output_modalities = architecture.output_modalities or outputs
    pricing, bad = pricing_from(row.pricing, zero_unknown=zero_is_unknown(output_modalities))
    slug = clean_line(row.id)
    author, slash, _ = slug.partition("/")
    model = Model(
        id=Opaque(row.id),
        slug=slug,
        name=clean_line(row.name) if row.name else slug,
        author=Clean(author.removeprefix("~")) if slash else _word(row.owned_by or ""),
        canonical_slug=as_opaque(row.canonical_slug),
        created=_positive(row.created),
        description=clean(row.description) if row.description else _EMPTY,
        context_length=_positive(row.context_length) or _positive(top.context_length) or _positive(row.max_model_len),
        max_completion_tokens=_positive(top.max_completion_tokens),
        is_moderated=top.is_moderated,
        modality=_word_or_none(architecture.modality),
        input_modalities=_words(architecture.input_modalities),
        output_modalities=_words(output_modalities),
        tokenizer=_word_or_none(architecture.tokenizer),
        instruct_type=_word_or_none(architecture.instruct_type),
        pricing=pricing,
        supported_parameters=_word_set(tuple(row.supported_parameters)) if row.supported_parameters else frozenset(),
        default_parameters=_defaults(row.default_parameters) if row.default_parameters else (),
        expiration_date=_day(row.expiration_date) if row.expiration_date else None,
        knowledge_cutoff=_word_or_none(row.knowledge_cutoff),
        hugging_face_id=clean_line(row.hugging_face_id) if row.hugging_face_id else None,
        reasoning=None if row.reasoning is None else _reasoning(row.reasoning),
        alias_target=None if row.alias_target is None else as_opaque(row.alias_target.slug),
        benchmarks=None if row.benchmarks is None else _benchmarks(row.benchmarks),
        details_path=None if row.links is None else as_opaque(row.links.details),
    )
    return model, bad


def _endpoint(row: rows.EndpointRow, *, zero_unknown: bool) -> Endpoint:
    provider = clean_line(row.provider_name or row.name or row.tag or "")
    return Endpoint(
        name=clean_line(row.name) if row.name else provider,
        provider=provider,
        tag=as_opaque(row.tag) or Opaque(""),
        context_length=_positive(row.context_length),
        max_completion_tokens=_positive(row.max_completion_tokens),
        max_prompt_tokens=_positive(row.max_prompt_tokens),
        pricing=pricing_from(row.pricing, zero_unknown=zero_unknown)[0],
        quantization=_word_or_none(row.quantization),
        supported_parameters=frozenset(_words(row.supported_parameters)),
        supports_implicit_caching=row.supports_implicit_caching,
        status=row.status,
        uptime_5m=_per_cent(row.uptime_last_5m),
        uptime_30m=_per_cent(row.uptime_last_30m),
        uptime_1d=_per_cent(row.uptime_last_1d),
        latency_ms=_percentiles(row.latency_last_30m),
        throughput=_percentiles(row.throughput_last_30m),
    )


def _reasoning(row: rows.ReasoningRow) -> ReasoningSupport:
    efforts = row.supported_efforts
    return ReasoningSupport(
        mandatory=row.mandatory is True,
        # Null is every effort, a missing list is no choice.
        supported_efforts=None if efforts is None else () if efforts is msgspec.UNSET else _words(efforts),
        default_effort=_word_or_none(row.default_effort),
        default_enabled=row.default_enabled,
        supports_max_tokens=row.supports_max_tokens is True,
    )


def _benchmarks(row: rows.BenchmarksRow) -> Benchmarks:
    indexes = row.artificial_analysis or rows.IndexesRow()
    return Benchmarks(
        intelligence_index=indexes.intelligence_index,
        coding_index=indexes.coding_index,
        agentic_index=indexes.agentic_index,
        design_arena=tuple(
            ArenaScore(
                arena=_word(score.arena),
                category=_word(score.category),
                elo=score.elo,
                win_rate=score.win_rate,
                rank=score.rank,
            )
            for score in row.design_arena or ()
        ),
    )


def _percentiles(row: rows.PercentilesRow | None) -> Percentiles | None:
    if row is None:
        return None
    return Percentiles(p50=_measure(row.p50), p75=_measure(row.p75), p90=_measure(row.p90), p99=_measure(row.p99))


def _measure(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None


def _per_cent(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= 100 else None


def _positive(count: int | None) -> int | None:
    """A count; None for 0, which stands for unknown, and for absurd ones."""
    return count if count is not None and 0 < count <= _LARGEST_COUNT else None


def _defaults(parameters: dict[str, float | int | None]) -> tuple[tuple[Clean, Decimal], ...]:
    read = [(_word(name), as_decimal(value)) for name, value in parameters.items() if value is not None]
    return tuple((name, value) for name, value in read if value is not None)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _word(text: str) -> Clean:
    """A short text that comes again and again: names of parameters, modalities, tokenizers."""
    return clean_line(text)


def _word_or_none(text: str | None) -> Clean | None:
    return _word(text) if text else None


def _words(texts: list[str] | None) -> tuple[Clean, ...]:
    return _same_words(tuple(texts)) if texts else ()


@lru_cache(maxsize=4096)
def _same_words(texts: tuple[str, ...]) -> tuple[Clean, ...]:
    """Hundreds of models have the same modalities."""
    return tuple(map(_word, texts))


@lru_cache(maxsize=4096)
def _word_set(texts: tuple[str, ...]) -> frozenset[Clean]:
    """The same for parameters, which are asked for by name."""
    return frozenset(map(_word, texts))
