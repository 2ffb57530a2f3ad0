"""The last line of every view: the keys that matter now for the focused pane."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual import events
from textual.content import Content
from textual.keys import format_key
from textual.widget import Widget
from typing_extensions import override

if TYPE_CHECKING:
    from textual.screen import Screen

_MOST_KEYS: Final = 8
_HELP_ACTION: Final = "help"
_WAY_OUT: Final = "escape"
_SHORT: Final = {
    "escape": "esc",
    "enter": "enter",
    "tab": "tab",
    "space": "space",
    "backspace": "backspace",
    "delete": "del",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "home": "home",
    "end": "end",
} | {f"f{number}": f"F{number}" for number in range(1, 25)}


class FooterKey(NamedTuple):
    """One key of the footer."""

    key: str
    shown: str
    description: str
    enabled: bool


def shown_key(key: str) -> str:
    """A key as people write it: `ctrl+l`, `esc`, `/`, `?`."""
    *modifiers, name = key.split("+")
    return "+".join([*modifiers, _SHORT.get(name) or format_key(name)])


def footer_keys(screen: Screen[object]) -> list[FooterKey]:
    """The keys to show for what is focused; help comes last, by the key that works now."""
    keys: dict[str, FooterKey] = {}
    help_key: FooterKey | None = None
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.show:
            continue
        key = FooterKey(binding.key, binding.key_display or shown_key(binding.key), binding.description, active.enabled)
        if binding.action.removeprefix("app.") == _HELP_ACTION:
            # `?` where it is not text, else F1
            if help_key is None or binding.key == "question_mark":
                help_key = key
        else:
            keys.setdefault(binding.action, key)
    found = list(keys.values())
    if screen.is_modal:
        # The way out stays, and a dialog keeps out of the App's keys all that have no priority.
        found.sort(key=lambda key: key.key == _WAY_OUT)
        help_key = help_key or FooterKey("f1", shown_key("f1"), "help", True)
        last = [key for key in found[-1:] if key.key == _WAY_OUT]
        found = [*found[: len(found) - len(last)][: _MOST_KEYS - 1], *last]
    else:
        found = found[: _MOST_KEYS - 1]
    return [*found, help_key] if help_key else found


class FooterLine(Widget):
    """One drawn line; what does not fit is left out before help is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"footer-line--key", "footer-line--word", "footer-line--off"}
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "FooterLine { height: 1; split: bottom; }"

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[FooterKey] = []
        self._spans: list[tuple[int, int, FooterKey]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._note_bindings)

    def _note_bindings(self, screen: Screen[object]) -> None:
        if screen is self.screen and self.app.app_focus:
            self.call_after_refresh(self.show_keys)

    def show_keys(self) -> None:
        """Draw the keys again if they changed."""
        if not self.is_attached:
            return  # it was asked for just before its dialog was closed
        keys = footer_keys(self.screen)
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    @override
    def render(self) -> Content:
        width = self.size.width - 1
        parts: list[tuple[Content, FooterKey]] = [(self._drawn(key), key) for key in self._keys]
        kept = 0
        for _, key in reversed(parts):
            if key.description != "help" and not (self.screen.is_modal and key.key == _WAY_OUT):
                break
            kept += 1
        kept = max(1, kept)
        while len(parts) > kept and sum(part.cell_length + 2 for part, _ in parts) - 2 > width:
            del parts[-kept - 1]
        self._spans = []
        at = 1
        for part, key in parts:
            self._spans.append((at, at + part.cell_length, key))
            at += part.cell_length + 2
        return Content.assemble(" ", Content("  ").join([part for part, _ in parts]))

    def _drawn(self, key: FooterKey) -> Content:
        if not key.enabled:
            off = self.get_visual_style("footer-line--off", partial=True)
            return Content.assemble((key.shown, off), " ", (key.description, off))
        return Content.assemble(
            (key.shown, self.get_visual_style("footer-line--key", partial=True)),
            " ",
            (key.description, self.get_visual_style("footer-line--word", partial=True)),
        )

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._spans:
            if start <= event.x < end and key.enabled:
                self.app.simulate_key(key.key)
