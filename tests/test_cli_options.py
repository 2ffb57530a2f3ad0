"""The options that all commands take, and keys that no command takes."""

from __future__ import annotations

import pytest

from tui.commands.common_options import CommandError, CommonOptions, refuse_keys, take_common


@pytest.mark.parametrize(
    "line",
    [
        ["--config", "c", "--demo", "models", "claude", "-free"],
        ["models", "--config", "c", "claude", "--demo", "-free"],
        ["models", "claude", "-free", "--demo", "--config=c"],
        ["--config=wrong", "models", "claude", "--config", "c", "--demo", "-free"],
    ],
)
def test_they_stand_anywhere_and_the_last_counts(line: list[str]) -> None:
    assert take_common(line) == (CommonOptions(config_file="c", demo=True), ["models", "claude", "-free"])


def test_what_follows_two_dashes_is_left_alone() -> None:
    options, left = take_common(["ask", "--demo", "--", "--config", "x", "--demo"])
    assert options == CommonOptions(demo=True)
    assert left == ["ask", "--", "--config", "x", "--demo"]


def test_all_of_them() -> None:
    line = ["--config", "c", "--data-dir", "d", "--base-url", "u", "--provider", "p"]
    assert take_common(line) == (CommonOptions(config_file="c", data_dir="d", base_url="u", provider="p"), [])


@pytest.mark.parametrize("line", [["models", "--config"], ["--data-dir", "--demo"], ["--base-url", "--"], ["--demo=1"]])
def test_a_missing_value_is_said(line: list[str]) -> None:
    with pytest.raises(CommandError) as error:
        take_common(line)
    assert error.value.status == 2
    assert line[0].partition("=")[0] in str(error.value) or "--config" in str(error.value)


@pytest.mark.parametrize(
    "line",
    [
        ["ask", "sk-or-v1-0123456789abcdef"],
        ["keys", "set", "work", "sk-abcd1234"],
        ["ask", "--api-key", "anything"],
        ["ask", "--key=anything"],
        ["--openrouter-api-key", "anything"],
        ["models", "--base-url=https://sk-or-v1-0123456789@example.test"],
        ["ask", "-m", "x", "my key is sk-or-v1-0123456789abcdef, does it work?"],
        ["ask", "--", "sk-proj-0123456789abcdef"],
    ],
)
def test_a_key_is_refused_and_not_repeated(line: list[str]) -> None:
    with pytest.raises(CommandError) as error:
        refuse_keys(line)
    assert error.value.status == 2
    assert "0123" not in str(error.value)
    assert "abcd" not in str(error.value)


@pytest.mark.parametrize(
    "line",
    [
        ["ask", "-m", "x", "a task-oriented risk-free plan"],
        ["ask", "what does sk-learn do?"],
        ["ask", "--", "--key"],
        ["models", "key", "sk"],
        ["spend", "--by", "key"],
        ["keys", "test", "work"],
    ],
)
def test_words_are_no_keys(line: list[str]) -> None:
    refuse_keys(line)
