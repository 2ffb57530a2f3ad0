"""Marked models side by side: a column a model, a row a property, the best of each row pointed at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import zip_longest
from typing import Any, ClassVar, Final, TypeAlias

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from typing_extensions import override

from tui.core.formats import UNKNOWN, age, count, length, money
from tui.core.listed_prices import price_text
from tui.core.prices import Workload, is_free, token_price, workload_cost
from tui.core.workloads import workload_words
from tui.openrouter.catalogue import Benchmarks, Model
from tui.openrouter.text import Clean
from tui.widgets.line_view import Line, LineView, Piece, wrap
from tui.widgets.model_columns import fit

MOST_MODELS: Final = 6
_BEST: Final = "◂"
_NAME_LINES: Final = 4
PAST_LABEL: Final = "my 30 days"
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>|])")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NAME_PARTS: Final = re.compile(r"[^/:-]*[/:-]?", re.DOTALL)

_Score: TypeAlias = Decimal | float | str


@dataclass(frozen=True, slots=True)
class _Property:
    label: str
    text: Callable[[Model], str]
    score: Callable[[Model], _Score | None] | None = None
    """What makes one better than another; None = nothing does."""
    least: bool = False
    """The least is best."""
    is_asked_for: bool = False
    """Shown also where nothing is known."""


class CompareTable(LineView):
    """Up to six models beside each other."""

    HELP = f"""The marked models side by side. `{_BEST}` points at the best of a row; `–` is unknown and never best.

