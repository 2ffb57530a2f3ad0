"""The catalogue arranged for questions: what is searched and sorted is computed once, a keystroke only looks it up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import cached_property
from math import inf, isnan, nan
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from tui.core.catalogue_filter import (
    Among,
    Between,
    Has,
    Listing,
    Query,
    QueryContext,
    SortKey,
    SortOrder,
    Term,
    Word,
)
from tui.core.formats import MILLION
from tui.core.prices import is_free, token_price
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Opaque

if TYPE_CHECKING:
    from tui.core.filter_completion import Vocabulary

_DAY_S: Final = 86_400
_FUZZY_AT_LEAST: Final = 72.0
"""Per word, of 100: one slip in a word of four letters still counts."""
_FUZZY_SLICE: Final = 500
"""Rows that are compared before other threads get their turn."""

_Rows: TypeAlias = Sequence[int]
_Column: TypeAlias = Sequence[float]
"""A number a row, NaN where unknown: every comparison with it is false, as a term and as its negation."""


class Result(msgspec.Struct, frozen=True):
    """Which rows of the index a query found, in the order to show."""

    rows: Sequence[int]
    total: int
    """Rows of the whole catalogue."""
    sort: SortOrder
    fuzzy: bool = False
    """Nothing matched exactly: these are only similar, the most similar first."""


class _Answered(msgspec.Struct, frozen=True):
    query: Query
    context: QueryContext
    sort: SortOrder
    favourites_first: bool
    rows: _Rows


class CatalogueIndex:
    """Models with everything that filters and sorts precomputed; it never changes, a new catalogue gets a new one."""

    def __init__(self, models: Iterable[Model]) -> None:
        self.models: Final[Sequence[Model]] = tuple(models)
        self._haystacks: Final = [f"{model.slug}\n{model.name}".casefold() for model in self.models]
        self._orders: Final[dict[SortOrder, _Rows]] = {}
        self._columns: Final[dict[str, _Column]] = {}
        self._flags: Final[dict[str, Sequence[bool | None]]] = {}
        self._answers: Final[deque[_Answered]] = deque(maxlen=12)
        """What was asked lately: a word that grows is looked for in the last answer, one taken back is there still."""

    def __len__(self) -> int:
        return len(self.models)

    @cached_property
    def _rows_by_id(self) -> dict[Opaque, int]:
        return {model.id: row for row, model in reversed(list(enumerate(self.models)))}

    def row_of(self, model_id: Opaque) -> int | None:
        """Where the model of that id stands, the first of several; None when the catalogue lacks it."""
        return self._rows_by_id.get(model_id)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The values that the models have, for completion."""
        from tui.core.filter_completion import Vocabulary  # not before one types

        return Vocabulary(self.authors, sorted(self._known["in"]), sorted(self._known["out"]))

    @cached_property
    def authors(self) -> Sequence[str]:
        """Who made the models, each once, in alphabetical order."""
        return sorted({str(model.author) for model in self.models})

    def query(self, query: Query, sort: SortOrder, context: QueryContext, *, favourites_first: bool = False) -> Result:
        """The models that match exactly; the query's own `sort:` wins over `sort`."""
        sort = query.sort or sort
        known = [
            answer
            for answer in self._answers
            if answer.sort == sort
            and answer.favourites_first == favourites_first
            and query.narrows(answer.query)
            and _same_ground(answer, context, favourites_first)
        ]
        if known:
            rows = min(known, key=lambda answer: len(answer.rows)).rows
        else:
            rows = self._ordered(sort)
            if favourites_first and context.favourites:
                kept = {row for row, model in enumerate(self.models) if model.id.raw in context.favourites}
                rows = [*(row for row in rows if row in kept), *(row for row in rows if row not in kept)]
        rows = self._matching_words(self._matching_terms(rows, query.terms, context), query.words)
        self._answers.append(_Answered(query, context, sort, favourites_first, rows))
        return Result(rows, len(self.models), sort)

    def fuzzy(self, query: Query, sort: SortOrder, context: QueryContext, *, limit: int = 200) -> Result:
        """The models whose id or name is similar to the words, most similar first, all terms holding exactly.

        Slow at many thousand rows: meant for a thread; touches nothing that `query` changes.
        """
        sort = query.sort or sort
        nothing = Result((), len(self.models), sort, fuzzy=True)
        wanted = [word.text for word in query.words if not word.negated]
        if not wanted:
            return nothing
        rows = self._matching_terms(range(len(self.models)), query.terms, context)
        rows = self._matching_words(rows, tuple(word for word in query.words if word.negated))
        scores: dict[int, float] = dict.fromkeys(rows, 0.0)
        from rapidfuzz import fuzz, process

        for word in wanted:
            found: dict[int, float] = {}
            left = list(scores)
            for start in range(0, len(left), _FUZZY_SLICE):
                part = {row: self._haystacks[row] for row in left[start : start + _FUZZY_SLICE]}
                for _, score, row in process.extract(
                    word, part, scorer=fuzz.partial_ratio, score_cutoff=_FUZZY_AT_LEAST, limit=None
                ):
                    found[row] = scores[row] + score
            scores = found
        best = sorted(scores.items(), key=lambda item: (-item[1], len(self._haystacks[item[0]]), item[0]))
        return Result([row for row, _ in best[:limit]], len(self.models), sort, fuzzy=True)

    def _matching_words(self, rows: _Rows, words: Sequence[Word]) -> _Rows:
        haystacks = self._haystacks
        # The longest word first: it leaves the fewest rows to the others.
        for word in sorted(words, key=lambda word: -len(word.text)):
            text = word.text
            if word.negated:
                rows = [row for row in rows if text not in haystacks[row]]
            else:
                rows = [row for row in rows if text in haystacks[row]]
        return rows

    def _matching_terms(self, rows: _Rows, terms: Sequence[Term], context: QueryContext) -> _Rows:
        for term in terms:
            match term:
                case Has():
                    flags, wanted = self._flag(term.flag, context), not term.negated
                    rows = [row for row in rows if flags[row] is wanted]
                case Among():
                    says = self._among(term)
                    rows = [row for row in rows if says(row)]
                case Between():
                    rows = self._between(rows, term, context)
        return rows

    def _between(self, rows: _Rows, term: Between, context: QueryContext) -> _Rows:
        column = self._column(term.measure)
        low = -inf if term.low is None else float(term.low)
        high = inf if term.high is None else float(term.high)
        low_included, high_included = term.low_included, term.high_included
        if term.measure == "age":
            # The column holds when: younger than 90 days is created later than 90 days ago.
            low, high = context.now - high * _DAY_S, context.now - low * _DAY_S
            low_included, high_included = high_included, low_included
        elif term.measure == "expires":
            today = context.now // _DAY_S * _DAY_S
            low, high = today + low * _DAY_S, today + high * _DAY_S
        if term.negated:
            if low_included and high_included:
                return [row for row in rows if column[row] < low or column[row] > high]
            return [
                row
                for row in rows
                if not isnan(value := column[row])
                and not (
                    (low <= value if low_included else low < value)
                    and (value <= high if high_included else value < high)
                )
            ]
        if low_included and high_included:
            return [row for row in rows if low <= column[row] <= high]
        if low_included:
            return [row for row in rows if low <= column[row] < high]
        if high_included:
            return [row for row in rows if low < column[row] <= high]
        return [row for row in rows if low < column[row] < high]

    def _among(self, term: Among) -> Callable[[int], bool]:
        models, negated = self.models, term.negated
        groups = [self._meant(term.of, value) for value in term.values]
        if term.of == "author":
            wanted = frozenset[str]().union(*groups)
            return lambda row: bool(author := models[row].author) and (author.casefold() in wanted) is not negated

        def says(kinds: Sequence[str]) -> bool:
            return bool(kinds) and all(not group.isdisjoint(kinds) for group in groups) is not negated

        if term.of == "in":
            return lambda row: says(models[row].input_modalities)
        return lambda row: says(models[row].output_modalities)

    def _meant(self, of: Listing, value: str) -> frozenset[str]:
        """What a value names: itself where the catalogue has it, else all that begin so, as while it is typed."""
        known = self._known[of]
        return frozenset((value,)) if value in known else frozenset(one for one in known if one.startswith(value))

    @cached_property
    def _known(self) -> dict[Listing, frozenset[str]]:
        return {
            "author": frozenset(author.casefold() for author in self.authors),
            "in": frozenset(str(kind) for model in self.models for kind in model.input_modalities),
            "out": frozenset(str(kind) for model in self.models for kind in model.output_modalities),
        }

    def _flag(self, flag: str, context: QueryContext) -> Sequence[bool | None]:
        kept = {"fav": context.favourites, "new": context.new, "changed": context.changed}.get(flag)
        if kept is not None:
            return [model.id.raw in kept for model in self.models]
        if flag not in self._flags:
            self._flags[flag] = [_FLAGS[flag](model) for model in self.models]
        return self._flags[flag]

    def _column(self, name: str) -> _Column:
        if name not in self._columns:
            self._columns[name] = [_COLUMNS[name](model) for model in self.models]
        return self._columns[name]

    def _ordered(self, sort: SortOrder) -> _Rows:
        if sort not in self._orders:
            self._orders[sort] = self._sorted(sort)
        return self._orders[sort]

    def _sorted(self, sort: SortOrder) -> _Rows:
        everything = range(len(self.models))
        if (text := _TEXTS.get(sort.key)) is not None:
            texts = [text(model).casefold() for model in self.models]
            known = [(texts[row], row) for row in everything if texts[row]]
            unknown = [row for row in everything if not texts[row]]
            known.sort(key=itemgetter(0), reverse=sort.descending)
            return [*(row for _, row in known), *unknown]
        column = self._column(_SORTED_BY[sort.key])
        # An age grows where the moment of creation falls.
        reverse = sort.descending is not (sort.key is SortKey.AGE)
        rows = [row for row in everything if not isnan(column[row])]
        rows.sort(key=column.__getitem__, reverse=reverse)
        return [*rows, *(row for row in everything if isnan(column[row]))]


