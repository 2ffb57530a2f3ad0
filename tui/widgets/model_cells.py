"""What the cells of the model table say, and in which styles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace
from rich.style import Style
from textual.widget import Widget

from tui.core.catalogue_filter import QueryContext
from tui.core.formats import UNKNOWN, age, length
from tui.core.listed_prices import input_price, output_price, price_text
from tui.core.query_context import badge
from tui.openrouter.catalogue import Model
from tui.widgets.model_columns import Column

COLUMNS: Final[tuple[Column[str], ...]] = (
    Column("id", "Model", 30, 0, grow=48, right=False),
    Column("name", "Name", 24, 8, grow=44, right=False),
    Column("ctx", "Ctx", 5, 3),
    Column("max", "Max out", 8, 9),
    Column("in", "In $/M", 8, 1, tail=2),
    Column("out", "Out $/M", 9, 2, tail=2),
    Column("cache", "Cache $/M", 11, 7, tail=2),
    Column("can", "Can", 5, 4, right=False),
    Column("age", "Age", 4, 5),
    Column("expires", "Expiry", 10, 10, right=False),
    Column("note", "", 6, 6, right=False),
)
"""Those that are shown unless somebody has chosen others."""
_MORE_COLUMNS: Final[tuple[Column[str], ...]] = (
    Column("author", "Author", 12, 11, grow=20, right=False),
    Column("takes", "Takes", 10, 11, grow=28, right=False),
    Column("gives", "Gives", 6, 11, grow=16, right=False),
    Column("tools", "Tools", 5, 11, right=False),
    Column("reasoning", "Think", 5, 11, right=False),
    Column("quality", "Index", 5, 11),
)
ALL_COLUMNS: Final = {column.kind: column for column in (*COLUMNS, *_MORE_COLUMNS)}
COLUMN_MEANS: Final = {
    "id": "id, always shown",
    "name": "name",
    "ctx": "context length, tokens",
    "max": "longest output, tokens",
    "in": "input price, USD per million tokens",
    "out": "output price, USD per million tokens",
    "cache": "price of cached input, USD per million tokens",
    "can": "T tools, R reasoning, V sees images",
    "age": "since it was added",
    "expires": "when it may be gone",
    "note": "badges: price moved, gone soon",
    "author": "who made it",
    "takes": "what goes in",
    "gives": "what comes out",
    "tools": "can call tools",
    "reasoning": "thinks before it answers",
    "quality": "intelligence index of Artificial Analysis",
}


def chosen_columns(kinds: Sequence[object]) -> tuple[Column[str], ...]:
    """The columns of these kinds in this order, the first the last to give way; the id is always among them.

    Kinds that another version knew are left out.
    """
    known = list(dict.fromkeys(kind for kind in kinds if isinstance(kind, str) and kind in ALL_COLUMNS))
    if "id" not in known:
        known.insert(0, "id")
    rank = {kind: at + 1 for at, kind in enumerate(known)} | {"id": 0}
    return tuple(replace(ALL_COLUMNS[kind], priority=rank[kind]) for kind in known)


_SHORT_KINDS: Final = {
    "embeddings": "emb",
    "image": "img",
    "rerank": "rank",
    "transcription": "text",
    "speech": "say",
    "video": "vid",
}


def can_text(model: Model) -> str:
    """`T R V` for tools, reasoning and vision; what comes out instead where it is not text."""
    kinds = model.output_modalities
    if kinds and "text" not in kinds:
        return f"→{_SHORT_KINDS.get(kinds[0], kinds[0][:4])}"
    supported: Sequence[bool] = (
        "tools" in model.supported_parameters,
        "reasoning" in model.supported_parameters,
        "image" in model.input_modalities,
    )
    return " ".join(letter if has else " " for letter, has in zip("TRV", supported, strict=True))


def note_text(model: Model, context: QueryContext) -> str:
    """The badge at the end of a row: gone soon, price moved; new only where the row's beginning shows a favourite."""
    text = badge(model, context)
    return "" if text == "✦" and model.id.raw not in context.favourites else text


def cell(kind: str, model: Model, context: QueryContext) -> tuple[str, bool]:
    """A cell's text and whether it is secondary."""
    pricing = model.pricing
    match kind:
        case "id":
            if model.alias_target is not None:
                return f"{model.slug} → {model.alias_target.shown()}", False
            return model.slug, False
        case "name":
            return model.name, True
        case "ctx":
            text: str = length(model.context_length)
        case "max":
            text = length(model.max_completion_tokens)
        case "in":
            text = input_price(model)
        case "out":
            text = output_price(model)
        case "cache":
            price = pricing.input_cache_read
            text = UNKNOWN if price is None else price_text(model, price)
        case "can":
            return can_text(model), False
        case "age":
            return age(model.created, context.now), True
        case "author":
            text = model.author or UNKNOWN
        case "takes":
            return " ".join(model.input_modalities) or UNKNOWN, True
        case "gives":
            return " ".join(model.output_modalities) or UNKNOWN, True
        case "tools" | "reasoning":
            text = UNKNOWN if not model.supported_parameters else "yes" if kind in model.supported_parameters else "no"
            return text, text != "yes"
        case "quality":
            index = None if model.benchmarks is None else model.benchmarks.intelligence_index
            text = UNKNOWN if index is None else f"{index:.1f}"
        case "expires":
            return (UNKNOWN if model.expiration_date is None else model.expiration_date.isoformat()), True
        case _:
            return note_text(model, context), False
    return text, text == UNKNOWN


class TableStyles(msgspec.Struct, frozen=True):
    """The styles of the moment of a model table."""

    row: Style
    head: Style
    sorted: Style
    dim: Style
    cursor: Style
    resting: Style
    on_a_row: tuple[Style, Style, Style]
    """Colours only, for badges, what is secondary, and warnings."""
    on_rows: tuple[Style, Style, Style]
    """The same on a row without the cursor, which all are but one."""

    @classmethod
    def of(cls, table: Widget) -> TableStyles:
        """Read them from the stylesheet."""

        def component(name: str) -> Style:
            return table.get_visual_style(f"model-table--{name}").rich_style

        def foreground(name: str) -> Style:
            style = component(name)
            return Style(color=style.color, dim=style.dim)

        row = table.visual_style.rich_style
        colours = foreground("badge"), foreground("dim"), foreground("warning")
        return cls(
            row=row,
            head=component("head"),
            sorted=component("sorted"),
            dim=component("dim"),
            cursor=component("cursor"),
            resting=component("resting"),
            on_a_row=colours,
            on_rows=(row + colours[0], row + colours[1], row + colours[2]),
        )
