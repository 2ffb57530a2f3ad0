"""Where keys never go: redirects, refused addresses, proxies."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

import httpx
import pytest
from client_script import BASE, KEY, ask, client_of, refusal, replies, streams
from scripted_streams import DONE, says, sse

from tui.openrouter.client import OpenRouterClient
from tui.openrouter.errors import ApiError, ErrorKind
from tui.secret import Secret


async def test_redirects_are_not_followed() -> None:
    seen: list[httpx.Request] = []
    answer = replies(b"", 307, {"Location": "https://evil.test/api/v1/chat/completions"})
    error = await refusal(client_of(answer, seen=seen))
    assert len(seen) == 1
    assert "evil.test" in error.message
    with pytest.raises(ApiError):
        await client_of(answer, seen=seen).key_info(KEY)
    with pytest.raises(ApiError):
        await client_of(answer, seen=seen).models(KEY)
    assert {request.url.host for request in seen} == {"openrouter.test"}


@pytest.mark.parametrize("key", ["sk-or-v1-a\nb", "sk-or-v1-ä", "sk or"])
async def test_a_key_that_no_header_can_hold(key: str) -> None:
    client = client_of(replies({}))
    with pytest.raises(ApiError) as caught:
        await client.key_info(Secret(key))
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.BAD_KEY, False)
    assert key not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://openrouter.test/api/v1", "ftp://x", "no url", "https://user:pw@x.test"])
def test_base_urls_that_are_refused(base_url: str) -> None:
    with pytest.raises(ApiError) as caught:
        OpenRouterClient(base_url)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.BAD_REQUEST, False)
    assert "pw" not in str(caught.value)


async def test_plain_http_only_where_it_is_allowed() -> None:
    seen: list[httpx.Request] = []
    OpenRouterClient("http://10.0.0.1/v1", allow_http=True)
    await ask(client_of(streams(sse(says("a"), DONE)), base_url="http://127.0.0.1:9/api/v1/", seen=seen))
    assert str(seen[0].url) == "http://127.0.0.1:9/api/v1/chat/completions"


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def use(value: str) -> None:
        for name in PROXIES:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setenv("ALL_PROXY", value)

    return use


@pytest.mark.parametrize("value", ["nonsense://secret-password@proxy", "http://x:notaport", "socks9://x"])
async def test_a_bad_proxy_variable_is_a_sentence(proxy: Callable[[str], None], value: str) -> None:
    proxy(value)
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient(BASE).key_info(KEY)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.PROXY, False)
    assert "secret" not in str(caught.value)


async def test_loopback_ignores_proxies(proxy: Callable[[str], None], unused_port: int) -> None:
    proxy("nonsense://proxy")
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient(f"http://127.0.0.1:{unused_port}/api/v1").key_info(KEY)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.REFUSED, False)


async def test_a_proxy_is_honoured_elsewhere(proxy: Callable[[str], None], unused_port: int) -> None:
    proxy(f"http://127.0.0.1:{unused_port}")
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient("https://openrouter.test/api/v1").key_info(KEY)
    assert caught.value.kind is ErrorKind.REFUSED


async def test_a_bad_certificate_variable_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ApiError) as caught:
        await OpenRouterClient(BASE).key_info(KEY)
    assert (caught.value.kind, caught.value.request_written) == (ErrorKind.TLS, False)


@pytest.fixture
def unused_port() -> Iterable[int]:
    """A port that nobody listens on: it is bound but does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
