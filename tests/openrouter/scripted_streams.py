"""Scripted streams for the protocol's tests: events as OpenRouter writes them, and what is the same in two readings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tui.openrouter.chat import Ended, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCallsChanged
from tui.openrouter.sse import SseDecoder
from tui.openrouter.stream import ReplyDecoder
from tui.openrouter.text import Clean

WAIT = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"


def chunk(
    delta: dict[str, Any] | None = None,
    *,
    finish: str | None = None,
    usage: dict[str, Any] | None = None,
    error: object = None,
    **extra: Any,
) -> dict[str, Any]:
    """One event's JSON; without a delta its `choices` are empty."""
    event: dict[str, Any] = {
        "id": "gen-1",
        "object": "chat.completion.chunk",
        "created": 1_785_500_200,
        "model": "acme/atlas-large",
        "provider": "FakeProvider",
        "choices": [],
    }
    if delta is not None:
        event["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish}]
    if usage is not None:
        event["usage"] = usage
    if error is not None:
        event["error"] = error
    return event | extra


def sse(*events: object) -> bytes:
    """The events as the server writes them; bytes are put in as they stand."""
    return b"".join(
        event if isinstance(event, bytes) else b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
        for event in events
    )


def says(text: str) -> dict[str, Any]:
    """An event with a piece of the reply."""
    return chunk({"role": "assistant", "content": text})


USAGE = {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20, "cost": 0.0000624, "is_byok": False}


def read(*reads: bytes) -> list[StreamEvent]:
    """All events of a stream that the network brings in these pieces, `Ended` included."""
    lines, reply = SseDecoder(), ReplyDecoder()
    events: list[StreamEvent] = []
    for piece in reads:
        events += reply.feed(lines.feed(piece))
    return events + reply.finish(lines.finish())


def ended(events: Sequence[StreamEvent]) -> Ended:
    """The last event, which must be the end."""
    last = events[-1]
    assert isinstance(last, Ended)
    assert not any(isinstance(event, Ended) for event in events[:-1])
    return last


def text(events: Iterable[StreamEvent]) -> str:
    """The whole reply."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thinking(events: Iterable[StreamEvent]) -> str:
    """All of the thinking."""
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def merged(events: Iterable[StreamEvent]) -> list[object]:
    """The events with what depends on the cuts taken out: pieces of one kind joined, only the last tool calls."""
    result: list[object] = []
    calls: object = None
    for event in events:
        if isinstance(event, ToolCallsChanged):
            calls = event
        elif isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
            kind = type(event)
            before = result[-1] if result else None
            if isinstance(before, TextDelta | ReasoningDelta | RefusalDelta) and type(before) is kind:
                result[-1] = kind(Clean(before.text + event.text))
            else:
                result.append(event)
        elif isinstance(event, Ended) and event.error is not None:
            result.append((event.complete, event.finish_reason, event.error.kind, str(event.error)))
        else:
            result.append(event)
    return [*result, calls]
