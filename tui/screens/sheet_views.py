"""The rows of duplicates, clusters and A/B: what was worked out, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tui.core import formats
from tui.core.sheets import Relevance, Variant
from tui.openrouter.text import Clean
from tui.screens.embedding_model import variant_name
from tui.widgets.row_list import ListRow
from tui.widgets.sheet_reading import SheetLine

if TYPE_CHECKING:
    from tui.core.likeness import Agreement, Found
    from tui.core.sheet_sums import TextCluster, TextPair
    from tui.core.vectors import EmbeddedTexts
    from tui.screens.embedded_sheet import EmbedBill
    from tui.widgets.group_marks import GroupMark

_MEMBERS_SHOWN: Final = 60
_APART_SHOWN: Final = 20
_WIDTHS: Final = (6, 7, 6, 5, 5, 5, 5)
_HEADS: Final = ("d", "$/M", "txt/s", "@k", "ρ", "R@k", "MRR")
AB_HELP: Final = (
    "The same texts on several models, or on one at several dimensions. + adds one, x takes the lit one away, ctrl+r "
    "embeds what is missing. d dimensions, $/M price of a million tokens, txt/s texts a second; against the first: @k "
    "the share of the 10 nearest neighbours that both name, ρ the rank correlation of the similarities of all pairs; "
    "R@k and MRR how well each finds the answers that are marked right with space in the neighbours of a query."
)


def named(line: SheetLine) -> str:
    """A text with its label before it."""
    return f"{line.label}: {line.text}" if line.label else line.text


def _text_row(lead: Sequence[tuple[str, str]], line: SheetLine, marks: Mapping[str, GroupMark]) -> ListRow:
    mark = marks.get(line.group)
    shape = [(f"group-{mark.colour}", f"{mark.shape} ")] if mark else []
    return ListRow([*lead, *shape, ("rest", named(line))], line.line)


def duplicate_rows(
    pairs: Sequence[TextPair],
    total: int,
    threshold: float,
    lines: Sequence[SheetLine],
    marks: Mapping[str, GroupMark],
) -> list[ListRow]:
    """Each pair in two lines under its similarity."""
    at_least = f"at least {threshold:.2f} alike"
    if not pairs:
        return [
            ListRow([("dim", f" No two texts are {at_least}.")]),
            ListRow([]),
            ListRow([("dim", " - looks for less, + for more.")]),
        ]
    shown = f", the first {formats.count(len(pairs))} shown" if len(pairs) < total else ""
    head = f" {formats.count(total)} pair{'' if total == 1 else 's'} {at_least}{shown}"
    rows = [ListRow([("title", head), ("dim", "  - +")])]
    digits = len(str(max(line.number for line in lines)))
    for pair in pairs:
        first, second = lines[pair.first], lines[pair.second]
        same = "same" if first.text == second.text else f"{pair.score:.3f}"
        rows.append(ListRow([]))
        rows.append(_text_row([("bar", f" {same:>5}  "), ("dim", f"{first.number:>{digits}} ")], first, marks))
        rows.append(_text_row([("plain", " " * 8), ("dim", f"{second.number:>{digits}} ")], second, marks))
    return rows


def cluster_rows(
    found: Sequence[TextCluster], lines: Sequence[SheetLine], marks: Mapping[str, GroupMark]
) -> list[ListRow]:
    """Each cluster with the text nearest to its centre first."""
    rows = [ListRow([("title", f" {len(found)} clusters"), ("dim", "  by k-means  - +")])]
    digits = len(str(max((line.number for line in lines), default=1)))
    for number, cluster in enumerate(found, 1):
        count = len(cluster.members)
        texts = f"{formats.count(count)} text{'' if count == 1 else 's'}"
        rows.append(ListRow([]))
        rows.append(
            ListRow([("title", f" {number}"), ("dim", f"  {texts}, mean {cluster.tightness:.2f} to the centre")])
        )
        shown = list(zip(cluster.members, cluster.scores, strict=True))[:_MEMBERS_SHOWN]
        for place, (member, score) in enumerate(shown):
            line = lines[member]
            kind = "bar" if place == 0 else "dim"
            rows.append(
                _text_row([(kind, f" {'◉' if place == 0 else ' '} {score:.2f} {line.number:>{digits}} ")], line, marks)
            )
        if count > len(shown):
            rows.append(ListRow([("dim", f"   and {formats.count(count - len(shown))} more")]))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One side of the comparison; the first is what the others are held against."""

    variant: Variant
    known: EmbeddedTexts | None
    bill: EmbedBill | None
    per_token: Decimal | None
    """USD."""
    embedded: int
    """Lines with a vector."""
    agreement: Agreement | None = None
    """With the first; None for itself, or until it is worked out."""
    found: Found | None = None


