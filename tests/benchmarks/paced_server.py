"""A server for benchmarks: one model that answers with Markdown at a set pace, the same for every client."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

MODEL = "bench/paced"
_ROW = {
    "id": MODEL,
    "canonical_slug": MODEL,
    "name": "Paced",
    "created": 1_700_000_000,
    "context_length": 200_000,
    "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
    "pricing": {"prompt": "0.000001", "completion": "0.000002"},
    "top_provider": {"context_length": 200_000, "max_completion_tokens": None, "is_moderated": False},
    "supported_parameters": ["max_tokens", "temperature"],
}


class PacedServer:
    """`with PacedServer(tokens, rate) as url:`; `rate` tokens a second, each an event of its own; 0 = at once."""

    def __init__(self, tokens: list[str], rate: float) -> None:
        self.tokens = tokens
        self.rate = rate
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> str:
        paced = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                self._head("application/json")
                rows = [_ROW] if self.path.split("?")[0].endswith("/models") else []
                self.wfile.write(json.dumps({"data": rows}).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                self._head("text/event-stream")
                short = body["messages"][-1]["content"] == "hi"
                tokens = ["Short."] if short else paced.tokens
                began = time.monotonic()
                for number, token in enumerate(tokens):
                    if paced.rate and (left := began + number / paced.rate - time.monotonic()) > 0:
                        time.sleep(left)
                    self._event(_delta({"content": token}))
                usage = {"prompt_tokens": 10, "completion_tokens": len(tokens), "total_tokens": 10, "cost": 0.001}
                self._event(_delta({}, finish="stop") | {"usage": usage})
                self.wfile.write(b"data: [DONE]\n\n")

            def _head(self, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()

            def _event(self, event: dict[str, Any]) -> None:
                self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

            @override
            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    pass  # the client went away

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/api/v1"

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def _delta(delta: dict[str, Any], *, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "gen-bench",
        "object": "chat.completion.chunk",
        "model": MODEL,
        "provider": "Bench",
        "choices": [choice],
    }
