"""What the Embeddings screen knows of its sheet besides the state: jobs, bills, neighbours, sentences on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from textual.content import Content

from tui.core import formats, vectors
from tui.core.conversation import Failure, Receipt
from tui.core.ledger import OverBudget
from tui.core.requests import budget_sentence
from tui.core.sheets import Variant
from tui.openrouter.text import Clean
from tui.screens.embedding_model import variant_name
from tui.widgets.sheet_reading import SheetLine


@dataclass(slots=True)
class EmbedJob:
    """An embedding that was asked for and has not ended."""

    id: str
    variant: Variant
    texts: tuple[Clean, ...]
    since: float
    """Monotonic."""
    seen: bool = False
    """The worker has said that it has it."""
    stopped: bool = False
    """By the user."""
    is_query: bool = False
    """Its texts are looked for, and none of the sheet."""


@dataclass(frozen=True, slots=True)
class EmbedBill:
    """What the last embedding with a model came to."""

    receipt: Receipt
    from_store: int
    texts: int
    stopped: bool


def sentences(first: str, second: str, style: str = "bold") -> Content:
    """A sentence on what is, and a dim one on what to do."""
    return Content.assemble((first, style), "\n\n" if second else "", (second, "dim"))


def plural(number: int, word: str) -> str:
    return f"{formats.count(number)} {word}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFacts:
    """All that the sentences and the status line are made of."""

    model: Clean
    """Without its author."""
    objection: str | None
    """Why the model cannot embed."""
    can_pick: bool
    """There are embedding models to pick from."""
    lines: Sequence[SheetLine]
    tokens: int
    usd: Decimal | None
    known: vectors.EmbeddedTexts | None
    embedded: int
    """Lines with a vector."""
    lacking: int
    """Texts that would be paid for, each once."""
    saved_usd: Decimal | None
    """About what the vectors that came from the store would have cost; None where nothing did or no price is known."""
    dimensions: int | None
    """Asked of the model."""
    input_type: Clean | None
    unusable: int
    """Texts whose vector says nothing: of length 0, or not finite."""
    bill: EmbedBill | None
    job: EmbedJob | None
    waiting: int
    """Embeddings that come after it."""
    told: Clean
    """What an action of the user came to, until the next."""
    progress: tuple[int, int]
    reason: Clean
    """Why the job waits."""
    failure: Failure | None
    over_budget: OverBudget | None
    reading: bool = False
    """The store is being asked for the vectors of the texts."""


def notice_words(facts: SheetFacts) -> Content | None:
    """What stands in place of the pictures, or above them; None when they speak for themselves."""
    if facts.job is not None:
        return _progress_words(facts, facts.job) if facts.known is None else None
    if facts.over_budget is not None:
        return sentences(budget_sentence(facts.over_budget), "ctrl+r embeds all the same.", "$text-warning")
    if facts.failure is not None:
        advice = f"{facts.failure.advice} ctrl+r tries again, ctrl+l takes another model.".strip()
        return sentences(f"✕ {facts.failure.message}", advice, "$text-error")
    if not facts.lines:
        return sentences(
            "Nothing to compare yet.",
            "Write or paste texts at the left, one a line. ctrl+r embeds them, and here stands how alike they are.",
        )
    if facts.objection is not None:
        advice = "ctrl+l picks an embedding model." if facts.can_pick else ""
        return sentences(facts.objection, advice, "$text-warning")
    if facts.known is None:
        stopped = "■ Stopped. " if facts.bill is not None and facts.bill.stopped else ""
        texts = plural(len(facts.lines), "text")
        return sentences(
            f"{stopped}{texts}, ~{plural(facts.tokens, 'token')}, {_price_words(facts)} with {_model_words(facts)}.",
            "ctrl+r embeds them · ctrl+l another model. What was embedded before comes from the store for nothing.",
        )
    return None


def _price_words(facts: SheetFacts) -> str:
    return f"~{formats.money(facts.usd)}" if facts.usd is not None else "an unknown price"


def _model_words(facts: SheetFacts) -> str:
    asked = [f"{facts.dimensions:,} d"] if facts.dimensions else []
    asked += [facts.input_type] if facts.input_type else []
    return " ".join([facts.model, *asked])


def _progress_words(facts: SheetFacts, job: EmbedJob) -> Content:
    seconds = formats.duration(time.monotonic() - job.since)
    if job.stopped:
        return sentences(f"Stopping … {seconds}", "")
    done, total = facts.progress
    head = f"Embedding {formats.count(done)} of {formats.count(total)}   {seconds}"
    return Content.assemble((head, "bold"), "\n\n", _bar(facts, 24), "\n\n", (_wait_words(facts), "dim"))


def _bar(facts: SheetFacts, width: int) -> Clean:
    done, total = facts.progress
    return formats.bar(done / total if total else 0.0, width)


def _wait_words(facts: SheetFacts) -> str:
    return f"waits: {facts.reason} · esc stops" if facts.reason else "esc stops"


def status_words(facts: SheetFacts) -> str:
    """The line below: model, width, how much is embedded, what it cost, or what it would."""
    if facts.told and facts.job is None:
        return facts.told
    parts: list[str] = [facts.model or "no model"]
    if facts.job is not None:
        done, total = facts.progress
        seconds = formats.duration(time.monotonic() - facts.job.since)
        parts = [variant_name(facts.job.variant)]
        parts.append(f"embedding {formats.count(done)} of {formats.count(total)} {_bar(facts, 10)} {seconds}")
        parts += [f"{facts.waiting} more after it"] if facts.waiting else []
        parts.append("stopping" if facts.job.stopped else _wait_words(facts))
    elif facts.known is not None:
        parts += _embedded_words(facts, facts.known)
    else:
        parts.append(plural(len(facts.lines), "text"))
        if facts.reading:
            parts.append("reading their vectors …")
        elif facts.lines:
            price = f"~{formats.money(facts.usd)}" if facts.usd is not None else formats.UNKNOWN
            parts += [f"~{plural(facts.tokens, 'token')}", price]
    return " · ".join(parts)


def _embedded_words(facts: SheetFacts, known: vectors.EmbeddedTexts) -> list[str]:
    """Width, how much is embedded, what it cost, what the store saved."""
    count, bill = len(facts.lines), facts.bill
    parts = [
        f"{formats.count(known.dimensions)} d{f' {facts.input_type}' if facts.input_type else ''}",
        f"{formats.count(facts.embedded)} of {formats.count(count)} embedded",
    ]
    if facts.embedded + facts.unusable < count:
        rest = f"~{formats.money(facts.usd)}" if facts.usd is not None else formats.UNKNOWN
        goes_on = "■ stopped, ctrl+r goes on" if bill and bill.stopped else "ctrl+r embeds the rest"
        parts.append(f"{goes_on}, {rest}")
    if facts.unusable:
        parts.append(f"{formats.count(facts.unusable)} without a usable vector")
    if bill is None:
        parts.append("all from store" if facts.embedded == count else "from store")
    else:
        if bill.receipt.cost.usd is not None or not bill.from_store:
            parts.append(formats.cost(bill.receipt.cost))
        if bill.from_store:
            parts.append(f"{formats.count(bill.from_store)} from store")
    if facts.saved_usd:
        parts.append(f"saved ~{formats.money(facts.saved_usd)}")
    return parts
