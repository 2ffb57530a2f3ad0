"""The transcript in a running app: following, scrolling, the cursor, the mouse, sizes and themes."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.screen import Screen
from textual.selection import Selection
from textual.widgets import Input
from typing_extensions import override
from waiting import until

from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.openrouter.text import Clean, Opaque, clean
from tui.widgets import markdown_code
from tui.widgets.transcript import Transcript
from tui.widgets.transcript_selection import place_of

HOSTILE = [
    "[/b]",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;eA==\x1b\\",
    "a\u2028b",
    "👩\u200d👩\u200d👧 漢字",
    "x" * 5000,
    "",
    "\n\n",
]


class Host(App[None]):
    """A transcript, and what it said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []

    @override
    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Input()

    def on_transcript_selected(self, event: Transcript.Selected) -> None:
        self.said.append(event.message.id if event.message else None)

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        self.said.append(event.text)

    def on_transcript_link_activated(self, event: Transcript.LinkActivated) -> None:
        self.said.append(event.url)


def reply(number: int, text: str, state: MessageState = MessageState.DONE, **more: Any) -> Message:
    return Message(
        **{
            "id": str(number),
            "conversation_id": "c",
            "parent_id": None,
            "role": "assistant",
            "created_at": 0.0,
            "model": Clean("lab/model"),
            "text": clean(text),
            "state": state,
            **more,
        }
    )


def conversation(*messages: Message) -> Conversation:
    return Conversation(id="c", title=Clean("t"), settings=ConversationSettings(), messages=list(messages))


def paragraphs(count: int, name: str = "paragraph") -> str:
    return "\n\n".join(f"{name} {at}" for at in range(count))


def say(message: Message, text: str) -> None:
    message.text = Clean(message.text + text)
    message.version += 1


@asynccontextmanager
async def running(
    talk: Conversation | None, size: tuple[int, int] = (60, 20)
) -> AsyncIterator[tuple[Transcript, Pilot[None]]]:
    app = Host()
    async with app.run_test(size=size) as pilot:
        transcript = app.query_one(Transcript)
        transcript.show(talk)
        transcript.focus()
        await pilot.pause()
        yield transcript, pilot


def shown(transcript: Transcript) -> list[str]:
    return [transcript.render_line(y).text.rstrip() for y in range(transcript.size.height)]


def said(transcript: Transcript) -> list[object]:
    app = transcript.app
    assert isinstance(app, Host)
    return app.said


async def test_it_opens_at_the_end() -> None:
    async with running(conversation(reply(1, paragraphs(100)))) as (transcript, _):
        assert transcript.is_following
        assert "  paragraph 99" in shown(transcript)


async def test_the_end_is_followed_while_text_arrives() -> None:
    growing = reply(1, "", MessageState.STREAMING)
    async with running(conversation(growing)) as (transcript, pilot):
        for at in range(60):
            say(growing, f"paragraph {at}\n\n")
            transcript.follow()
            await pilot.pause()
            assert f"  paragraph {at}" in shown(transcript)
        growing.state = MessageState.DONE
        growing.version += 1
        transcript.follow()
        assert "  paragraph 59" in shown(transcript)


async def test_following_scrolls_by_some_lines_at_a_time() -> None:
    growing = reply(1, paragraphs(30), MessageState.STREAMING)
    async with running(conversation(growing)) as (transcript, pilot):
        places = set()
        for at in range(30):
            say(growing, f"\nline {at}")
            transcript.follow()
            await pilot.pause()
            places.add(transcript.scroll_offset.y)
        assert len(places) <= 9


async def test_only_the_lines_that_changed_are_painted() -> None:
    growing = reply(1, paragraphs(5) + "\n\nthe last one", MessageState.STREAMING)
    async with running(conversation(growing), (60, 30)) as (transcript, pilot):
        transcript.follow()
        await pilot.pause()
        before = transcript.paints
        transcript.follow()
        await pilot.pause()
        assert transcript.paints == before, "nothing changed and something was painted"
        say(growing, " grows")
        transcript.follow()
        await pilot.pause()
        assert transcript.paints - before == 1


