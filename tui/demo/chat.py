"""`POST /chat/completions`: check, choose who serves, reply as JSON or as a stream, and write the bill."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tui.demo import chunks, families, tokens
from tui.demo.endpoints import route
from tui.demo.errors import Refusal, no_such_model, refusal, unavailable
from tui.demo.faults import BY_ID
from tui.demo.gate import Desk, check_fault, read_body
from tui.demo.ledger import Account, Entry
from tui.demo.plan import Plan, bare_variant, write_reply
from tui.demo.prices import Counts, applying, bill
from tui.demo.settings import Row
from tui.demo.stream import EventStream, encode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

RANGES: Final = {
    "temperature": (0, 2), "top_p": (0, 1), "min_p": (0, 1), "top_a": (0, 1), "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2), "repetition_penalty": (0, 2), "top_logprobs": (0, 20),
}  # fmt: skip
AUTO_CHOICES: Final = (
    "openai/gpt-4o-mini",
    "anthropic/claude-haiku-4.5",
    "google/gemini-2.5-flash",
    "mistralai/mistral-medium-3.1",
)
ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
CACHE_UNIT: Final = 16
"""Prompt tokens are cached in blocks of so many."""


async def completions(desk: Desk, request: Request) -> ASGIApp:
    """Answer one chat request."""
    account = desk.spender(request)
    body = await read_body(request)
    entry = desk.enter(request, account, "completions", body)
    try:
        try:
            _check(body)
            plan = _first_that_works(desk, account, entry, body)
        except (AttributeError, KeyError, TypeError) as error:
            # a field of a shape that no check foresaw is the client's mistake, not ours
            raise refusal(400, f"Invalid request: {error}") from error
    except Refusal as refused:
        account.settle(entry, refused.status)
        refused.headers.setdefault("X-Generation-Id", entry.id)
        raise
    if strange := _no_answer(desk, account, plan, request):
        return strange
    return _streamed(desk, account, plan) if body.get("stream") else await _whole(desk, account, plan)


def _check(body: Row) -> None:
    """Refuse what the protocol does not allow."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise refusal(400, 'Input required: specify "messages" with at least one message')
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise refusal(400, "Invalid message: expected a known role")
    for name, (least, most) in RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refusal(400, f"Expected {name} to be a number")
        if value > most:
            raise refusal(400, f"Expected {name} to be at most {most}, received {value}")
        if value < least:
            raise refusal(400, f"Expected {name} to be at least {least}, received {value}")
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise refusal(400, f"Expected {name} to be a whole number of at least 1")
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        raise refusal(400, "Expected stop to have at most 4 entries")
    if len(body.get("models") or ()) > 3:
        raise refusal(400, "'models' array must have 3 items or fewer.")


def _first_that_works(desk: Desk, account: Account, entry: Entry, body: Row) -> Plan:
    """The plan of the first model among the asked one and its fallbacks that does not refuse."""
    asked = [name for name in (body.get("model"), *(body.get("models") or ())) if isinstance(name, str) and name]
    refused: Refusal | None = None
    for name in dict.fromkeys(asked or ["openai/gpt-4o-mini"]):
        try:
            return _plan(desk, account, entry, body, name)
        except Refusal as why:
            refused = why
            if why.status in {401, 402}:
                break
    assert refused is not None
    raise refused


def _resolve(desk: Desk, name: str, body: Row) -> Row:
    """The catalogue row that runs: routers pick, aliases point, dynamic variants fall away."""
    row = desk.catalogue.find(bare_variant(name))
    if row is None:
        raise no_such_model(name)
    outputs = row["architecture"]["output_modalities"]
    if "text" not in outputs and row["architecture"].get("tokenizer") != "Router":
        detail = {
            "field": "model",
            "detail": "Use /api/v1/embeddings." if "embeddings" in outputs else "Not a chat model.",
        }
        raise unavailable(400, "wrong_endpoint", name, f"{name} does not answer on this endpoint.", constraint=detail)
    if name.endswith(":batch"):
        raise unavailable(400, "wrong_endpoint", name, f"{name} is for the batch API only.")
    if row["id"].startswith("openrouter/"):
        dice = desk.settings.dice("router", row["id"], repr(body["messages"]))
        free = [one["id"] for one in desk.catalogue.rows if one["id"].endswith(":free")]
        return desk.catalogue.named[dice.choice(free if row["id"] == "openrouter/free" else AUTO_CHOICES)]
    if target := row.get("alias_target"):
        return desk.catalogue.named[target["slug"]]
    return row


