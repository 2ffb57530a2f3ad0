"""The HTTP client: the only module that imports httpx, and itself imported only when the worker starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from tui import __version__
from tui.base_url import parse_base_url
from tui.openrouter.catalogue import RawCatalogue
from tui.openrouter.chat_stream import ChatStream
from tui.openrouter.decode_account import credits_from, generation_from, key_info_from
from tui.openrouter.decode_embeddings import UnreadableVectors, vectors_from
from tui.openrouter.decode_error import epoch_of_date, error_from_response, error_in_body
from tui.openrouter.encode import ServerKind, chat_body, embedding_body, endpoints_path
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.lenient import NotJson, as_opaque, loads
from tui.openrouter.network_error import bad_certificates, bad_proxy, describe, stalled
from tui.openrouter.pages import joined, next_page
from tui.openrouter.patience import PATIENCE, Patience
from tui.openrouter.text import Clean, Opaque, clean_line

if TYPE_CHECKING:
    from tui.openrouter.chat import ChatRequest, Credits, EmbeddingReply, EmbeddingRequest, Generation, KeyInfo
    from tui.secret import Secret

_LARGEST_BODY: Final = 256 * 1024 * 1024
_LARGEST_ERROR_BODY: Final = 1024 * 1024
_MOST_PAGES: Final = 100
_BUSY_ABOVE: Final = 32 * 1024
"""Bytes of vectors above which decoding takes long enough to be done in a thread."""

_LIMITS: Final = httpx.Limits(max_connections=128, max_keepalive_connections=64, keepalive_expiry=30.0)
_ATTRIBUTION: Final = {
    "HTTP-Referer": "https://ortui.example",
    "X-OpenRouter-Title": "ortui",
    "X-OpenRouter-Categories": "general-chat",
}
_FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""What the network may raise; TLS errors in mid-stream are `OSError`s that httpx lets through."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@final
class OpenRouterClient:
    """Speaks to one server. Cancelling a call closes its connection; close the client by `aclose()` or `async with`."""

    def __init__(
        self,
        base_url: str,
        *,
        kind: ServerKind = "openrouter",
        allow_http: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        """Raises `ApiError` for a base URL that is none, or that would send keys unencrypted to another machine."""
        try:
            address = parse_base_url(base_url)
        except ValueError as wrong:
            raise _unusable(f"The base URL cannot be used: {wrong}") from None
        if not (address.encrypted or address.loopback or allow_http):
            raise _unusable("The base URL would send the key unencrypted (https:// is missing)")
        self.kind: Final = kind
        self._address: Final = address
        host = urlsplit(address.url).hostname or "the server"
        proxied = not address.loopback and not getproxies().keys().isdisjoint({"all", "https", "http"})
        self._host: Final = clean_line(f"{host} (or the proxy)" if proxied else host)
        self._transport: Final = transport
        self._patience: Final = patience
        self._http: httpx.AsyncClient | None = None
        self._opening: Final = asyncio.Lock()

    async def __aenter__(self) -> OpenRouterClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; the client may be used again afterwards."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    # Lists

    async def models(self, key: Secret | None = None) -> RawCatalogue:
        """All models with every kind of output, and the embedding models, each list whole. Raises `ApiError`."""
        if self.kind == "openai":
            bodies, date = await self._pages("/models", key)
            return RawCatalogue(models_body=bodies, server_date=date)
        embeddings = asyncio.create_task(self._pages_if_any("/embeddings/models", key))
        try:
            models, date = await self._pages("/models?output_modalities=all", key)
            embeddings_body = await embeddings
        finally:
            embeddings.cancel()
            await asyncio.wait([embeddings])
        return RawCatalogue(models_body=models, embeddings_body=embeddings_body, server_date=date)

    async def endpoints(self, model: Opaque, key: Secret | None = None) -> bytes:
        """The providers of one model, for `decode_endpoints`; latencies come only with a key. Raises `ApiError`."""
        return (await self._get(endpoints_path(model), key)).body

    async def providers(self) -> bytes:
        """The companies behind the endpoints, for `decode_providers`; asked without a key. Raises `ApiError`."""
        return (await self._get("/providers", None)).body

    # Paid requests

    @asynccontextmanager
    async def chat(
        self,
        request: ChatRequest,
        key: Secret | None,
        *,
        first_event_s: float | None = None,
        between_bytes_s: float | None = None,
    ) -> AsyncIterator[ChatStream]:
        """Ask for a reply, streamed or whole. Leaving the context closes the connection.

        `first_event_s` bounds the time from sending to the first event that is no comment, `between_bytes_s` that
        between two signs of life; None leaves both to the client's patience.
        Raises `ApiError` when the server refuses.
        """
        if first_event_s is None:
            first_event_s = self._patience.first_event_s if request.stream else self._patience.whole_reply_s
        body = chat_body(request, self.kind)
        http = await self._opened()
        first_event_by = asyncio.get_running_loop().time() + first_event_s
        built = http.build_request(
            "POST",
            self._address.url + "/chat/completions",
            content=body,
            # Compressed events would wait for each other.
            headers={"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
            | self._headers(key, body=True),
        )
        response = await self._send(http, built, first_event_s)
        try:
            if response.status_code != 200:
                answer = await self._read(response, "POST", self._patience.get_s, _LARGEST_ERROR_BODY)
                raise error_from_response(answer.status, answer.headers, answer.body, key=key)
            stream = ChatStream(
                response.aiter_bytes(),
                response.headers,
                first_event_by=first_event_by,
                between_bytes_s=self._patience.between_bytes_s if between_bytes_s is None else between_bytes_s,
                after_error_s=self._patience.after_error_s,
                failure=self._failure,
                key=key,
                network_stream=response.extensions.get("network_stream"),
            )
            try:
                yield stream
            finally:
                await stream.close()
        finally:
            await response.aclose()

    async def embeddings(self, request: EmbeddingRequest, key: Secret | None) -> EmbeddingReply:
        """One vector a text, in the order of the texts. Raises `ApiError`, also for vectors that are no good."""
        body = embedding_body(request, self.kind)
        answer = await self._post("/embeddings", body, key, self._patience.embeddings_s)
        generation_id = as_opaque(answer.headers.get("x-generation-id"))
        try:
            if len(answer.body) > _BUSY_ABOVE:
                return await asyncio.to_thread(vectors_from, answer.body, len(request.input), generation_id)
            return vectors_from(answer.body, len(request.input), generation_id)
        except UnreadableVectors as wrong:
            self._raise_error_in(answer, "POST", key)
            raise ApiError(
                ErrorKind.UNREADABLE,
                Clean(f"The vectors cannot be used: {wrong}."),
                advice=Clean("Try fewer texts at once, or another model."),
                status=answer.status,
                outcome_unknown=True,
                generation_id=generation_id,
            ) from None

    # The account

    async def key_info(self, key: Secret | None) -> KeyInfo:
        """What the server says of the key: the only proof that it works. Raises `ApiError`."""
        answer = await self._get("/key", key)
        try:
            return key_info_from(answer.body)
        except NotJson:
            raise self._unreadable(answer, key) from None

    async def credits(self, key: Secret | None) -> Credits:
        """Credits of the account. Raises `ApiError`: 401 and 403 mean that the balance is unknown, not a broken key."""
        answer = await self._get("/credits", key)
        try:
            return credits_from(answer.body)
        except NotJson:
            raise self._unreadable(answer, key) from None

    async def generation(self, generation_id: Opaque, key: Secret | None) -> Generation | None:
        """The bill of a past request, asked with the key that made it; None while the server has none yet (404)."""
        try:
            answer = await self._get("/generation", key, {"id": generation_id.raw})
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        try:
            return generation_from(answer.body, generation_id)
        except NotJson:
            raise self._unreadable(answer, key) from None

    async def activity(self, key: Secret | None) -> bytes:
        """Spend by day of the last 30 UTC days, as it came; needs a management key. Raises `ApiError`."""
        return (await self._get("/activity", key)).body

    # One exchange

    async def _pages(self, path: str, key: Secret | None) -> tuple[bytes, float | None]:
        url = httpx.URL(self._address.url + path)
        bodies: list[bytes] = []
        seen: set[str] = set()
        date: float | None = None
        while str(url) not in seen and len(seen) < _MOST_PAGES:
            seen.add(str(url))
            answer = await self._get(url, key)
            date = date or epoch_of_date(answer.headers.get("date"))
            bodies.append(answer.body)
            following = next_page(answer.body)
            if following is None:
                break
            try:
                after = url.join(following)
            except httpx.InvalidURL:
                break
            if (after.scheme, after.netloc) != (url.scheme, url.netloc):
                break  # the key stays with its server
            url = after
        return joined(bodies), date

    async def _pages_if_any(self, path: str, key: Secret | None) -> bytes | None:
        """The list, or None: a server without one has its models in the other list."""
        try:
            return (await self._pages(path, key))[0]
        except ApiError:
            return None

    async def _get(self, path: str | httpx.URL, key: Secret | None, query: Mapping[str, str] | None = None) -> _Answer:
        http = await self._opened()
        url = self._address.url + path if isinstance(path, str) else path
        try:
            request = http.build_request("GET", url, params=query, headers=self._headers(key))
        except _FAILURES as failure:
            raise describe(failure, method="GET", host=self._host) from None
        return await self._exchange(http, request, key, self._patience.get_s)

    async def _post(self, path: str, body: bytes, key: Secret | None, limit_s: float) -> _Answer:
        http = await self._opened()
        headers = self._headers(key, body=True)
        request = http.build_request("POST", self._address.url + path, content=body, headers=headers)
        return await self._exchange(http, request, key, limit_s)

    async def _exchange(
        self, http: httpx.AsyncClient, request: httpx.Request, key: Secret | None, limit_s: float
    ) -> _Answer:
        response = await self._send(http, request, limit_s)
        try:
            largest = _LARGEST_BODY if response.status_code == 200 else _LARGEST_ERROR_BODY
            answer = await self._read(response, request.method, limit_s, largest)
        finally:
            await response.aclose()
        if answer.status != 200:
            raise error_from_response(answer.status, answer.headers, answer.body, method=request.method, key=key)
        if key and (said := key.reveal().encode()) in answer.body:
            # A key's label, say: what comes back is shown and stored.
            return _Answer(answer.status, answer.headers, answer.body.replace(said, key.tail.encode()))
        return answer

    async def _send(self, http: httpx.AsyncClient, request: httpx.Request, limit_s: float) -> httpx.Response:
        try:
            async with asyncio.timeout(limit_s):
                return await http.send(request, stream=True)
        except TimeoutError:
            raise stalled(f"{self._host} did not answer in time", request.method) from None
        except _FAILURES as failure:
            raise describe(failure, method=request.method, host=self._host) from None

    async def _read(self, response: httpx.Response, method: str, limit_s: float, largest: int) -> _Answer:
        """The body, or of a refusal as much of it as could be had."""
        parts: list[bytes] = []
        size = 0
        refused = response.status_code != 200
        try:
            async with asyncio.timeout(limit_s):
                async for piece in response.aiter_bytes():
                    parts.append(piece)
                    size += len(piece)
                    if size > largest:
                        break
        except TimeoutError:
            if not refused:
                raise stalled(f"{self._host} stopped in the middle of the answer", method) from None
        except _FAILURES as failure:
            if not refused:
                raise describe(failure, method=method, host=self._host) from None
        if size > largest and not refused:
            raise ApiError(
                ErrorKind.UNREADABLE,
                Clean("The answer is larger than any should be."),
                advice=Clean("Check the base URL."),
                outcome_unknown=method != "GET",
            )
        return _Answer(response.status_code, response.headers, b"".join(parts))

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._http is None:
                # Reading the certificates takes some 30 ms.
                self._http = await asyncio.to_thread(self._open)
            return self._http

    def _open(self) -> httpx.AsyncClient:
        loopback = self._address.loopback
        try:
            return httpx.AsyncClient(
                transport=self._transport,
                trust_env=not loopback,  # a proxy variable would send the key to the proxy
                verify=self._address.encrypted or not loopback,
                follow_redirects=False,
                timeout=httpx.Timeout(
                    connect=self._patience.connect_s,
                    write=self._patience.write_s,
                    pool=self._patience.pool_s,
                    read=None,
                ),
                limits=_LIMITS,
                headers={"User-Agent": f"ortui/{__version__}"} | (_ATTRIBUTION if self.kind == "openrouter" else {}),
            )
        except OSError:
            raise bad_certificates() from None
        except (ValueError, ImportError, httpx.InvalidURL):
            raise bad_proxy() from None

    def _headers(self, key: Secret | None, *, body: bool = False) -> dict[str, str]:
        headers = {"Content-Type": "application/json"} if body else {}
        if key:
            value = key.reveal()
            if not (value.isascii() and value.isprintable()) or " " in value:
                raise ApiError(
                    ErrorKind.BAD_KEY,
                    Clean("The key holds characters that no key has."),
                    advice=Clean("Enter the key again."),
                    request_written=False,
                )
            headers["Authorization"] = f"Bearer {value}"
        return headers

    def _failure(self, failure: BaseException) -> ApiError | None:
        return describe(failure, host=self._host) if isinstance(failure, _FAILURES) else None

    def _unreadable(self, answer: _Answer, key: Secret | None) -> ApiError:
        """The error inside a 200, or that it cannot be read."""
        try:
            self._raise_error_in(answer, "GET", key)
        except ApiError as error:
            return error
        return ApiError(
            ErrorKind.UNREADABLE,
            Clean("The server's answer cannot be read."),
            advice=Clean("Check the base URL."),
            status=answer.status,
            retryable=False,
        )

    def _raise_error_in(self, answer: _Answer, method: str, key: Secret | None) -> None:
        try:
            error = error_in_body(loads(answer.body), answer.headers, method=method, key=key)
        except NotJson:
            return
        if error is not None:
            raise error


def _unusable(sentence: str) -> ApiError:
    return ApiError(
        ErrorKind.BAD_REQUEST,
        Clean(f"{sentence}."),
        advice=Clean("Correct the base URL."),
        request_written=False,
    )
