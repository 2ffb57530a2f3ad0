"""Asking which file becomes texts, and how it is taken apart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tui.core import formats
from tui.core.sheet_files import Cut, CutTexts, FileText, NoTexts, cut_texts, read_text_file, usual_column
from tui.openrouter.text import Clean, clean_line
from tui.screens.pick import PickScreen
from tui.screens.text_dialog import TextDialog
from tui.widgets.pick_list import PickItem

if TYPE_CHECKING:
    from textual.app import App

_COUNTED_UP_TO: Final = 4_000_000
"""Characters of a text whose parts are counted before one chooses."""


async def load_texts(app: App[object], present: str) -> tuple[Clean, CutTexts] | None:
    """Ask, read and cut; None when the user leaves. `present` are the texts of the sheet, cut anew for an empty path.

    Raises `NoTexts` with a sentence. Belongs in a worker, as it waits for dialogs.
    """
    path = await app.push_screen_wait(TextDialog("file (txt, md, csv, jsonl) · empty: cut the sheet's own lines anew"))
    if path is None:
        return None
    if path:
        file = await asyncio.to_thread(read_text_file, path)
    elif present.strip():
        file = FileText(Clean(""), present, "plain")
    else:
        raise NoTexts("The sheet is empty: name a file.")
    cut = await _choose_cut(app, file)
    if cut is None:
        return None
    return file.name, await asyncio.to_thread(cut_texts, file.text, cut, file.kind)


async def _choose_cut(app: App[object], file: FileText) -> Cut | None:
    offered = await asyncio.to_thread(_offers, file)
    items = [PickItem(key, Clean(label), Clean(note)) for key, label, note, _ in offered]
    items.append(PickItem("own", Clean("chunks of another size"), Clean("characters, overlap")))
    title = f"texts out of {file.name or 'the sheet'}"
    likely = usual_column(file.columns) if file.kind != "plain" else None
    key = await app.push_screen_wait(PickScreen(title, items, current=f"column {likely}" if likely else None))
    if key is None:
        return None
    if key == "own":
        return await _own_chunks(app)
    cut = next(cut for one, _, _, cut in offered if one == key)
    if cut.cutting == "column" and len(file.columns) > 1:
        return await _choose_marks(app, file, cut)
    return cut


def _offers(file: FileText) -> list[tuple[str, str, str, Cut]]:
    """Key, label, how many texts it gives, and the cut itself."""
    cuts: list[tuple[str, str, Cut]] = []
    if file.kind != "plain":
        cuts += [
            (f"column {column}", f"column {clean_line(column)}", Cut(cutting="column", column=column))
            for column in file.columns
        ]
    cuts += [
        ("lines", "one text a line", Cut(cutting="lines")),
        ("paragraphs", "separated by blank lines", Cut(cutting="paragraphs")),
        ("chunks", "chunks of 1,000 characters, 100 of them shared with the one before", Cut(cutting="chunks")),
    ]
    return [(key, label, _count(file, cut), cut) for key, label, cut in cuts]


def _count(file: FileText, cut: Cut) -> str:
    if len(file.text) > _COUNTED_UP_TO:
        return ""
    try:
        found = cut_texts(file.text, cut, file.kind)
    except NoTexts:
        return "no text"
    return f"{formats.count(len(found.texts))} text{'' if len(found.texts) == 1 else 's'}"


async def _own_chunks(app: App[object]) -> Cut | None:
    said = await app.push_screen_wait(TextDialog("characters of a chunk, and of the overlap", "2000 200"))
    if said is None:
        return None
    numbers = said.replace(",", " ").split()
    if not 1 <= len(numbers) <= 2 or not all(one.isdecimal() and len(one) < 9 for one in numbers):
        raise NoTexts("Write one or two whole numbers: the size of a chunk, and of the overlap.")
    size, overlap = int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0
    if size < 1 or overlap >= size:
        raise NoTexts("The overlap must be smaller than the chunk.")
    return Cut(cutting="chunks", size=size, overlap=overlap)


async def _choose_marks(app: App[object], file: FileText, cut: Cut) -> Cut | None:
    """Which column groups the texts, and which names them."""
    others = [column for column in file.columns if column != cut.column]
    for what in ("group", "label"):
        items = [PickItem("", Clean(f"no {what}"))]
        items += [PickItem(f"column {column}", clean_line(column)) for column in others]
        likely = next((f"column {column}" for column in others if column.lower() == what), None)
        key = await app.push_screen_wait(PickScreen(f"column of the {what}s", items, current=likely))
        if key is None:
            return None
        column = key.removeprefix("column ") or None
        cut = replace(cut, group_column=column) if what == "group" else replace(cut, label_column=column)
    return cut
