"""Base URLs: what is accepted as one, and the origin that money and keys are kept apart by."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

OPENROUTER: Final = "https://openrouter.ai/api/v1"
OPENROUTER_ORIGIN: Final = "https://openrouter.ai:443"
DEMO_ORIGIN: Final = "demo"
"""One origin for all demo servers: their ports differ at every start, their data go on."""

NOT_ENCRYPTED: Final = (
    "expected https:// (http:// to another machine would show the key to everyone between, "
    "`allow_http: true` in the configuration file permits it)"
)

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?")
_ADDRESS_6: Final = re.compile(r"[0-9a-f:.]+")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_LOOPBACK_4: Final = re.compile(r"127(\.\d{1,3}){3}")
_DEFAULT_PORT: Final = {"https": 443, "http": 80}


class BaseUrl(msgspec.Struct, frozen=True):
    """A base URL in its one spelling: host in lower case, no slash at the end."""

    url: str
    origin: str
    """`scheme://host:port`, the port always named."""
    loopback: bool
    encrypted: bool


def parse_base_url(text: str) -> BaseUrl:
    """Read a base URL; raises `ValueError` with what was expected, never quoting the text: it may hold a password."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("expected a URL with a valid host and port") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORT or not text[len(scheme) :].startswith("://"):
        raise ValueError("expected a URL that starts with https:// (or http://)")
    if "@" in parts.netloc:
        raise ValueError("expected a URL without user name or password")
    if "?" in text or "#" in text:
        raise ValueError("expected a URL without ? and #")
    host = (parts.hostname or "").lower()
    if not host:
        raise ValueError("expected a URL with a host")
    version_6 = "[" in parts.netloc
    if not (_ADDRESS_6 if version_6 else _HOST).fullmatch(host) or not _PATH.fullmatch(parts.path):
        raise ValueError("expected a URL of plain characters, an international host as xn--…")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("expected a URL with a port from 1 to 65535")
    name = f"[{host}]" if version_6 else host
    port = port or _DEFAULT_PORT[scheme]
    shown_port = "" if port == _DEFAULT_PORT[scheme] else f":{port}"
    return BaseUrl(
        url=f"{scheme}://{name}{shown_port}{parts.path.rstrip('/')}",
        origin=f"{scheme}://{name}:{port}",
        loopback=is_loopback(host),
        encrypted=scheme == "https",
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address (lower case, no brackets) can only be this machine."""
    return host in ("localhost", "::1") or _LOOPBACK_4.fullmatch(host) is not None
