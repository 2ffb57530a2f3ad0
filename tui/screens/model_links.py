"""The links of a model, to be picked and opened in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.core.links import model_links, model_page
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean

if TYPE_CHECKING:
    from textual.app import App

    from tui.config import Settings


def show_links(app: App[Any], model: Model, settings: Settings) -> None:
    """Let one choose where to go; each row says where it leads."""
    from tui.screens.pick import PickScreen
    from tui.widgets.pick_list import PickItem

    def take(url: str | None) -> None:
        if url is not None:
            app.open_url(url)

    links = model_links(model, on_openrouter=settings.provider.type == "openrouter")
    items = [PickItem(link.url, Clean(link.url.partition("://")[2]), link.label) for link in links]
    title = f"open in the browser: {model.slug}"
    _ = app.push_screen(PickScreen(title, items, empty="Nothing that can be opened is known of it."), take)


def open_page(app: App[Any], model: Model, settings: Settings) -> None:
    """Open the model's page, where the server has pages."""
    if settings.provider.type == "openrouter":
        app.open_url(model_page(model))
