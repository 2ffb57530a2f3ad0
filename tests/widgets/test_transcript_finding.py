"""Finding words in a conversation, marking lines with keys, and code that is cut instead of wrapped."""

from __future__ import annotations

import random
from typing import Any

import pytest
from textual import on
from textual.app import App, ComposeResult
from typing_extensions import override
from waiting import until

from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.openrouter.text import Clean
from tui.widgets.transcript import Transcript
from tui.widgets.transcript_finding import FindingTranscript
from tui.widgets.transcript_found import hits_in, pattern_of

LONG = "x = compute(" + ", ".join(f"argument_{number}" for number in range(30)) + ")"


def message(number: int, text: str, role: Any = "assistant") -> Message:
    return Message(
        id=str(number), conversation_id="c", parent_id=None, role=role, text=Clean(text), created_at=0, model=Clean("m")
    )


class Host(App[None]):
    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.animation_level = "none"
        messages = [message(number, text) for number, text in enumerate(texts)]
        self.conversation = Conversation(id="c", title=Clean("t"), settings=ConversationSettings(), messages=messages)
        self.copied: list[str] = []
        self.found: list[tuple[int, int]] = []

    @override
    def compose(self) -> ComposeResult:
        yield Transcript()

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @on(Transcript.CopyRequested)
    def note_copy(self, event: Transcript.CopyRequested) -> None:
        self.copied.append(event.text)

    @on(FindingTranscript.Found)
    def note_found(self, event: FindingTranscript.Found) -> None:
        self.found.append((event.number, event.total))

    async def shown(self, pilot: Any) -> Transcript:
        self.transcript.show(self.conversation)
        self.transcript.focus()
        await until(pilot, lambda: self.transcript.tops[-1] > 0 and self.transcript.has_focus)
        await pilot.pause()
        return self.transcript

    def lines(self) -> list[str]:
        transcript = self.transcript
        return [transcript.render_line(y).text.rstrip() for y in range(transcript.size.height)]

    def lit(self) -> list[tuple[str, bool]]:
        """What is lit in the pane, and whether it is the hit that is shown."""
        look = self.transcript.look
        return [
            (segment.text, segment.style.bgcolor == look.found_here.bgcolor)
            for y in range(self.transcript.size.height)
            for segment in self.transcript.render_line(y)
            if segment.style and segment.style.bgcolor in (look.found.bgcolor, look.found_here.bgcolor)
        ]


async def test_hits_are_lit_counted_and_walked_through() -> None:
    filler = "\n\n".join(f"Paragraph {number}" for number in range(40))
    app = Host("First **Needle** here.", filler, "A needle\nand a NEEDLE again.")
    async with app.run_test(size=(60, 12)) as pilot:
        transcript = await app.shown(pilot)
        transcript.action_top()
        await pilot.pause()
        transcript.find("needle")
        await until(pilot, lambda: app.found == [(1, 3)])
        assert app.lit() == [("Needle", True)]
        await pilot.press("n")
        await until(pilot, lambda: app.found[-1] == (2, 3))
        assert app.lit() == [("needle", True), ("NEEDLE", False)]
        await pilot.press("n")
        await until(pilot, lambda: app.found[-1] == (3, 3))
        assert app.lit() == [("needle", False), ("NEEDLE", True)]
        await pilot.press("n")
        await until(pilot, lambda: app.found[-1] == (1, 3))
        assert "Needle" in "".join(app.lines())
        await pilot.press("N")
        await until(pilot, lambda: app.found[-1] == (3, 3))
        await pilot.press("escape")
        assert not transcript.is_searching
        assert app.lit() == []


async def test_a_hit_over_the_end_of_a_row_is_lit_on_both() -> None:
    app = Host("aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk llll mmmm")
    async with app.run_test(size=(32, 10)) as pilot:
        transcript = await app.shown(pilot)
        text = " ".join(app.lines()).split()
        assert "ffff" in text
        for words in ("eeee ffff gggg", "ffff   gggg", "dddd eeee ffff gggg hhhh"):
            transcript.find(words)
            lit = "".join(part for part, _ in app.lit()).replace(" ", "")
            assert lit == words.replace(" ", "")


async def test_words_that_are_nowhere_and_an_empty_conversation() -> None:
    app = Host("Something")
    async with app.run_test() as pilot:
        transcript = await app.shown(pilot)
        transcript.find("[/b] (.*")
        await until(pilot, lambda: app.found == [(0, 0)])
        await pilot.press("n")
        await until(pilot, lambda: len(app.found) == 2)
        transcript.show(None)
        transcript.find("x")
        await pilot.press("n")
        assert app.lit() == []


async def test_hits_in_what_arrives_while_one_searches() -> None:
    app = Host("one needle", "")
    app.conversation.messages[1].state = MessageState.STREAMING
    async with app.run_test(size=(60, 12)) as pilot:
        transcript = await app.shown(pilot)
        transcript.find("needle")
        reply = app.conversation.messages[1]
        for _ in range(3):
            reply.text = Clean(reply.text + "another needle ")
            reply.version += 1
            transcript.follow()
        assert [text for text, _ in app.lit()] == ["needle"] * 4
        await pilot.press("n")
        await until(pilot, lambda: app.found[-1] == (2, 4))


