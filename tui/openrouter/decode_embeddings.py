"""Vectors from the reply of `POST /embeddings`, whatever form they have ("Embeddings" of the API reference)."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from array import array
from typing import Final

import msgspec

from tui.openrouter.chat import EmbeddingReply, Usage
from tui.openrouter.decode_usage import usage_from
from tui.openrouter.lenient import NotJson, as_count, as_line, as_list, as_mapping, as_opaque, loads
from tui.openrouter.text import Opaque


class UnreadableVectors(ValueError):
    """The reply does not hold one good vector for each text; the message says what is wrong with it."""


_NOTHING: Final = msgspec.Raw(b"")


class _Row(msgspec.Struct, gc=False):
    embedding: list[float] | str
    index: int | None = None


class _Reply(msgspec.Struct, gc=False):
    data: list[_Row]
    id: msgspec.Raw = _NOTHING
    model: msgspec.Raw = _NOTHING
    provider: msgspec.Raw = _NOTHING
    usage: msgspec.Raw = _NOTHING


_decode_reply: Final = msgspec.json.Decoder(_Reply).decode


def vectors_from(body: bytes, expected: int, generation_id: Opaque | None) -> EmbeddingReply:
    """The vectors in the order of the texts. Takes some 10 ms for a megabyte. Raises `UnreadableVectors`."""
    try:
        reply = _decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reply = _lenient_reply(body)
    rows = reply.data
    if len(rows) != expected:
        raise UnreadableVectors(f"{len(rows)} vectors came for {expected} texts")
    indexes = [row.index for row in rows]
    if any(index is not None for index in indexes):
        if sorted(-1 if index is None else index for index in indexes) != list(range(expected)):
            raise UnreadableVectors("the vectors are not numbered as the texts are")
        rows = sorted(rows, key=lambda row: row.index or 0)
    vectors = tuple(_packed(row.embedding) for row in rows)
    widths = {len(vector) for vector in vectors}
    if len(widths) != 1 or 0 in widths:
        raise UnreadableVectors("the vectors have different lengths" if len(widths) > 1 else "the vectors are empty")
    return EmbeddingReply(
        generation_id=generation_id or as_opaque(_value(reply.id)),
        model=as_line(_value(reply.model)),
        provider=as_line(_value(reply.provider)),
        vectors=vectors,
        dimensions=widths.pop() // 4,
        usage=usage_from(_value(reply.usage)) or Usage(),
    )


def _packed(embedding: list[float] | str) -> bytes:
    """Little-endian float32."""
    numbers = array("f")
    if isinstance(embedding, str):
        try:
            numbers.frombytes(base64.b64decode(embedding, validate=True))
        except (binascii.Error, ValueError):
            raise UnreadableVectors("a vector is neither a list of numbers nor base64 of them") from None
        if sys.byteorder == "big":
            numbers.byteswap()
    else:
        numbers.extend(embedding)
    if not all(map(math.isfinite, numbers)):
        raise UnreadableVectors("a vector holds something that is no number")
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _value(raw: msgspec.Raw) -> object:
    if not raw:
        return None
    try:
        return loads(bytes(raw))
    except NotJson:
        return None


def _lenient_reply(body: bytes) -> _Reply:
    try:
        reply = as_mapping(loads(body))
    except NotJson:
        raise UnreadableVectors("the answer is no JSON") from None
    if not isinstance(reply.get("data"), list):
        raise UnreadableVectors("the answer holds no vectors")
    rows: list[_Row] = []
    for item in as_list(reply.get("data")):
        fields = as_mapping(item)
        embedding = fields.get("embedding")
        if isinstance(embedding, list):
            try:
                embedding = [float(number) for number in embedding]
            except (TypeError, ValueError, OverflowError):
                raise UnreadableVectors("a vector holds something that is no number") from None
        elif not isinstance(embedding, str):
            raise UnreadableVectors("a vector is missing")
        rows.append(_Row(embedding, as_count(fields.get("index"))))
    return _Reply(rows, *(_raw(reply.get(name)) for name in ("id", "model", "provider", "usage")))


def _raw(value: object) -> msgspec.Raw:
    if value is None:
        return _NOTHING
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (UnicodeEncodeError, TypeError):
        return _NOTHING
