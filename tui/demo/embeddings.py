"""`POST /embeddings`: vectors for strings, token lists and mixed parts, with a bill."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tui.demo import chunks, tokens, vectors
from tui.demo.catalogue import SHORTENS, width_of
from tui.demo.endpoints import Endpoint, route
from tui.demo.errors import Refusal, no_such_model, refusal
from tui.demo.gate import Desk, check_fault, read_body
from tui.demo.ledger import Account, Entry
from tui.demo.plan import bare_variant
from tui.demo.prices import Counts, applying, bill
from tui.demo.settings import Row
from tui.demo.stream import encode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MOST_INPUTS: Final = 2048
MOST_COHERE: Final = 96
PAUSE: Final = 0.25
"""Seconds that a call takes at speed 1."""


async def embeddings(desk: Desk, request: Request) -> Response:
    """Answer one embeddings request."""
    from starlette.responses import Response

    account = desk.spender(request)
    body = await read_body(request)
    entry = desk.enter(request, account, "embeddings", body)
    headers = {"X-Generation-Id": entry.id}
    try:
        try:
            row, endpoint, inputs = _check(desk, account, entry, body)
        except (AttributeError, KeyError, TypeError) as error:
            raise refusal(400, f"Invalid request: {error}") from error
        used = [_tokens(one) for one in inputs]
        _check_size(row, body, inputs, used)
        counts = Counts(sum(used))
        prices = applying(endpoint.row["pricing"], counts.prompt, datetime.now(UTC))
        entry.counts, entry.bill = counts, bill(prices, counts)
        account.check_money(entry.bill.cost, 0, Decimal(0), datetime.now(UTC).date())
    except Refusal as refused:
        entry.bill = bill({}, Counts(0))
        account.settle(entry, refused.status)
        refused.headers.setdefault("X-Generation-Id", entry.id)
        raise
    if row["id"] == "demo/embed-error-in-200":
        entry.bill = bill({}, Counts(0))
        account.settle(entry, 502)
        return Response(
            encode({"error": {"code": 502, "message": "Provider returned error"}}), 200, headers, "application/json"
        )
    if desk.settings.speed:
        await asyncio.sleep(PAUSE / desk.settings.speed)
    data = await asyncio.to_thread(_data, desk, row, body, inputs)
    entry.finish_reason = entry.native_finish_reason = "stop"
    entry.seconds = entry.latency = time.time() - entry.at
    account.settle(entry, 200)
    usage: Row = {
        "prompt_tokens": counts.prompt,
        "total_tokens": counts.prompt,
        "cost": entry.bill.cost,
        "is_byok": False,
        "cost_details": chunks.usage_of(counts, entry.bill)["cost_details"],
    }
    if any(isinstance(one, dict) for one in inputs):
        media = sum(_tokens(one) - tokens.count(_text(one)) for one in inputs)
        usage["prompt_tokens_details"] = {"text_tokens": counts.prompt - media, "image_tokens": media}
    answer = {
        "object": "list",
        "id": entry.id,
        "model": row["id"],
        "provider": endpoint.provider,
        "data": data,
        "usage": usage,
    }
    return Response(encode(answer), 200, headers, "application/json")


def _check(desk: Desk, account: Account, entry: Entry, body: Row) -> tuple[Row, Endpoint, list[Any]]:
    """The model's row, who serves it, and the inputs, one for each vector."""
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise refusal(400, "Expected model to be a string")
    row = desk.catalogue.find(bare_variant(name))
    if row is None or "embeddings" not in row["architecture"]["output_modalities"]:
        raise no_such_model(name, 404)
    entry.model, entry.slug = row["id"], row["canonical_slug"]
    inputs = _inputs(body.get("input"))
    check_fault(account, row["id"])
    endpoint = route(desk.catalogue.endpoints[row["id"]], body, name)
    entry.provider = endpoint.provider
    return row, endpoint, inputs


def _inputs(given: Any) -> list[Any]:
    """One entry for each vector: a string, a list of token ids, or an object with content parts."""
    if isinstance(given, str) and given:
        return [given]
    if isinstance(given, list) and given:
        if all(isinstance(one, int | float) for one in given):
            return [given]
        if all(isinstance(one, str) and one for one in given):
            return given
        if all(
            isinstance(one, list) and one and all(isinstance(number, int | float) for number in one) for one in given
        ):
            return given
        if all(isinstance(one, dict) and isinstance(one.get("content"), list) and one["content"] for one in given):
            return given
    raise refusal(400, "Invalid input: expected a string, strings, token lists or content parts, none of them empty")


def _check_size(row: Row, body: Row, inputs: list[Any], used: list[int]) -> None:
    """Refuse what this provider does not take."""
    most = {"demo/embed-limit-10": 10}.get(row["id"], MOST_COHERE if row["id"].startswith("cohere/") else MOST_INPUTS)
    if len(inputs) > most:
        raise refusal(
            413 if row["id"].startswith("demo/") else 400, f"At most {most} inputs are taken, {len(inputs)} were sent."
        )
    if max(used) > row["context_length"]:
        message = f"An input has {max(used)} tokens, at most {row['context_length']} are taken."
        raise Refusal(400, message, metadata={"error_type": "context_length_exceeded"})
    wanted = body.get("dimensions")
    if wanted is None:
        return
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise refusal(400, "Expected dimensions to be a whole number of at least 1")
    if not SHORTENS.search(row["id"]):
        raise refusal(400, f"{row['id']} does not support dimensions.")
    if wanted > _width(row):
        raise refusal(400, f"Expected dimensions to be at most {_width(row)}, received {wanted}")


def _width(row: Row) -> int:
    return 256 if row["id"].startswith("demo/") else width_of(row["id"])


def _text(one: Any) -> str:
    """What an input says, for the vector: token ids and media stand for themselves."""
    if isinstance(one, str):
        return one
    if isinstance(one, list):
        return " ".join(f"token{int(number)}" for number in one)
    return tokens.content_text(one["content"])


def _tokens(one: Any) -> int:
    if isinstance(one, list):
        return len(one)
    return tokens.count(one) if isinstance(one, str) else tokens.content_tokens(one["content"])


def _data(desk: Desk, row: Row, body: Row, inputs: list[Any]) -> list[Row]:
    """The vectors, encoded as asked; runs in a thread."""
    np = vectors.load_numpy()
    width, wanted = _width(row), body.get("dimensions")
    packed = body.get("encoding_format") == "base64" or row["id"] == "demo/embed-base64-always"
    data: list[Row] = []
    for index, one in enumerate(inputs):
        text = _text(one) + ("" if isinstance(one, str | list) else repr(one["content"]))
        vector = vectors.embed(text, row["id"], width, desk.settings.seed)
        if wanted and wanted < width:
            vector = vector[:wanted] / np.linalg.norm(vector[:wanted])
        raw = vector.astype("<f4")
        shown: Any = (
            base64.b64encode(raw.tobytes()).decode() if packed else [float(f"{number:.8g}") for number in raw.tolist()]
        )
        data.append({"object": "embedding", "index": index, "embedding": shown})
    if row["id"] == "demo/embed-shuffled":
        desk.settings.dice("shuffle", len(data)).shuffle(data)
    return data
