"""The columns of the list of requests: which fit, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from tui.core import formats
from tui.core.conversation import Cost
from tui.core.ledger import STOPPED, LedgerRow, RequestState
from tui.openrouter.text import Clean


class Columns(NamedTuple):
    """Widths in cells; 0 leaves a column out."""

    time: int
    model: int
    provider: int
    key: int
    tokens: int
    cost: int
    first: int
    duration: int
    state: int
    conversation: int = 0


_TIME: Final = 6
WIDE: Final = 130
_ROOMY: Final = 110
_SHORT_STATE: Final = 14
_MOST_MODEL: Final = 44
_LEAST_CONVERSATION: Final = 16


def columns_for(width: int) -> Columns:
    """The columns that fit; from 110 cells also the key, from 130 the time to the first token and a model's author.

    What a model's name does not need is the conversation's.
    """
    if width >= WIDE:
        fixed = Columns(12, 0, provider=16, key=5, tokens=13, cost=12, first=6, duration=7, state=26)
    elif width >= _ROOMY:
        fixed = Columns(_TIME, 0, provider=14, key=5, tokens=13, cost=11, first=0, duration=6, state=26)
    else:
        narrow = width < 100
        state, cost = (_SHORT_STATE, 9) if narrow else (26, 11)
        fixed = Columns(_TIME, 0, provider=10, key=0, tokens=11, cost=cost, first=0, duration=6, state=state)
    gap = gap_for(width)
    room = width - 1 - sum(size + gap for size in fixed if size)
    if room - gap - _MOST_MODEL >= _LEAST_CONVERSATION:
        return fixed._replace(model=_MOST_MODEL, conversation=room - gap - _MOST_MODEL)
    return fixed._replace(model=max(10, room))


def gap_for(width: int) -> int:
    """Cells between columns."""
    return 2 if width >= WIDE else 1


def state_words(row: LedgerRow, width: int = 26) -> Clean:
    """How a request ended, in words and symbols; in little room what became of the bill comes before all else."""
    retries = f" ↻{row.tries - 1}" if row.tries > 1 else ""
    error = (row.error_kind or "").replace("_", " ")
    if row.error_kind == STOPPED:
        bill = {RequestState.AWAITED: "bill awaited", RequestState.ESTIMATED: "no bill came"}.get(row.state)
        words = "stopped" if bill is None else bill if width <= _SHORT_STATE else f"stopped, {bill}"
        words = f"■ {words}"
        return Clean(words + retries if len(words + retries) <= width else words)
    match row.state:
        case RequestState.RESERVED:
            words = "running"
        case RequestState.AWAITED:
            words = f"{'✕ ' if error else ''}bill awaited"
        case RequestState.ESTIMATED:
            words = "no bill came"
        case RequestState.UNKNOWN:
            words = f"✕ {error}" if error else "cost unknown"
        case RequestState.FREE:
            words = f"✕ {error}" if error else "not billed"
        case RequestState.BILLED:
            words = f"✂ {error}" if error else "done"
    return Clean(words + retries if len(words + retries) <= width else words)


class More(NamedTuple):
    """A column that stands on a later page."""

    head: str
    size: int
    right: bool
    text: Callable[[LedgerRow], str]


MORE: Final = (
    More("in", 9, True, lambda row: formats.count(row.prompt_tokens)),
    More("out", 8, True, lambda row: formats.count(row.completion_tokens)),
    More("thinking", 8, True, lambda row: formats.count(row.reasoning_tokens)),
    More("cached", 9, True, lambda row: formats.count(row.cached_tokens)),
    More("written", 8, True, lambda row: formats.count(row.cache_write_tokens)),
    More("cost", 11, True, lambda row: cost_cell(row.cost, 11)),
    More("estimate", 11, True, lambda row: f"~{formats.money(row.quoted_usd)}" if row.quoted_usd is not None else "–"),
    More("BYOK", 10, True, lambda row: formats.money(row.upstream_usd) if row.is_byok else ""),
    More("first", 6, True, lambda row: seconds(row.ttft_ms)),
    More("took", 7, True, lambda row: seconds(row.duration_ms)),
    More("tries", 5, True, lambda row: str(row.tries)),
    More("status", 6, True, lambda row: str(row.status) if row.status is not None else "–"),
    More("kind", 9, False, lambda row: row.kind.value),
    More("key", 5, False, lambda row: row.key_tail),
    More("finish", 14, False, lambda row: row.finish_reason or "–"),
    More("answered by", 26, False, lambda row: row.model_answered or "–"),
    More("conversation", 26, False, lambda row: row.conversation or "–"),
)
"""Together with the first page: all that the ledger knows of a request."""

_NAMED: Final = 22
"""Cells of the model's name on later pages."""


def more_pages(width: int) -> list[tuple[More, ...]]:
    """The later pages, each with as many columns as fit beside time and model."""
    gap = gap_for(width)
    room = width - 1 - _TIME - gap - _NAMED - gap
    pages: list[tuple[More, ...]] = []
    page: list[More] = []
    taken = 0
    for column in MORE:
        if page and taken + column.size > room:
            pages.append(tuple(page))
            page, taken = [], 0
        page.append(column)
        taken += column.size + gap
    return [*pages, tuple(page)]


def cost_cell(cost: Cost, width: int) -> str:
    """The cost; one so small that its digits do not fit says so instead of losing them."""
    text = formats.cost(cost)
    if len(text) <= width or cost.usd is None:
        return text
    return f"{'~' if text.startswith('~') else ''}<$0.0001"


def local_day() -> date:
    """Today, where the user is."""
    return datetime.now().astimezone().date()


def time_cell(at: float, width: int) -> str:
    """`14:02` of today, else `24 Nov`, with the hour where there is room; local time."""
    then = datetime.fromtimestamp(at, UTC).astimezone()
    if then.date() == local_day():
        return formats.clock(at)
    day = f"{then.day} {then:%b}"
    return f"{day} {formats.clock(at)}" if width > _TIME else day


def tokens_cell(row: LedgerRow, width: int) -> str:
    """Tokens in and out; shorter figures instead of cut ones where they do not fit: `15.9k→1.9k`."""
    prompt, completion = row.prompt_tokens, row.completion_tokens
    if prompt is None and completion is None:
        return formats.UNKNOWN
    text = f"{formats.count(prompt)}→{formats.count(completion)}"
    if len(text) <= width:
        return text
    return "→".join(formats.UNKNOWN if one is None else formats.short_count(one) for one in (prompt, completion))


def seconds(milliseconds: int | None) -> Clean:
    return formats.UNKNOWN if milliseconds is None else formats.duration(milliseconds / 1000)


def cell(text: str, width: int, right: bool) -> str:
    text = text.replace("\n", " ").replace("\t", " ")
    room = width - cell_len(text)
    if room < 0:
        return set_cell_size(text, width - 1) + "…"
    return " " * room + text if right else text + " " * room


def more_cells(row: LedgerRow, page: tuple[More, ...]) -> list[tuple[str, int, bool]]:
    """Text, size and side of each cell of a row on a later page."""
    model = row.model.rpartition("/")[2] or row.model
    cells: list[tuple[str, int, bool]] = [(time_cell(row.created_at, _TIME), _TIME, False), (model, _NAMED, False)]
    return cells + [(column.text(row), column.size, column.right) for column in page]


def more_heads(page: tuple[More, ...]) -> list[tuple[str, int, bool]]:
    """The same of the row of names."""
    heads: list[tuple[str, int, bool]] = [("time", _TIME, False), ("model", _NAMED, False)]
    return heads + [(column.head, column.size, column.right) for column in page]
