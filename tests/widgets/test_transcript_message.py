"""A message as pieces: the same lines streamed as whole, and no work for what has not changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.style import Style

from tui.core.conversation import Cost, CostKind, Failure, Message, MessageState, Receipt
from tui.openrouter.chat import Citation, ToolCall
from tui.openrouter.text import Clean, Opaque, clean
from tui.widgets.transcript_look import Look
from tui.widgets.transcript_message import MARKDOWN_LIMIT, MessageBlock
from tui.widgets.transcript_pieces import DrawnPieces

BASE = Style(color="white", bgcolor="black")
LOOK = Look(BASE, lambda name: BASE)
FRAGMENTS = [
    "some words of a paragraph that will have to be wrapped ", "**bold** and `code` ", "\n", "\n\n", "## Head\n",
    "- item\n", "  1. deeper\n", "```py\ndef f():\n", "    return 1\n", "```\n", "> quoted\n", "| a | b |\n",
    "|---|---|\n", "| 1 | 22 |\n", "| a wider cell | x |\n", "[ref][1] ", "[1]: https://example.com/x\n", "漢字 ",
    "---\n", "/* ", "'''",
]  # fmt: skip
sources = st.lists(st.sampled_from(FRAGMENTS), max_size=50).map("".join)


def message(text: str = "", state: MessageState = MessageState.DONE, **more: Any) -> Message:
    return Message(
        **{
            "id": "1",
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


def block_of(a_message: Message, width: int = 40) -> MessageBlock:
    block = MessageBlock(a_message, DrawnPieces())
    block.guess(width)
    block.cut(LOOK, width)
    return block


def lines_of(block: MessageBlock) -> list[Any]:
    drawn = [line for index in range(len(block.pieces)) for line in block.lines_of(index)]
    assert len(drawn) == block.height
    segments = []
    for line in drawn:
        looks: list[tuple[str, str | None]] = []
        for segment in line.strip:
            assert segment.style is not None
            looks.append((segment.text, segment.style.link))
        segments.append(looks)
    return segments


def texts_of(block: MessageBlock) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines_of(block)]


def say(a_message: Message, text: str) -> None:
    a_message.text = Clean(a_message.text + text)
    a_message.version += 1


def end(a_message: Message, state: MessageState = MessageState.DONE) -> None:
    a_message.state = state
    a_message.version += 1


@settings(max_examples=150, deadline=None)
@given(sources, st.lists(st.integers(1, 60), max_size=30))
@example("| a | b |\n|---|---|\n[ref][1] | a | b |\n[1]: https://example.com/x\n", [])
@example("| a | b |\n|---|---|\n| [ref][1] | a |\n| x | b |\n\n[1]: https://example.com/x\n", [30, 10])
def test_streamed_it_is_drawn_as_it_is_whole(source: str, sizes: list[int]) -> None:
    growing = message(state=MessageState.STREAMING)
    block = block_of(growing)
    at = 0
    for size in [*sizes, len(source)]:
        before = lines_of(block)
        say(growing, source[at : at + size])
        at += size
        first, last = block.pull()
        after = lines_of(block)
        assert before[:first] == after[:first], "lines changed that were not said to have changed"
        if len(before) == len(after):
            assert before[last:] == after[last:]
        else:
            assert last == max(len(before), len(after))
    end(growing)
    block.pull()
    assert lines_of(block) == lines_of(block_of(message(source)))


def test_pulling_draws_only_the_open_end() -> None:
    growing = message("\n\n".join(f"paragraph {at}" for at in range(200)), MessageState.STREAMING)
    block = block_of(growing)
    lines_of(block)
    for _ in range(20):
        before = block.renders
        say(growing, " and more words")
        block.pull()
        lines_of(block)
        assert block.renders - before <= 3  # the open paragraph and what stands below it


def test_much_at_once_is_not_drawn_where_nobody_looks() -> None:
    """Ten megabytes on one line were drawn whole otherwise, before the next key."""
    growing = message("begun", MessageState.STREAMING)
    block = block_of(growing)
    lines_of(block)
    before = block.renders
    say(growing, "x␛" * 500_000)
    first, last = block.pull()
    assert block.renders - before <= 2
    assert block.height > 5_000 and last == block.height
    assert first <= 2
    drawn = block.lines_of(len(block.pieces) - 2)
    assert "x␛x␛" in drawn[-1].strip.text


@pytest.mark.parametrize(
    "head", ["```py\n" + "x = 1\n" * 3000, "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 1000], ids=["fence", "table"]
)
def test_a_long_open_block_costs_as_little_as_a_short_one(head: str) -> None:
    growing = message(head, MessageState.STREAMING)
    block = block_of(growing)
    block.pull()
    for _ in range(30):
        before = block.renders
        say(growing, "| 3 | 4 |\n")
        block.pull()
        assert block.renders - before <= 4


def test_references_take_effect_when_the_reply_ends() -> None:
    growing = message("see [the docs][1]\n\n[1]: https://example.com/x\n\nend", MessageState.STREAMING)
    block = block_of(growing)
    assert "  see [the docs][1]" in texts_of(block)
    end(growing)
    block.pull()
    assert "  see the docs (https://example.com/x)" in [text.replace("\n", "") for text in texts_of(block)]


def test_a_text_that_became_another_one_is_drawn_anew() -> None:
    changing = message("one two three")
    block = block_of(changing)
    changing.text = Clean("four")
    changing.version += 1
    block.pull()
    assert "  four" in texts_of(block)
    assert not any("one" in text for text in texts_of(block))


def test_very_long_replies_are_plain_text() -> None:
    block = block_of(message("**bold** and more\n" * (MARKDOWN_LIMIT // 18 + 10)))
    assert block.lines_of(1)[0].strip.text.strip() == "**bold** and more"


def test_the_user_is_shown_what_was_typed() -> None:
    block = block_of(message("# no *head*\n__init__\n\n    kept", role="user"))
    assert texts_of(block)[1:5] == ["▌ # no *head*", "▌ __init__", "▌", "▌     kept"]


def test_thinking_is_folded_to_a_line_and_opens() -> None:
    block = block_of(message("answer", reasoning=Clean("first thought\nsecond"), reasoning_seconds=4.1))
    assert texts_of(block)[1:3] == ["  ▸ thought for 4.1 s · 20 characters", "  answer"]
    block.thinking_open = True
    block.pull()
    assert texts_of(block)[1:6] == [
        "  ▾ thought for 4.1 s · 20 characters", "  first thought", "  second", "", "  answer",
    ]  # fmt: skip
    block.thinking_open = False
    block.pull()
    assert texts_of(block)[1:3] == ["  ▸ thought for 4.1 s · 20 characters", "  answer"]


def test_open_thinking_that_grows_is_drawn_as_whole() -> None:
    growing = message(state=MessageState.STREAMING, reasoning=Clean("x"))
    block = block_of(growing)
    block.thinking_open = True
    whole = "a line of thought that goes on\n" * 600
    for at in range(0, len(whole), 1111):
        growing.reasoning = Clean(whole[: at + 1111])
        growing.version += 1
        before = block.renders
        block.pull()
        assert block.renders - before <= 6
    assert "thinking…" in texts_of(block)[1]
    end(growing)
    block.pull()
    other = block_of(message(reasoning=Clean(whole)))
    other.thinking_open = True
    other.pull()
    assert texts_of(block) == texts_of(other)


def test_what_comes_with_a_reply() -> None:
    reply = message(
        "text",
        MessageState.CUT_OFF,
        refusal=Clean("no"),
        tool_calls=(ToolCall(index=0, id=None, name=Clean("look"), arguments=Opaque('{"a": "\\u001b[31m[/b]"}')),),
        citations=(Citation(url=Opaque("https://example.com/a"), title=Clean("A")),
                   Citation(url=Opaque("javascript:x"), title=Clean("B"))),
        failure=Failure(kind="network", message=Clean("It broke."), advice=Clean("Try again.")),
        receipt=Receipt(cost=Cost(Decimal("0.5"), CostKind.ESTIMATED)),
    )  # fmt: skip
    block = block_of(reply)
    drawn = texts_of(block)
    for wanted in (
        "⊘ refused: no",
        "⚙ look",
        "[1] A",
        "https://example.com/a",
        "✕ It broke.",
        "Try again.",
        "✂ cut off",
        "~$0.50",
    ):
        assert any(wanted in text for text in drawn), wanted
    assert not any("\x1b" in text for text in drawn)
    assert {link for line in lines_of(block) for _, link in line if link} == {"https://example.com/a"}


def test_hostile_and_empty_messages() -> None:
    for text in ("", "x" * 5000, "[/b]", "\x1b]52;c;eA==\x1b\\", "\u2028" * 50, "\n" * 50, "👩\u200d" * 500):
        for role in ("user", "assistant", "system", "tool"):
            for width in (3, 20, 200):
                for line in lines_of(block_of(message(text, role=role), width)):
                    assert "\x1b" not in "".join(text for text, _ in line)


def test_drawn_lines_are_kept_up_to_a_limit() -> None:
    drawn = DrawnPieces()
    drawn.limit = 100
    block = MessageBlock(message("\n\n".join(f"paragraph {at}" for at in range(500))), drawn)
    block.cut(LOOK, 40)
    for index in range(len(block.pieces)):
        block.lines_of(index)
    assert sum(len(piece.lines or ()) for piece in block.pieces) <= 110
    assert block.height == 500 * 2 + 1
