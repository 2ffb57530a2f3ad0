"""How many tokens stand in the composer: guessed with every key, counted when the user pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from textual.timer import Timer

from tui.core.attachments import content_of
from tui.core.conversation import Attachment
from tui.core.tokens import count_request_tokens, guess_tokens
from tui.openrouter.chat import RequestMessage
from tui.openrouter.text import Clean
from tui.screens.soon import soon
from tui.widgets.composer import Composer

_PAUSE_S: Final = 0.4
_FRAME: Final = 7
"""Tokens that a request's frame has besides those of its one message."""


class DraftCount:
    """Tokens of the text and of what is attached to it."""

    def __init__(self, counted: Callable[[], None]) -> None:
        """`counted` is called when a guess has become a count."""
        self._counted = counted
        self._timer: Timer | None = None
        self._text_tokens: tuple[str, int] = ("", 0)
        self._file_tokens: dict[int, tuple[Attachment, int]] = {}
        """By identity: texts may have megabytes."""

    def tokens(self, composer: Composer) -> int:
        """Tokens of the draft, by what was counted last."""
        text, tokens = self._text_tokens
        now = composer.text
        if text != now:
            # Typing on changes little: what was counted holds for the part of it that is still there.
            tokens = (
                tokens + guess_tokens(len(now) - len(text))
                if text and len(now) >= len(text)
                else guess_tokens(len(now))
            )
        files = 0
        for one in composer.attachments:
            counted = self._file_tokens.get(id(one))
            files += guess_tokens(one.size) if counted is None and one.kind == "text" else counted[1] if counted else 0
        return tokens + files

    def note_edit(self, composer: Composer) -> None:
        """The draft has changed: count it soon."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = composer.set_timer(_PAUSE_S, lambda: self._begin(composer))

    def _begin(self, composer: Composer) -> None:
        soon(composer, lambda: self._count(composer), "count", latest=True)

    async def _count(self, composer: Composer) -> None:
        text, attachments = composer.text, composer.attachments
        if text != self._text_tokens[0]:
            self._text_tokens = text, await asyncio.to_thread(_tokens, Clean(text), ())
        fresh = {id(one): self._file_tokens[id(one)] for one in attachments if id(one) in self._file_tokens}
        for one in attachments:
            if id(one) not in fresh:
                fresh[id(one)] = one, await asyncio.to_thread(_tokens, Clean(""), (one,))
        self._file_tokens = fresh
        self._counted()


def _tokens(text: Clean, attachments: tuple[Attachment, ...]) -> int:
    """Tokens of one part of a message, without the frame around it."""
    if not text and not attachments:
        return 0
    return count_request_tokens([RequestMessage(role="user", content=content_of(text, attachments))]) - _FRAME
