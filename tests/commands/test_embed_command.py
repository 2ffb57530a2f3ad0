"""`ortui embed`: JSON Lines that a second run carries on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cli_runner import Ortui

MODEL = ("-m", "demo/embed-plain")


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def requests(ortui: Ortui) -> int:
    total = ortui("spend", "--json").json["total"]["requests"]
    assert isinstance(total, int)
    return total


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_bytes("one\n\n two \nthree\u2028and more\r\nfour".encode())
    return file


def test_each_line_has_its_number_text_and_vector(ortui: Ortui, text: Path) -> None:
    done = ortui("embed", *MODEL, str(text))
    assert (done.status, done.err) == (0, "")
    found = rows(done.out)
    assert [(row["index"], row["text"]) for row in found] == [
        (0, "one"),
        (2, " two "),
        (3, "three\ufffdand more"),
        (4, "four"),
    ]
    assert all(list(row) == ["index", "text", "model", "vector"] for row in found)
    assert {row["model"] for row in found} == {"demo/embed-plain"}
    assert {len(row["vector"]) for row in found} == {256}
    assert all(isinstance(number, float) for number in found[0]["vector"])
    assert ortui("embed", *MODEL, stdin=text.read_bytes()).out == done.out


def test_what_is_in_the_store_is_not_paid_for_again(ortui: Ortui, text: Path) -> None:
    first = ortui("embed", *MODEL, str(text))
    paid = requests(ortui)
    assert ortui("embed", *MODEL, str(text)).out == first.out
    assert requests(ortui) == paid == 1


def test_shorter_vectors_and_small_batches(ortui: Ortui, text: Path) -> None:
    done = ortui("embed", "-m", "openai/text-embedding-3-small", "--dimensions", "64", "--batch", "2", str(text))
    assert done.status == 0
    assert {len(row["vector"]) for row in rows(done.out)} == {64}
    assert requests(ortui) == 2


def test_a_file_is_carried_on_with(ortui: Ortui, text: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    whole = ortui("embed", *MODEL, str(text)).out
    assert ortui("embed", *MODEL, str(text), "--output", str(output)).status == 0
    assert output.read_text() == whole
    lines = whole.splitlines(keepends=True)
    for kept in ("", lines[0], lines[0] + lines[1], lines[0] + lines[1][:40], lines[0][:9], whole):
        output.write_text(kept)
        done = ortui("embed", *MODEL, str(text), "--output", str(output))
        assert (done.status, done.out) == (0, "")
        assert output.read_text() == whole


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ('{"index":0,"text":"one","model":"another/model","vector":[1.0]}\n', "was made with another/model"),
        ('{"index":0,"text":"ONE","model":"demo/embed-plain","vector":[1.0]}\n', "made of another text"),
        ("my diary\n", "something else"),
    ],
)
def test_another_file_is_left_as_it_is(ortui: Ortui, text: Path, tmp_path: Path, before: str, words: str) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text(before)
    done = ortui("embed", *MODEL, str(text), "-o", str(output))
    assert done.status == 2
    assert words in done.err
    assert output.read_text() == before


@pytest.mark.parametrize(
    ("model", "status"),
    [("demo/embed-429", 5), ("demo/embed-502", 6), ("demo/embed-error-in-200", 6), ("openai/gpt-4o", 2)],
)
def test_failures_have_their_status(ortui: Ortui, text: Path, model: str, status: int) -> None:
    done = ortui("embed", "-m", model, "--wait", "1", str(text))
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("ortui: ")
    assert done.err.count("\n") == 1


def test_usage_is_refused_before_anything_is_sent(ortui: Ortui, tmp_path: Path) -> None:
    assert ortui("embed", *MODEL, str(tmp_path / "nothing")).status == 2
    assert ortui("embed", stdin="x").status == 2
    assert ortui("embed", *MODEL, "--output", str(tmp_path), stdin="x").status == 2
    for name, data, why in (
        ("zero.bin", b"text\nand\0more\n", "its line 2 holds binary data"),
        ("latin.txt", "Käse über alle Maße löst Ärger öfter\n".encode("latin-1"), "not written in UTF-8"),
        ("long.txt", b"x" * (16 * 1024 * 1024 + 1), "longer than 16 MB"),
    ):
        (tmp_path / name).write_bytes(data)
        refused = ortui("embed", *MODEL, str(tmp_path / name))
        assert refused.status == 2 and why in refused.err
    ortui.configure("budget: {request: 0.000000000001}\n")
    assert ortui("embed", *MODEL, stdin="x").status == 4
    assert requests(ortui) == 0


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_a_stopped_run_leaves_whole_lines(ortui: Ortui, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    process = ortui.start(
        "embed", *MODEL, "--batch", "8", "--output", str(output), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(513):  # one window, and the next begun
        process.stdin.write(b"line %d\n" % number)
    process.stdin.flush()
    latest = time.monotonic() + 30
    while not (output.exists() and output.stat().st_size):
        assert process.poll() is None
        assert time.monotonic() < latest, "nothing was written"
    process.send_signal(signal.SIGTERM)
    process.stdin.close()
    process.stdout.close()
    assert process.wait(10) == 143
    found = rows(output.read_text())
    assert [row["index"] for row in found] == list(range(len(found)))
    assert len(found) >= 512
