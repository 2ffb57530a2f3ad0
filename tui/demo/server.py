"""The ASGI application: OpenRouter's routes under `/api/v1`, and `/demo/…` for tests that compare bills."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tui.demo import catalogue, families
from tui.demo.chat import completions
from tui.demo.embeddings import embeddings
from tui.demo.endpoints import slug_of
from tui.demo.errors import Refusal, refusal
from tui.demo.gate import Desk
from tui.demo.ledger import MANAGEMENT, Account, Books, Entry, period_start, today_utc, total
from tui.demo.settings import Row, Settings
from tui.demo.stream import encode

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[["Request"], Awaitable["ASGIApp"]]
BASE: Final = "/api/v1"
MOST_PAGE: Final = 1000
NOT_TOLD: Final = (
    "upstream_inference_cost", "moderation_latency", "router", "service_tier", "preset_id", "workspace_id",
    "web_search_engine", "app_id", "num_search_results", "num_fetches", "request_id", "session_id",
)  # fmt: skip
"""Keys of a generation that are null here."""


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The whole server, with empty books."""
    chosen = settings or Settings()
    desk = Desk(chosen, catalogue.load(chosen), Books(chosen))
    app = _routes(desk)

    async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
        """Let handlers drop the connection, as networks do."""
        if scope["type"] == "http":
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            scope["demo.abort"] = transport.abort if transport else lambda: None
        await app(scope, receive, send)

    return with_abort


def _routes(desk: Desk) -> Starlette:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Mount, Route

    def json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        return Response(encode(body), status, headers, "application/json")

    def answering(handler: Callable[[Desk, Request], Any]) -> Handler:
        """A handler of plain values as one of responses."""

        async def answer(request: Request) -> ASGIApp:
            desk.catalogue.move()
            try:
                return json(handler(desk, request))
            except Refusal as refused:
                return json(refused.body, refused.status, refused.headers)

        return answer

    def inferring(handler: Callable[[Desk, Request], Awaitable[ASGIApp]]) -> Handler:
        async def answer(request: Request) -> ASGIApp:
            desk.catalogue.move()
            try:
                return await handler(desk, request)
            except Refusal as refused:
                return json(refused.body, refused.status, refused.headers)

        return answer

    async def missing(request: Request, _: Exception) -> Response:
        return json({"error": {"code": 404, "message": f"No such route: {request.method} {request.url.path}"}}, 404)

    async def wrong_method(request: Request, _: Exception) -> Response:
        return json({"error": {"code": 405, "message": f"{request.method} is not allowed here"}}, 405)

    async def crashed(_: Request, error: Exception) -> Response:
        return json(
            {"error": {"code": 500, "message": "Internal Server Error", "metadata": {"error_type": "server"}}}, 500
        )

    checks = [Route("/demo/log", answering(log)), Route("/demo/ledger", answering(ledger))]
    api = [
        Route("/models", answering(models)),
        Route("/models/count", answering(models_count)),
        Route("/models/user", answering(models_user)),
        Route("/models/{author}/{slug:path}/endpoints", answering(model_endpoints)),
        Route("/model/{author}/{slug:path}", answering(one_model)),
        Route("/embeddings/models", answering(embedding_models)),
        Route("/embeddings", inferring(embeddings), methods=["POST"]),
        Route("/chat/completions", inferring(completions), methods=["POST"]),
        Route("/generation", answering(generation)),
        Route("/key", answering(key)),
        Route("/auth/key", answering(key)),
        Route("/credits", answering(credits_left)),
        Route("/activity", answering(activity)),
        Route("/providers", answering(providers)),
    ]
    handlers: dict[Any, Any] = {404: missing, 405: wrong_method, 500: crashed}
    return Starlette(routes=[Mount(BASE, routes=[*api, *checks]), *checks], exception_handlers=handlers)


def _listed(request: Request, rows: list[Row]) -> Row:
    """The list envelope; paged only when asked."""
    offset, limit = request.query_params.get("offset"), request.query_params.get("limit")
    shown, following = rows, None
    if offset is not None or limit is not None:
        try:
            first, size = int(offset or 0), int(limit or 500)
        except ValueError as error:
            raise refusal(400, "Expected offset and limit to be numbers") from error
        if first < 0 or not 1 <= size <= MOST_PAGE:
            raise refusal(400, "Expected offset >= 0 and limit 1..1000")
        shown = rows[first : first + size]
        if first + size < len(rows):
            following = f"{request.url.path}?offset={first + size}&limit={size}"
    return {"data": shown, "total_count": len(rows), "links": {"next": following}}


