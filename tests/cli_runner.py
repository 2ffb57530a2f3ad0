"""Runs the real commands in processes of their own, with a home folder, a data folder and a key of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A test run in the background inherits a deaf SIGINT; a user's shell does not hand one down.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from tui.cli import main; sys.exit(main())"
)
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Ortui:
    """The command line, in the environment of one test."""

    home: Path
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        return self.home / "data"

    def __call__(self, *arguments: str, stdin: str | bytes = b"", timeout: float = 40) -> Done:
        done = subprocess.run(
            self.line(*arguments),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env=self.environment,
            cwd=self.home,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.line(*arguments), env=self.environment, cwd=self.home, **(pipes | settings))

    def line(self, *arguments: str) -> Sequence[str]:
        return (sys.executable, "-c", PROGRAM, *arguments)

    def configure(self, text: str) -> None:
        """Write the configuration file."""
        file = self.home / "config.yaml"
        file.write_text(text)
        file.chmod(0o600)
        self.environment["ORTUI_CONFIG"] = str(file)


def make_ortui(home: Path, server: str, key: str) -> Ortui:
    """Commands that talk to a server with a key, and see nothing else of this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TEMP") if name in os.environ}
    home.mkdir(mode=0o700)
    environment = kept | {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        # The developer's own keyring is nothing for tests.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "ORTUI_DATA_DIR": str(home / "data"),
        "OPENROUTER_BASE_URL": server,
        "OPENROUTER_API_KEY": key,
    }
    return Ortui(home, environment)
