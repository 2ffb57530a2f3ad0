"""The filters that are wanted most, for people who do not type them."""

from __future__ import annotations

from typing import Final

from tui.core.catalogue_filter import Query, QueryContext, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex
from tui.core.formats import count
from tui.openrouter.text import Clean
from tui.screens.pick import PickItem, PickScreen

FILTERS: Final = (
    ("everything", ""),
    ("favourites", "fav"),
    ("free", "free"),
    ("tools, long context, cheap", "tools ctx>=128k in<=1"),
    ("reasoning, cheapest first", "reasoning out:text sort:out"),
    ("sees images", "vision out:text"),
    ("answers by a JSON schema", "structured"),
    ("very long context", "ctx>=1m sort:-ctx"),
    ("came in the last 30 days", "age<30d sort:age"),
    ("new since your last visit", "new sort:age"),
    ("changed since then: new, price, context, expiry", "changed"),
    ("gone soon", "expires<60d sort:expires"),
    ("embeddings", "out:embeddings sort:in"),
    ("makes images", "out:image"),
)
"""What it is, and the filter."""


def filter_menu(index: CatalogueIndex, context: QueryContext, current: str) -> PickScreen:
    """A list of filters with how many models each leaves; gives back the filter's text."""
    items = []
    for name, text in FILTERS:
        query = parse(text)
        assert isinstance(query, Query)
        found = len(index.query(query, SortOrder(), context).rows)
        items.append(PickItem(text, Clean(name), Clean(f"{text}  {count(found):>4}")))
    return PickScreen("filters", items, current=current)