def _same_ground(last: _Answered, context: QueryContext, favourites_first: bool) -> bool:
    """Whether an earlier answer can be narrowed: what it depended on besides the catalogue has not changed."""
    before = last.context
    if favourites_first and before.favourites != context.favourites:
        return False
    if not last.query.needs_context:
        return True
    return (
        abs(before.now - context.now) < 60
        and before.favourites == context.favourites
        and before.new == context.new
        and before.changed == context.changed
    )


def _supports(parameter: str) -> Callable[[Model], bool | None]:
    def supports(model: Model) -> bool | None:
        if not model.supported_parameters:
            return False if model.is_embedding else None  # routers list none and pass on what they are given
        return parameter in model.supported_parameters

    return supports


def _sees(model: Model) -> bool | None:
    return "image" in model.input_modalities if model.input_modalities else None


def _million(price: Decimal | None) -> float:
    """USD per million tokens; only compared, never shown or summed."""
    return nan if price is None or price < 0 else float(price * MILLION)


def _expiry(model: Model) -> float:
    if model.expiration_date is None:
        return nan
    return datetime.combine(model.expiration_date, time(), UTC).timestamp()


_FLAGS: Final[dict[str, Callable[[Model], bool | None]]] = {
    "tools": _supports("tools"),
    "reasoning": _supports("reasoning"),
    "structured": _supports("structured_outputs"),
    "vision": _sees,
    "free": is_free,
}
_COLUMNS: Final[dict[str, Callable[[Model], float]]] = {
    "ctx": lambda model: float(model.context_length or nan),
    "max": lambda model: float(model.max_completion_tokens or nan),
    "in": lambda model: _million(token_price(model, model.pricing.prompt)),
    "out": lambda model: _million(token_price(model, model.pricing.completion)),
    "cache": lambda model: _million(token_price(model, model.pricing.input_cache_read)),
    "age": lambda model: nan if model.created is None else float(model.created),
    "expires": _expiry,
}
_TEXTS: Final[dict[SortKey, Callable[[Model], str]]] = {
    SortKey.ID: lambda model: model.slug.removeprefix("~"),
    SortKey.NAME: lambda model: model.name,
    SortKey.AUTHOR: lambda model: model.author,
}
_SORTED_BY: Final = {
    SortKey.CONTEXT: "ctx",
    SortKey.MAX_OUTPUT: "max",
    SortKey.PRICE_IN: "in",
    SortKey.PRICE_OUT: "out",
    SortKey.PRICE_CACHE: "cache",
    SortKey.AGE: "age",
    SortKey.EXPIRES: "expires",
}
