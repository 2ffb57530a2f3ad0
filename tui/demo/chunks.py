"""A plan as the chunks of a stream or as one JSON body, in the dialects of the providers behind OpenRouter."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

from tui.demo.faults import BY_ID
from tui.demo.plan import PICTURE, Plan
from tui.demo.prices import Bill, Counts
from tui.demo.settings import Row
from tui.demo.stream import COMMENT, DONE, Frame, event

PART_OF_ARGUMENTS: Final = 12
"""Characters of a tool call's arguments in one event."""
COMMENT_EVERY_FRAMES: Final = 97


def usage_of(counts: Counts, bill: Bill) -> Row:
    """The usage object (reference, section 9)."""
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "cost": bill.cost,
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": counts.cached,
            "cache_write_tokens": counts.cache_write,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": bill.prompt,
            "upstream_inference_completions_cost": bill.completion,
        },
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning, "audio_tokens": 0, "image_tokens": 0},
    }


def provider_error(plan: Plan) -> Row:
    """The error that comes inside a 200."""
    metadata = {
        "error_type": "provider_unavailable",
        "provider_code": "stream_reset",
        "provider_name": plan.endpoint.provider,
    }
    return {"code": 502, "message": "Provider returned error", "metadata": metadata}


def _chunk(plan: Plan, choices: list[Row], **more: Any) -> Row:
    return {
        "id": plan.entry.id,
        "object": "chat.completion.chunk",
        "created": plan.created,
        "model": plan.model,
        "provider": plan.endpoint.provider,
        "choices": choices,
        **more,
    }


def _choice(delta: Row, finish: str | None = None, native: str | None = None) -> Row:
    return {
        "index": 0,
        "delta": {"role": "assistant", **delta},
        "finish_reason": finish,
        "native_finish_reason": native,
        "logprobs": None,
    }


def _thought(plan: Plan, text: str) -> Row:
    """A fragment of thinking, said twice as the protocol does."""
    kind = ("reasoning.summary", "summary") if plan.author == "openai" else ("reasoning.text", "text")
    detail = {"type": kind[0], kind[1]: text, "format": plan.reasoning_format, "index": 0}
    return {"content": "", "reasoning": text, "reasoning_details": [detail]}


def _seal(plan: Plan) -> Row | None:
    """What ends the thinking: a signature, or encrypted thoughts; both must go back untouched."""
    secret = base64.b64encode(f"{plan.entry.id}/{len(plan.thoughts)}".encode()).decode()
    if plan.author == "anthropic":
        return {"type": "reasoning.text", "signature": secret, "format": plan.reasoning_format, "index": 0}
    if plan.author in {"openai", "google"}:
        return {
            "type": "reasoning.encrypted",
            "data": secret,
            "format": plan.reasoning_format,
            "index": 1,
            "id": "rs_1",
        }
    return None


def _batched(pieces: list[str], size: int) -> Iterator[tuple[str, int]]:
    for start in range(0, len(pieces), size):
        part = pieces[start : start + size]
        yield "".join(part), len(part)


def frames(plan: Plan) -> Iterator[Frame]:
    """The whole stream as the model's provider would send it."""
    size = plan.endpoint.batch_tokens
    yield Frame(event(_chunk(plan, [_choice({"content": ""})])))
    for number, (text, count) in enumerate(_batched(plan.thoughts, size)):
        if plan.hide_reasoning:
            yield Frame(COMMENT if number == 0 else b"", count, count)
        else:
            yield Frame(event(_chunk(plan, [_choice(_thought(plan, text))])), count, count)
    if plan.thoughts and not plan.hide_reasoning and (seal := _seal(plan)):
        yield Frame(event(_chunk(plan, [_choice({"content": "", "reasoning": None, "reasoning_details": [seal]})])))
    name = "refusal" if plan.behaviour == "refusal" else "content"
    for number, (text, count) in enumerate(_batched(plan.pieces, size), 1):
        comment = COMMENT if number % COMMENT_EVERY_FRAMES == 0 else b""
        yield Frame(comment + event(_chunk(plan, [_choice({name: text})])), count)
    yield from _call_frames(plan)
    delta: Row = {"content": ""}
    if plan.image:
        delta["images"] = [{"type": "image_url", "image_url": {"url": PICTURE}, "index": 0}]
    blank = plan.behaviour == "empty"
    yield Frame(
        event(_chunk(plan, [_choice(delta, None if blank else plan.finish, None if blank else plan.native_finish)]))
    )
    yield Frame(event(_usage_chunk(plan)) + DONE)


def _call_frames(plan: Plan) -> Iterator[Frame]:
    """Tool calls in fragments: id and name first, then pieces of the arguments."""
    left = plan.call_tokens
    for index, (call_id, name, arguments) in enumerate(plan.calls):
        head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        yield Frame(event(_chunk(plan, [_choice({"content": None, "tool_calls": [head]})])))
        for start in range(0, len(arguments), PART_OF_ARGUMENTS):
            part = {"index": index, "function": {"arguments": arguments[start : start + PART_OF_ARGUMENTS]}}
            counted = min(left, 4)
            left -= counted
            yield Frame(event(_chunk(plan, [_choice({"content": None, "tool_calls": [part]})])), counted)
    if left:
        yield Frame(b"", left)


