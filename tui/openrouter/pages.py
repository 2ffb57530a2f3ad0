"""Model lists that come in pages: where the next one is, and all of them as one list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec


class _Links(msgspec.Struct):
    next: str | None = None


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    links: _Links | None = None


_decode_page: Final = msgspec.json.Decoder(_Page).decode


def next_page(body: bytes) -> str | None:
    """Where the list goes on, relative to the host; None at its end, which an empty or malformed page is too."""
    try:
        page = _decode_page(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return page.links.next if page.data and page.links is not None else None


def joined(bodies: Sequence[bytes]) -> bytes:
    """One list of all the rows, as they came; a single page stays untouched."""
    if len(bodies) == 1:
        return bodies[0]
    rows: list[bytes] = []
    for body in bodies:
        try:
            rows.extend(bytes(row) for row in _decode_page(body).data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return b'{"data":[' + b",".join(rows) + b"]}"
