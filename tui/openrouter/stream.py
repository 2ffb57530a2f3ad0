"""From the events of a streamed reply, or a whole JSON reply, to what they mean ("Streaming" of the reference)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeAlias, final

import msgspec

from tui.openrouter.chat import (
    Began,
    Citation,
    CitationsArrived,
    Ended,
    ImageArrived,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallsChanged,
    UsageArrived,
    Waiting,
)
from tui.openrouter.decode_error import error_from_stream
from tui.openrouter.decode_usage import usage_from
from tui.openrouter.fragments import ReasoningDetails, ReasoningText, ToolCallFragments
from tui.openrouter.lenient import NotJson, as_line, as_list, as_mapping, as_opaque, as_text, loads
from tui.openrouter.sse import Comment, SseItem
from tui.openrouter.text import Clean, Opaque, StreamCleaner, clean_line

_Channel: TypeAlias = type[TextDelta] | type[ReasoningDelta] | type[RefusalDelta]

if TYPE_CHECKING:
    from tui.openrouter.errors import ApiError
    from tui.secret import Secret


_NOTHING: Final = msgspec.Raw(b"")
_LEAST: Final = 5
"""Bytes of the shortest part that says something: `null`, `[]`, `{}`, `true` and an empty string do not."""


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    reasoning_details: msgspec.Raw = _NOTHING
    tool_calls: msgspec.Raw = _NOTHING
    annotations: msgspec.Raw = _NOTHING
    images: msgspec.Raw = _NOTHING


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    error: msgspec.Raw = _NOTHING


class _Chunk(msgspec.Struct, gc=False):
    """What is read of every event; who answers stands in `_Head`, which is read once."""

    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING


class _Head(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    provider: str | None = None


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_decode_head: Final = msgspec.json.Decoder(_Head).decode
_NOT_AS_EXPECTED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DONE: Final = b"[DONE]"
_HEADS_LOOKED_AT: Final = 3


@final
class ReplyDecoder:
    """Feed it the events of one reply; it says what they mean and remembers what only the end can tell."""

    def __init__(self, *, generation_id: Opaque | None = None, key: Secret | None = None) -> None:
        """`generation_id` is that of the response header, `key` what error messages must never show."""
        self.generation_id = generation_id
        self.error: ApiError | None = None
        """The error inside the reply, once it came."""
        self.first_was_error = False
        """The very first JSON event was an error: nothing was shown, and the request may be repeated."""
        self.done = False
        """`[DONE]` came, or a whole JSON reply."""
        self.json_events = 0
        self.broken_events = 0
        self._key = key
        self._model: Clean | None = None
        self._provider: Clean | None = None
        self._heads_wanted = _HEADS_LOOKED_AT
        self._finish_reason: Clean | None = None
        self._native_finish_reason: Clean | None = None
        self._reasoning = ReasoningText()
        self._details = ReasoningDetails()
        self._whole_details: Opaque | None = None
        self._tools = ToolCallFragments()
        self._tools_changed = False
        self._cited: set[Citation] = set()
        self._events: list[StreamEvent] = []
        self._channel: _Channel = TextDelta
        self._pieces: list[str] = []  # of the channel, not yet an event
        self._cleaners: dict[_Channel, StreamCleaner] = {
            TextDelta: StreamCleaner(),
            ReasoningDelta: StreamCleaner(),
            RefusalDelta: StreamCleaner(),
        }

    @property
    def finished(self) -> bool:
        """Whether the reply says of itself that it is complete."""
        return self.done or self._finish_reason is not None

    def feed(self, items: Iterable[SseItem]) -> list[StreamEvent]:
        """What the items mean; text of one kind that follows itself becomes one event."""
        for item in items:
            if isinstance(item, Comment):
                if not self.json_events:
                    self._events.append(Waiting(clean_line(item.text.decode("utf-8", "replace"))))
            elif not self.done:
                self._take(item)
        return self._hand_out()

    def feed_whole(self, body: bytes) -> list[StreamEvent]:
        """What a reply means that came as one JSON object instead of a stream."""
        self._take(body.strip())
        self.done = self.json_events > 0 and self.error is None
        return self._hand_out()

    def finish(self, leftover: Iterable[SseItem] = (), *, lost: ApiError | None = None) -> list[StreamEvent]:
        """What is left once the connection has ended, the last of it `Ended`.

        `leftover` is the event that lacked its blank line, `lost` the failure that ended the connection.
        """
        broken = self.broken_events
        for item in leftover:
            if isinstance(item, bytes) and not self.done:
                self._take(item)
        self.broken_events = broken  # a torn last event is not a broken one: the reply is cut off
        self._flush()
        for channel, cleaner in self._cleaners.items():
            if held := cleaner.finish():
                self._events.append(channel(held))
        events = self._hand_out()
        error = self.error or (None if self.finished else lost)
        events.append(
            Ended(
                complete=self.finished and error is None,
                finish_reason=self._finish_reason,
                native_finish_reason=self._native_finish_reason,
                reasoning_details=self._whole_details or self._details.as_json(),
                error=error,
                broken_events=self.broken_events,
            )
        )
        return events

    # One event

    def _take(self, payload: bytes) -> None:
        try:
            chunk = _decode_chunk(payload)
        except _NOT_AS_EXPECTED:
            lenient = self._lenient(payload)
            if lenient is None:
                return
            chunk = lenient
        self.json_events += 1
        if self._heads_wanted:
            self._read_head(payload)
        if chunk.choices:
            choice = chunk.choices[0]
            delta = choice.delta or choice.message
            if delta is not None:
                self._take_delta(delta, whole=choice.message is not None)
            if choice.finish_reason:
                self._end_choice(choice)
            if len(choice.error) >= _LEAST:
                self._fail(choice.error)
        if len(chunk.error) >= _LEAST:
            self._fail(chunk.error)
        elif self._finish_reason == "error" and self.error is None:
            self._fail(msgspec.Raw(b"{}"))
        if len(chunk.usage) >= _LEAST:
            usage = usage_from(_loads(chunk.usage))
            if usage is not None:
                self._flush()
                self._events.append(UsageArrived(usage))

    def _take_delta(self, delta: _Delta, *, whole: bool) -> None:
        thinking = delta.reasoning or delta.reasoning_content or ""
        if len(delta.reasoning_details) >= _LEAST:
            thinking = self._reasoning.take(thinking, self._details.add_json(delta.reasoning_details))
            if whole and self._details:
                self._whole_details = Opaque(bytes(delta.reasoning_details).decode("utf-8", "replace"))
        elif thinking:
            thinking = self._reasoning.take(thinking, "")
        if thinking:
            self._say(ReasoningDelta, thinking)
        if delta.content:
            self._say(TextDelta, delta.content)
        if delta.refusal:
            self._say(RefusalDelta, delta.refusal)
        if len(delta.tool_calls) >= _LEAST and self._tools.add(_loads_fast(delta.tool_calls)):
            self._tools_changed = True
        if len(delta.images) >= _LEAST:
            self._take_images(as_list(_loads(delta.images)))
        if len(delta.annotations) >= _LEAST:
            self._take_citations(as_list(_loads(delta.annotations)))

    def _take_images(self, images: list[object]) -> None:
        for image in images:
            url = as_opaque(as_mapping(as_mapping(image).get("image_url")).get("url"))
            if url is not None:
                self._flush()
                self._events.append(ImageArrived(url))

    def _take_citations(self, annotations: list[object]) -> None:
        new: list[Citation] = []
        for annotation in annotations:
            cited = as_mapping(as_mapping(annotation).get("url_citation"))
            url = as_opaque(cited.get("url"))
            if url is None:
                continue
            citation = Citation(url, as_line(cited.get("title")) or url.shown())
            if citation not in self._cited:
                self._cited.add(citation)
                new.append(citation)
        if new:
            self._flush()
            self._events.append(CitationsArrived(tuple(new)))

    def _end_choice(self, choice: _Choice) -> None:
        """The first reason stands, unless an error follows: it may come twice, or go back to null."""
        reason = clean_line(choice.finish_reason or "")
        if self._finish_reason is None or reason == "error":
            self._finish_reason = reason
            self._native_finish_reason = as_line(choice.native_finish_reason) or self._native_finish_reason

    def _fail(self, error: msgspec.Raw) -> None:
        if self.error is not None or bytes(error) == b"false":
            return
        self.first_was_error = self.json_events == 1 and not self._said_something()
        self.error = error_from_stream(
            _loads(error), first=self.first_was_error, generation_id=self.generation_id, key=self._key
        )

    def _said_something(self) -> bool:
        """Whether the event at hand brought anything that could be shown."""
        silent = all(isinstance(event, Waiting | Began) for event in self._events)
        return bool(self._pieces) or self._tools_changed or not silent

    def _read_head(self, payload: bytes) -> None:
        """Who answers; a provider that is named only by a later event is still looked for."""
        self._heads_wanted -= 1
        try:
            head = _decode_head(payload)
        except _NOT_AS_EXPECTED:
            fields = as_mapping(_loads(msgspec.Raw(payload)))
            head = _Head(as_text(fields.get("id")), as_text(fields.get("model")), as_text(fields.get("provider")))
        known = (self.generation_id, self._model, self._provider)
        self.generation_id = self.generation_id or as_opaque(head.id)
        self._model = self._model or as_line(head.model)
        self._provider = self._provider or as_line(head.provider)
        now = (self.generation_id, self._model, self._provider)
        if self._heads_wanted == _HEADS_LOOKED_AT - 1 or now != known:
            self._flush()
            self._events.append(Began(*now))
        if None not in now:
            self._heads_wanted = 0

    def _lenient(self, payload: bytes) -> _Chunk | None:
        """The event with its malformed fields left out; None for `[DONE]`, nothing at all, and what is no JSON."""
        if payload.strip() == _DONE:
            self.done = True
            return None
        if not payload.strip():
            return None
        try:
            chunk = loads(payload)
        except NotJson:
            chunk = None
        if not isinstance(chunk, dict):
            self.broken_events += 1
            return None
        return _Chunk(
            choices=[_lenient_choice(as_mapping(choice)) for choice in as_list(chunk.get("choices"))],
            usage=_raw(chunk.get("usage")),
            error=_raw(chunk.get("error")),
        )

    # From pieces to events

    def _say(self, channel: _Channel, text: str) -> None:
        if channel is not self._channel:
            self._flush()
            self._channel = channel
        self._pieces.append(text)

    def _flush(self) -> None:
        if self._pieces:
            pieces = self._pieces
            text = self._cleaners[self._channel].feed(pieces[0] if len(pieces) == 1 else "".join(pieces))
            pieces.clear()
            if text:
                self._events.append(self._channel(text))

    def _hand_out(self) -> list[StreamEvent]:
        self._flush()
        if self._tools_changed:
            self._tools_changed = False
            self._events.append(ToolCallsChanged(self._tools.calls()))
        events, self._events = self._events, []
        return events


def _loads(raw: msgspec.Raw) -> object:
    """A part that was skipped so far, numbers as Decimal; what is malformed in it is forgiven."""
    try:
        return loads(bytes(raw))
    except NotJson:
        return None


def _loads_fast(raw: msgspec.Raw) -> object:
    """The same where it comes often and holds no money."""
    try:
        parsed: object = msgspec.json.decode(raw)
    except _NOT_AS_EXPECTED:
        return _loads(raw)
    return parsed


def _raw(value: object) -> msgspec.Raw:
    """Put a value back into the form that the fast decoder leaves it in."""
    return _NOTHING if value is None else msgspec.Raw(json.dumps(value, default=float).encode())


def _lenient_choice(choice: object) -> _Choice:
    fields = as_mapping(choice)
    delta = fields.get("delta")
    message = fields.get("message")
    return _Choice(
        delta=_lenient_delta(delta) if isinstance(delta, dict) else None,
        message=_lenient_delta(message) if isinstance(message, dict) else None,
        finish_reason=as_text(fields.get("finish_reason")),
        native_finish_reason=as_text(fields.get("native_finish_reason")),
        error=_raw(fields.get("error")),
    )


def _lenient_delta(delta: dict[str, object]) -> _Delta:
    return _Delta(
        content=_content_text(delta.get("content")),
        reasoning=as_text(delta.get("reasoning")),
        reasoning_content=as_text(delta.get("reasoning_content")),
        refusal=as_text(delta.get("refusal")),
        reasoning_details=_raw(delta.get("reasoning_details")),
        tool_calls=_raw(delta.get("tool_calls")),
        annotations=_raw(delta.get("annotations")),
        images=_raw(delta.get("images")),
    )


def _content_text(content: object) -> str | None:
    """Text, or the text parts of a list of them."""
    if isinstance(content, list):
        return "".join(as_text(as_mapping(part).get("text")) or "" for part in content)
    return as_text(content)
