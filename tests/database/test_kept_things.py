"""Catalogue snapshots, vectors and sheets, remembered settings, and what a model's past says."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from tui.core.conversation import ConversationSettings, Message
from tui.core.ledger import NewRequest, RequestKind, RequestState, Settlement
from tui.core.sheets import Relevance, Sheet, Variant
from tui.database import catalogue, chats, estimates, ledger, settings_store, sheets, vectors
from tui.database.opening import open_database
from tui.database.schema import MIGRATIONS, migrate
from tui.openrouter.text import Clean, Opaque

ORIGIN = "https://example.test"
MODEL = Opaque("a/b\ud800")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


def test_the_last_list_is_kept(connection: sqlite3.Connection) -> None:
    assert catalogue.last_snapshot(connection, ORIGIN, "models") is None
    assert catalogue.save_snapshot(connection, ORIGIN, "models", b"one" * 1000, 1.0)
    assert not catalogue.save_snapshot(connection, ORIGIN, "models", b"one" * 1000, 2.0)
    assert catalogue.save_snapshot(connection, ORIGIN, "models", b"two", 3.0)
    assert catalogue.save_snapshot(connection, ORIGIN, "embeddings", b"three", 3.0)
    last = catalogue.last_snapshot(connection, ORIGIN, "models")
    assert last is not None
    assert (last.body, last.first_at, last.fetched_at) == (b"two", 3.0, 3.0)
    assert catalogue.last_snapshot(connection, "https://other.test", "models") is None
    assert connection.execute("SELECT count(*) FROM snapshot").fetchone()[0] == 2


@pytest.mark.parametrize("body", [b"no zlib", "text", b""])
def test_an_unreadable_snapshot_is_none(connection: sqlite3.Connection, body: object) -> None:
    catalogue.save_snapshot(connection, ORIGIN, "models", b"one", 1.0)
    catalogue.save_endpoints(connection, ORIGIN, MODEL, b"two", 1.0)
    connection.execute("UPDATE snapshot SET body = ?", (body,))
    connection.execute("UPDATE endpoints_reply SET body = ?", (body,))
    assert catalogue.last_snapshot(connection, ORIGIN, "models") is None
    assert catalogue.endpoints(connection, ORIGIN, MODEL) is None


def test_endpoints_are_kept_by_model(connection: sqlite3.Connection) -> None:
    catalogue.save_endpoints(connection, ORIGIN, MODEL, b"old", 1.0)
    catalogue.save_endpoints(connection, ORIGIN, MODEL, b"new", 2.0)
    assert catalogue.endpoints(connection, ORIGIN, MODEL) == catalogue.EndpointsReply(b"new", 2.0)
    assert catalogue.endpoints(connection, ORIGIN, Opaque("a/b")) is None


def test_vectors_are_found_in_their_own_space_only(connection: sqlite3.Connection) -> None:
    space = vectors.VectorSpace(origin=ORIGIN, model=MODEL)
    digest, other = vectors.text_digest("text"), vectors.text_digest("\ud800")
    vectors.store_vectors(connection, space, {digest: b"\0\0\x80?" * 3, other: b"\0" * 4})
    assert vectors.find_vectors(connection, space, [digest, vectors.text_digest("none")]) == {digest: b"\0\0\x80?" * 3}
    assert vectors.count_vectors(connection, space) == 2
    for elsewhere in (
        vectors.VectorSpace(origin="https://other.test", model=MODEL),
        vectors.VectorSpace(origin=ORIGIN, model=Opaque("a/b")),
        vectors.VectorSpace(origin=ORIGIN, model=MODEL, dimensions=3),
        vectors.VectorSpace(origin=ORIGIN, model=MODEL, input_type="search_query"),
    ):
        assert vectors.find_vectors(connection, elsewhere, [digest]) == {}
    connection.execute("UPDATE vector SET data = ?", (b"abc",))
    assert vectors.find_vectors(connection, space, [digest, other]) == {}


def test_a_sheet_comes_back_as_it_was(connection: sqlite3.Connection) -> None:
    sheet = Sheet(
        id="s",
        name=Clean("Mine"),
        texts=(Clean("one"), Clean("two\nlines"), Clean("three")),
        labels=(Clean("a"), Clean(""), Clean("c")),
        model=MODEL,
        dimensions=256,
        input_type=Clean("search_query"),
        others=(Variant(MODEL, 64, Clean("search_document")), Variant(Opaque("c/d"))),
        relevance=(Relevance(Clean("which?"), (Clean("one"), Clean("two\nlines"))),),
    )
    sheets.save_sheet(connection, sheet, 1.0)
    assert sheets.load_sheet(connection, "s") == sheet
    shorter = Sheet(id="s", name=Clean("Mine"), texts=(Clean("only"),))
    sheets.save_sheet(connection, shorter, 2.0)
    sheets.save_sheet(connection, Sheet(id="t", name=Clean("Empty")), 3.0)
    assert sheets.load_sheet(connection, "s") == shorter
    assert [(one.id, one.text_count) for one in sheets.list_sheets(connection)] == [("t", 0), ("s", 1)]
    sheets.rename_sheet(connection, "s", "Other")
    sheets.delete_sheet(connection, "s", 4.0)
    assert sheets.load_sheet(connection, "s") is None
    assert [one.id for one in sheets.list_sheets(connection)] == ["t"]
    sheets.delete_sheet(connection, "s", 5.0, undo=True)
    brought_back = sheets.load_sheet(connection, "s")
    assert brought_back is not None and (brought_back.name, brought_back.texts) == ("Other", shorter.texts)
    # What was put away a week ago is forgotten for good.
    sheets.delete_sheet(connection, "s", 6.0)
    sheets.delete_sheet(connection, "t", 6.0 + 8 * 86_400)
    assert connection.execute("SELECT count(*) FROM sheet_text").fetchone()[0] == 0


def test_the_sheet_used_last_is_the_one_to_open(connection: sqlite3.Connection) -> None:
    assert sheets.last_used_sheet(connection) is None
    for second, name in enumerate("ab"):
        sheets.save_sheet(connection, Sheet(id=name, name=Clean(name)), float(second))
    assert sheets.last_used_sheet(connection) == "b"
    sheets.note_used(connection, "a", 9.0)
    assert sheets.last_used_sheet(connection) == "a"
    sheets.delete_sheet(connection, "a", 10.0)
    assert sheets.last_used_sheet(connection) == "b"


def test_a_spoilt_column_costs_only_what_it_held(connection: sqlite3.Connection) -> None:
    sheet = Sheet(id="s", name=Clean("Mine"), texts=(Clean("one"),), others=(Variant(MODEL, 64, None),))
    sheets.save_sheet(connection, sheet, 1.0)
    for spoilt in ("{", "[]", '{"others": [1]}', '{"relevance": [["q", 7]]}'):
        connection.execute("UPDATE sheet SET more = ?", (spoilt,))
        loaded = sheets.load_sheet(connection, "s")
        assert loaded is not None and (loaded.texts, loaded.others, loaded.relevance) == (sheet.texts, (), ())


def test_a_sheet_of_an_earlier_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.row_factory = sqlite3.Row
    migrate(old, path, MIGRATIONS[:2])
    old.execute("INSERT INTO sheet (id, name, updated_at) VALUES ('s', 'Old', 1.0)")
    old.execute("INSERT INTO sheet_text VALUES ('s', 0, 'text', 'label', 'group')")
    old.close()
    opened = open_database(path, busy_s=0.1).connection
    loaded = sheets.load_sheet(opened, "s")
    assert loaded == Sheet(
        id="s", name=Clean("Old"), texts=(Clean("text"),), labels=(Clean("label"),), groups=(Clean("group"),)
    )
    assert sheets.last_used_sheet(opened) == "s"
    opened.close()


def test_small_values_are_remembered(connection: sqlite3.Connection) -> None:
    settings_store.remember(connection, "sort", {"by": "price", "down": True})
    settings_store.remember(connection, "filter", "free \ud800")
    assert settings_store.remembered(connection, "sort") == {"by": "price", "down": True}
    assert settings_store.remembered_text(connection, "filter") == "free \ud800"
    assert settings_store.remembered_text(connection, "sort", "none") == "none"
    settings_store.remember(connection, "sort", None)
    connection.execute("INSERT INTO setting VALUES ('broken', '{')")
    assert settings_store.all_remembered(connection) == {"filter": "free \ud800", "broken": None}


def test_recent_and_favourite_models_belong_to_an_origin(connection: sqlite3.Connection) -> None:
    for second, name in enumerate(("x", "y", "x", "z")):
        settings_store.note_use(connection, ORIGIN, Opaque(name), float(second))
    settings_store.set_favourite(connection, ORIGIN, MODEL, True)
    settings_store.set_favourite(connection, ORIGIN, Opaque("x"), True)
    settings_store.set_favourite(connection, ORIGIN, Opaque("x"), False)
    assert settings_store.recents(connection, ORIGIN) == (Opaque("z"), Opaque("x"), Opaque("y"))
    assert settings_store.favourites(connection, ORIGIN) == {MODEL}
    assert settings_store.recents(connection, "https://other.test") == ()


def test_reply_lengths_come_from_the_last_replies(connection: sqlite3.Connection) -> None:
    assert estimates.completion_median(connection, ORIGIN, MODEL) is None
    for number in range(260):
        new = NewRequest(
            id=str(number),
            kind=RequestKind.CHAT,
            origin=ORIGIN,
            created_at=float(number),
            model=MODEL,
            reserve_usd=Decimal(0),
            estimate_usd=Decimal(0),
        )
        ledger.reserve(connection, new, limits={}, action="warn", process="p", now=1.0)
        ledger.settle(
            connection,
            Settlement(
                request_id=str(number),
                state=RequestState.AWAITED if number % 13 == 5 else RequestState.BILLED,
                ended_at=1.0,
                cost_usd=Decimal(0),
                completion_tokens=9999 if number < 20 or number % 13 == 5 else number,
            ),
        )
    lengths = estimates.reply_lengths(connection, ORIGIN, MODEL)
    assert lengths is not None
    assert lengths.replies == 200
    counted = sorted(number for number in range(260) if number % 13 != 5)[-200:]
    assert lengths.median == counted[99]
    assert lengths.ninety_percent == counted[179]


def test_the_estimator_learns_what_is_billed(connection: sqlite3.Connection) -> None:
    assert estimates.estimator_ratio(connection, ORIGIN, MODEL) == 1
    for _ in range(30):
        estimates.learn_ratio(connection, ORIGIN, MODEL, estimated=100, billed=130)
    assert float(estimates.estimator_ratio(connection, ORIGIN, MODEL)) == pytest.approx(1.3)
    for estimated, billed in ((0, 5), (5, 0), (1, 10**9), (-1, 5)):
        estimates.learn_ratio(connection, ORIGIN, MODEL, estimated=estimated, billed=billed)
    assert float(estimates.estimator_ratio(connection, ORIGIN, MODEL)) == pytest.approx(1.3)
    for _ in range(60):
        estimates.learn_ratio(connection, ORIGIN, MODEL, estimated=1, billed=20)
    assert float(estimates.estimator_ratio(connection, ORIGIN, MODEL)) <= 4


def test_the_list_of_conversations_can_be_searched(connection: sqlite3.Connection) -> None:
    for number, (title, text) in enumerate(
        (("100% sure", "zebra"), ("Other", "a zebra's stripes"), ("Third", "horse"))
    ):
        chats.create(connection, str(number), title=Clean(title), settings=ConversationSettings(), now=float(number))
        one = Message(
            id=f"m{number}",
            conversation_id=str(number),
            parent_id=None,
            role="user",
            text=Clean(text),
            created_at=float(number),
        )
        chats.add_message(connection, one)
    for words, expected in (
        ("zebra", ["1", "0"]),
        ("0%", ["0"]),
        ("%", ["0"]),
        ("thi", ["2"]),
        ("str zebra", ["1"]),
        ("ebra", []),
        ("zebra str", ["1"]),
        ('"', []),
        (" ", ["2", "1", "0"]),
    ):
        assert [row.id for row in chats.list_conversations(connection, search=words)] == expected, words
