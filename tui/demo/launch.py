"""The embedded server as a child process; light enough for the client's start."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

STOP_WITHIN: Final = 3.0
"""Seconds that the child has to end by itself."""

_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|^OPENROUTER_|^OPENAI_|^ANTHROPIC_", re.IGNORECASE)


class DemoFailed(RuntimeError):
    """The server did not start; the message says why."""


class DemoProcess:
    """Starts `python -m tui.demo`, knows its URL, and ends it; it also ends by itself when this process dies."""

    def __init__(self, *options: str, seed: int = 0, port: int = 0) -> None:
        self._options: Final = ("--watch-stdin", "--seed", str(seed), "--port", str(port), *options)
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._url: str | None = None

    def start(self) -> str:
        """Start the child and wait for its base URL (tens of ms). Raises DemoFailed."""
        self.launch()
        return self.url()

    def launch(self) -> None:
        """Start the child without waiting for it, so that it comes up while the client does. Raises DemoFailed."""
        if self._child is not None:
            return
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "tui.demo", *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=clean_environment(),
                # the terminal's ctrl+c is for the client: a cancelled reply still asks for its bill
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise DemoFailed(f"the demo server could not be started: {error}") from error

    def url(self) -> str:
        """The base URL; waits for it, so call it in a thread where nothing may block. Raises DemoFailed."""
        if self._url is None:
            self.launch()
            out = self._child.stdout if self._child else None
            line = out.readline().decode("utf-8", "replace").strip() if out else ""
            if not line.startswith("http://"):
                reason = self._last_words()
                self.stop()
                raise DemoFailed(f"the demo server did not start: {reason}")
            self._url = line
        return self._url

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return self._child.pid if self._child else None

    def stop(self) -> None:
        """End the child: close its stdin, then insist."""
        child, self._child, self._url = self._child, None, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            child.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        errors, self._errors = self._errors, None
        if errors:
            errors.close()

    def _last_words(self) -> str:
        """What the child wrote to stderr last."""
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_WITHIN)
        if self._errors is None:
            return "no reason was given"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "no reason was given"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that may be a secret, and with our package findable."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not (_SECRET.search(name) or value.strip().lower().startswith("sk-"))
    }
    root = Path(__file__).resolve().parents[2]
    if root.name not in {"site-packages", "dist-packages"}:
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH"))))
    return kept
