"""`ortui config path|init|check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from tui.commands.common_options import take_common
from tui.commands.config_commands import command
from tui.config import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> Result:
    common, left = take_common(arguments)
    assert left.pop(0) == "config"
    # What the commands answer with becomes the exit status in tui.cli.
    said = CliRunner().invoke(command, left, obj=common, catch_exceptions=False, standalone_mode=False)
    said.exit_code = said.return_value if isinstance(said.return_value, int) else said.exit_code
    return said


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "ORTUI_CONFIG", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_written_file_is_in_order_and_never_overwritten(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-0000000000000000")
    assert run("config", "check").stdout.endswith(": defaults are used.\n")
    said = run("config", "path")
    path = home / said.stdout.strip().removeprefix(f"{home}/")
    assert "no such file yet" in said.stderr
    assert not path.exists()

    made = run("config", "init")
    assert (made.exit_code, made.stdout) == (0, f"{path}\n")
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    checked = run("config", "check")
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, f"{path} is in order.\n", "")

    path.write_text("mine: 1\n")
    with pytest.raises(ConfigError, match="the file exists and is left as it is"):
        run("config", "init")
    assert path.read_text() == "mine: 1\n"
    assert run("config", "path").stderr == ""


@pytest.mark.parametrize("before", [True, False])
def test_the_option_stands_before_or_after_the_commands_name(tmp_path: Path, before: bool) -> None:
    file = tmp_path / "own.yaml"
    option = ("--config", str(file))
    said = run(*option, "config", "path") if before else run("config", "path", *option)
    assert said.stdout == f"{file}\n"


def test_errors_and_warnings_are_listed_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("budget:\n  day: x\n  month: y\nzzz: 1\n")
    said = run("config", "check", "--config", str(file))
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.splitlines() == [
        f"error: {file}:2: budget.day: expected an amount in USD from 0 (as 2.50), got x",
        f"error: {file}:3: budget.month: expected an amount in USD from 0 (as 2.50), got y",
        f"warning: {file}:4: zzz: unknown field, ignored",
    ]


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("zzz: 1\n")
    said = run("config", "check", "--config", str(file))
    assert said.exit_code == 0
    assert said.stdout == f"{file} is in order, but for the warnings.\n"


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    said = run("config", "check", "--config", str(tmp_path / "nothing.yaml"))
    assert said.exit_code == 2
    assert said.stderr == f"error: {tmp_path / 'nothing.yaml'}: there is no such file\n"


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made: a file is in its place"):
        run("config", "init", "--config", str(tmp_path / "file" / "own.yaml"))


def test_the_ids_of_all_bindings_can_be_listed() -> None:
    rows = dict(line.split("\t") for line in run("config", "keys").stdout.splitlines())
    assert rows["app.models"] == "f2"
    assert rows["app.quit"] == "ctrl+q"
    assert len(rows) > 50


def test_check_finds_ids_that_are_none_and_keys_that_clash(home: Path) -> None:
    file = home / "config.yaml"
    file.write_text('keymap:\n  app.models: f5\n  app.quti: "ctrl+x"\n', encoding="utf-8")
    said = run("config", "check", "--config", str(file))
    assert said.exit_code == 2
    assert f"error: {file}:3: keymap.app.quti: there is no such binding, expected an id; did you mean app.quit?" in (
        said.stderr
    )
    file.write_text("keymap:\n  app.models: f5\n", encoding="utf-8")
    said = run("config", "check", "--config", str(file))
    assert said.exit_code == 0
    assert "keymap: f5 is bound to both app.models and app.spend" in said.stderr
