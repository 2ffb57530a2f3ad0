"""Request bodies: only what is set is sent, amounts as JSON numbers, foreign parts exactly as they came."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec

from tui.openrouter.chat import ChatParameters, ChatRequest, EmbeddingRequest, RequestMessage
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean, Opaque

ServerKind: TypeAlias = Literal["openrouter", "openai"]

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def chat_body(request: ChatRequest, kind: ServerKind) -> bytes:
    """The body of `POST /chat/completions`. Raises `ApiError` when a part given as JSON text is none."""
    fields: dict[str, object] = {
        "model": request.model.raw,
        "messages": [_message(message) for message in request.messages],
        "stream": request.stream,
    }
    _set_parameters(fields, request.parameters, kind)
    if kind == "openai" and request.stream:
        fields["stream_options"] = {"include_usage": True}
    return _encoded(fields)


def embedding_body(request: EmbeddingRequest, kind: ServerKind) -> bytes:
    """The body of `POST /embeddings`; floats are asked for, since not every model can do base64."""
    fields: dict[str, object] = {
        "model": request.model.raw,
        "input": list(request.input),
        "encoding_format": "float",
    }
    if request.dimensions is not None:
        fields["dimensions"] = request.dimensions
    if request.user:
        fields["user"] = request.user
    if kind == "openrouter":
        if request.input_type:
            fields["input_type"] = request.input_type
        if request.provider:
            fields["provider"] = _json_text(request.provider, "provider")
    return _encoded(fields)


def endpoints_path(model: Opaque) -> str:
    """`/models/{author}/{slug}/endpoints`, the slash left as it is. Raises `ApiError` for an id that is no path."""
    if any(step in ("", ".", "..") for step in model.raw.split("/")):
        raise ApiError(
            ErrorKind.NOT_FOUND,
            Clean(f"There are no endpoints for {model.shown()}."),
            advice=Clean("Choose another model."),
            request_written=False,
        )
    return f"/models/{quote(model.raw, safe='/:@~!$&()*+,;=-._', errors='replace')}/endpoints"


def _message(message: RequestMessage) -> dict[str, object]:
    fields: dict[str, object] = {"role": message.role, "content": message.content}
    for name, part in (("reasoning_details", message.reasoning_details), ("tool_calls", message.tool_calls)):
        if part is not None and (raw := _checked(part.raw)) is not None:
            fields[name] = raw
    return fields


def _set_parameters(fields: dict[str, object], parameters: ChatParameters, kind: ServerKind) -> None:
    for name in ("max_tokens", "temperature", "top_p", "seed"):
        value = getattr(parameters, name)
        if value is not None:
            if isinstance(value, Decimal) and not value.is_finite():
                raise _unsendable(f"{name} is no number")
            fields[name] = value
    if parameters.stop:
        fields["stop"] = list(parameters.stop)
    if parameters.user:
        fields["user"] = parameters.user
    if parameters.response_format:
        fields["response_format"] = _json_text(parameters.response_format, "response_format")
    if kind == "openai":
        if parameters.reasoning_effort:
            fields["reasoning_effort"] = parameters.reasoning_effort
        return
    if parameters.reasoning_effort:
        fields["reasoning"] = {"effort": parameters.reasoning_effort}
    if parameters.provider:
        fields["provider"] = _json_text(parameters.provider, "provider")
    if parameters.fallback_models:
        fields["models"] = [model.raw for model in parameters.fallback_models]
    if parameters.web_search:
        fields["tools"] = [{"type": "openrouter:web_search"}]


def _json_text(text: str, name: str) -> msgspec.Raw:
    raw = _checked(text)
    if raw is None:
        raise _unsendable(f"{name} is no valid JSON")
    return raw


def _checked(text: str) -> msgspec.Raw | None:
    """JSON text as it stands, or None when it would spoil the body it is put into."""
    try:
        body = text.encode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return msgspec.Raw(body)


def _encoded(fields: dict[str, object]) -> bytes:
    try:
        return _ENCODER.encode(fields)
    except UnicodeEncodeError:  # half a character, pasted or read from a file
        return _ENCODER.encode(_without_surrogates(fields))


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def _unsendable(what: str) -> ApiError:
    return ApiError(
        ErrorKind.BAD_REQUEST,
        Clean(f"The request was not sent: {what}."),
        advice=Clean("Correct the parameters."),
        request_written=False,
    )
