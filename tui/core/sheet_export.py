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
_AT_ONCE: Final = 512


class CannotWrite(ImportError):
    """A format needs a package that is not installed; the message is a sentence that says which."""


def formats() -> tuple[tuple[Format, str], ...]:
    """What can be written, and what Parquet needs where its package is missing."""
    if find_spec("pyarrow") is not None:
        return FORMATS
    lacking = "Parquet: needs the package pyarrow, which is not installed"
    return tuple((kind, lacking if kind == "parquet" else what) for kind, what in FORMATS)


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A text of the sheet as it goes into a file."""

    number: int
    text: str
    label: str = ""
    group: str = ""


def encode(kind: Format, rows: Sequence[Exported], known: vectors.EmbeddedTexts, variant: Variant) -> bytes:
    """The file's bytes; vectors as the model gave them, float32 with the nine digits they have. Belongs in a thread.

    Raises `CannotWrite` for Parquet without pyarrow.
    """
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
    file = io.BytesIO()
    np.save(file, _block(rows, known), allow_pickle=False)
    return file.getvalue()


def _block(rows: Sequence[Exported], known: vectors.EmbeddedTexts) -> vectors.Rows:
    """`(n, d)` float32: the vectors as they came, NaN for a text without; some at a time, since float64 is twice as
    large."""
    np = vectors.load_numpy()
    at = known.rows([row.text for row in rows])
    block: vectors.Rows = np.empty((len(rows), known.dimensions), dtype="<f4")
    for start in range(0, len(rows), _AT_ONCE):
        part = at[start : start + _AT_ONCE]
        block[start : start + _AT_ONCE] = known.unit[part] * known.lengths[part, None]
    return block


def _parquet(rows: Sequence[Exported], known: vectors.EmbeddedTexts, variant: Variant) -> bytes:
    if find_spec("pyarrow") is None:
        raise CannotWrite("Parquet needs the package pyarrow beside ortui: pip install pyarrow")
    import pyarrow as pa  # type: ignore[import-not-found,unused-ignore]
    from pyarrow import parquet  # type: ignore[import-not-found,unused-ignore]

    np = vectors.load_numpy()
    block = _block(rows, known)
    has = ~np.isnan(block[:, :1]).any(axis=1)
    # A missing offset is a missing list; those that are there follow each other.
    ends = np.concatenate([[0], np.cumsum(has) * known.dimensions])
    offsets = pa.array(ends, pa.int32(), mask=np.concatenate([~has, [False]]))
    table = pa.table(
        {
            "number": pa.array([row.number for row in rows], pa.int64()),
            "text": pa.array([row.text for row in rows], pa.string()),
            "label": pa.array([row.label for row in rows], pa.string()),
            "group": pa.array([row.group for row in rows], pa.string()),
            "vector": pa.ListArray.from_arrays(offsets, pa.array(block[has].ravel(), pa.float32())),
        }
    )
    table = table.replace_schema_metadata(
        {
            "model": variant.model.shown(),
            "dimensions": str(known.dimensions),
            "input_type": variant.input_type or "",
        }
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
