from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.catalogue_filter import FilterMistake, Query, QueryContext, SortKey, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.text import Clean, Opaque

NOW = 1_800_000_000.0  # 2027-01-15
DAY = 86_400


def model(
    slug: str,
    name: str = "",
    *,
    prices: tuple[str, str] | None = None,
    inputs: str = "text",
    outputs: str = "text",
    can: str = "max_tokens",
    days: int | None = None,
    **more: Any,
) -> Model:
    author = slug.split("/")[0].removeprefix("~")
    pricing = Pricing(prompt=_usd(prices[0]), completion=_usd(prices[1])) if prices else Pricing(varies=True)
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(name or slug),
        author=Clean(author),
        pricing=pricing,
        input_modalities=_cleaned(inputs),
        output_modalities=_cleaned(outputs),
        supported_parameters=frozenset(_cleaned(can)),
        created=None if days is None else int(NOW) - days * DAY,
        **more,
    )


def _usd(per_million: str) -> Decimal:
    return Decimal(per_million) / 1_000_000


def _cleaned(words: str) -> tuple[Clean, ...]:
    return tuple(Clean(word) for word in words.split())


MODELS = (
    model(
        "anthropic/haiku",
        "Anthropic: Claude Haiku",
        prices=("1", "5"),
        inputs="text image",
        can="tools reasoning",
        days=10,
        context_length=200_000,
    ),
    model(
        "anthropic/opus",
        "Anthropic: Claude Opus",
        prices=("15", "75"),
        inputs="text image file",
        can="tools structured_outputs",
        days=400,
        context_length=128_000,
    ),
    model("~anthropic/haiku-latest", "Claude Haiku Latest", prices=("1", "5"), can="tools", context_length=200_000),
    model("meta/llama-70b:free", "Llama 70B (free)", prices=("0", "0"), can="tools", days=100, context_length=131_072),
    model(
        "meta/llama-70b",
        "Llama 70B",
        prices=("0.1", "0.4"),
        can="tools",
        days=100,
        context_length=131_072,
        expiration_date=date(2027, 1, 25),
    ),
    model("openrouter/auto", "Auto Router", can="", days=90, context_length=2_000_000),
    model(
        "openai/embed",
        "Embedding small",
        prices=("0.02", "0"),
        outputs="embeddings",
        can="",
        days=30,
        context_length=8_192,
    ),
    model("paint/er", "Painter", prices=("0", "0"), outputs="image", inputs=""),
    model("odd/nothing-known", "Über Straße"),
)
INDEX = CatalogueIndex(MODELS)
CONTEXT = QueryContext(
    now=NOW,
    favourites=frozenset({"anthropic/opus"}),
    new=frozenset({"anthropic/haiku", "openai/embed"}),
    changed={"meta/llama-70b": Decimal(-12), "openrouter/auto": None},
)
NAMES = {"haiku": 0, "opus": 1, "latest": 2, "free": 3, "llama": 4, "auto": 5, "embed": 6, "paint": 7, "odd": 8}


def understood(text: str) -> Query:
    query = parse(text)
    assert isinstance(query, Query), query
    return query


