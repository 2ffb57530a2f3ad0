"""What a keystroke in the filter and a step of the cursor cost, beside a DataTable refilled with the same rows.

Run by hand: `python tests/benchmarks/models_bench.py [SIZE…]`. CPU time of the whole process, from the key press until
everything has been drawn and written to the (headless) terminal; the middle of many. Ours is the whole program with
its Models view, details beside the table, on a worker that only hands a list over; the DataTable stands alone. `alone`
is a step where the terminal is too narrow for details, `held` each of many while the key is held.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import DataTable, Input
from typing_extensions import override

from tui.app import OrtuiApp
from tui.config import load
from tui.core.catalogue_filter import Query, QueryContext, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex
from tui.core.commands import Command
from tui.core.events import CatalogueLoaded, Event, PreferencesRead
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.decode_catalogue import decode_models
from tui.openrouter.text import Clean, Opaque
from tui.widgets.model_cells import COLUMNS, cell

NOW = 1_780_000_000.0
SIZE = (120, 40)
NARROW = (80, 24)
"""Without the details."""
TYPED = ("claude", "tools ctx>=128k", "mini 4", "gpt -mini")
CONTEXT = QueryContext(now=NOW)
_LOOK_S = 0.05
_IDLE_MS = 0.5
_REPEAT_S = 1 / 30
"""How fast a terminal repeats a key that is held."""


def invent(number: int) -> tuple[Model, ...]:
    """So many models, the same every time."""
    dice = random.Random(7)
    authors = [
        "anthropic",
        "openai",
        "google",
        "meta-llama",
        "mistralai",
        "qwen",
        "deepseek",
        "x-ai",
        "cohere",
        "nvidia",
    ]
    families = ["claude", "gpt", "gemini", "llama", "mistral", "qwen", "deepseek", "grok", "command", "nemotron"]
    kinds = ["opus", "mini", "flash", "instruct", "large", "coder", "chat", "fast", "plus", "nano"]
    models = []
    for row in range(number):
        which = dice.randrange(len(authors))
        slug = (
            f"{authors[which]}/{families[which]}-{dice.randint(1, 9)}.{dice.randint(0, 9)}-{dice.choice(kinds)}-{row}"
        )
        models.append(
            Model(
                id=Opaque(slug),
                slug=Clean(slug),
                name=Clean(slug.replace("/", ": ").replace("-", " ").title()),
                author=Clean(authors[which]),
                created=int(NOW) - dice.randrange(900 * 86_400),
                description=Clean("It answers questions. " * 20),
                context_length=dice.choice((8_192, 32_768, 131_072, 200_000, 1_048_576)),
                max_completion_tokens=dice.choice((None, 8_192, 65_536)),
                input_modalities=(Clean("text"), *((Clean("image"),) if dice.random() < 0.4 else ())),
                output_modalities=(Clean("text"),),
                pricing=Pricing(
                    prompt=Decimal(dice.randrange(0, 3000)) / 10**8, completion=Decimal(dice.randrange(0, 9000)) / 10**8
                ),
                supported_parameters=frozenset(
                    Clean(p) for p in ("max_tokens", "tools", "reasoning") if dice.random() < 0.7
                ),
            )
        )
    return tuple(models)


class HandingOver:
    """Stands for the worker: hands a list over, and does nothing of what it is asked."""

    def __init__(self, publish: Callable[[Event], None], models: tuple[Model, ...]) -> None:
        self.publish = publish
        self.models = models

    async def run(self) -> None:
        self.publish(CatalogueLoaded(models=self.models, fetched_at=NOW, from_network=False))
        self.publish(PreferencesRead(values={}, favourites=frozenset(), recents=()))
        await asyncio.Event().wait()

    def submit(self, command: Command) -> bool:
        return True

    def cancel(self, job_id: str) -> None:
        pass

    def cancel_all(self) -> None:
        pass


@asynccontextmanager
async def ours(models: tuple[Model, ...], size: tuple[int, int] = SIZE) -> AsyncIterator[Pilot[None]]:
    """The program with these models in its first view, at rest."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load(data_dir=folder, environ={"OPENROUTER_API_KEY": "sk-or-v1-benchmark"})
        app = OrtuiApp(settings, lambda publish: HandingOver(publish, models))
        async with app.run_test(size=size) as pilot:
            await at_rest()
            yield pilot


