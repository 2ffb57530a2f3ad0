"""What the events of a reply mean, however odd they are and wherever they are cut."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_streams import DONE, USAGE, WAIT, chunk, ended, merged, read, says, sse, text, thinking

from tui.openrouter import stream
from tui.openrouter.chat import (
    Began,
    CitationsArrived,
    ImageArrived,
    RefusalDelta,
    TextDelta,
    ToolCallsChanged,
    UsageArrived,
    Waiting,
)
from tui.openrouter.errors import ErrorKind
from tui.openrouter.sse import SseDecoder
from tui.openrouter.stream import ReplyDecoder
from tui.openrouter.text import Opaque, clean_line


def details(events: list[Any]) -> Any:
    joined = ended(events).reasoning_details
    assert joined is not None
    return json.loads(joined.raw)


def test_a_plain_reply() -> None:
    events = read(sse(WAIT, says(""), says("Hel"), says("lo"), chunk({"content": ""}, finish="stop")), DONE)
    assert [type(event) for event in events[:2]] == [Waiting, Began]
    assert events[1] == Began(Opaque("gen-1"), clean_line("acme/atlas-large"), clean_line("FakeProvider"))
    assert events[2] == TextDelta(clean_line("Hello"))
    assert ended(events).complete
    assert ended(events).finish_reason == "stop"
    assert len(events) == 4


def test_ordinary_events_take_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_value: object) -> stream._Choice:
        raise AssertionError("the slow path")

    monkeypatch.setattr(stream, "_lenient_choice", refuse)
    detail = {"type": "reasoning.text", "text": "Hm", "index": 0, "format": "unknown"}
    events = read(
        sse(
            chunk({"content": "", "reasoning": "Hm", "reasoning_details": [detail]}, logprobs=None),
            chunk({"content": None, "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}),
            chunk({"content": "x", "reasoning": None, "reasoning_details": [], "refusal": None}, finish="stop"),
            chunk(usage=USAGE),
            DONE,
        )
    )
    assert text(events) == "x"
    assert thinking(events) == "Hm"


def test_comments_after_the_first_event_say_nothing_new() -> None:
    events = read(sse(says("a"), WAIT, says("b"), WAIT, DONE))
    assert not any(isinstance(event, Waiting) for event in events)


def test_who_answers_may_come_late() -> None:
    first = says("a")
    del first["provider"]
    events = read(sse(first, says("b"), DONE))
    began = [event for event in events if isinstance(event, Began)]
    assert [event.provider for event in began] == [None, "FakeProvider"]


def test_the_header_names_the_generation_and_the_body_does_else() -> None:
    with_header = ReplyDecoder(generation_id=Opaque("gen-h"))
    assert Began(Opaque("gen-h"), None, None) in with_header.feed([b'{"id":"gen-b","choices":[]}'])
    without = ReplyDecoder()
    without.feed([b'{"id":"gen-b","choices":[]}'])
    assert without.generation_id == Opaque("gen-b")


# Usage


@pytest.mark.parametrize(
    "last",
    [
        [chunk({"content": ""}, finish="stop"), chunk(usage=USAGE)],
        [chunk({"content": ""}, finish="stop"), chunk({"content": ""}, usage=USAGE)],
        [chunk({"content": ""}, finish="stop"), chunk({"content": ""}, finish="stop", usage=USAGE)],
        [chunk({"content": ""}, finish="stop", usage=USAGE)],
    ],
)
def test_usage_comes_with_and_without_a_choice_and_reasons_twice_or_back_to_null(last: list[dict[str, Any]]) -> None:
    events = read(sse(says("a"), *last, DONE))
    arrived = [event.usage for event in events if isinstance(event, UsageArrived)]
    assert len(arrived) == 1
    assert arrived[0].cost_usd == Decimal("0.0000624")
    assert (arrived[0].prompt_tokens, arrived[0].completion_tokens) == (12, 8)
    assert ended(events).finish_reason == "stop"


def test_usage_with_everything() -> None:
    usage = USAGE | {
        "is_byok": True,
        "cost": 2.3e-07,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 5},
        "cost_details": {"upstream_inference_cost": 0.001},
        "server_tool_use": {"web_search_requests": 1},
    }
    events = read(sse(says("a"), chunk(usage=usage), DONE))
    arrived = next(event.usage for event in events if isinstance(event, UsageArrived))
    assert (arrived.cached_tokens, arrived.cache_write_tokens, arrived.reasoning_tokens) == (3, 2, 5)
    assert arrived.web_search_requests == 1
    assert arrived.spent_usd == Decimal("0.00100023")


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": "many", "cost": -1},
        {"prompt_tokens": 1.5, "completion_tokens": 1e300, "cost": 1e300, "cost_details": [], "is_byok": "yes"},
        {"prompt_tokens": True, "completion_tokens": None, "cost": "NaN", "prompt_tokens_details": 3},
    ],
)
def test_absurd_usage_is_unknown(usage: dict[str, Any]) -> None:
    events = read(sse(says("a"), chunk(usage=usage), DONE))
    arrived = next(event.usage for event in events if isinstance(event, UsageArrived))
    assert (arrived.prompt_tokens, arrived.completion_tokens, arrived.cost_usd) == (None, None, None)
    assert not arrived.is_byok


def test_the_last_usage_is_the_one_that_counts() -> None:
    events = read(sse(says("a"), chunk(usage={"cost": 1}), chunk(usage={"cost": 2}), chunk(usage={}), DONE))
    assert [e.usage.cost_usd for e in events if isinstance(e, UsageArrived)] == [Decimal(1), Decimal(2)]


# The end


def test_an_end_without_done_and_reason_is_cut_off() -> None:
    assert not ended(read(sse(says("a")))).complete
    assert ended(read(sse(says("a"), chunk({"content": "b"}, finish="length")))).complete
    assert ended(read(sse(says("a"), DONE))).complete


def test_done_may_lack_its_blank_line() -> None:
    assert ended(read(sse(says("a")), b"data: [DONE]")).complete


def test_a_torn_last_event_is_not_counted_as_broken() -> None:
    last = ended(read(sse(says("a")), b'data: {"id":"gen-1","choi'))
    assert (last.complete, last.broken_events) == (False, 0)


def test_what_follows_done_is_ignored() -> None:
    assert text(read(sse(says("a"), DONE, says("b")))) == "a"


def test_broken_events_are_counted_and_left_out() -> None:
    events = read(sse(says("a"), b'data: {"oops\n\n', b"data: 17\n\n", b"data:\n\n", says("b"), DONE))
    assert text(events) == "ab"
    assert ended(events).broken_events == 2
    assert ended(events).complete


# Errors

FAILURE = {"code": 502, "message": "Provider returned error", "metadata": {"error_type": "provider_unavailable"}}


def test_an_error_in_the_middle_keeps_the_text_and_is_not_repeated() -> None:
    closing = chunk({"content": ""}, finish="error", error=FAILURE)
    last = ended(events := read(sse(says("Half"), closing, chunk(usage=USAGE))))
    assert text(events) == "Half"
    assert any(isinstance(event, UsageArrived) for event in events)
    assert last.error is not None
    assert last.error.kind is ErrorKind.PROVIDER_DOWN
    assert not last.error.retryable
    assert not last.complete


@pytest.mark.parametrize(
    "first",
    [
        chunk(error=FAILURE),
        chunk({"content": ""}, finish="error", error=FAILURE),
        {"error": FAILURE},
        {"error": FAILURE, "choices": None},
        {"choices": [{"delta": {"content": ""}, "error": FAILURE, "finish_reason": "error"}]},
        {"error": {"code": "server_error", "message": "x"}},
    ],
)
def test_an_error_as_first_event_may_be_repeated(first: dict[str, Any]) -> None:
    decoder = ReplyDecoder()
    decoder.feed(SseDecoder().feed(sse(WAIT, first)))
    assert decoder.first_was_error
    assert decoder.error is not None
    assert decoder.error.retryable


def test_an_error_with_text_in_the_first_event_is_not_repeated() -> None:
    decoder = ReplyDecoder()
    decoder.feed(SseDecoder().feed(sse(chunk({"content": "a"}, finish="error", error=FAILURE))))
    assert not decoder.first_was_error
    assert decoder.error is not None
    assert not decoder.error.retryable


def test_an_error_without_words_is_one_too() -> None:
    last = ended(read(sse(says("a"), chunk({"content": ""}, finish="error"))))
    assert last.error is not None
    assert ended(read(sse(says("a"), chunk(error="out of luck")))).error is not None


@pytest.mark.parametrize("nothing", [None, {}, [], "", False])
def test_an_empty_error_is_none(nothing: object) -> None:
    event = says("a") | {"error": nothing}
    event["choices"][0]["error"] = nothing
    last = ended(read(sse(event, DONE)))
    assert last.complete
    assert last.error is None


# Reasoning


def test_the_same_thinking_twice_is_shown_once() -> None:
    events = read(
        sse(
            chunk({"reasoning": "Two ", "reasoning_details": [{"type": "reasoning.text", "text": "Two ", "index": 0}]}),
            chunk({"reasoning": "and", "reasoning_details": [{"type": "reasoning.text", "text": "and", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "s1g", "index": 0}]}),
            says("Four."),
            DONE,
        )
    )
    assert thinking(events) == "Two and"
    assert details(events) == [{"type": "reasoning.text", "text": "Two and", "index": 0, "signature": "s1g"}]


def test_thinking_that_only_the_details_carry_is_shown() -> None:
    events = read(
        sse(
            chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "**Plan** ", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "it", "index": 0}]}),
            chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA", "index": 0}]}),
            says("x"),
            DONE,
        )
    )
    assert thinking(events) == "**Plan** it"
    assert details(events) == [
        {"type": "reasoning.summary", "summary": "**Plan** it", "index": 0},
        {"type": "reasoning.encrypted", "data": "AAAA", "index": 0},
    ]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_of_other_servers(field: str) -> None:
    events = read(sse(chunk({field: "a"}), chunk({field: "b"}), says("x"), DONE))
    assert thinking(events) == "ab"
    assert ended(events).reasoning_details is None


def test_the_same_thinking_one_event_later_is_shown_once() -> None:
    def detail(piece: str) -> dict[str, Any]:
        return chunk({"reasoning_details": [{"type": "reasoning.text", "text": piece, "index": 0}]})

    def plain(piece: str) -> dict[str, Any]:
        return chunk({"reasoning": piece})

    assert thinking(read(sse(plain("ab"), detail("ab"), plain("cd"), detail("cd"), DONE))) == "abcd"
    assert thinking(read(sse(plain("ab"), plain("cd"), detail("a"), detail("bc"), detail("de"), DONE))) == "abcde"
    assert thinking(read(sse(detail("ab"), plain("ab"), DONE))) == "ab"
    assert thinking(read(sse(plain("ab"), detail("other"), DONE))) == "abother"


def test_details_that_do_not_belong_together_stay_apart() -> None:
    first = {"type": "reasoning.encrypted", "data": "A", "id": "one", "index": 0}
    second = {"type": "reasoning.encrypted", "data": "B", "id": "two", "index": 0}
    third = {"type": "reasoning.encrypted", "data": "C"}
    fourth = {"type": "reasoning.encrypted", "data": "D"}
    kept = [first, second, third, fourth]
    assert details(read(sse(*(chunk({"reasoning_details": [item]}) for item in kept), DONE))) == kept


def test_unknown_details_are_kept_as_they_came() -> None:
    odd = {
        "type": "reasoning.server_tool_call",
        "tool_name": "x",
        "result": {"a": [1, 2.5, None]},
        "new": "y",
        "index": 1,
    }
    assert details(read(sse(chunk({"reasoning_details": [odd, 7]}), DONE))) == [odd]


def test_thinking_comes_before_the_text_of_the_same_event() -> None:
    events = read(sse(says("a"), chunk({"content": "b", "reasoning": "r"}), DONE))
    assert [getattr(event, "text", None) for event in events[1:4]] == ["a", "r", "b"]


# Tool calls, refusals, images, citations


def test_tool_calls_are_merged_by_index() -> None:
    def fragment(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        function = {"arguments": arguments} | ({"name": more.pop("name")} if "name" in more else {})
        return {"index": index, "function": function, **more}

    events = read(
        sse(
            chunk({"tool_calls": [fragment(1, "", id="b", name="sub"), fragment(0, '{"a', id="a", name="add")]}),
            chunk({"tool_calls": [fragment(0, '":1}')]}),
            chunk({"tool_calls": [fragment(1, "not json")]}),
            chunk({"content": ""}, finish="tool_calls"),
            DONE,
        )
    )
    calls = [event for event in events if isinstance(event, ToolCallsChanged)][-1].calls
    assert [(call.index, call.id, call.name, call.arguments) for call in calls] == [
        (0, Opaque("a"), "add", Opaque('{"a":1}')),
        (1, Opaque("b"), "sub", Opaque("not json")),
    ]


def test_tool_calls_without_an_index_and_with_an_object_for_arguments() -> None:
    events = read(
        sse(chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}, None]}), DONE)
    )
    calls = next(event for event in events if isinstance(event, ToolCallsChanged)).calls
    assert [(call.index, call.arguments.raw) for call in calls] == [(0, '{"x": 1}')]


def test_refusals_images_and_citations() -> None:
    cite = {"type": "url_citation", "url_citation": {"url": "https://example.test/a", "title": "[/b]\x1b[2J"}}
    events = read(
        sse(
            chunk({"refusal": "I will "}),
            chunk({"refusal": "not"}),
            chunk({"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {}]}),
            chunk({"annotations": [cite, {"type": "file"}]}),
            chunk({"annotations": [cite]}),
            DONE,
        )
    )
    assert RefusalDelta(clean_line("I will not")) in events
    assert ImageArrived(Opaque("data:image/png;base64,AA==")) in events
    cited = [event for event in events if isinstance(event, CitationsArrived)]
    assert len(cited) == 1
    assert cited[0].citations[0].title == "[/b]␛[2J"


# Malformed and hostile


@pytest.mark.parametrize(
    "bad",
    [
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": {"delta": {"content": "x"}}},
        {"choices": [7, None]},
        {"choices": [{"delta": [], "finish_reason": 3}]},
        {"choices": [{"delta": {"tool_calls": "no", "reasoning_details": {"a": 1}, "images": 3, "annotations": [1]}}]},
        {"id": 5, "model": [], "provider": {}, "choices": [None], "usage": [], "error": None},
        [],
    ],
)
def test_malformed_fields_cost_only_themselves(bad: object) -> None:
    events = read(sse(says("a"), bad, says("b"), DONE))
    assert text(events) == "ab"
    assert ended(events).complete


def test_content_in_parts_is_text() -> None:
    events = read(sse(chunk({"content": [{"type": "text", "text": "a"}, {"type": "odd"}, {"text": "b"}]}), DONE))
    assert text(events) == "ab"


def test_hostile_text_is_made_visible_and_ids_stay_raw() -> None:
    event = says("\x1b]52;c;eA==\x1b\\ \u202e \u2028") | {"id": "gen\x1b[2J", "model": "\x1b[2J", "provider": "a\nb"}
    events = read(sse(event, DONE))
    assert "\x1b" not in text(events)
    assert "\u202e" not in text(events)
    assert Began(Opaque("gen\x1b[2J"), clean_line("\x1b[2J"), clean_line("a b")) in events


def test_halves_of_a_character_in_two_events_are_joined() -> None:
    first = b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'
    second = b'data: {"choices":[{"delta":{"content":"\\ude00b"}}]}\n\n'
    assert text(read(first, second, DONE)) == "a\U0001f600b"
    assert text(read(first + second + DONE)) == "a\U0001f600b"
    assert text(read(first, DONE)) == "a\ufffd"


def test_a_crlf_in_two_events_is_one_line_end() -> None:
    assert text(read(sse(says("a\r")), sse(says("\nb"), DONE))) == "a\nb"
    assert text(read(sse(says("a\r"), DONE))) == "a␍"


def test_deep_json_is_one_broken_event() -> None:
    deep = b"data: " + b'{"choices":' * 100_000 + b"\n\n"
    assert ended(read(sse(says("a")), deep, DONE)).broken_events == 1


def test_a_whole_reply_means_the_same() -> None:
    raw_details = '[{"type": "reasoning.text", "text": "Two and two.", "index": 0, "n": 1.50}]'
    body = (
        '\n\n {"id":"gen-2","model":"acme/a","provider":"P","choices":[{"index":0,"finish_reason":"stop",'
        '"message":{"role":"assistant","content":"Four.","reasoning":"Two and two.",'
        f'"reasoning_details":{raw_details},"tool_calls":[{{"id":"c","function":{{"name":"f","arguments":"{{}}"}}}}]'
        '}}],"usage":{"cost":0.5}}'
    ).encode()
    reply = ReplyDecoder()
    events = reply.feed_whole(body) + reply.finish()
    assert (text(events), thinking(events)) == ("Four.", "Two and two.")
    assert any(isinstance(event, UsageArrived) for event in events)
    assert any(isinstance(event, ToolCallsChanged) for event in events)
    assert ended(events).complete
    assert ended(events).reasoning_details == Opaque(raw_details)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b"17", b'{"choi'])
def test_a_whole_reply_that_is_none(body: bytes) -> None:
    reply = ReplyDecoder()
    assert reply.feed_whole(body) == []
    assert reply.json_events == 0


TOOL = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"ä":'}}]})
THOUGHT = {"type": "reasoning.text", "text": "größer 👩‍👧", "index": 0}
LONG = sse(
    WAIT,
    says(""),
    chunk({"reasoning": "größer 👩‍👧", "reasoning_details": [THOUGHT]}),
    chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "x", "index": 0}]}),
    says("Ein \r"),
    says("\nTeil\u2028"),
    WAIT,
    b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\r\n\r\n',
    b'data: {"choices":[{"delta":{"content":"\\ude00"}}]}\r\r',
    b"data: {broken\n\n",
    TOOL,
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk({"content": ""}, finish="stop"),
    chunk({"content": ""}, finish="stop", usage=USAGE),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, len(LONG)), max_size=20), st.sampled_from([b"", DONE, sse(chunk(error=FAILURE))]))
def test_cuts_do_not_change_what_a_reply_means(cuts: list[int], end: bytes) -> None:
    places = [0, *sorted(cuts), len(LONG)]
    pieces = [LONG[a:b] for a, b in itertools.pairwise(places)]
    assert merged(read(*pieces, end)) == merged(read(LONG + end))


def test_cut_at_every_byte() -> None:
    whole = LONG + DONE
    assert merged(read(*(whole[i : i + 1] for i in range(len(whole))))) == merged(read(whole))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        *("id", "model", "provider", "choices", "usage", "error", "delta", "message", "content", "reasoning", "type"),
        *("reasoning_details", "tool_calls", "function", "images", "annotations", "finish_reason", "index", "text"),
    ]
)
SHAPED = st.recursive(
    JSON,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SHAPED, max_size=4))
def test_no_json_crashes_it(values: list[object]) -> None:
    body = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    assert ended(read(body + DONE)) is not None