async def test_elsewhere_the_place_is_kept_and_new_lines_are_counted() -> None:
    growing = reply(1, paragraphs(60), MessageState.STREAMING)
    async with running(conversation(growing)) as (transcript, pilot):
        await pilot.press("g")
        assert not transcript.is_following
        before = shown(transcript)
        say(growing, "\n\none\n\ntwo")
        transcript.follow()
        await pilot.pause()
        assert shown(transcript)[:-1] == before[:-1]
        assert shown(transcript)[-1] == "  ↓ 4 new lines"
        await pilot.press("G")
        assert transcript.is_following
        assert "  two" in shown(transcript)
        assert transcript.new_lines == 0


async def test_messages_come_go_and_change_their_state() -> None:
    talk = conversation(reply(1, "one"), reply(2, "two"))
    async with running(talk) as (transcript, _):
        talk.messages.append(reply(3, "three"))
        transcript.follow()
        assert "  three" in shown(transcript)
        del talk.messages[1]
        transcript.follow()
        assert "  two" not in shown(transcript)
        assert "  three" in shown(transcript)
        talk.messages[0].state = MessageState.STOPPED
        talk.messages[0].version += 1
        transcript.follow()
        assert "  ■ stopped" in shown(transcript)
        talk.messages[1:] = [reply(9, "another branch")]
        transcript.follow()
        assert "  another branch" in shown(transcript)
        transcript.show(None)
        assert not any(shown(transcript))


async def test_a_pull_looks_at_the_changed_message_only() -> None:
    talk = conversation(*(reply(at, paragraphs(3)) for at in range(300)), reply(999, "", MessageState.STREAMING))
    async with running(talk) as (transcript, _):
        transcript.follow()
        renders = sum(block.renders for block in transcript.blocks)
        cut = sum(block.is_cut for block in transcript.blocks)
        assert cut < 30, "messages far from the pane were cut"
        for at in range(10):
            say(talk.messages[-1], f"word {at} ")
            transcript.follow()
        assert sum(block.renders for block in transcript.blocks) - renders <= 30
        assert sum(block.is_cut for block in transcript.blocks) <= cut + 1


async def test_scrolling_through_guessed_heights_shows_every_line_once() -> None:
    talk = conversation(
        *(reply(at, "\n\n".join(f"m{at} p{n} " + "words " * (n * 7 % 40) for n in range(9))) for at in range(40))
    )
    async with running(talk) as (transcript, pilot):
        seen: list[str] = []
        await pilot.press("G")
        for _ in range(400):
            seen.append(shown(transcript)[0])
            if transcript.scroll_offset.y == 0:
                break
            await pilot.press("k")
        seen.reverse()
        heads = [line.strip() for line in seen if line.strip().startswith("m") and " p" in line]
        wanted = [f"m{at} p{n}" for at in range(40) for n in range(9)]
        found = [" ".join(head.split()[:2]) for head in heads]
        assert found == [name for name in wanted if name in set(found)]
        start = wanted.index(found[0])
        assert found == wanted[start : start + len(found)], "lines were skipped or shown twice"


