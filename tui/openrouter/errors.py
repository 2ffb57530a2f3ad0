"""One typed error for everything that can go wrong between us and the server."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, final

from typing_extensions import override

from tui.openrouter.text import Clean, Opaque


class ErrorKind(StrEnum):
    """What went wrong, in the terms a user acts on; also the `kind` of `ortui ask --json`."""

    BAD_REQUEST = "bad_request"
    UNKNOWN_MODEL = "unknown_model"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_KEY = "bad_key"
    NO_CREDIT = "no_credit"
    KEY_LIMIT = "key_limit"
    IN_FLIGHT_BUDGET = "in_flight_budget"
    FORBIDDEN = "forbidden"
    MODERATED = "moderated"
    NOT_FOUND = "not_found"
    NO_ENDPOINTS = "no_endpoints"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"
    RATE_LIMITED = "rate_limited"
    FREE_PER_MINUTE = "free_per_minute"
    FREE_PER_DAY = "free_per_day"
    SERVER_ERROR = "server_error"
    PROVIDER_DOWN = "provider_down"
    OVERLOADED = "overloaded"
    EDGE_ERROR = "edge_error"
    UNREADABLE = "unreadable"
    REFUSED = "connection_refused"
    DNS = "dns"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    PROXY = "proxy"
    CONNECTION_LOST = "connection_lost"
    STALLED = "stalled"
    CUT_OFF = "cut_off"
    NO_KEY = "no_key"
    OWN_LIMIT = "own_limit"
    OWN_BUDGET = "own_budget"
    INTERNAL = "internal"


@final
class ApiError(Exception):
    """A refusal, a failure or a lost connection: a kind, a sentence a user understands, and what to do next."""

    def __init__(
        self,
        kind: ErrorKind,
        message: Clean,
        *,
        advice: Clean,
        status: int | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
        reset_at_ms: int | None = None,
        server_date: float | None = None,
        request_written: bool = True,
        outcome_unknown: bool = False,
        provider: Clean | None = None,
        fallback_models: tuple[Opaque, ...] = (),
        generation_id: Opaque | None = None,
        is_platform_limit: bool = False,
        limit: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: Final = kind
        self.message: Final = message
        self.advice: Final = advice
        """What to do next, a short sentence."""
        self.status: Final = status
        """The HTTP status, or the error's own code inside a 200; None for network failures."""
        self.retryable: Final = retryable
        """Whether the design's retry rules allow this POST to be repeated, provided that no content came."""
        self.retry_after_s: Final = retry_after_s
        self.reset_at_ms: Final = reset_at_ms
        """`X-RateLimit-Reset`: epoch milliseconds by the server's clock."""
        self.server_date: Final = server_date
        """The response's `Date` in epoch seconds, to read `reset_at_ms` against."""
        self.request_written: Final = request_written
        """False only when nothing can have reached the server: DNS, TLS, refused, connect time-out."""
        self.outcome_unknown: Final = outcome_unknown
        """The request may have been carried out and billed: 504, 520 to 526, lost after it was written."""
        self.provider: Final = provider
        self.fallback_models: Final = fallback_models
        self.generation_id: Final = generation_id
        self.limit: Final = limit
        """`X-RateLimit-Limit`: how large the platform's limit is, in requests."""
        self.is_platform_limit: Final = is_platform_limit
        """A 429 of OpenRouter itself rather than of a provider."""

    @override
    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()
