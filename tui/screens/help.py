"""All keys: those of the focused pane first, then those that work everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static
from typing_extensions import override

from tui.screens.dialog import Dialog
from tui.widgets.footer_line import shown_key

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.screen import Screen


_EMPHASIS: Final = re.compile(r"(`|\*)([^`*\n]+)\1")
"""Marks of Markdown that would be read as keys to press."""


@dataclass(frozen=True, slots=True)
class HelpSection:
    """The keys of one pane."""

    title: str
    text: str
    keys: tuple[tuple[str, str], ...]
    """Keys as people write them, and what they do."""


def help_sections(screen: Screen[object]) -> list[HelpSection]:
    """What helps with what is focused on this screen: the pane, the view around it, then everywhere.

    What Textual's own widgets bind for editing text is known to most and stands last.
    """
    by_node: dict[DOMNode, dict[str, tuple[list[str], str]]] = {}
    editing: dict[str, tuple[list[str], str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not (binding.tooltip or binding.description):
            continue
        said = ": ".join(filter(None, (binding.description, binding.tooltip)))
        known = by_node.setdefault(active.node, {}) if binding.id else editing
        keys, _ = known.setdefault(binding.action, ([], said))
        keys.append(binding.key_display or shown_key(binding.key))
    focused = screen.focused
    nodes = list(focused.ancestors_with_self) if focused is not None else [screen, screen.app]
    sections = []
    for node in nodes:
        text = _EMPHASIS.sub(r"\2", (getattr(node, "HELP", None) or "").strip())
        lines = _lines(by_node.get(node, {}))
        if text or lines:
            sections.append(HelpSection(_title(node, focused, screen), text, lines))
    if editing:
        sections.append(HelpSection("Moving and editing", "", _lines(editing)))
    return sections


def _lines(known: dict[str, tuple[list[str], str]]) -> tuple[tuple[str, str], ...]:
    return tuple((" ".join(dict.fromkeys(keys)), said) for keys, said in known.values())


def _title(node: DOMNode, focused: DOMNode | None, screen: Screen[object]) -> str:
    if node is focused:
        return "This pane"
    if node is screen:
        return "This view"
    return "Everywhere" if node is screen.app else "Around it"


class HelpScreen(Dialog[None]):
    """Scrolls; esc closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q", "leave", "close", tooltip="Back to where you were.", id="help.close"),
        Binding("j", "scroll_lines(1)", "down", show=False, tooltip="Scroll down.", id="help.down"),
        Binding("k", "scroll_lines(-1)", "up", show=False, tooltip="Scroll up.", id="help.up"),
        Binding("g", "scroll_lines(-100000)", "top", show=False, tooltip="To the top.", id="help.top"),
        Binding("G", "scroll_lines(100000)", "end", show=False, tooltip="To the end.", id="help.end"),
    ]

    def __init__(self, sections: list[HelpSection], title: str = "help") -> None:
        super().__init__()
        self._pane_title = title
        self._sections = sections

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="help") as pane:
            pane.border_title = self._pane_title
            for section in self._sections:
                yield Static(section.title, classes="help--title", markup=False)
                if section.text:
                    yield Static(section.text, classes="help--text", markup=False)
                width = min(22, max((len(keys) for keys, _ in section.keys), default=0))
                for keys, said in section.keys:
                    yield Static(Content.assemble((keys.ljust(width), "bold"), "  ", said), classes="help--key")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