def _usage_chunk(plan: Plan) -> Row:
    """The last chunk: without choices, or with one that repeats the finish reason or sets it back to null."""
    counts, bill = plan.billed(*plan.full)
    usage = usage_of(counts, bill)
    if plan.behaviour == "usage-with-choice" or plan.author == "openai":
        return _chunk(plan, [_choice({"content": ""}, plan.finish, plan.native_finish)], service_tier=None, usage=usage)
    if plan.behaviour == "finish-then-null" or plan.author == "google":
        return _chunk(plan, [_choice({"content": ""})], usage=usage)
    return _chunk(plan, [], usage=usage)


def misbehaved(plan: Plan, pause: float) -> Iterator[Frame]:
    """The stream with what its `demo/` model does wrong."""
    if plan.behaviour in {"", "flood"}:
        yield from frames(plan)
        return
    made = list(frames(plan))
    half = len(made) // 2
    match plan.behaviour:
        case "pause":
            yield from made[:half]
            yield Frame(b"", wait=pause)
            yield from made[half:]
        case "mid-stream-error":
            yield from made[: min(half, 30)]
            closing = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": None}
            yield Frame(event(_chunk(plan, [closing], error=provider_error(plan))))
        case "first-event-error":
            yield Frame(event(_chunk(plan, [], error=provider_error(plan))))
        case "flaky-first-event" if plan.entry.finish_reason == "error":
            yield Frame(event(_chunk(plan, [], error=provider_error(plan))))
        case "cut-off":
            yield from made[: min(half, 30)]
        case "connection-lost":
            yield from made[: min(half, 30)]
            yield Frame(b"", abort=True)
        case "broken-json":
            yield from made[:half]
            yield Frame(
                b'data: {"id":"' + plan.entry.id.encode() + b'","choices":[{"index":0,"delta":{"content":"bro\n\n'
            )
            yield from made[half:]
        case "no-usage":
            yield from made[:-1]
            yield Frame(DONE)
        case "crlf":
            for frame in made:
                text = frame.data.replace(b"\n", b"\r\n").replace(b"data: ", b"data:")
                yield Frame(text, frame.tokens, frame.reasoning)
        case "split-bytes":
            for frame in made:
                yield Frame(frame.data[:7], wait=0.0005)
                yield Frame(frame.data[7:-9], wait=0.0005)
                yield Frame(frame.data[-9:], frame.tokens, frame.reasoning, wait=0.0005)
        case _:
            yield from made


def is_error(plan: Plan) -> bool:
    """Whether the reply ends with an error inside a 200, which nobody pays for."""
    if plan.behaviour in {"mid-stream-error", "first-event-error", "error-in-200"}:
        return True
    return plan.behaviour == "flaky-first-event" and plan.entry.finish_reason == "error"


def body(plan: Plan) -> Row:
    """The whole reply as one JSON object."""
    message: Row = {"role": "assistant", "content": "".join(plan.pieces) or None, "refusal": None, "reasoning": None}
    if plan.behaviour == "refusal":
        message |= {"content": None, "refusal": "".join(plan.pieces)}
    if plan.thoughts and not plan.hide_reasoning:
        said = _thought(plan, "".join(plan.thoughts))
        seal = _seal(plan)
        if seal and plan.author == "anthropic":
            said["reasoning_details"][0]["signature"] = seal["signature"]
        elif seal:
            said["reasoning_details"].append(seal)
        message |= {"reasoning": said["reasoning"], "reasoning_details": said["reasoning_details"]}
    if plan.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, "index": index}
            for index, (call_id, name, arguments) in enumerate(plan.calls)
        ]
    if plan.image:
        message["images"] = [{"type": "image_url", "image_url": {"url": PICTURE}}]
    blank = plan.behaviour == "empty"
    choice: Row = {
        "index": 0,
        "finish_reason": None if blank else plan.finish,
        "native_finish_reason": None if blank else plan.native_finish,
        "logprobs": None,
        "message": message,
    }
    if plan.behaviour == "mid-stream-error":
        choice |= {"finish_reason": "error", "native_finish_reason": None, "error": provider_error(plan)}
    counts, bill = plan.billed(*plan.full)
    answer = {
        "id": plan.entry.id,
        "object": "chat.completion",
        "created": plan.created,
        "model": plan.model,
        "provider": plan.endpoint.provider,
        "system_fingerprint": None,
        "service_tier": None,
        "choices": [choice],
        "usage": usage_of(counts, bill),
    }
    if plan.behaviour in {"no-usage", "mid-stream-error"}:
        del answer["usage"]
    return answer


def known_behaviour(model_id: str) -> str:
    """The name of a `demo/` model, or nothing."""
    return BY_ID[model_id].name if model_id in BY_ID else ""
