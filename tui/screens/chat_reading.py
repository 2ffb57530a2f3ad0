"""Reading in the chat: finding words in the conversation, and how long lines of code are shown."""

from __future__ import annotations

from typing import Final

from textual import on
from textual.containers import Vertical
from typing_extensions import override

from tui.core.commands import Remember
from tui.core.state import Topic
from tui.screens.chat_view import ChatView
from tui.screens.soon import soon
from tui.widgets.find_line import FindLine
from tui.widgets.transcript import Transcript
from tui.widgets.transcript_finding import FindingTranscript

_WRAP_CODE: Final = "chat.wrap_code"


class ChatReading(ChatView):
    """The half of the chat in which one reads."""

    @override
    def catch_up(self, topics: Topic) -> None:
        super().catch_up(topics)
        if topics & Topic.PREFERENCES:
            self.transcript.set_code_wrap(self.session.state.preferences.get(_WRAP_CODE) is not False)

    @on(Transcript.CodeWrapped)
    def remember_wrap(self, event: Transcript.CodeWrapped) -> None:
        self.session.submit(Remember(name=_WRAP_CODE, value=event.wrap))

    # finding

    def find(self, words: str) -> None:
        """Show the line in which one writes what to find, with these words in it if there are any."""
        soon(self, lambda: self._begin_find(words), "find", latest=True)

    async def _begin_find(self, words: str) -> None:
        line = self.query_one_optional("#find", FindLine)
        if line is None:
            line = FindLine(id="find")
            await self.query_one("#talk", Vertical).mount(line, after="#transcript")
        line.begin(words or None)
        if words:
            self.transcript.find(words)
            self.transcript.focus()

    @on(Transcript.FindWanted)
    def begin_find(self) -> None:
        self.find("")

    @on(FindLine.Changed)
    def look_for(self, event: FindLine.Changed) -> None:
        self.transcript.find(event.words)
        if not event.words.strip():
            self.query_one("#find", FindLine).report(0, 0)

    @on(FindLine.Stepped)
    def step(self, event: FindLine.Stepped) -> None:
        self.transcript.step_hit(event.step)

    @on(FindLine.Left)
    def read_on(self) -> None:
        self.transcript.focus()

    @on(FindLine.Ended)
    @on(Transcript.FindEnded)
    def end_find(self) -> None:
        self.transcript.find("")
        line = self.query_one_optional("#find", FindLine)
        if line is not None:
            if line.has_focus_within:
                self.transcript.focus()
            line.display = False

    @on(FindingTranscript.Found)
    def say_found(self, event: FindingTranscript.Found) -> None:
        line = self.query_one_optional("#find", FindLine)
        if line is not None:
            line.report(event.number, event.total)