def compare_rows(
    sides: Sequence[Compared], lines: Sequence[SheetLine], relevance: Sequence[Relevance], *, working: bool
) -> list[ListRow]:
    """A table of the variants, then the pairs on which they differ most."""
    rows = [ListRow([("dim", "".join(f"{head:>{width}}" for head, width in zip(_HEADS, _WIDTHS, strict=True)))])]
    for number, side in enumerate(sides):
        rows.append(ListRow([("title", f" {_letter(number)} "), ("rest", variant_name(side.variant))], -1 - number))
        rows.append(ListRow([("plain" if side.known is not None else "dim", _figures(side))]))
        if said := _side_words(side, len(lines)):
            rows.append(ListRow([("dim", f"   {said}")]))
    rows.append(ListRow([]))
    if len(sides) == 1:
        rows += [
            ListRow([("plain", " + adds a model to compare with,")]),
            ListRow([("plain", " or the same one at other dimensions.")]),
        ]
    elif working:
        rows.append(ListRow([("dim", " Comparing …")]))
    asked = len([one for one in relevance if one.right])
    if not asked:
        rows.append(ListRow([("dim", " R@k, MRR: / asks, space marks right")]))
    for number, side in enumerate(sides):
        if side.agreement is not None:
            rows += _apart(number, side.agreement, lines)
    return rows


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else "·"


def _figures(side: Compared) -> str:
    bill, agreement, found = side.bill, side.agreement, side.found
    speed = formats.UNKNOWN
    if bill is not None and bill.receipt.duration_ms and bill.texts > bill.from_store:
        speed = formats.count(round((bill.texts - bill.from_store) * 1000 / bill.receipt.duration_ms))
    values = (
        formats.count(side.known.dimensions if side.known else side.variant.dimensions),
        formats.per_million(side.per_token),
        speed,
        _share(agreement.overlap if agreement else None),
        _share(agreement.correlation if agreement else None),
        _share(found.recall if found else None),
        _share(found.reciprocal_rank if found else None),
    )
    return "".join(f"{value:>{width}}" for value, width in zip(values, _WIDTHS, strict=True))


def _share(value: float | None) -> str:
    if value is None:
        return formats.UNKNOWN
    text = f"{value:.2f}"
    return text if text.startswith("1") else text.replace("0.", ".", 1)


def _side_words(side: Compared, count: int) -> str:
    parts = []
    if side.embedded < count:
        parts.append(f"{formats.count(side.embedded)} of {formats.count(count)} embedded, ctrl+r")
    if side.bill is not None and side.bill.receipt.cost.usd is not None:
        parts.append(f"cost {formats.cost(side.bill.receipt.cost)}")
    return " · ".join(parts)


def _apart(number: int, agreement: Agreement, lines: Sequence[SheetLine]) -> list[ListRow]:
    rows = [ListRow([]), ListRow([("title", f" A and {_letter(number)} differ most on")])]
    if agreement.is_sampled:
        rows.append(ListRow([("dim", f" of {formats.count(agreement.pairs_compared)} pairs picked at random")]))
    if not agreement.apart:
        rows.append(ListRow([("dim", " no pair")]))
    digits = len(str(max((line.number for line in lines), default=1)))
    for first, second, left, right in agreement.apart[:_APART_SHOWN]:
        one, other = lines[first], lines[second]
        scores = f" {_share(left):>4} {_share(right):>4} "
        rows.append(ListRow([("bar", scores), ("dim", f"{one.number:>{digits}} "), ("rest", named(one))], one.line))
        rows.append(
            ListRow([("plain", " " * 11), ("dim", f"{other.number:>{digits}} "), ("rest", named(other))], other.line)
        )
    return rows


def waiting_row(words: str) -> list[ListRow]:
    """What is being worked out."""
    return [ListRow([("dim", f" {Clean(words)}")])]
