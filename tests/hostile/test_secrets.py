"""A key is planted; every byte that the program wrote anywhere is searched for it. No other host is ever asked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from planting_server import PlantingServer
from terminal_app import KEY, TerminalApp, pick

from tui.openrouter.client import OpenRouterClient
from tui.openrouter.errors import ApiError
from tui.secret import Secret

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
StartApp = Callable[..., TerminalApp]
COMMAND = "import sys; from tui.cli import main; sys.exit(main())"
PARTS = (KEY.encode(), KEY[9:].encode(), KEY[9:40].encode())


def assert_unseen(data: bytes, where: object) -> None:
    for part in PARTS:
        assert part not in data, where
        assert part not in data.replace(b"\n", b"").replace(b"\r", b""), where


def assert_nothing_kept(home: Path, *but: Path) -> int:
    """No file below holds the key; answers with how many were read."""
    files = [path for path in home.rglob("*") if path.is_file() and path not in but]
    for path in files:
        assert_unseen(path.read_bytes(), path)
        assert_unseen(str(path).encode(), path)
    return len(files)


def run(app: TerminalApp, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    done = app.run(*arguments, **environ)
    assert_unseen(done.stdout + done.stderr, arguments)
    return done


@posix
def test_the_key_is_nowhere_after_a_visit(start_app: StartApp, server: PlantingServer, tmp_path: Path) -> None:
    """The key of the configuration in the screens, and that of the environment in the commands after them.

    Nothing of it, screens or commands, looks up another host than the configured one.
    """
    config = tmp_path / "config.yaml"
    configure(config, server.url, 0o600)
    app = start_app(ORTUI_CONFIG=str(config), OPENROUTER_API_KEY="", OPENROUTER_BASE_URL="")
    app.wait_for(r"[1-9] of [1-9]")
    pick(app, "acme/plain")
    app.wait_for("Talk to")
    app.press("Hello", "\r")
    app.wait_for("The reply has come.* in all", 40)
    server.fails = True
    app.press("Again", "\r")
    app.wait_for("The server refused the request", 40)
    app.press("\x1bOS", "one", "\n", "two", "\x12")
    app.settle(0.25)
    app.press("\x1b[15~")
    app.settle(0.25)
    command_line = Path(f"/proc/{app.pid}/cmdline")
    if command_line.exists():
        assert_unseen(command_line.read_bytes(), "the list of processes")
    assert app.leave() == 0
    assert {key for _, _, key in server.seen if key} == {f"Bearer {KEY}"}, "the key was not even sent"
    for name in ("ORTUI_CONFIG", "OPENROUTER_API_KEY", "OPENROUTER_BASE_URL"):
        del app.environ[name]
    app.environ |= {"OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": server.url}
    exports = tmp_path / "home" / "exported"
    for form in ("markdown", "json"):
        assert run(app, "chats", "export", "--format", form, "--output", f"{exports}.{form}").returncode == 0
    seen = len(server.seen)
    for line in (
        ("ask", "-m", "acme/plain", "Hi"),
        ("ask", "-m", "acme/plain", "--json", "Hi"),
        ("embed", "-m", "acme/embed", stdin_file(tmp_path)),
        ("models",),
        ("quota", "--json"),
        ("doctor",),
        ("config", "check"),
        ("spend", "--json"),
    ):
        run(app, *line)
        if line[0] in ("ask", "embed", "doctor"):
            assert len(server.seen) > seen, f"{line} asked nothing"
            seen = len(server.seen)
    assert_unseen(bytes(app.written), "the terminal")
    assert assert_nothing_kept(tmp_path, config) >= 4  # database, log, exports
    assert app.hosts == {"127.0.0.1"}
    assert (tmp_path / "home" / "data" / "ortui.db").exists()


def configure(file: Path, url: str, mode: int) -> None:
    """A configuration with the key in it."""
    entry = f'{{id: here, type: openrouter, base_url: "{url}", api_keys: ["{KEY}"]}}'
    file.write_text(f"llm_providers:\n  - {entry}\n")
    file.chmod(mode)


def stdin_file(folder: Path) -> str:
    file = folder / "texts.txt"
    file.write_text("one\ntwo\n")
    return str(file)


WHERE = {
    "a worker job": (
        "import tui.worker.ask_job as m\n"
        "async def fails(self, *a, **k): raise RuntimeError({'Authorization': 'Bearer ' + KEY})\n"
        "m.AskJob._stream = fails\n"
    ),
    "the database's thread": (
        "import tui.database.ledger as m\n"
        "def fails(*a, **k): raise ValueError('cannot store ' + KEY)\n"
        "m.reserve = fails\n"
    ),
    "a command": (
        "import tui.commands.ask as m\n"
        "import tui.commands.running as r\n"
        "def fails(self, *a, **k): raise LookupError('https://user:' + KEY + '@h.test')\n"
        "r.WorkerRun.submit = fails\n"
    ),
}


@pytest.mark.parametrize("where", WHERE)
def test_a_bug_anywhere_tells_no_key(where: str, server: PlantingServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    environ = TerminalApp(home, {"OPENROUTER_BASE_URL": server.url, "OPENROUTER_API_KEY": KEY}).environ
    program = f"import os, sys\nKEY = os.environ['OPENROUTER_API_KEY']\n{WHERE[where]}\n{COMMAND}"
    done = subprocess.run(
        [sys.executable, "-c", program, "ask", "-m", "acme/plain", "secret prompt"],
        env=environ,
        cwd=home,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in (0, 2)
    assert_unseen(done.stdout + done.stderr, where)
    assert b"Traceback" not in done.stderr and b"secret prompt" not in done.stderr
    assert_nothing_kept(home)


async def test_a_redirect_never_takes_the_key_along(server: PlantingServer) -> None:
    with PlantingServer() as elsewhere:
        server.redirect_to = elsewhere.url.replace("127.0.0.1", "localhost") + "/models"
        async with OpenRouterClient(server.url) as client:
            with pytest.raises(ApiError, match="points to another address"):
                await client.models(Secret(KEY))
            with pytest.raises(ApiError, match="points to another address"):
                await client.key_info(Secret(KEY))
        assert server.seen and not elsewhere.seen


@pytest.mark.parametrize("url", ["http://server.example/api/v1", "http://10.0.0.7/v1", "http://0x7f.1/v1"])
def test_other_machines_are_not_spoken_to_unencrypted(url: str) -> None:
    with pytest.raises(ApiError, match="unencrypted"):
        OpenRouterClient(url)
    OpenRouterClient(url, allow_http=True)


@pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
def test_a_file_with_keys_that_others_can_read_is_named_with_its_mode(tmp_path: Path, server: PlantingServer) -> None:
    app = TerminalApp(tmp_path / "home", {})
    config = tmp_path / "config.yaml"
    configure(config, server.url, 0o644)
    done = run(app, "--config", str(config), "models")
    assert b"config.yaml" in done.stderr and b"644" in done.stderr and b"chmod 600" in done.stderr
    kept = run(app, "--config", str(config), "doctor")
    assert b"644" in kept.stdout
