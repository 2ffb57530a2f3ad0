"""How the embedded server counts tokens: near to what common tokenizers give, without their tables."""

from __future__ import annotations

import re
from typing import Any, Final

from tui.demo.settings import Row

_PIECE: Final = re.compile(
    r"[^\S\n]*\n+"  # line breaks with the blanks before them
    r"|[ ]?[A-Za-zÀ-ɏ]{1,8}"  # a word, or its first letters
    r"|[ ]?\d{1,3}"
    r"|[ ]?[!-/:-@\[-`{-~]{1,3}"  # punctuation
    r"|[ ]+|\s|."
)

MESSAGE_OVERHEAD: Final = 4
REPLY_PRIMER: Final = 3
IMAGE_TOKENS: Final = 260
OTHER_MEDIA_TOKENS: Final = 400


def pieces(text: str) -> list[str]:
    """The text cut into its tokens; joined they give the text back."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens the text has."""
    return len(pieces(text))


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict) and "text" in part)
    return ""


def content_tokens(content: Any) -> int:
    """Tokens of a message's content, media included."""
    tokens = count(content_text(content))
    if isinstance(content, list):
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "image_url":
                tokens += IMAGE_TOKENS
            elif kind not in {"text", None}:
                tokens += OTHER_MEDIA_TOKENS
    return tokens


def message_tokens(message: Row) -> int:
    """Tokens of one message with what wraps it."""
    tokens = MESSAGE_OVERHEAD + content_tokens(message.get("content"))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        tokens += count(str(function.get("name", ""))) + count(str(function.get("arguments", "")))
    return tokens


def images_in(messages: list[Row]) -> int:
    """How many pictures the messages carry."""
    return sum(
        isinstance(part, dict) and part.get("type") == "image_url"
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )
