"""Every status and every form of error body becomes one error that says what to do, and may be repeated or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tui.openrouter.decode_error import error_from_response, error_from_stream, error_in_body
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Opaque
from tui.secret import Secret

K = ErrorKind


def refused(status: int, body: object = None, headers: dict[str, str] | None = None, **options: Any) -> ApiError:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return error_from_response(status, headers or {}, raw, **options)


def said(status: int, message: str, **metadata: Any) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "metadata": metadata}}


STATUSES = [
    # status, kind, a POST may be repeated, may have been billed
    (400, K.BAD_REQUEST, False, False),
    (401, K.BAD_KEY, False, False),
    (402, K.NO_CREDIT, False, False),
    (403, K.FORBIDDEN, False, False),
    (404, K.NOT_FOUND, False, False),
    (405, K.BAD_REQUEST, False, False),
    (408, K.TIMED_OUT, True, False),
    (412, K.BAD_REQUEST, False, False),
    (413, K.TOO_LARGE, False, False),
    (418, K.BAD_REQUEST, False, False),
    (422, K.UNPROCESSABLE, False, False),
    (429, K.RATE_LIMITED, True, False),
    (500, K.SERVER_ERROR, True, False),
    (501, K.SERVER_ERROR, False, False),
    (502, K.PROVIDER_DOWN, True, False),
    (503, K.OVERLOADED, True, False),
    (504, K.TIMED_OUT, False, True),
    (520, K.EDGE_ERROR, False, True),
    (521, K.EDGE_ERROR, False, True),
    (522, K.EDGE_ERROR, False, True),
    (523, K.EDGE_ERROR, False, True),
    (524, K.TIMED_OUT, False, True),
    (525, K.EDGE_ERROR, False, True),
    (526, K.EDGE_ERROR, False, True),
    (529, K.OVERLOADED, True, False),
    (530, K.EDGE_ERROR, False, False),
]


@pytest.mark.parametrize(("status", "kind", "again", "unknown"), STATUSES)
def test_every_status(status: int, kind: ErrorKind, again: bool, unknown: bool) -> None:
    bodies: list[object] = [said(status, "Some words"), None, b"<html><title>Edge</title></html>", b"[]", {"error": {}}]
    for body in bodies:
        error = refused(status, body)
        assert (error.kind, error.retryable, error.outcome_unknown, error.status) == (kind, again, unknown, status)
        assert error.request_written
        assert error.message.endswith((".", "!", "?"))
        assert error.advice.endswith(".")
        assert "\n" not in str(error)
    assert refused(status, said(status, "Some words")).message.endswith(": Some words.")


@pytest.mark.parametrize("status", [status for status, *_ in STATUSES])
def test_a_get_may_be_repeated_when_the_failure_may_pass(status: int) -> None:
    error = refused(status, method="GET")
    assert error.retryable == (status in (408, 429) or status >= 500)
    assert not error.outcome_unknown


AVAILABILITY = [
    (400, "model_not_found", K.UNKNOWN_MODEL),
    (404, "model_not_found", K.UNKNOWN_MODEL),
    (400, "wrong_endpoint", K.BAD_REQUEST),
    (404, "no_endpoints", K.NO_ENDPOINTS),
    (404, "model_deprecated", K.NO_ENDPOINTS),
    (404, "model_unavailable_upstream", K.NO_ENDPOINTS),
    (404, "privacy_restricted", K.NO_ENDPOINTS),
    (404, "constraint_filtered", K.NO_ENDPOINTS),
    (404, "free_variant_ended", K.NO_ENDPOINTS),
    (403, "region_restricted", K.FORBIDDEN),
    (429, "capacity_exhausted", K.RATE_LIMITED),
    (503, "temporarily_unavailable", K.OVERLOADED),
]


@pytest.mark.parametrize(("status", "code", "kind"), AVAILABILITY)
@pytest.mark.parametrize("flag", [True, False, None])
def test_availability_without_a_code_of_its_own(status: int, code: str, kind: ErrorKind, flag: bool | None) -> None:
    body = {
        "error": {
            "message": "Because.",
            "error_type": "not_found",
            "http_status": status,
            "availability": {"code": code, "retryable": flag, "fallback_models": ["acme/paid", 7], "retry_after": 4},
        }
    }
    error = refused(status, body)
    assert error.kind is kind
    assert error.retryable == (status in (429, 503) and flag is not False)
    assert error.fallback_models == (Opaque("acme/paid"),)
    assert "acme/paid" in error.advice
    assert error.retry_after_s == 4


def test_an_unknown_availability_code_goes_by_status() -> None:
    body = {"error": {"message": "x", "availability": {"code": "brand_new", "retryable": True}}}
    assert (refused(404, body).kind, refused(404, body).retryable) == (K.NOT_FOUND, False)
    assert (refused(503, body).kind, refused(503, body).retryable) == (K.OVERLOADED, True)


def test_ones_own_constraints_are_named() -> None:
    availability = {
        "code": "temporarily_unavailable",
        "retryable": False,
        "excluded_by": ["max_price", "quantization"],
        "constraint": {"field": "max_price", "detail": "Raise max_price to 3"},
    }
    error = refused(503, {"error": {"message": "x", "availability": availability}})
    assert (error.kind, error.retryable) == (K.NO_ENDPOINTS, False)
    assert "max_price, quantization" in error.advice
    assert "Raise max_price to 3." in error.advice


# Money and keys


@pytest.mark.parametrize(
    ("status", "message", "metadata", "kind", "again"),
    [
        (402, "Insufficient credits", {}, K.NO_CREDIT, False),
        (402, "x", {"limit_source": "openrouter_credits", "reason": "weight_exceeds_budget"}, K.NO_CREDIT, False),
        (402, "x", {"limit_source": "openrouter_in_flight_budget"}, K.IN_FLIGHT_BUDGET, True),
        (402, "x", {"reason": "in_flight_budget_exhausted"}, K.IN_FLIGHT_BUDGET, True),
        (402, "x", {"limit_source": "openrouter_key_limit"}, K.KEY_LIMIT, False),
        (403, "x", {"limit_source": "openrouter_key_limit"}, K.KEY_LIMIT, False),
        (403, "Key limit exceeded (monthly limit)", {}, K.KEY_LIMIT, False),
        (403, "x", {"limit_source": "openrouter_guardrail_budget"}, K.KEY_LIMIT, False),
        (403, "x", {"limit_source": "openrouter_workspace_budget"}, K.KEY_LIMIT, False),
        (403, "Only management keys can perform this operation", {}, K.FORBIDDEN, False),
        (403, "flagged", {"reasons": ["violence"], "flagged_input": "a...b"}, K.MODERATED, False),
        (403, "guardrail", {"patterns": ["x"]}, K.FORBIDDEN, False),
        (400, "x", {"error_type": "context_length_exceeded"}, K.CONTEXT_TOO_LONG, False),
        (400, "x", {"error_type": "token_limit_exceeded"}, K.CONTEXT_TOO_LONG, False),
        (413, "x", {"error_type": "string_too_long"}, K.CONTEXT_TOO_LONG, False),
        (400, "x", {"error_type": "content_policy_violation"}, K.MODERATED, False),
        (400, "acme/nope is not a valid model ID", {}, K.UNKNOWN_MODEL, False),
        (400, "This endpoint's maximum context length is 8192 tokens", {}, K.CONTEXT_TOO_LONG, False),
        (404, "No endpoints found for acme/nope.", {}, K.NO_ENDPOINTS, False),
        (404, "x", {"failed_routing_step": "price"}, K.NO_ENDPOINTS, False),
    ],
)
def test_what_stands_behind_a_status(
    status: int, message: str, metadata: dict[str, Any], kind: ErrorKind, again: bool
) -> None:
    error = refused(status, said(status, message, **metadata), {"Retry-After": "2"})
    assert (error.kind, error.retryable, error.retry_after_s) == (kind, again, 2)


# 429

DATE = "Tue, 04 Aug 2026 12:00:00 GMT"
EPOCH = 1785844800


def test_the_platforms_limit_for_a_minute() -> None:
    headers = {"Date": DATE, "X-RateLimit-Limit": "20", "X-RateLimit-Reset": str((EPOCH + 40) * 1000)}
    error = refused(429, said(429, "Rate limit exceeded: free-models-per-min"), headers)
    assert (error.kind, error.is_platform_limit, error.retryable) == (K.FREE_PER_MINUTE, True, True)
    assert error.reset_at_ms == (EPOCH + 40) * 1000
    assert error.server_date == EPOCH
    assert error.retry_after_s == 40


def test_the_platforms_limit_for_a_day_told_only_in_the_body() -> None:
    body = said(
        429,
        "Rate limit exceeded: free-models-per-day-high-balance",
        headers={"X-RateLimit-Reset": str((EPOCH + 7200) * 1000), "Retry-After": 5},
        limit_source="openrouter_free_tier_daily",
    )
    error = refused(429, body, {"date": DATE})
    assert (error.kind, error.is_platform_limit) == (K.FREE_PER_DAY, True)
    assert error.reset_at_ms == (EPOCH + 7200) * 1000
    assert error.retry_after_s == 5


def test_a_providers_limit() -> None:
    body = said(
        429,
        "Provider returned error",
        provider_name="Google AI Studio",
        raw='{"error":{"message":"Resource exhausted"}}',
        limit_source="upstream_provider_shared_pool",
        remedy_hint="Bring your own key",
        retry_after_seconds=7,
    )
    error = refused(429, body)
    assert (error.kind, error.is_platform_limit, error.retryable) == (K.RATE_LIMITED, False, True)
    assert (error.provider, error.retry_after_s) == ("Google AI Studio", 7)
    assert "Google AI Studio: Resource exhausted. Bring your own key." in error.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("Tue, 04 Aug 2026 12:01:30 GMT", 90),
        ("Tue, 04 Aug 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("NaN", None),
        ("1e30", 366 * 86_400),
        ("", None),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(value: str, seconds: float | None) -> None:
    assert refused(429, None, {"Date": DATE, "Retry-After": value}).retry_after_s == seconds


@pytest.mark.parametrize("reset", ["soon", "-1", "0", "1e400", ""])
def test_an_absurd_reset_is_none(reset: str) -> None:
    error = refused(429, None, {"Date": DATE, "X-RateLimit-Reset": reset})
    assert (error.reset_at_ms, error.retry_after_s) == (None, None)


def test_a_reset_in_seconds_is_read_as_such() -> None:
    assert refused(429, None, {"X-RateLimit-Reset": str(EPOCH)}).reset_at_ms == EPOCH * 1000


# Odd bodies


def test_the_validators_list_becomes_words() -> None:
    issues = json.dumps([{"path": ["tools", 0, "name"], "message": "expected string"}, {"message": "and more"}, 5])
    error = refused(400, {"success": False, "error": {"name": "ZodError", "message": issues}})
    assert error.message == "The server refused the request: tools.0.name: expected string; and more."


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (b"<html><head><TITLE>\n502 Bad\nGateway </TITLE></head>", "502 Bad Gateway"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"message": "flat"}', "flat"),
        (b'{"detail": "fastapi"}', "fastapi"),
        (b'{"error": "just words"}', "just words"),
        (b'{"error": {"message": "a\\ud800b"}}', "a\ufffdb"),
        (b'\xef\xbb\xbf{"error": {"message": "bom"}}', "bom"),
    ],
)
def test_whatever_says_something_is_quoted(body: bytes, quoted: str) -> None:
    assert quoted in refused(502, body).message


@pytest.mark.parametrize("body", [b"<html><body>" + b"x" * 99999, b"{broken", b"\xff\xfe", b"{" * 99999, b"17", b'""'])
def test_whatever_says_nothing_is_not(body: bytes) -> None:
    assert len(refused(502, body).message) < 60


def test_strange_types_anywhere() -> None:
    values: list[object] = [None, 7, [], {}, "x", True, [[]], {"a": []}]
    for bad in values:
        body = {"error": {"code": bad, "message": bad, "metadata": bad, "availability": bad, "type": bad}}
        assert refused(429, body).kind is K.RATE_LIMITED
        keys = ("error_type", "raw", "remedy_hint", "headers", "provider_name", "retry_after_seconds", "limit_source")
        assert refused(429, said(429, "x", **dict.fromkeys(keys, bad))).kind is K.RATE_LIMITED
        inside = dict.fromkeys(("code", "fallback_models", "excluded_by", "constraint", "affected_providers"), bad)
        assert refused(429, {"error": {"availability": inside}}).kind is K.RATE_LIMITED


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "invalid_api_key", K.BAD_KEY),
        (404, "model_not_found", K.UNKNOWN_MODEL),
        (400, "context_length_exceeded", K.CONTEXT_TOO_LONG),
        (429, "insufficient_quota", K.NO_CREDIT),
    ],
)
def test_codes_of_other_servers(status: int, code: str, kind: ErrorKind) -> None:
    error = refused(status, {"error": {"message": "x", "type": "invalid_request_error", "param": None, "code": code}})
    assert (error.kind, error.retryable) == (kind, False)


def test_redirects_are_named_and_not_followed() -> None:
    error = refused(301, b"", {"Location": "https://elsewhere.test/api\x1b[2J"})
    assert (error.kind, error.retryable) == (K.UNREADABLE, False)
    assert "https://elsewhere.test/api␛[2J" in error.message


def test_keys_are_never_quoted() -> None:
    key = Secret("my-own-gateway-password")
    words = "Incorrect key sk-or-v1-0123456789abcdef, Bearer abcdefg or my-own-gateway-password"
    for body in (said(401, words), said(401, "Provider returned error", raw=words), words.encode()):
        error = refused(401, body, key=key)
        for secret in ("0123456789", "abcdefg", "my-own"):
            assert secret not in str(error)


def test_hostile_and_endless_words_are_cleaned_and_cut() -> None:
    error = refused(400, said(400, "[/b]\x1b]52;c;eA==\x1b\\ \u202e" + "x" * 5000, provider_name="\x1b[2J" * 100))
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)
    assert len(str(error)) < 600


def test_the_generation_id_is_kept() -> None:
    assert refused(502, None, {"X-Generation-Id": "gen-7"}).generation_id == Opaque("gen-7")


# Inside a 200


@pytest.mark.parametrize(
    ("error", "status", "kind", "again"),
    [
        ({"code": 502, "message": "x"}, 502, K.PROVIDER_DOWN, True),
        ({"code": "429", "message": "x"}, 429, K.RATE_LIMITED, True),
        ({"code": "server_error", "message": "x"}, 500, K.SERVER_ERROR, True),
        ({"message": "x", "metadata": {"error_type": "rate_limit_exceeded"}}, 429, K.RATE_LIMITED, True),
        ({"message": "x", "http_status": 404, "availability": {"code": "no_endpoints"}}, 404, K.NO_ENDPOINTS, False),
        (
            {"code": 400, "message": "x", "metadata": {"error_type": "context_length_exceeded"}},
            400,
            K.CONTEXT_TOO_LONG,
            False,
        ),
        ({"code": 524, "message": "x"}, 524, K.TIMED_OUT, False),
        ({"code": 0, "message": "x"}, None, K.SERVER_ERROR, False),
        ("words", None, K.SERVER_ERROR, False),
        ({}, None, K.SERVER_ERROR, False),
        (None, None, K.SERVER_ERROR, False),
        ([1], None, K.SERVER_ERROR, False),
    ],
)
def test_errors_of_a_stream(error: object, status: int | None, kind: ErrorKind, again: bool) -> None:
    first = error_from_stream(error, first=True)
    assert (first.status, first.kind, first.retryable) == (status, kind, again)
    assert not error_from_stream(error, first=False).retryable


def test_errors_where_a_list_was_expected() -> None:
    assert error_in_body({"data": []}, {}) is None
    assert error_in_body([], {}) is None
    error = error_in_body({"error": {"code": 503, "message": "x"}}, {"Retry-After": "3"}, method="GET")
    assert error is not None
    assert (error.status, error.retryable, error.retry_after_s) == (503, True, 3)