def _plan(desk: Desk, account: Account, entry: Entry, body: Row, name: str) -> Plan:
    """Decide everything about the reply of one model, or refuse."""
    row = _resolve(desk, name, body)
    entry.model, entry.slug = row["id"], row["canonical_slug"]
    check_fault(account, row["id"])
    endpoint = route(desk.catalogue.endpoints[row["id"]], _with_variant(body, name), name)
    entry.provider = endpoint.provider
    free = row["id"].endswith(":free")
    if free:
        account.take_free(desk.settings)
    behaviour = chunks.known_behaviour(row["id"])
    plan = Plan(
        entry=entry,
        row=row,
        endpoint=endpoint,
        prices={},
        behaviour=behaviour,
        model=row["canonical_slug"] if families.author_of(row["id"]) == "anthropic" else row["id"],
        created=int(time.time()),
        pace=0.0,
        ttft=0.0,
        prompt_counts=_prompt_counts(account, row, body),
    )
    plan.prices = applying(endpoint.row["pricing"], plan.prompt_counts.prompt, datetime.now(UTC))
    most = _most_completion(row, endpoint.row, body, plan.prompt_counts.prompt)
    worst = bill(plan.prices, Counts(plan.prompt_counts.prompt, most, images=plan.prompt_counts.images)).cost
    account.check_money(worst, most, plan.prices.get("completion", Decimal(0)), datetime.now(UTC).date())
    entry.reserved = worst
    _set_pace(desk, plan)
    write_reply(plan, body, _dice(desk, account, row, body), desk.settings)
    fault = BY_ID.get(row["id"])
    if fault and fault.name == "flaky-first-event" and fault.times and account.next_attempt(row["id"], fault.times):
        entry.finish_reason = "error"
    return plan


def _with_variant(body: Row, name: str) -> Row:
    """The request with what `:nitro` and `:floor` mean."""
    sort = {"nitro": "throughput", "floor": "price"}.get(name.rpartition(":")[2])
    return body | {"provider": {**(body.get("provider") or {}), "sort": sort}} if sort else body


def _prompt_counts(account: Account, row: Row, body: Row) -> Counts:
    """Prompt tokens, with what the provider's prompt cache already knew or now keeps."""
    messages = body["messages"]
    prompt = sum(map(tokens.message_tokens, messages)) + tokens.REPLY_PRIMER
    prompt += tokens.count(repr(body["tools"])) if body.get("tools") else 0
    context = row["context_length"]
    if context and prompt > context:
        message = (
            f"This endpoint's maximum context length is {context} tokens. However, you requested about {prompt} tokens."
        )
        raise Refusal(400, message, metadata={"error_type": "context_length_exceeded"})
    cached = written = 0
    if "input_cache_read" in row["pricing"]:
        explicit = families.author_of(row["id"]) == "anthropic"
        if not explicit or "cache_control" in repr(body):
            cached = account.cached_prefix(row["id"], messages) // CACHE_UNIT * CACHE_UNIT
            if explicit and prompt - cached > tokens.REPLY_PRIMER:
                written = prompt - cached - tokens.REPLY_PRIMER
    return Counts(prompt, cached=cached, cache_write=written, images=tokens.images_in(messages))


def _most_completion(row: Row, offer: Row, body: Row, prompt: int) -> int:
    """The most tokens that the reply may take; without `max_tokens` the model's own maximum is assumed."""
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    own = offer.get("max_completion_tokens") or row["top_provider"].get("max_completion_tokens")
    own = own or max(1, min((row["context_length"] or 8192) - prompt, 16_384))
    return min(asked, own) if asked else int(own)


def _set_pace(desk: Desk, plan: Plan) -> None:
    """How fast the reply comes, in this server's speed."""
    speed = desk.settings.speed
    if plan.behaviour in {"slow", "slow-billed"}:
        plan.pace, plan.ttft = desk.settings.slow_rate, 0.0
    elif speed and plan.behaviour != "flood":
        plan.pace, plan.ttft = plan.endpoint.rate * speed, plan.endpoint.ttft / speed


