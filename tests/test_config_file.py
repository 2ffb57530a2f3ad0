"""What bad configuration files get: one sentence with file, line, field and what was expected."""

from __future__ import annotations

import errno
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App

from tui import config, config_file
from tui.config import ConfigError
from tui.config_types import THEMES

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"


def refused(folder: Path, content: str | bytes) -> str:
    """The message for a file, without the folder it is in."""
    path = folder / "config.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        config.load(config_file=path, environ={"BAD": "hunter2", "EMPTY": ""})
    message = str(caught.value)
    assert message.isprintable(), "one line, nothing that a terminal obeys"
    assert "hunter2" not in message
    assert KEY[:12] not in message
    return message.replace(f"{folder}/", "")


def provider(*lines: str) -> str:
    return "llm_providers:\n  - id: x\n" + "".join(f"    {line}\n" for line in lines)


AN_AMOUNT = "expected an amount in USD from 0 (as 2.50), "
BAD_FIELDS = [
    # what stands in the file, and the message
    (
        provider("limits:", "  req_per_min: lots"),
        "config.yaml:4: llm_providers[0].limits.req_per_min: expected a whole number from 0, got lots",
    ),
    (
        provider("limits: {req_per_min: -1}"),
        "config.yaml:3: llm_providers[0].limits.req_per_min: expected a whole number from 0, got -1",
    ),
    (
        provider("limits: {tokens_per_min: 1.5}"),
        "config.yaml:3: llm_providers[0].limits.tokens_per_min: expected a whole number from 0, got 1.5",
    ),
    (
        provider('limits: {max_tokens: "4096"}'),
        'config.yaml:3: llm_providers[0].limits.max_tokens: expected a whole number from 0, got "4096"',
    ),
    (
        provider("limits: {max_tokens: 1e99}"),
        "config.yaml:3: llm_providers[0].limits.max_tokens: expected a whole number from 0, got 1e99",
    ),
    (
        provider("limits: [1]"),
        "config.yaml:3: llm_providers[0].limits: expected fields, as req_per_min: …, got a list",
    ),
    (
        provider("type: anthropic"),
        "config.yaml:3: llm_providers[0].type: expected openrouter or openai, got anthropic",
    ),
    (
        provider("type: openai"),
        "config.yaml:2: llm_providers[0].base_url: expected the server's URL (type openai has no default)",
    ),
    (
        provider("model: 4"),
        "config.yaml:3: llm_providers[0].model: expected a model's id (in quotes), got 4",
    ),
    (
        provider('model: "a\\x1b[31m"'),
        "config.yaml:3: llm_providers[0].model: expected a model's id on one line, at most 1000 characters",
    ),
    (
        provider("pricing: {input_token_cost: free}"),
        "config.yaml:3: llm_providers[0].pricing.input_token_cost: " + AN_AMOUNT + "got free",
    ),
    (
        provider("pricing: {output_token_cost: .nan}"),
        "config.yaml:3: llm_providers[0].pricing.output_token_cost: " + AN_AMOUNT + "got .nan",
    ),
    (
        provider("base_url: openrouter.ai"),
        (
            "config.yaml:3: llm_providers[0].base_url: expected a URL that starts with https:// (or http://), "
            "as https://openrouter.ai/api/v1"
        ),
    ),
    (
        provider("base_url: https://me:hunter2@openrouter.ai"),
        (
            "config.yaml:3: llm_providers[0].base_url: expected a URL without user name or password, "
            "as https://openrouter.ai/api/v1"
        ),
    ),
    (
        provider("api_keys: hunter2"),
        "config.yaml:3: llm_providers[0].api_keys: expected a list, got text",
    ),
    (
        provider("api_keys: [[hunter2]]"),
        'config.yaml:3: llm_providers[0].api_keys[0]: expected a key, "${VARIABLE}" or "keyring:NAME", got a list',
    ),
    (
        provider('api_keys: [a, "hunter2 hunter2"]'),
        (
            'config.yaml:3: llm_providers[0].api_keys[1]: expected a key, "${VARIABLE}" or "keyring:NAME": '
            "printable ASCII without spaces"
        ),
    ),
    (
        provider('api_keys: ["keyring:"]'),
        "config.yaml:3: llm_providers[0].api_keys[0]: expected keyring:NAME with a name of letters, digits and . _ @ -",
    ),
    (
        provider('management_key: "${NOPE}"'),
        "config.yaml:3: llm_providers[0].management_key: the variable NOPE is not set (${NOPE:-…} gives a default)",
    ),
    (
        provider('model: "${"'),
        "config.yaml:3: llm_providers[0].model: expected ${NAME} or ${NAME:-default} (write $${ for a plain ${)",
    ),
    (
        provider("limits: {req_per_min: '${BAD}'}"),
        "config.yaml:3: llm_providers[0].limits.req_per_min: expected a whole number from 0, got the value of ${BAD}",
    ),
    (
        provider(f"limits: {{req_per_min: {KEY}}}"),
        "config.yaml:3: llm_providers[0].limits.req_per_min: expected a whole number from 0, got sk-…",
    ),
    (
        provider("limits: {req_per_min: 0123456789abcdef0123456789abcdef}"),
        "config.yaml:3: llm_providers[0].limits.req_per_min: expected a whole number from 0, got …",
    ),
    (
        provider() + "  - id: x\n",
        "config.yaml:3: llm_providers[1].id: the id x stands twice (also line 2), expected one of its own",
    ),
    ("llm_providers: {id: x}", "config.yaml:1: llm_providers: expected a list, got fields"),
    ("llm_providers: [x]", "config.yaml:1: llm_providers[0]: expected fields, as id: …, got x"),
    (f"llm_providers: {KEY}", "config.yaml:1: llm_providers: expected a list, got sk-…"),
    ("budget: {day: -1}", "config.yaml:1: budget.day: expected an amount in USD from 0 (as 2.50), got -1"),
    ("budget: {day: 1e-99}", "config.yaml:1: budget.day: expected an amount in USD from 0 (as 2.50), got 1e-99"),
    ("budget: {action: stop}", "config.yaml:1: budget.action: expected warn, ask or block, got stop"),
    ("budget: 5", "config.yaml:1: budget: expected fields, as session: …, got 5"),
    ("ui: {enter_sends: maybe}", "config.yaml:1: ui.enter_sends: expected true or false, got maybe"),
    ('ui: {notify: "true"}', 'config.yaml:1: ui.notify: expected true or false, got "true"'),
    ("chat: {temperature: 3}", "config.yaml:1: chat.temperature: expected a number from 0 to 2, got 3"),
    ("chat: {top_p: high}", "config.yaml:1: chat.top_p: expected a number from 0 to 1, got high"),
    ("chat: {max_tokens: 0}", "config.yaml:1: chat.max_tokens: expected a whole number from 1, got 0"),
    ("chat: {stop: [1]}", "config.yaml:1: chat.stop[0]: expected text (in quotes), got 1"),
    ("chat: {system: [x]}", "config.yaml:1: chat.system: expected text, got a list"),
    (
        "embeddings: {dimensions: none}",
        "config.yaml:1: embeddings.dimensions: expected a whole number from 1, got none",
    ),
    ("allow_http: 1", "config.yaml:1: allow_http: expected true or false, got 1"),
    ("keymap: {app.models: 1}", "config.yaml:1: keymap.app.models: expected keys (in quotes), got 1"),
    ("keymap: {app.models: [f2]}", "config.yaml:1: keymap.app.models: expected keys, got a list"),
    (
        'ui: {}\nkeymap:\n  app.qiut: "ctrl+x"',
        "config.yaml:3: keymap.app.qiut: there is no such binding, expected an id; did you mean app.quit?",
    ),
    (
        'keymap: {app.quit: ","}',
        "config.yaml:1: keymap.app.quit: expected a key such as ctrl+t, or several with commas, got none",
    ),
    ("keymap: [f2]", "config.yaml:1: keymap: expected fields, as binding: …, got a list"),
    ("\n- 1\n", "config.yaml:2: expected fields, as llm_providers: …, got something else"),
    ("hello", "config.yaml:1: expected fields, as llm_providers: …, got something else"),
    (
        "budget:\n  day: x\n  month: y\n",
        (
            "config.yaml:2: budget.day: expected an amount in USD from 0 (as 2.50), got x "
            "(and 1 more: see `ortui config check`)"
        ),
    ),
]


