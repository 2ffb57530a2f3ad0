"""The log: what it says of requests, and that neither texts nor keys nor other users get into it."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from worker_host import Host

from tui.core.conversation import Failure
from tui.core.events import CatalogueFailed, Noticed, QuotaRead
from tui.openrouter.text import Clean
from tui.worker.activity_log import ActivityLog


def written(folder: Path) -> str:
    file = folder / "ortui.log"
    return file.read_text(encoding="utf-8") if file.exists() else ""


async def test_it_says_how_requests_ended_but_no_texts(
    start_host: Callable[..., Awaitable[Host]], tmp_path: Path
) -> None:
    host: Host = await start_host()
    await host.reply(host.ask("demo/plain", "a secret question"))
    await host.reply(host.ask("demo/402", "another secret"))
    await host.stop()
    log = written(tmp_path / "log")
    assert "INFO reply done: model=demo/plain provider=FakeProvider tries=1 cost=$0.0000" in log
    assert "WARNING reply failed: no_credit 402" in log
    assert "secret" not in log
    assert "short plain reply" not in log
    assert "credits" not in log, "what the server says may quote what was asked"


def test_keys_are_masked(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path, ["my-own-server-key"])
    log.note(Noticed(Clean("sk-or-v1-0123456789abcdef and my-own-server-key\x1b"), "warning"))
    log.close()
    assert written(tmp_path).endswith("WARNING … and …␛\n")


def test_it_is_for_its_user_alone_and_rotates(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "log"
    log = ActivityLog(folder)
    for _ in range(1400):
        log.note(Noticed(Clean("x" * 1000), "error"))
    log.close()
    files = sorted(file.name for file in folder.iterdir())
    assert files == ["ortui.log", "ortui.log.1", "ortui.log.2"]
    assert all(file.stat().st_size <= 512 * 1024 for file in folder.iterdir())
    if sys.platform != "win32":
        assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_no_news_is_not_written(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path)
    log.note(Noticed(Clean("fine"), "information"))
    log.note(QuotaRead(as_of=0.0, key=None, credits=None))
    log.close()
    assert not written(tmp_path)
    log.note(CatalogueFailed(Failure(kind="dns", message=Clean("text"), advice=Clean(""))))
    log.close()
    assert written(tmp_path).endswith("WARNING model list: dns\n")


@pytest.mark.skipif(os.name == "nt", reason="a folder is made unwritable by its mode")
def test_a_log_that_cannot_be_written_is_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("a file stands here")
    log = ActivityLog(tmp_path / "log" / "deeper")
    log.note(Noticed(Clean("lost"), "error"))
    log.close()
    assert capfd.readouterr() == ("", "")
