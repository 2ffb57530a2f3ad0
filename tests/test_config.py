"""Settings from flags, environment, file and defaults."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from tui import config
from tui.config import ConfigError, KeySource, Settings
from tui.config_example import EXAMPLE
from tui.secret import Secret

FILE_KEY = "sk-or-v1-file-000000000001"
ENV_KEY = "sk-or-v1-environment-000002"


pytestmark = pytest.mark.usefixtures("home")


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def load(folder: Path, text: str, environ: dict[str, str] | None = None, **flags: str | bool) -> Settings:
    return config.load(config_file=written(folder, text), environ=environ or {}, **flags)  # type: ignore[arg-type]


def keys(settings: Settings) -> list[str]:
    return [key.secret.reveal() if key.secret else f"keyring:{key.keyring_name}" for key in settings.provider.keys]


WHOLE = """\
llm_providers:
  - id: "openrouter"
    type: "openrouter"
    api_keys: ["${OPENROUTER_API_KEY}", "keyring:work", "sk-or-v1-file-000000000001"]
    base_url: "https://openrouter.ai/api/v1/"
    model: "anthropic/claude-3.5-sonnet"
    pricing:
      input_token_cost: 0.003
      output_token_cost: 0.0150
    limits:
      req_per_min: 100
      tokens_per_min: 10_000
      max_tokens: 4096
    management_key: "${OPENROUTER_MANAGEMENT_KEY:-}"
  - id: local
    type: openai
    base_url: http://127.0.0.1:8080/v1
