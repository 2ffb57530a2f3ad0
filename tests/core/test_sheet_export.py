"""Sheets as files: what is written is what the model gave, in each format."""

from __future__ import annotations

import io
from importlib import util
from typing import Any

import pytest

from tui.core import sheet_export, vectors
from tui.core.sheet_export import Exported
from tui.core.sheets import Variant
from tui.openrouter.text import Clean, Opaque

np = vectors.load_numpy()
VARIANT = Variant(Opaque("x/embed"), None, Clean("search_document"))
TEXTS = ("one", "two\nlines 漢字", "without", "one", "=nothing")
GIVEN = {"one": [3.0, 4.0, 0.0], "two\nlines 漢字": [0.1, -0.2, 0.3], "=nothing": [0.0, 0.0, 0.0]}
ROWS = [Exported(number=2 * at + 1, text=text, label=f"l{at}", group="g" * (at % 2)) for at, text in enumerate(TEXTS)]


def known() -> vectors.EmbeddedTexts:
    return vectors.embed_texts(list(GIVEN), [np.asarray(one, dtype="<f4").tobytes() for one in GIVEN.values()])


def test_npy_has_a_row_a_text_as_the_model_gave_it() -> None:
    got = np.load(io.BytesIO(sheet_export.encode("npy", ROWS, known(), VARIANT)))
    assert got.dtype == np.float32 and got.shape == (5, 3)
    np.testing.assert_allclose(got[[0, 1, 3]], [GIVEN[TEXTS[0]], GIVEN[TEXTS[1]], GIVEN[TEXTS[0]]], rtol=1e-6)
    assert np.isnan(got[[2, 4]]).all()


def test_parquet_has_a_list_a_text_and_says_what_made_it() -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(sheet_export.encode("parquet", ROWS, known(), VARIANT)))
    assert table.column_names == ["number", "text", "label", "group", "vector"]
    assert table["number"].to_pylist() == [1, 3, 5, 7, 9] and table["text"].to_pylist() == list(TEXTS)
    assert table["label"].to_pylist() == ["l0", "l1", "l2", "l3", "l4"]
    vectors_read = table["vector"].to_pylist()
    assert vectors_read[2] is None and vectors_read[4] is None
    np.testing.assert_allclose(vectors_read[0], GIVEN["one"], rtol=1e-6)
    np.testing.assert_allclose(vectors_read[1], GIVEN[TEXTS[1]], rtol=1e-6)
    assert table.schema.metadata == {b"model": b"x/embed", b"dimensions": b"3", b"input_type": b"search_document"}
    assert str(table.schema.field("vector").type) in ("list<element: float>", "list<item: float>")


def test_without_pyarrow_parquet_is_offered_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_export, "find_spec", lambda name: None if name == "pyarrow" else util.find_spec(name))
    offered = dict(sheet_export.formats())
    assert list(offered) == ["jsonl", "csv", "npy", "parquet", "md"]
    assert offered["parquet"] == "Parquet: needs the package pyarrow, which is not installed"
    with pytest.raises(sheet_export.CannotWrite, match="pip install pyarrow"):
        sheet_export.encode("parquet", ROWS, known(), VARIANT)
