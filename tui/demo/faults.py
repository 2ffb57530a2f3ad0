"""Models named `demo/…` that fail on purpose, one for each case, and a few that only behave in a certain way.

Chat:

- refusals before the stream: `demo/400`, `401`, `402`, `402-in-flight` (twice, then works), `403`, `403-key-limit`,
  `403-moderation`, `404`, `408`, `413`, `422`, `429` (no Retry-After), `429-retry-after`, `500`, `502`, `503`, `504`,
  `524`, `529`, `html-502`, `empty-403`, `zod-400`, `hang-up` (the connection closes without an answer)
- work after failing: `demo/flaky-502`, `flaky-429`, `flaky-first-event` (each fails twice, works once, then again)
- inside a 200: `demo/error-in-200`, `first-event-error`, `mid-stream-error`, `cut-off`, `connection-lost`,
  `broken-json`
- shape: `demo/usage-with-choice`, `no-usage`, `finish-then-null`, `crlf`, `split-bytes`, `refusal`, `empty`,
  `length`, `image`
- pace and text: `demo/slow`, `slow-billed` (a provider that bills cancelled streams in full), `pause`, `hostile`,
  `flood`, `plain`, `reasoning`, `echo` (says the prompt back), `tools` (always calls)

Embeddings: `demo/embed-plain`, `embed-shuffled`, `embed-limit-10`, `embed-429`, `embed-502`, `embed-error-in-200`,
`embed-flaky`, `embed-base64-always`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tui.demo.errors import Refusal, refusal
from tui.demo.settings import Row

PLAIN_PRICE: Final = {"prompt": "0.000001", "completion": "0.000002"}

HOSTILE: Final = (
    "Escapes: \x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b]52;c;eA==\x1b\\ \x9b2J \x07 \x00 \x7f end.\n\n"
    "Direction: \u202egnp.exe\u202c \u2066isolated\u2069 \u200f\u061c end.\n\n"
    "Markup: [/b] [@click=app.quit]x[/] [red]not red[/red] [link=https://example.test]x[/link]\n\n"
    "Lines: one\u2028two\u2029three\x85four\r\nfive\rsix\x0bseven\x0ceight\n\n"
    "Tags: a\U000e0041\U000e0042b, joined: 👩‍👩‍👧‍👦, wide: 漢字かな, combined: e\u0301\u0301\u0301\n\n"
    "[a link](javascript:alert(1)) ![picture](file:///etc/passwd) <script>alert(1)</script> &lt;b&gt;\n\n"
    "```\n[/]\x1b[2J\n```\n\n" + "no-space-at-all-" * 40 + "\n"
)
"""What a terminal program must not pass on as it comes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a `demo/` model behaves; the behaviours that are more than a refusal are told apart by its id."""

    name: str
    label: str
    """What it does, as its display name says."""
    refusal: Refusal | None = None
    times: int | None = None
    """How often the refusal comes before one request works; None for always."""
    provider: str = "FakeProvider"
    reasoning: bool = False


def _raw(status: int, message: str, **metadata: Any) -> Refusal:
    """A provider's error passed on."""
    return refusal(
        status, "Provider returned error", provider_name="FakeProvider", raw=message, is_byok=False, **metadata
    )