budget: {session: 1.00, day: 5.00, month: "${MONTH:-50}", request: 0.10000000000000000000000000001, action: block}
ui: {theme: nord, enter_sends: false, animations: no, notify: true}
chat: {system: "Be brief.\\nAlways.", temperature: 0.7, top_p: null, max_tokens: 100, stop: [END, "1"], user: "42"}
embeddings: {model: openai/text-embedding-3-small, dimensions: 256, user: null}
allow_http: false
keymap: {app.models: "f2,ctrl+t"}
"""


def test_every_field_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE, {"OPENROUTER_API_KEY": ENV_KEY})
    provider = settings.provider
    assert settings.warnings == ()
    assert [entry.id for entry in settings.providers] == ["openrouter", "local"]
    assert provider.keys == (
        KeySource(Secret(ENV_KEY), "environment OPENROUTER_API_KEY"),
        KeySource(None, "keyring:work", "work"),
        KeySource(Secret(FILE_KEY), "config.yaml llm_providers[0].api_keys[2]"),
    )
    assert (provider.base_url, provider.origin) == ("https://openrouter.ai/api/v1", "https://openrouter.ai:443")
    assert provider.pricing == config.OwnPricing(Decimal("0.000003"), Decimal("0.000015"))
    assert provider.limits == config.Limits(100, 10_000, 4096)
    assert provider.management_key is None
    assert settings.providers[1].origin == "http://127.0.0.1:8080"
    budget = settings.budget
    assert (budget.session, budget.month, budget.action) == (Decimal("1.00"), Decimal(50), "block")
    assert budget.request == Decimal("0.10000000000000000000000000001"), "no float may stand between file and budget"
    assert settings.ui == config.UiSettings("nord", False, False, True)
    assert settings.chat == config.ChatDefaults("Be brief.\nAlways.", 0.7, None, 100, ("END", "1"), "42")
    assert settings.embeddings == config.EmbeddingDefaults("openai/text-embedding-3-small", 256, None)
    assert dict(settings.keymap) == {"app.models": "f2,ctrl+t"}
    assert settings.key_variables == ("OPENROUTER_API_KEY",)


def test_the_environments_key_alone_is_enough(home: Path) -> None:
    settings = config.load(environ={"OPENROUTER_API_KEY": f" {ENV_KEY}\n"})
    assert keys(settings) == [ENV_KEY]
    assert (settings.provider.id, settings.provider.base_url) == ("openrouter", "https://openrouter.ai/api/v1")
    assert settings.config_file is None
    assert settings.budget == config.Budget(action="ask")
    assert not list(home.iterdir()), "loading makes no folder"


def test_without_anything_there_is_a_provider_without_keys() -> None:
    settings = config.load(environ={})
    assert settings.provider.keys == ()
    assert settings.warnings == ()


def test_the_users_own_file_is_found(home: Path) -> None:
    path, named = config.config_path(environ={})
    assert not named
    path.parent.mkdir(parents=True)
    path.write_text("ui: {theme: nord}\n")
    settings = config.load(environ={})
    assert (settings.config_file, settings.ui.theme) == (path, "nord")
    assert path.is_relative_to(home)


def test_flags_come_before_the_environment_and_it_before_the_file(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    environ = {
        "ORTUI_CONFIG": str(written(other, "ui: {theme: dracula}\n")),
        "ORTUI_DATA_DIR": str(tmp_path / "environment-data"),
        "OPENROUTER_BASE_URL": "http://127.0.0.1:1111/api/v1",
        "OPENROUTER_API_KEY": ENV_KEY,
        "NO_COLOR": "1",
    }
    by_environment = config.load(environ=environ)
    assert by_environment.ui.theme == "dracula"
    assert not by_environment.ui.color
    assert by_environment.folders.data == tmp_path / "environment-data"
    assert by_environment.provider.base_url == "http://127.0.0.1:1111/api/v1"

    by_flag = config.load(
        config_file=written(tmp_path, "ui: {theme: flexoki}\n"),
        data_dir=tmp_path / "data",
        base_url="http://localhost:2222/v1/",
        environ=environ,
    )
    assert by_flag.ui.theme == "flexoki"
    assert by_flag.folders.data == tmp_path / "data"
    assert by_flag.folders.database.parent == tmp_path / "data"
    assert by_flag.provider.base_url == "http://localhost:2222/v1"
    assert by_flag.provider.origin == "http://localhost:2222"
    assert config.load(config_file=os.devnull, environ={"NO_COLOR": ""}).ui.color


def entry(*lines: str, name: str = "openrouter", kind: str = "openrouter") -> str:
    return f"  - id: {name}\n    type: {kind}\n" + "".join(f"    {line}\n" for line in lines)


def providers(*entries: str) -> str:
    return "llm_providers:\n" + "".join(entries)


@pytest.mark.parametrize(
    ("text", "environ", "flags", "expected"),
    [
        pytest.param(providers(entry(f"api_keys: [{FILE_KEY}]")), {}, {}, [FILE_KEY], id="the file's"),
        pytest.param(
            providers(entry(f"api_keys: [{FILE_KEY}]")),
            {"OPENROUTER_API_KEY": ENV_KEY},
            {},
            [ENV_KEY],
            id="the environment's before the file's",
        ),
        pytest.param(
            providers(entry(f'api_keys: [{FILE_KEY}, "${{OPENROUTER_API_KEY}}"]')),
            {"OPENROUTER_API_KEY": ENV_KEY},
            {},
            [FILE_KEY, ENV_KEY],
            id="both where the file lists both",
        ),
        pytest.param(
            providers(entry(f"api_keys: [{FILE_KEY}]", name="a"), entry('api_keys: ["keyring:b"]', name="b")),
            {"OPENROUTER_API_KEY": ENV_KEY},
            {"provider": "b"},
            ["keyring:b"],
            id="the flag's provider before the environment's key",
        ),
        pytest.param(
            providers(entry(f"api_keys: [{FILE_KEY}]", "base_url: https://proxy.example/v1")),
            {"OPENROUTER_API_KEY": ENV_KEY},
            {},
            [FILE_KEY],
            id="another server keeps its own key",
        ),
        pytest.param(
            providers(entry("base_url: https://proxy.example/v1")),
            {"OPENROUTER_API_KEY": ENV_KEY},
            {},
            [ENV_KEY],
            id="a server without keys takes the environment's",
        ),
        pytest.param(
            providers(entry("base_url: https://other.example/v1", kind="openai")),
            {"OPENROUTER_API_KEY": ENV_KEY},
            {},
            [],
            id="an openai server never takes it unasked",
        ),
        pytest.param(
            providers(entry('api_keys: ["${A}", "${B}", "${EMPTY}", "", null]')),
            {"A": FILE_KEY, "EMPTY": ""},
            {},
            [FILE_KEY],
            id="unset ones are left out",
        ),
        pytest.param(
            providers(entry(f'api_keys: ["{FILE_KEY}", " {FILE_KEY} ", "${{A}}", keyring:w, "keyring:w"]')),
            {"A": FILE_KEY},
            {},
            [FILE_KEY, "keyring:w"],
            id="twice is once",
        ),
    ],
)
def test_which_keys_a_provider_has(
    tmp_path: Path, text: str, environ: dict[str, str], flags: dict[str, str], expected: list[str]
) -> None:
    assert keys(load(tmp_path, text, environ, **flags)) == expected


OWN_KEYS = providers(
    entry(f'api_keys: [{FILE_KEY}, "keyring:work"]', "management_key: sk-or-v1-mgmt-00000000003", "model: a/b")
)


@pytest.mark.parametrize("by_flag", [True, False])
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/api/v1",
        "https://openrouter.ai:444/api/v1",
        "http://localhost/api/v1",
        "https://openrouter.ai.evil.example/api/v1",
    ],
)
def test_another_origin_never_gets_a_key_of_the_file(tmp_path: Path, elsewhere: str, by_flag: bool) -> None:
    environ = {} if by_flag else {"OPENROUTER_BASE_URL": elsewhere}
    flags = {"base_url": elsewhere} if by_flag else {}
    without = load(tmp_path, OWN_KEYS, environ, **flags).provider
    assert (without.base_url, without.keys, without.management_key) == (elsewhere, (), None)
    assert without.model == "a/b"
    with_key = load(tmp_path, OWN_KEYS, environ | {"OPENROUTER_API_KEY": ENV_KEY}, **flags)
    assert keys(with_key) == [ENV_KEY]


def test_the_same_origin_in_another_spelling_keeps_its_keys(tmp_path: Path) -> None:
    settings = load(tmp_path, OWN_KEYS, {}, base_url="HTTPS://OpenRouter.AI:443/api/v2/")
    assert keys(settings) == [FILE_KEY, "keyring:work"]
    assert settings.provider.base_url == "https://openrouter.ai/api/v2"
    assert settings.provider.management_key is not None


def test_the_environments_base_url_is_not_for_openai_servers(tmp_path: Path) -> None:
    text = providers(entry("base_url: http://127.0.0.1:1/v1", kind="openai", name="local"))
    settings = load(tmp_path, text, {"OPENROUTER_BASE_URL": "https://openrouter.ai/api/v1"})
    assert settings.provider.base_url == "http://127.0.0.1:1/v1"
    assert "OPENROUTER_BASE_URL is not used" in settings.warnings[0]


def test_an_unset_variable_drops_its_key_with_a_warning(tmp_path: Path) -> None:
    settings = load(tmp_path, providers(entry('api_keys: ["${NOPE}"]')))
    assert settings.warnings == (
        f"{tmp_path}/config.yaml:4: llm_providers[0].api_keys[0]: the variable NOPE is not set, this key is left out",
    )


def test_the_environments_key_in_place_of_the_files_is_said(tmp_path: Path) -> None:
    settings = load(tmp_path, OWN_KEYS, {"OPENROUTER_API_KEY": ENV_KEY})
    assert "OPENROUTER_API_KEY is used instead of the keys of openrouter" in settings.warnings[0]


def test_the_demo_ignores_providers_keys_and_variables(tmp_path: Path) -> None:
    text = "llm_providers: 17\nui: {theme: nord}\nchat: {user: '${OPENROUTER_USER}'}\n"
    environ = {
        "OPENROUTER_API_KEY": ENV_KEY,
        "OPENROUTER_BASE_URL": "https://evil.example",
        "OPENROUTER_USER": "me",
        "ORTUI_DATA_DIR": str(tmp_path / "data"),
    }
    settings = load(tmp_path, text, environ, demo=True)
    assert settings.demo
    assert keys(settings) == [config.DEMO_KEY] == ["sk-or-v1-demo-0000000000000000"]
    assert (settings.provider.base_url, settings.provider.origin) == ("", "demo")
    assert settings.folders.data == tmp_path / "data" / "demo"
    assert settings.ui.theme == "nord"
    assert settings.chat.user is None
    running = config.with_demo_server(settings, "http://127.0.0.1:5555/api/v1")
    assert running.provider.base_url == "http://127.0.0.1:5555/api/v1"
    assert running.provider.origin == "demo", "the demo's data go on at the next port"
    assert running.providers == (running.provider,)


@pytest.mark.parametrize("flag", ["base_url", "provider"])
def test_the_demo_brings_its_own_server(flag: str) -> None:
    with pytest.raises(ConfigError, match=f"^--{flag.replace('_', '-')}: cannot be used with --demo"):
        config.load(demo=True, environ={}, **{flag: "x"})


def test_the_flags_provider_is_looked_for_by_id(tmp_path: Path) -> None:
    text = providers(entry(name="one"), entry("base_url: http://[::1]:1/v1", name="two", kind="openai"))
    settings = load(tmp_path, text, provider="two")
    assert settings.provider is settings.providers[1]
    assert settings.provider.origin == "http://[::1]:1"
    with pytest.raises(ConfigError, match=r"--provider: there is no provider 'three', known: one, two"):
        load(tmp_path, text, provider="three")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("openrouter.ai/api/v1", "starts with https://"),
        ("ftp://openrouter.ai", "starts with https://"),
        ("https:openrouter.ai", "starts with https://"),
        ("https://", "with a host"),
        ("https://me:hunter2@openrouter.ai", "without user name or password"),
        ("https://openrouter.ai/?key=hunter2", "without ? and #"),
        ("https://openrouter.ai/#hunter2", "without ? and #"),
        ("https://openrouter.ai:99999", "valid host and port"),
        ("https://openrouter.ai:0", "port from 1"),
        ("https://openrouter.ai:", "port from 1"),
        ("https://open router.ai", "plain characters"),
        ("https://öpenrouter.ai", "plain characters"),
        ("https://openrouter.ai\\@evil.example", "without user name"),
        ("https://openrouter.ai/\x1b[2J", "plain characters"),
        ("https://[::1", "valid host and port"),
        ("http://openrouter.ai/api/v1", "allow_http"),
        ("http://localhost.evil.example/", "allow_http"),
        ("http://127.0.0.1.evil.example/", "allow_http"),
        ("http://0.0.0.0/", "allow_http"),
        ("", "starts with https://"),
    ],
)
def test_a_bad_base_url_is_a_sentence_that_does_not_quote_it(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(base_url=url, environ={})
    message = str(caught.value)
    assert message.startswith("--base-url: expected")
    assert said in message
    assert "hunter2" not in message
    assert message.isprintable()


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/v1", "http://127.9.9.9", "http://localhost:3", "http://[::1]/v1"])
def test_loopback_needs_no_encryption(url: str) -> None:
    assert config.load(base_url=url, environ={}).provider.base_url


def test_allow_http_permits_other_machines(tmp_path: Path) -> None:
    text = "allow_http: true\n" + providers(entry("base_url: http://box.example:8080/v1"))
    assert load(tmp_path, text).provider.origin == "http://box.example:8080"


@pytest.mark.skipif(os.name == "nt", reason="modes are not how Windows protects files")
def test_a_file_with_keys_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    path = written(tmp_path, OWN_KEYS)
    path.chmod(0o640)
    (warning,) = config.load(config_file=path, environ={}).warnings
    assert str(path) in warning
    assert "0640" in warning
    path.chmod(0o600)
    assert config.load(config_file=path, environ={}).warnings == ()
    path = written(tmp_path, providers(entry('api_keys: ["keyring:work"]')))
    path.chmod(0o644)
    assert config.load(config_file=path, environ={}).warnings == (), "there is nothing to hide in it"


def test_no_text_of_the_settings_shows_a_key(tmp_path: Path) -> None:
    settings = load(tmp_path, OWN_KEYS, {"OPENROUTER_API_KEY": ENV_KEY})
    for text in (repr(settings), str(settings.warnings)):
        assert FILE_KEY not in text
        assert ENV_KEY not in text
        assert "mgmt" not in text


def test_child_processes_get_no_key(tmp_path: Path) -> None:
    environ = {
        "OPENROUTER_API_KEY": ENV_KEY,
        "OPENROUTER_MANAGEMENT_KEY": "sk-or-v1-mgmt",
        "WORK_KEY": "secret-of-work",
        "COPY": f"{FILE_KEY} ",
        "PATH": "/bin",
    }
    text = providers(entry(f'api_keys: ["${{WORK_KEY}}", {FILE_KEY}]', "base_url: http://127.0.0.1:1"))
    settings = load(tmp_path, text, environ)
    assert config.keyless_environment(settings, environ) == {"PATH": "/bin"}
    without_copy = {name: value for name, value in environ.items() if name != "COPY"}
    demo = config.load(config_file=tmp_path / "config.yaml", environ=environ, demo=True)
    assert config.keyless_environment(demo, without_copy) == {"PATH": "/bin"}, "the demo's server is a child too"


def test_the_example_is_in_order(tmp_path: Path) -> None:
    settings = load(tmp_path, EXAMPLE, {"OPENROUTER_API_KEY": ENV_KEY})
    assert settings.warnings == ()
    lines = [line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in EXAMPLE.splitlines()]
    prose = (
        "Configuration of",
        "${VARIABLE}",
        "Several keys",
        "`ortui keys",
        "A server of",
        "A title_model",
        "USD. A session",
    )
    whole = "\n".join(line for line in lines if not line.strip().startswith(prose))
    settings = load(tmp_path, whole, {"OPENROUTER_API_KEY": ENV_KEY})
    assert settings.warnings == (), "what the example only shows in comments has to be right as well"
    assert settings.budget.action == "ask"
    assert [provider.id for provider in settings.providers] == ["openrouter", "local"]
    assert settings.provider.pricing is not None


def test_folders_are_private(tmp_path: Path) -> None:
    folders = config.load(data_dir=tmp_path / "deep" / "data", environ={}).folders
    folders.ensure()
    folders.ensure()
    for folder in (folders.data, folders.data.parent, folders.run, folders.exports, folders.drafts, folders.log):
        assert folder.is_dir()
        assert os.name == "nt" or folder.stat().st_mode & 0o777 == 0o700
    assert not folders.database.exists()


def test_a_file_in_a_folders_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="cannot be made: a file is in its place"):
        config.load(data_dir=tmp_path / "data" / "below", environ={}).folders.ensure()


@pytest.mark.parametrize("flag", ["config_file", "data_dir"])
def test_an_empty_flag_is_refused(flag: str) -> None:
    with pytest.raises(ConfigError, match="got nothing"):
        config.load(environ={}, **{flag: ""})  # type: ignore[arg-type]


def test_a_bad_key_in_the_environment_is_not_quoted() -> None:
    with pytest.raises(ConfigError, match=r"^OPENROUTER_API_KEY: expected a key") as caught:
        config.load(environ={"OPENROUTER_API_KEY": "hunter2 hunter2"})
    assert "hunter2" not in str(caught.value)
