"""What bad networks do to a reply: what the user is told, what the ledger says, what is saved, and how often was sent.

Each row of `CASES` is one fault between the worker and the embedded server. The reply that the server gives is whole
and billed each time; only the way back is bad. The time-outs are cut short, and no case may last longer than they say.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fault_proxy import Fault, FaultProxy, Wire
from worker_host import Books, Host, make_settings

from tui.openrouter.patience import Patience
from tui.openrouter.sse import LARGEST_EVENT

PATIENCE = Patience(
    connect_s=0.5,
    write_s=0.5,
    pool_s=0.5,
    first_event_s=1.2,
    whole_reply_s=0.8,
    between_bytes_s=0.6,
    after_error_s=0.2,
    embeddings_s=0.8,
    get_s=5.0,
)
BEFORE_RESET_S = 0.25
"""Until the client has read what was sent: a reset throws away what still waits."""
LONGEST_S = 8.0
"""Three tries that each wait for all of it, the pauses between them, and a slow machine."""


@dataclass(frozen=True)
class Expected:
    """What a fault leads to."""

    state: str
    """Of the message: done, cut_off, failed, unknown."""
    kind: str | None
    """Of the failure."""
    says: str
    """Words of the sentence that the user reads."""
    ledger: str
    """State of the request, which the bill may have settled meanwhile where an id was known."""
    saved: str
    """What of the reply is in the database: nothing, part or all."""
    posts: int = 1
    """How many requests the server got."""


# Faults, from the connection to the end of the reply


async def headers_reset(wire: Wire) -> None:
    await wire.send(wire.head[: len(wire.head) // 2])
    wire.reset()


async def before_headers_reset(wire: Wire) -> None:
    wire.reset()


async def first_byte_reset(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n")
    wire.reset()


async def mid_event_reset(wire: Wire) -> None:
    at = wire.with_text() + 1
    await wire.send(wire.head, b"\r\n", *wire.events[:at], wire.events[at][:20])
    await asyncio.sleep(BEFORE_RESET_S)
    wire.reset()


async def between_events_reset(wire: Wire) -> None:
    at = wire.with_text() + 1
    await wire.send(wire.head, b"\r\n", *wire.events[:at])
    await asyncio.sleep(BEFORE_RESET_S)
    wire.reset()


async def before_done_reset(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n", *(event for event in wire.events if b"[DONE]" not in event))
    await asyncio.sleep(BEFORE_RESET_S)
    wire.reset()


async def headers_stall(wire: Wire) -> None:
    await wire.send(wire.head[: len(wire.head) // 2])
    await wire.stall()


async def before_headers_stall(wire: Wire) -> None:
    await wire.stall()


async def first_byte_stall(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n")
    await wire.stall()


async def comments_for_ever(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n")
    while not wire.writer.is_closing():
        await wire.send(b": OPENROUTER PROCESSING\n\n")
        await asyncio.sleep(0.05)


async def mid_event_stall(wire: Wire) -> None:
    at = wire.with_text() + 1
    await wire.send(wire.head, b"\r\n", *wire.events[:at], wire.events[at][:20])
    await wire.stall()


async def between_events_stall(wire: Wire) -> None:
    at = wire.with_text() + 1
    await wire.send(wire.head, b"\r\n", *wire.events[:at])
    await wire.stall()


async def before_done_stall(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n", *(event for event in wire.events if b"[DONE]" not in event))
    await wire.stall()


async def half_open(wire: Wire) -> None:
    """The server has ended its side in order in the middle of the reply, and goes on listening."""
    at = wire.with_text() + 1
    await wire.send(wire.head, b"\r\n", *wire.events[:at])
    wire.writer.write_eof()
    await wire.stall()


async def drip_from_the_start(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n")
    await wire.drip(wire.body, 0.05)


async def drip_later(wire: Wire) -> None:
    at = wire.with_text() + 1
    await wire.send(wire.head, b"\r\n", *wire.events[:at])
    await wire.drip(b"".join(wire.events[at:]), 0.05)


async def truncated_gzip(wire: Wire) -> None:
    packed = gzip.compress(wire.body)
    await wire.send(wire.head, b"Content-Encoding: gzip\r\n\r\n", packed[: len(packed) // 2])


async def broken_gzip(wire: Wire) -> None:
    await wire.send(wire.head, b"Content-Encoding: gzip\r\n\r\n", b"this is not gzip at all")


async def wrong_content_type(wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n", wire.body)


async def png(wire: Wire) -> None:
    await wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n", b"\x89PNG\r\n\x1a\n\0\0"
    )


async def html_200(wire: Wire) -> None:
    page = b"<html><body>Sign in to the hotel's network</body></html>"
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n", page)


async def html_502(wire: Wire) -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head></html>"
    await wire.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n", page)


async def html_504(wire: Wire) -> None:
    page = b"<html><head><title>504 Gateway Time-out</title></head></html>"
    await wire.send(b"HTTP/1.1 504 Gateway Time-out\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n", page)


async def error_in_200(wire: Wire) -> None:
    body = json.dumps({"error": {"code": 400, "message": "no such parameter"}}).encode()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n", body)


async def error_in_stream(wire: Wire) -> None:
    at = wire.with_text() + 1
    error = json.dumps({"error": {"code": 502, "message": "lost the provider"}, "choices": []}).encode()
    await wire.send(wire.head, b"\r\n", *wire.events[:at], b"data: " + error + b"\n\n")
    await wire.stall()


async def proxy_407(wire: Wire) -> None:
    await wire.send(
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nConnection: close\r\n\r\n"
    )


async def no_http(wire: Wire) -> None:
    await wire.send(b"SSH-2.0-OpenSSH_9.9\r\n")


async def redirect(wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 307 X\r\nLocation: http://elsewhere.example/v1\r\nConnection: close\r\n\r\n")


async def one_byte_chunks(wire: Wire) -> None:
    await wire.send(wire.head, b"Transfer-Encoding: chunked\r\n\r\n")
    for at in range(len(wire.body)):
        wire.writer.write(b"1\r\n" + wire.body[at : at + 1] + b"\r\n")
    await wire.send(b"0\r\n\r\n")


async def torn_chunk(wire: Wire) -> None:
    at = wire.with_text() + 1
    part = b"".join(wire.events[:at])
    await wire.send(wire.head, b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(part), part, b"\r\nffff\r\ndata:")


async def short_length(wire: Wire) -> None:
    at = wire.with_text() + 1
    await wire.send(wire.head, b"Content-Length: %d\r\n\r\n" % len(wire.body), *wire.events[:at])


async def huge_event(wire: Wire) -> None:
    await wire.send(wire.head, b"\r\n", *wire.events[: wire.with_text() + 1], b"data: ")
    megabyte = b"x" * 1024 * 1024
    for _ in range(LARGEST_EVENT // len(megabyte) + 2):
        if wire.writer.is_closing():
            break
        await wire.send(megabyte)


async def duplicates(wire: Wire) -> None:
    """Every event twice: text comes twice, the bill once."""
    twice = [event for event in wire.events for _ in range(1 if b"[DONE]" in event else 2)]
    await wire.send(wire.head, b"\r\n", *twice)


async def usage_first(wire: Wire) -> None:
    """The events in the wrong order: usage and end before the text."""
    events = [event for event in wire.events if b"[DONE]" not in event]
    await wire.send(wire.head, b"\r\n", *reversed(events), b"data: [DONE]\n\n")


async def after_done(wire: Wire) -> None:
    """What follows the end is not the reply's."""
    await wire.send(wire.head, b"\r\n", wire.body, *wire.events[: wire.with_text() + 1])


