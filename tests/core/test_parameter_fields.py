"""Which parameters a model takes, how they are written, and what is said of wrong ones."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tui.core.parameter_fields import not_taken, offered_fields, parameter_names, taken, with_written, written
from tui.openrouter.catalogue import Model, ReasoningSupport
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, Opaque

ALL = {
    "temperature": "0.2",
    "top_p": "0.9",
    "max_tokens": "500",
    "stop": "END|STOP",
    "seed": "-7",
    "reasoning_effort": "high",
    "response_format": "json",
    "web_search": "yes",
    "sort": "latency",
    "order": "a/b, c",
    "only": "c, a/b",
    "ignore": "d",
    "allow_fallbacks": "no",
    "zdr": "yes",
    "fallback_models": "x/y, z/w",
}


def model(*supported: str, **more: Any) -> Model:
    return Model(
        id=Opaque("a/b"),
        slug=Clean("a/b"),
        name=Clean("B"),
        author=Clean("a"),
        supported_parameters=frozenset(map(Clean, supported)),
        **more,
    )


def names(of: Model | None, *, routed: bool = True) -> set[str]:
    return {field.name for field in offered_fields(of, routed=routed)}


def test_what_the_model_does_not_take_is_kept_but_not_sent() -> None:
    every = with_written(ChatParameters(), ALL)
    plain = model("temperature", "reasoning", reasoning=ReasoningSupport(supported_efforts=(Clean("low"),)))
    left_out = {"top_p", "max_tokens", "stop", "seed", "reasoning_effort", "response_format", "web_search"}
    assert set(not_taken(every, plain, routed=True)) == left_out
    assert written(taken(every, plain, routed=True)) == ALL | dict.fromkeys(left_out, "")
    assert written(every) == ALL
    low = with_written(every, {"reasoning_effort": "low"})
    assert taken(low, plain, routed=True).reasoning_effort == "low"


@pytest.mark.parametrize("unknown", [None, model()])
def test_everything_is_sent_to_a_model_of_which_nothing_is_known(unknown: Model | None) -> None:
    every = with_written(ChatParameters(), ALL)
    assert taken(every, unknown, routed=True) is every


ROUTING = {"sort", "order", "only", "ignore", "allow_fallbacks", "zdr", "fallback_models"}


def test_only_what_the_model_supports_is_offered() -> None:
    assert names(model("temperature", "seed")) == {"temperature", "seed"} | ROUTING
    assert names(model("max_completion_tokens", "structured_outputs", "tools"), routed=False) == {
        "max_tokens",
        "response_format",
    }
    assert names(model("tools")) == {"web_search"} | ROUTING
    assert names(None) == set(parameter_names())
    assert names(None, routed=False).isdisjoint(ROUTING)


@pytest.mark.parametrize(
    ("support", "choices", "default"),
    [
        (
            ReasoningSupport(mandatory=True, supported_efforts=(Clean("high"), Clean("low"), Clean("none"))),
            "high low",
            "",
        ),
        (ReasoningSupport(supported_efforts=(Clean("high"),), default_effort=Clean("high")), "high none", "none"),
        (
            ReasoningSupport(supported_efforts=(Clean("high"),), default_effort=Clean("high"), default_enabled=True),
            "high none",
            "high",
        ),
        (ReasoningSupport(default_enabled=True), "max xhigh high medium low minimal none", ""),
    ],
)
def test_the_efforts_are_those_of_the_model(support: ReasoningSupport, choices: str, default: str) -> None:
    [effort] = [
        field
        for field in offered_fields(model("reasoning", reasoning=support), routed=True)
        if field.name == "reasoning_effort"
    ]
    assert " ".join(effort.choices) == choices
    assert effort.default == default


def test_a_model_that_thinks_as_it_likes_offers_no_effort() -> None:
    assert "reasoning_effort" not in names(model("reasoning", reasoning=ReasoningSupport(supported_efforts=())))
    assert "reasoning_effort" not in names(model("temperature"))


def test_the_models_defaults_are_told() -> None:
    told = offered_fields(
        model(
            "temperature",
            "max_tokens",
            default_parameters=((Clean("temperature"), Decimal("0.70")),),
            max_completion_tokens=8192,
        ),
        routed=False,
    )
    assert {field.name: field.default for field in told} == {"temperature": "0.7", "max_tokens": "up to 8,192"}


def test_what_is_written_is_read_back() -> None:
    assert set(ALL) == set(parameter_names())
    read = with_written(ChatParameters(user="me"), ALL)
    assert written(read) == ALL
    assert read.user == "me"
    assert with_written(read, dict.fromkeys(ALL, "")) == ChatParameters(user="me")


def test_a_routing_object_keeps_what_the_form_does_not_know() -> None:
    known = ChatParameters(provider='{"quantizations": ["fp8"], "only": ["a"]}')
    changed = with_written(known, {"only": "", "zdr": "yes"})
    assert json.loads(changed.provider or "") == {"quantizations": ["fp8"], "zdr": True}
    schema = '{"type": "json_schema", "json_schema": {"name": "x"}}'
    assert with_written(known, {"response_format": schema}).response_format == schema
    assert written(with_written(known, {"response_format": schema}))["response_format"] == schema


@pytest.mark.parametrize("broken", ["{", "[]", '"x"', "[" * 100_000])
def test_a_routing_object_that_is_none_counts_as_empty(broken: str) -> None:
    assert written(ChatParameters(provider=broken))["only"] == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("temperature", "2.1", "temperature takes a number from 0 to 2, not '2.1'."),
        ("temperature", "NaN", "not 'NaN'"),
        ("top_p", "0", "from above 0 to 1"),
        ("max_tokens", "0", "max_tokens is at least 1."),
        ("max_tokens", "9" * 30, "too large"),
        ("seed", "1.5", "a whole number"),
        ("stop", "a|b|c|d|e", "at most 4"),
        ("response_format", "xml", "text, json, or an object"),
        ("web_search", "maybe", "web search takes yes or no"),
        ("sort", "beauty", "price, throughput, latency"),
        ("zdr", "\x1b[2J", "␛[2J"),
        ("reasoning_effort", "very high", "one word"),
        ("fallback_models", "a/1, a/2, a/3, a/4", "at most 3"),
        ("fallback_models", "no/such", "the catalogue has no model no/such"),
    ],
)
def test_wrong_ones_are_refused_with_a_sentence(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        with_written(ChatParameters(), {name: text}, {"a/1", "a/2", "a/3", "a/4"})
    assert said in str(refused.value)
