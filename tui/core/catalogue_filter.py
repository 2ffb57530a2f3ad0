"""The filter language of the catalogue: one line of words and terms, the same on the screen and on the command line.

Words match id and name; terms are `tools`, `author:anthropic`, `ctx>=128k`, `in=..1` and the like; `-` negates. What is
unknown of a model matches neither a term nor its negation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec
from typing_extensions import override


class SortKey(StrEnum):
    """What the table can be sorted by; the values are what `sort:` takes."""

    ID = "id"
    NAME = "name"
    AUTHOR = "author"
    CONTEXT = "ctx"
    MAX_OUTPUT = "max"
    PRICE_IN = "in"
    PRICE_OUT = "out"
    PRICE_CACHE = "cache"
    AGE = "age"
    EXPIRES = "expires"


_SORT_ALIASES: Final = {"price": SortKey.PRICE_IN, "context": SortKey.CONTEXT, "expiry": SortKey.EXPIRES}


class SortOrder(msgspec.Struct, frozen=True):
    """By what and which way; unknown values come last both ways."""

    key: SortKey = SortKey.AGE
    descending: bool = False

    @override
    def __str__(self) -> str:
        return f"sort:{'-' if self.descending else ''}{self.key}"


class QueryContext(msgspec.Struct, frozen=True, kw_only=True):
    """What terms need to know besides the catalogue; models are named by their raw ids."""

    now: float
    """Unix seconds."""
    favourites: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    changed: Mapping[str, Decimal | None] = msgspec.field(default_factory=dict)
    """Price change in per cent, None where something else changed."""


Flag: TypeAlias = Literal["tools", "reasoning", "structured", "vision", "free", "fav", "new", "changed"]
Measure: TypeAlias = Literal["ctx", "in", "out", "age", "expires"]
Listing: TypeAlias = Literal["author", "in", "out"]

FLAGS: Final[tuple[Flag, ...]] = ("tools", "reasoning", "structured", "vision", "free", "fav", "new", "changed")
MEASURES: Final[tuple[Measure, ...]] = ("ctx", "in", "out", "age", "expires")
LISTINGS: Final[tuple[Listing, ...]] = ("author", "in", "out")


class Word(msgspec.Struct, frozen=True):
    """Found anywhere in id or name; `text` is case-folded."""

    text: str
    negated: bool = False


class Has(msgspec.Struct, frozen=True):
    """A yes-or-no property."""

    flag: Flag
    negated: bool = False


class Among(msgspec.Struct, frozen=True):
    """`author:` one of the values; `in:` and `out:` all of the modalities; one that nobody has stands for its
    beginning."""

    of: Listing
    values: tuple[str, ...]
    negated: bool = False


class Between(msgspec.Struct, frozen=True):
    """A measure in a range: tokens, USD per million tokens, or days; None = open."""

    measure: Measure
    low: Decimal | None = None
    high: Decimal | None = None
    low_included: bool = True
    high_included: bool = True
    negated: bool = False


Term: TypeAlias = Has | Among | Between


class Query(msgspec.Struct, frozen=True):
    """A filter that was understood; an empty one matches everything."""

    words: tuple[Word, ...] = ()
    terms: tuple[Term, ...] = ()
    sort: SortOrder | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.words and not self.terms

    @property
    def needs_context(self) -> bool:
        """Whether the answer depends on the time or on what the user keeps, and not on the catalogue alone."""
        return any(
            (isinstance(term, Has) and term.flag in ("fav", "new", "changed"))
            or (isinstance(term, Between) and term.measure in ("age", "expires"))
            for term in self.terms
        )

    def narrows(self, other: Query) -> bool:
        """Whether all that this matches is certainly among what `other` matches."""
        return set(other.terms) <= set(self.terms) and all(
            any(_implies(mine, theirs) for mine in self.words) for theirs in other.words
        )


def _implies(mine: Word, theirs: Word) -> bool:
    if mine.negated != theirs.negated:
        return False
    return mine.text in theirs.text if mine.negated else theirs.text in mine.text


class FilterMistake(msgspec.Struct, frozen=True):
    """Where the filter could not be understood (`text[start:end]`) and what was expected there."""

    start: int
    end: int
    expected: str


_TOKEN: Final = re.compile(r'-?"[^"]*"?|\S+')
_TERM: Final = r"(?s:([A-Za-z]+)(<=|>=|<|>|=|:)(.*))"
_NUMBER: Final = r"([0-9]{1,15}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})([a-z]*)"
_TOKENS: Final = {"": Decimal(1), "k": Decimal(1_000), "m": Decimal(1_000_000)}
_DAYS: Final = {
    "": Decimal(1),
    "h": Decimal(1) / Decimal(24),
    "d": Decimal(1),
    "w": Decimal(7),
    "mo": Decimal("30.44"),
    "y": Decimal("365.25"),
}
_UNITS: Final[Mapping[Measure, Mapping[str, Decimal]]] = {
    "ctx": _TOKENS,
    "in": _TOKENS,
    "out": _TOKENS,
    "age": _DAYS,
    "expires": _DAYS,
}
_WANTED: Final[Mapping[Measure, str]] = {
    "ctx": "tokens, like ctx>=128k or ctx=..1m",
    "in": "USD per million, like in<=1 or in=..1",
    "out": "USD per million, like out<=5 or out=..5",
    "age": "h d w mo y, like age<90d or age=..3mo",
    "expires": "h d w mo y, like expires<30d or expires=..2w",
}
_EXAMPLES: Final[Mapping[str, str]] = {
    "author": "who made it, like author:anthropic",
    "in": "what goes in, like in:image,file",
    "out": "what comes out, like out:embeddings",
}


class _WrongError(ValueError):
    """A term that cannot be understood; its text says what was expected."""


def parse(text: str) -> Query | FilterMistake:
    """Understand a filter, or say where it went wrong and what was expected there."""
    words: list[Word] = []
    terms: list[Term] = []
    sort: SortOrder | None = None
    for match in _TOKEN.finditer(text):
        token = match[0]
        try:
            part = _understand(token)
        except _WrongError as wrong:
            return FilterMistake(match.start(), match.end(), str(wrong))
        match part:
            case Word():
                words.append(part)
            case SortOrder():
                sort = part
            case None:
                pass
            case _:
                terms.append(part)
    return Query(tuple(words), tuple(terms), sort)


def _understand(token: str) -> Word | Term | SortOrder | None:
    negated = token.startswith("-")
    body = token[negated:].casefold()
    if body.startswith('"'):
        quoted = body.strip('"')
        return Word(quoted, negated) if quoted else None
    if not body:
        return None  # a lone "-" on its way to become "-word"
    for flag in FLAGS:
        if body == flag:
            return Has(flag, negated)
    if (match := re.fullmatch(_TERM, body)) is None:
        if any(sign in body for sign in "<>="):
            raise _WrongError(f"{' '.join(MEASURES)} before a comparison")
        return Word(body, negated)
    name, sign, value = match.groups()
    if name == "sort" and sign in ":=":
        if negated:
            raise _WrongError("sort: without - before it, like sort:-ctx")
        return _sort(value)
    if sign == ":":
        return _listing(name, value, negated, body)
    for measure in MEASURES:
        if name == measure:
            return _between(measure, sign, value, negated)
    if name in LISTINGS:
        raise _WrongError(_EXAMPLES[name])
    raise _WrongError(f"{' '.join(MEASURES)} before {sign}")


def _sort(value: str) -> SortOrder:
    name = value.removeprefix("-")
    key = _SORT_ALIASES.get(name)
    if key is None:
        try:
            key = SortKey(name)
        except ValueError:
            raise _WrongError(f"one of {' '.join(SortKey)}") from None
    return SortOrder(key, value.startswith("-"))


def _listing(name: str, value: str, negated: bool, body: str) -> Word | Among:
    for listing in LISTINGS:
        if name == listing:
            values = tuple(part.removeprefix("~") if listing == "author" else part for part in value.split(",") if part)
            if not any(values):
                raise _WrongError(_EXAMPLES[listing])
            return Among(listing, values, negated)
    if name in MEASURES:
        raise _WrongError(_WANTED[name])
    # `llama:free` is a word, `autor:meta` is a slip of the finger.
    for known in ("author", "sort"):
        if name != known and len(name) > 3 and _one_slip(name, known):
            raise _WrongError(f"author: in: out: sort: – did you mean {known}:?")
    return Word(body, negated)


def _one_slip(typed: str, known: str) -> bool:
    """Whether one letter too few, too many, wrong or swapped with its neighbour makes the difference."""
    if abs(len(typed) - len(known)) > 1:
        return False
    start = 0
    while start < min(len(typed), len(known)) and typed[start] == known[start]:
        start += 1
    a, b = typed[start:], known[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])


def _between(measure: Measure, sign: str, value: str, negated: bool) -> Between:
    if sign == "=":
        low, dots, high = value.partition("..")
        if not dots:
            exact = _number(measure, value)
            return Between(measure, exact, exact, negated=negated)
        if not (low or high):
            raise _WrongError(_WANTED[measure])
        return Between(
            measure,
            _number(measure, low) if low else None,
            _number(measure, high) if high else None,
            negated=negated,
        )
    number = _number(measure, value)
    included = len(sign) == 2
    if sign[0] == ">":
        return Between(measure, low=number, low_included=included, negated=negated)
    return Between(measure, high=number, high_included=included, negated=negated)


def _number(measure: Measure, text: str) -> Decimal:
    match = re.fullmatch(_NUMBER, text.removeprefix("$"))
    if match is None or match[2] not in _UNITS[measure]:
        raise _WrongError(_WANTED[measure])
    return Decimal(match[1]) * _UNITS[measure][match[2]]
