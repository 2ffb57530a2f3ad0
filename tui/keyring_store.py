"""Keys kept by name: in the system's keyring, or in a file of mode 0600 where there is none.

Every call may block (a keyring asks for its password): call them in a thread, with a limit of 5 s.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, Final

from tui.config_file import ConfigError, shown, shown_path
from tui.config_types import KEY_FORM, KEY_NAME_FORM
from tui.folders import make_private, user_folders
from tui.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

SERVICE: Final = "ortui"
FILE_NAME: Final = "keys.json"

_MAX_BYTES: Final = 1_000_000


class KeyStoreError(Exception):
    """A key could not be read, kept or forgotten; the text is a sentence without the key."""


def get(name: str, data: Path | None = None) -> Secret | None:
    """The key of that name from the keyring, else from the file; None where neither has it; raises `KeyStoreError`.

    `data` is the folder of that file, here and below; None is the user's own data folder.
    """
    _check_name(name)
    refused: KeyStoreError | None = None
    backend = _backend()
    if backend is not None:
        try:
            key = backend.get_password(SERVICE, name)
        except Exception as error:  # noqa: BLE001  backends raise what their libraries raise: D-Bus, ctypes, RuntimeError
            refused = _refused(error)
        else:
            if key:
                return Secret(str(key))
    key = _read(_file(data)).get(name)
    if key:
        return Secret(key)
    if refused is not None:
        raise refused
    return None


def keep(name: str, secret: Secret, data: Path | None = None) -> str:
    """Keep a key under a name, in place of an earlier one, and say where it is now; raises `KeyStoreError`."""
    _check_name(name)
    if not KEY_FORM.fullmatch(secret.reveal()):
        raise KeyStoreError("a key is printable ASCII without spaces")
    file = _file(data)
    backend = _backend()
    if backend is None:
        _write(file, _read(file) | {name: secret.reveal()})
        return f"the file {shown_path(file)}"
    try:
        backend.set_password(SERVICE, name, secret.reveal())
    except Exception as error:  # noqa: BLE001  as in get
        raise _refused(error) from None
    kept = _read(file)
    if kept.pop(name, None) is not None:
        _write(file, kept)
    return "the system's keyring"


def forget(name: str, data: Path | None = None) -> bool:
    """Forget the key of that name wherever it is kept; False where it was nowhere; raises `KeyStoreError`."""
    _check_name(name)
    forgotten = False
    file = _file(data)
    kept = _read(file)
    if kept.pop(name, None) is not None:
        _write(file, kept)
        forgotten = True
    backend = _backend()
    if backend is not None:
        try:
            if backend.get_password(SERVICE, name) is not None:
                backend.delete_password(SERVICE, name)
                forgotten = True
        except Exception as error:  # noqa: BLE001  as in get
            raise _refused(error) from None
    return forgotten


def where(data: Path | None = None) -> str:
    """In words, where a key would be kept now."""
    return "the system's keyring" if _backend() is not None else f"the file {shown_path(_file(data))}"


def _check_name(name: str) -> None:
    if not KEY_NAME_FORM.fullmatch(name):
        raise KeyStoreError(f"{shown(name)!r} is no name for a key: letters, digits and . _ @ -, at most 64")


def _backend() -> Any | None:
    """The keyring's backend; None where keyring is not installed or has nowhere to keep a key."""
    try:
        import keyring
        import keyring.backends.fail
        import keyring.backends.null
    except ImportError:
        return None
    try:
        backend = keyring.get_keyring()
        if isinstance(backend, keyring.backends.fail.Keyring | keyring.backends.null.Keyring):
            return None
        return backend if backend.priority > 0 else None
    except Exception:  # noqa: BLE001  a backend that cannot even say its priority is none; what it raises is its own
        return None


def _refused(error: Exception) -> KeyStoreError:
    # only the error's type is told: its text is the backend's, and may quote what it was given
    return KeyStoreError(f"the system's keyring refused ({type(error).__name__})")


def _file(data: Path | None) -> Path:
    return (data if data is not None else user_folders().data) / FILE_NAME


def _read(file: Path) -> dict[str, str]:
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise KeyStoreError(f"{shown_path(file)} cannot be read: {why}") from None
    try:
        kept = json.loads(text) if len(text) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(key, str) for key in kept.values()):
        raise KeyStoreError(f"{shown_path(file)} is damaged, expected names and keys; move it away to start again")
    return kept


def _write(file: Path, keys: dict[str, str]) -> None:
    """Replace the file in one step, so that no moment has half of it or a wider mode."""
    try:
        make_private(file.parent)
    except ConfigError as error:
        raise KeyStoreError(str(error)) from None
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(keys, opened, indent=1)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise KeyStoreError(f"{shown_path(file)} cannot be written: {error.strerror}") from None
