"""What the command palette offers: the views, the providers, and every key that does something where one is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.app import SystemCommand

from tui.openrouter.text import clean_line
from tui.screens.session import GoTo

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.screen import Screen

    from tui.app import OrtuiApp

_MOVES: Final = ("move", "page", "half_page", "line", "jump", "top", "bottom", "cursor", "scroll", "focus", "delete_")
"""Actions that only make sense as keys."""


def palette_commands(app: OrtuiApp, screen: Screen[object]) -> Iterator[SystemCommand]:
    """All of them, those of the whole program first."""
    yield SystemCommand("Models", "Choose a model (F2)", lambda: app.post_message(GoTo("models")))
    yield SystemCommand("Chat", "Talk to a model (F3)", lambda: app.post_message(GoTo("chat")))
    yield SystemCommand(
        "Embeddings", "See how texts lie to each other (F4)", lambda: app.post_message(GoTo("embeddings"))
    )
    yield SystemCommand("Spend and limits", "What it cost, what is left (F5)", lambda: app.post_message(GoTo("spend")))
    yield SystemCommand("Stop all", "Stop every reply and every embedding", app.session.cancel_all)
    for entry in app.other_providers():
        name = clean_line(entry.id)
        where = "Switch to it" if not entry.model else clean_line(f"Switch to it: {entry.model}")
        yield SystemCommand(f"Provider: {name}", where, partial(app.ask_for_provider, entry))
    yield SystemCommand("Theme", "Change the colours", app.pick_theme)
    yield SystemCommand("Help", "All keys (F1)", app.action_help)
    yield SystemCommand("Quit", "Leave ortui (ctrl+q)", app.action_quit)
    seen = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.node is app or not (active.enabled and binding.tooltip) or binding.action in seen:
            continue
        if not binding.show and binding.action.removeprefix("app.").startswith(_MOVES):
            continue
        seen.add(binding.action)
        title = binding.description[:1].upper() + binding.description[1:]
        namespace, action = active.node, binding.action

        async def run(action: str = action, namespace: DOMNode = namespace) -> None:
            await app.run_action(action, namespace)

        yield SystemCommand(f"{title} ({app.get_key_display(binding)})", binding.tooltip, run)