CHAT: Final = (
    Fault("400", "always 400 bad request", refusal(400, "Expected temperature to be at most 2, received 5")),
    Fault("401", "always 401 key refused", refusal(401, "User not found.")),
    Fault(
        "402",
        "always 402 no credits",
        refusal(
            402,
            "This request requires more credits, or fewer max_tokens. "
            "You requested up to 4096 tokens, but can only afford 12.",
            limit_source="openrouter_credits",
            reason="weight_exceeds_budget",
        ),
    ),
    Fault(
        "402-in-flight",
        "402 budget in flight, twice",
        refusal(
            402,
            "Running requests already reserve the balance.",
            headers={"Retry-After": "1"},
            limit_source="openrouter_in_flight_budget",
            reason="in_flight_budget_exhausted",
            retry_after_seconds=1,
        ),
        times=2,
    ),
    Fault(
        "403", "always 403 forbidden", refusal(403, "This model is not allowed by a guardrail.", patterns=["demo/*"])
    ),
    Fault(
        "403-key-limit",
        "always 403 key limit",
        refusal(403, "Key limit exceeded (monthly limit)", limit_source="openrouter_key_limit"),
    ),
    Fault(
        "403-moderation",
        "always 403 flagged",
        refusal(
            403,
            "Your input was flagged",
            reasons=["violence"],
            flagged_input="The beginning...and the end",
            provider_name="FakeProvider",
            model_slug="demo/403-moderation",
        ),
    ),
    Fault("404", "always 404 no endpoints", refusal(404, "No endpoints found for demo/404.")),
    Fault("408", "always 408 timed out", refusal(408, "Request timed out")),
    Fault("413", "always 413 too large", refusal(413, "Payload too large")),
    Fault("422", "always 422 unprocessable", refusal(422, "Cannot process this request")),
    Fault(
        "429",
        "always 429, no Retry-After",
        _raw(429, "demo/429 is temporarily rate-limited upstream; please retry shortly."),
    ),
    Fault(
        "429-retry-after",
        "always 429 with Retry-After",
        refusal(
            429,
            "Provider returned error",
            headers={"Retry-After": "7"},
            provider_name="FakeProvider",
            raw="The shared pool of this model is full.",
            limit_source="upstream_provider_shared_pool",
            remedy_hint="Wait a little, or bring your own key.",
            retry_after_seconds=7,
        ),
    ),
    Fault("500", "always 500 internal error", refusal(500, "Internal Server Error")),
    Fault(
        "502",
        "always 502 provider down",
        _raw(502, '{"error":"upstream connect error"}', provider_code="connect_error"),
    ),
    Fault(
        "503",
        "always 503 overloaded",
        refusal(503, "No provider is available for this model.", headers={"Retry-After": "3"}),
    ),
    Fault("504", "always 504 gateway timeout", refusal(504, "Provider timed out")),
    Fault("524", "always 524 edge timeout", refusal(524, "Request timed out at the edge")),
    Fault("529", "always 529 provider overloaded", _raw(529, "Overloaded", provider_code="overloaded_error")),
    Fault("html-502", "502 with an HTML page"),
    Fault("empty-403", "403 with an empty body"),
    Fault("zod-400", "400 in the validator's words"),
    Fault("hang-up", "closes the connection without an answer"),
    Fault("flaky-502", "502 twice, then works", _raw(502, "upstream hiccup"), times=2),
    Fault(
        "flaky-429",
        "429 with Retry-After twice, then works",
        refusal(429, "Provider returned error", headers={"Retry-After": "1"}, retry_after_seconds=1),
        times=2,
    ),
    Fault("flaky-first-event", "error as first event twice, then works", _raw(502, "upstream hiccup"), times=2),
    Fault("error-in-200", "error inside a 200 body"),
    Fault("first-event-error", "error as the first event"),
    Fault("mid-stream-error", "error in mid-stream"),
    Fault("cut-off", "ends without [DONE]"),
    Fault("connection-lost", "connection lost in mid-stream"),
    Fault("broken-json", "broken JSON in an event"),
    Fault("usage-with-choice", "usage beside a repeated finish reason"),
    Fault("no-usage", "never says what it used"),
    Fault("finish-then-null", "finish reason goes back to null"),
    Fault("crlf", "CRLF line ends, no space after data:"),
    Fault("split-bytes", "events split inside characters"),
    Fault("refusal", "refuses in its own words"),
    Fault("empty", "answers nothing, for nothing"),
    Fault("length", "stops at the length limit"),
    Fault("image", "draws a picture"),
    Fault("slow", "slow; cancelling saves money"),
    Fault("slow-billed", "slow; cancelled replies are billed in full", provider="Google AI Studio"),
    Fault("pause", "a minute's pause in the middle"),
    Fault("hostile", "hostile text"),
    Fault("flood", "20,000 tokens at once"),
    Fault("plain", "a short plain reply"),
    Fault("reasoning", "thinks before it answers", reasoning=True),
    Fault("echo", "says the prompt back"),
    Fault("tools", "calls a tool, even one that nobody gave it"),
)

EMBEDDINGS: Final = (
    Fault("embed-plain", "embeddings of 256 numbers"),
    Fault("embed-shuffled", "vectors out of order"),
    Fault("embed-limit-10", "413 for more than 10 texts"),
    Fault(
        "embed-429",
        "always 429 with Retry-After",
        refusal(429, "Provider returned error", headers={"Retry-After": "2"}),
    ),
    Fault("embed-502", "always 502 provider down", _raw(502, "upstream connect error")),
    Fault("embed-error-in-200", "error inside a 200 body"),
    Fault("embed-flaky", "502 twice, then works", _raw(502, "upstream hiccup"), times=2),
    Fault("embed-base64-always", "base64 whatever was asked"),
)

BY_ID: Final = {f"demo/{fault.name}": fault for fault in (*CHAT, *EMBEDDINGS)}


def fault_rows(now: datetime) -> list[Row]:
    """The catalogue rows of these models; their names say what they do."""
    return [_row(fault, now, "text") for fault in CHAT] + [_row(fault, now, "embeddings") for fault in EMBEDDINGS]


def _row(fault: Fault, now: datetime, output: str) -> Row:
    model_id = f"demo/{fault.name}"
    row: Row = {
        "id": model_id,
        "canonical_slug": model_id,
        "hugging_face_id": None,
        "name": f"Demo: {fault.label}",
        "created": int(now.timestamp()) - 400 * 86_400,
        "description": f"{fault.label.capitalize()}, on purpose. For seeing what a client does then.",
        "context_length": 128_000 if output == "text" else 8192,
        "architecture": {
            "modality": f"text->{output}",
            "input_modalities": ["text"],
            "output_modalities": [output],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": dict(PLAIN_PRICE) if output == "text" else {"prompt": "0.00000002", "completion": "0"},
        "top_provider": {
            "context_length": 128_000 if output == "text" else 8192,
            "max_completion_tokens": 32_000 if output == "text" else None,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": ["max_tokens", "seed", "stop", "temperature", "tool_choice", "tools", "top_p"]
        if output == "text"
        else [],
        "default_parameters": None,
        "supported_voices": None,
        "knowledge_cutoff": None,
        "expiration_date": None,
        "links": {"details": f"/api/v1/models/{model_id}/endpoints"},
    }
    if fault.reasoning:
        row["reasoning"] = {
            "mandatory": False,
            "default_enabled": True,
            "supported_efforts": ["high", "medium", "low"],
            "default_effort": "medium",
        }
        row["supported_parameters"] = sorted([*row["supported_parameters"], "reasoning", "include_reasoning"])
    return row


def provider_of(model_id: str) -> str:
    """Who pretends to serve the model."""
    fault = BY_ID.get(model_id)
    return fault.provider if fault else "FakeProvider"
