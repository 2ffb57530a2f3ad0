"""What many conversations cost: `python tests/benchmarks/chats_bench.py [--messages 100000]`, prints a table.

Search: first hits over that many messages, by words that are rare, common and unfinished; the bound is 50 ms.
Opening: a conversation of 2,000 messages, from the database to the first screen of the transcript; the bound is 150 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from textual.app import App, ComposeResult
from typing_extensions import override

from tui.core.conversation import Conversation, ConversationSettings, Message, Receipt
from tui.database import chats
from tui.database.columns import transaction
from tui.database.opening import open_database
from tui.database.search import search, search_titles
from tui.openrouter.text import Clean, Opaque
from tui.widgets.transcript import Transcript

ROUNDS = 7
WORDS = 30_000
"""Different words, of which a few make up most of the text, as in any language."""


def vocabulary(dice: random.Random) -> list[str]:
    """Words that share beginnings, as real ones do."""
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    return ["".join(dice.choices(letters, range(26, 0, -1), k=dice.randint(2, 10))) for _ in range(WORDS)]


def fill(path: Path, messages: int) -> list[str]:
    """Conversations of 20 messages of 60 words; answers with the words, the commonest first."""
    dice = random.Random(7)
    words = vocabulary(dice)
    weights = [1 / (rank + 3) for rank in range(WORDS)]
    connection = open_database(path, busy_s=5).connection
    stream = iter(dice.choices(words, weights, k=messages * 60))
    with transaction(connection):
        for number in range(messages // 20):
            connection.execute(
                "INSERT INTO conversation (id, title, created_at, updated_at, head_id) VALUES (?, ?, ?, ?, ?)",
                (f"c{number}", f"talk {words[number % WORDS]}", number, number, f"c{number}-19"),
            )
            rows = [
                (
                    f"c{number}-{at}",
                    f"c{number}",
                    f"c{number}-{at - 1}" if at else None,
                    "assistant" if at % 2 else "user",
                    number + at,
                    " ".join(next(stream) for _ in range(60)),
                )
                for at in range(20)
            ]
            connection.executemany(
                "INSERT INTO message (id, conversation_id, parent_id, role, state, created_at, text)"
                " VALUES (?, ?, ?, ?, 'done', ?, ?)",
                rows,
            )
    connection.close()
    return words


def measure_search(path: Path, words: list[str]) -> None:
    """As one types: each beginning of what is searched for is a search of its own."""
    connection = open_database(path, busy_s=5).connection
    asked = {
        "the commonest word": words[0],
        "two common words": f"{words[1]} {words[4]}",
        "a rare word": words[20_000],
        "three words": f"{words[2]} {words[30]} {words[300]}",
        "one letter": "e",
        "two letters": "ta",
        "three letters": "ine",
        "nothing has it": "zzzzqqq",
    }
    print(f"{'search':<22}{'hits':>6}{'median ms':>11}{'worst ms':>10}")
    for name, text in asked.items():
        took = []
        hits = 0
        for _ in range(ROUNDS):
            began = time.perf_counter()
            hits = len(search_titles(connection, text)) + len(search(connection, text))
            took.append((time.perf_counter() - began) * 1000)
        print(f"{name:<22}{hits:>6}{statistics.median(took):>11.1f}{max(took):>10.1f}")
    connection.close()


def fill_long(path: Path, count: int) -> None:
    """One conversation of many messages, as long as most are."""
    connection = open_database(path, busy_s=5).connection
    settings = ConversationSettings(model=Opaque("a/b"))
    chats.create(connection, "long", title=Clean("long"), settings=settings, now=1.0)
    with transaction(connection):
        for at in range(count):
            message = Message(
                id=f"long-{at}",
                conversation_id="long",
                parent_id=f"long-{at - 1}" if at else None,
                role="assistant" if at % 2 else "user",
                text=Clean(
                    f"## Part {at}\n\nSome **words** on it, `code` too.\n\n- one\n- two\n\n" * (6 if at % 2 else 1)
                ),
                created_at=float(at),
                model=Clean("a/b"),
                receipt=Receipt(prompt_tokens=at, completion_tokens=300) if at % 2 else None,
            )
            chats.add_message(connection, message)
    connection.close()


class Shown(App[None]):
    """A transcript alone."""

    @override
    def compose(self) -> ComposeResult:
        yield Transcript()


async def measure_opening(path: Path, count: int) -> None:
    """From the click to the first screen: reading, showing, painting."""
    connection = open_database(path, busy_s=5).connection
    app = Shown()
    reading, showing = [], []
    async with app.run_test(size=(140, 45)) as pilot:
        transcript = app.query_one(Transcript)
        for _ in range(ROUNDS):
            transcript.show(Conversation(id="none", title=Clean(""), settings=ConversationSettings()))
            await pilot.pause()
            began = time.perf_counter()
            conversation = chats.open_conversation(connection, "long")
            read = time.perf_counter()
            transcript.show(conversation)
            app.screen._compositor.render_strips()
            reading.append((read - began) * 1000)
            showing.append((time.perf_counter() - read) * 1000)
            await pilot.pause()
    whole = [a + b for a, b in zip(reading, showing, strict=True)]
    print(
        f"\nopening {count:,} messages: reading {statistics.median(reading):.0f} ms, first screen "
        f"{statistics.median(showing):.0f} ms, together {statistics.median(whole):.0f} ms (worst {max(whole):.0f})"
    )
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=2_000, metavar="MESSAGES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        began = time.perf_counter()
        words = fill(path, options.messages)
        size = path.stat().st_size / 1e6
        print(f"{options.messages:,} messages written in {time.perf_counter() - began:.0f} s, {size:.0f} MB\n")
        measure_search(path, words)
        fill_long(path, options.open)
        asyncio.run(measure_opening(path, options.open))


if __name__ == "__main__":
    main()