def models(desk: Desk, request: Request) -> Row:
    """`GET /models`."""
    rows = desk.catalogue.with_outputs(request.query_params.get("output_modalities"))
    desk.catalogue.listings += 1
    return _listed(request, rows)


def models_count(desk: Desk, request: Request) -> Row:
    """`GET /models/count`."""
    return {"data": {"count": len(desk.catalogue.with_outputs(request.query_params.get("output_modalities")))}}


def models_user(desk: Desk, request: Request) -> Row:
    """`GET /models/user`."""
    desk.account(request)
    return _listed(request, desk.catalogue.with_outputs(None))


def embedding_models(desk: Desk, request: Request) -> Row:
    """`GET /embeddings/models`."""
    return _listed(request, desk.catalogue.with_outputs("embeddings"))


def _row(desk: Desk, request: Request) -> Row:
    name = f"{request.path_params['author']}/{request.path_params['slug']}"
    row = desk.catalogue.find(name)
    if row is None:
        raise refusal(404, f"Model {name} not found")
    return row


def one_model(desk: Desk, request: Request) -> Row:
    """`GET /model/{author}/{slug}`; aliases are resolved."""
    row = _row(desk, request)
    target = row.get("alias_target")
    return {"data": desk.catalogue.named[target["slug"]] if target else row}


def model_endpoints(desk: Desk, request: Request) -> Row:
    """`GET /models/{author}/{slug}/endpoints`; without a key nothing is said of speed."""
    row = _row(desk, request)
    rows = [dict(endpoint.row) for endpoint in desk.catalogue.endpoints[row["id"]]]
    if desk.key_of(request) is None:
        for each in rows:
            each |= {"latency_last_30m": None, "throughput_last_30m": None}
    shape = {"tokenizer": "Other", "instruct_type": None} | row["architecture"]
    about = {"id": row["id"], "name": row["name"], "created": row["created"], "description": row.get("description", "")}
    return {"data": about | {"architecture": shape, "endpoints": rows}}


def generation(desk: Desk, request: Request) -> Row:
    """`GET /generation?id=…`; 404 while it runs, and for a while after it was cancelled."""
    account = desk.account(request)
    wanted = request.query_params.get("id", "")
    entry = account.find(wanted)
    if entry is None:
        raise refusal(404, f"Generation {wanted} not found")
    return {"data": _record(entry)}


def _record(entry: Entry) -> Row:
    counts = entry.counts
    return dict.fromkeys(NOT_TOLD) | {
        "id": entry.id,
        "model": entry.slug,
        "created_at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="microseconds"),
        "origin": entry.headers.get("http-referer", ""),
        "data_region": "global",
        "api_type": entry.api,
        "total_cost": entry.bill.cost,
        "usage": entry.bill.cost,
        "is_byok": False,
        "cache_discount": entry.cache_discount,
        "tokens_prompt": max(0, counts.prompt - 1),
        "tokens_completion": counts.completion,
        "native_tokens_prompt": counts.prompt,
        "native_tokens_completion": counts.completion,
        "native_tokens_reasoning": counts.reasoning,
        "native_tokens_cached": counts.cached,
        "native_tokens_completion_images": 0,
        "latency": round(entry.latency * 1000),
        "generation_time": round(max(0.0, entry.seconds - entry.latency) * 1000),
        "streamed": entry.streamed,
        "cancelled": entry.cancelled,
        "finish_reason": entry.finish_reason,
        "native_finish_reason": entry.native_finish_reason,
        "provider_name": entry.provider,
        "upstream_id": f"up-{entry.id.rpartition('-')[2]}",
        "external_user": entry.body.get("user"),
        "http_referer": entry.headers.get("http-referer"),
        "user_agent": entry.headers.get("user-agent"),
        "num_media_prompt": counts.images,
        "num_media_completion": 0,
        "num_input_audio_prompt": 0,
        "provider_responses": None,
    }