def test_hits_are_found_in_the_source_without_regard_to_case_or_white_space() -> None:
    pattern = pattern_of("  B tree ")
    assert pattern is not None
    hits = hits_in([message(0, "a b\n TREE"), message(1, "b-tree"), message(2, "İb tree b tree")], pattern)
    assert [(hit.message, hit.offset) for hit in hits] == [(0, 2), (2, 1), (2, 8)]
    assert pattern_of("  ") is None


# marking with keys


async def test_marked_lines_are_copied_as_their_source() -> None:
    app = Host("intro", "Some *emphasis* here.\n\n- a `b`\n- c\n\nlast")
    async with app.run_test(size=(60, 20)) as pilot:
        transcript = await app.shown(pilot)
        transcript.reveal("1")
        await pilot.press("v", "j", "j", "j")
        assert transcript.is_marking
        marked = [part for y in range(12) for part in transcript.render_line(y) if "emphasis" in part.text]
        assert marked[0].style is not None
        assert marked[0].style.color != marked[0].style.bgcolor != transcript.look.base.bgcolor
        await pilot.press("y")
        await until(pilot, lambda: app.copied)
        assert app.copied == ["Some *emphasis* here.\n\n- a `b`\n- c"]
        assert not transcript.is_marking
        assert transcript.text_selection is None
        await pilot.press("v", "escape")
        assert not transcript.is_marking
        await pilot.press("v", "G", "y")
        await until(pilot, lambda: len(app.copied) == 2)
        assert app.copied[1].endswith("- c\n\nlast")


async def test_marking_goes_up_beyond_what_was_measured() -> None:
    filler = "\n\n".join(f"Paragraph {number} of a longer text that is wrapped at this width" for number in range(60))
    app = Host("first", filler, "end")
    async with app.run_test(size=(40, 12)) as pilot:
        transcript = await app.shown(pilot)
        await pilot.press("v", "g")
        assert transcript.scroll_offset.y == 0
        await pilot.press("y")
        await until(pilot, lambda: app.copied)
        assert app.copied[0].startswith("first\n\nParagraph 0 of")
        last = int(app.copied[0].rpartition("Paragraph ")[2].split()[0])
        assert last >= 50


# long lines of code


async def test_code_is_cut_and_moved_and_its_whole_source_is_copied() -> None:
    app = Host(f"See:\n\n```python\n{LONG}\ny = 'ünïcødé' * 40  # {'漢字' * 12}\n```\n\nEnd.")
    async with app.run_test(size=(60, 24)) as pilot:
        transcript = await app.shown(pilot)
        wrapped = len([line for line in app.lines() if "│" in line])
        await pilot.press("w")
        await pilot.pause()
        cut = [line for line in app.lines() if "│" in line]
        assert len(cut) == 2 < wrapped
        assert all(line.endswith("›") for line in cut)
        assert "x = compute(" in cut[0]
        await pilot.press("right", "right")
        moved = [line for line in app.lines() if "‹" in line]
        assert len(moved) == 2
        assert LONG[16:40] in moved[0]
        assert len({len(transcript.render_line(y)) for y in range(transcript.size.height)} - {0}) >= 1
        assert {transcript.render_line(y).cell_length for y in range(transcript.size.height)} == {transcript.columns}
        await pilot.press("v", "g", "G", "y")
        await until(pilot, lambda: app.copied)
        assert LONG in app.copied[0]
        await pilot.press("left", "left", "left", "w")
        await pilot.pause()
        assert len([line for line in app.lines() if "│" in line]) == wrapped


async def test_the_reading_place_stays_when_code_is_cut() -> None:
    app = Host(*(f"Part {number}\n\n```\n{LONG}\n{LONG}\n```" for number in range(12)))
    async with app.run_test(size=(50, 14)) as pilot:
        transcript = await app.shown(pilot)
        transcript.scroll_to(y=transcript.tops[6] + 1, animate=False, force=True)
        await pilot.pause()
        assert "Part 6" in app.lines()[0]
        await pilot.press("w")
        await pilot.pause()
        assert "Part 6" in app.lines()[0]
        await pilot.press("w")
        await pilot.pause()
        assert "Part 6" in app.lines()[0]


@pytest.mark.parametrize("seed", range(6))
async def test_a_cut_reply_fed_in_pieces_is_drawn_as_if_it_came_whole(seed: int) -> None:
    dice = random.Random(seed)
    text = f"Intro\n\n```py\n{LONG}\nshort\n{'漢' * 50}\n```\n\nOut\n\n- x\n\n  ```\n  {LONG}\n  ```\n"
    whole, pieces = Host(text), Host("")
    for app in (whole, pieces):
        async with app.run_test(size=(50, 30)) as pilot:
            transcript = await app.shown(pilot)
            transcript.set_code_wrap(False)
            if app is pieces:
                reply = app.conversation.messages[0]
                reply.state = MessageState.STREAMING
                at = 0
                while at < len(text):
                    size = dice.randint(1, 40)
                    reply.text = Clean(text[: at + size])
                    reply.version += 1
                    at += size
                    transcript.follow()
                reply.state = MessageState.DONE
                reply.version += 1
                transcript.follow()
            await pilot.pause()
            drawn = app.lines()
        if app is whole:
            expected = drawn
    assert drawn == expected
