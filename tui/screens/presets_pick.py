"""The presets of parameters: pick one, delete one, bring it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from typing_extensions import override

from tui.core.commands import Remember
from tui.core.state import Topic
from tui.openrouter.text import Clean, clean_line
from tui.screens.parameters import PRESET
from tui.screens.pick import PickScreen
from tui.widgets.pick_list import PickItem

if TYPE_CHECKING:
    from tui.screens.session import Session


class PresetsPick(PickScreen):
    """Gives back the name under which the preset is remembered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "delete", "delete", priority=True, tooltip="Delete the lit one; ctrl+u brings it back.",
                id="presets.delete"),
        Binding("ctrl+u", "undo", "undo", priority=True, tooltip="Bring the deleted one back.", id="presets.undo"),
    ]  # fmt: skip
    HELP = "Type to filter, enter fills the form from the lit preset, ctrl+d deletes it, ctrl+u brings it back."

    def __init__(self, session: Session) -> None:
        super().__init__("presets", preset_items(session), empty="No presets yet: ctrl+n in the form keeps one.")
        self._session = session
        self._gone: Remember | None = None
        """What brings back the one that was deleted last."""

    @override
    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self.note_changes, immediate=True)

    def note_changes(self, topics: Topic) -> None:
        """The presets are others now."""
        if topics & Topic.PREFERENCES:
            self.put(preset_items(self._session))

    def action_delete(self) -> None:
        lit = self.rows.lit
        if lit is None:
            return
        kept = Remember(name=lit.key, value=self._session.state.preferences.get(lit.key))
        if self._session.submit(Remember(name=lit.key, value=None)):
            self._gone = kept
            self.show_count()

    def action_undo(self) -> None:
        if self._gone is not None and self._session.submit(self._gone):
            self._gone = None
            self.show_count()


def preset_items(session: Session) -> list[PickItem]:
    """All presets by name, with what they set."""
    items = []
    for key, values in sorted(session.state.preferences.items()):
        if key.startswith(PRESET) and isinstance(values, dict):
            note = " · ".join(f"{name} {value}" for name, value in values.items())
            items.append(PickItem(key, clean_line(key.removeprefix(PRESET)), clean_line(note) or Clean("nothing set")))
    return items
