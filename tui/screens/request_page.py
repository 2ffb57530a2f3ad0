"""OpenRouter's page of a request: where it is, why there is none, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from textual.app import App

    from tui.config import Settings
    from tui.core.ledger import LedgerRow

LOGS_PAGE: Final = "https://openrouter.ai/logs"


def page_of(row: LedgerRow) -> str | None:
    """Where OpenRouter shows the request; None when nobody named it.

    The guide to Logs says that a generation's id is one of the filters and that these stand in the address, but not
    under which name; sessions and keys are `session_id` and `api_key_hash` there. Where the name is another the page
    opens with all requests, and takes the id, which `y` copies, in its filter bar.
    """
    if row.generation_id is None:
        return None
    return f"{LOGS_PAGE}?generation_id={quote(row.generation_id.raw, safe='', errors='replace')}"


def why_no_page(row: LedgerRow, settings: Settings) -> str | None:
    """What to say instead of opening the page of a request; None where there is one."""
    if settings.demo:
        return "What the demo answers is on no page of OpenRouter."
    if settings.provider.type != "openrouter":
        return "Only OpenRouter has a page for each request."
    return None if row.generation_id is not None else "OpenRouter gave this request no id."


def open_page(app: App[object], row: LedgerRow, settings: Settings) -> None:
    """Open the page of a request in the browser, or say why there is none."""
    page = page_of(row)
    why_not = why_no_page(row, settings)
    if page is None or why_not is not None:
        app.notify(why_not or "", severity="warning", markup=False)
    else:
        app.open_url(page)
