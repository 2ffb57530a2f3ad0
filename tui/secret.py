"""API keys, kept so that they cannot be printed by accident."""

from __future__ import annotations

from typing import Final, final

from typing_extensions import override

# The interpreter's own SHA-256, as `random` takes its SHA-512: hashlib loads OpenSSL, which is a fiftieth of the start.
try:
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from hashlib import sha256


@final
class Secret:
    """An API key: `repr`, `str` and format show `…4f2a`; only `reveal()` gives the key, for the header it goes in."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """The key itself. Call it only where a header or a keyring entry is written."""
        return self._value

    @property
    def tail(self) -> str:
        """`…` and the last four characters, for show; `…` alone when the key is too short to hide the rest."""
        return f"…{self._value[-4:]}" if len(self._value) >= 12 else "…"

    def account(self, origin: str) -> str:
        """First 16 hex digits of SHA-256(origin + NUL + key): whose money this is, without saying the key."""
        digest: str = sha256(f"{origin}\0{self._value}".encode("utf-8", "surrogatepass")).hexdigest()
        return digest[:16]

    @override
    def __repr__(self) -> str:
        return self.tail

    @override
    def __str__(self) -> str:
        return self.tail

    @override
    def __format__(self, spec: str) -> str:
        return format(self.tail, spec)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    @override
    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


_SHORTEST_PART: Final = 16
"""Characters in a row that are still told as a part of the key; the tail that is shown has four."""


def strike_out(text: str, key: str, mark: str = "…") -> str:
    """The text without the key and without any longer part of it, as a server may quote it without its beginning."""
    if not key:
        return text
    text = text.replace(key, mark)
    half = _SHORTEST_PART // 2
    if not any(key[at : at + half] in text for at in range(0, len(key) - half + 1, half)):
        return text  # every part that is long enough holds one of these
    parts = {key[at : at + _SHORTEST_PART] for at in range(len(key) - _SHORTEST_PART + 1)}
    kept: list[str] = []
    at = 0
    while at < len(text):
        end = at + _SHORTEST_PART
        if text[at:end] in parts:
            while end < len(text) and text[end + 1 - _SHORTEST_PART : end + 1] in parts:
                end += 1
            kept.append(mark)
            at = end
        else:
            kept.append(text[at])
            at += 1
    return "".join(kept)
