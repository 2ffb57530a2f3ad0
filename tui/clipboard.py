"""The system's clipboard, beside OSC 52: some terminals refuse that, and over SSH only that works."""

from __future__ import annotations

import os


def copy_to_system(text: str) -> bool:
    """Put text on the clipboard of the machine this runs on; call it in a thread. False where there is none."""
    import pyperclip

    if os.environ.get("SSH_CONNECTION"):
        # It would be the clipboard of the other machine.
        return False
    try:
        pyperclip.copy(text)
    except (pyperclip.PyperclipException, OSError):
        return False
    return True
