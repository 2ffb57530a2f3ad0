"""Sheets of texts: listed, opened, kept, and the vectors that the store has for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

from tui.core.commands import DeleteSheet, ListSheets, LoadSheet, LoadVectors, RenameSheet, SaveSheet
from tui.core.events import SheetLoaded, SheetsListed, VectorsRead
from tui.database import sheets, vectors

if TYPE_CHECKING:
    from tui.worker.context import WorkerContext

SheetCommand: TypeAlias = SaveSheet | LoadSheet | ListSheets | RenameSheet | DeleteSheet | LoadVectors


class SheetStore:
    """Carries out what is asked of sheets; they belong to the file, not to an origin, their vectors to both."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context

    async def carry_out(self, command: SheetCommand) -> None:
        """Write or read, and say what came of it."""
        run = self._context.database.run
        match command:
            case SaveSheet(sheet=sheet):
                await run(sheets.save_sheet, sheet, time.time())
            case LoadSheet():
                await self._load(command.sheet_id)
            case ListSheets():
                await self._list()
            case RenameSheet(sheet_id=sheet_id, name=name):
                await run(sheets.rename_sheet, sheet_id, name)
                await self._list()
            case DeleteSheet(sheet_id=sheet_id, undo=undo):
                await run(sheets.delete_sheet, sheet_id, time.time(), undo=undo)
                await self._list()
            case LoadVectors():
                await self._read_vectors(command)

    async def _list(self) -> None:
        self._context.publish(SheetsListed(await self._context.database.run(sheets.list_sheets)))

    async def _load(self, sheet_id: str | None) -> None:
        run = self._context.database.run
        wanted = sheet_id or await run(sheets.last_used_sheet)
        sheet = await run(sheets.load_sheet, wanted) if wanted is not None else None
        if sheet is None:
            return
        if sheet_id is not None:
            await run(sheets.note_used, sheet_id, time.time())
        self._context.publish(SheetLoaded(sheet))

    async def _read_vectors(self, command: LoadVectors) -> None:
        import asyncio

        from tui.core.vectors import GivenRows, RowsBuilder

        variant = command.variant
        space = vectors.VectorSpace(
            origin=self._context.origin,
            model=variant.model,
            dimensions=variant.dimensions,
            input_type=variant.input_type,
        )
        texts = tuple(dict.fromkeys(command.texts))
        builder = RowsBuilder(len(texts))
        await self._context.database.run(vectors.read_vectors, space, texts, builder)
        found = await asyncio.to_thread(builder.take)
        given = None if found is None else GivenRows(found)
        self._context.publish(VectorsRead(command.request_id, variant, given))