def found(text: str, index: CatalogueIndex = INDEX) -> set[int]:
    return set(index.query(understood(text), SortOrder(), CONTEXT).rows)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "haiku opus latest free llama auto embed paint odd"),
        ("claude", "haiku opus latest"),
        ("HAIKU claude", "haiku latest"),
        ("latest claude", "latest"),
        ("aik", "haiku latest"),
        (":free", "free"),
        ("llama:free", ""),
        ("70b:free", "free"),
        ("strasse", "odd"),
        ("claude -latest", "haiku opus"),
        ("-claude -llama", "auto embed paint odd"),
        ('"free"', "free"),
        ('"auto router"', "auto"),
        ('-"claude haiku"', "opus free llama auto embed paint odd"),
        ("author:anthropic", "haiku opus latest"),
        ("author:~Anthropic", "haiku opus latest"),
        ("author:meta,openai", "free llama embed"),
        ("-author:anthropic", "free llama auto embed paint odd"),
        ("author:an", "haiku opus latest"),
        ("author:me,openai", "free llama embed"),
        ("-author:o", "haiku opus latest free llama paint"),
        ("author:nobody", ""),
        ("in:ima", "haiku opus"),
        ("in:text,fi", "opus"),
        ("out:emb", "embed"),
        ("tools", "haiku opus latest free llama"),
        ("-tools", "embed paint odd"),  # the router's list is empty: unknown
        ("reasoning", "haiku"),
        ("structured", "opus"),
        ("vision", "haiku opus"),
        ("-vision", "latest free llama auto embed odd"),  # what the painter takes is unknown
        ("in:image", "haiku opus"),
        ("in:image,file", "opus"),
        ("-in:image,file", "haiku latest free llama auto embed odd"),
        ("out:embeddings", "embed"),
        ("-out:text", "embed paint"),
        ("ctx>=128k", "haiku opus latest free llama auto"),
        ("ctx>128k", "haiku latest free llama auto"),
        ("ctx<128k", "embed"),
        ("ctx<=128k", "opus embed"),
        ("ctx=128k", "opus"),
        ("ctx=128k..", "haiku opus latest free llama auto"),
        ("ctx=..128k", "opus embed"),
        ("ctx=100k..150k", "opus free llama"),
        ("ctx>=1m", "auto"),
        ("ctx>=0.1M", "haiku opus latest free llama auto"),
        ("-ctx>=128k", "embed"),  # unknown matches neither the term …
        ("-ctx<128k", "haiku opus latest free llama auto"),  # … nor its negation
        ("-ctx=128k", "haiku latest free llama auto embed"),
        ("in<=1", "haiku latest free llama embed"),
        ("in<1", "free llama embed"),
        ("in=..1", "haiku latest free llama embed"),
        ("-in<=1", "opus"),
        ("in>=1 out<=5", "haiku latest"),
        ("in<=$0.10", "free llama embed"),
        ("out>5", "opus"),
        ("out=.4", "llama"),
        ("age<90d", "haiku embed"),
        ("age<=90d", "haiku auto embed"),
        ("age=..90d", "haiku auto embed"),
        ("age>=90d", "opus free llama auto"),
        ("age>90d", "opus free llama"),
        ("-age<90d", "opus free llama auto"),
        ("-age<=90d", "opus free llama"),
        ("age>1y", "opus"),
        ("age<2w", "haiku"),
        ("age<720h", "haiku"),
        ("age=..3mo", "haiku auto embed"),
        ("expires<30d", "llama"),
        ("expires<10d", ""),
        ("expires<=10d", "llama"),
        ("-expires<10d", "llama"),
        ("free", "free"),
        ("-free", "haiku opus latest llama embed"),
        ("fav", "opus"),
        ("-fav vision", "haiku"),
        ("new", "haiku embed"),
        ("changed", "llama auto"),
        ("tools ctx>=128k in<=1", "haiku latest free llama"),
        ("tools -free ctx=128k.. sort:-ctx", "haiku opus latest llama"),
        ("-", "haiku opus latest free llama auto embed paint odd"),
        ("nothing like it", ""),
    ],
)
def test_a_filter_finds(text: str, names: str) -> None:
    assert found(text) == {NAMES[name] for name in names.split()}


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("tools ctx>=", "ctx>="),
        ("ctx>=lots rest", "ctx>=lots"),
        ("ctx=..", "ctx=.."),
        ("ctx=1k..x", "ctx=1k..x"),
        ("ctx:128k", "ctx:128k"),
        ("in<=1d", "in<=1d"),
        ("age<3q", "age<3q"),
        ("author:", "author:"),
        ("author:~", "author:~"),
        ("autor:meta", "autor:meta"),
        ("in:", "in:"),
        ("x -sort:ctx", "-sort:ctx"),
        ("sort:beauty", "sort:beauty"),
        ("price<=3", "price<=3"),
        ("author=x", "author=x"),
        ("a<b", "a<b"),
        ("=", "="),
    ],
)
def test_a_mistake_is_pointed_at_with_what_was_expected(text: str, marked: str) -> None:
    mistake = parse(text)
    assert isinstance(mistake, FilterMistake)
    assert text[mistake.start : mistake.end] == marked
    assert mistake.expected and "\n" not in mistake.expected and len(mistake.expected) < 70


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("sort:ctx", SortOrder(SortKey.CONTEXT)),
        ("sort:-in", SortOrder(SortKey.PRICE_IN, descending=True)),
        ("sort:price", SortOrder(SortKey.PRICE_IN)),
        ("sort:name sort:age", SortOrder(SortKey.AGE)),
        ("x", None),
    ],
)
def test_the_order_can_be_typed(text: str, order: SortOrder | None) -> None:
    assert understood(text).sort == order


PIECES = st.sampled_from(
    [
        *'abn-:<>=.~"$, ',
        "ctx",
        "in",
        "out",
        "age",
        "author",
        "sort",
        "free",
        "tools",
        "128k",
        "1",
        "..",
        "claude",
        "é",
        "️",
        "İ",
        "\x00",
        "٣",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=30))
def test_no_filter_crashes(text: str) -> None:
    query = parse(text)
    if isinstance(query, FilterMistake):
        assert 0 <= query.start < query.end <= len(text)
        return
    exact = INDEX.query(query, SortOrder(), CONTEXT)
    assert set(exact.rows) <= set(range(len(MODELS)))
    assert len(set(exact.rows)) == len(exact.rows)


