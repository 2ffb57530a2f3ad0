"""Which processes live: each holds a lock on a file of its own, which the system frees however the process ends."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, final


@final
class Process:
    """This process as the database knows it: an id, and a lock that shows it is alive until `end()`.

    Without a folder (in memory) there is nobody to show it to. Raises OSError when the lock file cannot be made.
    """

    def __init__(self, run_folder: Path | None = None, process_id: str | None = None) -> None:
        """`process_id` carries on one that was given up in order; None makes one."""
        self.id: Final = process_id or new_process_id()
        self._lock: FileLock | None = None
        if run_folder is not None:
            run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(_lock_path(run_folder, self.id))
            self._lock.take()

    def end(self) -> None:
        """Give the lock up and remove its file."""
        if self._lock is not None:
            self._lock.release(remove=True)
            self._lock = None


def new_process_id() -> str:
    """An id that nobody has had."""
    return uuid.uuid4().hex


@final
class FileLock:
    """An advisory lock on a file; the file is made when it is missing, for its user alone."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False, wait_s: float = 0.0) -> bool:
        """Whether we hold it now, waiting for at most that many seconds; raises OSError when there can be no file."""
        deadline = time.monotonic() + wait_s
        while True:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if _try_lock(self._descriptor, shared=shared):
                if self._is_still_the_file(self._descriptor):
                    return True
                self.release()  # its last holder removed it between our opening and locking
                continue
            if time.monotonic() >= deadline:
                self.release()
                return False
            time.sleep(0.01)

    def release(self, *, remove: bool = False) -> None:
        """Give it up; `remove` deletes the file while the lock is still held, where the system allows that."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if remove and sys.platform != "win32":
            with suppress(OSError):
                self.path.unlink()
        os.close(descriptor)
        if remove and sys.platform == "win32":
            with suppress(OSError):
                self.path.unlink()

    def _is_still_the_file(self, descriptor: int) -> bool:
        try:
            there = self.path.stat()
        except OSError:
            return False
        return sys.platform == "win32" or there.st_ino == os.fstat(descriptor).st_ino


@contextmanager
def if_dead(run_folder: Path | None, process_id: str) -> Iterator[bool]:
    """Whether that process has ended; while the block runs nobody else can find the same and act on it too.

    Process ids are never used twice, so a missing lock file means ended. False when the folder cannot be written.
    """
    if run_folder is None or not _is_id(process_id):
        yield run_folder is not None
        return
    lock = FileLock(_lock_path(run_folder, process_id))
    try:
        dead = lock.take()
    except OSError:
        dead = False
    try:
        yield dead
    finally:
        lock.release(remove=True)


def remove_stale_locks(run_folder: Path) -> int:
    """Remove the lock files of processes that ended without doing so; the answer is how many."""
    removed = 0
    for path in run_folder.glob("*.lock"):
        if _is_id(path.stem):
            with if_dead(run_folder, path.stem) as dead:
                removed += dead
    return removed


def _lock_path(run_folder: Path, process_id: str) -> Path:
    return run_folder / f"{process_id}.lock"


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(character in "0123456789abcdef" for character in text)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        if shared:  # there are no shared ones; an open file cannot be renamed there, which serves the same end
            return True
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