LOST = "was lost"
STALLED = "stopped in the middle"
LATE = "did not"
CASES: dict[str, tuple[Fault, Expected]] = {
    "reset before the headers": (
        before_headers_reset,
        Expected("unknown", "connection_lost", LOST, "awaited", "nothing"),
    ),
    "reset in the headers": (headers_reset, Expected("unknown", "connection_lost", LOST, "awaited", "nothing")),
    "reset before the first byte": (
        first_byte_reset,
        Expected("unknown", "connection_lost", LOST, "billed", "nothing"),
    ),
    "reset in an event": (mid_event_reset, Expected("cut_off", "connection_lost", LOST, "billed", "part")),
    "reset between events": (between_events_reset, Expected("cut_off", "connection_lost", LOST, "billed", "part")),
    "reset before [DONE]": (before_done_reset, Expected("done", None, "", "billed", "all")),
    "stall before the headers": (before_headers_stall, Expected("unknown", "stalled", LATE, "awaited", "nothing")),
    "stall in the headers": (headers_stall, Expected("unknown", "stalled", LATE, "awaited", "nothing")),
    "stall before the first byte": (first_byte_stall, Expected("unknown", "stalled", LATE, "billed", "nothing")),
    "comments for ever": (comments_for_ever, Expected("unknown", "stalled", LATE, "billed", "nothing")),
    "stall in an event": (mid_event_stall, Expected("cut_off", "stalled", STALLED, "billed", "part")),
    "stall between events": (between_events_stall, Expected("cut_off", "stalled", STALLED, "billed", "part")),
    "stall before [DONE]": (before_done_stall, Expected("done", None, "", "billed", "all")),
    "half open": (half_open, Expected("cut_off", "cut_off", "ended the reply before", "billed", "part")),
    "a drip from the start": (drip_from_the_start, Expected("unknown", "stalled", LATE, "billed", "nothing")),
    "a drip later": (drip_later, Expected("cut_off", "stalled", STALLED, "billed", "part")),
    "truncated gzip": (truncated_gzip, Expected("unknown", "cut_off", "before the reply began", "billed", "nothing")),
    "broken gzip": (broken_gzip, Expected("unknown", "unreadable", "compression is broken", "billed", "nothing")),
    "wrong content type": (wrong_content_type, Expected("done", None, "", "billed", "all")),
    "a picture": (png, Expected("unknown", "unreadable", "no reply of this API", "awaited", "nothing")),
    "a page instead of the reply": (
        html_200,
        Expected("unknown", "unreadable", "no reply of this API", "awaited", "nothing"),
    ),
    "a page with 502": (html_502, Expected("failed", "provider_down", "provider is down", "released", "nothing", 3)),
    "a page with 504": (html_504, Expected("unknown", "timed_out", "took too long", "awaited", "nothing")),
    "an error in a 200": (
        error_in_200,
        Expected("failed", "bad_request", "no such parameter", "released", "nothing"),
    ),
    "an error in the stream": (
        error_in_stream,
        Expected("cut_off", "provider_down", "lost the provider", "billed", "part"),
    ),
    "407": (proxy_407, Expected("failed", "proxy", "proxy", "released", "nothing")),
    "no HTTP": (no_http, Expected("unknown", "connection_lost", LOST, "awaited", "nothing")),
    "a redirect": (redirect, Expected("failed", "unreadable", "points to another address", "released", "nothing")),
    "chunks of one byte": (one_byte_chunks, Expected("done", None, "", "billed", "all")),
    "a torn chunk": (torn_chunk, Expected("cut_off", "connection_lost", LOST, "billed", "part")),
    "a wrong length": (short_length, Expected("cut_off", "connection_lost", LOST, "billed", "part")),
    "an event over 16 MB": (huge_event, Expected("cut_off", "unreadable", "more than 16 MB", "billed", "part")),
    "events twice": (duplicates, Expected("done", None, "", "billed", "more")),
    "events in the wrong order": (usage_first, Expected("done", None, "", "billed", "other")),
    "events after the end": (after_done, Expected("done", None, "", "billed", "all")),
}