def _dice(desk: Desk, account: Account, row: Row, body: Row) -> Any:
    """Chance that depends on seed, model and conversation, and on how often the same was asked without a seed."""
    what = repr((body["messages"], body.get("tools")))
    again = 0
    if body.get("seed") is None:
        account.said[f"{row['id']}/{hash(what)}"] += 1
        again = account.said[f"{row['id']}/{hash(what)}"]
    return desk.settings.dice("reply", row["id"], what, body.get("seed"), again)


def _no_answer(desk: Desk, account: Account, plan: Plan, request: Request) -> Response | None:
    """What comes instead of an answer from `demo/` models that fail below the protocol."""
    from starlette.responses import HTMLResponse, JSONResponse, Response

    match plan.behaviour:
        case "html-502":
            account.settle(plan.entry, 502)
            return HTMLResponse("<html><head><title>502 Bad Gateway</title></head><body>cloudy</body></html>", 502)
        case "empty-403":
            account.settle(plan.entry, 403)
            return Response(b"", 403)
        case "zod-400":
            account.settle(plan.entry, 400)
            words = '[{"code": "invalid_type", "path": ["tools", 0], "message": "Invalid input"}]'
            return JSONResponse({"success": False, "error": {"name": "ZodError", "message": words}}, 400)
        case "hang-up":
            account.settle(plan.entry, 499)
            request.scope["demo.abort"]()
            return Response(b"", 500)
        case "error-in-200":
            account.settle(plan.entry, 502)
        case "first-event-error" if not request_streams(plan):
            account.settle(plan.entry, 502)
        case _:
            return None
    answer = encode({"id": plan.entry.id, "error": chunks.provider_error(plan)})
    return Response(answer, 200, _headers(plan), "application/json")


def request_streams(plan: Plan) -> bool:
    """Whether the reply was asked for as a stream."""
    return plan.entry.streamed


def _headers(plan: Plan) -> dict[str, str]:
    return {"X-Generation-Id": plan.entry.id}


def _settle(desk: Desk, account: Account, plan: Plan, produced: tuple[int, int], cancelled: bool) -> None:
    """Write the bill: in full, for what was produced, or nothing for an error."""
    entry = plan.entry
    stopped = cancelled and plan.endpoint.billing_stops
    used = produced if stopped or plan.behaviour in {"cut-off", "connection-lost"} else plan.full
    entry.counts, entry.bill = plan.billed(*used)
    if chunks.is_error(plan):
        entry.counts, entry.bill = plan.billed(*produced)[0], bill({}, Counts(0))
    entry.cancelled = cancelled
    entry.finish_reason = None if cancelled else ("error" if chunks.is_error(plan) else plan.finish)
    entry.native_finish_reason = None if cancelled else plan.native_finish
    entry.cache_discount = _saved(plan)
    entry.seconds = time.time() - entry.at
    account.settle(entry, 200, known_after=desk.settings.generation_delay if cancelled else 0.0)


def _saved(plan: Plan) -> Decimal | None:
    """What the prompt cache saved; negative where writing to it cost more."""
    given = plan.prompt_counts
    if not given.cached and not given.cache_write:
        return None
    return bill(plan.prices, Counts(given.prompt)).cost - bill(plan.prices, given).cost


def _streamed(desk: Desk, account: Account, plan: Plan) -> ASGIApp:
    def ended(completion: int, reasoning: int, first_after: float, cancelled: bool) -> None:
        plan.entry.latency = first_after
        _settle(desk, account, plan, (completion, reasoning), cancelled)

    frames = chunks.misbehaved(plan, desk.settings.pause)
    return EventStream(frames, headers=_headers(plan), ttft=plan.ttft, pace=plan.pace, ended=ended)


async def _whole(desk: Desk, account: Account, plan: Plan) -> Response:
    """The reply as one body; it is billed in full even if nobody waits for it."""
    from starlette.responses import Response

    plan.entry.latency = plan.ttft
    try:
        await asyncio.sleep(plan.ttft + (plan.full[0] / plan.pace if plan.pace else 0))
    finally:
        _settle(desk, account, plan, plan.full, cancelled=False)
    answer = encode(chunks.body(plan))
    if plan.behaviour in {"cut-off", "connection-lost", "broken-json"}:
        answer = answer[: len(answer) // 2]
    return Response(answer, 200, _headers(plan), "application/json")
