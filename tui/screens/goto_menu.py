"""Where to go, for terminals that take the F-keys."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from typing_extensions import override

from tui.openrouter.text import Clean
from tui.screens.dialog import Dialog
from tui.widgets.pick_list import PickItem, PickList

PLACES: Final = (
    PickItem("help", Clean("1  Help"), Clean("F1")),
    PickItem("models", Clean("2  Models"), Clean("F2")),
    PickItem("chat", Clean("3  Chat"), Clean("F3")),
    PickItem("embeddings", Clean("4  Embeddings"), Clean("F4")),
    PickItem("spend", Clean("5  Spend and limits"), Clean("F5")),
    PickItem("palette", Clean("p  Palette"), Clean("ctrl+p")),
)


class GotoMenu(Dialog[str | None]):
    """A letter, a digit or enter goes there; gives back a mode, `help`, `palette` or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "go", "stay", tooltip="Stay here.", id="goto.stay"),
        Binding("1,h,question_mark", "go('help')", "help", show=False, tooltip="All keys.", id="goto.help"),
        Binding("2,m", "go('models')", "models", show=False, tooltip="Choose a model.", id="goto.models"),
        Binding("3,c", "go('chat')", "chat", show=False, tooltip="Talk to a model.", id="goto.chat"),
        Binding(
            "4,e",
            "go('embeddings')",
            "embeddings",
            show=False,
            tooltip="See how texts lie to each other.",
            id="goto.embeddings",
        ),
        Binding("5,s", "go('spend')", "spend", show=False, tooltip="What it cost, and what is left.", id="goto.spend"),
        Binding("p,colon", "go('palette')", "palette", show=False, tooltip="All commands.", id="goto.palette"),
    ]
    HELP = "Where to go. The digit or the first letter goes there, esc stays."

    def __init__(self, mode: str) -> None:
        """`mode` is the view that is shown."""
        super().__init__()
        self._mode = mode

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="goto") as pane:
            pane.border_title = "go to"
            yield PickList(PLACES, current=self._mode)

    def on_mount(self) -> None:
        self.query_one(PickList).focus()

    @on(PickList.Chosen)
    def take(self, event: PickList.Chosen) -> None:
        _ = self.dismiss(event.item.key)

    def action_go(self, place: str | None = None) -> None:
        _ = self.dismiss(place)
