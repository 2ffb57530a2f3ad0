"""The routing receipt of one request: who answered, at which tries, what was cached, how long it took, what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from typing_extensions import override

from tui.core import formats
from tui.core.conversation import CostKind
from tui.core.ledger import LedgerRow
from tui.core.limit_words import what_helps
from tui.core.prices import price_at
from tui.openrouter.text import Clean
from tui.screens.help import HelpScreen, HelpSection
from tui.screens.request_page import open_page, why_no_page
from tui.widgets.request_columns import state_words

if TYPE_CHECKING:
    from tui.openrouter.catalogue import Model
    from tui.screens.session import Session

_KINDS = {
    CostKind.BILLED: "billed",
    CostKind.ESTIMATED: "estimated, without a bill yet",
    CostKind.UNKNOWN: "unknown",
}

Pairs = tuple[tuple[str, str], ...]


def _known(pairs: list[tuple[str, str | None]]) -> Pairs:
    return tuple((name, value) for name, value in pairs if value is not None)


def request_details(row: LedgerRow, model: Model | None = None) -> Pairs:
    """Names and values of everything that the ledger knows of a request; `model` is the catalogue's row of it."""
    return (*cost_pairs(row, model), *route_pairs(row))


def cost_pairs(row: LedgerRow, model: Model | None = None) -> Pairs:
    """Money and tokens."""
    tokens = f"{formats.count(row.prompt_tokens)} in, {formats.count(row.completion_tokens)} out"
    cached = None
    if row.cached_tokens or row.cache_write_tokens:
        share = (
            f" ({100 * row.cached_tokens // row.prompt_tokens} %)" if row.cached_tokens and row.prompt_tokens else ""
        )
        cached = (
            f"{formats.count(row.cached_tokens or 0)} read{share}, {formats.count(row.cache_write_tokens or 0)} written"
        )
    upstream = None
    if row.upstream_usd is not None:
        meaning = "billed by the provider, in the cost" if row.is_byok else "asked by the provider, for information"
        upstream = f"{formats.money(row.upstream_usd)} {meaning}"
    return _known(
        [
            ("cost", f"{formats.cost(row.cost)} {_KINDS[row.cost.kind]}".rstrip()),
            ("at sending", f"~{formats.money(row.quoted_usd)} expected" if row.quoted_usd is not None else None),
            ("upstream", upstream),
            ("tokens", tokens),
            ("thinking", formats.count(row.reasoning_tokens) if row.reasoning_tokens else None),
            ("from cache", cached),
            ("list price", _price(row, model)),
        ]
    )


def _price(row: LedgerRow, model: Model | None) -> str | None:
    """Today's list price for a prompt of that length; the ledger keeps what was paid, not by which list."""
    if model is None:
        return None
    prices = price_at(model.pricing, row.prompt_tokens or 0, row.created_at)
    if prices.prompt is None:
        return None
    said = f"{formats.per_million(prices.prompt)} in, {formats.per_million(prices.completion)} out"
    if prices.input_cache_read is not None:
        said += f", {formats.per_million(prices.input_cache_read)} cached"
    return f"{said} $/M now"


def route_pairs(row: LedgerRow) -> Pairs:
    """Who answered, how often it was tried, how long it took."""
    at = datetime.fromtimestamp(row.created_at, UTC).astimezone()
    answered = row.model_answered
    fell_back = None
    if answered is not None and answered != row.model:
        fell_back = f"{answered} (asked: {row.model})"
    return _known(
        [
            ("time", f"{at:%Y-%m-%d %H:%M:%S}"),
            ("kind", row.kind.value),
            ("answered by", fell_back),
            ("provider", row.provider or formats.UNKNOWN),
            ("key", row.key_tail),
            ("first token", _seconds(row.ttft_ms)),
            ("took", _seconds(row.duration_ms)),
            ("speed", _speed(row)),
            ("tries", str(row.tries)),
            ("status", str(row.status) if row.status is not None else None),
            ("finish", row.finish_reason),
            ("error", row.error_kind),
            ("conversation", row.conversation),
        ]
    )


def _seconds(milliseconds: int | None) -> Clean:
    return formats.UNKNOWN if milliseconds is None else formats.duration(milliseconds / 1000)


def _speed(row: LedgerRow) -> str | None:
    if row.error_kind is not None:
        return None  # the bill may count what never came
    if not row.completion_tokens or row.ttft_ms is None or row.duration_ms is None or row.duration_ms <= row.ttft_ms:
        return None
    return f"{row.completion_tokens / (row.duration_ms - row.ttft_ms) * 1000:.0f} tok/s"


class RequestDialog(HelpScreen):
    """Scrolls; o opens the page of the request, y copies its id, esc closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "o",
            "open_page",
            "logs page",
            tooltip="Open OpenRouter's log in the browser; its filter takes the id.",
            id="request.open",
        ),
        Binding("y", "copy_id", "copy id", tooltip="Copy the generation's id.", id="request.copy"),
    ]

    def __init__(self, session: Session, row: LedgerRow, now: float) -> None:
        model = session.state.model_by_slug.get(row.model)
        sections = [
            HelpSection(f"{row.model} – {state_words(row)}", "", ()),
            HelpSection("Cost", "", cost_pairs(row, model)),
            HelpSection("Route", "", route_pairs(row)),
        ]
        if helps := what_helps(row, session.state.free, now):
            sections.insert(1, HelpSection("What happened", helps, ()))
        super().__init__(sections, "request")
        self._session = session
        self._row = row

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open_page" and why_no_page(self._row, self._session.settings) is not None:
            return None
        if action == "copy_id" and self._row.generation_id is None:
            return None
        return super().check_action(action, parameters)

    def action_open_page(self) -> None:
        open_page(self.app, self._row, self._session.settings)

    def action_copy_id(self) -> None:
        if self._row.generation_id is not None:
            self._session.copy(self._row.generation_id.raw)
