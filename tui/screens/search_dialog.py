"""Searching every message of every conversation, as one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Input, Static
from typing_extensions import override

from tui.core.commands import SearchMessages
from tui.core.conversation import SearchHit
from tui.core.state import Topic
from tui.openrouter.text import clean_line
from tui.screens.dialog import Dialog
from tui.widgets.hit_list import HitList

if TYPE_CHECKING:
    from tui.screens.session import Session

_EMPTY = "Type words: all messages of all conversations and branches are searched, and the titles.\n\n{how}"
_HOW = "All of the words must be in a message, in any order; they may be unfinished."


class SearchDialog(Dialog[SearchHit | None]):
    """Gives back the message to open, None for esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "open", priority=True, tooltip="Open the lit message.", id="search.choose"),
        Binding("escape", "leave", "leave", tooltip="Open nothing.", id="search.leave"),
        Binding("up", "move(-1)", "up", show=False, priority=True, tooltip="One hit up.", id="search.up"),
        Binding("down", "move(1)", "down", show=False, priority=True, tooltip="One hit down.", id="search.down"),
        Binding("pageup", "page(-1)", "page up", show=False, priority=True, tooltip="A page up.", id="search.page_up"),
        Binding("pagedown", "page(1)", "page down", show=False, priority=True, tooltip="A page down.",
                id="search.page_down"),
    ]  # fmt: skip
    HELP = "Type words, arrows move, enter opens the lit message in its conversation, esc leaves."

    words = query_one("#words", Input)
    hits = query_one(HitList)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="search") as pane:
            pane.border_title = Content("search all conversations")
            yield Input(placeholder="words", id="words", compact=True)
            yield HitList()
            yield Static("", id="none", markup=False)

    def on_mount(self) -> None:
        self._session.changed.subscribe(self, self.note_changes, immediate=True)
        self.hits.can_focus = False
        self.words.focus()
        self._show()

    def note_changes(self, topics: Topic) -> None:
        """The answer to a search has come."""
        if topics & Topic.FOUND:
            self._show()

    @on(Input.Changed, "#words")
    def search(self, event: Input.Changed) -> None:
        self._session.submit(SearchMessages(words=clean_line(event.value.strip())))
        self._show()

    def _show(self) -> None:
        wanted = clean_line(self.words.value.strip())
        found = self._session.state.found
        answered = found is not None and found.words == wanted and bool(wanted)
        pane, none = self.query_one(".search"), self.query_one("#none", Static)
        if found is not None and answered and found.hits is not self.hits.hits:
            self.hits.put(found.hits, self._session.now())
        self.hits.display = bool(wanted) and bool(self.hits.hits)
        none.display = not self.hits.display
        if not wanted:
            none.update(_EMPTY.format(how=_HOW))
        elif answered:
            none.update(f"No message has all of these words.\n\n{_HOW}")
        else:
            none.update("Searching …")
        count = len(self.hits.hits) if answered else 0
        pane.border_subtitle = Content(f"{count}{'+' if count >= 50 else ''} found" if wanted and answered else "")

    def action_choose(self) -> None:
        found = self._session.state.found
        if found is not None and found.words == clean_line(self.words.value.strip()):
            self.hits.action_choose()

    @on(HitList.Chosen)
    def take(self, event: HitList.Chosen) -> None:
        _ = self.dismiss(event.hit)

    def action_move(self, rows: int) -> None:
        self.hits.action_move(rows)

    def action_page(self, pages: int) -> None:
        self.hits.action_page(pages)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