async def test_width_changes_keep_the_reading_place() -> None:
    talk = conversation(*(reply(at, "\n\n".join(f"m{at}p{n} " + "word " * 60 for n in range(5))) for at in range(20)))
    async with running(talk, (60, 20)) as (transcript, pilot):
        transcript.scroll_to(y=transcript.tops[10] + 12, animate=False)
        await pilot.pause()
        words = " ".join(shown(transcript)).split()
        mark = next(word for word in words if word.startswith("m10p"))
        for size in ((33, 20), (100, 30), (20, 5), (60, 20)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert any(mark in line for line in shown(transcript))
        assert not transcript.is_following


async def test_a_narrow_pane_and_back_while_streaming() -> None:
    growing = reply(1, "", MessageState.STREAMING)
    async with running(conversation(growing)) as (transcript, pilot):
        for at in range(20):
            say(growing, f"- item {at} with `code`\n```py\nx = {at}\n```\n| a | b |\n|--|--|\n| {at} | 2 |\n\n")
            await pilot.resize_terminal(*[(20, 5), (60, 20), (5, 2), (140, 45)][at % 4])
            transcript.follow()
            await pilot.pause()
            for y in range(transcript.size.height):
                assert transcript.render_line(y).cell_length == transcript.columns
        await pilot.resize_terminal(60, 20)
        assert transcript.is_following


async def test_a_theme_draws_everything_anew() -> None:
    async with running(conversation(reply(1, "# head\n\ntext with `code`"))) as (transcript, pilot):

        def colours() -> set[object]:
            return {
                segment.style.bgcolor
                for y in range(transcript.size.height)
                for segment in transcript.render_line(y)
                if segment.style
            }

        before = colours()
        transcript.app.theme = "textual-light"
        await pilot.pause()
        after = colours()
        assert len(after) == 1
        assert not before & after


async def test_the_cursor_walks_over_messages() -> None:
    talk = conversation(*(reply(at, paragraphs(12)) for at in range(5)))
    async with running(talk) as (transcript, pilot):
        assert transcript.selected_message is None
        await pilot.press("left_square_bracket")
        assert transcript.selected_message is talk.messages[-1]
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert transcript.selected_message is talk.messages[2]
        assert shown(transcript)[0].startswith("┃ lab/model")
        await pilot.press("right_square_bracket")
        assert transcript.selected_message is talk.messages[3]
        await pilot.pause()
        assert said(transcript)[-1] == "3"
        del talk.messages[3]
        transcript.follow()
        await pilot.pause()
        assert transcript.selected_message is None
        assert said(transcript)[-1] is None


async def test_code_blocks_are_marked_and_copied() -> None:
    source = "a\n```py\none = 1\n```\nb\n```js\ntwo\n```\n"
    talk = conversation(
        reply(1, source), reply(2, "no code"), reply(3, "1. x\n   ```sh\n   three\n     four\n   ```\n")
    )
    async with running(talk, (60, 30)) as (transcript, pilot):
        for wanted in ("three\n  four", "two", "one = 1"):
            await pilot.press("left_curly_bracket", "Y")
            await pilot.pause()
            assert said(transcript)[-1] == wanted
        assert any(line.startswith("█ ┌ py") for line in shown(transcript))
        await pilot.press("right_curly_bracket", "Y")
        await pilot.pause()
        assert said(transcript)[-1] == "two"
        await pilot.press("y")
        await pilot.pause()
        assert said(transcript)[-1] == source


async def test_thinking_opens_by_key_and_by_click() -> None:
    talk = conversation(reply(1, "answer", reasoning=Clean("a thought"), reasoning_seconds=2.0))
    async with running(talk) as (transcript, pilot):
        await pilot.press("t")
        assert "  a thought" in shown(transcript)
        await pilot.click(Transcript, offset=(4, 1))
        assert not any("a thought" in line for line in shown(transcript))


async def test_a_click_follows_a_link_or_selects_the_message() -> None:
    talk = conversation(reply(1, "see https://example.com/x now"), reply(2, "two"))
    async with running(talk) as (transcript, pilot):
        await pilot.click(Transcript, offset=(10, 1))
        await pilot.pause()
        assert said(transcript) == [Opaque("https://example.com/x")]
        await pilot.click(Transcript, offset=(3, 1))
        assert transcript.selected_message is talk.messages[0]


async def test_selecting_copies_the_source() -> None:
    first = "# Head\n\ntext with **bold** words that go on and on so that they have to be wrapped\n\n- a\n- b"
    talk = conversation(reply(1, first), reply(2, "second `one`"))
    async with running(talk) as (transcript, _):

        def picked(start: tuple[int, int, int, int], end: tuple[int, int, int, int]) -> str:
            """message, piece, line, character"""
            selection = Selection(Offset(start[3], place_of(*start[:3])), Offset(end[3], place_of(*end[:3])))
            found = transcript.get_selection(selection)
            assert found is not None
            return found[0]

        assert picked((0, 0, 0, 0), (1, 9, 0, 99)) == first + "\n\nsecond `one`"
        assert picked((0, 2, 0, 0), (0, 3, 1, 99)) == first.split("\n\n")[1] + "\n\n- a"
        inside = picked((0, 2, 0, 7), (0, 2, 1, 8))
        assert inside.startswith("with bold words")
        assert "\n" not in inside
        assert transcript.get_selection(Selection(None, None)) == (first + "\n\nsecond `one`", "\n")


async def test_dragging_the_mouse_selects_and_lights_text() -> None:
    talk = conversation(reply(1, "some words here"))
    async with running(talk) as (transcript, pilot):
        await pilot.mouse_down(Transcript, offset=(2, 1))
        await pilot.hover(Transcript, offset=(5, 1))
        await pilot.mouse_up(Transcript, offset=(5, 1))
        await pilot.pause()
        assert transcript.screen.get_selected_text() == "some"
        lit = transcript.render_line(1)
        assert len({segment.style.bgcolor for segment in lit if segment.style}) == 2
        assert lit.cell_length == transcript.columns


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_only_text(text: str) -> None:
    talk = conversation(reply(1, text, role="user"), reply(2, text, model=clean(text), reasoning=clean(text)))
    for size in ((60, 20), (20, 5), (3, 3)):
        async with running(talk, size) as (transcript, pilot):
            await pilot.press("left_square_bracket", "t", "g", "left_curly_bracket", "y", "Y", "ctrl+d", "pageup")
            for y in range(transcript.size.height):
                strip = transcript.render_line(y)
                assert "\x1b" not in strip.text
                assert strip.cell_length == transcript.columns
            assert transcript.app.is_running


async def test_an_empty_transcript_takes_every_key() -> None:
    for talk in (None, conversation()):
        async with running(talk) as (transcript, pilot):
            await pilot.press(
                "left_square_bracket", "right_square_bracket", "left_curly_bracket", "right_curly_bracket"
            )
            await pilot.press(
                "y", "Y", "t", "g", "G", "j", "k", "ctrl+d", "ctrl+u", "pageup", "pagedown", "home", "end"
            )
            await pilot.click(Transcript, offset=(3, 3))
            assert transcript.selected_message is None
            transcript.follow()


def test_nothing_heavy_is_imported_with_it() -> None:
    import subprocess
    import sys

    code = "import sys, tui.widgets.transcript; print([m for m in ('markdown_it', 'pygments') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_theme_changed_while_hidden_is_taken_over_when_shown() -> None:
    async with running(conversation(reply(1, "# head"))) as (transcript, pilot):
        await transcript.app.push_screen(Screen())
        await pilot.pause()
        transcript.app.theme = "textual-light"
        await pilot.pause()
        await transcript.app.pop_screen()
        await pilot.pause()
        drawn = transcript.look.heading
        transcript.restyle()
        assert drawn == transcript.look.heading


async def test_code_is_plain_until_its_colours_are_made_beside_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    made, wanted, free = markdown_code._made, threading.Event(), threading.Event()

    def slowly(language: str) -> Any:
        wanted.set()
        assert threading.current_thread() is not threading.main_thread()
        assert free.wait(10)
        return made(language)

    monkeypatch.setattr(markdown_code, "_made", slowly)
    monkeypatch.setattr(markdown_code, "_lexers", {"": None})
    async with running(conversation(reply(1, "```python\nimport this\n```"))) as (transcript, pilot):

        def styles() -> set[object]:
            lines = transcript.render_lines(transcript.size.region)
            return {segment.style for strip in lines for segment in strip if "import" in segment.text}

        await until(pilot, wanted.is_set)
        assert styles() == {transcript.look.code["plain"]}
        free.set()
        await until(pilot, lambda: styles() == {transcript.look.code["keyword"]})
        assert not transcript.awaited_languages
