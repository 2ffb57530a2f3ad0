"""What drawing a streamed reply costs: `python tests/benchmarks/transcript_bench.py [--floor]`, prints a table.

Each case streams a reply into a headless app of 140x45 and paints after each batch, as the screen does 30 times a
second; the figures are CPU time for pulling, drawing and painting, median of some runs. `x prose` compares with prose
of as many tokens, streamed in turns with it: what a reply costs at its beginning is a larger part of a short one.
`--floor` also runs Textual's own `Markdown.get_stream` on the same batches.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterator

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Markdown
from typing_extensions import override

from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.openrouter.text import Clean
from tui.widgets.transcript import Transcript

WORDS = """the tree node splits when **keys** overflow and its `middle` moves up into a parent that may split in
turn""".split()  # noqa: SIM905
TOKENS_PER_REDRAW = 250
"""20,000 tokens at full speed take about 2.7 s, at 30 redraws a second."""


def prose(tokens: int) -> str:
    """Markdown of about that many tokens of four characters."""
    parts: list[str] = []
    size = 0
    number = 0
    while size < tokens * 4:
        number += 1
        text = " ".join(WORDS[(number * 7 + at) % len(WORDS)] for at in range(20 + number * 13 % 50))
        if number % 9 == 0:
            text = f"## Part {number}"
        elif number % 7 == 0:
            text = "\n".join(f"- item {at}: {text[:80]}" for at in range(5))
        elif number % 11 == 0:
            text = "```python\n" + "".join(f"def f{at}(x): return x + {at}  # {text[:20]}\n" for at in range(8)) + "```"
        elif number % 17 == 0:
            text = "| a | b | c |\n|---|---|---|\n" + "\n".join(f"| {at} | {text[:20]} | x |" for at in range(6))
        parts.append(text)
        size += len(text) + 2
    return "\n\n".join(parts)


def fence(lines: int) -> str:
    """One code block."""
    body = "\n".join(f"    value_{at} = compute(value_{at - 1}, 'text', {at})  # step {at}" for at in range(lines))
    return f"```python\n{body}\n```\n"


def table(rows: int) -> str:
    """One table."""
    body = "\n".join(f"| row {at} | some **bold** text of the row {at} | {at * 37} |" for at in range(rows))
    return f"| Name | What it is | Count |\n|:--|---|--:|\n{body}\n"


def message(number: int, text: str, state: MessageState = MessageState.DONE) -> Message:
    """A reply."""
    role = "user" if number % 2 == 0 else "assistant"
    if state.is_open:
        role = "assistant"
    return Message(
        id=str(number),
        conversation_id="c",
        parent_id=None,
        role="assistant" if role == "assistant" else "user",
        text=Clean(text),
        created_at=1_700_000_000.0,
        state=state,
        model=Clean("bench/model"),
    )


class Host(App[None]):
    """A transcript and an input."""

    @override
    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Input()


class FloorHost(App[None]):
    """Textual's own widget."""

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown()
        yield Input()


def batches(text: str, tokens: int) -> Iterator[str]:
    """The text in pieces of that many tokens."""
    size = tokens * 4
    return (text[at : at + size] for at in range(0, len(text), size))


async def stream(text: str, earlier: int, tokens: int = TOKENS_PER_REDRAW) -> tuple[float, int]:
    """CPU seconds for a streamed reply, and how many redraws there were."""
    app = Host()
    old = prose(300)
    messages = [message(number, old) for number in range(earlier)]
    conversation = Conversation(id="c", title=Clean("t"), settings=ConversationSettings(), messages=messages)
    async with app.run_test(size=(140, 45)) as pilot:
        transcript = app.query_one(Transcript)
        transcript.show(conversation)
        await pilot.pause()
        reply = message(earlier + 1, "", MessageState.STREAMING)
        messages.append(reply)
        redraws = 0
        begun = time.process_time()
        for piece in batches(text, tokens):
            reply.text = Clean(reply.text + piece)
            reply.version += 1
            transcript.follow()
            await asyncio.sleep(0)
            app.screen._on_timer_update()  # what the screen's timer does up to 60 times a second
            redraws += 1
        reply.state = MessageState.DONE
        reply.version += 1
        transcript.follow()
        app.screen._on_timer_update()
        await pilot.pause()
        return time.process_time() - begun, redraws


async def floor(text: str, tokens: int = TOKENS_PER_REDRAW) -> float:
    """The same with Textual's Markdown."""
    app = FloorHost()
    async with app.run_test(size=(140, 45)) as pilot:
        app.query_one(VerticalScroll).anchor()
        await pilot.pause()
        begun = time.process_time()
        writer = Markdown.get_stream(app.query_one(Markdown))
        for piece in batches(text, tokens):
            await writer.write(piece)
            await pilot.pause()
        await writer.stop()
        await pilot.pause()
        return time.process_time() - begun


async def opening(count: int) -> float:
    """Seconds from `show` of a long conversation to its first painted screen."""
    app = Host()
    old = prose(300)
    messages = [message(number, old) for number in range(count)]
    conversation = Conversation(id="c", title=Clean("t"), settings=ConversationSettings(), messages=messages)
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.pause()
        transcript = app.query_one(Transcript)
        begun = time.perf_counter()
        transcript.show(conversation)
        app.screen._on_timer_update()
        return time.perf_counter() - begun


def per_token_of(source: str) -> float:
    """CPU seconds a token of a streamed reply."""
    return asyncio.run(stream(source, 0))[0] / (len(source) // 4)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--floor", action="store_true")
    options.add_argument("--runs", type=int, default=5)
    chosen = options.parse_args()
    text = prose(20_000)
    cases = {
        "prose, 0 earlier messages": (text, 0),
        "prose, 100 earlier messages": (text, 100),
        "prose, 1,000 earlier messages": (text, 1000),
        "one fence of 5,000 lines": (fence(5000), 0),
        "one table of 500 rows": (table(500), 0),
    }
    asyncio.run(stream(prose(1000), 0))  # imports
    heads = f"{'tokens':>7} {'redraws':>8} {'CPU s':>7} {'µs/token':>9} {'ms/redraw':>10} {'x prose':>8}"
    print(f"{'streamed at full speed':32} {heads}")
    for name, (source, earlier) in cases.items():
        tokens = len(source) // 4
        runs, ratios = [], []
        for _ in range(chosen.runs):
            runs.append(asyncio.run(stream(source, earlier)))
            ratios.append(runs[-1][0] / tokens / per_token_of(prose(tokens)))
        seconds = statistics.median(run[0] for run in runs)
        redraws = runs[0][1]
        per_token, per_redraw = seconds / tokens * 1e6, seconds / redraws * 1e3
        ratio = statistics.median(ratios)
        print(f"{name:32} {tokens:7,} {redraws:8,} {seconds:7.2f} {per_token:9.1f} {per_redraw:10.2f} {ratio:8.2f}")
    slow = prose(2000)
    runs = [asyncio.run(stream(slow, 0, tokens=4)) for _ in range(min(3, chosen.runs))]
    seconds = statistics.median(run[0] for run in runs)
    print(f"{'2,000 tokens, 4 a redraw':32} {len(slow) // 4:7,} {runs[0][1]:8,} {seconds:7.2f}")
    print(f"opening 2,000 messages: {statistics.median(asyncio.run(opening(2000)) for _ in range(5)) * 1e3:.0f} ms")
    if chosen.floor:
        print(f"Markdown.get_stream, same batches: {asyncio.run(floor(text)):.2f} s")


if __name__ == "__main__":
    main()
