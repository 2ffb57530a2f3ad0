"""The Embeddings screen: texts become a matrix and neighbours, or a sentence says why not."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from screen_host import HandWorker, Host
from sheet_pilot import SheetPilot
from textual import events

from tui.config import EmbeddingDefaults, Settings
from tui.core.commands import Embed, LoadSheet, Remember, SaveSheet
from tui.core.conversation import Cost, CostKind, Failure, Receipt
from tui.core.events import (
    BudgetPassed,
    CatalogueLoaded,
    EmbedBegan,
    EmbedEnded,
    EmbedProgressed,
    Job,
    JobChanged,
    JobState,
    PreferencesRead,
    SheetLoaded,
)
from tui.core.ledger import OverBudget
from tui.core.sheets import Sheet
from tui.core.vectors import GivenRows, embed_texts
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import Usage
from tui.openrouter.text import Clean, Opaque, clean
from tui.screens.embeddings import EmbeddingsScreen
from tui.stylesheets import style_path
from tui.widgets.heat_map import HeatMap
from tui.widgets.neighbour_list import NeighbourList
from tui.widgets.sheet_text import SheetText

HOSTILE = ["[/b]", "[@click=app.quit]x[/]", "\x1b]52;c;eA==\x1b\\", "a\u2028b", "👩‍👩‍👧 wide 漢字", "x" * 5000]
SMALL = "openai/text-embedding-3-small"
LARGE = "openai/text-embedding-3-large"


class EmbedHost(Host):
    CSS_PATH: ClassVar[Any] = [*Host.CSS_PATH, style_path("embeddings.tcss")]


def model(slug: str, price: str | None, output: str = "embeddings") -> Model:
    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean(slug.partition("/")[0]),
        pricing=Pricing(prompt=Decimal(price) if price else None),
        output_modalities=(Clean(output),),
    )


CATALOGUE = CatalogueLoaded(
    models=(
        model(LARGE, "0.00000013"),
        model(SMALL, "0.00000002"),
        model("openai/gpt-4o", "0.0000025", "text"),
        model("x/unpriced", None),
    ),
    fetched_at=1.0,
    from_network=True,
)


def sheet_of(*texts: str, **more: Any) -> SheetLoaded:
    fields: dict[str, Any] = {"id": "sheet-1", "name": Clean("chunks.md")} | more
    return SheetLoaded(Sheet(texts=tuple(map(clean, texts)), **fields))


def vector(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


class Screens(SheetPilot):
    """With sheets that are embedded as the test says."""

    @property
    def matrix(self) -> HeatMap:
        return self.screen.query_one(HeatMap)

    @property
    def neighbours(self) -> NeighbourList:
        return self.screen.query_one(NeighbourList)

    @property
    def notice(self) -> str:
        return self.words("notice") if self.screen.query_one("#notice").display else ""

    async def load(self, *texts: str) -> None:
        self.worker.publish(CATALOGUE, sheet_of(*texts))
        count = sum(bool(text.strip()) for text in texts)
        # The store does not answer here, so that what is said instead comes a moment later.
        await self.until(lambda: f"{count} text" in self.status and "reading" not in self.status)

    async def embed(self) -> Embed:
        sent = len(self.worker.sent(Embed))
        await self.pilot.press("ctrl+r")
        await self.until(lambda: len(self.worker.sent(Embed)) == sent + 1)
        command: Embed = self.worker.sent(Embed)[-1]
        self.job(command.job_id, JobState.QUEUED)
        self.worker.publish(EmbedBegan(command.job_id, len(command.texts)))
        return command

    def job(self, job_id: str, state: JobState, reason: str = "") -> None:
        self.worker.publish(
            JobChanged(Job(id=job_id, kind="embed", state=state, since=time.monotonic(), reason=Clean(reason)))
        )

    async def answer(
        self,
        command: Embed,
        vectors: Sequence[bytes | None],
        *,
        failure: Failure | None = None,
        cost: str | None = "0.0000071",
        from_store: int = 0,
    ) -> None:
        self.worker.publish(
            EmbedEnded(
                job_id=command.job_id,
                model=command.model,
                embedded=GivenRows(embed_texts(command.texts, vectors)) if any(vectors) else None,
                dimensions=3,
                from_store=from_store,
                receipt=Receipt(cost=Cost(Decimal(cost), CostKind.BILLED)) if cost else Receipt(),
                usage=Usage(),
                failure=failure,
            )
        )
        self.job(command.job_id, JobState.DONE)
        await self.until(lambda: "esc stops" not in self.status)

    def lines(self, widget: HeatMap | NeighbourList) -> list[str]:
        return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def host(settings: Settings, worker: HandWorker) -> EmbedHost:
    return EmbedHost(EmbeddingsScreen, settings, worker)


CATS = ("the cat", "a kitten", "", "tax")
CAT_VECTORS = (vector(1, 0, 0), vector(1, 1, 0), vector(0, 0, 5))


async def test_texts_become_a_matrix_and_neighbours(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.until(lambda: worker.sent(LoadSheet))
        assert pilot.app.focused is at.text
        assert "Nothing to compare yet" in at.notice and "ctrl+r" in at.notice
        await at.load(*CATS)
        assert "3 texts" in at.notice and "~$0.0000001 with text-embedding-3-small" in at.notice
        command = await at.embed()
        assert command.texts == ("the cat", "a kitten", "tax") and command.model == Opaque(SMALL)
        worker.publish(EmbedProgressed(job_id=command.job_id, done=2, total=3))
        await at.until(lambda: "embedding 2 of 3" in at.status and "esc stops" in at.status)
        assert "Embedding 2 of 3" in at.notice
        await at.answer(command, CAT_VECTORS, from_store=1)
        await at.until(lambda: at.matrix.cell_width == 5)
        assert at.status.strip() == (
            "text-embedding-3-small · 3 d · 3 of 3 embedded · $0.0000071 · 1 from store · saved ~$0.00000004"
        )
        assert at.notice == ""
        lines = at.lines(at.matrix)
        assert lines[0].split() == ["1", "2", "4"]
        assert lines[2].split() == ["2", ".71", "1.00", ".00"]
        assert lines[1].startswith("▌1")
        # The cursor's line drives row and neighbours.
        await pilot.press("down")
        await at.until(lambda: at.lines(at.matrix)[2].startswith("▌2"))
        await pilot.press("ctrl+t")
        await at.until(lambda: at.neighbours.size.height)
        assert [(row.line, round(row.score, 2)) for row in at.neighbours.neighbours] == [(0, 0.71), (3, 0.0)]
        await pilot.press("down")
        await at.until(lambda: "blank line" in "".join(at.lines(at.neighbours)))
        await pilot.press("down")
        await at.until(lambda: at.lines(at.neighbours)[0].startswith("▌4 tax"))


async def test_views_and_going_to_a_text_by_keys(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        await at.answer(await at.embed(), CAT_VECTORS)
        await at.until(lambda: at.matrix.size.height)
        await pilot.press("escape")
        await at.until(lambda: pilot.app.focused is at.matrix)
        await pilot.press("n")
        await at.until(lambda: pilot.app.focused is at.neighbours)
        await pilot.press("j", "enter")
        await at.until(lambda: at.text.line == 3)
        await pilot.press("m")
        await at.until(lambda: pilot.app.focused is at.matrix)
        await pilot.press("k", "enter")
        await at.until(lambda: at.text.line == 1)
        assert at.text.text == "the cat\na kitten\n\ntax"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_both_views_stand_side_by_side_where_there_is_room(
    settings: Settings, worker: HandWorker, size: tuple[int, int]
) -> None:
    async with host(settings, worker).run_test(size=size) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        await at.answer(await at.embed(), CAT_VECTORS)
        await at.until(lambda: at.matrix.size.height)
        assert bool(at.neighbours.size.height) == (size[0] >= 150)
        assert at.text.region.right <= at.matrix.region.x
        assert at.screen.query_one("#status").region.y == size[1] - 3


async def test_what_was_there_stays_when_it_fails(settings: Settings, worker: HandWorker) -> None:
    failure = Failure(kind="no_credit", message=Clean("No credit is [/b] left."), advice=Clean("Add credit."))
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        await at.answer(await at.embed(), (None, None, None), failure=failure, cost=None)
        await at.until(lambda: "No credit is [/b] left." in at.notice)
        assert "Add credit. ctrl+r tries again" in at.notice
        assert not at.matrix.size.height
        await at.answer(await at.embed(), CAT_VECTORS)
        await at.until(lambda: at.matrix.size.height)
        assert at.notice == ""
        await at.answer(await at.embed(), (None, None, None), failure=failure, cost=None)
        await at.until(lambda: "No credit" in at.notice)
        assert "3 of 3 embedded" in at.status and at.matrix.size.height


async def test_esc_stops_and_keeps_what_came(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        command = await at.embed()
        await at.until(lambda: "esc stops" in at.status)
        await pilot.press("ctrl+r")
        await pilot.press("escape")
        assert worker.cancelled == [command.job_id]
        assert len(worker.sent(Embed)) == 1
        await at.until(lambda: "stopping" in at.status)
        await at.answer(command, (CAT_VECTORS[0], None, None))
        await at.until(lambda: "1 of 3 embedded" in at.status)
        assert "■ stopped, ctrl+r goes on" in at.status
        assert [line.text[0:3] for line in map(at.text.render_line, range(4))] == ["▌1 ", " 2*", " 3 ", " 4*"]
        assert not at.screen.stop_stream()


async def test_a_job_that_goes_away_without_a_result_is_over(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        command = await at.embed()
        await at.until(lambda: "esc stops" in at.status)
        at.job(command.job_id, JobState.CANCELLED)
        await at.until(lambda: "esc stops" not in at.status)
        assert "3 texts" in at.notice
        await at.answer(command, CAT_VECTORS)
        await at.until(lambda: "3 of 3 embedded" in at.status)


async def test_it_says_what_it_waits_for(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(120, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        command = await at.embed()
        at.job(command.job_id, JobState.WAITING, "3.2 s for the request limit of key …4f2a")
        await at.until(lambda: "waits: 3.2 s for the request limit of key …4f2a" in at.status)


async def test_changed_texts_are_marked_and_unknown(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        await at.answer(await at.embed(), CAT_VECTORS)
        await at.until(lambda: at.matrix.cell_width == 5)
        await pilot.press("x")
        await at.until(lambda: "2 of 3 embedded" in at.status)
        assert "ctrl+r embeds the rest" in at.status
        assert at.text.render_line(0).text.startswith("▌1*")
        assert at.lines(at.matrix)[1].split() == ["▌1", "·", "·", "·"]
        await pilot.press("backspace")
        await at.until(lambda: "3 of 3 embedded" in at.status)
        assert at.lines(at.matrix)[1].split() == ["▌1", "1.00", ".71", ".00"]
        # Lines that move take their vectors along.
        await pilot.press("enter", "up")
        await at.until(lambda: at.lines(at.matrix)[0].split() == ["2", "3", "5"])
        assert "3 of 3 embedded" in at.status


async def test_identical_texts_are_sent_once_and_are_neighbours(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(200, 40)) as pilot:
        at = Screens(pilot, worker)
        await at.load("same", "other", "same", "same")
        command = await at.embed()
        assert command.texts == ("same", "other")
        await at.answer(command, (vector(1, 0), vector(0, 1)))
        await at.until(lambda: "4 of 4 embedded" in at.status)
        found = at.neighbours.neighbours
        assert [(row.line, row.score) for row in found] == [(2, 1.0), (3, 1.0), (1, 0.0)]


@pytest.mark.parametrize("bad", [vector(0, 0, 0), vector(math.nan, 1, 1), vector(math.inf, 0, 0)])
async def test_a_useless_vector_is_said_and_harms_nothing(settings: Settings, worker: HandWorker, bad: bytes) -> None:
    async with host(settings, worker).run_test(size=(120, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        await at.answer(await at.embed(), (CAT_VECTORS[0], bad, CAT_VECTORS[2]))
        await at.until(lambda: "1 without a usable vector" in at.status)
        await at.until(lambda: at.matrix.cell_width == 5)
        assert at.lines(at.matrix)[2].split() == ["2", "·", "·", "·"]
        assert at.lines(at.matrix)[1].split() == ["▌1", "1.00", "·", ".00"]


async def test_a_chat_model_is_refused_in_a_sentence(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        at.screen.take_model(Opaque("openai/gpt-4o"))
        await at.until(lambda: "openai/gpt-4o is no embedding model" in at.notice)
        assert "ctrl+l" in at.notice
        await pilot.press("ctrl+r")
        assert worker.sent(Embed) == []


async def test_the_model_is_picked_among_those_that_embed(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        await at.answer(await at.embed(), CAT_VECTORS)
        await at.until(lambda: at.matrix.size.height)
        await pilot.press("ctrl+l")
        await at.until(lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press(*"large", "enter")
        await at.until(lambda: "text-embedding-3-large" in at.status)
        assert worker.sent(Remember)[-1] == Remember(name="embeddings.model", value=LARGE)
        assert "with text-embedding-3-large" in at.notice
        command = await at.embed()
        assert command.model == Opaque(LARGE)
        await at.answer(command, CAT_VECTORS)
        await at.until(lambda: worker.sent(SaveSheet) and worker.sent(SaveSheet)[-1].sheet.model == Opaque(LARGE))
        at.screen.take_model(Opaque(SMALL))
        await at.until(lambda: "text-embedding-3-small · 3 d · 3 of 3 embedded" in at.status)


async def test_the_default_model(settings: Settings, worker: HandWorker) -> None:
    import msgspec

    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        assert "no model" in at.status
        await at.load("a")
        assert at.screen.model_id == SMALL
        worker.publish(PreferencesRead(values={"embeddings.model": LARGE}, favourites=frozenset(), recents=()))
        assert at.screen.model_id == LARGE
        worker.publish(PreferencesRead(values={"embeddings.model": 7}, favourites=frozenset(), recents=()))
        assert at.screen.model_id == SMALL
        worker.publish(sheet_of("b", id="sheet-2", model=Opaque("x/unpriced")))
        await at.until(lambda: "unpriced" in at.status and "reading" not in at.status)
        assert "an unknown price" in at.notice and "–" in at.status
    configured = msgspec.structs.replace(
        settings, embeddings=EmbeddingDefaults(model="x/own", dimensions=256, user="u")
    )
    other = HandWorker()
    async with host(configured, other).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, other)
        await at.load("a")
        command = await at.embed()
        assert (command.model, command.dimensions, command.user) == (Opaque("x/own"), 256, "u")


async def test_a_budget_asks_first(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        command = await at.embed()
        refusal = OverBudget(
            budget="day",
            limit_usd=Decimal(5),
            spent_usd=Decimal("4.99"),
            reserved_usd=Decimal(0),
            this_usd=Decimal("0.02"),
            action="ask",
        )
        worker.publish(BudgetPassed(command.job_id, refusal))
        await at.until(lambda: "the day budget of $5.00 has $0.01 left" in at.notice)
        again = await at.embed()
        assert again.over_budget and not command.over_budget and again.job_id != command.job_id


async def test_a_full_queue_is_said(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        worker.full = True
        await pilot.press("ctrl+r")
        await at.until(lambda: "Too much is waiting" in at.notice)
        assert "esc stops" not in at.status


async def test_typing_is_kept_as_a_sheet(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await pilot.press(*"cat", "enter", *"dog")
        await at.until(lambda: "2 texts" in at.status)
        # A sheet that comes late does not overwrite what was typed.
        worker.publish(sheet_of("old"))
        await at.until(lambda: worker.sent(SaveSheet))
        saved = worker.sent(SaveSheet)[-1].sheet
        assert saved.texts == ("cat", "dog") and saved.id != "sheet-1"
        assert at.text.text == "cat\ndog"
        count = len(worker.sent(SaveSheet))
        await pilot.press("s")
        await at.until(lambda: "dogs" in at.text.text)
        at.screen.save_now()
        assert len(worker.sent(SaveSheet)) == count + 1
        assert worker.sent(SaveSheet)[-1].sheet.id == saved.id
        at.screen.save_now()
        assert len(worker.sent(SaveSheet)) == count + 1


async def test_a_sheet_that_was_only_loaded_is_not_saved_again(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.load(*CATS)
        at.screen.save_now()
        assert worker.sent(SaveSheet) == []


async def test_hostile_texts_are_text(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(200, 40)) as pilot:
        at = Screens(pilot, worker)
        pilot.app.post_message(events.Paste("\r\n".join(HOSTILE)))
        worker.publish(CATALOGUE)
        await at.until(lambda: f"{len(HOSTILE)} texts" in at.status)
        command = await at.embed()
        assert command.texts == tuple(clean(text) for text in HOSTILE)
        await at.answer(command, [vector(1, number, 0) for number in range(len(HOSTILE))])
        await at.until(lambda: at.neighbours.size.height)
        for _ in HOSTILE:
            await pilot.press("down")
            await pilot.pause()
        for widget in (at.text, at.matrix, at.neighbours):
            for y in range(widget.size.height):
                assert "\x1b" not in widget.render_line(y).text


async def test_five_thousand_lines_are_read_without_lag(settings: Settings, worker: HandWorker) -> None:
    async with host(settings, worker).run_test(size=(120, 40)) as pilot:
        at = Screens(pilot, worker)
        worker.publish(CATALOGUE)
        pilot.app.post_message(events.Paste("\n".join(f"line {number} of a longer text" for number in range(5000))))
        await at.until(lambda: "5,000 texts" in at.status)
        command = await at.embed()
        await at.answer(command, [vector(1, number % 7, number % 3) for number in range(5000)])
        await at.until(lambda: "5,000 of 5,000 embedded" in at.status)
        # A key press reads no more of the sheet than the line it is on, until typing rests.
        read: list[int] = []
        plain = SheetText.sheet_lines

        def counted(self: SheetText) -> Any:
            read.append(1)
            return plain(self)

        SheetText.sheet_lines = counted  # type: ignore[method-assign]
        try:
            await pilot.press("up", "down", "left")
            assert read == []
        finally:
            SheetText.sheet_lines = plain  # type: ignore[method-assign]


async def test_ctrl_r_right_after_the_last_letter_embeds_what_stands_there(
    settings: Settings, worker: HandWorker
) -> None:
    async with host(settings, worker).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        worker.publish(CATALOGUE)
        await at.until(lambda: at.screen.model_id)
        at.text.text = "cat\ndog"
        await pilot.press("ctrl+r")
        await at.until(lambda: worker.sent(Embed))
        assert worker.sent(Embed)[0].texts == ("cat", "dog")
