"""A worker on a database, what it says, and servers for it to talk to."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from tui.base_url import parse_base_url
from tui.config import Budget, ChatDefaults, EmbeddingDefaults, KeySource, Provider, Settings, UiSettings
from tui.core.chat_turns import first_settings, send
from tui.core.commands import Ask, Embed, RefreshCatalogue
from tui.core.conversation import Message
from tui.core.events import EmbedEnded, Event, JobChanged, JobState, Noticed, TurnEnded
from tui.core.ledger import MONEY
from tui.core.state import State
from tui.database import ledger
from tui.database.columns import money_out
from tui.database.thread import Database
from tui.folders import Folders
from tui.openrouter.patience import PATIENCE, Patience
from tui.openrouter.text import Clean, Opaque
from tui.secret import Secret
from tui.worker.worker import Worker

NO_BUDGET = Budget()


def make_settings(root: Path, base_url: str, *keys: str, **changes: Any) -> Settings:
    """Settings with one provider; `limits`, `type`, `pricing`, `model`, `sources` change it, the rest the settings."""
    address = parse_base_url(base_url)
    of_provider: dict[str, Any] = {
        name: changes.pop(name) for name in ("limits", "type", "pricing", "model", "management_key") if name in changes
    }
    of_address: dict[str, Any] = {"base_url": address.url, "origin": address.origin}
    sources = changes.pop("sources", None) or tuple(KeySource(Secret(key), "test") for key in keys)
    whole: dict[str, Any] = {"id": "here", "type": "openrouter", "keys": sources, **of_address, **of_provider}
    provider = Provider(**whole)
    fields: dict[str, Any] = {
        "providers": (provider,),
        "provider": provider,
        "budget": NO_BUDGET,
        "ui": UiSettings(),
        "chat": ChatDefaults(),
        "embeddings": EmbeddingDefaults(),
        "allow_http": False,
        "keymap": {},
        "warnings": (),
        "folders": Folders(
            data=root,
            database=root / "ortui.db",
            run=root / "run",
            exports=root / "exports",
            drafts=root / "drafts",
            log=root / "log",
            config=root,
        ),
        "demo": False,
        "config_file": None,
    }
    return Settings(**(fields | changes))


class Host:
    """Runs one worker until `stop()`; keeps its events and folds them into a state."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database | None = None,
        watch: bool = False,
        on_bug: Callable[[BaseException], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self.settings = settings
        self.database = database or Database(settings.folders.database)
        self.state = State()
        self.events: list[Event] = []
        self.on_event = on_event
        self.worker = Worker(settings, self.database, self._take, watch=watch, on_bug=on_bug, patience=patience)
        self.task: asyncio.Task[None] | None = None

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.state.apply(event)
        if self.on_event is not None:
            self.on_event(event)

    async def start(self, *, catalogue: bool = True) -> Host:
        """Start it, and wait for the model list if wanted."""
        self.task = asyncio.create_task(self.worker.run(), name="worker run")
        if catalogue:
            self.worker.submit(RefreshCatalogue())
            await self.until(lambda: self.state.catalogue_fetched_at is not None)
        else:
            await self.until(lambda: self.saw("ConversationsListed"))
        return self

    async def stop(self) -> float:
        """Stop it, leave the database open; answers with how many seconds that took."""
        began = time.monotonic()
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return time.monotonic() - began

    async def close(self) -> None:
        """Stop it, close the database."""
        try:
            await self.stop()
        finally:
            await self.database.aclose()

    async def until(self, condition: Callable[[], Any], within_s: float = 30.0) -> Any:
        """Wait for the condition; fails after `within_s` seconds, or with what the worker died of."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            if self.task is not None and self.task.done():
                self.task.result()
            assert time.monotonic() < deadline, f"never came true; last events: {self.events[-4:]}"
            await asyncio.sleep(0.005)
        return found

    def saw(self, kind: str | type) -> list[Any]:
        """The events of that kind so far."""
        name = kind if isinstance(kind, str) else kind.__name__
        return [event for event in self.events if type(event).__name__ == name]

    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Noticed)]

    def ask(self, model: str, text: str = "Tell me about trees", **changes: Any) -> Ask:
        """Hand in a question; `parameters` are those of the request, `conversation_id` continues one."""
        conversation_id = changes.pop("conversation_id", None) or uuid.uuid4().hex
        settings = replace(first_settings(self.settings.chat), model=Opaque(model))
        if "parameters" in changes:
            settings = replace(settings, parameters=changes.pop("parameters"))
        private = changes.pop("private", False)
        known = self.state.open.get(conversation_id)
        ask = send(known, conversation_id, settings, Clean(text), now=time.time(), private=private)
        ask = replace(ask, **changes)
        assert self.worker.submit(ask)
        return ask

    def message(self, ask: Ask) -> Message:
        found = self.state.open[ask.conversation_id].message(ask.reply_id)
        assert found is not None
        return found

    def ended(self, ask: Ask) -> Any:
        """The `TurnEnded` of the reply; None while it runs."""
        return next((e for e in self.events if isinstance(e, TurnEnded) and e.message_id == ask.reply_id), None)

    async def reply(self, ask: Ask, within_s: float = 30.0) -> Any:
        """Wait for the end of a reply, until its job is over too."""
        await self.until(lambda: self.ended(ask), within_s)
        await self.until(lambda: any(job.state.is_over for job in self.jobs(ask.reply_id)))
        return self.ended(ask)

    async def embed(self, model: str, texts: Sequence[str], **changes: Any) -> EmbedEnded:
        """Hand in texts and wait for the vectors."""
        embed = Embed(job_id=uuid.uuid4().hex, model=Opaque(model), texts=tuple(map(Clean, texts)), **changes)
        assert self.worker.submit(embed)
        return await self.embedded(embed.job_id)

    async def embedded(self, job_id: str) -> EmbedEnded:
        found = await self.until(
            lambda: [e for e in self.events if isinstance(e, EmbedEnded) and e.job_id == job_id], 15.0
        )
        assert isinstance(found[0], EmbedEnded)
        return found[0]

    def jobs(self, job_id: str) -> list[Any]:
        """The states of a job so far."""
        return [e.job for e in self.events if isinstance(e, JobChanged) and e.job.id == job_id]

    def key(self, number: int = 0) -> str:
        """One of the keys themselves."""
        secret = self.settings.provider.keys[number].secret
        assert secret is not None
        return secret.reveal()

    def waits(self, job_id: str) -> list[Any]:
        return [job for job in self.jobs(job_id) if job.state is JobState.WAITING]

    async def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """What stands in the database."""
        return await self.database.run(
            lambda connection: [dict(row) for row in connection.execute(sql, parameters).fetchall()]
        )

    async def requests(self) -> list[dict[str, Any]]:
        """The ledger, oldest first."""
        return await self.rows("SELECT * FROM request ORDER BY number")

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.requests()]

    async def billed(self) -> Decimal:
        """All that was billed."""
        total = Decimal(0)
        for row in await self.requests():
            if row["state"] == "billed":
                total = MONEY.add(total, money_out(row["cost_usd"]) or Decimal(0))
        return total

    async def reserved(self) -> Decimal:
        held = await self.database.run(ledger.open_requests, self.settings.provider.origin, "", time.time())
        return held.reserved_usd["day"]


class Books:
    """What the embedded server saw of one key, and billed for it."""

    def __init__(self, base_url: str, key: str) -> None:
        self._root = base_url.removesuffix("/api/v1")
        self._key = key

    async def _get(self, path: str) -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(self._root + path, headers={"Authorization": f"Bearer {self._key}"})
        return json.loads(answer.text, parse_float=Decimal)["data"]

    async def log(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self._get("/demo/log")
        return rows

    async def ledger(self) -> dict[str, Any]:
        sums: dict[str, Any] = await self._get("/demo/ledger")
        return sums

    async def cost(self) -> Decimal:
        return Decimal((await self.ledger())["cost"])


@dataclass
class Seen:
    """A request that a scripted server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = bytes | None | Callable[[asyncio.StreamWriter], Any]
"""Bytes to send, None to hang up without a word, or a coroutine function that writes by itself."""


class ScriptedServer:
    """Answers POSTs one after the other as it is told, the last answer for ever; GETs by path, else 404."""

    def __init__(self, *answers: Answer, gets: dict[str, bytes] | None = None) -> None:
        self.answers = list(answers)
        self.gets = gets or {}
        self.seen: list[Seen] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def posts(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == "POST"]

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/api/v1"

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        # A worker that goes on asks for bills: what it has connected to by now comes here some turns of the loop later.
        for _turn in range(20):
            await asyncio.sleep(0)
        while self._open:
            for writer in self._open:
                writer.transport.abort()  # what nobody reads any more would keep it open
            await asyncio.sleep(0.005)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.seen.append(Seen(method, path, headers, body))
            answer: Answer
            if method == "POST":
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            else:
                answer = self.gets.get(path.removeprefix("/api/v1").partition("?")[0], http(404, "{}"))
            if callable(answer):
                await answer(writer)
            elif answer is not None:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._open.discard(writer)


async def silent(writer: asyncio.StreamWriter) -> None:
    """An answer that keeps the connection and says nothing."""
    while not writer.is_closing():
        await asyncio.sleep(0.005)


def http(status: int, body: object, **headers: str) -> bytes:
    """A whole response; `body` is text or made JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(text.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, "Connection: close", "", ""]) + text).encode()


def stream(*events: object, done: bool = True, head_only: bool = False) -> bytes:
    """A response of server-sent events, ended by closing the connection."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + (["data: [DONE]\n\n"] if done else [])
    return (head + ("" if head_only else "".join(lines))).encode()


def chunk(text: str = "", *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of a reply."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "gen-1", "model": "some/model", "provider": "Acme", "choices": [choice], **more}
