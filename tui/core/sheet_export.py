"""A sheet with its vectors as a file: JSON Lines, CSV, NPY, Parquet, and its neighbours as a Markdown table."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from tui.core import vectors

if TYPE_CHECKING:
    from tui.core.sheets import Variant

Format: TypeAlias = Literal["jsonl", "csv", "npy", "parquet", "md"]

FORMATS: Final[tuple[tuple[Format, str], ...]] = (
    ("jsonl", "JSON Lines: number, text, label, group, model, vector"),
    ("csv", "CSV: number, label, group, text, a column a dimension"),
    ("npy", "NPY: float32, a row a text, NaN where it has no vector"),
    ("parquet", "Parquet: number, text, label, group, vector"),
    ("md", "Markdown: the nearest neighbours of each text"),
)
_NEIGHBOURS: Final = 5


def formats() -> tuple[tuple[Format, str], ...]:
    """Those that can be written here: Parquet needs pyarrow."""
    return tuple(one for one in FORMATS if one[0] != "parquet" or find_spec("pyarrow") is not None)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A text of the sheet as it goes into a file."""

    number: int
    text: str
    label: str = ""
    group: str = ""


def encode(kind: Format, rows: Sequence[Exported], known: vectors.EmbeddedTexts, variant: Variant) -> bytes:
    """The file's bytes; vectors as the model gave them, float32 with the nine digits they have. Belongs in a thread."""
    match kind:
        case "jsonl":
            return _json_lines(rows, known, variant)
        case "csv":
            return _csv(rows, known)
        case "npy":
            return _npy(rows, known)
        case "parquet":
            return _parquet(rows, known, variant)
        case "md":
            return _markdown(rows, known, variant)


def vector_json(vector: vectors.Rows | None) -> str:
    """A vector as a JSON list; `null` for none."""
    return "null" if vector is None else "[" + ",".join(_number(number) for number in vector.tolist()) + "]"


def _number(value: float) -> str:
    return f"{value:.9g}"


def _json_lines(rows: Sequence[Exported], known: vectors.EmbeddedTexts, variant: Variant) -> bytes:
    lines = []
    for row in rows:
        fields = {
            "number": row.number,
            "text": row.text,
            "label": row.label,
            "group": row.group,
            "model": variant.model.shown(),
            "dimensions": known.dimensions,
            "input_type": variant.input_type,
            "vector": msgspec.Raw(vector_json(known.vector(row.text)).encode()),
        }
        lines.append(msgspec.json.encode(fields))
    return b"\n".join(lines) + b"\n"


def _csv(rows: Sequence[Exported], known: vectors.EmbeddedTexts) -> bytes:
    import csv

    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["number", "label", "group", "text", *(f"v{at}" for at in range(known.dimensions))])
    for row in rows:
        vector = known.vector(row.text)
        numbers = [""] * known.dimensions if vector is None else [_number(number) for number in vector.tolist()]
        writer.writerow([row.number, *(_plain_cell(one) for one in (row.label, row.group, row.text)), *numbers])
    return file.getvalue().encode()


def _plain_cell(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _npy(rows: Sequence[Exported], known: vectors.EmbeddedTexts) -> bytes:
    np = vectors.load_numpy()
    at = known.rows([row.text for row in rows])
    block = (known.unit[at] * known.lengths[at, None]).astype("<f4")
    file = io.BytesIO()
    np.save(file, block, allow_pickle=False)
    return file.getvalue()


def _parquet(rows: Sequence[Exported], known: vectors.EmbeddedTexts, variant: Variant) -> bytes:
    import pyarrow as pa  # type: ignore[import-not-found,unused-ignore]
    from pyarrow import parquet  # type: ignore[import-not-found,unused-ignore]

    found = [known.vector(row.text) for row in rows]
    table = pa.table(
        {
            "number": pa.array([row.number for row in rows], pa.int64()),
            "text": [row.text for row in rows],
            "label": [row.label for row in rows],
            "group": [row.group for row in rows],
            "vector": pa.array([None if one is None else one.tolist() for one in found], pa.list_(pa.float32())),
        },
        metadata={"model": variant.model.shown()},
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def _markdown(rows: Sequence[Exported], known: vectors.EmbeddedTexts, variant: Variant) -> bytes:
    at = known.rows([row.text for row in rows])
    lines = [
        f"# Nearest neighbours by {_cell(variant.model.shown())}, {known.dimensions:,} dimensions",
        "",
        "| text | neighbour | similarity |",
        "| --- | --- | ---: |",
    ]
    for place, row in enumerate(rows):
        query = known.unit_vector(row.text)
        found = [] if query is None else vectors.nearest(known.unit, at, query, _NEIGHBOURS, without=place)
        lines += [f"| {_named(row)} | {_named(rows[one.index])} | {one.score:.3f} |" for one in found]
        if not found:
            lines.append(f"| {_named(row)} | – | – |")
    return ("\n".join(lines) + "\n").encode()


def _named(row: Exported) -> str:
    return _cell(f"{row.number} {row.label + ': ' if row.label else ''}{row.text}")


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table, with nothing in it that Markdown would obey."""
    kept = "".join(f"\\{one}" if one in "\\`*_{}[]<>#|!" else one for one in " ".join(text.split()))
    return kept if len(kept) <= 400 else kept[:399].rstrip("\\") + "…"
