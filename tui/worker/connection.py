"""The HTTP client of the worker, made when it is first needed, and the demo server it may talk to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.patience import PATIENCE, Patience
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from tui.config import Settings
    from tui.demo.launch import DemoProcess
    from tui.openrouter.client import OpenRouterClient


class Connection:
    """One client for all jobs. Importing httpx takes a while, so it waits for the first request and a thread."""

    def __init__(self, settings: Settings, patience: Patience = PATIENCE) -> None:
        self._settings = settings
        self._patience = patience
        self._client: OpenRouterClient | None = None
        self._demo: DemoProcess | None = None
        self._opening: asyncio.Task[OpenRouterClient] | None = None

    async def client(self) -> OpenRouterClient:
        """The client; raises `ApiError` when the demo server does not start or the proxy settings are bad."""
        if self._client is not None:
            return self._client
        if self._opening is None:
            # A task of its own: a job that is stopped leaves no child half started, and does not wait for it either.
            self._opening = asyncio.create_task(self._open(), name="connection")
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Close every connection and end the demo server, also one that is just being started."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        client, self._client = self._client, None
        demo, self._demo = self._demo, None
        try:
            if client is not None:
                await client.aclose()
        finally:
            if demo is not None:
                await asyncio.to_thread(demo.stop)

    async def _open(self) -> OpenRouterClient:
        base_url = await self._demo_url() if self._settings.demo else self._settings.provider.base_url
        self._client = await asyncio.to_thread(self._make, base_url)
        return self._client

    def _opened(self, task: asyncio.Task[OpenRouterClient]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # whoever still waits for the client is told of it

    def _make(self, base_url: str) -> OpenRouterClient:
        from tui.openrouter.client import OpenRouterClient

        return OpenRouterClient(
            base_url,
            kind=self._settings.provider.type,
            allow_http=self._settings.allow_http,
            patience=self._patience,
        )

    async def _demo_url(self) -> str:
        from tui.demo.launch import DemoFailed, DemoProcess

        if self._demo is None:
            self._demo = DemoProcess()
        try:
            return await asyncio.to_thread(self._demo.start)
        except DemoFailed as error:
            raise ApiError(
                ErrorKind.REFUSED,
                Clean("The demo server did not start."),
                advice=Clean("Start `ortui demo-server` by itself to see why."),
                request_written=False,
            ) from error
