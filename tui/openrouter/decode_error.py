"""From an error of the server to one `ApiError`: kind, sentence, advice ("Errors" and "Limits" of the API reference).

Nothing is decided by prose where a code exists: first `availability.code`, then `limit_source` and `error_type`, then
the status. Prose decides only for servers that send no codes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from tui.openrouter.error_words import Words, words_for
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.lenient import NotJson, as_float, as_int, as_list, as_mapping, as_opaque, as_text, loads
from tui.openrouter.text import Clean, Opaque, clean_line
from tui.secret import strike_out

if TYPE_CHECKING:
    from tui.secret import Secret

_LONGEST_QUOTE: Final = 300
_LONGEST_WAIT_S: Final = 366 * 86_400.0
_KEYS: Final = r"\bsk-[A-Za-z0-9_*-]{3,}|(?<=Bearer )\S+"

_SAYS_NOTHING: Final = frozenset({"provider returned error", "error", "internal server error"})

_RETRYABLE: Final = frozenset({408, 429, 500, 502, 503, 529})
"""Statuses on which a POST may be repeated, before any content."""
_OUTCOME_UNKNOWN: Final = frozenset({504, *range(520, 527)})

_STATUS_OF_TYPE: Final = {
    **dict.fromkeys(
        (
            "context_length_exceeded",
            "max_tokens_exceeded",
            "token_limit_exceeded",
            "string_too_long",
            "invalid_request",
            "invalid_request_error",
            "invalid_prompt",
            "content_policy_violation",
            "refusal",
            "invalid_image",
            "image_too_large",
            "image_too_small",
            "unsupported_image_format",
            "image_download_failed",
        ),
        400,
    ),
    "authentication": 401,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "payment_required": 402,
    "insufficient_quota": 402,
    "permission_denied": 403,
    "permission_error": 403,
    "not_found": 404,
    "not_found_error": 404,
    "image_not_found": 404,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unprocessable": 422,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "server": 500,
    "server_error": 500,
    "api_error": 500,
    "unmapped": 500,
    "provider_unavailable": 502,
    "provider_overloaded": 503,
    "overloaded_error": 529,
    "timeout": 504,
}

_KIND_OF_STATUS: Final = {
    400: ErrorKind.BAD_REQUEST,
    401: ErrorKind.BAD_KEY,
    402: ErrorKind.NO_CREDIT,
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    407: ErrorKind.PROXY,
    408: ErrorKind.TIMED_OUT,
    413: ErrorKind.TOO_LARGE,
    422: ErrorKind.UNPROCESSABLE,
    429: ErrorKind.RATE_LIMITED,
    502: ErrorKind.PROVIDER_DOWN,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMED_OUT,
    524: ErrorKind.TIMED_OUT,
    529: ErrorKind.OVERLOADED,
    **dict.fromkeys((520, 521, 522, 523, 525, 526, 530), ErrorKind.EDGE_ERROR),
}

_KIND_OF_AVAILABILITY: Final = {
    "model_not_found": ErrorKind.UNKNOWN_MODEL,
    "wrong_endpoint": ErrorKind.BAD_REQUEST,
    "no_endpoints": ErrorKind.NO_ENDPOINTS,
    "model_deprecated": ErrorKind.NO_ENDPOINTS,
    "model_unavailable_upstream": ErrorKind.NO_ENDPOINTS,
    "privacy_restricted": ErrorKind.NO_ENDPOINTS,
    "constraint_filtered": ErrorKind.NO_ENDPOINTS,
    "free_variant_ended": ErrorKind.NO_ENDPOINTS,
    "region_restricted": ErrorKind.FORBIDDEN,
    "capacity_exhausted": ErrorKind.RATE_LIMITED,
    "temporarily_unavailable": ErrorKind.OVERLOADED,
}

_KIND_OF_LIMIT: Final = {
    "openrouter_free_tier_minute": ErrorKind.FREE_PER_MINUTE,
    "openrouter_free_tier_daily": ErrorKind.FREE_PER_DAY,
    "upstream_provider_shared_pool": ErrorKind.RATE_LIMITED,
    "openrouter_in_flight_budget": ErrorKind.IN_FLIGHT_BUDGET,
    "openrouter_credits": ErrorKind.NO_CREDIT,
    "openrouter_key_limit": ErrorKind.KEY_LIMIT,
    # Exit status and remedy are those of a key's cap: somebody has to raise it.
    "openrouter_guardrail_budget": ErrorKind.KEY_LIMIT,
    "openrouter_workspace_budget": ErrorKind.KEY_LIMIT,
}

_TOO_LONG: Final = frozenset(
    {"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"}
)
_REFUSED_CONTENT: Final = frozenset({"content_policy_violation", "refusal", "content_filter"})


class _Said(msgspec.Struct, frozen=True):
    """What an error object says, its parts found wherever the variants put them."""

    error: Mapping[str, object]
    metadata: Mapping[str, object]
    availability: Mapping[str, object]
    status: int | None
    error_type: str
    limit_source: str
    message: str
    not_the_api: bool = False

    @property
    def availability_code(self) -> str:
        return as_text(self.availability.get("code")) or ""


def error_from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    method: str = "POST",
    key: Secret | None = None,
    generation_id: Opaque | None = None,
) -> ApiError:
    """The error of a response whose status is no 200; any body will do, also HTML or none.

    `key` is struck out of whatever the server says. For a GET every failure that may pass is retryable.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    said = _read(_parse(body), status=status)
    if not said.error:
        said = _Said({}, {}, {}, status, "", "", _text_of_page(body), not_the_api=True)
    if 300 <= status < 400:
        said = _Said({}, {}, {}, status, "", "", lowered.get("location", ""))
    return _build(
        said,
        status=status,
        headers=lowered,
        method=method,
        key=key,
        generation_id=generation_id or as_opaque(lowered.get("x-generation-id")),
    )


