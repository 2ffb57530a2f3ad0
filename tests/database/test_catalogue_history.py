"""Differences of the catalogue by origin and time, visits, and what becomes of the whole lists of earlier versions."""

from __future__ import annotations

import json
import sqlite3
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tui.core.catalogue_changes import Changes, Listed, Moved, changes
from tui.database import catalogue, catalogue_history
from tui.database.opening import open_database
from tui.database.processes import Process
from tui.database.schema import MIGRATIONS, _watch_catalogue, migrate
from tui.database.thread import Database
from tui.openrouter.text import Clean, Opaque

ORIGIN = "https://example.test"
DAY = 86_400.0
T0 = 20_000 * DAY


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


def body(**prices: str) -> bytes:
    """A model list: USD per million tokens of input by name, `_` for `/` left out."""
    rows: list[dict[str, Any]] = [
        {
            "id": f"a/{name}",
            "name": name,
            "context_length": 1000,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "pricing": {"prompt": f"{Decimal(price).scaleb(-6):f}", "completion": "0.00001"},
        }
        for name, price in prices.items()
    ]
    return json.dumps({"data": rows}).encode()


def told(moved: Changes | tuple[Moved, ...]) -> list[tuple[str, str]]:
    rows = moved.month.moved if isinstance(moved, Changes) else moved
    return sorted((str(change.kind), str(change.slug)) for change in changes(rows))


def read(connection: sqlite3.Connection, now: float, visited_at: float | None = None) -> Changes:
    return catalogue_history.read_changes(connection, ORIGIN, visited_at, now)


def test_each_load_is_kept_as_what_it_changed(connection: sqlite3.Connection) -> None:
    assert not catalogue.save_lists(connection, ORIGIN, body(one="1", two="1"), None, T0)
    assert not catalogue.save_lists(connection, ORIGIN, body(one="1", two="1"), None, T0 + 5)
    assert catalogue.save_lists(connection, ORIGIN, body(one="2", two="1"), None, T0 + DAY)
    assert catalogue.save_lists(connection, ORIGIN, body(one="2", three="1"), None, T0 + 10 * DAY)
    assert not catalogue.save_lists(connection, "https://other.test", body(four="1"), None, T0 + 10 * DAY)
    now = T0 + 10 * DAY + 60
    known = read(connection, now, visited_at=T0 + 2 * DAY)
    assert told(known) == [("dearer", "a/one"), ("gone", "a/two"), ("new", "a/three")]
    assert told(known.week.moved) == told(known.since_visit.moved) == [("gone", "a/two"), ("new", "a/three")]
    assert known.watched_since == T0
    assert known.week.compared_with == T0 + DAY
    assert connection.execute("SELECT count(*) FROM snapshot WHERE origin = ?", (ORIGIN,)).fetchone()[0] == 1
    assert read(connection, now).since_visit.moved == ()
    assert told(read(connection, now + 30 * DAY)) == []


def test_a_visit_long_ago_reaches_behind_the_month(connection: sqlite3.Connection) -> None:
    catalogue.save_lists(connection, ORIGIN, body(one="1"), None, T0)
    catalogue.save_lists(connection, ORIGIN, body(one="2"), None, T0 + DAY)
    known = read(connection, T0 + 33 * DAY, visited_at=T0)
    assert told(known.since_visit.moved) == [("dearer", "a/one")]
    assert known.month.moved == ()
    assert known.lately is known.since_visit


def test_a_list_that_is_missing_or_broken_changes_nothing(connection: sqlite3.Connection) -> None:
    embeddings = body(vectors="1")
    catalogue.save_lists(connection, ORIGIN, body(one="1"), embeddings, T0)
    assert not catalogue.save_lists(connection, ORIGIN, body(one="1"), None, T0 + 1)
    assert not catalogue.save_lists(connection, ORIGIN, b"no list", embeddings, T0 + 3)
    connection.execute("UPDATE snapshot SET body = x'00'")
    assert not catalogue.save_lists(connection, ORIGIN, body(one="2"), body(vectors="2"), T0 + 4)
    assert catalogue.save_lists(connection, ORIGIN, body(one="2"), body(other="2"), T0 + 5)
    assert told(read(connection, T0 + 6)) == [("gone", "a/vectors"), ("new", "a/other")]


