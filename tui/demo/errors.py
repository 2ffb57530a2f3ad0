"""Refusals as OpenRouter words them (reference, sections 13 and 14)."""

from __future__ import annotations

from typing import Any, Final

from tui.demo.settings import Row

ERROR_TYPES: Final = {
    400: "invalid_request",
    401: "authentication",
    402: "payment_required",
    403: "permission_denied",
    404: "not_found",
    408: "timeout",
    413: "payload_too_large",
    422: "unprocessable",
    429: "rate_limit_exceeded",
    500: "server",
    502: "provider_unavailable",
    503: "provider_overloaded",
    504: "timeout",
    524: "timeout",
    529: "provider_overloaded",
}

DOCS: Final = "https://openrouter.ai/docs/errors#"


class Refusal(Exception):
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status: Final = status
        self.headers: Final = headers or {}
        self.error: Final[Row] = {"code": status, "message": message, **more}

    @property
    def body(self) -> Row:
        """The JSON body."""
        return {"error": self.error}


def refusal(status: int, message: str, *, headers: dict[str, str] | None = None, **metadata: Any) -> Refusal:
    """A refusal whose metadata holds the stable error type."""
    metadata = {"error_type": ERROR_TYPES.get(status, "unmapped"), **metadata}
    return Refusal(status, message, headers=headers, metadata=metadata)


def unavailable(status: int, code: str, model: str, message: str, **more: Any) -> Refusal:
    """A refusal that says why the model cannot be used (`error.availability`)."""
    kind = ERROR_TYPES[status]
    return Refusal(
        status,
        message,
        metadata={"error_type": kind},
        error_type=kind,
        http_status=status,
        availability={
            "code": code,
            "retryable": more.pop("retryable", False),
            "requested_models": [model],
            "docs_url": DOCS + code,
            **more,
        },
    )


def no_such_model(model: str, status: int = 400) -> Refusal:
    """An unknown id: 400 on chat, 404 on embeddings."""
    if status == 404:
        return unavailable(404, "no_endpoints", model, f"No endpoints found for {model}.")
    return unavailable(400, "model_not_found", model, f"{model} is not a valid model ID")