def error_in_body(
    body: object, headers: Mapping[str, str], *, method: str = "POST", key: Secret | None = None
) -> ApiError | None:
    """The error inside a 200, where a list, vectors or a record were expected; None when there is none."""
    fields = as_mapping(body)
    if not fields.get("error"):
        return None
    said = _read(fields, status=None)
    lowered = {name.lower(): value for name, value in headers.items()}
    return _build(said, status=said.status, headers=lowered, method=method, key=key, generation_id=None)


def error_from_stream(
    error: object, *, first: bool, generation_id: Opaque | None = None, key: Secret | None = None
) -> ApiError:
    """The error object of a stream's event or of a choice; only as the `first` event may it be retryable."""
    said = _read({"error": error}, status=None)
    return _build(
        said, status=said.status, headers={}, method="POST", key=key, generation_id=generation_id, repeatable=first
    )


def mask_keys(text: str, key: Secret | None = None) -> str:
    """Strike out whatever looks like a key, and the key that was used."""
    if key is not None:
        text = strike_out(text, key.reveal(), "sk-…")
    return re.sub(_KEYS, "sk-…", text)


def seconds_until(value: str, now: float) -> float | None:
    """A `Retry-After`: seconds, or an HTTP date read against `now` (epoch seconds)."""
    seconds = as_float(value)
    if seconds is None:
        moment = epoch_of_date(value)
        seconds = None if moment is None else moment - now
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT_S)


def epoch_of_date(value: str | None) -> float | None:
    """An HTTP date in epoch seconds."""
    if not value:
        return None
    from email.utils import parsedate_to_datetime  # five modules that the first screen does not need

    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _parse(body: bytes) -> Mapping[str, object]:
    try:
        return as_mapping(loads(body))
    except NotJson:
        return {}


def _read(body: Mapping[str, object], *, status: int | None) -> _Said:
    error_value = body.get("error")
    error = as_mapping(error_value)
    if not error and isinstance(error_value, str) and error_value:
        error = {"message": error_value}
    if not error and status is not None and (loose := body.get("message") or body.get("detail")):
        error = {"message": loose if isinstance(loose, str) else "", "code": body.get("code")}
    metadata = as_mapping(error.get("metadata"))
    code = error.get("code")
    error_type = (
        as_text(metadata.get("error_type"))
        or as_text(error.get("error_type"))
        or (code if isinstance(code, str) and not code.isdigit() else None)
        or as_text(error.get("type"))
        or ""
    )
    own_status = as_int(code) or as_int(error.get("http_status")) or _STATUS_OF_TYPE.get(error_type)
    if own_status is not None and not 100 <= own_status <= 599:
        own_status = _STATUS_OF_TYPE.get(error_type)
    return _Said(
        error=error,
        metadata=metadata,
        availability=as_mapping(error.get("availability")) or as_mapping(metadata.get("availability")),
        status=own_status if status is None else status,
        error_type=error_type,
        limit_source=as_text(metadata.get("limit_source")) or "",
        message=_message(error, metadata),
    )


