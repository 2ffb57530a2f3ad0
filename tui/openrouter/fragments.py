"""Parts of a streamed reply that arrive in pieces and belong together: reasoning and tool calls."""

from __future__ import annotations

import json
from typing import Final, Literal, TypeAlias, final

import msgspec

from tui.openrouter.chat import ToolCall
from tui.openrouter.lenient import NotJson, as_count, as_list, as_mapping, as_opaque, as_text, loads
from tui.openrouter.text import Clean, Opaque, clean_line

_Source: TypeAlias = Literal["reasoning", "details"]
_JOINED: Final = ("text", "summary", "data")


class _TextFragment(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The one kind of fragment that comes by the thousand."""

    type: str
    index: int
    text: str | None = None
    summary: str | None = None
    format: str | None = None


_decode_text_fragments: Final = msgspec.json.Decoder(list[_TextFragment]).decode


@final
class ReasoningText:
    """What to show of a thinking that `reasoning` and `reasoning_details` both carry, together or in turn."""

    __slots__ = ("_ahead", "_offset", "_source")

    def __init__(self) -> None:
        self._source: _Source = "reasoning"
        self._ahead: list[str] = []  # what only `_source` has said so far
        self._offset = 0  # characters of it that the other one has caught up with

    def take(self, reasoning: str, details: str) -> str:
        """What is new in an event with these two texts, either of which may be empty."""
        if reasoning and details:
            self._ahead.clear()
            self._offset = 0
            return reasoning
        if reasoning:
            return self._take_one("reasoning", reasoning)
        return self._take_one("details", details) if details else ""

    def _take_one(self, source: _Source, text: str) -> str:
        if source == self._source or not self._ahead:
            self._source = source
            self._ahead.append(text)
            return text
        ahead = self._ahead[0] if len(self._ahead) == 1 else "".join(self._ahead)
        self._ahead = [ahead]
        if ahead.startswith(text, self._offset):
            self._offset += len(text)
            return ""
        rest = ahead[self._offset :]
        new = text.removeprefix(rest)
        self._source, self._ahead, self._offset = source, [new], 0
        return new


@final
class ReasoningDetails:
    """The `reasoning_details` of a reply with their fragments joined, for the round trip."""

    __slots__ = ("_by_place", "_items")

    def __init__(self) -> None:
        self._items: list[tuple[dict[str, object], dict[str, list[str]]]] = []
        self._by_place: dict[tuple[object, object], int] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add_json(self, details: msgspec.Raw) -> str:
        """Take in the details of one event; gives back the readable text in them."""
        try:
            fragments = _decode_text_fragments(details)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._add_any(details)
        if len(fragments) != 1:
            return self._add_any(details) if fragments else ""
        fragment = fragments[0]
        position = self._by_place.get((fragment.index, fragment.type))
        if position is None:
            return self._add_any(details)
        known, texts = self._items[position]
        name, text = ("summary", fragment.summary) if fragment.text is None else ("text", fragment.text)
        if (
            (fragment.summary is not None and name == "text")
            or name not in texts
            or fragment.format != known.get("format")
        ):
            return self._add_any(details)
        if text:
            texts[name].append(text)
        return text or ""

    def _add_any(self, details: msgspec.Raw) -> str:
        try:
            parsed: object = msgspec.json.decode(details)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                parsed = loads(bytes(details), exact=False)
            except NotJson:
                return ""
        return self.add(as_list(parsed))

    def add(self, details: list[object]) -> str:
        """The same for details that have been parsed."""
        readable: list[str] = []
        for detail in details:
            if isinstance(detail, dict):
                self._add(detail)
                text = as_text(detail.get("text")) or as_text(detail.get("summary"))
                if text is not None:
                    readable.append(text)
        return "".join(readable)

    def _add(self, detail: dict[str, object]) -> None:
        index, kind = detail.get("index"), detail.get("type")
        place = (index if isinstance(index, int) else None, kind if isinstance(kind, str) else None)
        position = self._by_place.get(place)
        if position is None or not self._belongs(detail, position, place[0]):
            self._by_place[place] = len(self._items)
            self._items.append(
                (dict(detail), {key: [value] for key in _JOINED if isinstance(value := detail.get(key), str)})
            )
            return
        known, texts = self._items[position]
        for key, value in detail.items():
            if key in _JOINED and isinstance(value, str):
                texts.setdefault(key, []).append(value)
                known.setdefault(key, "")
            elif value not in (None, ""):
                known[key] = value

    def _belongs(self, detail: dict[str, object], position: int, index: int | None) -> bool:
        """Whether it goes on with an earlier item; without an index only readable text can, and only the last."""
        known_id, new_id = self._items[position][0].get("id"), detail.get("id")
        if known_id is not None and new_id is not None and known_id != new_id:
            return False
        return index is not None or (position == len(self._items) - 1 and "data" not in detail)

    def as_json(self) -> Opaque | None:
        """The array, or None when there was nothing."""
        if not self._items:
            return None
        joined = [known | {key: "".join(parts) for key, parts in texts.items()} for known, texts in self._items]
        # Escapes keep even halves of characters as they came; numbers with a fraction are Decimals here.
        return Opaque(json.dumps(joined, separators=(",", ":"), default=float))


@final
class _GrowingCall:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id: Opaque | None = None
        self.name = ""
        self.arguments: list[str] = []


@final
class ToolCallFragments:
    """Tool calls merged by their index."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[int, _GrowingCall] = {}

    def add(self, fragments: object) -> bool:
        """Take in the `tool_calls` of one event; whether there were any."""
        changed = False
        for position, fragment in enumerate(as_list(fragments)):
            call = as_mapping(fragment)
            if not call:
                continue
            index = as_count(call.get("index"))
            growing = self._calls.setdefault(position if index is None else index, _GrowingCall())
            growing.id = growing.id or as_opaque(call.get("id"))
            function = as_mapping(call.get("function")) or as_mapping(call.get("custom"))
            growing.name = growing.name or as_text(function.get("name")) or ""
            arguments = function.get("arguments", function.get("input"))
            if isinstance(arguments, str):
                growing.arguments.append(arguments)
            elif arguments is not None:  # some servers send the object itself
                growing.arguments.append(json.dumps(arguments, default=float))
            changed = True
        return changed

    def calls(self) -> tuple[ToolCall, ...]:
        """All calls so far, by index."""
        found: list[ToolCall] = []
        for index in sorted(self._calls):
            growing = self._calls[index]
            growing.arguments = ["".join(growing.arguments)]
            found.append(
                ToolCall(
                    index=index,
                    id=growing.id,
                    name=Clean(clean_line(growing.name)),
                    arguments=Opaque(growing.arguments[0]),
                )
            )
        return tuple(found)