TERMS = st.sampled_from(
    ["tools", "free", "ctx>=128k", "in<1", "age<90d", "vision", "fav", "out:text", "author:meta", "expires<30d"]
)


@given(TERMS)
def test_a_term_and_its_negation_never_share_a_model(term: str) -> None:
    assert not found(term) & found(f"-{term}")


@given(st.lists(st.sampled_from(["c", "cl", "claude", "-l", "-la", "tools", "free", "age<90d", "fav", ""]), max_size=4))
def test_typing_on_finds_the_same_as_starting_anew(words: list[str]) -> None:
    typed = CatalogueIndex(MODELS)
    text = " ".join(words)
    for end in range(len(text) + 1):
        part = parse(text[:end])
        if isinstance(part, Query):
            anew = CatalogueIndex(MODELS).query(part, SortOrder(SortKey.ID), CONTEXT)
            assert typed.query(part, SortOrder(SortKey.ID), CONTEXT).rows == anew.rows


def test_narrowing_forgets_what_the_user_keeps_when_that_changes() -> None:
    index = CatalogueIndex(MODELS)
    query = understood("fav")
    assert index.query(query, SortOrder(), CONTEXT).rows == [1]
    other = QueryContext(now=NOW, favourites=frozenset({"meta/llama-70b"}))
    assert index.query(query, SortOrder(), other).rows == [4]


@pytest.mark.parametrize("key", list(SortKey))
@pytest.mark.parametrize("descending", [False, True])
def test_every_column_sorts_with_the_unknown_last_both_ways(key: SortKey, descending: bool) -> None:
    rows = INDEX.query(Query(), SortOrder(key, descending), CONTEXT).rows
    assert sorted(rows) == list(range(len(MODELS)))
    values: dict[SortKey, Any] = {
        SortKey.ID: lambda m: m.slug.removeprefix("~").casefold(),
        SortKey.NAME: lambda m: m.name.casefold(),
        SortKey.AUTHOR: lambda m: m.author,
        SortKey.CONTEXT: lambda m: m.context_length,
        SortKey.MAX_OUTPUT: lambda m: m.max_completion_tokens,
        SortKey.PRICE_IN: lambda m: None if m.is_text is False and not m.is_embedding else m.pricing.prompt,
        SortKey.PRICE_OUT: lambda m: None if m.is_text is False and not m.is_embedding else m.pricing.completion,
        SortKey.PRICE_CACHE: lambda m: m.pricing.input_cache_read,
        SortKey.AGE: lambda m: None if m.created is None else NOW - m.created,
        SortKey.EXPIRES: lambda m: m.expiration_date,
    }
    shown = [values[key](MODELS[row]) for row in rows]
    known = [value for value in shown if value is not None]
    assert shown[: len(known)] == known
    assert known == sorted(known, reverse=descending)
    for (row, value), (after, next_value) in pairwise(zip(rows, shown, strict=True)):
        assert value != next_value or row < after  # equals keep the catalogue's order


def test_favourites_first_keeps_the_order_within() -> None:
    rows = INDEX.query(Query(), SortOrder(SortKey.ID), CONTEXT, favourites_first=True).rows
    assert rows[0] == 1
    assert list(rows[1:]) == [row for row in INDEX.query(Query(), SortOrder(SortKey.ID), CONTEXT).rows if row != 1]


def test_similar_names_are_found_when_asked() -> None:
    query = understood("cluade")
    assert not INDEX.query(query, SortOrder(), CONTEXT).rows
    similar = INDEX.fuzzy(query, SortOrder(), CONTEXT)
    assert similar.fuzzy
    assert set(similar.rows) == {0, 1, 2}


def test_similar_names_still_keep_to_the_terms() -> None:
    assert set(INDEX.fuzzy(understood("cluade fav"), SortOrder(), CONTEXT).rows) == {1}
    assert set(INDEX.fuzzy(understood("cluade -opus"), SortOrder(), CONTEXT).rows) == {0, 2}
    assert not INDEX.fuzzy(understood("tools"), SortOrder(), CONTEXT).rows


def test_doubled_ids_are_two_rows() -> None:
    index = CatalogueIndex((MODELS[0], MODELS[1], MODELS[0]))
    assert found("haiku", index) == {0, 2}
    assert index.row_of(Opaque("anthropic/haiku")) == 0
    assert index.row_of(Opaque("anthropic/none")) is None
    assert len(index) == 3


def test_authors_are_listed_once() -> None:
    assert INDEX.authors == ["anthropic", "meta", "odd", "openai", "openrouter", "paint"]
