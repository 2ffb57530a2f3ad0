"""Texts out of what is pasted or loaded: each way of cutting, and files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.sheet_files import Cut, NoTexts, cut_texts, file_text, read_text_file, usual_column
from tui.openrouter.text import Clean


def test_lines_and_paragraphs() -> None:
    text = "one\n\n two\r\nthree\n \n\n\nfour\x1b\n"
    assert cut_texts(text, Cut(cutting="lines")).texts == ("one", " two", "three", "four␛")
    assert cut_texts(text, Cut(cutting="paragraphs")).texts == ("one", "two\nthree", "four␛")


def test_columns_of_csv_with_labels_and_groups() -> None:
    file = file_text(Clean("a.CSV"), 'id;Text;kind\n1;"a, b\nc";x\n2;;y\n3;d;\n'.encode("utf-8-sig"))
    assert (file.kind, file.columns, usual_column(file.columns)) == ("csv", ("id", "Text", "kind"), "Text")
    cut = cut_texts(file.text, Cut(cutting="column", column="Text", label_column="id", group_column="kind"), file.kind)
    assert (cut.texts, cut.labels, cut.groups, cut.left_out) == (("a, b\nc", "d"), ("1", "3"), ("x", ""), 1)


def test_columns_of_json_lines() -> None:
    data = b'{"n": 1, "content": "a\\u2028b", "deep": {}}\nbroken\n[1]\n{"content": "c", "g": "x"}\n{"n": 2}\n'
    file = file_text(Clean("a.jsonl"), data)
    assert file.columns == ("n", "content", "g") and usual_column(file.columns) == "content"
    cut = cut_texts(file.text, Cut(cutting="column", column="content", group_column="g"), file.kind)
    assert (cut.texts, cut.groups, cut.left_out) == (("a\ufffdb", "c"), ("", "x"), 3)
    with pytest.raises(NoTexts, match="holds no text"):
        cut_texts(file.text, Cut(cutting="column", column="deep"), file.kind)


@given(st.text(alphabet="ab .\n!", min_size=1, max_size=400), st.integers(1, 60), st.integers(0, 60))
def test_chunks_hold_everything_and_are_never_longer(text: str, size: int, overlap: int) -> None:
    if not text.strip():
        return
    chunks = cut_texts(text, Cut(cutting="chunks", size=size, overlap=overlap)).texts
    assert all(0 < len(chunk) <= size for chunk in chunks)
    assert all(chunk in text.strip() for chunk in chunks)
    apart = cut_texts(text, Cut(cutting="chunks", size=size, overlap=0)).texts
    assert "".join("".join(apart).split()) == "".join(text.split())


def test_chunks_end_at_sentences_and_overlap() -> None:
    text = "First sentence here. Second one follows. Third is the last of them."
    chunks = cut_texts(text, Cut(cutting="chunks", size=45, overlap=12)).texts
    assert chunks == ("First sentence here. Second one follows.", "follows. Third is the last of them.")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", b"  \n", "a.txt is empty"),
        ("a.png", b"\x89PNG\0\0", "binary data"),
        ("a.txt", bytes(range(128, 256)) * 50, "not written in UTF-8"),
    ],
)
def test_what_is_no_text_is_a_sentence(name: str, data: bytes, words: str) -> None:
    with pytest.raises(NoTexts, match=words):
        file_text(Clean(name), data)


def test_files_that_cannot_be_read_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(NoTexts, match="There is no file"):
        read_text_file(str(tmp_path / "none.txt"))
    with pytest.raises(NoTexts, match="is a folder"):
        read_text_file(str(tmp_path))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(NoTexts, match="no regular file"):
        read_text_file(str(pipe))
    huge = tmp_path / "huge.txt"
    with huge.open("wb") as file:
        file.truncate(2_147_483_648)
    with pytest.raises(NoTexts, match="2,147 MB"):
        read_text_file(str(huge))
    good = tmp_path / "good.md"
    good.write_bytes("\ufeff# Überschrift".encode())
    assert read_text_file(str(good)).text == "# Überschrift"
