"""Keys kept by name, in the system's keyring or in a file."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tui import config, keyring_store
from tui.keyring_store import KeyStoreError
from tui.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-or-v1-kept-0000000001"


class Backend:
    """A keyring in memory; `broken` ones raise what a library deep below would."""

    priority = 5

    def __init__(self, broken: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = broken

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError(f"locked while it had {KEY}")

    def get_password(self, service: str, name: str) -> str | None:
        self._check()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._check()
        self.kept[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        self._check()
        del self.kept[service, name]


def use(monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    keyring = pytest.importorskip("keyring")
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


def test_the_keyring_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()
    use(monkeypatch, backend)
    assert keyring_store.where(tmp_path) == keyring_store.keep("work", Secret(KEY), tmp_path) == "the system's keyring"
    assert backend.kept == {("ortui", "work"): KEY}
    assert keyring_store.get("work", tmp_path) == Secret(KEY)
    assert keyring_store.get("other", tmp_path) is None
    assert keyring_store.forget("work", tmp_path)
    assert not keyring_store.forget("work", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("no_keyring")
def test_without_a_keyring_a_private_file_is_used(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert keyring_store.get("work", data) is None
    assert keyring_store.keep("work", Secret(KEY), data) == f"the file {data / 'keys.json'}"
    keyring_store.keep("home", Secret("sk-2"), data)
    assert keyring_store.get("work", data) == Secret(KEY)
    assert [path.name for path in data.iterdir()] == ["keys.json"]
    if os.name != "nt":
        assert (data / "keys.json").stat().st_mode & 0o777 == 0o600
        assert data.stat().st_mode & 0o777 == 0o700
    assert keyring_store.forget("work", data)
    assert not keyring_store.forget("work", data)
    assert json.loads((data / "keys.json").read_text()) == {"home": "sk-2"}


@pytest.mark.parametrize("kind", ["fail", "null"])
def test_a_keyring_that_keeps_nothing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    backends = pytest.importorskip(f"keyring.backends.{kind}")
    use(monkeypatch, backends.Keyring())
    keyring_store.keep("work", Secret(KEY), tmp_path)
    assert keyring_store.get("work", tmp_path) == Secret(KEY)
    assert (tmp_path / "keys.json").exists()


def test_a_refusing_keyring_is_a_sentence_without_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Backend(broken=True))
    for call in (
        lambda: keyring_store.get("work", tmp_path),
        lambda: keyring_store.keep("work", Secret(KEY), tmp_path),
        lambda: keyring_store.forget("work", tmp_path),
    ):
        with pytest.raises(KeyStoreError, match=r"^the system's keyring refused \(RuntimeError\)$") as caught:
            call()
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    (tmp_path / "keys.json").write_text(json.dumps({"work": KEY}))
    assert keyring_store.get("work", tmp_path) == Secret(KEY), "what the file has needs no keyring"


def test_a_key_moves_from_the_file_to_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"work": "sk-old", "home": "sk-2"}))
    use(monkeypatch, Backend())
    keyring_store.keep("work", Secret(KEY), tmp_path)
    assert json.loads((tmp_path / "keys.json").read_text()) == {"home": "sk-2"}


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "[" * 100_000, '"' + KEY])
def test_a_damaged_file_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    with pytest.raises(KeyStoreError, match=r"keys\.json is damaged") as caught:
        keyring_store.keep("work", Secret(KEY), tmp_path)
    assert KEY not in str(caught.value)
    assert file.read_text() == content


@pytest.mark.usefixtures("no_keyring")
def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(KeyStoreError, match=r"data/keys\.json cannot be read|cannot be made"):
        keyring_store.keep("work", Secret(KEY), tmp_path / "data")


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("name", ["", " ", "a b", "../x", "-x", "a" * 65, "\x1b[0m", KEY + "\n"])
def test_names_are_plain_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyStoreError, match="is no name for a key") as caught:
        keyring_store.get(name, tmp_path)
    assert str(caught.value).isprintable()
    assert KEY not in str(caught.value)


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("key", ["", "two words", "ключ", "x\n"])
def test_only_what_fits_a_header_is_kept(tmp_path: Path, key: str) -> None:
    with pytest.raises(KeyStoreError, match="printable ASCII"):
        keyring_store.keep("work", Secret(key), tmp_path)


@pytest.mark.usefixtures("no_keyring")
def test_settings_name_the_key_and_look_it_up_later(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('llm_providers: [{id: a, api_keys: ["keyring:work"]}]\n')
    settings = config.load(config_file=path, data_dir=tmp_path / "data", environ={})
    (source,) = settings.provider.keys
    assert (source.secret, source.source, source.keyring_name) == (None, "keyring:work", "work")
    assert config.resolve_keyring("work", settings.folders) is None
    keyring_store.keep("work", Secret(KEY), settings.folders.data)
    assert config.resolve_keyring("work", settings.folders) == Secret(KEY)


@pytest.mark.skipif(os.name == "nt", reason="modes are not how Windows protects files")
def test_a_key_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("{}")
    file.chmod(0o644)
    (warning,) = config.load(config_file=os.devnull, data_dir=tmp_path, environ={}).warnings[1:]
    assert str(file) in warning
    assert "0644" in warning
