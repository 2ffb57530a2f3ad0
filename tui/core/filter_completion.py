"""What the term under the cursor can become: names of terms and their values, while a filter is being typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tui.core.catalogue_filter import FLAGS, MEASURES, Flag, Measure, SortKey
from tui.openrouter.text import Clean

_MOST: Final = 8
"""More choices than this are no help."""


class Choice(msgspec.Struct, frozen=True):
    """One thing that can stand in the term's place."""

    text: Clean
    meaning: Clean = Clean("")


class Completion(msgspec.Struct, frozen=True):
    """What can take the place of `text[start:end]`; without choices there is nothing to add."""

    start: int = 0
    end: int = 0
    choices: tuple[Choice, ...] = ()

    def applied(self, text: str, choice: Choice) -> tuple[str, int]:
        """The filter with that choice in it, and where the cursor stands then."""
        # What stands open (`author:`, `ctx>=`) is typed on; what is whole is followed by the next term.
        whole = not choice.text.endswith((":", "=", "<", ">", ".."))
        behind = text[self.end :]
        gap = " " if whole and not behind.startswith(" ") else ""
        at = self.start + len(choice.text) + (1 if whole else 0)
        return f"{text[: self.start]}{choice.text}{gap}{behind}", at


class Vocabulary(msgspec.Struct, frozen=True):
    """The values that the catalogue has, each once, in the order to offer them."""

    authors: Sequence[str] = ()
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()


_FLAG_MEANS: Final[dict[Flag, str]] = {
    "tools": "can call tools",
    "reasoning": "thinks before it answers",
    "structured": "answers by a JSON schema",
    "vision": "sees images",
    "free": "costs nothing",
    "fav": "your favourites ★",
    "new": "came lately ✦",
    "changed": "came or moved: price, context, expiry",
}
_OPEN: Final = (
    ("author:", "who made it"),
    ("in:", "what goes in"),
    ("out:", "what comes out"),
    ("ctx>=", "context length, tokens"),
    ("in<=", "input price, USD per million tokens"),
    ("out<=", "output price, USD per million tokens"),
    ("age<", "days since it was added"),
    ("expires<", "days until it is gone"),
    ("sort:", "order; sort:- turns it round"),
)
_VALUES: Final[dict[Measure, tuple[str, ...]]] = {
    "ctx": ("32k", "128k", "200k", "1m"),
    "in": ("0.1", "0.5", "1", "3"),
    "out": ("0.5", "2", "5", "15"),
    "age": ("7d", "30d", "90d", "1y"),
    "expires": ("7d", "30d", "90d"),
}
_SIGNS: Final = ("<=", ">=", "<", ">", "=")


def complete(text: str, cursor: int, vocabulary: Vocabulary) -> Completion:
    """The choices for the term that ends at the cursor; none inside a term, for a plain word, or for a whole term."""
    start = text.rfind(" ", 0, cursor) + 1
    if cursor < len(text) and text[cursor] != " ":
        return Completion()
    typed = text[start:cursor].casefold()
    negated, body = typed[:1] == "-", typed.removeprefix("-")
    if not body or '"' in body:
        return Completion()
    found = _values(body, vocabulary)
    if found is None:
        found = _names(body, negated)
    choices = [Choice(Clean(f"{'-' if negated else ''}{one}"), Clean(meaning)) for one, meaning in found]
    if any(choice.text.casefold() == typed for choice in choices):
        return Completion()
    return Completion(start, cursor, tuple(choices[:_MOST]))


def _names(body: str, negated: bool) -> Iterable[tuple[str, str]]:
    flags = [(flag, _FLAG_MEANS[flag]) for flag in FLAGS if flag.startswith(body)]
    return flags + [
        (name, meaning) for name, meaning in _OPEN if name.startswith(body) and not (negated and name == "sort:")
    ]


def _values(body: str, vocabulary: Vocabulary) -> Iterable[tuple[str, str]] | None:
    """The values of a term whose name is there; None where it still is not."""
    name, colon, value = body.partition(":")
    if colon:
        match name:
            case "author":
                return _listed(name, value, vocabulary.authors)
            case "in":
                return _listed(name, value, vocabulary.inputs)
            case "out":
                return _listed(name, value, vocabulary.outputs)
            case "sort":
                minus = "-" if value.startswith("-") else ""
                return [(f"sort:{minus}{key}", "") for key in SortKey if key.startswith(value.removeprefix("-"))]
            case _:
                return []
    for measure in MEASURES:
        rest = body.removeprefix(measure)
        if rest == body:
            continue
        for sign in _SIGNS:
            if rest.startswith(sign):
                dots = ".." if rest.startswith("=..") else ""
                value = rest[len(sign) + len(dots) :]
                offered = [one for one in _VALUES[measure] if one.startswith(value)]
                return [(f"{measure}{sign}{dots}{one}", "") for one in offered]
    return None


def _listed(name: str, value: str, known: Iterable[str]) -> list[tuple[str, str]]:
    """Values after the last comma; those that begin so first, then those that have it inside."""
    before, comma, last = value.rpartition(",")
    taken = set(before.split(","))
    plain = [one.casefold() for one in known]
    offered = [one for one in plain if one.startswith(last)] + [
        one for one in plain if last in one and not one.startswith(last)
    ]
    return [(f"{name}:{before}{comma}{one}", "") for one in offered if one not in taken and " " not in one]