def _message(error: Mapping[str, object], metadata: Mapping[str, object]) -> str:
    """What the error says in words: the provider's own where OpenRouter only says that there are some."""
    message = as_text(error.get("message")) or ""
    if message[:1] in "[{" and message:
        message = _inner_message(message)
    raw = metadata.get("raw")
    inner = _inner_message(raw) if isinstance(raw, str) else _message_in(raw)
    if inner and (not message or message.strip(" .").lower() in _SAYS_NOTHING):
        message = inner
    elif inner and inner not in message:
        message = f"{message}: {inner}"
    hint = as_text(metadata.get("remedy_hint"))
    if hint and hint not in message:
        message = f"{message.rstrip('. ')}. {hint}" if message else hint
    return message


def _inner_message(text: str) -> str:
    """The words inside JSON that was sent as text: a validation failure's list, or a provider's error."""
    if text.lstrip()[:1] not in ("{", "["):
        return text.strip()
    try:
        return _message_in(loads(text)) or text.strip()
    except NotJson:
        return text.strip()


def _message_in(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(filter(None, (_issue(issue) for issue in value[:3])))
    fields = as_mapping(value)
    error = fields.get("error")
    inner = as_text(as_mapping(error).get("message")) or as_text(error)
    return inner or as_text(fields.get("message")) or as_text(fields.get("detail")) or ""


def _issue(issue: object) -> str:
    fields = as_mapping(issue)
    path = ".".join(str(step) for step in as_list(fields.get("path")))
    message = as_text(fields.get("message")) or ""
    return f"{path}: {message}" if path else message


def _text_of_page(body: bytes) -> str:
    """The title of an HTML page, or the beginning of a plain one."""
    text = body[:20_000].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
    if title:
        return " ".join(title[1].split())
    return "" if text.lstrip()[:1] in ("<", "{", "[") else " ".join(text.split())


def _kind(said: _Said, status: int | None) -> ErrorKind:
    if said.availability_code in _KIND_OF_AVAILABILITY:
        kind = _KIND_OF_AVAILABILITY[said.availability_code]
        excluded = bool(as_list(said.availability.get("excluded_by")))
        return ErrorKind.NO_ENDPOINTS if kind is ErrorKind.OVERLOADED and excluded else kind
    if as_text(said.metadata.get("reason")) == "in_flight_budget_exhausted":
        return ErrorKind.IN_FLIGHT_BUDGET
    if status in (402, 403, 429) and said.limit_source in _KIND_OF_LIMIT:
        return _KIND_OF_LIMIT[said.limit_source]
    if status in (400, 413, 422) and said.error_type in _TOO_LONG:
        return ErrorKind.CONTEXT_TOO_LONG
    if said.error_type in _REFUSED_CONTENT or (
        status == 403 and ("flagged_input" in said.metadata or "reasons" in said.metadata)
    ):
        return ErrorKind.MODERATED
    by_prose = _kind_by_prose(said, status)
    if by_prose is not None:
        return by_prose
    if status is None:
        return ErrorKind.SERVER_ERROR
    if 300 <= status < 400:
        return ErrorKind.UNREADABLE
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    return ErrorKind.SERVER_ERROR if status >= 500 else ErrorKind.BAD_REQUEST


def _kind_by_prose(said: _Said, status: int | None) -> ErrorKind | None:
    """For answers without OpenRouter's codes: the few wordings and words of OpenAI's that are known and matter."""
    message = (as_text(said.error.get("message")) or "").lower()
    match status:
        case 400 | 404 if said.error_type == "model_not_found" or "is not a valid model" in message:
            return ErrorKind.UNKNOWN_MODEL
        case 400 if "maximum context length" in message:
            return ErrorKind.CONTEXT_TOO_LONG
        case 402 | 403 if "key limit exceeded" in message:
            return ErrorKind.KEY_LIMIT
        case 404 if "no endpoints" in message or "no allowed providers" in message:
            return ErrorKind.NO_ENDPOINTS
        case 404 if "failed_routing_step" in said.metadata:
            return ErrorKind.NO_ENDPOINTS
        case 429 if said.error_type == "insufficient_quota":  # as OpenAI tells an empty balance
            return ErrorKind.NO_CREDIT
        case 429 if "free-models-per-min" in message:
            return ErrorKind.FREE_PER_MINUTE
        case 429 if "free-models-per-day" in message:
            return ErrorKind.FREE_PER_DAY
    return None


def _build(
    said: _Said,
    *,
    status: int | None,
    headers: Mapping[str, str],
    method: str,
    key: Secret | None,
    generation_id: Opaque | None,
    repeatable: bool = True,
) -> ApiError:
    kind = _kind(said, status)
    server_date = epoch_of_date(headers.get("date"))
    reset_at_ms = _reset_at_ms(said, headers)
    platform = status == 429 and (
        kind in (ErrorKind.FREE_PER_MINUTE, ErrorKind.FREE_PER_DAY) or reset_at_ms is not None
    )
    provider = None if platform else _provider(said)
    words = words_for(kind, status, said.availability_code, said.limit_source, html=said.not_the_api)
    return ApiError(
        kind,
        _sentence(words, said.message, provider, key),
        advice=_advice(words, said),
        status=status,
        retryable=repeatable and _may_repeat(said, kind, status, method),
        retry_after_s=_retry_after_s(said, headers, reset_at_ms, server_date),
        reset_at_ms=reset_at_ms,
        server_date=server_date,
        outcome_unknown=method == "POST" and status in _OUTCOME_UNKNOWN,
        provider=provider,
        fallback_models=_fallback_models(said),
        generation_id=generation_id,
        is_platform_limit=platform,
        limit=as_int(_header(said, headers, "x-ratelimit-limit")) if platform else None,
    )


def _may_repeat(said: _Said, kind: ErrorKind, status: int | None, method: str) -> bool:
    flagged = said.availability.get("retryable")
    if method == "GET":
        return status is not None and (status in (408, 425, 429) or status >= 500)
    if kind is ErrorKind.IN_FLIGHT_BUDGET and status == 402:
        return True
    return status in _RETRYABLE and flagged is not False and kind is not ErrorKind.NO_CREDIT


def _sentence(words: Words, message: str, provider: Clean | None, key: Secret | None) -> Clean:
    quote = clean_line(mask_keys(" ".join(message.split()), key))
    if len(quote) > _LONGEST_QUOTE:
        quote = Clean(quote[: _LONGEST_QUOTE - 1] + "…")
    bare = quote.strip(" .").lower()
    if not bare or bare in _SAYS_NOTHING or bare in words.sentence.lower():
        return Clean(f"{words.sentence} ({provider})." if provider else f"{words.sentence}.")
    who = f"{provider}: " if provider and provider not in quote else ""
    return Clean(f"{words.sentence}: {who}{quote}{'' if quote[-1] in '.!?…' else '.'}")


def _advice(words: Words, said: _Said) -> Clean:
    constraint = as_mapping(said.availability.get("constraint"))
    detail = as_text(constraint.get("detail"))
    excluded = [text for item in as_list(said.availability.get("excluded_by")) if (text := as_text(item))]
    twins = _fallback_models(said)
    advice = words.advice
    if twins and said.availability_code == "free_variant_ended":
        advice = f"Use the paid twin {twins[0].shown()}."
    elif twins:
        advice = f"{advice} It could be {', '.join(twin.shown() for twin in twins[:3])}."
    if detail:
        advice = f"{advice} {detail.rstrip('.')}."
    if excluded:
        advice = f"{advice} Left out by {', '.join(excluded[:4])}."
    return clean_line(mask_keys(advice[:_LONGEST_QUOTE]))


def _fallback_models(said: _Said) -> tuple[Opaque, ...]:
    models = (as_opaque(model) for model in as_list(said.availability.get("fallback_models"))[:20])
    return tuple(model for model in models if model is not None)


def _provider(said: _Said) -> Clean | None:
    name = as_text(said.metadata.get("provider_name"))
    if name is None:
        affected = as_list(said.availability.get("affected_providers"))
        name = as_text(affected[0]) if affected else None
    return None if name is None else Clean(clean_line(name)[:80])


def _header(said: _Said, headers: Mapping[str, str], name: str) -> str | None:
    """A header of the response, or of those that `metadata.headers` repeats."""
    if name in headers:
        return headers[name]
    for repeated, value in as_mapping(said.metadata.get("headers")).items():
        if repeated.lower() == name and isinstance(value, str | int):
            return str(value)
    return None


def _reset_at_ms(said: _Said, headers: Mapping[str, str]) -> int | None:
    reset = as_int(_header(said, headers, "x-ratelimit-reset"))
    if reset is None or reset <= 0:
        return None
    return reset * 1000 if reset < 100_000_000_000 else reset  # some compatible servers say seconds


def _retry_after_s(
    said: _Said, headers: Mapping[str, str], reset_at_ms: int | None, server_date: float | None
) -> float | None:
    now = time.time() if server_date is None else server_date
    candidates = (
        _header(said, headers, "retry-after"),
        said.metadata.get("retry_after_seconds"),
        said.availability.get("retry_after"),
    )
    for candidate in candidates:
        seconds = seconds_until(candidate, now) if isinstance(candidate, str) else as_float(candidate)
        if seconds is not None:
            return min(max(seconds, 0.0), _LONGEST_WAIT_S)
    if reset_at_ms is None:
        return None
    return min(max(reset_at_ms / 1000 - now, 0.0), _LONGEST_WAIT_S)