@pytest.mark.parametrize("text", ["ui: {theme: nosuch}", "ui:\n  theme: Nord"])
def test_a_theme_that_there_is_not_is_told_with_those_there_are(tmp_path: Path, text: str) -> None:
    line = 1 + text.count("\n")
    said = refused(tmp_path, text)
    assert said.startswith(f"config.yaml:{line}: ui.theme: expected ansi-dark, ")
    assert said.endswith(f" or tokyo-night, got {text.rpartition(' ')[2].rstrip('}')}")


def test_the_themes_are_those_of_textual() -> None:
    assert sorted(App().available_themes) == sorted(set(THEMES) - {"textual-ansi"})


@pytest.mark.parametrize(("text", "message"), BAD_FIELDS)
def test_a_wrong_field_is_named_with_line_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text) == message


NOT_READABLE = [
    ("ui: {theme: a}\nui: {theme: b}\n", "config.yaml:2: ui (also line 1): the field stands twice, expected once"),
    (
        "ui:\n  theme: a\n  'theme': b\n",
        "config.yaml:3: ui.theme (also line 2): the field stands twice, expected once",
    ),
    (
        "ui: !!python/object/apply:os.system [ls]",
        "config.yaml:1: ui: the tag tag:yaml.org,2002:python/object/apply:os.system is not support…",
    ),
    ("a: !x 1", "config.yaml:1: a: the tag !x is not supported, expected a plain value"),
    ("a: *nobody", "config.yaml:1: a: *nobody has no anchor before it"),
    ("a: &a [*a]", "config.yaml:1: a[0]: *a has no anchor before it"),
    ("a: &a {x: 1}\nb:\n  <<: *a", "config.yaml:3: b: merging with << is not supported, expected the fields"),
    ("a: 1\n---\nb: 1", "config.yaml:2: a second document starts here, expected one"),
    ("? [a]\n: 1", "config.yaml:1: a field's name is a list or a mapping, expected a word"),
    ("[" * 1000, "config.yaml:1: [0][0]"),
    ("a: [1", "config.yaml:1: this is not YAML: while parsing a flow sequence"),
    ("a: 1\n b: 2", "config.yaml:2: this is not YAML: mapping values are not allowed"),
    ("ui:\n\ttheme: a", "config.yaml:2: this is not YAML: "),
    ("api_keys: [${KEY}]", "config.yaml:1: this is not YAML: "),
    ("a: 1\nb: 'x\ny", "config.yaml:2: this is not YAML: while scanning a quoted scalar"),
    ("a: 1\nb: 'x\n", "config.yaml:2: this is not YAML: while scanning a quoted scalar"),
    ("ü: 1\nb: \x01\n", "config.yaml:2: a control character stands here, expected plain text"),
    ("a: 1\nb: \0\n", "config.yaml:2: a control character stands here, expected plain text"),
    (f"{KEY}: 1\n{KEY}: 2\n", "config.yaml:2: sk-… (also line 1): the field stands twice"),
    (f"a: *{KEY}", "config.yaml:1: a: *sk-… has no anchor before it"),
    (b"a: 1\nb: \xff\n", "config.yaml:2: the file is not UTF-8 text"),
    ("a: 1\n".encode("utf-16"), "config.yaml:1: the file is not UTF-8 text"),
    (b"# " + b"x" * 10_000_000, "config.yaml: the file is larger than 1,000,000 bytes"),
]