@asynccontextmanager
async def theirs(models: tuple[Model, ...]) -> AsyncIterator[Pilot[None]]:
    """A DataTable with these models."""
    async with Refilled(models).run_test(size=SIZE) as pilot:
        await at_rest()
        yield pilot


class Refilled(App[None]):
    """The same with a DataTable that is refilled at each keystroke."""

    def __init__(self, models: tuple[Model, ...]) -> None:
        super().__init__()
        self.index = CatalogueIndex(models)

    @override
    def compose(self) -> ComposeResult:
        yield Input(compact=True)
        yield DataTable()

    def on_mount(self) -> None:
        self.query_one(DataTable).add_columns(*(column.head for column in COLUMNS))
        self.fill(Query())

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        if isinstance(query := parse(event.value), Query):
            self.fill(query)

    def fill(self, query: Query) -> None:
        table: DataTable[Any] = self.query_one(DataTable)
        table.clear()
        for row in self.index.query(query, SortOrder(), CONTEXT).rows:
            model = self.index.models[row]
            table.add_row(*(Text(cell(column.kind, model, CONTEXT)[0]) for column in COLUMNS))


def process_ms() -> float:
    """CPU of all threads."""
    return time.process_time() * 1000


async def at_rest() -> float:
    """Wait until nothing is left to do; answers with the CPU milliseconds of the process until then.

    Waiting costs next to no CPU, so it is over when almost nothing was used between two looks.
    """
    last = process_ms()
    while True:
        await asyncio.sleep(_LOOK_S)
        now = process_ms()
        if now - last < _IDLE_MS:
            return now
        last = now


async def cost_ms(pilot: Pilot[None], key: str) -> float:
    """CPU milliseconds of the process for one key, as the driver hands it in, and all that is drawn for it."""
    character = {"space": " ", "greater_than_sign": ">", "equals_sign": "=", "minus": "-"}.get(key)
    before = process_ms()
    pilot.app.post_message(events.Key(key, character or (key if len(key) == 1 else None)))
    return await at_rest() - before


async def keystrokes(running: AbstractAsyncContextManager[Pilot[None]], typed: Sequence[str]) -> list[float]:
    """The cost of each letter typed and taken back."""
    costs = []
    async with running as pilot:
        await pilot.press("slash")  # begins the filter; the other field has the keyboard already, and gets it typed
        await at_rest()
        field = pilot.app.screen.query_one(Input)
        field.value, field.cursor_blink = "", False
        await at_rest()
        for text in typed:
            for letter in [*text, *["backspace"] * len(text)]:
                key = {" ": "space", ">": "greater_than_sign", "=": "equals_sign", "-": "minus"}.get(letter, letter)
                costs.append(await cost_ms(pilot, key))
    return costs


async def held_ms(pilot: Pilot[None], key: str, times: int = 40) -> float:
    """CPU milliseconds a step while a key is held down, with all that follows when it is let go."""
    before = process_ms()
    for _ in range(times):
        pilot.app.post_message(events.Key(key, key))
        await asyncio.sleep(_REPEAT_S)
    return (await at_rest() - before) / times


async def steps(models: tuple[Model, ...]) -> dict[str, float]:
    """The cost of a key that does nothing, of a cursor step inside the screen, of one that scrolls, of held keys."""
    async with ours(models) as pilot:
        costs = {name: statistics.median([await cost_ms(pilot, name[0]) for _ in range(30)]) for name in ("Q", "j")}
        costs["held"] = await held_ms(pilot, "k", 28)
        await pilot.press("G")
        await at_rest()
        costs["k held"] = await held_ms(pilot, "k", 70)
        costs["scroll"] = statistics.median([await cost_ms(pilot, "k") for _ in range(30)])
    async with ours(models, NARROW) as pilot:
        costs["narrow"] = statistics.median([await cost_ms(pilot, key) for key in [*"j" * 15, *"k" * 15]])
    return costs


def as_list(models: tuple[Model, ...]) -> bytes:
    """The models as the server would list them."""
    rows = [
        {
            "id": model.slug,
            "name": model.name,
            "created": model.created,
            "description": model.description,
            "context_length": model.context_length,
            "architecture": {
                "input_modalities": list(model.input_modalities),
                "output_modalities": list(model.output_modalities),
            },
            "pricing": {"prompt": f"{model.pricing.prompt:f}", "completion": f"{model.pricing.completion:f}"},
            "top_provider": {"max_completion_tokens": model.max_completion_tokens},
            "supported_parameters": sorted(model.supported_parameters),
        }
        for model in models
    ]
    return json.dumps({"data": rows}).encode()


