"""Where configuration, data and logs are kept."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from tui.config_file import ConfigError, Problem, shown_path

_APPLICATION = "ortui"


class Folders(msgspec.Struct, frozen=True):
    """The places this process writes to; folders are 0700, files in them 0600."""

    data: Path
    """The folder that everything but log and configuration is under."""
    database: Path
    """The database's file."""
    run: Path
    """Folder of the locks of running processes."""
    exports: Path
    drafts: Path
    log: Path
    """Folder of the log files."""
    config: Path
    """Folder in which `config.yaml` is looked for."""

    def ensure(self) -> None:
        """Make the folders that are missing, 0700; raises `ConfigError` with a sentence where one cannot be made.

        A data folder that was there before keeps its mode: it may be shared on purpose or be somebody's home.
        """
        for folder in (self.data, self.run, self.exports, self.drafts, self.log):
            make_private(folder)


def make_private(folder: Path) -> None:
    """Make a folder and its missing parents, all 0700; raises `ConfigError`."""
    try:
        missing = [folder]
        while not (parent := missing[-1].parent).exists() and parent != missing[-1]:
            missing.append(parent)
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
    except (OSError, ValueError) as error:
        why = "a file is in its place" if isinstance(error, FileExistsError | NotADirectoryError) else None
        if why is None:
            why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise ConfigError(Problem(f"the folder {shown_path(folder)} cannot be made: {why}")) from None


def user_config_file() -> Path:
    """`config.yaml` in the user's configuration folder, whether it exists or not."""
    import platformdirs

    return platformdirs.user_config_path(_APPLICATION, appauthor=False) / "config.yaml"


def user_folders(data: Path | None = None, *, demo: bool = False) -> Folders:
    """The folders for a data folder (None: the user's own); the demo's data have a folder of their own in it."""
    import platformdirs

    root = absolute(data) if data is not None else platformdirs.user_data_path(_APPLICATION, appauthor=False)
    if demo:
        root /= "demo"
    return Folders(
        data=root,
        database=root / "ortui.db",
        run=root / "run",
        exports=root / "exports",
        drafts=root / "drafts",
        log=platformdirs.user_log_path(_APPLICATION, appauthor=False),
        config=user_config_file().parent,
    )


def absolute(path: Path) -> Path:
    """The path from the root, `~` expanded; links are kept."""
    # expanduser of os.path leaves `~nobody` as it is, where Path.expanduser raises
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111


def write_export(folder: Path, stem: str, suffix: str, data: bytes, now: float) -> Path:
    """Write a new 0600 file named by what is in it and when (`models-20260131-120000.csv`, UTC); the answer is where.

    Nothing is overwritten. `now` is Unix seconds. Raises `ConfigError` and `OSError`; call it in a thread.
    """
    from datetime import UTC, datetime

    make_private(folder)
    name = f"{stem}-{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}"
    number = 1
    while True:
        file = folder / (f"{name}.{suffix}" if number == 1 else f"{name}-{number}.{suffix}")
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        try:
            with os.fdopen(descriptor, "wb") as written:
                _ = written.write(data)
        except BaseException:
            file.unlink(missing_ok=True)  # half an export is none
            raise
        return file


def shared_mode(file: Path) -> int | None:
    """The file's mode where group or others may read it."""
    if os.name == "nt":
        return None
    try:
        mode = file.stat().st_mode & 0o777
    except OSError:
        return None
    return mode if mode & 0o044 else None