@pytest.mark.parametrize("fast", [True, False], ids=["libyaml", "python"])
@pytest.mark.parametrize(("content", "message"), NOT_READABLE)
def test_a_file_that_cannot_be_read_gets_a_sentence(
    tmp_path: Path, content: str | bytes, message: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
        message = message.partition("this is not YAML: ")[0]  # the two parsers word it each in its own way
    start = message.removesuffix("…")
    assert refused(tmp_path, content)[: len(start)] == start


def test_hints_for_frequent_mistakes(tmp_path: Path) -> None:
    assert refused(tmp_path, "api_keys: [${KEY}]").endswith('(inside [ ] and { } write "${…}" with quotes)')
    assert refused(tmp_path, "ui:\n\ttheme: a").endswith("(indent with spaces, not with tabs)")


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, "this is a folder, expected a file"),
        (tmp_path / "nothing.yaml", "there is no such file"),
        (tmp_path / "nul\0.yaml", "the path is not valid"),
    ):
        with pytest.raises(ConfigError, match=said):
            config.load(config_file=path, environ={})


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")  # root, which runs some test machines, reads anything

    monkeypatch.setattr(pathlib.Path, "open", deny)
    with pytest.raises(ConfigError, match="the file cannot be read: Permission denied"):
        config.load(config_file=tmp_path / "config.yaml", environ={})


