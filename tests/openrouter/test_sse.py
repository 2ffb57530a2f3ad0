"""Server-sent events: where lines end, what a comment is, and that cuts do not matter."""

from __future__ import annotations

import collections
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.openrouter.sse import Comment, EventTooLarge, SseDecoder, SseItem


def decode(*pieces: bytes) -> list[SseItem]:
    decoder = SseDecoder()
    items: list[SseItem] = []
    for piece in pieces:
        items += decoder.feed(piece)
    return items + decoder.finish()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_at_lf_crlf_and_cr(end: bytes) -> None:
    assert decode(end.join([b": hello", b"", b"data: 1", b"", b"data: 2", b"", b""])) == [Comment(b"hello"), b"1", b"2"]


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    assert decode(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [b"a\nb"]


def test_a_cr_alone_ends_the_event_without_waiting_for_more() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r\r") == [b"a"]


def test_unicode_line_ends_inside_the_json_are_text() -> None:
    payload = '{"a":"x\u2028y\u2029z\u0085"}'.encode()
    assert decode(b"data: " + payload + b"\n\n") == [payload]


def test_data_with_and_without_the_space() -> None:
    assert decode(b"data:1\n\ndata: 2\n\ndata:  3\n\n") == [b"1", b"2", b" 3"]


def test_data_lines_of_one_event_are_joined() -> None:
    assert decode(b"data: a\ndata\ndata:b\n\n") == [b"a\n\nb"]


def test_other_fields_are_ignored() -> None:
    assert decode(b"event: x\nid: 7\nretry: 10\ndata: 1\n\n\n\nevent: y\n\n") == [b"1"]


def test_a_comment_in_the_middle_of_an_event_does_not_end_it() -> None:
    assert decode(b"data: a\n:\ndata: b\n\n") == [Comment(b""), b"a\nb"]


def test_a_bom_at_the_start_is_dropped_also_in_pieces() -> None:
    assert decode(b"\xef\xbb\xbfdata: 1\n\n") == [b"1"]
    assert decode(b"\xef", b"\xbb", b"\xbfdata: 1\n\n") == [b"1"]
    assert decode(b"\xef\xbb\xbfdata: 1") == [b"1"]


def test_the_last_event_may_lack_its_blank_line() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: 1\n\ndata: [DO") == [b"1"]
    assert decoder.feed(b"NE]") == []
    assert decoder.finish() == [b"[DONE]"]
    assert decoder.finish() == []


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 40] * 3,
        [b"data: " + b"x" * 30 + b"\n"] * 5,
        [b":" + b"x" * 101],
    ],
)
def test_an_event_without_end_is_given_up(pieces: list[bytes]) -> None:
    decoder = SseDecoder(largest_event=100)
    with pytest.raises(EventTooLarge):
        collections.deque(map(decoder.feed, pieces))


def test_many_small_events_are_not_too_large() -> None:
    decoder = SseDecoder(largest_event=100)
    assert len(decoder.feed(b"data: 0123456789\n\n" * 50)) == 50


def test_a_long_line_in_many_pieces_is_joined_once() -> None:
    piece = b"x" * 1000
    assert decode(b"data: ", *[piece] * 2000, b"\n\n") == [piece * 2000]


STREAM = (
    b": OPENROUTER PROCESSING\r\n\r\n"
    + 'data: {"a": "größer 👩‍👩‍👧 \u2028"}\n\n'.encode()
    + b"data: one\rdata:two\r\r: x\ndata:\n\ndata: [DONE]\n\n"
)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert decode(*(STREAM[a:b] for a, b in itertools.pairwise(places))) == decode(STREAM)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_a_crash(body: bytes) -> None:
    assert decode(body) == decode(*(body[i : i + 1] for i in range(len(body))))
