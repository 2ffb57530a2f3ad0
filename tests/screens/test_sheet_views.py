"""Sheets, marks, files and the further views of the Embeddings screen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from screen_host import HandWorker, Host
from sheet_pilot import SheetPilot
from textual.widgets import Input

from tui.config import Settings
from tui.core.commands import DeleteSheet, Embed, ListSheets, LoadSheet, LoadVectors, RenameSheet, SaveSheet
from tui.core.conversation import Cost, CostKind, Receipt
from tui.core.events import CatalogueLoaded, EmbedBegan, EmbedEnded, SheetLoaded, SheetsListed, VectorsRead
from tui.core.sheets import Relevance, Sheet, SheetSummary, Variant
from tui.core.vectors import GivenRows, embed_texts, load_numpy
from tui.openrouter.catalogue import Model, Pricing
from tui.openrouter.chat import Usage
from tui.openrouter.text import Clean, Opaque
from tui.screens.embeddings import EmbeddingsScreen
from tui.stylesheets import style_path
from tui.widgets.neighbour_list import NeighbourList
from tui.widgets.point_map import PointMap
from tui.widgets.row_list import RowList
from tui.widgets.sheet_reading import moved_marks

np = load_numpy()
SMALL, COHERE = "openai/text-embedding-3-small", "cohere/embed-v4.0"
TEXTS = ("cat", "kitten", "tax", "kitten", "tax form")
PLACES = {"cat": (1, 0.2, 0), "kitten": (1, 0.25, 0), "tax": (0, 0.1, 1), "tax form": (0, 0.3, 1), "pet": (1, 0, 0)}


class EmbedHost(Host):
    CSS_PATH: ClassVar[Any] = [*Host.CSS_PATH, style_path("embeddings.tcss")]


def model(slug: str, price: str) -> Model:
    from decimal import Decimal

    return Model(
        id=Opaque(slug),
        slug=Clean(slug),
        name=Clean(slug),
        author=Clean(slug.partition("/")[0]),
        pricing=Pricing(prompt=Decimal(price)),
        output_modalities=(Clean("embeddings"),),
    )


CATALOGUE = CatalogueLoaded(
    models=(model(SMALL, "0.00000002"), model(COHERE, "0.00000012")), fetched_at=1.0, from_network=True
)


def sheet_of(*texts: str, **more: Any) -> SheetLoaded:
    fields: dict[str, Any] = {"id": "one", "name": Clean("One"), "model": Opaque(SMALL)} | more
    return SheetLoaded(Sheet(texts=tuple(map(Clean, texts)), **fields))


def rows_for(texts: Any, width: int = 3) -> Any:
    found = [np.asarray((*PLACES[text], 0, 0)[:width], dtype="<f4").tobytes() for text in texts if text in PLACES]
    return embed_texts([text for text in texts if text in PLACES], found) if found else None


class Screens(SheetPilot):
    """With sheets whose vectors the store has."""

    def rows(self, name: str) -> str:
        return "\n".join(self.screen.query_one(f"#{name}", RowList).texts)

    def lit(self, name: str) -> str:
        """The name of a view that stands out in the title of this pane."""
        title = self.screen.query_one(f"#{name}")._border_title
        assert title is not None
        return "".join(title.plain[span.start : span.end] for span in title.spans if "bold" in str(span.style))

    async def store(self, index: int = -1) -> LoadVectors:
        """Answer what the store was asked for."""
        await self.until(lambda: self.worker.sent(LoadVectors))
        command: LoadVectors = self.worker.sent(LoadVectors)[index]
        self.worker.publish(VectorsRead(command.request_id, command.variant, GivenRows(rows_for(command.texts))))
        return command

    async def open(self, *texts: str, **more: Any) -> None:
        self.worker.publish(CATALOGUE, sheet_of(*(texts or TEXTS), **more))
        await self.store()
        await self.until(lambda: self.screen.panes.known is not None)
        await self.pilot.press("escape")

    async def answer(self, index: int = -1, width: int = 3) -> Embed:
        await self.until(lambda: self.worker.sent(Embed))
        command: Embed = self.worker.sent(Embed)[index]
        from decimal import Decimal

        self.worker.publish(
            EmbedBegan(command.job_id, len(command.texts)),
            EmbedEnded(
                job_id=command.job_id,
                model=command.model,
                embedded=GivenRows(rows_for(command.texts, width)),
                dimensions=width,
                from_store=0,
                receipt=Receipt(cost=Cost(Decimal("0.000001"), CostKind.BILLED), duration_ms=100),
                usage=Usage(),
            ),
        )
        return command

    async def dialog(self, *said: str) -> None:
        """Write into the dialogs that come, one after the other."""
        for one in said:
            await self.until(lambda: len(self.pilot.app.screen_stack) > 1 and self.pilot.app.screen.query(Input))
            before = self.pilot.app.screen
            field = before.query_one(Input)
            await self.until(lambda: field.has_focus)  # noqa: B023 - awaited at once
            field.value = one
            await self.pilot.press("enter")
            await self.until(lambda: self.pilot.app.screen is not before)  # noqa: B023


async def start(settings: Settings, worker: HandWorker) -> EmbedHost:
    return EmbedHost(EmbeddingsScreen, settings, worker)


async def test_a_sheet_shows_its_vectors_when_it_is_opened_and_nothing_is_paid(
    settings: Settings, worker: HandWorker
) -> None:
    async with (await start(settings, worker)).run_test(size=(120, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open(labels=(Clean("a"),), groups=(Clean("pets"), Clean("pets"), Clean("money")))
        await at.until(lambda: "5 of 5 embedded" in at.status)
        assert "all from store" in at.status and worker.sent(Embed) == []
        assert worker.sent(LoadVectors)[0].texts == ("cat", "kitten", "tax", "tax form")
        assert at.text.render_line(0).text.startswith("▌1 ● cat") and at.text.render_line(2).text[3] == "▲"
        # What the store has is not asked for again; another text is.
        await pilot.press("tab", "shift+tab")
        at.text.focus()
        await pilot.press("end", "s")
        await at.until(lambda: len(worker.sent(LoadVectors)) == 2)
        assert worker.sent(LoadVectors)[1].texts == ("cats",)
        at.screen.save_now()
        saved = worker.sent(SaveSheet)[-1].sheet
        assert (saved.texts[0], saved.labels[0], saved.groups[:3]) == ("cats", "a", ("pets", "pets", "money"))


async def test_duplicates_and_clusters_and_map(settings: Settings, worker: HandWorker) -> None:
    async with (await start(settings, worker)).run_test(size=(120, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open()
        await pilot.press("d")
        await at.until(lambda: "pairs at least 0.90" in at.rows("duplicates"))
        assert at.lit("duplicates") == "dupes"
        assert " same  2 kitten\n        4 kitten" in at.rows("duplicates")
        total = at.rows("duplicates").split()[0]
        for _ in range(10):
            await pilot.press("plus")
        await at.until(lambda: "1.00 alike" in at.rows("duplicates"))
        assert int(at.rows("duplicates").split()[0]) < int(total)
        await pilot.press("G", "enter")
        await at.until(lambda: at.text.line == 3)
        await pilot.press("c")
        await at.until(lambda: "2 clusters" in at.rows("clusters"))
        assert at.lit("clusters") == "clusters"
        first, second = at.rows("clusters").split(" 2  ")
        assert "3 texts" in first and "cat" in first and "tax" not in first and "tax form" in second
        await pilot.press("plus")
        await at.until(lambda: "3 clusters" in at.rows("clusters"))
        await pilot.press("p")
        picture = at.screen.query_one(PointMap)
        await at.until(lambda: picture.cursor is not None)
        drawn = "\n".join(picture.render_line(y).text for y in range(picture.size.height))
        assert "tax form" in drawn and "kitten" in drawn
        line = at.text.line
        assert picture.cursor is not None
        await pilot.press("right" if picture._place(picture.cursor)[0] < 30 else "left")
        await at.until(lambda: at.text.line != line)
        await pilot.press("p")
        await at.until(lambda: "t-SNE · p PCA" in str(picture.border_subtitle))


async def test_orders_of_the_matrix(settings: Settings, worker: HandWorker) -> None:
    async with (await start(settings, worker)).run_test(size=(120, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open(groups=tuple(map(Clean, ("x", "x", "y", "", "x"))))
        matrix = at.screen.panes.matrix

        def order() -> list[int]:
            return [row.number for row in matrix._rows]

        await at.until(lambda: order() == [1, 2, 3, 4, 5])
        await pilot.press("o")
        await at.until(lambda: order() == [1, 2, 5, 3, 4])
        await pilot.press("o")
        await at.until(lambda: order() in ([1, 2, 4, 3, 5], [1, 2, 4, 5, 3], [2, 4, 1, 5, 3], [2, 4, 1, 3, 5]))
        assert "by likeness" in str(matrix.border_subtitle)
        await pilot.press("o")
        await at.until(lambda: order() == [1, 2, 3, 4, 5])


async def test_a_query_is_embedded_as_one_and_its_answers_marked(settings: Settings, worker: HandWorker) -> None:
    async with (await start(settings, worker)).run_test(size=(120, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open(model=Opaque(COHERE))
        await pilot.press("slash")
        await at.dialog("pet")
        await at.until(lambda: worker.sent(Embed))
        command = worker.sent(Embed)[0]
        assert (command.texts, command.input_type, command.model) == (("pet",), "search_query", Opaque(COHERE))
        await at.answer()
        found = at.screen.query_one(NeighbourList)
        await at.until(lambda: found.neighbours)
        assert found.neighbours[0].text == "cat" and found.render_line(0).text.startswith("▌? pet")
        assert "all from store" in at.status
        await pilot.press("space")
        await at.until(lambda: found.neighbours[0].right)
        at.screen.save_now()
        assert worker.sent(SaveSheet)[-1].sheet.relevance == (Relevance(Clean("pet"), (Clean("cat"),)),)
        await pilot.press("escape")
        await at.until(lambda: found.render_line(0).text.startswith("▌1 cat"))


async def test_two_models_side_by_side(settings: Settings, worker: HandWorker) -> None:
    async with (await start(settings, worker)).run_test(size=(120, 40)) as pilot:
        at = Screens(pilot, worker)
        await at.open(relevance=(Relevance(Clean("pet"), (Clean("cat"),)),))
        await pilot.press("a")
        await at.until(lambda: "adds a model" in at.rows("compare"))
        await pilot.press("plus")
        await at.dialog("cohere", "2")
        other = Variant(Opaque(COHERE), 2)
        await at.until(lambda: at.screen.variants()[1:] == (other,))
        await at.until(lambda: any(command.variant == other for command in worker.sent(LoadVectors)))
        command = next(command for command in worker.sent(LoadVectors) if command.variant == other)
        worker.publish(VectorsRead(command.request_id, other, None))
        await pilot.press("ctrl+r")
        own, others = (SMALL, None, None), (COHERE, 2)
        asked_for = [(2, (*others, None)), (3, own), (2, (*others, "search_query"))]
        for index, (width, asked) in enumerate(asked_for):
            await at.until(lambda: len(worker.sent(Embed)) == index + 1)  # noqa: B023 - awaited at once
            sent = await at.answer(index, width)
            assert (sent.model.raw, sent.dimensions, sent.input_type) == asked

        def row_of(width: int) -> list[str]:
            rows = at.rows("compare").split("\n")
            return next((line.split() for line in rows if line.lstrip().startswith(f"{width} ")), [])

        # The last answer is the query's own: the table stands without its two columns until they are reckoned.
        await at.until(lambda: "differ most" in at.rows("compare") and row_of(2)[-2:] == ["1.00", "1.00"])
        assert row_of(3) == ["3", "0.02", "–", "–", "–", "1.00", "1.00"]
        assert row_of(2)[:4] == ["2", "0.12", "40", "1.00"]
        at.screen.save_now()
        assert worker.sent(SaveSheet)[-1].sheet.others == (other,)
        await pilot.press("x")
        await at.until(lambda: at.screen.variants() == (Variant(Opaque(SMALL)),))


async def test_sheets_are_opened_renamed_deleted_and_brought_back(settings: Settings, worker: HandWorker) -> None:
    listed = [SheetSummary(id=name, name=Clean(name), text_count=2, updated_at=1.0) for name in ("one", "two")]
    async with (await start(settings, worker)).run_test(size=(80, 24)) as pilot:
        at = Screens(pilot, worker)
        await at.open()
        await pilot.press("ctrl+s")
        await at.until(lambda: worker.sent(ListSheets))
        worker.publish(SheetsListed(tuple(listed)))
        await pilot.press("down", "ctrl+r")
        await at.dialog("Second")
        await at.until(lambda: worker.sent(RenameSheet) == [RenameSheet(sheet_id="two", name=Clean("Second"))])
        await pilot.press("ctrl+d")
        assert worker.sent(DeleteSheet) == [DeleteSheet(sheet_id="two")]
        await pilot.press("ctrl+u")
        assert worker.sent(DeleteSheet)[-1] == DeleteSheet(sheet_id="two", undo=True)
        await pilot.press("enter")
        await at.until(lambda: worker.sent(LoadSheet)[-1].sheet_id == "two")
        worker.publish(sheet_of("tax", id="two", name=Clean("Second")))
        await at.until(lambda: at.text.text == "tax")
        # Deleting the sheet on screen leaves an empty one behind, and does not write it back.
        saved = len(worker.sent(SaveSheet))
        await pilot.press("ctrl+s")
        worker.publish(SheetsListed((listed[0],)))
        await pilot.press("escape")
        await at.until(lambda: at.text.text == "")
        at.screen.save_now()
        assert len(worker.sent(SaveSheet)) == saved


async def test_a_file_becomes_a_sheet_of_its_own(settings: Settings, worker: HandWorker, tmp_path: Path) -> None:
    file = tmp_path / "pets.csv"
    file.write_text('id,text,kind\n1,cat,pets\n2,"two\nlines",pets\n3,,none\n')
    async with (await start(settings, worker)).run_test(size=(100, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open()
        await pilot.press("ctrl+f")
        await at.dialog(str(tmp_path / "none.csv"))
        await at.until(lambda: "✕ There is no file" in at.status)
        await pilot.press("ctrl+f")
        await at.dialog(str(file), "column text 2 texts", "kind", "id")
        await at.until(lambda: at.text.text == "cat\ntwo␊lines")
        assert [line.text for line in at.screen.lines] == ["cat", "two\nlines"]
        at.screen.save_now()
        saved = worker.sent(SaveSheet)[-1].sheet
        assert saved.id != "one" and saved.name == "pets.csv"
        assert (saved.texts, saved.labels, saved.groups) == (("cat", "two\nlines"), ("1", "2"), ("pets", "pets"))


async def test_groups_and_labels_are_given_and_lines_moved(settings: Settings, worker: HandWorker) -> None:
    async with (await start(settings, worker)).run_test(size=(100, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open()
        at.text.focus()
        await pilot.press("ctrl+g")
        await at.dialog("pets", "Tom")
        await at.until(lambda: at.screen.lines[0].label == "Tom")
        await pilot.press("alt+down")
        await at.until(lambda: [line.text for line in at.screen.lines[:2]] == ["kitten", "cat"])
        assert [(line.label, line.group) for line in at.screen.lines[:2]] == [("", ""), ("Tom", "pets")]
        await pilot.press("end", "x")
        await at.until(lambda: at.screen.lines[1] == (1, "catx", "Tom", "pets"))


def test_marks_go_where_their_lines_go() -> None:
    marks = [(Clean(name), Clean("")) for name in "abcd"]
    lines = ["1", "2", "3", "4"]

    def after(*new: str) -> str:
        return "".join(label or "-" for label, _ in moved_marks(lines, marks, new))

    assert after("1", "3", "2", "4") == "acbd"
    assert after("1", "2x", "3", "4") == "abcd"
    assert after("0", "1", "2", "3", "4") == "-abcd"
    assert after("1", "4") == "ad"
    assert after("1", "new", "3", "2", "4") == "a-cbd"
    assert after() == ""


async def test_the_sheet_is_exported_and_a_vector_copied(settings: Settings, worker: HandWorker) -> None:
    async with (await start(settings, worker)).run_test(size=(100, 30)) as pilot:
        at = Screens(pilot, worker)
        await at.open(name=Clean("../a b.md"))
        await pilot.press("y")
        await at.until(lambda: worker.copied)
        assert json.loads(worker.copied[0]) == pytest.approx(PLACES["cat"], abs=1e-6)
        for words, suffix in (("JSON Lines", "jsonl"), ("CSV", "csv"), ("NPY", "npy"), ("Markdown", "md")):
            await pilot.press("e")
            await at.dialog(words)
            await at.until(lambda: list(settings.folders.exports.glob(f"*.{suffix}")))  # noqa: B023
            await at.until(lambda: f".{suffix}" in at.status)  # noqa: B023
        files = {file.suffix: file for file in settings.folders.exports.iterdir()}
        assert all(file.name.startswith("--a-b.md-") for file in files.values())
        lines = [json.loads(line) for line in files[".jsonl"].read_text().splitlines()]
        assert [line["text"] for line in lines] == list(TEXTS) and lines[2]["vector"] == pytest.approx([0, 0.1, 1])
        block = np.load(files[".npy"])
        assert block.shape == (5, 3) and block.dtype == np.float32
        assert len(files[".csv"].read_text().splitlines()) == 6
        assert "| 1 cat | 2 kitten |" in files[".md"].read_text()