@pytest.mark.parametrize("content", ["", "\ufeff", "# only a comment\n", "---\n...\n"])
def test_an_empty_file_means_defaults(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content, encoding="utf-8")
    loaded = config.load(config_file=path, environ={})
    assert loaded.warnings == (f"{path}: the file is empty, defaults are used",)
    assert loaded.budget == config.Budget()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("budgets: {day: 1}", "1: budgets: unknown field, ignored (did you mean budget?)"),
        (provider("limits:", "  rpm: 1"), "4: llm_providers[0].limits.rpm: unknown field, ignored"),
        (provider("modle: a/b"), "3: llm_providers[0].modle: unknown field, ignored (did you mean model?)"),
        (provider("apikeys: [a]"), "3: llm_providers[0].apikeys: unknown field, ignored (did you mean api_keys?)"),
        ("ui: {enter-sends: true}", "1: ui.enter-sends: unknown field, ignored (did you mean enter_sends?)"),
        ("zzz: '${NOPE}'", "1: zzz: unknown field, ignored"),
        (f"{KEY}: x", "1: sk-…: unknown field, ignored"),
        ('"\\e]0;x\\a": x', "1: \\x1b]0;x\\x07: unknown field, ignored"),
    ],
)
def test_an_unknown_field_is_warned_about_with_the_nearest_name(tmp_path: Path, text: str, warning: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    assert config.load(config_file=path, environ={}).warnings == (f"{path}:{warning}",)


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("${A}", "1"),
        ("x${A}y${B:-two}z", "x1ytwoz"),
        ("${EMPTY:-default}${EMPTY}", "default"),
        ("${A:-other}", "1"),
        ("${NOPE:-}", ""),
        ("${NOPE:-a:-b $x}", "a:-b $x"),
        ("$A $ {A} $$ 5$", "$A $ {A} $$ 5$"),
        ("$${A}", "${A}"),
        ("${INNER}", "${A}"),
    ],
)
def test_variables(text: str, replaced: str) -> None:
    found = config_file.replace_variables(text, {"A": "1", "EMPTY": "", "INNER": "${A}"})
    assert found.text == replaced
    assert not found.unset
    assert not found.malformed


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A-b}", "${A:b}", "${ A }", "${ä}"])
def test_malformed_variables(text: str) -> None:
    assert config_file.replace_variables(text, {"A": "1"}).malformed