def key(desk: Desk, request: Request) -> Row:
    """`GET /key`."""
    account = desk.account(request)
    managing = (desk.key_of(request) or "").startswith(MANAGEMENT)
    today = today_utc()
    per_day = account.free_per_day(desk.settings)
    used = account.free_days[today]
    return {
        "data": {
            "label": account.label,
            "limit": account.limit,
            "limit_remaining": account.limit_remaining(today),
            "limit_reset": account.limit_reset,
            "include_byok_in_limit": False,
            "usage": account.usage(),
            **{f"usage_{name}": account.usage(period_start(name, today)) for name in ("daily", "weekly", "monthly")},
            **dict.fromkeys(("byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"), 0),
            "is_free_tier": account.credits <= 0,
            "is_management_key": managing,
            "is_provisioning_key": managing,
            "creator_user_id": None,
            "expires_at": None,
            "free_model_daily_requests": {"used": used, "limit": per_day, "remaining": max(0, per_day - used)},
            "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
        }
    }


def credits_left(desk: Desk, request: Request) -> Row:
    """`GET /credits`, for management keys."""
    account = desk.account(request) if desk.settings.open_credits else desk.manager(request)
    return {"data": {"total_credits": account.credits, "total_usage": account.usage()}}


def activity(desk: Desk, request: Request) -> Row:
    """`GET /activity`, for management keys: completed days, so never today."""
    account = desk.manager(request)
    wanted = request.query_params.get("date")
    if wanted is not None:
        try:
            date.fromisoformat(wanted)
        except ValueError as error:
            raise refusal(400, "Expected date as YYYY-MM-DD") from error
    rows = [row for row in account.past + _earlier(account) if wanted in {None, row["date"]}]
    shown = []
    for row in rows:
        slug = desk.catalogue.named[row["model"]]["canonical_slug"]
        endpoint = str(uuid.UUID(hashlib.md5(slug.encode(), usedforsecurity=False).hexdigest()))
        shown.append({**row, "model_permaslug": slug, "endpoint_id": endpoint, "byok_usage_inference": 0})
    return {"data": shown}


def _earlier(account: Account) -> list[Row]:
    """Requests made on this server before today, by day and model."""
    found: dict[tuple[str, str], Row] = {}
    for entry in account.entries:
        day = datetime.fromtimestamp(entry.at, UTC).date()
        if entry.status != 200 or day >= today_utc():
            continue
        row = found.setdefault(
            (day.isoformat(), entry.model),
            {
                "date": day.isoformat(),
                "model": entry.model,
                "provider_name": entry.provider,
                "usage": Decimal(0),
                "requests": 0,
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "reasoning_tokens": 0,
            },
        )
        row["usage"] += entry.bill.cost
        row["requests"] += 1
        row["prompt_tokens"] += entry.counts.prompt
        row["completion_tokens"] += entry.counts.completion
        row["reasoning_tokens"] += entry.counts.reasoning
    return list(found.values())


def providers(desk: Desk, _: Request) -> Row:
    """`GET /providers`."""
    names = sorted({endpoint.provider for served in desk.catalogue.endpoints.values() for endpoint in served})
    rows = []
    for name in names:
        dice = desk.settings.dice("provider", name)
        country = dice.choice(("US", "US", "US", "FR", "DE", "CN", "SG", "IS"))
        site = f"https://{slug_of(name)}.example.test"
        rows.append(
            {
                "name": name,
                "slug": slug_of(name),
                "privacy_policy_url": f"{site}/privacy" if dice.random() < 0.8 else None,
                "terms_of_service_url": f"{site}/terms",
                "status_page_url": f"{site}/status" if name in families.BILLING_STOPS else None,
                "headquarters": country,
                "datacenters": [country] if dice.random() < 0.7 else None,
            }
        )
    return {"data": rows}


def log(desk: Desk, request: Request) -> Row:
    """`GET /demo/log`: every request of this key, oldest first. For tests; not part of the protocol."""
    return {"data": [entry.line() for entry in desk.account(request).entries]}


def ledger(desk: Desk, request: Request) -> Row:
    """`GET /demo/ledger`: the sums of this key's requests. For tests; not part of the protocol."""
    account = desk.account(request)
    more = {"usage": f"{account.usage():f}", "balance": f"{account.balance:f}"}
    return {"data": total(account.entries) | more}