`e` folds the rows in which all are equal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "fold_equal", "fold equal", id="compare.fold", tooltip="Fold the rows in which all are equal"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.models: tuple[Model, ...] = ()
        self.workload = Workload()
        self.past: Mapping[str, Decimal | None] | None = None
        """By raw id what the user's last days would have cost; None before somebody asked."""
        self._now = 0.0
        self._folded = False

    def show(
        self,
        models: Sequence[Model],
        *,
        now: float,
        workload: Workload | None = None,
        past: Mapping[str, Decimal | None] | None = None,
    ) -> None:
        """Compare these, at most six; `now` in Unix seconds, for ages and prices that hold at times.

        `past` is what the user's last days would have cost on each, by raw id, in USD; None = not asked for.
        """
        self.models, self._now = tuple(models[:MOST_MODELS]), now
        self.workload = workload or self.workload
        self.past = past
        self.rebuild()

    def action_fold_equal(self) -> None:
        """Fold the equal rows, or show them again."""
        self._folded = not self._folded
        self.rebuild()

    @override
    def build(self) -> Sequence[Line]:
        if len(self.models) < 2:
            return [[("dim", line)] for line in wrap("Mark two to six models with space to compare them.", self.room)]
        return list(self._lines())

    def _lines(self) -> Iterator[Line]:
        labels = min(16, max(8, self.room // 5 + 1))
        width = max(6, min(30, (self.room - labels) // len(self.models)))
        shared = _shared_author(self.models)
        names = [_name_lines(model.slug.removeprefix(shared), width - 2) for model in self.models]
        self.head = max(map(len, names)) + 1
        for row in range(self.head - 1):
            parts = [name[row] if row < len(name) else "" for name in names]
            yield [
                ("dim", fit("" if row else shared, labels)),
                *(("title", f"{fit(part.strip(), width - 2, right=True)}  ") for part in parts),
            ]
        yield []
        equal: list[str] = []
        for prop, texts, best in self._rows():
            if self._is_folded(texts):
                equal.append(f"{prop.label} {texts[0]}")
                continue
            for at, line in enumerate(_wrapped(texts, width - 2)):
                cells = (_cell(text, is_best, width) for text, is_best in zip(line, best, strict=True))
                yield [("dim", f"{fit('' if at else prop.label, labels - 1)} "), *cells]
        if self._folded:
            yield []
            for line in wrap(f"Equal, e unfolds: {', '.join(equal) or 'nothing'}", self.room):
                yield [("dim", line)]

    def _rows(self) -> Iterator[tuple[_Property, list[str], list[bool]]]:
        """Every row of which something is known: what it says of each model, and which are best."""
        for prop in self._properties():
            texts = [prop.text(model) for model in self.models]
            if prop.is_asked_for or any(text != UNKNOWN for text in texts):
                yield prop, texts, _best(prop, self.models)

    def _is_folded(self, texts: Sequence[str]) -> bool:
        return self._folded and len(set(texts)) == 1

    def markdown(self) -> Clean:
        """The rows that are shown as a Markdown table, the best in bold, and under it what the costs are of."""
        rows = [["", *(_markdown(model.slug) for model in self.models)], ["---", *["---:"] * len(self.models)]]
        for prop, texts, best in self._rows():
            if not self._is_folded(texts):
                cells = (
                    f"**{_markdown(text)}**" if is_best else _markdown(text)
                    for text, is_best in zip(texts, best, strict=True)
                )
                rows.append([prop.label, *cells])
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return Clean("\n".join([*lines, "", f"Cost a month: {workload_words(self.workload)}.", ""]))

    def _properties(self) -> Sequence[_Property]:
        now, work = self._now, self.workload

        def cost(model: Model) -> Decimal | None:
            return None if token_price(model, model.pricing.prompt) is None else workload_cost(model.pricing, work, now)

        def past(model: Model) -> Decimal | None:
            return None if self.past is None else self.past.get(model.id.raw)

        mine = (_Property(PAST_LABEL, lambda m: _money(past(m)), past, least=True, is_asked_for=True),)
        return (
            _Property("cost a month", lambda m: _money(cost(m)), cost, least=True, is_asked_for=True),
            *(mine if self.past is not None else ()),
            _price("input $/M", lambda m: m.pricing.prompt),
            _price("output $/M", lambda m: m.pricing.completion),
            _price("cache read $/M", lambda m: m.pricing.input_cache_read),
            _Property("free", lambda m: _yes(is_free(m))),
            _Property("context", lambda m: length(m.context_length), lambda m: m.context_length),
            _Property("longest reply", lambda m: length(m.max_completion_tokens), lambda m: m.max_completion_tokens),
            _supported("tools", "tools"),
            _supported("reasoning", "reasoning"),
            _supported("structured", "structured_outputs"),
            _Property("takes", lambda m: " ".join(m.input_modalities) or UNKNOWN),
            _Property("gives", lambda m: " ".join(m.output_modalities) or UNKNOWN),
            _benchmark("intelligence", lambda b: b.intelligence_index),
            _benchmark("coding", lambda b: b.coding_index),
            _benchmark("agentic", lambda b: b.agentic_index),
            _Property("age", lambda m: age(m.created, now), lambda m: m.created),
            _Property("knows until", lambda m: m.knowledge_cutoff or UNKNOWN, lambda m: m.knowledge_cutoff),
            _Property("expires", lambda m: UNKNOWN if m.expiration_date is None else m.expiration_date.isoformat()),
            _Property("parameters", lambda m: count(len(m.supported_parameters) or None)),
        )


def _price(label: str, price: Callable[[Model], Decimal | None]) -> _Property:
    """A price per token; a cache price that is not listed is unknown, also where the others vary."""

    def text(model: Model) -> str:
        amount = price(model)
        return UNKNOWN if amount is None and label.startswith("cache") else price_text(model, amount)

    return _Property(label, text, lambda model: token_price(model, price(model)), least=True)


def _supported(label: str, parameter: str) -> _Property:
    return _Property(label, lambda m: _yes(parameter in m.supported_parameters if m.supported_parameters else None))


def _benchmark(label: str, index: Callable[[Benchmarks], float | None]) -> _Property:
    def score(model: Model) -> float | None:
        return None if model.benchmarks is None else index(model.benchmarks)

    def text(model: Model) -> str:
        value = score(model)
        return UNKNOWN if value is None else f"{value:.1f}"

    return _Property(label, text, score)


def _shared_author(models: Sequence[Model]) -> str:
    """`anthropic/` where all are by it: it need not stand over each."""
    authors = {"".join(model.slug.partition("/")[:2]) for model in models}
    (author,) = authors if len(authors) == 1 else ("",)
    return author if author.endswith("/") else ""


def _name_lines(slug: str, width: int) -> list[str]:
    """The id, broken after `/`, `-` and `:` where it is too long for a line."""
    lines = [""]
    for part in _NAME_PARTS.findall(slug):
        if lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return [fit(line, width, right=True) for line in lines[:_NAME_LINES]]


def _wrapped(texts: Sequence[str], width: int) -> Iterator[Sequence[str]]:
    """The cells of a row, line by line: where several words do not fit beside each other they stand below."""
    cells = [wrap(text, width) if " " in text and cell_len(text) > width else [text] for text in texts]
    return zip_longest(*cells, fillvalue="")


def _best(prop: _Property, models: Sequence[Model]) -> list[bool]:
    """Which are best; none where all that are known are equal."""
    if prop.score is None:
        return [False] * len(models)
    scores = [prop.score(model) for model in models]
    known: list[Any] = [score for score in scores if score is not None]
    if len(set(known)) < 2:
        return [False] * len(models)
    top = min(known) if prop.least else max(known)
    return [score == top for score in scores]


def _cell(text: str, best: bool, width: int) -> Piece:
    kind = "lit" if best else "dim" if text == UNKNOWN else "plain"
    if len(text) > width - 2 and _DAY.fullmatch(text):
        text = text[:7]  # the month tells more than half a day
    return kind, f"{fit(_short_money(text, width - 2), width - 2, right=True)}{_BEST if best and text else ' '} "


def _short_money(text: str, width: int) -> str:
    """A small estimate with as many digits as there is room for, rounded: one that is cut off says nothing."""
    if len(text) <= width or not text.startswith("~$0."):
        return text
    places = width - len("~$0.")
    if places < 1:
        return "<$0.01"
    rounded = Decimal(text[2:]).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"~${rounded:f}" if rounded else "<$0.01"


def _markdown(text: str) -> str:
    """Somebody else's text in a cell: nothing in it is Markdown."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _money(usd: Decimal | None) -> str:
    return UNKNOWN if usd is None else f"~{money(usd)}"


def _yes(answer: bool | None) -> str:
    return UNKNOWN if answer is None else "yes" if answer else "no"