def test_check_lists_everything(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("budget: {day: x, month: y}\nthema: 1\nui: {notify: 3}\n")
    report = config.check(path, {})
    assert [(error.line, error.field) for error in report.errors] == [
        (1, "budget.day"),
        (1, "budget.month"),
        (3, "ui.notify"),
    ]
    assert [warning.field for warning in report.warnings] == ["thema"]
    (error,) = config.check(tmp_path, {}).errors
    assert error.text == "this is a folder, expected a file"


def test_endless_lists_of_the_same_thing_cost_little(tmp_path: Path) -> None:
    levels = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    assert "llm_providers[0]: expected fields" in refused(tmp_path, "\n".join([*levels, "llm_providers: *a19"]))
    many = "llm_providers: [" + "{}, " * 100_000 + "]"
    assert refused(tmp_path, many).endswith("llm_providers: expected at most 64 items, got 100000")


FIELDS = [
    *("llm_providers", "budget", "ui", "chat", "embeddings", "allow_http", "keymap"),
    *("id", "type", "api_keys", "base_url", "model", "pricing", "limits", "management_key"),
    *("input_token_cost", "req_per_min", "max_tokens", "day", "action", "theme", "enter_sends", "stop", "temperature"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["${A}", "${NOPE}", "${NOPE:-x}", "${", "keyring:a", "openai", "http://127.0.0.1", "https://[", KEY]
    ),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), inner, max_size=5),
    ),
    max_leaves=20,
)
PLAUSIBLE = st.fixed_dictionaries(
    {},
    optional={
        "llm_providers": st.one_of(
            DOCUMENTS, st.lists(st.dictionaries(st.sampled_from(FIELDS), DOCUMENTS), max_size=3)
        ),
        "budget": st.dictionaries(st.sampled_from(FIELDS), DOCUMENTS),
        "chat": st.dictionaries(st.sampled_from(FIELDS), DOCUMENTS),
        "keymap": DOCUMENTS,
        "ui": DOCUMENTS,
    },
)


def only_config_errors(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        loaded = config.load(config_file=path, environ={"A": "\udcff\x1b"})
    except ConfigError as error:
        told = [str(error)]
    else:
        told = list(loaded.warnings)
    assert all(text.isprintable() and KEY not in text for text in told)


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "config.yaml"


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(document=st.one_of(DOCUMENTS, PLAUSIBLE))
def test_any_document_loads_or_is_refused(one_file: Path, document: Any) -> None:
    only_config_errors(one_file, yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "replace"))


@FUZZ
@given(content=st.one_of(st.binary(max_size=200), st.text(alphabet="a:-[]{}&*!|>'\"%@`#?,\n\t $~1.<", max_size=80)))
def test_any_bytes_load_or_are_refused(one_file: Path, content: str | bytes) -> None:
    only_config_errors(one_file, content if isinstance(content, bytes) else content.encode())


PATTERNS = """
import re
from tui.config_file import ConfigError, parse

compiled = []
compile_now = re._compiler.compile
def count(pattern, flags=0):
    compiled.append(str(pattern))
    return compile_now(pattern, flags)
re._compiler.compile = count
assert parse("a: [1, two]") is not None
import yaml
assert re.compile.__module__ == "re"
assert not [pattern for pattern in compiled if "\\ud7ff" in pattern or "year" in pattern], compiled
assert yaml.safe_load("{a: 2026-11-25, b: 0x10, c: 1.5, d: yes}").keys() == {*"abcd"}
assert str(yaml.safe_load("2026-11-25")) == "2026-11-25" and yaml.safe_load("1.5") == 1.5
try:
    parse("a: 1\\nb: \\x07")
except ConfigError as error:
    print(error)
"""


def test_patterns_that_libyaml_does_without_wait_until_something_needs_them() -> None:
    done = subprocess.run([sys.executable, "-c", PATTERNS], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "a control character stands here" in done.stdout
