"""Rows of the model and endpoint lists as the server writes them, and the mending of rows that it writes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Final, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from tui.openrouter.lenient import as_int

Amount: TypeAlias = str | int | float | None
"""A price: by the schema a decimal string."""


class OverrideRow(msgspec.Struct, gc=False):
    min_prompt_tokens: int | float | None = None
    utc_start: int | float | None = None
    utc_end: int | float | None = None
    prompt: Amount = None
    completion: Amount = None
    audio: Amount = None
    input_audio_cache: Amount = None
    input_cache_read: Amount = None
    input_cache_write: Amount = None
    input_cache_write_1h: Amount = None


class PricingRow(msgspec.Struct, gc=False):
    prompt: Amount = None
    completion: Amount = None
    request: Amount = None
    image: Amount = None
    image_token: Amount = None
    image_output: Amount = None
    audio: Amount = None
    audio_output: Amount = None
    input_audio_cache: Amount = None
    web_search: Amount = None
    internal_reasoning: Amount = None
    input_cache_read: Amount = None
    input_cache_write: Amount = None
    input_cache_write_1h: Amount = None
    discount: Amount = None
    overrides: list[OverrideRow] | None = None


class ArchitectureRow(msgspec.Struct, gc=False):
    modality: str | None = None
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None
    tokenizer: str | None = None
    instruct_type: str | None = None


class TopProviderRow(msgspec.Struct, gc=False):
    context_length: int | None = None
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None


class ReasoningRow(msgspec.Struct, gc=False):
    mandatory: bool | None = None
    supported_efforts: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    default_effort: str | None = None
    default_enabled: bool | None = None
    supports_max_tokens: bool | None = None


class AliasRow(msgspec.Struct, gc=False):
    slug: str | None = None


class LinksRow(msgspec.Struct, gc=False):
    details: str | None = None


class ArenaRow(msgspec.Struct, gc=False):
    arena: str
    category: str
    elo: float | None = None
    win_rate: float | None = None
    rank: int | None = None


class IndexesRow(msgspec.Struct, gc=False):
    intelligence_index: float | None = None
    coding_index: float | None = None
    agentic_index: float | None = None


class BenchmarksRow(msgspec.Struct, gc=False):
    artificial_analysis: IndexesRow | None = None
    design_arena: list[ArenaRow] | None = None


class ModelRow(msgspec.Struct, gc=False):
    """A row of a model list; `owned_by` and `max_model_len` are what other servers than OpenRouter have."""

    id: str
    name: str | None = None
    canonical_slug: str | None = None
    created: int | None = None
    description: str | None = None
    context_length: int | None = None
    architecture: ArchitectureRow | None = None
    pricing: PricingRow | None = None
    top_provider: TopProviderRow | None = None
    supported_parameters: list[str] | None = None
    default_parameters: dict[str, float | int | None] | None = None
    links: LinksRow | None = None
    hugging_face_id: str | None = None
    expiration_date: str | None = None
    knowledge_cutoff: str | None = None
    reasoning: ReasoningRow | None = None
    alias_target: AliasRow | None = None
    benchmarks: BenchmarksRow | None = None
    owned_by: str | None = None
    max_model_len: int | None = None


class PercentilesRow(msgspec.Struct, gc=False):
    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p99: float | None = None


class EndpointRow(msgspec.Struct, gc=False):
    name: str | None = None
    provider_name: str | None = None
    tag: str | None = None
    context_length: int | None = None
    max_completion_tokens: int | None = None
    max_prompt_tokens: int | None = None
    pricing: PricingRow | None = None
    quantization: str | None = None
    supported_parameters: list[str] | None = None
    supports_implicit_caching: bool | None = None
    status: int | None = None
    uptime_last_5m: float | None = None
    uptime_last_30m: float | None = None
    uptime_last_1d: float | None = None
    latency_last_30m: PercentilesRow | None = None
    throughput_last_30m: PercentilesRow | None = None


decode_model_row: Final = msgspec.json.Decoder(ModelRow).decode
decode_endpoint_row: Final = msgspec.json.Decoder(EndpointRow).decode

Row = TypeVar("Row", bound=msgspec.Struct)


def mended(fields: Mapping[str, object], row: type[Row]) -> tuple[Row, bool]:
    """The row with every malformed field left at its default, and whether there was one.

    Of lists, the good items are kept; an item that is an object with something wrong in it is left out, since half a
    condition is none. Raises `msgspec.ValidationError` when a required field is missing or malformed.
    """
    good: dict[str, object] = {}
    bad = False
    for field in msgspec.structs.fields(row):
        if field.encode_name not in fields:
            continue
        try:
            good[field.name] = _mended_value(fields[field.encode_name], field.type)
        except _HalfGood as half:
            good[field.name] = half.value
            bad = True
        except msgspec.ValidationError:
            bad = True
    missing = [field.encode_name for field in msgspec.structs.fields(row) if field.required and field.name not in good]
    if missing:
        raise msgspec.ValidationError(f"{missing[0]} is missing or malformed")
    return row(**good), bad


def converted(value: object, kind: type[Any]) -> Any:
    """The value as the type wants it. Raises `msgspec.ValidationError`."""
    try:
        return msgspec.convert(value, kind)
    except UnicodeEncodeError as broken:  # half a surrogate pair where no text is expected
        raise msgspec.ValidationError("no whole text") from broken


class _HalfGood(Exception):
    """A value of which a part had to be left out."""

    def __init__(self, value: object) -> None:
        self.value = value


def _mended_value(value: object, kind: Any) -> object:
    """The value as the type wants it. Raises `msgspec.ValidationError`, or `_HalfGood` with what could be kept."""
    try:
        return converted(value, kind)
    except msgspec.ValidationError:
        options = get_args(kind) if isinstance(kind, UnionType) or get_origin(kind) is not None else (kind,)
        if not isinstance(kind, UnionType):
            options = (kind,)
        for option in options:
            if isinstance(value, dict) and isinstance(option, type) and issubclass(option, msgspec.Struct):
                raise _HalfGood(mended(value, option)[0]) from None
            if isinstance(value, list) and get_origin(option) is list:
                raise _HalfGood(_good_items(value, get_args(option)[0])) from None
            if isinstance(value, dict) and get_origin(option) is dict:
                item = get_args(option)[1]
                raise _HalfGood(
                    {key: kept for key, one in value.items() for kept in _good_items([one], item)}
                ) from None
            if option is int and (number := as_int(value)) is not None:
                raise _HalfGood(number) from None
        raise


def _good_items(items: list[object], kind: Any) -> list[object]:
    good: list[object] = []
    for item in items:
        try:
            good.append(converted(item, kind))
        except msgspec.ValidationError:
            continue
    return good