async def first_draw() -> float:
    """CPU ms from the bytes of a list of 400 models to the table and the details on the screen of the program."""
    body = as_list(invent(400))
    costs = []
    for _ in range(9):
        async with ours(()) as pilot:
            assert isinstance(pilot.app, OrtuiApp)
            began = process_ms()
            models = decode_models(body).models
            pilot.app.take_event(CatalogueLoaded(models=models, fetched_at=NOW, from_network=True))
            costs.append(await at_rest() - began)
    return statistics.median(costs)


def resident_mb(number: int) -> float:
    """Resident memory of a process of its own whose table shows so many models; 0 is an empty app."""
    code = f"import models_bench as bench; bench.show_memory({number})"
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return float(done.stdout)


def show_memory(number: int) -> None:
    """Print this process's resident memory in MB once the table is drawn."""

    async def draw() -> None:
        async with ours(decode_models(as_list(invent(number))).models):
            gc.collect()
            status = Path("/proc/self/status").read_text()
            print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    asyncio.run(draw())


def memory_mb(models: tuple[Model, ...]) -> float:
    """What the index of the models takes, the models themselves aside."""
    tracemalloc.start()
    index = CatalogueIndex(models)
    index.query(Query(), SortOrder(), CONTEXT)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / 1e6


def main() -> None:
    """Print the table."""
    sizes = [int(size) for size in sys.argv[1:]] or [400, 5_000, 50_000]
    print(
        f"CPU ms at {SIZE[0]}x{SIZE[1]}, median (worst); DataTable: the same filter, refilled; ratio: median (all rows)"
    )
    heads = (
        ("index", 8),
        ("key", 14),
        ("query alone", 14),
        ("DataTable key", 16),
        ("ratio", 11),
        ("no-op", 6),
        ("step", 6),
        ("alone", 6),
        ("held", 6),
        ("scroll", 7),
        ("held", 7),
        ("MB", 6),
    )
    print(f"{'models':>8} " + " ".join(f"{head:>{width}}" for head, width in heads))
    for size in sizes:
        models = invent(size)
        began = time.process_time()
        index = CatalogueIndex(models)
        index.query(Query(), SortOrder(), CONTEXT)
        build = (time.process_time() - began) * 1000
        alone = []
        for text in TYPED:
            for end in [*range(1, len(text) + 1), *range(len(text) - 1, -1, -1)]:
                if isinstance(query := parse(text[:end]), Query):
                    began = time.process_time()
                    index.query(query, SortOrder(), CONTEXT)
                    alone.append((time.process_time() - began) * 1000)
        keys = asyncio.run(keystrokes(ours(models), TYPED))
        refilled = asyncio.run(keystrokes(theirs(models), TYPED[:2])) if size <= 5_000 else []
        step = asyncio.run(steps(models))
        middle = statistics.median(keys)
        other = statistics.median(refilled) if refilled else 0.0
        beside = f"{other:.0f} ({max(refilled):.0f})" if refilled else "–"
        # Of the same keys; the last of them brings all rows back: the dearest for a table that is refilled.
        same = keys[: len(refilled)]
        ratio = f"{other / statistics.median(same):.0f}x ({refilled[-1] / same[-1]:.0f}x)" if refilled else "–"
        print(
            f"{size:>8} {build:>8.1f} {f'{middle:.1f} ({max(keys):.1f})':>14}"
            f" {f'{statistics.median(alone):.2f} ({max(alone):.1f})':>14} {beside:>16} {ratio:>11}"
            f" {step['Q']:>6.1f} {step['j']:>6.1f} {step['narrow']:>6.1f} {step['held']:>6.1f}"
            f" {step['scroll']:>7.1f} {step['k held']:>7.1f}"
            f" {memory_mb(models):>6.1f}",
            flush=True,
        )
    print(f"decoding and first draw of 400 models: {asyncio.run(first_draw()):.1f} ms")
    above = (resident_mb(5_000) - resident_mb(0)) / 1024
    print(f"memory of 5,000 models above the same app without any: {above:.1f} MB")


if __name__ == "__main__":
    main()
