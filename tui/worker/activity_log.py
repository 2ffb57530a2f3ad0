"""The log: how requests ended and what went wrong, never what was asked or answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from tui.core.conversation import CostKind
from tui.core.events import (
    BillArrived,
    CatalogueFailed,
    EmbedEnded,
    EndpointsFailed,
    Event,
    Noticed,
    QuotaRead,
    TurnEnded,
)
from tui.core.formats import plain
from tui.crash_report import masked
from tui.folders import make_private
from tui.openrouter.text import clean_line

if TYPE_CHECKING:
    from io import TextIOWrapper

    from tui.core.conversation import Failure, Receipt

FILE_NAME: Final = "ortui.log"
_FILE_BYTES: Final = 512 * 1024
_OLDER_FILES: Final = 3
_CLOSE_LIMIT_S: Final = 1.0
_INFO, _WARNING, _ERROR = 20, 30, 40  # as logging has them, which is imported only when there is something to write


class ActivityLog:
    """Writes in a thread of its own, which begins with the first line; a log that cannot be written is left out."""

    def __init__(self, folder: Path, secrets: Iterable[str] = ()) -> None:
        """`secrets` are masked wherever they stand, as is all that looks like a key."""
        self._folder = folder
        self._secrets = tuple(secrets)
        self._lines: SimpleQueue[tuple[int, str] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def note(self, event: Event) -> None:
        """Write a line if the event is worth one."""
        line = line_of(event) if isinstance(event, _WORTH_A_LINE) else None
        if line is not None:
            self._write(*line)

    def note_bug(self, error: BaseException) -> None:
        """Write which exception nobody expected; its text may quote anything and stays out."""
        self._write(_ERROR, f"an unexpected {type(error).__name__}")

    def close(self) -> None:
        """Write what is left and end the thread (at most a second); the next line begins another."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._lines.put(None)
            thread.join(_CLOSE_LIMIT_S)

    def _write(self, level: int, text: str) -> None:
        self._lines.put((level, masked(clean_line(text), self._secrets)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="log", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        import logging
        import time
        from logging.handlers import RotatingFileHandler

        from typing_extensions import override

        class Handler(RotatingFileHandler):
            """Files are for their user alone; where none can be written, nothing is said: `ortui doctor` does that."""

            @override
            def _open(self) -> TextIOWrapper:
                make_private(Path(self.baseFilename).parent)
                return open(self.baseFilename, "a", encoding="utf-8", errors="replace", opener=_open_private)

            @override
            def handleError(self, record: logging.LogRecord) -> None:
                pass

        handler = Handler(self._folder / FILE_NAME, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, delay=True)
        form = logging.Formatter("%(asctime)sZ %(process)d %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        form.converter = time.gmtime
        handler.setFormatter(form)
        while (line := self._lines.get()) is not None:
            level, text = line
            handler.handle(logging.LogRecord("ortui", level, "", 0, text, None, None))
        handler.close()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def line_of(event: Event) -> tuple[int, str] | None:
    """Level and text of an event's line; None where it is worth none. Texts, prompts and replies are not in it."""
    match event:
        case Noticed(text, severity) if severity != "information":
            return (_ERROR if severity == "error" else _WARNING), text
        case TurnEnded():
            return _request("reply", event.state.value, event.receipt, event.failure)
        case EmbedEnded():
            state = "done" if event.failure is None else "failed"
            return _request(f"embeddings {event.model.shown()}", state, event.receipt, event.failure)
        case BillArrived(receipt=receipt):
            return _request("reply", "bill", receipt, None)
        case CatalogueFailed(failure):
            return _WARNING, f"model list: {_why(failure)}"
        case EndpointsFailed(model, failure):
            return _WARNING, f"providers of {model.shown()}: {_why(failure)}"
        case QuotaRead(failure=failure) if failure is not None:
            return _WARNING, f"quota: {_why(failure)}"
        case _:
            return None


_WORTH_A_LINE: Final = (
    Noticed,
    TurnEnded,
    EmbedEnded,
    BillArrived,
    CatalogueFailed,
    EndpointsFailed,
    QuotaRead,
)


def _request(what: str, state: str, receipt: Receipt, failure: Failure | None) -> tuple[int, str]:
    cost = receipt.cost
    usd = "–" if cost.usd is None else f"{'~' if cost.kind is CostKind.ESTIMATED else ''}${plain(cost.usd)}"
    facts = {
        "model": receipt.model_answered,
        "provider": receipt.provider,
        "tries": receipt.tries,
        "cost": usd,
        "tokens": f"{_count(receipt.prompt_tokens)}+{_count(receipt.completion_tokens)}",
        "ttft_ms": receipt.ttft_ms,
        "ms": receipt.duration_ms,
    }
    said = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    if failure is None:
        return _INFO, f"{what} {state}: {said}"
    return _WARNING, f"{what} {state}: {_why(failure)} {said}"


def _why(failure: Failure) -> str:
    return failure.kind if failure.status is None else f"{failure.kind} {failure.status}"


def _count(tokens: int | None) -> str:
    return "–" if tokens is None else str(tokens)
