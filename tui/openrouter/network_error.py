"""From a failure of the network to one `ApiError`: whether anything can have reached the server decides what is safe.

It knows httpx's exceptions by their names, since only the client imports httpx.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean

_SERVER: Final = Clean("the server")
_LOOK_FIRST: Final = "It may have been billed: look before sending again."
_TRY_AGAIN: Final = "Check the network and try again."


def describe(failure: BaseException, *, method: str = "POST", host: Clean = _SERVER) -> ApiError:
    """The error for an exception of httpx or an `OSError`; what it says is never quoted, it may hold a key."""
    names = {cls.__name__ for cls in type(failure).__mro__}
    if "PoolTimeout" in names:
        return _unsent(ErrorKind.CONNECT_TIMEOUT, "No connection became free in time", "Wait until others have ended.")
    if "ConnectTimeout" in names:
        return _unsent(ErrorKind.CONNECT_TIMEOUT, f"Connecting to {host} took too long", _TRY_AGAIN)
    if "ProxyError" in names:
        return _unsent(
            ErrorKind.PROXY, "The proxy refused the connection", "Check the proxy variables.", retryable=method == "GET"
        )
    if "ConnectError" in names:
        return _no_connection(failure, host)
    if names & {"UnsupportedProtocol", "InvalidURL"}:
        return _unsent(ErrorKind.BAD_REQUEST, "The address cannot be used", "Check the base URL.", retryable=False)
    if "LocalProtocolError" in names:
        return _unsent(ErrorKind.BAD_KEY, "The request cannot be written", "Check the key.", retryable=False)
    if "DecodingError" in names:
        return _unknown(ErrorKind.UNREADABLE, "The answer's compression is broken", method)
    if names & {"TimeoutException", "TimeoutError"}:
        return stalled(f"{host} stopped answering", method)
    return _unknown(ErrorKind.CONNECTION_LOST, f"The connection to {host} was lost", method)


def stalled(sentence: str, method: str = "POST") -> ApiError:
    """The server holds the connection and says nothing; `sentence` is without its full stop."""
    return _unknown(ErrorKind.STALLED, sentence, method)


def bad_proxy() -> ApiError:
    """A proxy variable that cannot be used; its value is not quoted, it may hold a password."""
    return _unsent(
        ErrorKind.PROXY,
        "A proxy variable cannot be used",
        "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or unset it.",
        retryable=False,
    )


def bad_certificates() -> ApiError:
    """The certificates that an environment variable names cannot be read."""
    return _unsent(
        ErrorKind.TLS,
        "The certificates cannot be read",
        "Correct SSL_CERT_FILE or SSL_CERT_DIR, or unset it.",
        retryable=False,
    )


def _no_connection(failure: BaseException, host: Clean) -> ApiError:
    for cause in _causes(failure):
        if isinstance(cause, socket.gaierror):
            return _unsent(
                ErrorKind.DNS, f"The address of {host} cannot be found", "Check the network and the base URL."
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _unsent(
                ErrorKind.TLS,
                f"The certificate of {host} is not trusted",
                "Check the clock, the proxy and the base URL.",
            )
        if isinstance(cause, ssl.SSLError):
            return _unsent(ErrorKind.TLS, f"No secure connection to {host}", "Check the base URL and the proxy.")
        if isinstance(cause, ConnectionRefusedError):
            return _unsent(
                ErrorKind.REFUSED, f"{host} refused the connection", "Check the base URL, and whether the server runs."
            )
    return _unsent(ErrorKind.REFUSED, f"No connection to {host}", _TRY_AGAIN)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """The failure, what caused it, and what that was made of."""
    waiting, seen = [failure], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)
        waiting.extend(inner for inner in (cause.__cause__, cause.__context__) if inner is not None)


def _unsent(kind: ErrorKind, sentence: str, advice: str, *, retryable: bool = True) -> ApiError:
    return ApiError(kind, Clean(f"{sentence}."), advice=Clean(advice), retryable=retryable, request_written=False)


def _unknown(kind: ErrorKind, sentence: str, method: str) -> ApiError:
    """Written, and then nothing: a POST may have been carried out, a GET may simply be repeated."""
    paid = method != "GET"
    return ApiError(
        kind,
        Clean(f"{sentence}."),
        advice=Clean(_LOOK_FIRST if paid else _TRY_AGAIN),
        retryable=not paid,
        outcome_unknown=paid,
    )