@dataclass
class Found:
    """What one fault led to."""

    expected: Expected
    seen: Expected
    whole: str
    text: str
    took_s: float
    bugs: list[BaseException]
    ledger_rows: int
    double_billed: bool


async def run_case(name: str, root: Path, demo_server: str, key: str) -> Found:
    fault, expected = CASES[name]
    whole: list[str] = []
    bugs: list[BaseException] = []

    async def noted(wire: Wire) -> None:
        whole.append("".join(wire.texts))
        await fault(wire)

    async with FaultProxy(demo_server, noted) as proxy:
        host = Host(make_settings(root, proxy.url, key), patience=PATIENCE, on_bug=bugs.append)
        try:
            await host.start(catalogue=False)
            began = time.monotonic()
            ask = host.ask("demo/plain", wait_s=3.0)
            ended = await host.reply(ask, within_s=LONGEST_S * 4)
            took = time.monotonic() - began
            if expected.ledger == "billed":
                await _until_billed(host)
            [message] = await host.rows("SELECT text, state FROM message WHERE id = ?", ask.reply_id)
            requests = await host.requests()
            books = await Books(demo_server, key).log()
            text = str(message["text"])
            seen = Expected(
                state=message["state"],
                kind=ended.failure.kind if ended.failure else None,
                says=str(ended.failure.message) if ended.failure else "",
                ledger=requests[0]["state"],
                saved=_how_much(text, whole[-1] if whole else ""),
                posts=proxy.posts,
            )
            return Found(
                expected,
                seen,
                whole[-1] if whole else "",
                text,
                took,
                bugs,
                len(requests),
                len(books) != proxy.posts,
            )
        finally:
            await host.close()


async def _until_billed(host: Host) -> None:
    deadline = time.monotonic() + 15
    while (await host.states()) != ["billed"] and time.monotonic() < deadline:
        await asyncio.sleep(0.02)


def _how_much(text: str, whole: str) -> str:
    if not text:
        return "nothing"
    if text == whole:
        return "all"
    if whole.startswith(text):
        return "part"
    return "more" if len(text) == 2 * len(whole) else "other"


async def test_each_fault_is_told_booked_and_saved_as_it_should_be(
    demo_server: str, fresh_key: Callable[..., str], tmp_path: Path
) -> None:
    slots = asyncio.Semaphore(6)

    async def one(number: int, name: str) -> Found:
        async with slots:
            return await run_case(name, tmp_path / str(number), demo_server, fresh_key())

    found = dict(zip(CASES, await asyncio.gather(*(one(n, name) for n, name in enumerate(CASES))), strict=True))
    wrong = {
        name: (case.seen, case.expected)
        for name, case in found.items()
        if _told(case.seen, case.expected) != case.expected
    }
    assert not wrong, "\n".join(f"{name}: {seen}\n   expected {expected}" for name, (seen, expected) in wrong.items())
    for name, case in found.items():
        assert not case.bugs, name
        assert case.ledger_rows == 1, name
        assert not case.double_billed, name
        assert case.took_s < LONGEST_S, (name, case.took_s)
        assert "Traceback" not in case.seen.says and "Error" not in case.seen.says, name


def _told(seen: Expected, expected: Expected) -> Expected:
    """What was seen, with the sentence shortened to the words that are expected of it."""
    says = expected.says if expected.says in seen.says and bool(seen.says) == bool(expected.kind) else seen.says
    return Expected(seen.state, seen.kind, says, seen.ledger, seen.saved, seen.posts)
