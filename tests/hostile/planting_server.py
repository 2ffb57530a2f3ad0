"""A server whose every text is hostile, and that quotes the key it was given wherever it can."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote

from typing_extensions import override

PLANTED: Final = {
    "CSI colour": "\x1b[7;5;9;47m",
    "CSI move": "\x1b[907;909H",
    "CSI mode": "\x1b[?1907h",
    "CSI query": "\x1b[907n",
    "title": "\x1b]0;PLANTED-TITLE\x07",
    "title by ST": "\x1b]2;PLANTED-TITLE\x1b\\",
    "link": "\x1b]8;;file:///PLANTED\x1b\\",
    "clipboard": "\x1b]52;c;UExBTlRFRA==\x07",
    "file": "\x1b]1337;File=inline=1:UExBTlRFRA==\x07",
    "DCS": "\x1bP$qPLANTED\x1b\\",
    "sixel": "\x1bPq#0PLANTED\x1b\\",
    "APC": "\x1b_GPLANTED\x1b\\",
    "PM": "\x1b^PLANTED\x1b\\",
    "SOS": "\x1bXPLANTED\x1b\\",
    "reset": "\x1bc",
    "charset": "\x1b(0",
    "C1 CSI": "\x9b907;909H",
    "C1 OSC": "\x9d0;PLANTED\x9c",
    "C1 DCS": "\x90PLANTED\x9c",
    "override": "\u202egnp.exe\u202c",
    "isolate": "\u2066PLANTED\u2069",
    "marks": "\u200f\u061c",
    "separators": "\u2028\u2029\x85",
    "tags": "\U000e0041\U000e007f",
    "NUL": "\x00",
    "backspaces": "x\x08\x08\x7f",
    "return": "good\rEVIL",
    "feed": "a\x0bb\x0cc",
}
SURROGATE: Final = "\ud800x\udc00"
MARKUP: Final = "[/b] [@click=app.quit]MARK[/] [red on blue]M[/] [link=file:///x]y[/link] $primary [[ ]] \\["
ALL: Final = "".join(PLANTED.values())
TEXT: Final = ALL + SURROGATE + MARKUP
GOOD: Final = "acme/plain"
ANSI_REPLY: Final = (
    f"# Head {TEXT}\n\npara {TEXT}\n\n```py\n# {ALL}\nx = '{SURROGATE}'\n```\n\n"
    f"[a link]({PLANTED['link']}) [two](file:///etc/PLANTED) [three](javascript:PLANTED) <https://a.test/{ALL}>\n\n"
    f"![picture](https://b.test/{PLANTED['clipboard']})\n\n- item {TEXT}\n\n> quote {TEXT}\n\n"
    f"| a | {ALL} |\n|---|---|\n"
    f'| {TEXT} | b |\n\n[ref]: https://c.test/{PLANTED["title"]} "{ALL}"\n\nThe reply has come.\n'
)
FAR_AWAY: Final = "openrouter.example"
"""A host that only a proxy can reach: the server is one too."""
LONG_LINE: Final = 10_000_000


def planted(value: Any) -> Any:
    """The value with hostile text in each of its texts."""
    if isinstance(value, str):
        return value + TEXT
    if isinstance(value, dict):
        return {name: planted(inner) for name, inner in value.items()} | {"new" + TEXT: TEXT}
    if isinstance(value, list):
        return [*map(planted, value), TEXT]
    return value


def _model(model_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": model_id,
        "canonical_slug": f"{model_id}-1{TEXT}",
        "name": f"Acme {TEXT}",
        "created": 1_772_323_200,
        "description": f"Described {TEXT}",
        "context_length": 131072,
        "hugging_face_id": TEXT,
        "knowledge_cutoff": TEXT,
        "expiration_date": TEXT,
        "architecture": {
            "modality": "text->text" + TEXT,
            "input_modalities": ["text", TEXT],
            "output_modalities": ["text", TEXT],
            "tokenizer": TEXT,
            "instruct_type": TEXT,
        },
        "pricing": {"prompt": "0.000001", "completion": "0.000002", "request": TEXT, TEXT: TEXT},
        "top_provider": {"context_length": 131072, "max_completion_tokens": 1000, "is_moderated": TEXT},
        "default_parameters": {"temperature": TEXT, TEXT: 1},
        "supported_parameters": ["max_tokens", TEXT, "tools"],
        "reasoning": {"supported_efforts": ["high", TEXT], "default_effort": TEXT},
        "benchmarks": {"design_arena": [{"arena": TEXT, "category": TEXT, "elo": 1200, "win_rate": 5, "rank": 1}]},
        "links": {"details": TEXT},
    } | more


MODELS: Final = [
    _model(GOOD),
    _model("acme/long", name="L" * 5000 + TEXT),
    _model("evil/id" + ALL),
    planted(_model("evil/all")),
]
EMBEDDING: Final = _model(
    "acme/embed",
    architecture={"modality": "text->embeddings", "input_modalities": ["text"], "output_modalities": ["embeddings"]},
)
ENDPOINT: Final = {
    "name": f"Acme | {GOOD}{TEXT}",
    "provider_name": f"Acme {TEXT}",
    "tag": f"acme{TEXT}",
    "context_length": 131072,
    "pricing": {"prompt": "0.000001", "completion": "0.000002", TEXT: TEXT},
    "quantization": TEXT,
    "status": 0,
    "supported_parameters": [TEXT],
    "latency_last_30m": {"p50": 640, "p75": 910, "p90": 1480, "p99": 4100},
}


class PlantingServer:
    """Answers on loopback; `fails` turns the next chats into errors, `reply` is what they say, `seen` what came."""

    def __init__(self) -> None:
        self.fails = False
        self.redirect_to: str | None = None
        self.reply = ANSI_REPLY
        self.piece = 7
        """Characters of the reply in an event: fewer than a sequence has, as a model's tokens."""
        self.seen: list[tuple[str, str, str]] = []
        """Method, path and Authorization of each request."""
        outer = self

        class Handler(_Handler):
            server_of = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_port}/api/v1"

    def __enter__(self) -> PlantingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, key: str) -> tuple[int, Any]:
        """Status and body of one request."""
        if self.redirect_to is not None:
            return 307, {"error": {"message": "elsewhere"}}
        quoted = f"Bearer {key} and {key[9:]} in https://user:{key}@h.test/?key={key} are no good {TEXT}"
        error = {"error": {"code": 400, "message": quoted, "metadata": {"provider_name": TEXT, "raw": quoted}}}
        match path:
            case "/embeddings/models":
                return 200, {"data": [EMBEDDING]}
            case "/models":
                return 200, {"data": MODELS}
            case "/providers":
                return 200, {
                    "data": [planted({"slug": "acme", "name": "Acme", "headquarters": "DE", "datacenters": []})]
                }
            case "/key":
                return 200, {"data": {"label": f"{key}{TEXT}", "usage": 1.5, "limit": 10, "limit_remaining": 8.5}}
            case "/credits":
                return 200, {"data": {"total_credits": 10, "total_usage": 2, TEXT: TEXT}}
            case "/generation":
                return 200, {"data": planted({"id": "gen", "provider_name": "Acme", "total_cost": 0.001})}
            case "/embeddings" if not self.fails:
                rows = [{"index": number, "embedding": [0.6, 0.8], TEXT: TEXT} for number in range(2)]
                return 200, {"data": rows, "model": TEXT, "usage": {"prompt_tokens": 3, "cost": 0.001}}
            case _ if path.endswith("/endpoints"):
                return 200, {"data": {"id": GOOD + TEXT, "name": TEXT, "endpoints": [ENDPOINT, ENDPOINT]}}
        return 400, error

    def events(self) -> list[dict[str, Any]]:
        """The events of a streamed reply."""
        who = {"id": "gen-" + TEXT, "model": GOOD + TEXT, "provider": "Acme" + TEXT}
        thinking = {"reasoning": TEXT, "reasoning_details": [planted({"type": "reasoning.text", "text": "Hm"})]}
        call = {"index": 0, "id": TEXT, "type": "function", "function": {"name": "f" + TEXT, "arguments": TEXT}}
        cited = {"type": "url_citation", "url_citation": {"url": "https://d.test/" + TEXT, "title": TEXT}}
        return [
            who | {"choices": [{"delta": thinking}]},
            *(who | {"choices": [{"delta": {"content": piece}}]} for piece in _pieces(self.reply, self.piece)),
            who | {"choices": [{"delta": {"tool_calls": [call], "annotations": [cited], "refusal": TEXT}}]},
            who | {"choices": [{"delta": {}, "finish_reason": "stop" + TEXT, "native_finish_reason": TEXT}]},
            who | {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.01, TEXT: TEXT}},
        ]


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


class _Handler(BaseHTTPRequestHandler):
    server_of: PlantingServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer()

    def _answer(self) -> None:
        server = self.server_of
        # To a proxy the whole address is written.
        whole = self.path.removeprefix(f"http://{FAR_AWAY}")
        path = unquote(whole.removeprefix("/api/v1").partition("?")[0])
        authorization = self.headers.get("Authorization", "")
        server.seen.append((self.command, self.path, authorization))
        key = authorization.removeprefix("Bearer ")
        if path == "/chat/completions" and not server.fails and server.redirect_to is None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(f": {ALL.replace(chr(13), '')}\n\n".encode())
            for event in server.events():
                self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.write(b"data: [DONE]\n\n")
        else:
            status, body = server.answer(self.command, path, key)
            data = json.dumps(body).encode()
            self.send_response(status)
            if server.redirect_to is not None:
                self.send_header("Location", server.redirect_to)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        self.close_connection = True

    @override
    def log_message(self, *args: object) -> None:
        pass
