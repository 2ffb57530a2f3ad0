"""The kept-up sums equal what the rows say, whatever happens to the requests."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.core.conversation import ConversationSettings, CostKind
from tui.core.ledger import (
    MONEY,
    KeyLimits,
    NewRequest,
    Period,
    RequestKind,
    RequestState,
    Reserved,
    Settlement,
    SpendQuery,
    SpendRow,
    Take,
)
from tui.database import chats, ledger
from tui.database.limits import take
from tui.database.opening import open_database
from tui.database.request_rows import cost_of, last_requests, request_row
from tui.database.schema import MIGRATIONS, migrate
from tui.database.spend import spend_rows, summary, view
from tui.database.sums import rebuild
from tui.openrouter.text import Clean, Opaque

ORIGIN = "https://example.test"
NOW = 1_760_000_000.0
DAY = 86_400.0
SUM_TABLES = ("day_total", "hour_total", "day_sum", "month_sum", "conversation_sum", "session_sum")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return open_database(None, busy_s=0.1).connection


def request(
    request_id: str,
    *,
    reserve: str | None = "0.10",
    estimate: str | None = "0.04",
    at: float = NOW,
    model: str = "a/b",
    conversation: str | None = None,
    origin: str = ORIGIN,
) -> NewRequest:
    return NewRequest(
        id=request_id,
        kind=RequestKind.CHAT,
        origin=origin,
        created_at=at,
        model=Opaque(model),
        conversation_id=conversation,
        reserve_usd=None if reserve is None else Decimal(reserve),
        estimate_usd=None if estimate is None else Decimal(estimate),
    )


def book(connection: sqlite3.Connection, new: NewRequest, process: str = "p") -> None:
    outcome = ledger.reserve(connection, new, limits={}, action="block", process=process, now=new.created_at)
    assert outcome == Reserved()


def end(connection: sqlite3.Connection, request_id: str, state: RequestState, cost: str | None = None) -> None:
    ledger.settle(
        connection,
        Settlement(
            request_id=request_id, state=state, ended_at=NOW + 5, cost_usd=None if cost is None else Decimal(cost)
        ),
    )


def whole(connection: sqlite3.Connection) -> SpendRow:
    return spend_rows(connection, ORIGIN)[0]


def all_sums(connection: sqlite3.Connection) -> dict[str, list[list[object]]]:
    return {
        table: [
            [Decimal(value) if isinstance(value, str) else value for value in row]
            for row in connection.execute(f"SELECT * FROM {table}").fetchall()
        ]
        for table in SUM_TABLES
    }


amounts = st.one_of(
    st.none(),
    st.decimals(0, 1000, places=18),
    st.decimals(0, Decimal("0.001"), places=24),
    st.sampled_from([Decimal(0), Decimal("1E-30"), Decimal("4.5E-7"), Decimal("123456789.000000000000001")]),
)
settlements = st.builds(
    Settlement,
    request_id=st.integers(0, 7).map(str),
    state=st.sampled_from(sorted(set(RequestState) - {RequestState.RESERVED})),
    ended_at=st.just(NOW),
    cost_usd=amounts,
    upstream_usd=amounts,
    is_byok=st.booleans(),
    estimate_usd=amounts,
    prompt_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    completion_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    provider=st.sampled_from([None, Clean("Acme"), Clean("Other")]),
    cached_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    cache_write_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    error_kind=st.sampled_from([None, "cut_off"]),
)


@given(steps=st.lists(settlements, max_size=40), reserves=st.lists(amounts, min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_sums_always_equal_the_rows(steps: list[Settlement], reserves: list[Decimal | None]) -> None:
    connection = open_database(None, busy_s=0.1).connection
    for number in range(8):
        new = request(
            str(number),
            reserve=None,
            estimate=None if reserves[number] is None else f"{reserves[number]:f}",
            at=NOW + (number % 3) * DAY,
            model=f"m{number % 2}",
            conversation=f"c{number % 2}" if number % 4 else None,
        )
        book(connection, new, process=f"p{number % 2}")
    for step in steps:
        ledger.settle(connection, step)
        ledger.settle(connection, step)
    billed = estimated = Decimal(0)
    by_model: defaultdict[str, Decimal] = defaultdict(Decimal)
    counted = unknown = prompt = 0
    for row in connection.execute("SELECT * FROM request").fetchall():
        if row["state"] in (RequestState.RESERVED, RequestState.FREE):
            continue
        counted += 1
        prompt += row["prompt_tokens"] or 0
        cost = cost_of(row)
        model = "m0" if int(row["id"]) % 2 == 0 else "m1"
        if cost.kind is CostKind.BILLED:
            assert cost.usd is not None
            billed = MONEY.add(billed, cost.usd)
            by_model[model] = MONEY.add(by_model[model], cost.usd)
        elif cost.usd is None:
            unknown += 1
        else:
            estimated = MONEY.add(estimated, cost.usd)
    kept = all_sums(connection)
    rebuild(connection)
    assert all_sums(connection) == kept
    total, rows = spend_rows(connection, ORIGIN, "model")
    assert (total.requests, total.prompt_tokens, total.unknown) == (counted, prompt, unknown)
    assert (total.billed_usd, total.estimated_usd) == (billed, estimated)
    assert {row.key: row.billed_usd for row in rows if row.billed_usd} == {k: v for k, v in by_model.items() if v}
    for by in ("day", "key", "provider", "conversation"):
        parts = spend_rows(connection, ORIGIN, by)[1]
        assert sum(part.requests for part in parts) == counted
        sum_of_parts = Decimal(0)
        for part in parts:
            sum_of_parts = MONEY.add(sum_of_parts, part.billed_usd)
        assert sum_of_parts == billed
    sessions = [summary(connection, ORIGIN, process, NOW).session for process in ("p0", "p1")]
    assert MONEY.add(sessions[0].billed_usd, sessions[1].billed_usd) == billed


def test_amounts_stay_exact_over_thirty_orders_of_magnitude(connection: sqlite3.Connection) -> None:
    costs = ["0.000000000000000000000001", "9999999999.99", "0.1", "0.2"]
    for number, cost in enumerate(costs):
        book(connection, request(str(number)))
        end(connection, str(number), RequestState.BILLED, cost)
    assert f"{whole(connection).billed_usd:f}" == "10000000000.290000000000000000000001"
    assert connection.execute("SELECT typeof(billed_usd) FROM day_sum").fetchone()[0] == "text"


def test_an_awaited_bill_moves_from_estimated_to_billed(connection: sqlite3.Connection) -> None:
    book(connection, request("r"))
    end(connection, "r", RequestState.AWAITED)
    row = whole(connection)
    assert (row.billed_usd, row.estimated_usd, row.requests) == (Decimal(0), Decimal("0.04"), 1)
    end(connection, "r", RequestState.BILLED, "0.03")
    row = whole(connection)
    assert (row.billed_usd, row.estimated_usd, row.requests) == (Decimal("0.03"), Decimal(0), 1)


@pytest.mark.parametrize("late", [RequestState.FREE, RequestState.AWAITED, RequestState.UNKNOWN])
def test_a_bill_is_not_taken_back(connection: sqlite3.Connection, late: RequestState) -> None:
    book(connection, request("r"))
    end(connection, "r", RequestState.BILLED, "0.03")
    end(connection, "r", RequestState.BILLED, "0.03")
    end(connection, "r", late)
    assert (whole(connection).billed_usd, whole(connection).requests) == (Decimal("0.03"), 1)


def test_a_second_bill_replaces_the_first(connection: sqlite3.Connection) -> None:
    book(connection, request("r"))
    end(connection, "r", RequestState.BILLED, "0.03")
    end(connection, "r", RequestState.BILLED, "0.05")
    end(connection, "r", RequestState.BILLED)
    assert whole(connection).billed_usd == Decimal("0.05")


@pytest.mark.parametrize("cost", [None, "-1", "NaN", "1E+999999"])
def test_a_bill_without_a_usable_amount_is_no_bill(connection: sqlite3.Connection, cost: str | None) -> None:
    book(connection, request("known"))
    book(connection, request("unknown", estimate=None, reserve=None))
    end(connection, "known", RequestState.BILLED, cost)
    end(connection, "unknown", RequestState.BILLED, cost)
    row = whole(connection)
    assert (row.billed_usd, row.estimated_usd, row.unknown, row.requests) == (Decimal(0), Decimal("0.04"), 1, 2)


def test_what_was_never_sent_costs_nothing(connection: sqlite3.Connection) -> None:
    book(connection, request("r"))
    end(connection, "r", RequestState.FREE)
    assert whole(connection) == SpendRow(key=Clean("total"), failed=1)
    assert ledger.open_requests(connection, ORIGIN, "", NOW).reserved_usd["day"] == 0


def test_upstream_cost_counts_only_with_a_key_of_ones_own(connection: sqlite3.Connection) -> None:
    for request_id, byok in (("a", True), ("b", False)):
        book(connection, request(request_id))
        ledger.settle(
            connection,
            Settlement(
                request_id=request_id,
                state=RequestState.BILLED,
                ended_at=NOW,
                cost_usd=Decimal("0.01"),
                upstream_usd=Decimal("0.5"),
                is_byok=byok,
            ),
        )
    assert whole(connection).billed_usd == Decimal("0.52")


def test_settling_what_is_not_there_says_so(connection: sqlite3.Connection) -> None:
    with pytest.raises(LookupError):
        end(connection, "nobody", RequestState.BILLED, "1")


def test_a_request_is_kept_with_all_that_is_known(connection: sqlite3.Connection) -> None:
    book(connection, request("0123456789abcdef0123456789abcdef", model="x/\ud800", conversation="c"))
    take(
        connection,
        Take(
            request_id="0123456789abcdef0123456789abcdef",
            account="acc",
            key_tail=Clean("…4f2a"),
            limits=KeyLimits(),
            tokens=5,
        ),
        NOW,
    )
    ledger.settle(
        connection,
        Settlement(
            request_id="0123456789abcdef0123456789abcdef",
            state=RequestState.BILLED,
            ended_at=NOW + 1,
            cost_usd=Decimal("4.5E-7"),
            reasoning_tokens=3,
            model_answered=Clean("x/y"),
            provider=Clean("Acme"),
            generation_id=Opaque("gen-\ud800"),
            ttft_ms=12,
            duration_ms=900,
            status=200,
            finish_reason=Clean("stop"),
        ),
    )
    row = request_row(connection, "0123456789abcdef0123456789abcdef")
    assert row is not None
    assert (row.key_tail, row.model, row.provider, row.tries, row.conversation_id) == ("…4f2a", "x/�", "Acme", 1, "c")
    assert row.cost.usd == Decimal("0.00000045")
    assert last_requests(connection, ORIGIN) == (row,)
    total, rows = spend_rows(connection, ORIGIN, "key")
    assert [one.key for one in rows] == ["…4f2a"]
    assert total.billed_usd == Decimal("4.5E-7")


def test_conversations_have_an_id_and_a_title(connection: sqlite3.Connection) -> None:
    chats.create(connection, "c1", title=Clean("About trees"), settings=ConversationSettings(), now=NOW)
    for name, conversation in (("a", "c1"), ("b", "gone"), ("c", None)):
        book(connection, request(name, conversation=conversation))
        end(connection, name, RequestState.BILLED, "1")
    rows = spend_rows(connection, ORIGIN, "conversation")[1]
    assert {row.key: row.title for row in rows} == {"c1": "About trees", "gone": "a deleted conversation", "–": None}
    assert {row.title for row in spend_rows(connection, ORIGIN, "model")[1]} == {None}


def test_origins_never_mix(connection: sqlite3.Connection) -> None:
    book(connection, request("a"))
    book(connection, request("b", origin="https://elsewhere.test"))
    end(connection, "a", RequestState.BILLED, "1")
    end(connection, "b", RequestState.BILLED, "2")
    assert whole(connection).billed_usd == 1
    assert summary(connection, "https://elsewhere.test", "p", NOW).all_time.billed_usd == 2
    assert summary(connection, "https://new.test", "p", NOW).all_time.requests == 0


def test_days_without_requests_are_in_the_summary(connection: sqlite3.Connection) -> None:
    for days in (0, 3, 40):
        book(connection, request(str(days), at=NOW - days * DAY))
        end(connection, str(days), RequestState.BILLED, "1")
    shown = summary(connection, ORIGIN, "p", NOW)
    assert shown.day_utc == "2025-10-09"
    assert len(shown.by_day) == 30
    assert [row.key for row in shown.by_day if row.requests] == ["2025-10-06", "2025-10-09"]
    sums = (shown.today.billed_usd, shown.month.billed_usd, shown.all_time.billed_usd)
    assert sums == (Decimal(1), Decimal(2), Decimal(3))
    assert shown.session.billed_usd == 3
    assert spend_rows(connection, ORIGIN, "day", "2025-10-06")[0].billed_usd == 2
    with pytest.raises(ValueError):
        spend_rows(connection, ORIGIN, "day", "yesterday")


def test_a_bill_is_asked_for_by_one_process_and_again_after_a_pause(connection: sqlite3.Connection) -> None:
    book(connection, request("r"))
    ledger.note_answer(connection, "r", generation_id=Opaque("gen-1"))
    end(connection, "r", RequestState.AWAITED)
    (bill,) = ledger.awaiting(connection, ORIGIN)
    assert (bill.generation_id, bill.asks, bill.next_ask_at) == (Opaque("gen-1"), 0, None)
    assert ledger.claim_bill(connection, bill, NOW + 2)
    assert not ledger.claim_bill(connection, bill, NOW + 2)
    (again,) = ledger.awaiting(connection, ORIGIN)
    assert (again.asks, again.next_ask_at) == (1, NOW + 2)
    end(connection, "r", RequestState.BILLED, "1")
    assert ledger.awaiting(connection, ORIGIN) == ()
    assert not ledger.claim_bill(connection, again, NOW + 9)


def test_after_a_day_the_estimate_stays(connection: sqlite3.Connection) -> None:
    book(connection, request("known"))
    book(connection, request("unknown", estimate=None, reserve=None))
    for request_id in ("known", "unknown"):
        end(connection, request_id, RequestState.AWAITED)
    assert ledger.expire_awaited(connection, NOW + DAY) == ()
    assert set(ledger.expire_awaited(connection, NOW + DAY + 6)) == {"known", "unknown"}
    row = whole(connection)
    assert (row.estimated_usd, row.unknown, row.requests) == (Decimal("0.04"), 1, 2)
    assert ledger.open_requests(connection, ORIGIN, "", NOW).reserved_usd["day"] == 0
    end(connection, "known", RequestState.BILLED, "0.01")
    assert whole(connection).billed_usd == Decimal("0.01")


def test_the_estimate_at_sending_stays(connection: sqlite3.Connection) -> None:
    for request_id in ("billed", "stopped"):
        book(connection, request(request_id, estimate="0.04"))
    ended = {"ended_at": NOW + 5, "estimate_usd": Decimal("0.03")}
    billed = RequestState.BILLED
    ledger.settle(connection, Settlement(request_id="billed", state=billed, cost_usd=Decimal("0.02"), **ended))  # type: ignore[arg-type]
    ledger.settle(connection, Settlement(request_id="stopped", state=RequestState.AWAITED, **ended))  # type: ignore[arg-type]
    rows = {row.id: row for row in last_requests(connection, ORIGIN)}
    assert rows["billed"].quoted_usd == rows["stopped"].quoted_usd == Decimal("0.04")
    assert rows["stopped"].cost.usd == Decimal("0.03")
    end(connection, "stopped", billed, "0.05")
    row = request_row(connection, "stopped")
    assert row is not None
    assert (row.quoted_usd, row.cost.usd) == (Decimal("0.04"), Decimal("0.05"))


def settled(connection: sqlite3.Connection, request_id: str, at: float, cost: str, **more: object) -> None:
    book(connection, request(request_id, at=at))
    fields = {"state": RequestState.BILLED, "ended_at": at + 1, "cost_usd": Decimal(cost)} | more
    ledger.settle(connection, Settlement(request_id=request_id, **fields))  # type: ignore[arg-type]


def test_what_brought_no_whole_answer_is_wasted(connection: sqlite3.Connection) -> None:
    settled(connection, "fine", NOW, "1")
    settled(connection, "cut", NOW, "0.5", error_kind="cut_off")
    settled(connection, "stopped", NOW, "0.25", error_kind="stopped", is_byok=True, upstream_usd=Decimal("0.125"))
    settled(connection, "refused", NOW, "0", state=RequestState.FREE, error_kind="rate_limited")
    row = whole(connection)
    assert (row.requests, row.failed, row.wasted) == (3, 1, 2)
    assert (row.billed_usd, row.wasted_usd, row.upstream_usd) == (Decimal("1.875"), Decimal("0.875"), Decimal("0.125"))


def test_the_course_of_two_days_by_the_hour(connection: sqlite3.Connection) -> None:
    hour = NOW // 3600 * 3600
    settled(connection, "now", NOW, "1")
    settled(connection, "then", hour - 47 * 3600, "2")
    settled(connection, "before", hour - 48 * 3600, "4")
    settled(connection, "tomorrow", NOW + DAY, "8")
    by_hour = view(connection, ORIGIN, SpendQuery(), NOW).by_hour
    assert len(by_hour) == 48
    assert {float(row.key): row.billed_usd for row in by_hour if row.requests} == {hour: 1, hour - 47 * 3600: 2}


def test_the_rate_is_that_of_fifteen_minutes_whatever_the_clock_did(connection: sqlite3.Connection) -> None:
    settled(connection, "old", NOW - 901, "1")
    settled(connection, "edge", NOW - 899, "2")
    settled(connection, "clock was ahead", NOW + 5000, "4")
    settled(connection, "clock was behind", NOW - 50_000, "8")
    settled(connection, "now", NOW, "16")
    assert summary(connection, ORIGIN, "p", NOW).burn.billed_usd == 18


def test_the_rate_of_very_many_requests_goes_by_the_newest_thousand(connection: sqlite3.Connection) -> None:
    for number in range(1_200):
        settled(connection, f"r{number}", NOW - 600 + number / 4, "0.001")
    # Four a second for five minutes, a tenth of a cent each: 0.004 a second, as the newest thousand came.
    burn = summary(connection, ORIGIN, "p", NOW - 300).burn
    assert float(burn.billed_usd) == pytest.approx(900 * 0.004, rel=0.01)


@pytest.mark.parametrize(("period", "amount"), [("today", 1), ("week", 3), ("month", 7), ("30 days", 15), ("all", 31)])
def test_periods_are_utc_days_up_to_today(connection: sqlite3.Connection, period: Period, amount: int) -> None:
    # NOW is Thursday, the 9th of October 2025.
    for days, cost in ((0, "1"), (3, "2"), (4, "4"), (29, "8"), (30, "16"), (-40, "32")):
        settled(connection, f"r{days}", NOW - days * DAY, cost)
    for by in ("model", "provider", "key", "conversation"):
        shown = view(connection, ORIGIN, SpendQuery(period=period, by=by), NOW)
        assert shown.total.billed_usd == amount
        assert sum(row.billed_usd for row in shown.by_model) == amount
        if by != "conversation":
            assert sum(row.billed_usd for row in shown.parts) == amount
    assert summary(connection, ORIGIN, "p", NOW).week.billed_usd == 3


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("other", {"2"}),
        ("rate limited", {"3"}),
        ("a/b", {"1", "3"}),
        ("a/b billed", {"1"}),
        ("429", {"3"}),
        ("%", set()),
        ("_", {"3"}),
        ("\\", set()),
        ("nothing has this", set()),
    ],
)
def test_requests_are_found_by_words(connection: sqlite3.Connection, words: str, found: set[str]) -> None:
    for number, model in (("1", "a/b"), ("2", "other/model"), ("3", "a/b")):
        book(connection, request(number, model=model))
    for number in "12":
        end(connection, number, RequestState.BILLED, "1")
    refused = Settlement(request_id="3", state=RequestState.FREE, ended_at=NOW, status=429, error_kind="rate_limited")
    ledger.settle(connection, refused)
    shown = view(connection, ORIGIN, SpendQuery(words=words), NOW).requests
    assert shown is not None
    assert {row.id for row in shown} == found


def test_a_file_of_the_first_version_gets_the_later_sums(tmp_path: Path) -> None:
    path = tmp_path / "ortui.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection, path, MIGRATIONS[:1])
    # As version 1 wrote it: a row and the sums without the later columns.
    word = connection.execute("INSERT INTO word (text) VALUES (?)", (ORIGIN,)).lastrowid
    connection.execute(
        "INSERT INTO request (id, kind, state, origin, process, created_at, model, cost_usd, error_kind)"
        " VALUES ('r', 'chat', 'billed', ?1, ?1, ?2, ?1, '0.5', ?1)",
        (word, NOW),
    )
    connection.execute("INSERT INTO day_total VALUES (?, 1, 9, 9, 9, 9, 9, 9, '9', '9', 9)", (word,))
    connection.close()
    opened = open_database(path, busy_s=0.1).connection
    total, _ = spend_rows(opened, ORIGIN)
    assert (total.requests, total.billed_usd, total.wasted_usd) == (1, Decimal("0.5"), Decimal("0.5"))
    assert sum(row.requests for row in view(opened, ORIGIN, SpendQuery(), NOW).by_hour) == 1
    opened.close()