def test_the_list_and_its_difference_are_one_piece_of_work(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.save_lists(connection, ORIGIN, body(one="1"), None, T0)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(catalogue_history, "add_difference", full)
        with pytest.raises(sqlite3.OperationalError):
            catalogue.save_lists(connection, ORIGIN, body(one="2"), None, T0 + 1)
    # The next time the change is still there to be noticed.
    assert catalogue.save_lists(connection, ORIGIN, body(one="2"), None, T0 + 2)


def test_differences_are_bounded_in_age_and_number(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_history, "_MOST_KEPT", 5)
    for number in range(12):
        catalogue.save_lists(connection, ORIGIN, body(**{f"m{number}": "1"}), None, T0 + number)
    assert connection.execute("SELECT count(*) FROM catalogue_difference").fetchone()[0] == 5
    kinds = dict(told(read(connection, T0 + 20)))
    assert set(kinds) == {"came and went", "gone", "new"}
    assert kinds["gone"] == "a/m0"
    assert kinds["new"] == "a/m11"
    catalogue.save_lists(connection, ORIGIN, body(m0="1"), None, T0 + 40 * DAY)
    assert connection.execute("SELECT count(*) FROM catalogue_difference").fetchone()[0] == 1


@pytest.mark.parametrize(
    "kept",
    [
        b"no zlib",
        zlib.compress(b"no json"),
        zlib.compress(b'[{"id":"a/b","before":{"prices":{"prompt":"NaN"}}}]'),
        zlib.compress(b'{"a":1}'),
        "text",
    ],
)
def test_what_cannot_be_read_is_left_out(connection: sqlite3.Connection, kept: object) -> None:
    catalogue.save_lists(connection, ORIGIN, body(one="1"), None, T0)
    catalogue.save_lists(connection, ORIGIN, body(one="2"), None, T0 + 1)
    connection.execute(
        "INSERT INTO catalogue_difference (origin, since, at, moved) VALUES (?, ?, ?, ?)", (ORIGIN, T0, T0 + 2, kept)
    )
    assert told(read(connection, T0 + 3)) == [("dearer", "a/one")]


def test_hostile_names_come_back_clean(connection: sqlite3.Connection) -> None:
    hostile = Moved(Opaque("a/\ud800\x1b]52;c;eA==\x07"), Clean("\x1b[31mred\n"), None, Listed(1))
    catalogue_history.add_difference(connection, ORIGIN, (hostile,), T0, T0 + 1)
    (moved,) = read(connection, T0 + 2).month.moved
    assert moved.id == hostile.id
    assert moved.name.isprintable()
    (change,) = changes((moved,))
    assert "\x1b" not in change.slug
    assert "\x07" not in change.slug


def test_a_visit_keeps_its_beginning_and_the_next_takes_over(connection: sqlite3.Connection, tmp_path: Path) -> None:
    def begin(process: Process, now: float) -> float | None:
        return catalogue_history.begin_visit(connection, ORIGIN, process.id, now)

    def seen_by_command() -> float | None:
        return catalogue_history.current_visit(connection, ORIGIN, tmp_path)

    assert seen_by_command() is None
    first = Process(tmp_path)
    assert begin(first, 10.0) is None
    assert seen_by_command() is None
    catalogue_history.note_seen(connection, ORIGIN, first.id, 20.0)
    assert begin(first, 25.0) is None
    # Somebody has a second one open: what the first has shown is no news there, and each keeps its own.
    second = Process(tmp_path)
    assert begin(second, 30.0) == 20.0
    assert seen_by_command() == 20.0
    catalogue_history.note_seen(connection, ORIGIN, second.id, 40.0)
    catalogue_history.note_seen(connection, ORIGIN, "a command", 90.0)
    assert begin(second, 45.0) == 20.0
    second.end()
    assert seen_by_command() == 40.0
    third = Process(tmp_path)
    assert begin(third, 50.0) == 40.0
    assert catalogue_history.begin_visit(connection, "https://other.test", third.id, 60.0) is None
    first.end()
    third.end()


def test_visits_do_not_pile_up(connection: sqlite3.Connection) -> None:
    for number in range(50):
        catalogue_history.begin_visit(connection, ORIGIN, str(number), float(number))
    assert connection.execute("SELECT count(*) FROM catalogue_visit").fetchone()[0] == 20


def test_whole_lists_of_an_earlier_version_become_differences(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    old = sqlite3.connect(path, isolation_level=None)
    migrate(old, None, MIGRATIONS[: MIGRATIONS.index(_watch_catalogue)])
    rows = [
        (ORIGIN, "models", body(one="1"), T0),
        (ORIGIN, "embeddings", body(vectors="1"), T0),
        (ORIGIN, "models", body(one="9"), T0 + DAY),
        (ORIGIN, "models", body(one="2"), T0 + DAY + 60),
        (ORIGIN, "models", b"broken", T0 + 2 * DAY),
        (ORIGIN, "providers", b"{}", T0 + 2 * DAY),
        (ORIGIN, "models", body(one="2", two="1"), T0 + 3 * DAY),
        (ORIGIN, "embeddings", body(vectors="2"), T0 + 3 * DAY),
    ]
    for origin, kind, content, at in rows:
        old.execute(
            "INSERT INTO snapshot (origin, kind, digest, body, first_at, fetched_at) VALUES (?, ?, ?, ?, ?, ?)",
            (origin, kind, b"", zlib.compress(content), at, at),
        )
    old.execute("UPDATE snapshot SET body = x'0102' WHERE fetched_at = ?", (T0 + 2 * DAY,))
    old.execute("INSERT INTO conversation (id, title, created_at, updated_at) VALUES ('c', 'kept', 1.0, 1.0)")
    old.close()
    database = Database(path)
    try:
        known = database.run_sync(catalogue_history.read_changes, ORIGIN, None, T0 + 4 * DAY)
        assert told(known) == [("dearer", "a/one"), ("dearer", "a/vectors"), ("new", "a/two")]
        assert known.watched_since == T0
        last = database.run_sync(catalogue.last_snapshot, ORIGIN, "models")
        assert last is not None
        assert last.body == body(one="2", two="1")
        counted = database.run_sync(
            lambda connection: [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("snapshot", "conversation")
            ]
        )
        assert counted == [3, 1]
    finally:
        database.close()
